"""Request Tracker as a helpdesk. interaction_id is the ticket's id; a ticket that was merged away keeps its row."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Http

Status = Literal["new", "open", "pending", "on_hold", "solved", "closed"]


class RequestTracker(Http):
    """Request Tracker 5.

    Attributes:
        base_url: Where RT's own pages are, without `/REST/2.0`.
        ai_agents: Names of the accounts with which AI agents answer.
        automations: Names of the accounts with which workflows answer; RT's own is known.
        topic_field, product_area_field, language_field: Names of the custom fields that hold them.
        channel_field: Name of one that holds chat, email, ticket, voice or social; left out, the way into RT tells it.
        csat_field: Name of one that holds the customer's rating, from `csat_min` to `csat_max`.
        statuses: What statuses of your own lifecycles mean.
    """

    source: Literal["rt"]
    ai_agents: list[str] = Field(default_factory=list)
    automations: list[str] = Field(default_factory=list)
    topic_field: str | None = None
    product_area_field: str | None = None
    language_field: str | None = None
    channel_field: str | None = None
    csat_field: str | None = None
    csat_min: float = 1
    csat_max: float = 5
    statuses: dict[str, Status] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _scale_ascends(self) -> RequestTracker:
        if self.csat_min >= self.csat_max:
            raise ValueError("`csat_min` must be below `csat_max`")
        return self


SOURCE = Declaration(
    name="rt",
    options=RequestTracker,
    example="{source: rt, instance: default, base_url: https://rt.acme.com, start: 2026-01-01}",
    streams=("tickets", "transactions", "attachments", "users", "queues"),
    interactions=("tickets", "transactions", "attachments"),
    connector="touchstone.sources.rt.connector:RequestTrackerConnector",
)
