"""What tests of connectors share: an instance at an address, a run of some of its streams, and what the warehouse holds after."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.http import runner
from touchstone.sources.http.streams import Stream
from touchstone.sources.options import parsed
from touchstone.sources.result import IngestResult
from touchstone.sources.zendesk.connector import ZendeskConnector
from touchstone.warehouse.engine import connect

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
PLENTY = {"incremental": 60_000, "default": 60_000}
ZENDESK_SECRETS = {"email": "bot@example.com", "api_token": "canary-token-7c1e"}


class SomeOfZendesk(ZendeskConnector):
    """Zendesk with the streams that a test is about."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [stream for stream in super().streams(source) if not self._names or stream.name in self._names]


def zendesk_at(url: str, instance: str = "default", **options: Any) -> SourceInstance:
    entry = {"source": "zendesk", "instance": instance, "base_url": url, "start": "2026-01-01"}
    return SourceInstance(parsed({**entry, "requests_per_minute": PLENTY, **options}, "the test's entry"))


def ingest_zendesk(source: SourceInstance, settings: Settings, *streams: str, **options: Any) -> IngestResult:
    return runner.ingest(
        SomeOfZendesk(*streams),
        source,
        **{"as_of": AS_OF, "settings": settings, "secrets": ZENDESK_SECRETS, **options},
    )


def rows(settings: Settings, query: str, *parameters: Any) -> list[tuple]:
    with connect("loader", settings=settings) as connection:
        return connection.execute(query, parameters or None).fetchall()


def payloads(settings: Settings, table: str, instance: str = "default") -> dict[str, dict]:
    """Payloads of a raw stream by id."""
    return dict(rows(settings, f"select id, payload from raw_{table} where instance = %s", instance))


def cursor(settings: Settings, stream: str, source: str = "zendesk", instance: str = "default") -> dict | None:
    found = rows(
        settings,
        "select state from ops.cursors where source = %s and instance = %s and stream = %s",
        source,
        instance,
        stream,
    )
    return found[0][0] if found else None
