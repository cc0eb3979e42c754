"""Values of a database, as the fields of the conversation file take them, and cursors that survive as JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from touchstone.sources.characters import UNFIT, storable
from touchstone.sources.schema import LOCAL_TIME_PATTERN

_LOCAL_TIME = re.compile(LOCAL_TIME_PATTERN.replace("$", r"\Z"))
_TEXT_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(?:([ T])\d{2}:\d{2}:\d{2}(?:\.\d+)?)?(Z|[+-]00(?::?00)?)?\Z")
_PER_SECOND = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
_BOOLEANS = {"1": True, "0": False, "true": True, "false": False, "t": True, "f": False}
_TEXTS = frozenset({"id", "string", "email", "language", "text", "channel", "status", "actor"})
_DOCUMENTS = frozenset({"tags", "list", "tool_calls", "object"})
UNHELD = "\ufffd"
"""Stands in an id for what PostgreSQL cannot hold."""


def converted(value: Any, kind: str, zone: ZoneInfo | None, unit: str | None) -> Any:
    """A value of a column as the rule of its field takes it; what cannot be converted is left to the rule, which refuses it.

    Args:
        kind: See `touchstone.sources.schema.Kind`.
        zone: Of times that are stored without one; None: such a time is refused.
        unit: Of a time that is a number.
    """
    if value is None:
        return None
    if kind == "time":
        return _moment(value, zone, unit)
    if kind in _TEXTS:
        return _text(binary(value) if kind == "id" else value)
    if kind in ("number", "share"):
        return _number(value)
    if kind == "boolean":
        return _BOOLEANS.get(str(value).lower(), value)
    return _document(value) if kind in _DOCUMENTS else value


def plain(value: Any) -> Any:
    """A value as JSON can hold it, for columns that no field takes."""
    match value:
        case None | bool() | int() | str():
            return value if not isinstance(value, int) or -(2**63) <= value < 2**64 else str(value)
        case float():
            return value if value == value and abs(value) != float("inf") else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return f"{len(bytes(value)):,} bytes"
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
    return str(value)


def at_path(value: Any, path: str) -> Any:
    """What a document of JSON says under names that dots separate; None where it says nothing there."""
    found = _document(value)
    for name in path.split("."):
        if isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict):
            found = found.get(name)
        else:
            return None
    return found


def row_id(value: Any) -> str:
    """The text that stands for an id, as the warehouse can hold it."""
    return storable(_text(binary(value)))[0]


def binary(value: Any) -> Any:
    """Bytes as the hexadecimal digits that stand for them; anything else as it is."""
    return bytes(value).hex() if isinstance(value, bytes | bytearray | memoryview) else value


def _text(value: Any) -> Any:
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case Decimal() | float() if value == value and abs(value) != float("inf") and value == int(value):
            return str(int(value))
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode("utf-8", errors="replace")
        case dict() | list():
            return json.dumps(plain(value), ensure_ascii=False)
        case datetime() | date():
            return value.isoformat()
    return str(value)


def _number(value: Any) -> Any:
    if isinstance(value, str | Decimal):
        try:
            number = Decimal(value)
        except ArithmeticError:
            return value
        if not number.is_finite():
            return float(number)
        return int(number) if number == number.to_integral_value() and abs(number) < 2**53 else float(number)
    return value


def _document(value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return plain(value)


def _moment(value: Any, zone: ZoneInfo | None, unit: str | None) -> Any:
    if unit is not None and isinstance(value, int | float | Decimal | str):
        try:
            elapsed = Decimal(str(value)) * 1_000_000 / _PER_SECOND[unit]
            return _iso(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(elapsed)))
        except (ArithmeticError, OverflowError, ValueError):
            return value
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            return _iso(value)
        return value.isoformat() if zone is None else _iso(value.replace(tzinfo=zone))
    if isinstance(value, date):
        return value.isoformat() if zone is None else _iso(datetime.combine(value, time(), zone))
    if isinstance(value, str) and zone is not None and _LOCAL_TIME.match(value):
        try:
            return _iso(datetime.fromisoformat(value.replace(",", ".")).replace(tzinfo=zone))
        except ValueError:
            return value
    return value


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


# --- cursors


def is_orderable(value: Any) -> bool:
    """Whether a cursor's overlap can be told: a number, a time, or text that sorts as the time that it states."""
    if isinstance(value, str):
        return _TEXT_TIME.match(value) is not None
    return isinstance(value, int | float | Decimal | date) and not isinstance(value, bool)


