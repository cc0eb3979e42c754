"""What a connector declares: its streams, the pages they arrive in, and the walk that fetches them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

import httpx

from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.client import ApiClient

log = logging.getLogger(__name__)

State = dict[str, Any]
Ways = tuple[dict[str, str], ...]
Record = dict[str, Any]


class Placed(dict[str, Any]):
    """A record that does not say itself where it belongs: the answer around it does.

    Attributes:
        row_id: Its id in the raw stream.
        interaction_id: The conversation that it belongs to, None for none or for one that is not known yet.
    """

    __slots__ = ("interaction_id", "row_id")

    def __init__(self, record: Record, row_id: str | None, interaction_id: str | None = None) -> None:
        super().__init__(record)
        self.row_id = row_id
        self.interaction_id = interaction_id


@dataclass(frozen=True)
class RawStream:
    """How a record becomes a row of `raw_<source>.<name>`.

    Attributes:
        row_id: The record's native id, unique in the stream; None refuses the record.
        interaction_id: Native id of the conversation that it belongs to, None for what belongs to none.
        version: Orders two statements about one id (see `touchstone.warehouse.landing.RawRow`); None where the later wins.
        happened_at: Moment of what a record tells, for freshness; None where it tells no event.
        enums: Values that the pipeline knows, by field or `outer.inner`; another one lands too and is reported.
        open_fields: Fields whose members are fields of the source's own (properties, custom fields), reported one by one.
    """

    name: str
    row_id: Callable[[Record], str | None]
    interaction_id: Callable[[Record], str | None] = lambda record: None
    version: Callable[[Record], int | None] = lambda record: None
    happened_at: Callable[[Record], datetime | None] | None = None
    enums: dict[str, frozenset[str]] = field(default_factory=dict)
    open_fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """Tells that a page holds a part of all that the API states of one interaction, because that is too much for one page.

    The rows of each part land with their page; those of the interaction that no part stated leave with the last one.
    """

    stream: str
    interaction_id: str
    is_first: bool
    is_last: bool


@dataclass
class Page:
    """Records that land together, and where the walk stands once they have.

    Attributes:
        records: By raw stream.
        state: What the next page starts from; it is written in the page's own transaction. None: the state stays.
        replaced: By raw stream, the interaction_ids whose rows this page states in full: rows of theirs that it lacks leave.
        refused: Pieces that are no record at all: (stream, code, reason, remedy, piece).
        part: What the page is a part of, where one page cannot hold a replaced interaction.
    """

    records: dict[str, list[Any]]
    state: State | None
    replaced: dict[str, set[str]] = field(default_factory=dict)
    refused: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    part: Part | None = None


@dataclass(frozen=True)
class Window:
    """The time that a run looks at.

    Attributes:
        now: The run's present; no walk asks for anything later.
        start: The instance's first moment of interest.
        interval: First and last UTC day of a backfill; None in a live run.
    """

    now: datetime
    start: datetime
    interval: tuple[date, date] | None = None


class Rows(Protocol):
    """What the raw streams of this instance hold, as a walk may ask."""

    def last_load(self, stream: str) -> int:
        """Number of the newest load that changed the stream; 0 where nothing did."""

    def changed(self, stream: str, after_load: int) -> tuple[int, list[tuple[str, Record]]] | None:
        """The next load that changed the stream, with the rows (id, payload) that it left; None where there is none."""

    def told(self, stream: str, after_load: int, fields: tuple[str, ...]) -> list[tuple[str | None, ...]]:
        """Of the rows that all later loads left: the id, and what these fields say as text."""

    def count(self, stream: str, interaction_id: str) -> int:
        """How many rows of a conversation the stream holds."""

    def ids(self, stream: str, interaction_ids: list[str]) -> list[str]:
        """Ids of the rows of conversations that the stream holds."""

    def present(self, stream: str) -> Iterable[str]:
        """Ids of all rows that the stream holds and whose payload does not say that they are archived."""

    def present_after(self, stream: str, prefix: str, after: str, most: int) -> list[str]:
        """The next of these ids, of those that begin with a prefix, in the order of the warehouse."""

    def payloads(self, stream: str, ids: list[str]) -> dict[str, Record]:
        """Payloads by id, of those that the stream holds."""

    def news(self, stream: str, records: list[Record]) -> list[Record]:
        """The records that would change the stream."""


@dataclass
class Context:
    """What a walk works with.

    Attributes:
        apis: By name; a source with one API calls it `main`.
        options: The instance's validated options.
        held: Looks up which of these ids the raw stream holds already, with their versions.
        rows: Further questions to the raw streams; None outside of a run.
        skipped: Records that the API refuses one by one, counted by reason.
        deleted: Records that were found to be deleted for good, counted by kind.
        warnings: What a person should know of this run.
        secrets: Credentials by name, for walks that ask no API.
        replaced_characters: U+FFFD that such walks have set for what PostgreSQL cannot hold.
    """

    apis: dict[str, ApiClient]
    source: SourceInstance
    window: Window
    held: Callable[[str, list[str]], dict[str, int | None]]
    rows: Rows | None = None
    skipped: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    replaced_characters: int = 0

    @property
    def api(self) -> ApiClient:
        return self.apis["main"]

    def skip(self, reason: str) -> None:
        """Count a record that the API does not give, and go on."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def count_deleted(self, kind: str, count: int) -> None:
        """Count records that are gone for good, and say so."""
        log.info("%s: %d %s were deleted for good", self.source.name, count, kind)
        self.deleted[kind] = self.deleted.get(kind, 0) + count

    def warn(self, message: str) -> None:
        log.warning("%s: %s", self.source.name, message)
        self.warnings.append(message)


Walk = Callable[[Context, State], Iterator[Page]]


@dataclass(frozen=True)
class Stream:
    """One walk over an API.

    Attributes:
        name: Key of its cursor.
        walk: Yields pages from a state on; an empty state is the beginning.
        backfill: How the walk addresses an interval: a state to begin with, and nothing after it moves. None: the stream
            cannot address one, and a backfill says so and leaves it out.
    """

    name: str
    walk: Walk
    backfill: Callable[[Window], State] | None = None


class Connector(Protocol):
    """The verbs of a source that is read over HTTP, or in pages from elsewhere: then it has no API and no budgets.

    Attributes:
        name: Of the source; its raw schema is `raw_<name>`.
        budgets: What the vendor allows, by name.
        raw: Its raw streams, by name.
    """

    name: str
    budgets: dict[str, Budget]
    raw: dict[str, RawStream]

    def credentials(self, source: SourceInstance) -> Ways:
        """What an instance needs: the ways to prove who asks, each with the name of every credential and what it is."""

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        """Base URL and authentication of each API by the credentials of one way; a source with one calls it `main`."""

    def explain(self, response: httpx.Response) -> Exception | None:
        """What this vendor's refusal means, None where its status says it all."""

    def streams(self, source: SourceInstance) -> list[Stream]:
        """The walks of an instance, in the order in which they run."""

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        """Requests that show what works: (what it is, the request)."""
