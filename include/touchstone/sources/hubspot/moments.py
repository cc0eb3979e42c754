"""HubSpot's times: milliseconds since 1970 as a number or a text, and ISO 8601 with or without fractions, zone or time of day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def epoch_ms(value: Any) -> int | None:
    """Milliseconds since 1970 of any form in which HubSpot states a time; None for what is none."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def midnight_ms(day: date) -> int:
    """Milliseconds since 1970 at which a UTC day begins."""
    return ms(datetime.combine(day, time(), UTC))


def iso(value: int) -> str:
    """ISO 8601 with milliseconds and Z."""
    moment = _EPOCH + timedelta(milliseconds=value)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
