"""What shape each stream has, and what is new in it: a field, a type, a value of a list that was thought closed.

A change lands like anything else, since rows hold what was stated; here it is noted, logged and told in the run's detail.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg

from touchstone.sources.http.streams import RawStream

log = logging.getLogger(__name__)

MAX_FIELDS = 2000
MAX_SHAPES = 10_000
_TYPES = {str: "string", bool: "boolean", int: "number", float: "number", dict: "object", list: "array"}
Shape = tuple[str, str, str, str]  # stream, field, kind, content


class Shapes:
    """The known shapes of one source instance.

    Attributes:
        changes: What this run met that no run before it had, in streams that earlier runs had read.
    """

    def __init__(self, connection: psycopg.Connection, source: str, instance: str, raw: dict[str, RawStream]) -> None:
        self._key = (source, instance)
        self._raw = raw
        self._known: set[Shape] = set(
            connection.execute(
                "select stream, field, kind, content from ops.source_fields where source = %s and instance = %s",
                self._key,
            ).fetchall()
        )
        self._seen: dict[str, set[tuple]] = {}
        self._settled = {stream for stream, _, _, _ in self._known}
        self.changes: list[dict[str, str]] = []

    def record(self, connection: psycopg.Connection, records: dict[str, list[Any]], load_id: int) -> None:
        """Note what these records show for the first time, in the transaction that lands them."""
        for stream, stated in records.items():
            fresh = self._shapes(self._raw[stream], stated) - self._known
            if not fresh:
                continue
            self._known |= fresh
            is_change = stream in self._settled
            with connection.cursor() as cursor:
                cursor.executemany(
                    "insert into ops.source_fields (source, instance, stream, field, kind, content, is_change, first_load_id)"
                    " values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
                    [[*self._key, *shape, is_change, load_id] for shape in sorted(fresh)],
                )
            if is_change:
                for _, field, kind, content in sorted(fresh):
                    self.changes.append({"stream": stream, "field": field, "kind": kind, "content": content})
                    log.warning("%s/%s: %s.%s states a new %s: %s", *self._key, stream, field, kind, content)

    def _shapes(self, spec: RawStream, records: list[Any]) -> set[Shape]:
        pairs: set[tuple[str, type]] = set()
        values: set[tuple[str, str]] = set()
        seen = self._seen.setdefault(spec.name, set())
        for record in records:
            if not isinstance(record, dict):
                continue
            # records of one stream have few shapes: one that was seen has nothing new
            shape = (*record, *map(type, record.values()))
            if shape not in seen:
                pairs.update(zip(record, map(type, record.values()), strict=True))
                if len(seen) < MAX_SHAPES:
                    seen.add(shape)
            for name in spec.open_fields:
                pairs.update(_members(name, record.get(name)))
            for name, known in spec.enums.items():
                value = _inner(record, name)
                if isinstance(value, str) and value not in known:
                    values.add((name, value))
        found = {(spec.name, name, "type", _TYPES[kind]) for name, kind in pairs if kind in _TYPES}
        found |= {(spec.name, name, "value", value[:200]) for name, value in values}
        room = MAX_FIELDS - sum(1 for stream, _, _, _ in self._known if stream == spec.name)
        if len(found - self._known) > room:  # field names made of data never end
            log.warning(
                "%s/%s: %s has more than %s fields; further ones are not noted", *self._key, spec.name, MAX_FIELDS
            )
            return set()
        return found


def _inner(record: dict[str, Any], name: str) -> Any:
    """A field, or by `outer.inner` a field within one."""
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _members(name: str, value: Any) -> set[tuple[str, type]]:
    """Fields within a field: of an object, or of a list of {id, value}."""
    if isinstance(value, dict):
        return {(f"{name}.{member}", item.__class__) for member, item in value.items()}
    if isinstance(value, list):
        return {
            (f"{name}.{item['id']}", item.get("value").__class__)
            for item in value
            if isinstance(item, dict) and "id" in item
        }
    return set()
