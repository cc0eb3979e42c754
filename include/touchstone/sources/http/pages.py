"""Pages become rows: each record encoded once, refused with a reason where it has no identity, landed with its cursor."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import psycopg
from psycopg import sql

from touchstone.sources.http.drift import Shapes
from touchstone.sources.http.streams import Page, Part, RawStream, Record
from touchstone.sources.reasons import kept_payload
from touchstone.sources.schema import MAX_ID_LENGTH
from touchstone.warehouse import landing, ledger
from touchstone.warehouse.landing import Landed, RawRow

_NAMESPACE = uuid.UUID("2f0b9a6e-6a0f-5f57-8f0f-0f1b6f3f7a11")
MAX_RECORD_BYTES = 64 * 1024 * 1024


@dataclass
class Counts:
    """Records by what became of them; one that a newer statement of the same page supersedes is unchanged."""

    rows_in: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    newest: datetime | None = None
    by_stream: dict[str, int] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        for name in ("rows_in", "inserted", "updated", "unchanged", "quarantined"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.newest = max(filter(None, (self.newest, other.newest)), default=None)
        for stream, count in other.by_stream.items():
            self.by_stream[stream] = self.by_stream.get(stream, 0) + count


@dataclass(frozen=True)
class Refusal:
    """A record that cannot land; `piece` is what the quarantine keeps of it."""

    stream: str
    code: str
    reason: str
    remedy: str
    record_id: str | None
    piece: str | None


@dataclass
class Lander:
    """Lands the pages of one run of one source instance.

    Attributes:
        connection: Of the role touchstone_loader, in autocommit mode.
        schema: Of the raw streams, `raw_<source>`.
        is_live: Whether cursors move; a backfill leaves them.
    """

    connection: psycopg.Connection
    schema: str
    source: str
    instance: str
    run_id: int
    as_of: datetime
    raw: dict[str, RawStream]
    shapes: Shapes
    is_live: bool = True

    def land(self, stream: str, page: Page) -> Counts:
        """Rows, what is refused, the ledger's row and the cursor, in one transaction."""
        counts = Counts()
        rows: dict[str, dict[str, RawRow]] = {}
        refusals = [Refusal(name, code, why, what, None, piece) for name, code, why, what, piece in page.refused]
        counts.rows_in += len(refusals)
        for name, records in page.records.items():
            rows[name], refused, newest = self._rows(self.raw[name], records)
            refusals += refused
            counts.rows_in += len(records)
            counts.by_stream[name] = len(records)
            counts.newest = max(filter(None, (counts.newest, newest)), default=None)
        with self.connection.transaction():
            load = landing.begin_load(self.connection, self.instance)
            total = Landed()
            for name, by_id in rows.items():
                total += self._land(name, list(by_id.values()), page.replaced.get(name, set()), load)
            if page.part:
                self._land_part(page.part, rows.get(page.part.stream, {}), load)
            counts.inserted, counts.updated = total.inserted, total.updated
            counts.quarantined = len(refusals)
            counts.unchanged = counts.rows_in - counts.inserted - counts.updated - counts.quarantined
            ledger.quarantine(self.connection, [self._quarantined(refusal, load.load_id) for refusal in refusals])
            self.shapes.record(self.connection, page.records, load.load_id)
            ledger.write_load(
                self.connection,
                load,
                run_id=self.run_id,
                source=self.source,
                batch=stream,
                as_of=self.as_of,
                rows_in=counts.rows_in,
                inserted=counts.inserted,
                updated=counts.updated,
                unchanged=counts.unchanged,
                quarantined=counts.quarantined,
                newest_message_at=counts.newest,
            )
            if self.is_live and page.state is not None:
                ledger.write_cursor(self.connection, load, self.source, stream, page.state)
        return counts

    def _rows(
        self, spec: RawStream, records: Iterable[Any]
    ) -> tuple[dict[str, RawRow], list[Refusal], datetime | None]:
        """At most one row per id: of two statements the newer version, of equals the later."""
        rows: dict[str, RawRow] = {}
        refused: list[Refusal] = []
        newest: datetime | None = None
        for record in records:
            try:
                row = self._row(spec, record)
            except _RefusedRecord as refusal:
                refused.append(refusal.refusal)
                continue
            held = rows.get(row.id)
            if held is None or None in (held.version, row.version) or row.version >= held.version:
                rows[row.id] = row
            if spec.happened_at is not None:
                moment = spec.happened_at(record)
                newest = max(filter(None, (newest, moment)), default=None)
        return rows, refused, newest

    def _row(self, spec: RawStream, record: Any) -> RawRow:
        if not isinstance(record, dict):
            raise _RefusedRecord(spec.name, "record_not_an_object", "is not a JSON object", None, record)
        row_id = spec.row_id(record)
        if not row_id:
            raise _RefusedRecord(spec.name, "record_id_missing", "has no id", None, record)
        if len(row_id) > MAX_ID_LENGTH:
            raise _RefusedRecord(
                spec.name,
                "record_id_too_long",
                f"has an id of more than {MAX_ID_LENGTH} characters",
                row_id[:64],
                record,
            )
        try:
            payload = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError as error:  # such as a number beyond 64 bits
            raise _RefusedRecord(
                spec.name, "record_not_storable", f"cannot be stored: {error}", row_id, record
            ) from None
        if len(payload) > MAX_RECORD_BYTES:
            raise _RefusedRecord(
                spec.name, "record_too_large", f"is larger than {MAX_RECORD_BYTES} bytes", row_id, record
            )
        return RawRow(row_id, spec.interaction_id(record), payload, landing.payload_hash(payload), spec.version(record))

    def _land(self, stream: str, rows: list[RawRow], replaced: set[str], load: landing.Load) -> Landed:
        rows.sort(key=lambda row: row.interaction_id or "")
        if not replaced:
            return landing.land(self.connection, self.schema, stream, rows, load)
        landing.lock_stream(self.connection, self.schema, stream, self.instance)
        existing = landing.existing_rows(
            self.connection, self.schema, stream, self.instance, interactions=replaced
        ) | landing.existing_rows(self.connection, self.schema, stream, self.instance, ids={row.id for row in rows})
        return landing.land(
            self.connection, self.schema, stream, rows, load, existing=existing, replaced_interactions=replaced
        )

    def _land_part(self, part: Part, stated: Iterable[str], load: landing.Load) -> None:
        if part.is_first:
            landing.begin_statement(self.connection)
        landing.note_stated(self.connection, stated)
        if part.is_last:
            landing.end_statement(self.connection, self.schema, part.stream, part.interaction_id, load)

    def _quarantined(self, refusal: Refusal, load_id: int) -> ledger.QuarantineRow:
        place = (self.source, self.instance, refusal.stream, refusal.code, refusal.record_id or "", refusal.piece or "")
        return ledger.QuarantineRow(
            quarantine_id=uuid.uuid5(_NAMESPACE, "\x1f".join(place)),
            source=self.source,
            instance=self.instance,
            stream=refusal.stream,
            file=None,
            line=None,
            interaction_id=None,
            record_id=refusal.record_id,
            reason_code=refusal.code,
            reason=f"a record of {refusal.stream} {refusal.reason}",
            remedy=refusal.remedy,
            payload=refusal.piece,
            run_id=self.run_id,
            load_id=load_id,
            as_of=self.as_of,
        )

    def state(self, stream: str) -> dict[str, Any]:
        """The cursor of a stream, empty where none was ever written."""
        found = self.connection.execute(
            "select state from ops.cursors where source = %s and instance = %s and stream = %s",
            [self.source, self.instance, stream],
        ).fetchone()
        return found[0] if found else {}

    def held(self, stream: str, ids: list[str]) -> dict[str, int | None]:
        """Which of these ids the raw stream holds, with their versions."""
        query = sql.SQL("select id, version from {} where instance = %s and id = any(%s)").format(
            sql.Identifier(self.schema, stream)
        )
        return dict(self.connection.execute(query, [self.instance, ids]).fetchall())

    def last_load(self, stream: str) -> int:
        """See `touchstone.sources.http.streams.Rows`."""
        query = sql.SQL("select coalesce(max(_load_id), 0) from {} where instance = %s")
        return self.connection.execute(query.format(sql.Identifier(self.schema, stream)), [self.instance]).fetchone()[0]

    def changed(self, stream: str, after_load: int) -> tuple[int, list[tuple[str, Record]]] | None:
        """See `touchstone.sources.http.streams.Rows`."""
        table = sql.Identifier(self.schema, stream)
        (load_id,) = self.connection.execute(
            sql.SQL("select min(_load_id) from {} where instance = %s and _load_id > %s").format(table),
            [self.instance, after_load],
        ).fetchone()
        if load_id is None:
            return None
        query = sql.SQL("select id, payload from {} where instance = %s and _load_id = %s order by id")
        return load_id, self.connection.execute(query.format(table), [self.instance, load_id]).fetchall()

    def told(self, stream: str, after_load: int, fields: tuple[str, ...]) -> list[tuple[str | None, ...]]:
        """See `touchstone.sources.http.streams.Rows`."""
        columns = [sql.SQL("payload ->> {}").format(sql.Literal(name)) for name in fields]
        query = sql.SQL("select id, {} from {} where instance = %s and _load_id > %s order by _load_id, id").format(
            sql.SQL(", ").join(columns), sql.Identifier(self.schema, stream)
        )
        return self.connection.execute(query, [self.instance, after_load]).fetchall()

    def count(self, stream: str, interaction_id: str) -> int:
        """See `touchstone.sources.http.streams.Rows`."""
        query = sql.SQL("select count(*) from {} where instance = %s and interaction_id = %s")
        return self.connection.execute(
            query.format(sql.Identifier(self.schema, stream)), [self.instance, interaction_id]
        ).fetchone()[0]

    def ids(self, stream: str, interaction_ids: list[str]) -> list[str]:
        """See `touchstone.sources.http.streams.Rows`."""
        query = sql.SQL("select id from {} where instance = %s and interaction_id = any(%s) order by id")
        found = self.connection.execute(
            query.format(sql.Identifier(self.schema, stream)), [self.instance, interaction_ids]
        )
        return [row_id for (row_id,) in found]

    def present(self, stream: str) -> Iterable[str]:
        """See `touchstone.sources.http.streams.Rows`."""
        query = sql.SQL("select id from {} where instance = %s and payload ->> 'archived' is distinct from 'true'")
        found = self.connection.execute(query.format(sql.Identifier(self.schema, stream)), [self.instance])
        return (row_id for (row_id,) in found)

    def present_after(self, stream: str, prefix: str, after: str, most: int) -> list[str]:
        """See `touchstone.sources.http.streams.Rows`."""
        query = sql.SQL(
            "select id from {} where instance = %s and starts_with(id, %s) and id > %s"
            " and payload ->> 'archived' is distinct from 'true' order by id limit %s"
        ).format(sql.Identifier(self.schema, stream))
        found = self.connection.execute(query, [self.instance, prefix, after, most])
        return [row_id for (row_id,) in found]

    def payloads(self, stream: str, ids: list[str]) -> dict[str, Record]:
        """See `touchstone.sources.http.streams.Rows`."""
        query = sql.SQL("select id, payload from {} where instance = %s and id = any(%s)")
        return dict(
            self.connection.execute(query.format(sql.Identifier(self.schema, stream)), [self.instance, ids]).fetchall()
        )

    def news(self, stream: str, records: list[Record]) -> list[Record]:
        """See `touchstone.sources.http.streams.Rows`; a record that cannot land is no news."""
        rows, _, _ = self._rows(self.raw[stream], records)
        held = landing.existing_rows(self.connection, self.schema, stream, self.instance, ids=rows.keys())
        fresh = {row.id for row in rows.values() if row.id not in held or landing.is_newer(row, held[row.id])}
        return [record for record in records if self.raw[stream].row_id(record) in fresh]


class _RefusedRecord(Exception):
    def __init__(self, stream: str, code: str, reason: str, record_id: str | None, record: Record | Any) -> None:
        super().__init__(reason)
        self.refusal = Refusal(
            stream,
            code,
            reason,
            "Report it to the vendor; the record lands by itself once it is stated correctly.",
            record_id,
            kept_payload(record),
        )
