"""Landing of raw rows: COPY into the stream, what is replaced into its history, all in the caller's transaction.

A lookup tells first which ids the stream holds already. New rows then go straight into the stream by COPY, without a
temporary table in between; a changed row leaves for the history before its successor comes in the same COPY; an
unchanged row is not sent at all. A transaction-level lock per stream and instance keeps two loaders apart.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import psycopg
from psycopg import sql

from touchstone.errors import WarehouseError

COPY_BLOCK_BYTES = 1 << 20
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
# lengths of fields in network order, the common ones ready-made
_size = struct.Struct(">i").pack
_SIZED = 4096
_SIZES = [_size(length) for length in range(_SIZED)]
_JSONB_SIZES = [_size(length + 1) + b"\x01" for length in range(_SIZED)]
_COLUMNS = ("instance", "id", "interaction_id", "payload", "payload_hash", "version", "_load_id", "_loaded_at")


class RawRow(NamedTuple):
    """One row of a raw stream.

    Attributes:
        id: Native id, unique in (stream, instance).
        interaction_id: Native id of the conversation that the row belongs to.
        payload: JSON, UTF-8, without NUL.
        payload_hash: 16 bytes; see `payload_hash`.
        version: Orders two statements about one id; None where the later load wins.
    """

    id: str
    interaction_id: str | None
    payload: bytes
    payload_hash: bytes
    version: int | None


class Existing(NamedTuple):
    """What the stream holds under an id."""

    interaction_id: str | None
    payload_hash: bytes
    version: int | None


class Load(NamedTuple):
    """One batch: its id in `ops.loads`, its time, and the source instance that it belongs to."""

    load_id: int
    loaded_at: datetime
    instance: str


@dataclass
class Landed:
    """What became of the rows of one call.

    Attributes:
        removed: Conversations that lost rows because their new statement lacks them.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: set[str] = field(default_factory=set)

    def __add__(self, other: Landed) -> Landed:
        return Landed(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.removed | other.removed,
        )


def payload_hash(payload: bytes) -> bytes:
    """md5 of a canonical payload, as 16 bytes."""
    return hashlib.md5(payload, usedforsecurity=False).digest()


def begin_load(connection: psycopg.Connection, instance: str) -> Load:
    """Number of the next load; call it inside the batch's transaction.

    Lookups by id are index scans by design, and the statistics of a table that grows from nothing lag behind: within
    this transaction the planner is kept from scanning whole streams.
    """
    connection.execute("set local enable_seqscan = off")
    load_id, loaded_at = connection.execute(
        "select nextval(pg_get_serial_sequence('ops.loads', 'load_id')), clock_timestamp()"
    ).fetchone()
    return Load(load_id, loaded_at, instance)


