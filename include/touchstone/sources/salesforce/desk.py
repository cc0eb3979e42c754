"""Cases are landed whole: what was said in one before the instance's start, or before it was known, is read with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from touchstone.sources.http.streams import Context, Page, Record, State
from touchstone.sources.salesforce import reading, soql
from touchstone.sources.salesforce.objects import CASE, PARTS, Schema, SObject, base
from touchstone.sources.salesforce.source import Salesforce

BATCH = 100


def pages(spec: SObject, rows: list[Record], schema: Schema, context: Context, state: State) -> Iterator[Page]:
    """The rows of a page, the state that follows it with the last of them, and before them what they need beside them.

    A case from before the start that is not held yet comes with all its parts, and a part whose case is not held brings the
    case with all of its parts: as many cases at once as one query asks for, since the past of one may be long. Each is held
    only together with its parts, so that a walk which is stopped in between goes on with the others.
    """
    if spec is CASE:
        start = context.window.start
        old = [row["Id"] for row in rows if (made := soql.parsed(row.get("CreatedDate"))) is not None and made < start]
        lacking = _not_held(old, context)
        by_id = {row["Id"]: row for row in rows}
        for some in _batches(lacking):
            yield Page({CASE.stream: [by_id[one] for one in some], **_parts(some, schema, context)}, None)
        landed = set(lacking)
        rows = [row for row in rows if row["Id"] not in landed]
    elif spec.parent is not None:
        lacking = _not_held((row[spec.parent] for row in rows if soql.is_id(row.get(spec.parent))), context)
        for some in _batches(lacking):
            cases = _of("Id", CASE, some, schema, context)
            for _ in range(len(some) - len(cases)):
                context.skip("case of a part that this user may not see")
            if cases:
                yield Page({CASE.stream: cases, **_parts([row["Id"] for row in cases], schema, context)}, None)
    yield Page({spec.stream: rows}, state)


def _batches(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _not_held(ids: Iterable[str], context: Context) -> list[str]:
    asked = list(dict.fromkeys(ids))
    held = context.held(CASE.stream, asked) if asked else {}
    return [one for one in asked if one not in held]


def _parts(case_ids: list[str], schema: Schema, context: Context) -> dict[str, list[Record]]:
    found = {spec.stream: _of(spec.parent or "", spec, case_ids, schema, context) for spec in PARTS}
    return {stream: rows for stream, rows in found.items() if rows}


def _of(field: str, spec: SObject, ids: list[str], schema: Schema, context: Context) -> list[Record]:
    """All rows of an object whose field holds one of these ids, of which one query takes all."""
    described = schema.of(spec)
    if described is None:
        return []
    query = soql.select(described.types, spec.name, [soql.among(field, ids)])
    return reading.rows(context.api, base(context.source.options(Salesforce)), query)
