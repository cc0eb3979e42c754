"""Queries in Salesforce's language, made of names, ids and moments that are checked: nothing else gets into one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from touchstone.sources.http.faults import BrokenAnswer

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def name(value: str) -> str:
    """The API name of an object or a field.

    Raises:
        BrokenAnswer: It is none.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise BrokenAnswer("Salesforce: a name of no object or field", repr(value)[:100], "Report it to Salesforce.")
    return value


def is_id(value: object) -> bool:
    """Whether it is an id of fifteen or eighteen characters."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def text(value: str) -> str:
    """An id as a query holds it.

    Raises:
        BrokenAnswer: It is none.
    """
    if not is_id(value):
        raise BrokenAnswer("Salesforce: an id that is none", repr(value)[:100], "Report it to Salesforce.")
    return f"'{value}'"


def parsed(value: object) -> datetime | None:
    """The moment that a record states; None for what is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def moment(value: datetime) -> str:
    """A moment as a query holds it."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"


def select(fields: Iterable[str], table: str, conditions: Iterable[str] = (), order: Iterable[str] = ()) -> str:
    """A query of these fields; conditions are joined by AND, and each is made by the functions here."""
    return " ".join(["SELECT", ", ".join(map(name, fields)), "FROM", name(table), *_where(conditions), *_order(order)])


def measure(table: str, stamp: str, conditions: Iterable[str] = ()) -> str:
    """A query of how many records there are, and of the newest stamp among them."""
    asked = f"COUNT(Id) total, MAX({name(stamp)}) newest"
    return " ".join(["SELECT", asked, "FROM", name(table), *_where(conditions)])


def since(field: str, first: datetime) -> str:
    return f"{name(field)} >= {moment(first)}"


def before(field: str, end: datetime) -> str:
    return f"{name(field)} < {moment(end)}"


def beyond(field: str, last: datetime, last_id: str) -> str:
    """What comes after a record in the order of (field, Id): further ones of its own stamp, and all later ones."""
    return f"({name(field)} > {moment(last)} OR ({name(field)} = {moment(last)} AND Id > {text(last_id)}))"


def among(field: str, ids: Iterable[str]) -> str:
    return f"{name(field)} IN ({', '.join(map(text, ids))})"


def _where(conditions: Iterable[str]) -> list[str]:
    joined = " AND ".join(conditions)
    return ["WHERE", joined] if joined else []


def _order(fields: Iterable[str]) -> list[str]:
    joined = ", ".join(map(name, fields))
    return ["ORDER BY", joined] if joined else []
