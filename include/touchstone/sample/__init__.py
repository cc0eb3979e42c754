"""A simulated software firm's support desk: one conversation file a day, the same bytes on every machine.

The firm has twelve human agents in three teams, one AI agent whose version changes on the 18th day, and ten topics.
Who writes, what is asked and who answers follows from the day alone (`plans`); the sentences come from a grammar
(`phrases`), the course of a conversation from `story` and `human`. Some effects are planted for a reader to find:
`data_export` is answered badly, one agent improves and one declines, one is excellent, some ask for what the customer
has given, some promise what they may not, one asks for card numbers, and AI version 2.4 misreads `plan_change`.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from touchstone.errors import SourceError
from touchstone.sample.plans import FIRST_DAY, INITIAL_DAYS, LOOKBACK_DAYS, NEW_AI_VERSION_DAY, VERSION, births
from touchstone.sample.story import tell

__all__ = [
    "FIRST_DAY",
    "INITIAL_DAYS",
    "NEW_AI_VERSION_DAY",
    "VERSION",
    "as_of",
    "day_documents",
    "days_until",
    "file_name",
    "write_day",
]

_told = lru_cache(maxsize=3000)(tell)  # a conversation is told once, though many days look at it


def as_of(day: date) -> datetime:
    """The end of a day: midnight UTC after it."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def days_until(count: int) -> list[date]:
    """The first `count` days of the sample.

    Raises:
        SourceError: `count` is negative.
    """
    if count < 0:
        raise SourceError("number of sample days", count, "Ask for 0 days or more.")
    return [FIRST_DAY + timedelta(days=number) for number in range(count)]


def file_name(day: date) -> str:
    """Name of a day's file; the names sort by time."""
    return f"conversations-{day.isoformat()}.jsonl"


def day_documents(day: date) -> list[dict[str, Any]]:
    """The day's documents: conversations that began on it, and earlier ones that changed on it.

    Each states the conversation as it stands at the end of the day; nothing in it is later.

    Raises:
        SourceError: The day lies before the sample's first.
    """
    if day < FIRST_DAY:
        raise SourceError("sample day", day.isoformat(), f"Ask for {FIRST_DAY.isoformat()} or a later day.")
    end = as_of(day)
    start = end - timedelta(days=1)
    documents = []
    for back in range(LOOKBACK_DAYS - 1, -1, -1):
        born_on = day - timedelta(days=back)
        if born_on < FIRST_DAY:
            continue
        for interaction_id, case in births(born_on):
            script = _told(interaction_id, case)
            if any(start <= moment < end for moment in script.moments()):
                documents.append(script.document(end))
    return documents


def write_day(day: date, folder: Path) -> Path:
    """Write the conversation file of one UTC day, in the document shape, and return its path.

    The file appears under its name only when it is whole. It is not compressed: compressed bytes would differ between
    versions of the compressor.

    Raises:
        SourceError: The day lies before the sample's first, or the folder cannot be written.
    """
    documents = day_documents(day)
    lines = [json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n" for document in documents]
    path = folder / file_name(day)
    partial = path.with_suffix(".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_bytes("".join(lines).encode())
        partial.replace(path)
    except OSError as error:
        raise SourceError("the sample's folder", str(folder), f"Make it writable: {error.strerror}.") from error
    return path
