"""The paging dialects. Each walk yields pages with the state that follows them, asks no question twice, and never stands still.

A walk ends when the API says so, never when a page is short; what an API repeats at its page borders lands once, by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import BrokenAnswer, NoProgress
from touchstone.sources.http.streams import Page, Record, State

SMALLEST_PAGE = 50


def cursor_export(
    api: ApiClient,
    path: str,
    state: State,
    *,
    start: int,
    params: dict[str, Any],
    budget: str,
    records_of: Callable[[dict[str, Any]], dict[str, list[Record]]],
) -> Iterator[Page]:
    """An export whose opaque cursor is the next run's state (Zendesk: `after_cursor`, `end_of_stream`).

    Args:
        start: Epoch seconds of the first request of all; later ones know only the cursor.
        records_of: Records of an answer, by raw stream.

    Raises:
        NoProgress: The API gives the cursor that it was asked with, and does not say that this is the end.
    """
    cursor = state.get("cursor")
    while True:
        answer = _shrinking(api, path, {**params, **({"cursor": cursor} if cursor else {"start_time": start})}, budget)
        following = answer.get("after_cursor") or cursor
        is_over = answer.get("end_of_stream") is True
        yield Page(records_of(answer), {"cursor": following} if following else None)
        if is_over:
            return
        if following == cursor:
            raise NoProgress(
                f"{api.name}: {path} stands still",
                str(cursor),
                "The API repeats its cursor without end_of_stream; run again.",
            )
        cursor = following


def time_export(
    api: ApiClient,
    path: str,
    state: State,
    *,
    start: int,
    params: dict[str, Any],
    budget: str,
    records_of: Callable[[dict[str, Any]], dict[str, list[Record]]],
    until: int | None = None,
) -> Iterator[Page]:
    """An export by time (Zendesk: `start_time`, `end_time`): its next start comes from the answer, never from a clock.

    Args:
        until: Epoch seconds at which a backfill stops.

    Raises:
        NoProgress: The next request would be the one just made, and the API does not say that this is the end.
    """
    since = int(state.get("start_time", start))
    while True:
        answer = _shrinking(api, path, {**params, "start_time": since}, budget)
        end_time = answer.get("end_time")
        following = since if end_time is None else max(since, int(end_time))
        # without the flag (articles have none) it is the end when there is no next page
        is_over = answer["end_of_stream"] is True if "end_of_stream" in answer else answer.get("next_page") is None
        records = records_of(answer)
        if following == since and not is_over and sum(map(len, records.values())) >= params["per_page"]:
            following += 1  # a page holds the whole of its last second, however many rows share it
        yield Page(records, {"start_time": following})
        if is_over or (until is not None and following > until):
            return
        if following == since:
            raise NoProgress(
                f"{api.name}: {path} stands still", since, "The API repeats its page without end_of_stream; run again."
            )
        since = following


def cursor_list(
    api: ApiClient,
    path: str,
    state: State,
    *,
    params: dict[str, Any],
    budget: str,
    records_of: Callable[[dict[str, Any]], dict[str, list[Record]]],
    following_of: Callable[[dict[str, Any]], str | None],
    after_parameter: str,
    finished: State,
) -> Iterator[Page]:
    """A list that is read whole, page after page; a run that was stopped goes on at its page.

    Args:
        following_of: Cursor of the next page, None on the last.
        finished: State after the last page.

    Raises:
        NoProgress: A page names itself as the next.
    """
    after = state.get("after")
    while True:
        answer = api.get(path, {**params, **({after_parameter: after} if after else {})}, budget=budget)
        following = following_of(answer)
        yield Page(records_of(answer), finished if following is None else {**state, "after": following})
        if following is None:
            return
        if following == after:
            raise NoProgress(f"{api.name}: {path} stands still", str(after), "The API repeats its page; run it again.")
        after = following


def _shrinking(api: ApiClient, path: str, params: dict[str, Any], budget: str) -> Any:
    """An answer in pages of `per_page` records, in smaller ones where the API does not finish a large one in time."""
    size = int(params["per_page"])
    while size // 2 >= SMALLEST_PAGE:
        try:
            return api.get(path, {**params, "per_page": size}, budget=budget, attempts=4)
        except BrokenAnswer:
            size //= 2
    return api.get(path, {**params, "per_page": size}, budget=budget)
