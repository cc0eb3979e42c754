"""What was deleted for good: Salesforce's log names it for 15 days, and a comparison of all ids finds the rest.

What lies in the recycling bin is still there for a query, marked; what left the bin, or never was in it, is not. The log names
both, so an id of it counts as deleted for good once no query finds it. An emptied bin writes no line into the log.

To a query, what the user may no longer see is not there either. So a comparison that misses much is told, and not believed; and what
takes the place of a record is just newer than that, so that the record lands again with its next change.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from touchstone.sources.http.faults import NoProgress, RequestRefused
from touchstone.sources.http.streams import Context, Page, Placed, Record, State
from touchstone.sources.salesforce import reading, soql
from touchstone.sources.salesforce.objects import STAMPS, Described, SObject, base
from touchstone.sources.salesforce.source import Salesforce

BATCH = 200
FIRST_SPAN = timedelta(days=1)
SHORTEST_SPAN = timedelta(minutes=2)
SMALL_SHARE = 0.05
FEW = 5
"""How many records may be gone at once for a comparison to be believed: this many, or this share of what is held."""
_ALWAYS = ("Id", "CreatedDate")


def pages(spec: SObject, described: Described, context: Context, state: State) -> Iterator[Page]:
    """Rows that take the place of what is gone, from where `state` says on, which this moves."""
    is_covered = True
    if described.is_logged:
        is_covered = yield from _logged(spec, context, state)
    if "listed" not in state:
        # nothing was held before the first reading
        state["listed"] = soql.moment(context.window.now)
        yield Page({}, dict(state))
    elif not is_covered or _is_due(context, state):
        gone = _unlisted(spec, context)
        state["listed"] = soql.moment(context.window.now)
        yield Page({spec.stream: _gone(spec, gone, context)}, dict(state))


def _is_due(context: Context, state: State) -> bool:
    listed = soql.parsed(state["listed"])
    every = timedelta(days=context.source.options(Salesforce).full_read_days)
    return listed is None or context.window.now - listed >= every


# --- the log


def _logged(spec: SObject, context: Context, state: State) -> Iterator[Page]:
    """Follow the log; returns whether it reaches back to where it was left."""
    now = context.window.now
    covered = soql.parsed(state.get("covered"))
    is_whole = True
    first = covered or now - FIRST_SPAN
    if now - first < SHORTEST_SPAN:
        return True
    end = now
    while first < now:
        try:
            answer = _asked(spec, context, first, end)
        except RequestRefused as refusal:
            code = reading.code_of(refusal)
            if code == "EXCEEDED_ID_LIMIT" and end - first > SHORTEST_SPAN:
                end = first + (end - first) / 2
                continue
            if code != "INVALID_REPLICATION_DATE" or first >= now - FIRST_SPAN:
                raise
            # further back than the log is kept
            is_whole, first = False, now - FIRST_SPAN
            continue
        earliest = soql.parsed(answer.get("earliestDateAvailable"))
        if covered is not None and earliest is not None and earliest > covered:
            is_whole = False
        reached = soql.parsed(answer.get("latestDateCovered"))
        gone = _not_found(spec, [str(one["id"]) for one in answer["deletedRecords"]], context)
        if reached is not None:
            state["covered"] = soql.moment(reached)
        yield Page({spec.stream: _gone(spec, gone, context)}, dict(state))
        if end >= now or reached is None:
            break
        if reached <= first:
            raise NoProgress(
                f"{context.api.name}: the log of {spec.name} stands still", str(reached), "Run it again later."
            )
        first, end = reached, now
    return is_whole


def _asked(spec: SObject, context: Context, first: datetime, end: datetime) -> dict[str, Any]:
    path = f"{base(context.source.options(Salesforce))}/sobjects/{spec.name}/deleted"
    return context.api.get(path, {"start": soql.moment(first), "end": soql.moment(end)})


# --- all ids


def _unlisted(spec: SObject, context: Context) -> list[str]:
    """Ids that are held as present, and that Salesforce knows no more; none where so many are missing that rights may be."""
    held = set(context.rows.present(spec.stream)) if context.rows else set()
    if not held:
        return []
    count, is_empty = len(held), True
    path = base(context.source.options(Salesforce))
    last: str | None = None
    while True:
        conditions = [*spec.conditions, *([f"Id > {soql.text(last)}"] if last else [])]
        before = last
        try:
            for rows, _ in reading.pages(context.api, path, soql.select(["Id"], spec.name, conditions, ["Id"])):
                held.difference_update(row["Id"] for row in rows)
                is_empty = is_empty and not rows
                last = rows[-1]["Id"] if rows else last
            break
        except reading.Expired:
            if last == before:
                raise NoProgress(
                    f"{context.api.name}: the ids of {spec.name} stand still", last, "Run it again later."
                ) from None
    if is_empty or len(held) > max(FEW, SMALL_SHARE * count):
        context.warn(
            f"{spec.name}: {len(held):,} of {count:,} records that are held are no longer listed; they stay as they are, since"
            " the user may have lost the right to see them"
        )
        return []
    return _not_found(spec, sorted(held), context)


def _not_found(spec: SObject, ids: list[str], context: Context) -> list[str]:
    """Those of these ids that no query finds, the recycling bin included."""
    path = base(context.source.options(Salesforce))
    found: set[str] = set()
    for start in range(0, len(ids), BATCH):
        query = soql.select(["Id"], spec.name, [soql.among("Id", ids[start : start + BATCH])])
        found |= {row["Id"] for row in reading.rows(context.api, path, query)}
    return [one for one in ids if one not in found]


def _gone(spec: SObject, ids: list[str], context: Context) -> list[Record]:
    """What takes the place of rows that are held: neither text nor person, and since when they are known to be gone."""
    if context.rows is None or not ids:
        return []
    held = {one: row for one, row in context.rows.payloads(spec.stream, ids).items() if not row.get("archived")}
    if held:
        context.count_deleted(spec.stream, len(held))
    now = soql.moment(context.window.now)
    told = {"IsDeleted": True, "archived": True, "isDeletedForGood": True, "SystemModstamp": now}
    return [
        Placed(
            {name: row[name] for name in (*_ALWAYS, *spec.kept) if name in row}
            | told
            | {"replacedStamp": next((row[name] for name in STAMPS if soql.parsed(row.get(name))), None)},
            one,
            str(row[spec.parent]) if spec.parent and row.get(spec.parent) else one if spec.stream == "cases" else None,
        )
        for one, row in held.items()
    ]
