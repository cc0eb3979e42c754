"""Cases are landed whole: what was said in one before the instance's start, or before it was known, is read with it."""

from __future__ import annotations

from collections.abc import Iterable

from touchstone.sources.http.streams import Context, Record
from touchstone.sources.salesforce import reading, soql
from touchstone.sources.salesforce.objects import CASE, PARTS, Schema, SObject, base
from touchstone.sources.salesforce.source import Salesforce

BATCH = 100


def with_cases(spec: SObject, rows: list[Record], schema: Schema, context: Context) -> dict[str, list[Record]]:
    """The rows of a page by stream, with what they need beside them.

    A case from before the start that is not held yet comes with all its parts, and a part whose case is not held brings the
    case with all of its parts.
    """
    landed = {spec.stream: rows}
    if spec is CASE:
        start = context.window.start
        old = [row["Id"] for row in rows if (made := soql.parsed(row.get("CreatedDate"))) is not None and made < start]
        _add(landed, _parts(_not_held(old, context), schema, context))
    elif spec.parent is not None:
        lacking = _not_held((row[spec.parent] for row in rows if soql.is_id(row.get(spec.parent))), context)
        cases = _of("Id", CASE, lacking, schema, context)
        there = [row["Id"] for row in cases]
        for _ in range(len(lacking) - len(there)):
            context.skip("case of a part that this user may not see")
        _add(landed, {CASE.stream: cases})
        _add(landed, _parts(there, schema, context))
    return landed


def _not_held(ids: Iterable[str], context: Context) -> list[str]:
    asked = list(dict.fromkeys(ids))
    held = context.held(CASE.stream, asked) if asked else {}
    return [one for one in asked if one not in held]


def _parts(case_ids: list[str], schema: Schema, context: Context) -> dict[str, list[Record]]:
    return {spec.stream: _of(spec.parent or "", spec, case_ids, schema, context) for spec in PARTS} if case_ids else {}


def _of(field: str, spec: SObject, ids: list[str], schema: Schema, context: Context) -> list[Record]:
    """All rows of an object whose field holds one of these ids."""
    described = schema.of(spec) if ids else None
    if described is None:
        return []
    found: list[Record] = []
    path = base(context.source.options(Salesforce))
    for start in range(0, len(ids), BATCH):
        query = soql.select(described.types, spec.name, [soql.among(field, ids[start : start + BATCH])])
        found += reading.rows(context.api, path, query)
    return found


def _add(landed: dict[str, list[Record]], more: dict[str, list[Record]]) -> None:
    for stream, rows in more.items():
        if rows:
            landed[stream] = landed.get(stream, []) + rows
