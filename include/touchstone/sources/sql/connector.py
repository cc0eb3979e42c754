"""Any database: tables are read in pages by (cursor, id), and each run begins some way before the newest row of the last one.

A row may be committed after others with a greater cursor: what lies within the overlap is read again, and lands only where it is
new. The bound of a walk is the newest row at its beginning, kept through interruptions: whatever was uncommitted then lies within
the overlap of the next run, however long the walk takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import httpx

from touchstone.errors import SourceError
from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.faults import NoProgress
from touchstone.sources.http.streams import Context, Page, Placed, RawStream, Record, State, Stream, Ways, Window
from touchstone.sources.reasons import Refused
from touchstone.sources.sql.database import CURSOR, Database
from touchstone.sources.sql.kinds import KINDS, Kind
from touchstone.sources.sql.mapping import WITHOUT_ID, Mapper, Refusal
from touchstone.sources.sql.source import Sql, Table
from touchstone.sources.sql.values import (
    UNHELD,
    as_id,
    before,
    in_form,
    is_orderable,
    is_time,
    restored,
    row_id,
    stored,
)

PAGE_ROWS = 2_000
PAGE_BYTES = 32 * 1024 * 1024
ID_ROWS = 2_000
SAMPLE_ROWS = 100
MOST_WITHOUT_KEY = 1_000
OVERLAP_SECONDS = 3_600
OVERLAP_NUMBERS = 10_000
_RECONCILE_DAYS = {"daily": 1, "weekly": 7}


def _happened_at(kind: Kind) -> Callable[[Record], datetime | None] | None:
    if kind.happened_at is None:
        return None
    return lambda record: datetime.fromisoformat(found) if (found := record.get(kind.happened_at)) else None


class SqlConnector:
    """See `touchstone.sources.http.streams.Connector`; there is no API, and each mapped table is a stream of its own."""

    name = "sql"
    budgets: ClassVar[dict[str, Budget]] = {}
    raw: ClassVar[dict[str, RawStream]] = {
        kind.name: RawStream(
            kind.name,
            row_id=lambda record: record.row_id,
            interaction_id=lambda record: record.interaction_id,
            happened_at=_happened_at(kind),
            open_fields=("raw",),
        )
        for kind in KINDS.values()
    }

    def credentials(self, source: SourceInstance) -> Ways:
        options = source.options(Sql)
        whole = {"url": "address of the database with its password"}
        if options.url is None:
            return (whole,)
        if options.url.startswith("sqlite") or not options.has_password:
            return ({},)
        return ({"password": "password of the database role"}, whole)

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        return {}

    def explain(self, response: httpx.Response) -> Exception | None:
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [Stream(entry.stream, partial(_walk, entry), backfill=_interval) for entry in source.options(Sql).tables]

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        asked: list[tuple[str, Callable[[], Any]]] = [("connection", partial(_check_connection, context))]
        for entry in context.source.options(Sql).tables:
            asked.append((f"{entry.label}: columns", partial(_checked, _check_columns, context, entry)))
            asked.append((f"{entry.label}: order", partial(_checked, _check_order, context, entry)))
            asked.append((f"{entry.label}: values", partial(_checked, _check_values, context, entry)))
        return asked


def _database(context: Context) -> Database:
    return Database(context.source.name, context.source.options(Sql), context.secrets)


def _zone(context: Context) -> ZoneInfo | None:
    zone = context.source.options(Sql).time_zone
    return ZoneInfo(zone) if zone else None


def _interval(window: Window) -> State:
    first, last = window.interval
    return {"interval": [first.isoformat(), last.isoformat()]}


def _walk(entry: Table, context: Context, state: State) -> Iterator[Page]:
    with closing(_database(context)) as database:
        yield from _Walk(entry, context, database).pages(state)


class _Walk:
    """One walk over one table."""

    def __init__(self, entry: Table, context: Context, database: Database) -> None:
        self._entry = entry
        self._context = context
        self._database = database
        self._zone = _zone(context)
        self._mapper = Mapper(entry, self._zone, datetime.now(UTC))
        self._selected = database.select(entry)
        # what decides which rows there are and what they say; how often and how far they are read again does not
        said = entry.model_dump_json(exclude={"name", "overlap", "reconcile"})
        self._mapping = hashlib.md5(said.encode(), usedforsecurity=False).hexdigest()

    def pages(self, state: State) -> Iterator[Page]:
        """See `touchstone.sources.http.streams.Walk`. State: `through`, the newest row that was read (or the run's present, where a
        row lies in its future); `walk`, where an unfinished walk stands and ends; `mapping` and `id_prefix`, by which rows were
        read; `former`, there while all ids are to be compared because these have changed: the prefixes of before."""
        prefix = self._entry.id_prefix
        if state.get("mapping", self._mapping) != self._mapping:
            self._context.warn(f"{self._entry.label}: its mapping has changed; it is read from its beginning")
            state = {"former": sorted({*state.get("former", ()), state.get("id_prefix", prefix)})}
        base = {"mapping": self._mapping, "id_prefix": prefix}
        base |= {name: state[name] for name in ("through", "reconciled", "reconcile", "former") if name in state}
        if state.get("walk"):
            after, after_id, bound = map(restored, state["walk"])
        else:
            yield from self._without_key()
            bounds = self._bounds(state)
            if bounds is None:
                self._doubt_emptiness()
                return
            (after, bound), after_id = bounds, None
        while rows := self._rows(after, after_id, bound):
            last, last_id = rows[-1][CURSOR], rows[-1][self._entry.id]
            if (last, last_id) == (after, after_id):
                raise NoProgress(
                    f"{self._context.source.name}: {self._entry.label} stands still",
                    str(last),
                    "Many rows share cursor and id: name an `id` that is unique.",
                )
            after, after_id = last, last_id
            place = [stored(value) for value in (after, after_id, bound)]
            yield self._page(rows, base | {"walk": place})
        if "interval" not in state:
            base["through"] = stored(min(bound, in_form(self._context.window.now, bound, self._zone)))
            yield from self._reconciled(base)

    def _rows(self, after: Any, after_id: Any, bound: Any) -> list[dict[str, Any]]:
        page = self._selected.page(after, after_id, bound, PAGE_ROWS)
        return self._database.ask(self._entry, page, PAGE_ROWS, PAGE_BYTES)

    def _page(self, rows: list[dict[str, Any]], state: State) -> Page:
        before_it = self._mapper.replaced_characters
        records, refused = self._mapper.records(rows)
        self._context.replaced_characters += self._mapper.replaced_characters - before_it
        return Page({self._entry.kind: records}, state, refused=refused)

    def _without_key(self) -> Iterator[Page]:
        """Rows that have no place in the order go to quarantine, and stay there until they have one.

        Their conversations count as incomplete: a row with an id leaves a mark under it, which the row replaces once it has a
        place; for those without one their conversation has one mark, which leaves once no such row is found.
        """
        rows = self._database.ask(
            self._entry, self._selected.without_key(MOST_WITHOUT_KEY), MOST_WITHOUT_KEY, PAGE_BYTES
        )
        names = " and ".join(dict.fromkeys((*self._entry.cursor, self._entry.id)))
        lacking = Refused("row_key_missing", names)
        refused = [self._mapper.refusal(row, lacking) for row in rows]
        marks = [mark for row in rows if (mark := self._mapper.mark(row, lacking))]
        if rows:
            self._context.warn(
                f"{self._entry.label}: {len(rows)} rows or more have no place, since {names} may not be null"
            )
        if len(rows) < MOST_WITHOUT_KEY:
            there = {mark.row_id for mark in marks}
            held = self._context.rows.present_after(
                self._entry.kind, self._entry.id_prefix + WITHOUT_ID, "", MOST_WITHOUT_KEY
            )
            marks += self._tombstones([row for row in held if row not in there])
        if marks or refused:
            yield Page({self._entry.kind: marks}, None, refused=refused)

    def _bounds(self, state: State) -> tuple[Any, Any] | None:
        """Cursors from which on and up to which rows are read; None where there is nothing to read."""
        newest = _newest(self._database, self._entry)
        if newest is None:
            return None
        if "interval" in state:
            return self._of_interval(state["interval"], newest)
        if "through" in state:
            return before(restored(state["through"]), _overlap(self._entry, newest), self._zone), newest
        # what belongs to a conversation, a person or a company is read whole
        if self._entry.kind == "product_events" and is_time(newest):
            return in_form(self._context.source.start, newest, self._zone), newest
        return None, newest

    def _of_interval(self, interval: list[str], newest: Any) -> tuple[Any, Any] | None:
        if not is_time(newest):
            self._context.warn(f"{self._entry.label}: its cursor is no time, and addresses no interval")
            return None
        first, last = (datetime.combine(date.fromisoformat(day), time(), UTC) for day in interval)
        return in_form(first, newest, self._zone), in_form(last + timedelta(days=1), newest, self._zone)

    # --- rows that are gone

    def _reconciled(self, base: State) -> Iterator[Page]:
        """The walk's last page; before it, where it is time for that, what is held and no longer there."""
        today = self._context.window.now.date()
        days = _RECONCILE_DAYS.get(self._entry.reconcile or "")
        known = base.get("reconciled")
        is_due = days is not None and known is not None and (today - date.fromisoformat(known)).days >= days
        is_compared = is_due or "reconcile" in base or "former" in base
        if "former" in base:
            yield from self._uncovered(base)
        if is_compared:
            yield from self._gone(base)
        done = {name: base[name] for name in ("mapping", "id_prefix", "through")}
        if days is not None:
            done["reconciled"] = today.isoformat() if is_compared or known is None else known
        yield Page({self._entry.kind: []}, done)

    def _uncovered(self, base: State) -> Iterator[Page]:
        """What is held under a prefix of before, and under none that a table of this kind has now, is gone."""
        kind = self._entry.kind
        tables = self._context.source.options(Sql).tables
        covering = tuple(one.id_prefix for one in tables if one.kind == kind)
        count = 0
        # whatever begins with a prefix that begins with one of now is that table's
        for prefix in (one for one in base["former"] if not one.startswith(covering)):
            after = ""
            while held := self._context.rows.present_after(kind, prefix, after, ID_ROWS):
                gone = [row for row in held if not row.startswith(covering)]
                count += len(gone)
                after = held[-1]
                if gone:
                    yield Page({kind: self._tombstones(gone)}, None)
        base["former"] = []
        if count:
            self._context.count_deleted(self._entry.stream, count)

    def _doubt_emptiness(self) -> None:
        """A table without any row is told, not believed: it is rather a wrong name or role than the end of all that was."""
        if self._context.rows.present_after(self._entry.kind, self._entry.id_prefix, "", 1):
            self._context.warn(f"{self._entry.label} holds no row any more; what is held of it stays")

    def _gone(self, base: State) -> Iterator[Page]:
        """What is held under the prefix, and not among the table's rows. An id that PostgreSQL could not hold is not asked for."""
        kind, prefix = self._entry.kind, self._entry.id_prefix
        after = base.get("reconcile", "")
        sample = self._database.ask(self._entry, self._selected.page(None, None, None, 1), 1, PAGE_BYTES)
        count = 0
        while sample and (held := self._context.rows.present_after(kind, prefix, after, ID_ROWS)):
            asked = [row for row in held if not row.startswith(prefix + WITHOUT_ID) and UNHELD not in row]
            ids = [as_id(row.removeprefix(prefix), sample[0][self._entry.id]) for row in asked]
            statement = self._selected.present([one for one in ids if one is not None])
            found = self._database.ask(self._entry, statement, ID_ROWS, PAGE_BYTES)
            there = {prefix + row_id(row["row_id"]) for row in found}
            gone = [row for row in asked if row not in there]
            count += len(gone)
            after = held[-1]
            yield Page({kind: self._tombstones(gone)}, {**base, "reconcile": after})
        if count:
            self._context.count_deleted(self._entry.stream, count)

    def _tombstones(self, gone: list[str]) -> list[Placed]:
        payloads = self._context.rows.payloads(self._entry.kind, gone) if gone else {}
        return [self._mapper.tombstone(row, held, self._context.window.now) for row, held in payloads.items()]


