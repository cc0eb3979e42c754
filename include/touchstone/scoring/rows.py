"""Rows of Python values into a table: COPY into a temporary copy, then one insert, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
import psycopg
from psycopg import sql

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BLOCK_ROWS = 2_000


def _text(value: str) -> str:
    return value if value.isalnum() else value.translate(_ESCAPES)


def _json(value: object) -> str:
    return orjson.dumps(value).decode().translate(_ESCAPES)


_FORMATS: dict[type, Callable[[Any], str]] = {
    str: _text,
    float: repr,
    int: repr,
    bool: lambda value: "t" if value else "f",
    list: _json,
    dict: _json,
}


def _field(value: Any) -> str:
    if value is None:
        return "\\N"
    formatter = _FORMATS.get(type(value))
    if formatter:
        return formatter(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no COPY format for {type(value).__name__}: {value!r}")


def copy_new_rows(
    connection: psycopg.Connection,
    schema: str,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    on_conflict: str = "do nothing",
) -> int:
    """Insert rows, whose values are text, numbers, booleans, times with a zone, or JSON as lists and dicts.

    Args:
        connection: Open transaction; the rows are visible when it commits.
        columns: Names in the order of the values.
        on_conflict: What follows `on conflict`.

    Returns:
        Number of rows that were inserted or updated.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    target = sql.Identifier(schema, table)
    holding = sql.Identifier(f"new_{schema}_{table}")
    connection.execute(
        sql.SQL(
            "create temporary table if not exists {holding} on commit delete rows as select {names} from {target} with no data"
        ).format(holding=holding, names=names, target=target)
    )
    with connection.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(holding, names)) as copy:
        block: list[str] = []
        for row in rows:
            block.append("\t".join([_field(value) for value in row]))
            if len(block) >= _BLOCK_ROWS:
                copy.write("\n".join(block) + "\n")
                block.clear()
        if block:
            copy.write("\n".join(block) + "\n")
    return connection.execute(
        sql.SQL("insert into {target} ({names}) select {names} from {holding} on conflict {action}").format(
            target=target, names=names, holding=holding, action=sql.SQL(on_conflict)
        )
    ).rowcount
