"""Salesforce as the simulated company's server shows it, for tests of its connector."""

from __future__ import annotations

from typing import Any

from places import Place

from touchstone.sandbox.api.salesforce_records import FIELDS
from touchstone.sources.config import SourceInstance
from touchstone.sources.http.streams import Stream
from touchstone.sources.salesforce.connector import SalesforceConnector


class SomeOfSalesforce(SalesforceConnector):
    """Salesforce with the streams that a test is about."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [stream for stream in super().streams(source) if not self._names or stream.name in self._names]


class SalesforcePlace(Place):
    source_name = "salesforce"
    plenty: dict[str, float] = {"default": 600_000}  # noqa: RUF012

    def defaults(self) -> dict[str, Any]:
        return {"base_url": f"{self.sandbox.url}/salesforce", "fields": FIELDS}

    def connector(self, *streams: str) -> SalesforceConnector:
        return SomeOfSalesforce(*streams)

    def secrets(self) -> dict[str, str]:
        known = self.sandbox.credentials.salesforce
        return {"client_id": known.client_id, "client_secret": known.client_secret}
