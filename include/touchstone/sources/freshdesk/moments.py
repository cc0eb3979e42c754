"""Freshdesk's times: ISO 8601 in whole seconds, with Z or an offset."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from touchstone.sources.http.streams import Record


def moment(value: Any) -> datetime | None:
    """The moment of a text; None for what is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def iso(value: datetime) -> str:
    """As Freshdesk takes it: UTC, whole seconds, Z."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def midnight(day: date) -> datetime:
    """When a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def updated(record: Record) -> datetime | None:
    return moment(record.get("updated_at"))


def version(record: Record) -> int | None:
    """Milliseconds of the last change."""
    changed = updated(record)
    return None if changed is None else int(changed.timestamp() * 1000)
