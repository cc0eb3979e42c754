"""The objects that are read, and what Salesforce says of each: which fields there are, and by which of them it may be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.streams import Context
from touchstone.sources.salesforce import soql
from touchstone.sources.salesforce.source import Salesforce

STAMPS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
# Bulk refuses the first two, and nothing reads any of them
_UNREAD = ("address", "location", "base64", "complexvalue")


@dataclass(frozen=True)
class SObject:
    """One object.

    Attributes:
        name: As the API has it.
        fields: What is asked for beside what the organisation made for itself.
        parent: The field that names the case which a record is a part of.
        conditions: Which of its records are read at all.
        configured: The group of `fields:` that names further fields.
        kept: What stays of a record that was deleted for good: neither text nor person.
        bulk_rows: Rows of a page of a Bulk job; fewer where a row holds long texts, since a page lies in memory.
    """

    name: str
    stream: str
    fields: tuple[str, ...]
    parent: str | None = None
    conditions: tuple[str, ...] = ()
    configured: str | None = None
    kept: tuple[str, ...] = ()
    bulk_rows: int = 10_000

    @property
    def is_case(self) -> bool:
        """Whether it is a case or a part of one: what last changed before the start is left out."""
        return self.stream == "cases" or self.parent is not None


USER = SObject(
    "User",
    "users",
    ("Name", "Username", "Email", "UserType", "IsActive", "ContactId"),
    configured="user",
)
QUEUE = SObject("Group", "queues", ("Name", "DeveloperName", "Type"), conditions=("Type = 'Queue'",))
STAGE = SObject(
    "OpportunityStage",
    "opportunity_stages",
    ("ApiName", "MasterLabel", "IsActive", "IsClosed", "IsWon", "SortOrder", "DefaultProbability"),
)
ACCOUNT = SObject(
    "Account",
    "accounts",
    (
        "MasterRecordId",
        "Name",
        "Website",
        "Industry",
        "BillingCountry",
        "OwnerId",
        "ParentId",
        "Type",
        "NumberOfEmployees",
        "CurrencyIsoCode",
    ),
    configured="account",
    kept=("MasterRecordId",),
)
CONTACT = SObject(
    "Contact",
    "contacts",
    ("MasterRecordId", "AccountId", "FirstName", "LastName", "Name", "Email", "Phone", "OwnerId"),
    configured="contact",
    kept=("MasterRecordId", "AccountId"),
)
OPPORTUNITY = SObject(
    "Opportunity",
    "opportunities",
    (
        *(
            "AccountId",
            "Name",
            "StageName",
            "IsClosed",
            "IsWon",
            "Probability",
            "Amount",
            "CloseDate",
            "OwnerId",
            "Type",
        ),
        *("CurrencyIsoCode", "LeadSource"),
    ),
    configured="opportunity",
    kept=("AccountId", "StageName", "IsClosed", "IsWon"),
)
CASE = SObject(
    "Case",
    "cases",
    (
        *(
            "MasterRecordId",
            "CaseNumber",
            "ContactId",
            "AccountId",
            "OwnerId",
            "Status",
            "IsClosed",
            "Origin",
            "Priority",
        ),
        *("Type", "Reason", "Subject", "ClosedDate", "ParentId", "SuppliedEmail"),
    ),
    configured="case",
    kept=("MasterRecordId", "CaseNumber", "Status", "IsClosed", "Origin", "Priority", "ClosedDate"),
)
HISTORY = SObject(
    "CaseHistory",
    "case_history",
    ("CaseId", "Field", "OldValue", "NewValue", "CreatedById"),
    parent="CaseId",
    kept=("CaseId",),
)
COMMENT = SObject(
    "CaseComment",
    "case_comments",
    ("ParentId", "IsPublished", "CommentBody", "CreatedById"),
    parent="ParentId",
    kept=("ParentId",),
)
EMAIL = SObject(
    "EmailMessage",
    "email_messages",
    (
        *("ParentId", "Subject", "TextBody", "HtmlBody", "Incoming", "Status", "FromAddress", "FromName"),
        *("CreatedById", "MessageDate", "ReplyToEmailMessageId"),
    ),
    parent="ParentId",
    # the rest is sales correspondence, which is none of ours
    conditions=("ParentId != null",),
    kept=("ParentId",),
    bulk_rows=1_000,
)
TRANSCRIPT = SObject(
    "LiveChatTranscript",
    "chat_transcripts",
    ("Name", "CaseId", "ContactId", "AccountId", "OwnerId", "Status", "Body", "StartTime", "EndTime"),
    parent="CaseId",
    conditions=("CaseId != null",),
    kept=("CaseId",),
    bulk_rows=500,
)
CRM = (USER, QUEUE, STAGE, ACCOUNT, CONTACT, OPPORTUNITY)
PARTS = (HISTORY, COMMENT, EMAIL, TRANSCRIPT)


@dataclass(frozen=True)
class Described:
    """What may be asked of an object.

    Attributes:
        types: Type of each field that is read.
        stamp: The field by which changes are found; None where none can be filtered.
        is_logged: Whether there is a log of its deletions.
    """

    types: dict[str, str]
    stamp: str | None
    is_logged: bool


@dataclass
class Schema:
    """The descriptions of one run, each asked for once."""

    context: Context
    known: dict[str, Described | None] = field(default_factory=dict)

    def of(self, spec: SObject) -> Described | None:
        """What is known of an object; None, with a warning, for one that cannot be read."""
        if spec.name not in self.known:
            self.known[spec.name] = self._described(spec)
        return self.known[spec.name]

    def _described(self, spec: SObject) -> Described | None:
        answer = describe(self.context.api, self.context.source.options(Salesforce), spec.name)
        if answer is None or not answer.get("queryable", True):
            why = "is not there" if answer is None else "cannot be queried"
            self.context.warn(f"{spec.name} {why} for this user; nothing of it is read")
            return None
        stated = {one["name"]: one for one in answer["fields"]}
        configured = self._configured(spec)
        wanted = ("Id", "IsDeleted", "CreatedDate", *STAMPS, *spec.fields, *configured)
        own = [name for name, one in stated.items() if one.get("custom") and not one.get("calculated")]
        types = {
            name: str(stated[name]["type"])
            for name in dict.fromkeys((*wanted, *sorted(own)))
            if name in stated and stated[name]["type"] not in _UNREAD
        }
        lacking = [name for name in configured if name not in types]
        if lacking:
            self.context.warn(f"{spec.name} has no field {', '.join(lacking)} that this user may read")
        for name in configured:
            if name in types and stated[name].get("calculated"):
                self.context.warn(f"{spec.name}.{name} is a formula: what it says changes without a trace")
        stamp = next(
            (
                name
                for name in STAMPS
                if name in types and stated[name].get("filterable", True) and stated[name].get("sortable", True)
            ),
            None,
        )
        if stamp is None:
            self.context.warn(f"{spec.name} cannot be asked for changes: it is read whole in every run")
        elif stamp != "SystemModstamp" and spec is not HISTORY:
            self.context.warn(f"{spec.name} cannot be asked by SystemModstamp; {stamp} misses changes by the system")
        return Described(types, stamp, bool(answer.get("replicateable")))

    def _configured(self, spec: SObject) -> list[str]:
        if spec.configured is None:
            return []
        group: Any = getattr(self.context.source.options(Salesforce).fields, spec.configured)
        return [soql.name(value) for value in group.model_dump().values() if value]


def base(options: Salesforce) -> str:
    """The path in front of every endpoint."""
    return f"/services/data/v{options.api_version}"


def describe(api: ApiClient, options: Salesforce, name: str) -> dict[str, Any] | None:
    """What Salesforce says of an object; None where it is not there."""
    return api.get(f"{base(options)}/sobjects/{soql.name(name)}/describe", absent=(404,))
