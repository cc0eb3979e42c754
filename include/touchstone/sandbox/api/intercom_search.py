"""Intercom's search: filters in groups, dates by the day or by the second, cursors that are opaque."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from touchstone.sandbox.api.calls import Answer, Call, Refusal
from touchstone.sandbox.api.clock import EPOCH

MOST_PER_PAGE = 150
MOST_FILTERS = 15
_DAY = 86_400
_ORDERS = {"ascending": 1, "descending": -1}

# (id, seconds by field) of a record
Dated = tuple[str, dict[str, int]]


def error(status: int, code: str, message: str) -> Answer:
    """A refusal in the vendor's form."""
    content = {
        "type": "error.list",
        "request_id": str(UUID(int=0x5D5B)),
        "errors": [{"code": code, "message": message}],
    }
    return Answer(content, status)


def refused(message: str, code: str = "parameter_invalid") -> Refusal:
    return Refusal(error(400, code, message))


@dataclass(frozen=True, slots=True)
class Search:
    """What a search asks for.

    Attributes:
        keeps: Whether a record is found.
        order: Key by which what is found is ordered, ascending.
    """

    keeps: Callable[[Dated], bool]
    order: Callable[[Dated], tuple[int, str]]
    per_page: int
    after: tuple[int, str] | None


def parsed(call: Call, fields: tuple[str, ...], *, by_day: bool, per_page: int) -> Search:
    """The search of a request's body.

    Args:
        fields: Dates that can be searched and sorted by.
        by_day: Whether a date matches by the calendar day of the workspace, as contacts do.
        per_page: What a page holds unless it is asked otherwise.
    """
    body = call.json()
    if not isinstance(body, dict) or not isinstance(body.get("query"), dict):
        raise refused("query is required")
    zone = int(timedelta(hours=call.traps.intercom_utc_offset_hours).total_seconds())
    keeps = _condition(body["query"], fields, (zone if by_day else None), depth=0)
    paging = body.get("pagination") or {}
    size = paging.get("per_page") or per_page
    if not isinstance(size, int) or not 1 <= size <= MOST_PER_PAGE:
        raise refused(f"per_page must be between 1 and {MOST_PER_PAGE}")
    sort = body.get("sort") or {}
    field, direction = sort.get("field", "updated_at"), _ORDERS.get(sort.get("order", "descending"))
    if field not in fields or direction is None:
        raise refused("sort is not supported")
    after = paging.get("starting_after")
    return Search(
        keeps,
        lambda one: (direction * one[1][field], one[0]),
        size,
        None if after is None else opened(after),
    )


def _condition(query: dict[str, Any], fields: tuple[str, ...], zone: int | None, depth: int) -> Callable[[Dated], bool]:
    operator, value = query.get("operator"), query.get("value")
    if operator in ("AND", "OR"):
        if depth == 2 or not isinstance(value, list) or len(value) > MOST_FILTERS:
            raise refused(f"at most 2 levels of groups and {MOST_FILTERS} filters in each are allowed", "bad_request")
        parts = [_condition(one, fields, zone, depth + 1) for one in value]
        together = all if operator == "AND" else any
        return lambda one: together(part(one) for part in parts)
    field = query.get("field")
    if field not in fields:
        raise refused(f"Field {field} is not searchable")
    if operator not in (">", "<", "="):
        raise refused(f"Operator {operator} is not supported for a date")
    try:
        bound = int(value)
    except (TypeError, ValueError):
        raise refused(f"Value of {field} must be a date") from None
    if zone is None:
        compared = {">": lambda at: at >= bound, "<": lambda at: at <= bound, "=": lambda at: at == bound}[operator]
        return lambda one: compared(one[1][field])
    day = (bound + zone) // _DAY
    by_day = {">": lambda at: at > day, "<": lambda at: at < day, "=": lambda at: at == day}[operator]
    return lambda one: by_day((one[1][field] + zone) // _DAY)


def page(found: list[Dated], search: Search) -> tuple[list[Dated], dict[str, Any], int]:
    """What a page shows, the envelope's `pages`, and how many there are in all."""
    matching = sorted(filter(search.keeps, found), key=search.order)
    rest = matching if search.after is None else [one for one in matching if search.order(one) > search.after]
    shown = rest[: search.per_page]
    pages: dict[str, Any] = {
        "type": "pages",
        "page": (len(matching) - len(rest)) // search.per_page + 1,
        "per_page": search.per_page,
        "total_pages": -(-len(matching) // search.per_page),
    }
    if len(rest) > len(shown):
        pages["next"] = {"per_page": search.per_page, "starting_after": sealed(search.order(shown[-1]))}
    return shown, pages, len(matching)


def listed(call: Call, found: list[Dated], per_page: int) -> tuple[list[Dated], dict[str, Any], int]:
    """A page of a list, newest change first."""
    stated = call.query.get("per_page")
    size = min(MOST_PER_PAGE, int(stated)) if stated and stated.isdigit() else per_page
    after = call.query.get("starting_after")
    order = Search(
        lambda one: True,
        lambda one: (-one[1]["updated_at"], one[0]),
        max(1, size),
        None if after is None else opened(after),
    )
    return page(found, order)


def numbered(call: Call, found: list[Dated], per_page: int) -> tuple[list[Dated], dict[str, Any], int]:
    """A page of a list that goes by numbers and names the next one by its address, newest change first."""
    size, number = (
        int(stated) if (stated := call.query.get(name, "")).isdigit() else default
        for name, default in (("per_page", per_page), ("page", 1))
    )
    size, number = max(1, min(MOST_PER_PAGE, size)), max(1, number)
    ordered = sorted(found, key=lambda one: (-one[1]["updated_at"], one[0]))
    total = -(-len(ordered) // size)
    pages: dict[str, Any] = {"type": "pages", "page": number, "per_page": size, "total_pages": total}
    if number < total:
        path = call.request.url.path.removeprefix(call.prefix)
        pages["next"] = call.url(path, page=number + 1, per_page=size)
    return ordered[(number - 1) * size : number * size], pages, len(ordered)


def sealed(position: tuple[int, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def opened(cursor: str) -> tuple[int, str]:
    try:
        moment, record_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (binascii.Error, ValueError, TypeError):
        raise refused("starting_after is not a cursor") from None
    return int(moment), str(record_id)


def epoch(moment: Any) -> int:
    """Whole seconds since 1970, as Intercom states a time."""
    return int((moment - EPOCH).total_seconds())