def lock_stream(connection: psycopg.Connection, schema: str, stream: str, instance: str) -> None:
    """Keep other loaders off this stream and instance until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"land {schema}.{stream} {instance}"])


def existing_rows(
    connection: psycopg.Connection,
    schema: str,
    stream: str,
    instance: str,
    *,
    ids: Collection[str] = (),
    interactions: Collection[str] = (),
) -> dict[str, Existing]:
    """Rows that the stream holds: those of `ids`, or all of the conversations `interactions`."""
    wanted, column = (list(ids), "id") if ids else (list(interactions), "interaction_id")
    if not wanted:
        return {}
    query = sql.SQL(
        "select id, interaction_id, uuid_send(payload_hash), version from {} where instance = %s and {} = any(%b)"
    ).format(sql.Identifier(schema, stream), sql.Identifier(column))
    with connection.cursor(binary=True) as cursor:
        cursor.execute(query, [instance, wanted])
        return {row_id: Existing(owner, found, version) for row_id, owner, found, version in cursor}


def land(
    connection: psycopg.Connection,
    schema: str,
    stream: str,
    rows: Iterable[RawRow],
    load: Load,
    *,
    existing: Mapping[str, Existing] | None = None,
    replaced_interactions: Collection[str] | None = None,
    touched: Collection[str] = (),
) -> Landed:
    """Bring rows into a raw stream, each only if its payload is new and its version is not older.

    Args:
        rows: At most one per id.
        load: From `begin_load`; the caller writes its row of `ops.loads` in the same transaction.
        existing: What `existing_rows` said under the stream's lock; looked up by id when None.
        replaced_interactions: Conversations whose rows are stated in full: a row of theirs that `existing` holds and
            `rows` lacks leaves for the history.
        touched: Ids that get this load's number although their payload may be unchanged.

    Raises:
        WarehouseError: The stream holds no such table, or an id comes twice.
    """
    rows = list(rows)
    incoming = {row.id for row in rows}
    if len(incoming) != len(rows):
        raise WarehouseError(f"an id comes twice in one batch of {schema}.{stream}", None, "Send the last one only.")
    if existing is None:
        lock_stream(connection, schema, stream, load.instance)
        existing = existing_rows(connection, schema, stream, load.instance, ids=incoming)
    if not existing:  # nothing to compare with, as in every first load
        copy_rows(connection, schema, stream, rows, load)
        return Landed(inserted=len(rows))
    result = Landed()
    fresh: list[RawRow] = []
    leaving: list[str] = []
    touch: list[str] = []
    confirmed: list[RawRow] = []
    for row in rows:
        held = existing.get(row.id)
        if held is None:
            fresh.append(row)
            result.inserted += 1
        elif is_newer(row, held):
            fresh.append(row if row.interaction_id else row._replace(interaction_id=held.interaction_id))
            leaving.append(row.id)
            result.updated += 1
        else:
            if row.version is not None and (held.version is None or row.version > held.version):
                confirmed.append(row)
            if row.id in touched:
                touch.append(row.id)
                result.updated += 1
            else:
                result.unchanged += 1
    if replaced_interactions:
        for row_id, held in existing.items():
            if row_id not in incoming and held.interaction_id in replaced_interactions:
                leaving.append(row_id)
                result.removed.add(held.interaction_id)
    _to_history(connection, schema, stream, leaving, load)
    _touch(connection, schema, stream, touch, load)
    _confirm(connection, schema, stream, confirmed, load)
    copy_rows(connection, schema, stream, fresh, load)
    return result


def is_newer(row: RawRow, held: Existing) -> bool:
    """Whether a statement replaces the one that is held: other content, and a version that is not older.

    The conversation that a row belongs to may become known, or change, while its payload stays: that is other content too.
    A statement that does not know it leaves it as it is held.
    """
    if row.payload_hash == held.payload_hash and row.interaction_id in (None, held.interaction_id):
        return False
    return row.version is None or held.version is None or row.version >= held.version


def land_merged(
    connection: psycopg.Connection,
    schema: str,
    stream: str,
    rows: Mapping[str, tuple[dict[str, Any], int | None]],
    load: Load,
    *,
    merge: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] = lambda held, incoming: {**held, **incoming},
) -> Landed:
    """Bring partial payloads into a stream whose ids are conversations: what is held and not stated anew, stays.

    Args:
        rows: id -> (fields stated, version).
        merge: (held payload, stated fields) -> payload to hold; a statement with an older version is not merged.
    """
    lock_stream(connection, schema, stream, load.instance)
    query = sql.SQL("select id, payload::text, version from {} where instance = %s and id = any(%s)").format(
        sql.Identifier(schema, stream)
    )
    held = {
        row_id: (orjson.loads(payload), version)
        for row_id, payload, version in connection.execute(query, [load.instance, list(rows)])
    }
    result = Landed()
    fresh: list[RawRow] = []
    leaving: list[str] = []
    for row_id, (stated, version) in rows.items():
        payload = merge({}, stated)
        if row_id in held:
            held_payload, held_version = held[row_id]
            is_older = version is not None and held_version is not None and version < held_version
            payload = held_payload if is_older else merge(held_payload, stated)
            # by value, not by hash: jsonb writes some numbers in another form
            if payload == held_payload:
                result.unchanged += 1
                continue
            leaving.append(row_id)
            result.updated += 1
            version = held_version if version is None else version
        else:
            result.inserted += 1
        encoded = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
        fresh.append(RawRow(row_id, row_id, encoded, payload_hash(encoded), version))
    _to_history(connection, schema, stream, leaving, load)
    copy_rows(connection, schema, stream, fresh, load)
    return result


def copy_rows(connection: psycopg.Connection, schema: str, stream: str, rows: Iterable[RawRow], load: Load) -> None:
    """COPY rows, whose ids the stream does not hold, in PostgreSQL's binary form."""
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    instance = load.instance.encode()
    elapsed = load.loaded_at - _POSTGRES_EPOCH
    loaded_at = (elapsed.days * 86400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
    head = struct.pack(">hi", len(_COLUMNS), len(instance)) + instance
    tail = struct.pack(">iqiq", 8, load.load_id, 8, loaded_at)
    without_version = _NULL + tail
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(schema, stream), sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    )
    owner: str | None = None
    owner_field = _NULL
    with connection.cursor().copy(statement) as copy:
        parts: list[bytes] = [_COPY_HEADER]
        waiting = 0
        for row_id, interaction_id, payload, digest, version in itertools.chain((first,), rows):
            if interaction_id != owner:  # the rows of a conversation come one after the other
                owner = interaction_id
                owner_field = _NULL if owner is None else _sized(owner.encode())
            id_bytes = row_id.encode()
            id_size, size = len(id_bytes), len(payload)
            parts += (
                head,
                _SIZES[id_size] if id_size < _SIZED else _size(id_size),
                id_bytes,
                owner_field,
                # the version of jsonb's binary form is part of the field
                _JSONB_SIZES[size] if size < _SIZED else _size(size + 1) + b"\x01",
                payload,
                b"\x00\x00\x00\x10",
                digest,
                without_version if version is None else struct.pack(">iq", 8, version) + tail,
            )
            waiting += size
            if waiting > COPY_BLOCK_BYTES:
                copy.write(b"".join(parts))
                parts, waiting = [], 0
        parts.append(_COPY_END)
        copy.write(b"".join(parts))


