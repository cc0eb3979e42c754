"""What tests of Freshdesk's connector share: a served firm, runs of it, and a light API whose tickets a test holds in its hands."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from scripted import Answer, Asked
from toolbox import payloads

from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.freshdesk.connector import FreshdeskConnector
from touchstone.sources.http import runner
from touchstone.sources.http.streams import Stream
from touchstone.sources.options import parsed
from touchstone.sources.result import IngestResult
from touchstone.warehouse.engine import connect

SECRETS = {"api_key": "canary-key-51ab"}
PLENTY = {"tickets": 60_000, "default": 60_000}
AS_OF = datetime(2026, 4, 1, tzinfo=UTC)


class SomeOfFreshdesk(FreshdeskConnector):
    """Freshdesk with the streams that a test is about."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [stream for stream in super().streams(source) if not self._names or stream.name in self._names]


def freshdesk_at(url: str, **options: Any) -> SourceInstance:
    entry = {"source": "freshdesk", "instance": "default", "base_url": url, "start": "2026-01-01"}
    return SourceInstance(parsed({**entry, "requests_per_minute": PLENTY, **options}, "the test's entry"))


def ingest_freshdesk(source: SourceInstance, settings: Settings, *streams: str, **options: Any) -> IngestResult:
    given = {"as_of": AS_OF, "settings": settings, "secrets": SECRETS, **options}
    return runner.ingest(SomeOfFreshdesk(*streams), source, **given)


def held(settings: Settings, stream: str) -> dict[str, dict]:
    return payloads(settings, f"freshdesk.{stream}")


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Tickets:
    """Tickets by id with the second of their last change, served as Freshdesk lists them.

    Attributes:
        where: list, deleted, spam or gone; list where nothing is said.
        notes: Ids of the notes of each.
        before: Called with each request, which may change everything.
    """

    changed: dict[int, datetime]
    where: dict[int, str] = field(default_factory=dict)
    notes: dict[int, list[int]] = field(default_factory=dict)
    before: Any = None
    page_limit: int = 300
    asked: list[Asked] = field(default_factory=list)
    _order: list[tuple[datetime, int]] | None = None

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if self.before:
            self.before(self, asked)
        parts = asked.path.split("/")[3:]
        if parts == ["tickets"]:
            return self._listed(asked)
        ticket = int(parts[1])
        if self._where(ticket) == "gone":
            return Answer(b"<html>Not found</html>", 404)
        if parts[2:] == ["conversations"]:
            return self._paged(asked, [self._note(ticket, note) for note in self.notes.get(ticket, [])])
        deleted = {"deleted": True} if self._where(ticket) == "deleted" else {}
        return Answer(self._ticket(ticket) | deleted)

    def _where(self, ticket: int) -> str:
        return self.where.get(ticket, "list" if ticket in self.changed else "gone")

    def _ticket(self, ticket: int) -> dict[str, Any]:
        changed = iso(self.changed[ticket])
        is_spam = self._where(ticket) == "spam"
        return {
            "id": ticket,
            "status": 2,
            "spam": is_spam,
            "created_at": changed,
            "updated_at": changed,
            "subject": "?",
        }

    def _note(self, ticket: int, note: int) -> dict[str, Any]:
        made = iso(self.changed[ticket])
        return {"id": note, "ticket_id": ticket, "body_text": f"note {note}", "incoming": False, "created_at": made}

    def _listed(self, asked: Asked) -> Answer:
        if int(asked.query["page"]) > self.page_limit:
            text = f"You cannot access tickets beyond the {self.page_limit}th page."
            return Answer({"description": "Validation failed", "errors": [{"field": "page", "message": text}]}, 400)
        since = datetime.fromisoformat(asked.query["updated_since"])
        there = asked.query.get("filter", "list")
        if self._order is None or self.before or self.where or len(self._order) != len(self.changed):
            self._order = sorted((at, one) for one, at in self.changed.items())
        first = bisect_left(self._order, (since, 0))
        found = [one for _, one in self._order[first:] if not self.where or self._where(one) == there]
        return self._paged(asked, found if self.where or there == "list" else [], self._ticket)

    def _paged(self, asked: Asked, rows: list, shown: Any = lambda row: row) -> Answer:
        page, size = int(asked.query["page"]), int(asked.query["per_page"])
        part = [shown(row) for row in rows[(page - 1) * size : page * size]]
        following = {"Link": '<https://acme.freshdesk.com/next>; rel="next"'} if len(rows) > page * size else {}
        return Answer(part, headers=following)


def steady(count: int, first: datetime, step: timedelta = timedelta(minutes=1)) -> dict[int, datetime]:
    """So many tickets, one changed after the other."""
    return {number: first + number * step for number in range(1, count + 1)}


def forget_freshdesk(settings: Settings) -> None:
    """Leave nothing of what was read."""
    with connect(settings=settings) as connection:
        names = connection.execute(
            "select string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_tables where schemaname = 'raw_freshdesk'"
        ).fetchone()[0]
        connection.execute(
            f"truncate {names}, ops.cursors, ops.source_fields, ops.quarantine, ops.loads, ops.runs, ops.api_slots cascade"
        )
