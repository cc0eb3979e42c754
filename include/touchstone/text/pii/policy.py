"""What happened to personal data in a conversation: asked for, given, exposed.

Reads what the clean step writes, redacted text and the places of its placeholders, so that it needs no value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from touchstone.text.pii.asked import asked

_AGENTS = frozenset(("human_agent", "ai_agent"))


class Finding(NamedTuple):
    """One event about personal data.

    Attributes:
        message: Number of the message in the conversation, from 0.
        kind: asked: an agent asks the customer to write it; given: a customer wrote it; exposed: an agent wrote it.
        type: One of `PII_TYPES`. Whether asking for it or showing it is a violation is the reader's rule;
            `SECRET_TYPES` are those that nobody may ask for or repeat.
        start, end: Characters of the redacted text, half-open: the words that ask, or the placeholder.
    """

    message: int
    kind: str
    type: str
    start: int
    end: int


def findings(messages: Sequence[tuple[str, str, Sequence[Mapping[str, Any]]]]) -> list[Finding]:
    """What was asked for, given and exposed, in order of the messages.

    Args:
        messages: (actor, redacted text, placeholders as `redact` returns them), in the order of the conversation.
    """
    found: list[Finding] = []
    for number, (actor, text, pii) in enumerate(messages):
        events: list[Finding] = []
        if actor in _AGENTS:
            events += [
                Finding(number, "asked", item.type, item.start, item.end) for item in asked(text, to_be_told=True)
            ]
        if actor in _AGENTS or actor == "customer":
            kind = "given" if actor == "customer" else "exposed"
            events += [Finding(number, kind, entry["type"], entry["start"], entry["end"]) for entry in pii]
        found += sorted(events, key=lambda event: (event.start, event.end, event.kind))
    return found
