"""HubSpot's CRM search: filters, one sort, pages by offset that end at 10,000, and an index that lags behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np

from touchstone.sandbox.api.calls import Answer, Call, Refusal
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.hubspot_objects import Kind

CAP = 10_000
MOST = 200
_GROUPS, _FILTERS, _ALL_FILTERS = 5, 6, 18
_BARE = ("HAS_PROPERTY", "NOT_HAS_PROPERTY")
_LISTS = ("IN", "NOT_IN")
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "EQ": lambda left, right: left == right,
    "NEQ": lambda left, right: left != right,
    "LT": lambda left, right: left < right,
    "LTE": lambda left, right: left <= right,
    "GT": lambda left, right: left > right,
    "GTE": lambda left, right: left >= right,
}
OPERATORS = (*_COMPARE, "BETWEEN", *_LISTS, *_BARE, "CONTAINS_TOKEN")


def invalid(message: str) -> Refusal:
    content = {"status": "error", "message": message, "category": "VALIDATION_ERROR", "correlationId": "sandbox"}
    return Refusal(Answer(content, 400))


def is_purged(call: Call, kind: str, object_id: Any) -> bool:
    """Whether something was deleted for good."""
    return bool(call.traps.purged) and f"{kind}/{object_id}" in call.traps.purged


class Search:
    """One search request over the objects of a kind, as its index shows them."""

    def __init__(self, kind: Kind, call: Call) -> None:
        self._kind, self._call = kind, call
        self._delay = call.traps.search_index_delay_seconds + call.traps.late_visible_seconds
        self._changed = kind.changed_at(call.now, self._delay)
        self._columns: dict[str, np.ndarray] = {}

    def answer(self) -> Answer:
        call, kind = self._call, self._kind
        body = call.json()
        if not isinstance(body, dict):
            raise invalid("Invalid input JSON on line 1, column 1: the request body is not an object")
        limit = _whole(body, "limit", 10)
        if not 1 <= limit <= MOST:
            raise invalid(f"limit must be between 1 and {MOST}")
        offset = _whole(body, "after", 0)
        if offset + limit > CAP:
            raise invalid("The requested page is too large: paging cannot exceed 10000 results in total")
        found = np.flatnonzero(self._matches(body.get("filterGroups") or []))
        found = self._sorted(found, body.get("sorts") or [])
        total, page = len(found), []
        place = offset
        wanted = body.get("properties")
        while place < total and len(page) < limit:
            position = int(found[place])
            place += 1
            page.append(
                kind.show(position, self._seen(position), wanted, call.traps.drift, int(self._changed[position]))
            )
        content: dict[str, Any] = {"total": total, "results": page}
        if place < total:
            content["paging"] = {"next": {"after": str(place), "link": f"?after={place}"}}
        return Answer(content)

    def _seen(self, position: int) -> datetime:
        return self._kind.seen_at(position, self._call.now, self._delay)

    def _matches(self, groups: list[Any]) -> np.ndarray:
        present = self._changed > 0
        for position in self._kind.ever_gone:
            if present[position] and self._kind.gone_at(position, self._seen(position)) is not None:
                present[position] = False
        for position in np.flatnonzero(present).tolist() if self._call.traps.purged else ():
            present[position] = not is_purged(self._call, self._kind.name, self._kind.timeline.ids[position])
        self._present = present
        if not groups:
            return present
        if len(groups) > _GROUPS or sum(len(group.get("filters", ())) for group in groups) > _ALL_FILTERS:
            raise invalid(f"at most {_GROUPS} filterGroups and {_ALL_FILTERS} filters are allowed")
        result = np.zeros(len(present), dtype=bool)
        for group in groups:
            if len(group.get("filters", ())) > _FILTERS:
                raise invalid(f"at most {_FILTERS} filters are allowed in a group")
            mask = present.copy()
            for one in group.get("filters", ()):
                mask &= self._filter(one)
            result |= mask
        return result

    def _filter(self, one: dict[str, Any]) -> np.ndarray:
        name, operator = one.get("propertyName"), one.get("operator")
        types = self._kind.definitions(self._call.traps.drift)
        if name not in types:
            raise invalid(f"There was a problem with the request: property {name!r} does not exist")
        if operator not in OPERATORS:
            raise invalid(f"Invalid operator {operator!r}; valid are {', '.join(OPERATORS)}")
        column = self._column(name)
        has_value = np.ones(len(column), dtype=bool)
        if column.dtype == object:
            has_value = np.array([value is not None for value in column.tolist()], dtype=bool)
        if operator in _BARE:
            return has_value if operator == "HAS_PROPERTY" else ~has_value
        convert = _converter(types[name], name)
        if operator in _LISTS:
            values = {convert(value) for value in one.get("values") or ()}
            inside = np.array([value in values for value in column.tolist()], dtype=bool)
            return inside if operator == "IN" else has_value & ~inside
        if "value" not in one:
            raise invalid(f"operator {operator} requires a value")
        value = convert(one["value"])
        if operator == "CONTAINS_TOKEN":
            token = str(value).strip("*").lower()
            return np.array([item is not None and token in str(item).lower() for item in column.tolist()], dtype=bool)
        result = np.zeros(len(column), dtype=bool)
        if operator == "BETWEEN":
            high = convert(one.get("highValue"))
            result[has_value] = (column[has_value] >= value) & (column[has_value] <= high)
            return result
        result[has_value] = _COMPARE[operator](column[has_value], value).astype(bool)
        return result

    def _column(self, name: str) -> np.ndarray:
        """A property of all objects as comparable values, None where it is null or the object is not there."""
        if name not in self._columns:
            self._columns[name] = self._made_column(name)
        return self._columns[name]

    def _made_column(self, name: str) -> np.ndarray:
        kind, call = self._kind, self._call
        if name == "hs_object_id":
            return kind.timeline.ids
        if name == kind.modified:
            return self._changed // 1000
        column = np.full(len(kind.timeline), None, dtype=object)
        of_type = kind.definitions(call.traps.drift)[name]
        if name == "createdate":
            column[self._present] = kind.timeline.created[self._present] // 1000
            return column
        for position in np.flatnonzero(self._present).tolist():
            text = kind.properties(position, self._seen(position), call.traps.drift).get(name)
            column[position] = _value(text, of_type)
        return column

    def _sorted(self, found: np.ndarray, sorts: list[Any]) -> np.ndarray:
        """By the one sort that is allowed, then by id; unsorted results come by id."""
        if not sorts:
            return found
        if len(sorts) > 1:
            raise invalid("only one sort is allowed")
        name = sorts[0].get("propertyName") if isinstance(sorts[0], dict) else sorts[0]
        if name not in self._kind.definitions(self._call.traps.drift):
            raise invalid(f"There was a problem with the request: property {name!r} does not exist")
        is_down = isinstance(sorts[0], dict) and sorts[0].get("direction", "ASCENDING") == "DESCENDING"
        column = self._column(name)[found]
        if column.dtype != object:
            return found[np.argsort(-column if is_down else column, kind="stable")]
        keys = [(value is None, 0 if value is None else value) for value in column.tolist()]
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=is_down)
        return found[np.array(order, dtype=np.int64)]


def _whole(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise invalid(f"{name} must be an integer") from None


def _converter(of_type: str, name: str) -> Callable[[Any], Any]:
    """How a filter's value is read; dates and times only as milliseconds since 1970."""

    def number(value: Any) -> int | float:
        try:
            return float(value) if "." in str(value) else int(value)
        except (TypeError, ValueError):
            raise invalid(f"{value!r} is not a valid value of property {name!r}: expected a number") from None

    if name == "hs_object_id" or of_type in ("datetime", "number"):
        return number
    return str


def _value(text: str | None, of_type: str) -> Any:
    """A property's text as what it is compared by."""
    if text is None:
        return None
    if of_type == "number":
        return float(text) if text.replace(".", "", 1).isdigit() else None
    if of_type == "datetime":
        if text.isdigit():
            return int(text)
        return micros(datetime.fromisoformat(text)) // 1000
    return text
