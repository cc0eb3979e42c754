"""How RT's lists are read: by id, since page numbers shift while rows are added, and what an account may not see leaves holes.

Every search is one of two kinds. RT's own language reads a time in the account's time zone and takes `=` for the whole day; a
list of conditions in JSON is compared with the columns as they are, in UTC. Whatever asks for times uses the latter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import NoProgress
from touchstone.sources.http.streams import Record

REST = "/REST/2.0"
PER_PAGE = 100
PERSON = "id,Name"

Condition = tuple[str, str, Any]


@dataclass(frozen=True)
class Listed:
    """One page of a list: its records, the highest id that was read, and whether RT says that nothing follows."""

    records: list[Record]
    last: int
    is_last: bool


def conditions(*stated: Condition) -> str:
    """A search in JSON: (field, operator, value) each; two of one field hold together."""
    fields = [field for field, _, _ in stated]
    return json.dumps(
        [
            {"field": field, "operator": operator, "value": value}
            | ({"entry_aggregator": "AND"} if field in fields[:place] else {})
            for place, (field, operator, value) in enumerate(stated)
        ]
    )


def by_id(api: ApiClient, path: str, query_of: Callable[[int], str], after: int = 0, **params: Any) -> Iterator[Listed]:
    """All that a search finds beyond an id, in the order of ids (RT's own order is that of creation).

    Args:
        query_of: The search for what lies beyond an id.

    Raises:
        NoProgress: RT repeats what was asked to be left out.
    """
    number = 1
    while True:
        asked = {"query": query_of(after), "orderby": "id", "order": "ASC", "per_page": PER_PAGE, **params}
        answer = api.get(f"{REST}{path}", asked | ({"page": number} if number > 1 else {}))
        records = answer["items"]
        total = answer.get("total")
        if not records:
            # RT counts for accounts that see everything; to others a page without records may have others behind it
            if total is None and _is_more(api, path, asked):
                number += 1
                continue
            return
        last = max(int(record["id"]) for record in records)
        if min(int(record["id"]) for record in records) <= after:
            raise NoProgress(f"{api.name}: {path} stands still", after, "RT repeats its page; run it again.")
        is_last = total is not None and number == 1 and int(total) <= len(records)
        yield Listed(records, last, is_last)
        if is_last:
            return
        after, number = last, 1


def _is_more(api: ApiClient, path: str, asked: dict[str, Any]) -> bool:
    return bool(api.get(f"{REST}{path}", asked | {"order": "DESC", "per_page": 1})["items"])


def first_id(api: ApiClient, path: str, *stated: Condition, order: str = "ASC") -> int | None:
    """The lowest id of what fits, or the highest with `order="DESC"`; None where nothing does."""
    asked = {"query": conditions(*stated), "orderby": "id", "order": order, "per_page": 1}
    found = api.get(f"{REST}{path}", asked)["items"]
    return int(found[0]["id"]) if found else None


def last_change(api: ApiClient, path: str) -> str | None:
    """When the one of a list that changed last did so; None where RT shows none."""
    asked = {"query": conditions(("id", ">", 0)), "orderby": "LastUpdated", "order": "DESC", "per_page": 1}
    found = api.get(f"{REST}{path}", asked | {"fields": "LastUpdated", "find_disabled_rows": 1})["items"]
    stated = found[0].get("LastUpdated") if found else None
    return str(stated) if moment_of(stated) else None


def column_time(moment: datetime) -> str:
    """A moment as RT's columns hold it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def moment_of(value: Any) -> datetime | None:
    """A time that RT states; None for one that was never set, which it states as 1970."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo and moment.timestamp() > 0 else None


def text_id(value: Any) -> str | None:
    """An id, which RT states as a number, as text, or within what it refers to."""
    if isinstance(value, dict):
        value = value.get("id")
    return None if value in (None, "") else str(value)