def is_time(value: Any) -> bool:
    """Whether a cursor is a time, in whatever form."""
    return isinstance(value, str | date)


def before(value: Any, overlap: float, zone: ZoneInfo | None) -> Any:
    """A cursor's value that lies as far behind another, in the same form.

    A wall clock goes back by an hour once a year in many zones: times without a zone lie an hour further behind.
    """
    if isinstance(value, int | float | Decimal):
        return value - type(value)(overlap)
    if isinstance(value, str):
        separator, suffix = _TEXT_TIME.match(value).groups()
        moment = datetime.fromisoformat(value).replace(tzinfo=None) - timedelta(seconds=overlap)
        if suffix is None:
            moment -= _clock_change(zone)
        # shorter than what it is compared with, and so the lesser text of the two, whatever follows the seconds there
        return moment.date().isoformat() if separator is None else moment.isoformat(separator, "seconds")
    if isinstance(value, datetime):
        return value - timedelta(seconds=overlap) - (timedelta() if value.tzinfo else _clock_change(zone))
    return value - timedelta(days=1, seconds=overlap)


def in_form(moment: datetime, sample: Any, zone: ZoneInfo | None) -> Any:
    """A moment in the form of a cursor; a number is no time, and stays."""
    if isinstance(sample, str):
        separator, suffix = _TEXT_TIME.match(sample).groups()
        local = moment.astimezone(UTC if suffix or zone is None else zone).replace(tzinfo=None)
        return local.date().isoformat() if separator is None else local.isoformat(separator, "seconds")
    if isinstance(sample, datetime):
        return moment if sample.tzinfo else moment.astimezone(zone or UTC).replace(tzinfo=None)
    return moment.date() if isinstance(sample, date) else sample


def _clock_change(zone: ZoneInfo | None) -> timedelta:
    return timedelta() if zone is None or zone.key in ("UTC", "Etc/UTC") else timedelta(hours=1)


def stored(value: Any) -> list[Any]:
    """A cursor or id as JSON: its type's name and its text."""
    match value:
        case str() if UNFIT.search(value):
            return ["text", value.encode("utf-8", "surrogatepass").hex()]
        case bool() | int() | str() | None:
            return ["plain", value]
        case float():
            return ["float", value.hex()]
        case datetime():
            return ["datetime", value.isoformat()]
        case date():
            return ["date", value.isoformat()]
        case bytes() | bytearray() | memoryview():
            return ["bytes", bytes(value).hex()]
        case Decimal():
            return ["decimal", str(value)]
        case UUID():
            return ["uuid", str(value)]
    return ["plain", str(value)]


def restored(pair: list[Any]) -> Any:
    """What `stored` was given."""
    kind, text = pair
    made = {
        "plain": lambda one: one,
        "text": lambda one: bytes.fromhex(one).decode("utf-8", "surrogatepass"),
        "float": float.fromhex,
        "datetime": datetime.fromisoformat,
        "date": date.fromisoformat,
        "bytes": bytes.fromhex,
        "decimal": Decimal,
        "uuid": UUID,
    }
    return made[kind](text)


def as_id(text: str, sample: Any) -> Any:
    """A landed id in the type of the column that it came from, of which one value is known; None for what can be none of it."""
    try:
        match sample:
            case str():
                return text
            case bytes() | bytearray() | memoryview():
                return bytes.fromhex(text)
            case datetime() | date():
                return type(sample).fromisoformat(text)
        return type(sample)(text)
    except (ValueError, TypeError, ArithmeticError):
        return None
