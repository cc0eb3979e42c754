"""The walk over one object: what changed since, by queries or by a Bulk job, then what was deleted for good.

Changes are found by SystemModstamp, which has two faults: a transaction that takes long commits its rows with the stamp of its
beginning, behind rows that were read already; and a load of data gives one stamp to any number of rows. So a run begins behind
the newest stamp that was there when the run before it began, and goes on from its last row by (stamp, Id).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from touchstone.sources.http.faults import NoProgress, RequestRefused
from touchstone.sources.http.streams import Context, Page, Record, State, Stream, Window
from touchstone.sources.salesforce import deleted, desk, reading, soql
from touchstone.sources.salesforce.objects import Described, Schema, SObject, base
from touchstone.sources.salesforce.source import Salesforce

LONGEST_QUERY = 12_000
"""Characters of a query that a URL takes; a longer one is a Bulk job's, which is posted."""


def stream(spec: SObject, schemas: dict[int, Schema]) -> Stream:
    """The walk over one object; `schemas` holds the descriptions of a run, by the identity of its context."""

    def walk(context: Context, state: State) -> Iterator[Page]:
        schema = schemas.setdefault(id(context), Schema(context))
        return _ObjectWalk(spec, schema, context, state).pages()

    return Stream(spec.stream, walk, backfill=_interval)


def _interval(window: Window) -> State:
    first, last = window.interval
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    return {"since": soql.moment(start), "until": soql.moment(end)}


