"""Amplitude: one row per event, whose id is the md5 of what makes two statements of it the same."""

from __future__ import annotations

from typing import Literal

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Http


class Amplitude(Http):
    """Amplitude's export of events.

    Attributes:
        base_url: Where the project's data resides; https://analytics.eu.amplitude.com in the EU.
        start: First day (UTC) of upload that is of interest.
    """

    source: Literal["amplitude"]
    base_url: str = "https://amplitude.com"


SOURCE = Declaration(
    name="amplitude",
    options=Amplitude,
    example="{source: amplitude, instance: default, start: 2026-01-01}",
    streams=("events",),
    connector="touchstone.sources.amplitude.connector:AmplitudeConnector",
)
