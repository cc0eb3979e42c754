"""HubSpot as CRM and as helpdesk. interaction_id is the ticket's id; an archived object lands as its row with "archived": true."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Http


class Hubspot(Http):
    """HubSpot: CRM, and tickets with their conversations.

    Attributes:
        tickets: Whether tickets and conversations are read, or the CRM alone.
        full_read_days: Days between two readings of all lists, which find what a search does not tell: changes of associations,
            and what was deleted for good.
    """

    source: Literal["hubspot"]
    base_url: str = "https://api.hubapi.com"
    tickets: bool = True
    full_read_days: int = Field(7, ge=1)


# An answer to a survey does not say which ticket it is about; its association does, and may land at another time.
_ANSWERED = """
    select links.instance, targets.ticket_id
    from (
        select instance, payload from raw_hubspot.associations where _load_id = any(%(ids)s)
        union all
        select instance, payload from raw_hubspot.associations_history where replaced_by_load_id = any(%(ids)s)
        union all
        select associations.instance, associations.payload
        from raw_hubspot.feedback_submissions as feedback
        inner join raw_hubspot.associations as associations
            on associations.instance = feedback.instance
            and associations.id = 'feedback_submissions:' || feedback.id || ':tickets'
        where feedback._load_id = any(%(ids)s)
    ) as links
    cross join lateral jsonb_array_elements_text(
        case when jsonb_typeof(links.payload -> 'to_ids') = 'array' then links.payload -> 'to_ids' else '[]' end
    ) as targets (ticket_id)
    where links.payload ->> 'from' = 'feedback_submissions' and links.payload ->> 'to' = 'tickets'
"""


SOURCE = Declaration(
    name="hubspot",
    options=Hubspot,
    example="{source: hubspot, instance: default, start: 2026-01-01}",
    streams=(
        "tickets",
        "threads",
        "messages",
        "feedback_submissions",
        "associations",
        "companies",
        "contacts",
        "deals",
        "owners",
        "actors",
        "pipelines",
    ),
    interactions=("tickets", "threads", "messages", "feedback_submissions", "associations"),
    named_interactions=_ANSWERED,
    connector="touchstone.sources.hubspot.connector:HubspotConnector",
)
