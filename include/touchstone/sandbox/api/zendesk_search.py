"""Zendesk's search language, as far as an extractor would use it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from touchstone.sandbox.api.calls import Answer, Call, Refusal

SEARCH_CAP = 1000
_TERM = re.compile(r"(\w+)(>=|<=|>|<|:)(\S+)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ":": lambda left, right: left == right,
}
_TIMES = {"updated": "updated_at", "created": "created_at"}
_VALUES = ("status", "priority", "role")


def search_terms(call: Call) -> tuple[str, Callable[[dict[str, Any]], bool]]:
    """What is searched (ticket or user), and whether a record matches the query's terms."""
    query = call.query.get("query", "")
    if not query:
        raise _refused("query is required")
    kind = "ticket"
    tests: list[Callable[[dict[str, Any]], bool]] = []
    for name, operator, value in _TERM.findall(query):
        if name == "type":
            kind = value
        elif name in _TIMES:
            tests.append(_time_test(_TIMES[name], operator, value))
        elif name in _VALUES:
            tests.append(lambda row, name=name, value=value: row.get(name) == value)
        else:
            raise _refused(f"{name} is not a searchable property")
    if kind not in ("ticket", "user"):
        raise _refused(f"type:{kind} is not searchable")
    return kind, lambda row: all(test(row) for test in tests)


def _time_test(field: str, operator: str, value: str) -> Callable[[dict[str, Any]], bool]:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _refused(f"{value} is not a date") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if operator == ":":  # a day
        return lambda row: row[field].date() == moment.date()
    return lambda row: _COMPARE[operator](row[field], moment)


def _refused(text: str) -> Refusal:
    return Refusal(Answer({"error": "invalid", "description": f"Invalid search: {text}"}, 422))
