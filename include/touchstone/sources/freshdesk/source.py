"""Freshdesk: tickets with all that was written in them, people, companies, ratings and solutions. interaction_id is the ticket's id."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Http

_CUSTOM = r"^[A-Za-z][A-Za-z0-9_]*$"


class Freshdesk(Http):
    """Freshdesk.

    Attributes:
        topic_field, product_area_field, language_field: Names of the custom ticket fields that hold them, such as `cf_topic`; left
            out, fields are known by their labels.
        ai_agents: Ids of the agents that are AI agents: the API does not tell them from people.
        automations: Ids of the agents in whose name workflows post.
        merged_into_note, merged_from_note: How the notes read that a merge leaves in the ticket that it closes, and in the one
            that goes on: regular expressions whose one group is the number of the other ticket.
        full_read_days: Days between two readings of all lists, which find what was deleted for good; 0: every run.
        solutions: Whether articles are read too.
    """

    source: Literal["freshdesk"]
    topic_field: str | None = Field(None, pattern=_CUSTOM)
    product_area_field: str | None = Field(None, pattern=_CUSTOM)
    language_field: str | None = Field(None, pattern=_CUSTOM)
    ai_agents: list[int] = Field(default_factory=list)
    automations: list[int] = Field(default_factory=list)
    merged_into_note: str = r"^this (?:ticket|request) (?:is|was) closed and merged into (?:ticket|request) #?([0-9]+)"
    merged_from_note: str = r"^(?:merged from |(?=.{1,60} merged into this ))(?:ticket|request) (?:with id )?#?([0-9]+)"
    full_read_days: int = Field(7, ge=0)
    solutions: bool = True

    @field_validator("merged_into_note", "merged_from_note")
    @classmethod
    def _has_one_group(cls, value: str) -> str:
        import re

        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"is no regular expression ({error})") from None
        if groups != 1:
            raise ValueError("must have one group, which is the number of the other ticket")
        return value


SOURCE = Declaration(
    name="freshdesk",
    options=Freshdesk,
    example="{source: freshdesk, instance: default, base_url: https://acme.freshdesk.com, start: 2026-01-01}",
    streams=(
        "tickets",
        "conversations",
        "satisfaction_ratings",
        "contacts",
        "companies",
        "agents",
        "groups",
        "ticket_fields",
        "surveys",
        "categories",
        "folders",
        "articles",
    ),
    interactions=("tickets", "conversations", "satisfaction_ratings"),
    connector="touchstone.sources.freshdesk.connector:FreshdeskConnector",
)
