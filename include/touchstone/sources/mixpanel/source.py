"""Mixpanel: one row per event, whose id is the md5 of what makes two statements of it the same."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import field_validator

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Http


class Mixpanel(Http):
    """Mixpanel's raw export.

    Attributes:
        base_url: Of the export API where the project's data resides (US, EU or India).
        time_zone: Of the project: UTC for those made since 2023, its own for older ones.
    """

    source: Literal["mixpanel"]
    base_url: str = "https://data.mixpanel.com/api/2.0"
    project_id: int
    time_zone: str

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("must be a name of the time zone database, such as UTC or Europe/Berlin") from None
        return value


SOURCE = Declaration(
    name="mixpanel",
    options=Mixpanel,
    example="{source: mixpanel, instance: default, project_id: 12345, time_zone: UTC, start: 2026-01-01}",
    streams=("events",),
    connector="touchstone.sources.mixpanel.connector:MixpanelConnector",
)