def _newest(database: Database, entry: Table) -> Any:
    """The greatest cursor, None for a table without rows.

    Raises:
        SourceError: It is neither a number nor a time.
    """
    (row,) = database.ask(entry, database.select(entry).newest(), 1, PAGE_BYTES)
    newest = row[CURSOR]
    if newest is not None and not is_orderable(newest):
        raise SourceError(
            f"{database.name}: the cursor of {entry.label} is neither a number nor a time",
            f"{', '.join(entry.cursor)}: {newest!r:.80}",
            "Name a column that grows: a number, a time, or text such as 2026-03-01 09:00:00 in one zone.",
        )
    return newest


def _overlap(entry: Table, cursor: Any) -> float:
    if entry.overlap is not None:
        return entry.overlap
    return OVERLAP_SECONDS if is_time(cursor) else OVERLAP_NUMBERS


# --- what `touchstone check` asks


def _check_connection(context: Context) -> None:
    with closing(_database(context)) as database, database.transaction():
        pass


def _checked(question: Callable[[Context, Database, Table], None], context: Context, entry: Table) -> None:
    with closing(_database(context)) as database:
        question(context, database, entry)


def _check_columns(_context: Context, database: Database, entry: Table) -> None:
    database.select(entry)


def _check_order(context: Context, database: Database, entry: Table) -> None:
    """The cursor can be ordered, and no row lacks cursor or id."""
    _newest(database, entry)
    rows = database.ask(entry, database.select(entry).without_key(1), 1, PAGE_BYTES)
    if rows:
        null = [name for name in (*entry.cursor, entry.id) if rows[0][name] is None]
        raise SourceError(
            f"{context.source.name}: {entry.label} has rows without a place in its order",
            f"{', '.join(null)} is null",
            "Name columns that are never null; `cursor` takes several, such as [updated_at, created_at].",
        )
    sample = _sample(database, entry)
    keys = [row[entry.id] for row in sample]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        raise SourceError(
            f"{context.source.name}: `id` of {entry.label} is not unique",
            f"{entry.id}: {twice[0]!r:.80}",
            "Name a column that identifies a row.",
        )


def _check_values(context: Context, database: Database, entry: Table) -> None:
    """Rows become records."""
    rows = _sample(database, entry)
    refused: list[Refusal] = Mapper(entry, _zone(context), datetime.now(UTC)).records(rows)[1]
    if refused:
        _, _, reason, remedy, _ = refused[0]
        raise SourceError(
            f"{context.source.name}: {entry.label}: {len(refused)} of {len(rows)} rows would go to quarantine",
            reason,
            remedy,
        )


def _sample(database: Database, entry: Table) -> list[dict[str, Any]]:
    return database.ask(entry, database.select(entry).page(None, None, None, SAMPLE_ROWS), SAMPLE_ROWS, PAGE_BYTES)
