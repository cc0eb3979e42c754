"""Spans in a table of a database that SQLAlchemy reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import MetaData, Table, and_, create_engine, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from touchstone.errors import ConfigurationError, SourceError
from touchstone.sources.characters import storable
from touchstone.sources.http.faults import UnreachableError
from touchstone.sources.http.streams import Context, Page, Record, State
from touchstone.sources.otel.gather import Gathered
from touchstone.sources.otel.otlp import attributes, span_record
from touchstone.sources.otel.source import Otel, SpanTable

PAGE_ROWS = 2000


@contextmanager
def opened(context: Context) -> Iterator[tuple[Connection, Table]]:
    """A connection that reads, and the table; no message of it names the address, which holds a password.

    Raises:
        ConfigurationError: The address is none, or the table lacks a column.
        UnreachableError: The database does not answer.
    """
    name, wanted = context.source.name, context.source.options(Otel).table
    try:
        engine = create_engine(context.secrets["url"])
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigurationError(
            f"{name}: the address of the database cannot be used",
            type(error).__name__,
            "Write it as SQLAlchemy has it, such as postgresql+psycopg://user:password@host/database.",
        ) from None
    schema, _, table_name = wanted.name.rpartition(".")
    try:
        with engine.connect() as connection:
            yield connection, Table(table_name, MetaData(), autoload_with=connection, schema=schema or None)
    except NoSuchTableError:
        raise ConfigurationError(f"{name}: no such table", wanted.name, "Correct `table.name`.") from None
    except SQLAlchemyError as error:
        raise UnreachableError(
            f"{name}: the database cannot be read",
            type(error).__name__,
            "Check its address, the user's rights and the table.",
        ) from None
    finally:
        engine.dispose()


def check(context: Context) -> None:
    """Ask for one row."""
    with opened(context) as (connection, table):
        connection.execute(select(*_columns(table, context.source.options(Otel).table).values()).limit(1)).all()


def walk(context: Context, state: State, interval: tuple[int, int] | None = None) -> Iterator[Page]:
    """Rows by their cursor, from some way before where the last run ended, or was stopped: what was committed late lies there.

    Its state:
        newest: The greatest cursor that was read.
    """
    wanted = context.source.options(Otel).table
    gathered = Gathered(context, interval)
    with opened(context) as (connection, table):
        columns = _columns(table, wanted)
        cursor, trace_id, span_id = (columns[name] for name in ("cursor", "trace_id", "span_id"))
        query = select(*(column.label(name) for name, column in columns.items())).where(cursor.is_not(None))
        query = query.order_by(cursor, trace_id, span_id).limit(PAGE_ROWS)
        newest = _thawed(state.get("newest"))
        asked = query if newest is None else query.where(cursor >= _before(newest, wanted.late))
        while True:
            rows = [dict(row) for row in connection.execute(asked).mappings()]
            for row in rows:
                gathered.span(_record(context, row))
            if rows:
                newest = rows[-1]["cursor"] if newest is None else max(newest, rows[-1]["cursor"])
            is_over = len(rows) < PAGE_ROWS
            place = () if is_over else tuple(rows[-1][name] for name in ("cursor", "trace_id", "span_id"))
            if None in place:
                raise SourceError(
                    f"{context.source.name}: rows without an id fill a page of {wanted.name}",
                    _frozen(place[0]),
                    "Correct them.",
                )
            yield gathered.page({"newest": _frozen(newest)} if newest is not None else {})
            if is_over:
                return
            # the order of rows that share a cursor, without a tuple, which not every database compares
            asked = query.where(
                or_(
                    cursor > place[0],
                    and_(cursor == place[0], trace_id > place[1]),
                    and_(cursor == place[0], trace_id == place[1], span_id > place[2]),
                )
            )


def _columns(table: Table, wanted: SpanTable) -> dict[str, Any]:
    """The columns by what they hold.

    Raises:
        ConfigurationError: The table has no such column.
    """
    found = {}
    for name, column in wanted.model_dump(exclude={"name", "late"}).items():
        if column is None:
            continue
        if column not in table.columns:
            raise ConfigurationError(
                f"table {wanted.name} has no column for `{name}`",
                column,
                f"Write `{name}:` with one of {', '.join(table.columns.keys())}.",
            )
        found[name] = table.columns[column]
    return found


def _record(context: Context, row: dict[str, Any]) -> Record:
    """A row in the form of a span."""
    span = {
        "traceId": row["trace_id"],
        "spanId": row["span_id"],
        "parentSpanId": row.get("parent_span_id"),
        "name": row["span_name"],
        "startTimeUnixNano": _nanoseconds(row["start_time"]),
        "endTimeUnixNano": _nanoseconds(row["end_time"]),
        "status": {"code": row.get("status_code"), "message": row.get("status_message")},
        "attributes": row["attributes"],
        "events": _events(row.get("events")),
    }
    record, count = storable(span_record(span, attributes(row.get("resource_attributes")), {}))
    context.replaced_characters += count
    return record


def _events(stated: Any) -> list[Any]:
    if isinstance(stated, str):
        stated = list(attributes(f'{{"events": {stated}}}').get("events") or [])
    return stated if isinstance(stated, list) else []


def _nanoseconds(value: Any) -> Any:
    """A time as nanoseconds since 1970; one without a zone is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return ((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)) * 1000
    return int(value) if isinstance(value, Decimal) else value


def _before(newest: Any, late: int) -> Any:
    return newest - (timedelta(minutes=late) if isinstance(newest, date) else late)


def _frozen(value: Any) -> Any:
    """A cursor as JSON has it: a time is told from a text by its key."""
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    return int(value) if isinstance(value, Decimal) else value


def _thawed(value: Any) -> Any:
    return datetime.fromisoformat(value["time"]) if isinstance(value, dict) else value
