"""Intercom's searches and lists, page by page, in the way that loses nothing.

A date in a search of contacts stands for its whole calendar day in the workspace's time zone, `>` begins with the day after it,
and the other comparisons are refused; of conversations the description says something else. So a lower bound is moved back to
the day before it, asked for with `>` or `=`, and never joined by an upper one: what is touched again would leave the window.
What came too early is dropped by its full time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import NoProgress
from touchstone.sources.http.streams import Record

PAGE = 150
_DAY = 86_400


def updated_since(since: int) -> dict[str, Any]:
    """The query for what was updated from that second on, or up to two days before it."""
    bound = max(0, since // _DAY - 1) * _DAY
    filters = [{"field": "updated_at", "operator": operator, "value": bound} for operator in (">", "=")]
    return {"operator": "OR", "value": filters}


def newest(api: ApiClient, path: str) -> int | None:
    """Second of the latest update that the API knows: where a walk begins by its own time. None where there is nothing."""
    answer = api.post(
        path,
        {
            "query": updated_since(0),
            "sort": {"field": "updated_at", "order": "descending"},
            "pagination": {"per_page": 1},
        },
    )
    return max((second for one in records(answer) if (second := updated_at(one)) is not None), default=None)


def searched(
    api: ApiClient, path: str, since: int, after: str | None = None
) -> Iterator[tuple[list[Record], str | None]]:
    """Pages of what was updated since, with the cursor of the page that follows; None on the last."""

    def ask(cursor: str | None) -> Any:
        return api.post(
            path,
            {
                "query": updated_since(since),
                "sort": {"field": "updated_at", "order": "ascending"},
                "pagination": {"per_page": PAGE, **({"starting_after": cursor} if cursor else {})},
            },
        )

    return _pages(api, path, ask, after)


def listed(api: ApiClient, path: str, after: str | None = None) -> Iterator[tuple[list[Record], str | None]]:
    """Pages of a whole list, with the cursor of the page that follows; None on the last."""

    def ask(cursor: str | None) -> Any:
        return api.get(path, {"per_page": PAGE, **({"starting_after": cursor} if cursor else {})})

    return _pages(api, path, ask, after)


def numbered(api: ApiClient, path: str) -> Iterator[list[Record]]:
    """Pages of a list that goes by their numbers, as that of articles does: it knows no cursor, and names the next by its address.

    Raises:
        NoProgress: A page comes as another one than was asked for.
    """
    number = 1
    while True:
        answer = api.get(path, {"per_page": PAGE, "page": number})
        pages = answer.get("pages") or {}
        if pages.get("page", number) != number:
            remedy = "Intercom repeats its page; run it again."
            raise NoProgress(f"{api.name}: {path} stands still", f"page {pages['page']} instead of {number}", remedy)
        yield records(answer)
        total = pages.get("total_pages")
        if (number >= total) if isinstance(total, int) else not pages.get("next"):
            return
        number += 1


def _pages(api: ApiClient, path: str, ask: Any, after: str | None) -> Iterator[tuple[list[Record], str | None]]:
    while True:
        answer = ask(after)
        following = ((answer.get("pages") or {}).get("next") or {}).get("starting_after")
        if following is not None and following == after:
            raise NoProgress(f"{api.name}: {path} stands still", str(after), "Intercom repeats its page; run it again.")
        yield records(answer), following
        if following is None:
            return
        after = following


def records(answer: dict[str, Any]) -> list[Record]:
    """What a page holds; conversations have a key of their own."""
    return answer["conversations"] if "conversations" in answer else answer["data"]


def updated_at(record: Record) -> int | None:
    """Second of the last update; None for what states none."""
    value = record.get("updated_at")
    return value if isinstance(value, int) and not isinstance(value, bool) else None