def begin_statement(connection: psycopg.Connection) -> None:
    """Begin to note the ids of a statement that takes several transactions of this session."""
    connection.execute("create temporary table if not exists stated_rows (id text not null)")
    connection.execute("truncate stated_rows")


def note_stated(connection: psycopg.Connection, ids: Iterable[str]) -> None:
    """Note ids of the statement that `begin_statement` began."""
    with connection.cursor().copy("copy stated_rows (id) from stdin") as copy:
        for row_id in ids:
            copy.write_row((row_id,))


def end_statement(connection: psycopg.Connection, schema: str, stream: str, interaction_id: str, load: Load) -> int:
    """Let the rows of a conversation that the statement lacks leave for the history.

    Returns:
        How many left.
    """
    columns = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    return connection.execute(
        sql.SQL(
            "with gone as (delete from {stream} as held where instance = %s and interaction_id = %s"
            " and not exists (select from stated_rows where stated_rows.id = held.id) returning {columns})"
            " insert into {history} ({columns}, replaced_by_load_id) select {columns}, %s from gone"
        ).format(
            stream=sql.Identifier(schema, stream),
            history=sql.Identifier(schema, f"{stream}_history"),
            columns=columns,
        ),
        [load.instance, interaction_id, load.load_id],
    ).rowcount


def _sized(value: bytes) -> bytes:
    return _size(len(value)) + value


def _to_history(connection: psycopg.Connection, schema: str, stream: str, ids: list[str], load: Load) -> None:
    if not ids:
        return
    columns = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    connection.execute(
        sql.SQL(
            "with gone as (delete from {stream} where instance = %s and id = any(%s) returning {columns})"
            " insert into {history} ({columns}, replaced_by_load_id) select {columns}, %s from gone"
        ).format(
            stream=sql.Identifier(schema, stream),
            history=sql.Identifier(schema, f"{stream}_history"),
            columns=columns,
        ),
        [load.instance, ids, load.load_id],
    )


def _touch(connection: psycopg.Connection, schema: str, stream: str, ids: list[str], load: Load) -> None:
    if ids:
        connection.execute(
            sql.SQL("update {} set _load_id = %s, _loaded_at = %s where instance = %s and id = any(%s)").format(
                sql.Identifier(schema, stream)
            ),
            [load.load_id, load.loaded_at, load.instance, ids],
        )


def _confirm(connection: psycopg.Connection, schema: str, stream: str, rows: list[RawRow], load: Load) -> None:
    """The same content under a newer version: only the version moves, so that statements in between stay out."""
    if rows:
        connection.execute(
            sql.SQL(
                "update {} as held set version = stated.version from unnest(%s::text[], %s::bigint[])"
                " as stated (id, version) where held.instance = %s and held.id = stated.id"
            ).format(sql.Identifier(schema, stream)),
            [[row.id for row in rows], [row.version for row in rows], load.instance],
        )
