"""Zendesk Support, its help centre, and the data export of its AI agents. interaction_id is the ticket's id."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Http


class AiAgents(BaseModel):
    """The export of Zendesk's AI agents (Advanced), which has an address and a key of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    organization_id: str
    bot_ids: list[str] = Field(min_length=1)


class Zendesk(Http):
    """Zendesk Support.

    Attributes:
        help_center: Whether articles are read too.
        ai_agents: The AI agents' export; left out, AI replies are known by their text alone.
        topic_field, product_area_field, language_field: Ids of the custom ticket fields that hold them.
    """

    source: Literal["zendesk"]
    help_center: bool = True
    ai_agents: AiAgents | None = None
    topic_field: int | None = None
    product_area_field: int | None = None
    language_field: int | None = None


SOURCE = Declaration(
    name="zendesk",
    options=Zendesk,
    example="{source: zendesk, instance: default, base_url: https://acme.zendesk.com, start: 2026-01-01}",
    streams=(
        "tickets",
        "metric_sets",
        "ticket_events",
        "ticket_metric_events",
        "satisfaction_ratings",
        "deleted_tickets",
        "ai_conversations",
        "users",
        "organizations",
        "groups",
        "group_memberships",
        "brands",
        "ticket_fields",
        "sla_policies",
        "articles",
    ),
    interactions=(
        "tickets",
        "metric_sets",
        "ticket_events",
        "satisfaction_ratings",
        "deleted_tickets",
        "ai_conversations",
    ),
    connector="touchstone.sources.zendesk.connector:ZendeskConnector",
)
