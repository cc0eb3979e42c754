"""Request Tracker's searches: its own language, and lists of conditions in JSON.

In its own language a time is read in the account's time zone, and `=` takes its whole day; in JSON a condition is compared with the
column as it is. Only what connectors ask is understood, anything else is refused as RT refuses an unknown field.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from touchstone.sandbox.api.calls import Answer, Refusal

_TERM = re.compile(r"\s*(\w+)\s*(<=|>=|!=|=|<|>)\s*('[^']*'|\d+)\s*")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Condition:
    field: str
    operator: str
    value: Any

    def holds(self, value: Any) -> bool:
        """Whether a column's value fits."""
        if self.operator == "IN":
            return str(value) in {str(one) for one in self.value}
        if isinstance(value, int):
            return _COMPARE[self.operator](value, int(self.value))
        return _COMPARE[self.operator](str(value), str(self.value))


def refused(text: str) -> Refusal:
    return Refusal(Answer({"message": text}, 400))


def from_json(query: str) -> list[Condition]:
    """Conditions that all have to hold; two of one field do so only where they say AND."""
    try:
        stated = orjson.loads(query)
    except orjson.JSONDecodeError:
        raise refused("malformed JSON string") from None
    found: list[Condition] = []
    for one in stated:
        if any(known.field == one["field"] for known in found) and one.get("entry_aggregator") != "AND":
            raise refused(f"two conditions on {one['field']} that do not say AND: RT takes either")
        found.append(Condition(one["field"], one.get("operator", "="), one["value"]))
    return found


def from_sql(query: str, fields: tuple[str, ...]) -> tuple[str, list[Condition]]:
    """("AND" or "OR", conditions) of a query without parentheses."""
    parts = re.split(r"\s+(AND|OR)\s+", query.strip())
    joiners = set(parts[1::2])
    if len(joiners) > 1:
        raise refused(f"both AND and OR: {query}")
    found = []
    for part in parts[::2]:
        term = _TERM.fullmatch(part)
        if term is None or term[1] not in fields:
            raise refused(f"Unknown field: {part}")
        found.append(Condition(term[1], term[2], term[3].strip("'")))
    return joiners.pop() if joiners else "AND", found


def time_fits(condition: Condition, moment: datetime, hours: float) -> bool:
    """Whether a time fits a condition of RT's own language, stated in a zone so many hours east of UTC."""
    try:
        stated = datetime.fromisoformat(condition.value).replace(tzinfo=UTC) - timedelta(hours=hours)
    except ValueError:
        raise refused(f"not a time: {condition.value}") from None
    if condition.operator == "=":
        local = (stated + timedelta(hours=hours)).replace(hour=0, minute=0, second=0, microsecond=0)
        day = local - timedelta(hours=hours)
        return day <= moment < day + timedelta(days=1)
    return _COMPARE[condition.operator](moment.replace(microsecond=0), stated)
