"""Intercom. interaction_id is the conversation's id; what is gone lands as its row with "archived": true."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Http


class Intercom(Http):
    """Intercom.

    Attributes:
        base_url: Of the region that hosts the workspace: api.intercom.io, api.eu.intercom.io or api.au.intercom.io.
        articles: Whether the help centre's articles are read too.
        reconcile_days: Days between two readings of all ids, which find what was deleted or merged.
        topic_attribute, product_area_attribute, language_attribute, handoff_attribute: Names of the conversation attributes
            that hold them.
    """

    source: Literal["intercom"]
    base_url: str = "https://api.intercom.io"
    articles: bool = True
    reconcile_days: int = Field(1, ge=0)
    topic_attribute: str = "Topic"
    product_area_attribute: str = "Product area"
    language_attribute: str = "Language"
    handoff_attribute: str = "Handoff reason"


SOURCE = Declaration(
    name="intercom",
    options=Intercom,
    example="{source: intercom, instance: default, base_url: https://api.eu.intercom.io, start: 2026-01-01}",
    streams=(
        "conversations",
        "conversation_parts",
        "contacts",
        "companies",
        "admins",
        "teams",
        "tags",
        "articles",
    ),
    interactions=("conversations", "conversation_parts"),
    connector="touchstone.sources.intercom.connector:IntercomConnector",
)
