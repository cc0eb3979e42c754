"""Salesforce as CRM and, where cases are read, as helpdesk. interaction_id is the case's id."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Http

ApiName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]
Status = Literal["new", "open", "pending", "on_hold", "solved", "closed"]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AccountFields(_Fields):
    domain: ApiName | None = "Website"
    tier: ApiName | None = None
    segment: ApiName | None = None
    plan: ApiName | None = None
    health_score: ApiName | None = None
    arr: ApiName | None = None
    renewal_month: ApiName | None = None
    churned_on: ApiName | None = None


class ContactFields(_Fields):
    """`emails` holds further addresses, with semicolons between them."""

    external_id: ApiName | None = None
    emails: ApiName | None = None


class OpportunityFields(_Fields):
    kind: ApiName | None = "Type"
    arr_before: ApiName | None = None
    arr_after: ApiName | None = None


class CaseFields(_Fields):
    """`tags` holds words with semicolons between them, as a multi-select list does."""

    topic: ApiName | None = "Reason"
    product_area: ApiName | None = None
    language: ApiName | None = None
    tags: ApiName | None = None
    rating: ApiName | None = None
    rated_at: ApiName | None = None
    handoff_reason: ApiName | None = None


class UserFields(_Fields):
    team: ApiName | None = "Department"
    role: ApiName | None = "Title"


class Fields(_Fields):
    """Which field of which object holds what the warehouse asks for."""

    account: AccountFields = AccountFields()
    contact: ContactFields = ContactFields()
    opportunity: OpportunityFields = OpportunityFields()
    case: CaseFields = CaseFields()
    user: UserFields = UserFields()


class Scale(_Fields):
    """Worst and best value of the field that holds satisfaction."""

    min: float = 1
    max: float = 5

    @model_validator(mode="after")
    def _ascends(self) -> Scale:
        if self.min >= self.max:
            raise ValueError("min must be below max")
        return self


class Salesforce(Http):
    """Salesforce: CRM, and cases with what was said in them.

    Attributes:
        base_url: Of the organisation's own domain, such as https://acme.my.salesforce.com.
        audience: Of the assertion, where a key signs it: https://test.salesforce.com for a sandbox of Salesforce's.
        cases: Whether cases are read, or the CRM alone.
        bulk_rows: From how many rows on an object is read by a Bulk job instead of queries.
        lookback_minutes: How far each run looks behind the newest stamp that was there before: long transactions are committed
            with the stamp of their beginning.
        full_read_days: Days between two comparisons of all ids, which find what was purged unseen.
        ai_agents, automations: Ids or names of the users that are AI agents, or workflows that write in a user's name.
        statuses: What the organisation's own values of a case's status mean.
    """

    source: Literal["salesforce"]
    api_version: str = Field("62.0", pattern=r"^\d{2,3}\.0$")
    audience: str = "https://login.salesforce.com"
    cases: bool = True
    bulk_rows: int = Field(100_000, ge=0)
    lookback_minutes: int = Field(30, ge=1, le=1440)
    full_read_days: int = Field(7, ge=1)
    ai_agents: tuple[str, ...] = ()
    automations: tuple[str, ...] = ()
    statuses: dict[str, Status] = Field(default_factory=dict)
    rating_scale: Scale = Scale()
    fields: Fields = Fields()


SOURCE = Declaration(
    name="salesforce",
    options=Salesforce,
    example="{source: salesforce, instance: default, base_url: https://acme.my.salesforce.com, start: 2026-01-01}",
    streams=(
        "users",
        "queues",
        "opportunity_stages",
        "accounts",
        "contacts",
        "opportunities",
        "cases",
        "case_history",
        "case_comments",
        "email_messages",
        "chat_transcripts",
    ),
    interactions=("cases", "case_history", "case_comments", "email_messages", "chat_transcripts"),
    connector="touchstone.sources.salesforce.connector:SalesforceConnector",
)
