"""HubSpot, Intercom and the analytics tools as the simulated company's server shows them, for tests of their connectors."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from toolbox import cursor, rows

from touchstone.sandbox.api import Sandbox
from touchstone.settings import Settings
from touchstone.sources.amplitude.connector import AmplitudeConnector
from touchstone.sources.config import SourceInstance
from touchstone.sources.http import runner
from touchstone.sources.http.streams import Stream
from touchstone.sources.hubspot.connector import HubspotConnector
from touchstone.sources.intercom.connector import IntercomConnector
from touchstone.sources.mixpanel.connector import MixpanelConnector
from touchstone.sources.options import parsed
from touchstone.sources.posthog.connector import PosthogConnector
from touchstone.sources.result import IngestResult

_numbers = itertools.count(1)


class Stopped(BaseException):
    """What ends a run at once, as a kill does: nothing of ours catches it."""


class SomeOfHubspot(HubspotConnector):
    """HubSpot with the streams that a test is about."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [stream for stream in super().streams(source) if not self._names or stream.name in self._names]


class SomeOfIntercom(IntercomConnector):
    """Intercom with the streams that a test is about."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [stream for stream in super().streams(source) if not self._names or stream.name in self._names]


class Place(ABC):
    """A source instance of its own at a server, and what the warehouse holds of it."""

    source_name: str
    plenty: dict[str, float]

    def __init__(self, settings: Settings, sandbox: Sandbox, **options: Any) -> None:
        self.settings = settings
        self.sandbox = sandbox
        self.instance = f"i{next(_numbers)}"
        entry = {
            "source": self.source_name,
            "instance": self.instance,
            "start": "2026-01-01",
            "requests_per_minute": self.plenty,
            **self.defaults(),
        }
        self.source = SourceInstance(parsed({**entry, **options}, "the test's entry"))

    @abstractmethod
    def defaults(self) -> dict[str, Any]: ...

    @abstractmethod
    def connector(self, *streams: str) -> Any: ...

    @abstractmethod
    def secrets(self) -> dict[str, str]: ...

    def run(self, *streams: str, **options: Any) -> IngestResult:
        """A run whose present is the server's."""
        now = datetime.fromisoformat(self.sandbox.control("clock")["now"])
        given = {"as_of": now, "settings": self.settings, "secrets": self.secrets(), **options}
        return runner.ingest(self.connector(*streams), self.source, **given)

    def run_until(self, pages: int, *streams: str) -> None:
        """A run that ends right after its n-th page has landed."""
        left = itertools.count(pages - 1, -1)

        def progress(stream: str, count: int) -> None:
            if next(left) == 0:
                raise Stopped

        try:
            self.run(*streams, progress=progress)
        except Stopped:
            return
        raise AssertionError(f"the run had fewer than {pages} pages")

    def check(self, secrets: dict[str, str] | None = None) -> dict[str, str | None]:
        """What was asked, and the line that says what is wrong with it, None for nothing."""
        verdicts = runner.check(self.connector(), self.source, secrets or self.secrets(), self.settings)
        return {what: None if error is None else str(error) for what, error in verdicts}

    def payloads(self, stream: str, *, history: bool = False) -> dict[str, dict]:
        table = f"raw_{self.source_name}.{stream}{'_history' if history else ''}"
        return dict(rows(self.settings, f"select id, payload from {table} where instance = %s", self.instance))

    def interactions(self, stream: str) -> dict[str, str | None]:
        table = f"raw_{self.source_name}.{stream}"
        return dict(rows(self.settings, f"select id, interaction_id from {table} where instance = %s", self.instance))

    def query(self, statement: str, *parameters: Any) -> list[tuple]:
        """Rows of a statement that begins its conditions with the instance."""
        return rows(self.settings, statement, self.instance, *parameters)

    def cursor(self, stream: str) -> dict | None:
        return cursor(self.settings, stream, self.source_name, self.instance)

    def asked(self, endpoint: str) -> list[dict[str, Any]]:
        """Requests that the server got at an endpoint since it was last reset."""
        return [one for one in self.sandbox.control("requests")["requests"] if one["endpoint"] == endpoint]


class HubspotPlace(Place):
    source_name = "hubspot"
    plenty: dict[str, float] = {"default": 600_000, "search": 600_000}  # noqa: RUF012

    def defaults(self) -> dict[str, Any]:
        return {"base_url": f"{self.sandbox.url}/hubspot"}

    def connector(self, *streams: str) -> HubspotConnector:
        return SomeOfHubspot(*streams)

    def secrets(self) -> dict[str, str]:
        return {"token": self.sandbox.credentials.hubspot.token}


class MixpanelPlace(Place):
    source_name = "mixpanel"
    plenty: dict[str, float] = {"export": 600_000, "export_second": 600_000}  # noqa: RUF012

    def defaults(self) -> dict[str, Any]:
        return {
            "base_url": f"{self.sandbox.url}/mixpanel/api/2.0",
            "project_id": self.sandbox.credentials.mixpanel.project_id,
            "time_zone": "UTC",
            "start": "2026-03-20",
        }

    def connector(self, *streams: str) -> MixpanelConnector:
        return MixpanelConnector()

    def secrets(self) -> dict[str, str]:
        known = self.sandbox.credentials.mixpanel
        return {"user": known.user, "secret": known.secret}


class IntercomPlace(Place):
    source_name = "intercom"
    plenty: dict[str, float] = {"default": 600_000}  # noqa: RUF012

    def defaults(self) -> dict[str, Any]:
        return {"base_url": f"{self.sandbox.url}/intercom"}

    def connector(self, *streams: str) -> IntercomConnector:
        return SomeOfIntercom(*streams)

    def secrets(self) -> dict[str, str]:
        return {"token": self.sandbox.credentials.intercom.token}


class Still:
    """Stands in for Intercom's sandbox at an address of a test's own."""

    credentials = SimpleNamespace(intercom=SimpleNamespace(token="token"))

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, name: str) -> dict[str, str]:
        return {"now": "2026-03-10T00:00:00+00:00"}


class AmplitudePlace(Place):
    source_name = "amplitude"
    plenty: dict[str, float] = {"export": 600_000}  # noqa: RUF012

    def defaults(self) -> dict[str, Any]:
        return {"base_url": f"{self.sandbox.url}/amplitude", "start": "2026-03-20"}

    def connector(self, *streams: str) -> AmplitudeConnector:
        return AmplitudeConnector()

    def secrets(self) -> dict[str, str]:
        known = self.sandbox.credentials.amplitude
        return {"api_key": known.api_key, "secret_key": known.secret_key}


class PosthogPlace(Place):
    source_name = "posthog"
    plenty: dict[str, float] = {"query": 600_000}  # noqa: RUF012

    def defaults(self) -> dict[str, Any]:
        known = self.sandbox.credentials.posthog
        return {"base_url": f"{self.sandbox.url}/posthog", "project_id": known.project_id, "start": "2026-03-20"}

    def connector(self, *streams: str) -> PosthogConnector:
        return PosthogConnector()

    def secrets(self) -> dict[str, str]:
        return {"api_key": self.sandbox.credentials.posthog.api_key}


def fault(kind: str, endpoint: str, **how: Any) -> dict[str, Any]:
    return {"kind": kind, "endpoint": endpoint, **how}
