"""Making the sandbox company, against writing down with json what was made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from touchstone.bench.harness import Row, benchmark, compare
from touchstone.sandbox.company import build
from touchstone.sandbox.model import Company

_CONVERSATIONS = 10_000
_DAYS = 150
_PER_DAY = 70.0
_BAR_SECONDS = 60.0


def _plain(thing: Any) -> Any:
    """The fields of one of the model's objects, for json."""
    return (
        thing.isoformat() if isinstance(thing, datetime) else {name: getattr(thing, name) for name in thing.__slots__}
    )


@benchmark("sandbox")
def rows() -> Iterator[Row]:
    """The whole company counts: accounts, staff, articles and product events besides the conversations.

    The baseline serialises the conversations alone, with json of the standard library; it is a measure of how much was
    made, not a rival way to make it, so it has no bar.
    """
    made: list[Company] = []

    def candidate() -> None:
        made[:] = [build(conversations_per_day=_PER_DAY, days=_DAYS)]

    candidate()  # reads the phrase books once, before the clock runs

    def baseline() -> None:
        for conversation in made[0].conversations:
            json.dumps(conversation, default=_plain)

    result = compare(baseline, candidate, rounds=2)
    conversations = len(made[0].conversations)
    seconds = result.candidate_seconds * _CONVERSATIONS / conversations
    yield Row(
        f"sandbox: {_CONVERSATIONS:,} conversations and what belongs to them",
        value=seconds,
        unit="CPU s",
        bar=_BAR_SECONDS,
        holds=conversations >= _CONVERSATIONS and seconds < _BAR_SECONDS,
        reason=f"{conversations:,} made",
    )
    yield Row(
        "sandbox: against json.dumps of the same conversations",
        value=conversations / result.candidate_seconds,
        unit="conversations/s/core",
        baseline=conversations / result.baseline_seconds,
        ratio=result.ratio,
    )