class _ObjectWalk:
    """One walk; it goes on where it stopped.

    Its state:
        since: From which stamp on the next run asks.
        until: End of a backfill's interval.
        newest: Newest stamp that was there when the walk began; there while the walk is under way.
        at, id: Stamp and id of the last row that landed of a walk by queries.
        job, locator: The Bulk job whose rows are read, and where its next page begins.
        covered: How far the log of deletions was read.
        listed: When all ids were compared last.
    """

    def __init__(self, spec: SObject, schema: Schema, context: Context, state: State) -> None:
        self._spec = spec
        self._schema = schema
        self._context = context
        self._api = context.api
        self._options = context.source.options(Salesforce)
        self._base = base(self._options)
        self.state: dict[str, Any] = dict(state)

    def pages(self) -> Iterator[Page]:
        described = self._schema.of(self._spec)
        if described is None:
            return
        yield from self._changes(described)
        if "until" not in self.state:
            yield from deleted.pages(self._spec, described, self._context, self.state)

    # --- what changed

    def _changes(self, described: Described) -> Iterator[Page]:
        if "newest" not in self.state:
            total, newest = self._measured(described)
            self.state["newest"] = newest
            if total == 0:
                self._end()
                yield Page({}, dict(self.state))
                return
            if total is None or total >= self._options.bulk_rows or len(self._query(described)) > LONGEST_QUERY:
                yield self._begin_job(described)
        if "job" in self.state:
            yield from self._bulk(described)
        else:
            yield from self._queries(described)

    def _measured(self, described: Described) -> tuple[int | None, str | None]:
        """How many rows are to be read, None for too many to be counted, and the newest stamp of all."""
        if described.stamp is None:
            found = reading.rows(
                self._api, self._base, soql.measure(self._spec.name, "CreatedDate", self._spec.conditions)
            )
            return int(found[0]["total"]), None
        try:
            query = soql.measure(self._spec.name, described.stamp, self._conditions(described))
            found = reading.rows(self._api, self._base, query)
        except RequestRefused as refusal:
            if reading.code_of(refusal) != "QUERY_TIMEOUT":
                raise
            return None, None
        return int(found[0]["total"]), found[0]["newest"]

    def _since(self) -> datetime | None:
        """From which stamp on; None where all that there is counts: what cases refer to may be of any age."""
        stated = soql.parsed(self.state.get("since"))
        return stated or (self._context.window.start if self._spec.is_case else None)

    def _conditions(self, described: Described) -> list[str]:
        conditions = list(self._spec.conditions)
        first, end = self._since(), soql.parsed(self.state.get("until"))
        if described.stamp is not None and first is not None:
            conditions.append(soql.since(described.stamp, first))
        if described.stamp is not None and end is not None:
            conditions.append(soql.before(described.stamp, end))
        return conditions

    def _query(self, described: Described, *, is_ordered: bool = True) -> str:
        conditions = self._conditions(described)
        order = [described.stamp, "Id"] if described.stamp else ["Id"]
        last, last_id = soql.parsed(self.state.get("at")), self.state.get("id")
        if described.stamp and last is not None and last_id:
            conditions.append(soql.beyond(described.stamp, last, last_id))
        elif last_id:
            conditions.append(f"Id > {soql.text(last_id)}")
        return soql.select(described.types, self._spec.name, conditions, order if is_ordered else ())

    def _queries(self, described: Described) -> Iterator[Page]:
        while True:
            before = (self.state.get("at"), self.state.get("id"))
            try:
                for rows, is_last in reading.pages(self._api, self._base, self._query(described)):
                    if not rows and not is_last:
                        raise NoProgress(
                            f"{self._api.name}: {self._spec.name} gives an empty page", None, "Run it again."
                        )
                    self._pass(rows, described)
                    if is_last:
                        self._end()
                    yield from self._landed(rows)
                return
            except reading.Expired:
                if before == (self.state.get("at"), self.state.get("id")):
                    raise NoProgress(
                        f"{self._api.name}: {self._spec.name} stands still",
                        str(before),
                        "Its locators expire at once; run it again.",
                    ) from None

    def _pass(self, rows: list[Record], described: Described) -> None:
        """Note how far the walk is. A row that changed under its hands says a stamp of after its beginning, and no place."""
        newest = soql.parsed(self.state.get("newest"))
        for row in reversed(rows):
            if described.stamp is None:
                self.state["id"] = row["Id"]
                return
            at = soql.parsed(row.get(described.stamp))
            if at is not None and (newest is None or at <= newest):
                self.state |= {"at": row[described.stamp], "id": row["Id"]}
                return

    def _end(self) -> None:
        """The next run begins behind what was there when this one began."""
        newest = soql.parsed(self.state.pop("newest", None)) or soql.parsed(self.state.get("seen"))
        if newest is not None and "until" not in self.state:
            behind = newest - timedelta(minutes=self._options.lookback_minutes)
            self.state["since"] = soql.moment(max(behind, self._since() or behind))
        for name in ("at", "id", "job", "locator", "seen"):
            self.state.pop(name, None)

    # --- Bulk

    def _begin_job(self, described: Described) -> Page:
        self.state["job"] = reading.begin(self._api, self._base, self._query(described, is_ordered=False))
        return Page({}, dict(self.state))

    def _bulk(self, described: Described) -> Iterator[Page]:
        """The rows of the job, in whatever order; one that is lost is begun anew, one that fails is replaced by queries."""
        begun = 0
        while True:
            try:
                reading.wait(self._api, self._base, self.state["job"])
                while True:
                    rows, following = reading.results(
                        self._api,
                        self._base,
                        self.state["job"],
                        self.state.get("locator"),
                        described.types,
                        self._spec.bulk_rows,
                    )
                    self._note_newest(rows, described)
                    if following is None:
                        self._end()
                    else:
                        self.state["locator"] = following
                    yield from self._landed(rows)
                    if following is None:
                        return
            except reading.Expired:
                begun += 1
                if begun > 3:
                    raise NoProgress(
                        f"{self._api.name}: the Bulk jobs of {self._spec.name} are lost", begun, "Run it again later."
                    ) from None
                self.state.pop("locator", None)
                yield self._begin_job(described)
            except reading.JobFailed as failure:
                self._context.warn(f"{self._spec.name} by queries, since its Bulk job failed: {failure}")
                for name in ("job", "locator"):
                    self.state.pop(name, None)
                yield from self._queries(described)
                return

    def _note_newest(self, rows: list[Record], described: Described) -> None:
        """Where the newest stamp could not be asked for, the job's own rows tell it: they are of one moment."""
        if self.state.get("newest") is None and described.stamp is not None:
            stated = [soql.parsed(row.get(described.stamp)) for row in rows]
            stated.append(soql.parsed(self.state.get("seen")))
            known = [at for at in stated if at is not None]
            if known:
                self.state["seen"] = soql.moment(max(known))

    # --- what lands

    def _landed(self, rows: list[Record]) -> Iterator[Page]:
        return desk.pages(self._spec, rows, self._schema, self._context, dict(self.state))
