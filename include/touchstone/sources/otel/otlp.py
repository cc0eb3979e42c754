"""OTLP in JSON, in whichever of its forms: spans and events with identities and plain attributes.

Exporters disagree on what JSON of OTLP is: ids come as hexadecimal or base64, 64-bit numbers as texts, attributes as lists of
typed values. A record keeps everything that was stated, in one form.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

from touchstone.sources.http.streams import Placed, Record

TRACE_BYTES, SPAN_BYTES = 16, 8
PREFIX = "gen_ai."
_DEEPEST = 40


def identity(value: Any, size: int) -> str | None:
    """An id of so many bytes, in lower-case hexadecimal; None for what is none, such as one of zeros alone."""
    if not isinstance(value, str):
        return None
    if len(value) == 2 * size:
        try:
            found = bytes.fromhex(value)
        except ValueError:
            return None
    else:
        try:
            found = base64.b64decode(
                value + "=" * (-len(value) % 4), altchars=b"-_" if set(value) & {"-", "_"} else None
            )
        except (binascii.Error, ValueError):
            return None
    return found.hex() if len(found) == size and any(found) else None


def plain(value: Any, depth: int = 0) -> Any:
    """The value of an attribute: out of its typed form, or as it is."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return value
    for name in ("stringValue", "boolValue", "doubleValue", "bytesValue", "string_value", "bool_value", "double_value"):
        if name in value:
            return value[name]
    for name in ("intValue", "int_value"):
        if name in value:
            return _whole(value[name])
    for name in ("arrayValue", "array_value"):
        if name in value:
            return [plain(item, depth + 1) for item in (value[name] or {}).get("values") or []]
    for name in ("kvlistValue", "kvlist_value"):
        if name in value:
            return attributes((value[name] or {}).get("values"), depth + 1)
    return value or None


def attributes(stated: Any, depth: int = 0) -> dict[str, Any]:
    """Attributes by name: of a list of keys and typed values, of an object, or of either as a text."""
    if isinstance(stated, str):
        try:
            stated = orjson.loads(stated)
        except orjson.JSONDecodeError:
            return {}
    if isinstance(stated, list):
        return {
            str(one["key"]): plain(one.get("value"), depth) for one in stated if isinstance(one, dict) and "key" in one
        }
    return dict(stated) if isinstance(stated, dict) else {}


def _whole(value: Any) -> Any:
    try:
        return int(value)
    except (TypeError, ValueError):
        return value


def _first(record: Record, *names: str) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)


def spans_of(document: Record) -> Iterator[Record]:
    """The spans of an export, each with its resource and scope."""
    for group in _first(document, "resourceSpans", "resource_spans") or []:
        resource = attributes((group.get("resource") or {}).get("attributes"))
        for scoped in _first(group, "scopeSpans", "scope_spans", "instrumentationLibrarySpans") or []:
            scope = _first(scoped, "scope", "instrumentationLibrary") or {}
            for span in scoped.get("spans") or []:
                yield span_record(span, resource, scope) if isinstance(span, dict) else span


def logs_of(document: Record) -> Iterator[Record]:
    """The log records of an export, which later conventions write events as."""
    for group in _first(document, "resourceLogs", "resource_logs") or []:
        resource = attributes((group.get("resource") or {}).get("attributes"))
        for scoped in _first(group, "scopeLogs", "scope_logs") or []:
            for log in _first(scoped, "logRecords", "log_records") or []:
                if isinstance(log, dict):
                    own = attributes(log.get("attributes"))
                    name = _first(log, "eventName", "event_name") or own.get("event.name") or own.get("name")
                    moment = _first(log, "timeUnixNano", "time_unix_nano", "observedTimeUnixNano")
                    yield event_record(log, name, moment, own, plain(log.get("body"))) | {"resource": resource}


def span_record(span: Record, resource: dict[str, Any], scope: Record) -> Record:
    """A span in one form; `events` are those within it."""
    trace_id, span_id = _first(span, "traceId", "trace_id"), _first(span, "spanId", "span_id")
    parent = _first(span, "parentSpanId", "parent_span_id")
    status = span.get("status") or {}
    record = {
        "traceId": identity(trace_id, TRACE_BYTES) or trace_id,
        "spanId": identity(span_id, SPAN_BYTES) or span_id,
        "parentSpanId": identity(parent, SPAN_BYTES),
        "name": span.get("name"),
        "kind": span.get("kind"),
        "startTimeUnixNano": _whole(_first(span, "startTimeUnixNano", "start_time_unix_nano")),
        "endTimeUnixNano": _whole(_first(span, "endTimeUnixNano", "end_time_unix_nano")),
        "status": status if isinstance(status, dict) else {"code": status},
        "attributes": attributes(span.get("attributes")),
        "resource": resource,
        "scope": {name: scope.get(name) for name in ("name", "version") if scope.get(name)},
    }
    record["events"] = [
        event_record(
            record,
            event.get("name"),
            _first(event, "timeUnixNano", "time_unix_nano"),
            attributes(event.get("attributes")),
            None,
        )
        for event in _first(span, "events") or []
        if isinstance(event, dict)
    ]
    return record


def event_record(owner: Record, name: Any, moment: Any, own: dict[str, Any], body: Any) -> Record:
    trace_id, span_id = _first(owner, "traceId", "trace_id"), _first(owner, "spanId", "span_id")
    return {
        "traceId": identity(trace_id, TRACE_BYTES) or trace_id,
        "spanId": identity(span_id, SPAN_BYTES),
        "name": name,
        "timeUnixNano": _whole(moment),
        "attributes": own,
        "body": body,
    }


def placed_span(record: Record) -> Placed:
    """A span without its events, known by its trace and its own id; one that lacks either has no identity."""
    trace_id, span_id = identity(record["traceId"], TRACE_BYTES), identity(record["spanId"], SPAN_BYTES)
    kept = {name: value for name, value in record.items() if name != "events"}
    return Placed(kept, f"{trace_id}:{span_id}" if trace_id and span_id else None, trace_id)


def placed_event(record: Record, number: int, ordinal: int) -> Placed:
    """An event, known by all that it says: it has no id, and what is exported twice says the same.

    Args:
        number: Which one of equal events of its span it is.
        ordinal: Its place among those that were exported with it, which orders events of one moment.
    """
    trace_id = identity(record["traceId"], TRACE_BYTES)
    said = orjson.dumps([record, number], option=orjson.OPT_SORT_KEYS)
    digest = hashlib.md5(said, usedforsecurity=False).hexdigest()
    return Placed(record | {"ordinal": ordinal}, f"{trace_id}:{digest}" if trace_id else None, trace_id)
