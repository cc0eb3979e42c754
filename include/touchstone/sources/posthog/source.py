"""PostHog: one row per event, by its uuid."""

from __future__ import annotations

from typing import Literal

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Http


class PostHog(Http):
    """PostHog's query API.

    Attributes:
        base_url: Of the private API, where the project's data resides; https://eu.posthog.com in the EU, or a server of your own.
        start: First day (UTC) of events that is of interest.
    """

    source: Literal["posthog"]
    base_url: str = "https://us.posthog.com"
    project_id: int


SOURCE = Declaration(
    name="posthog",
    options=PostHog,
    example="{source: posthog, instance: default, project_id: 12345, start: 2026-01-01}",
    streams=("events",),
    connector="touchstone.sources.posthog.connector:PosthogConnector",
)
