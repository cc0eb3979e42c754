"""Example conversations of a rubric as the frames that the scorer takes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from touchstone.errors import ConfigurationError
from touchstone.rubric.model import Example, Indicator
from touchstone.text.redact import Conversation, replaced

if TYPE_CHECKING:
    import pandas as pd

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
_ACTORS = {
    "C": ("customer", False, False),
    "H": ("human_agent", False, False),
    "A": ("ai_agent", False, False),
    "N": ("human_agent", True, False),
    "M": ("ai_agent", False, True),
    "S": ("system", False, True),
}
_MESSAGE = re.compile(r"([A-Z])(\d?)(?: \+(\d+)([smhd]))?: ?(.*)", re.DOTALL)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def judged_subject(example: Example, indicator: Indicator) -> str:
    """Whom an example is about: as stated, else the one side of the indicator that replies in it."""
    if example.subject:
        return example.subject
    spoken = {line[:1] for line in example.says}
    for letter, subject in (("H", "human_agent"), ("A", "ai_agent")):
        if letter in spoken and subject in indicator.subjects:
            return subject
    raise ConfigurationError(
        f"an example of {indicator.id} in line {example.line} has no reply of a judged side",
        " / ".join(example.says),
        "Add a line that starts with H: or A:.",
    )


def conversation(
    says: tuple[str, ...] | list[str], channel: str = "chat", key: str = "example", language: str | None = "en"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Interactions and messages frames of one conversation in the notation `C: ...`, `H +5m: ...`, `H2: ...`.

    A digit after the letter tells several agents of one kind apart.

    Raises:
        ConfigurationError: A line is not in that notation.
    """
    import pandas as pd

    rows = []
    redactor = Conversation()
    sent_at = START - timedelta(minutes=1)
    for ordinal, line in enumerate(says, 1):
        match = _MESSAGE.fullmatch(line)
        if not match or match.group(1) not in _ACTORS:
            raise ConfigurationError(
                "not a message of an example",
                line,
                f"Start it with one of {', '.join(_ACTORS)} and a colon, such as 'C: Hello'.",
            )
        letter, number, amount, unit, text = match.groups()
        sent_at += timedelta(**{_UNITS[unit]: int(amount)}) if amount else timedelta(minutes=1)
        actor, is_internal, is_automation = _ACTORS[letter]
        redacted, pii = replaced(text, redactor.find("note" if is_internal else actor, text))
        rows.append(
            {
                "interaction_key": key,
                "message_key": f"{key}:{ordinal}",
                "ordinal": ordinal,
                "actor": actor,
                "agent_key": None if actor in ("customer", "system") else f"agent-{letter}{number}",
                "agent_version": None,
                "sent_at": sent_at,
                "text": redacted,
                "pii": pii,
                "is_internal": is_internal,
                "is_automation": is_automation,
                "word_count": len(redacted.split()),
            }
        )
    interactions = pd.DataFrame(
        {
            "interaction_key": [key],
            "interaction_started_at": pd.Series([START], dtype=object),
            "input_hash": ["0" * 32],
            "channel": [channel],
            "language": pd.Series([language], dtype=object),
            "topic": ["unknown"],
            "priority": pd.Series([None], dtype=object),
            "handled_by": ["human_only"],
        }
    )
    return interactions, pd.DataFrame(rows)
