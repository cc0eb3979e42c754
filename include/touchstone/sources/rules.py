"""One checking function per kind of field; made once per run, called for every value.

A rule returns the value to store, or None for a value that stands for nothing, and raises `Refused` for one that cannot
land.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from touchstone.sources.reasons import Refused
from touchstone.sources.schema import (
    ACTORS,
    CHANNELS,
    EARLIEST_TIME,
    EMAIL_PATTERN,
    LANGUAGE_PATTERN,
    LOCAL_TIME_PATTERN,
    MAX_EMAIL_LENGTH,
    MAX_ID_LENGTH,
    MAX_STRING_LENGTH,
    MAX_TEXT_BYTES,
    STATUSES,
    TIME_PATTERN,
    TOOL_STATUSES,
    Field,
)

Rule = Callable[[Any], Any]

# \Z where the JSON Schema's patterns say $: in Python $ also matches before a final line break
_TIME = re.compile(TIME_PATTERN.replace("$", r"\Z"))
_LOCAL_TIME = re.compile(LOCAL_TIME_PATTERN.replace("$", r"\Z"))
_EMAIL = re.compile(EMAIL_PATTERN.replace("$", r"\Z"))
_LANGUAGE = re.compile(LANGUAGE_PATTERN.replace("$", r"\Z"))
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def field_rule(spec: Field, latest: str, impossible: str) -> Rule:
    """The check of one field.

    Args:
        latest: Normalised time after which nothing lands in this run.
        impossible: Normalised time after which nothing lands in any run.
    """
    name = spec.name
    match spec.kind:
        case "id":
            return _id_rule(name)
        case "channel":
            return _choice_rule(name, CHANNELS, "channel_unknown")
        case "status":
            return _choice_rule(name, STATUSES, "status_unknown")
        case "actor":
            return _choice_rule(name, ACTORS, "actor_unknown")
        case "time":
            return _time_rule(name, latest, impossible)
        case "string":
            return _string_rule(name)
        case "email":
            return _pattern_rule(name, _EMAIL, MAX_EMAIL_LENGTH, "email_malformed")
        case "language":
            return _pattern_rule(name, _LANGUAGE, MAX_STRING_LENGTH, "language_malformed")
        case "text":
            return _text
        case "number":
            return _number_rule(name)
        case "share":
            return _confidence
        case "boolean":
            return _boolean_rule(name)
        case "tags":
            return _tags
        case "list":
            return _list_rule(name)
        case "tool_calls":
            return _tool_calls
        case "object":
            return stated_object


def _time_rule(name: str, latest: str, impossible: str) -> Rule:
    """ISO 8601 with a zone to `YYYY-MM-DDTHH:MM:SS.ffffffZ`; such strings sort as their times do."""
    parse = datetime.fromisoformat

    def rule(value: Any) -> str | None:
        # the commonest form needs no rewriting; its separators rule out the other forms that the parser takes
        if (
            type(value) is str
            and len(value) == 20
            and value[19] == "Z"
            and value[10] == "T"
            and value[4] == value[7] == "-"
            and value[13] == value[16] == ":"
        ):
            try:
                parse(value)
            except ValueError:
                raise Refused("time_unparsable", name, value) from None
            moment = value[:19] + ".000000Z"
        elif value == "":
            return None
        else:
            moment = _moment(name, value)
        if EARLIEST_TIME <= moment <= latest:
            return moment
        if moment < EARLIEST_TIME:
            raise Refused("time_too_early", name, value)
        code = "time_in_future" if moment > impossible else "time_after_as_of"
        raise Refused(code, name, value, held_until=moment)

    return rule


def normalised(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.ffffffZ` of a time with a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def microseconds(moment: str) -> int:
    """Microseconds since the epoch of a normalised time, without rounding."""
    elapsed = datetime.fromisoformat(moment) - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def _moment(name: str, value: Any) -> str:
    if type(value) is not str:
        raise Refused("time_not_a_string", name, value)
    if not _TIME.match(value):
        code = "time_without_zone" if _LOCAL_TIME.match(value) else "time_unparsable"
        raise Refused(code, name, value)
    try:
        moment = datetime.fromisoformat(value.upper().replace(",", "."))
    except ValueError:
        raise Refused("time_unparsable", name, value) from None
    try:
        return normalised(moment)
    except OverflowError:  # within a day of the calendar's ends
        return "0001-01-01T00:00:00.000000Z" if moment.year == 1 else "9999-12-31T23:59:59.999999Z"


def _id_rule(name: str) -> Rule:
    def rule(value: Any) -> str:
        if type(value) is not str:
            raise Refused(f"{name}_not_a_string", name, value)
        if len(value) > MAX_ID_LENGTH:
            raise Refused(f"{name}_too_long", name, value, f"{len(value)} characters")
        # printable ids, which are nearly all, need no search for control characters
        if not value.isprintable() and CONTROL.search(value):
            raise Refused(f"{name}_control_character", name, value)
        return value

    return rule


def _choice_rule(name: str, values: tuple[str, ...], code: str) -> Rule:
    allowed = {value: value for value in values}

    def rule(value: Any) -> str | None:
        if type(value) is str:
            if value in allowed:
                return value
            if value == "":
                return None
        raise Refused(code, name, value)

    return rule


def _string_rule(name: str) -> Rule:
    def rule(value: Any) -> str | None:
        if type(value) is not str:
            raise Refused("string_expected", name, value)
        if len(value) > MAX_STRING_LENGTH:
            raise Refused("string_too_long", name, value, f"{len(value)} characters")
        return value or None

    return rule


def _pattern_rule(name: str, pattern: re.Pattern[str], longest: int, code: str) -> Rule:
    def rule(value: Any) -> str | None:
        if value == "":
            return None
        if type(value) is not str:
            raise Refused("string_expected", name, value)
        if len(value) > longest or not pattern.match(value):
            raise Refused(code, name, value)
        return value

    return rule


def _number_rule(name: str) -> Rule:
    code = {
        "rating": "rating_not_a_number",
        "rating_scale_min": "rating_scale_not_a_number",
        "rating_scale_max": "rating_scale_not_a_number",
    }.get(name, "number_expected")

    def rule(value: Any) -> float:
        if type(value) is not int and type(value) is not float:
            raise Refused(code, name, value)
        if not math.isfinite(value):
            raise Refused("rating_not_finite", name, str(value))
        return value

    return rule


def _boolean_rule(name: str) -> Rule:
    def rule(value: Any) -> bool:
        if type(value) is not bool:
            raise Refused(f"{name}_not_a_boolean", name, value)
        return value

    return rule


def _list_rule(name: str) -> Rule:
    def rule(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Refused(f"{name}_not_a_list", name, value)
        return value

    return rule


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Refused("text_not_a_string", "text", value)
    if len(value) * 4 > MAX_TEXT_BYTES and len(value.encode()) > MAX_TEXT_BYTES:
        raise Refused("text_too_long", "text", value, f"{len(value.encode()):,} bytes")
    return value


def _confidence(value: Any) -> float:
    if type(value) is not int and type(value) is not float:
        raise Refused("confidence_not_a_number", "confidence", value)
    if not 0 <= value <= 1:
        raise Refused("confidence_outside_0_1", "confidence", value if math.isfinite(value) else str(value))
    return value


def _tags(value: Any) -> list[str]:
    if type(value) is not list:
        raise Refused("tags_not_a_list", "tags", value)
    for tag in value:
        if type(tag) is not str:
            raise Refused("tag_not_a_string", "tags", tag)
        if len(tag) > MAX_STRING_LENGTH:
            raise Refused("string_too_long", "tags", tag, f"{len(tag)} characters")
    return value


def _tool_calls(value: Any) -> list[dict[str, Any]]:
    if type(value) is not list:
        raise Refused("tool_calls_not_a_list", "tool_calls", value)
    for call in value:
        if type(call) is not dict:
            raise Refused("tool_call_not_an_object", "tool_calls", call)
        if type(call.get("name")) is not str or not call["name"]:
            raise Refused("tool_call_name_missing", "tool_calls", call)
        status = call.get("status")
        if status is not None and status not in TOOL_STATUSES:
            raise Refused("tool_call_status_unknown", "tool_calls", status)
    return value


def stated_object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise Refused("attributes_not_an_object", "attributes", value)
    return value
