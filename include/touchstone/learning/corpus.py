"""A batch of conversations as arrays: turns in order, equal texts once, and what each turn stands next to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from touchstone.learning.dialogues import AGENT, CUSTOMER, Dialogue, Message

SIDE_CODES = {CUSTOMER: 0, AGENT: 1}
COMPARED_BACK = 8
"""A turn is compared with this many turns of its side before it, so that cost stays linear in the conversation."""


@dataclass
class Corpus:
    """Turns of all conversations, one after the other; internal notes are left out.

    Attributes:
        texts: Distinct texts; index 0 is the empty text, which stands where there is no turn.
        text_of: Turn -> text.
        tool_of: Turn -> text of its tool calls; 0 where there are none.
        act_of: Turn -> text that says what happened in it and right before, without its wording: who speaks, asks or calls
            which tool, after what, and what fields the last result had.
        side: Turn -> 0 customer, 1 agent, 2 other.
        place, owner: Turn -> its number in the conversation, and the conversation.
        first, last: Conversation -> its turns, half-open.
        previous_other, previous_own, next_other: Turn -> the nearest turn of the opposite (or the same) side; -1 without one.
            Of a turn that is neither customer's nor agent's, `other` is whoever speaks.
        second_other: The turn of the opposite side before `previous_other`.
    """

    dialogues: Sequence[Dialogue]
    messages: list[Message]
    texts: list[str]
    text_of: np.ndarray
    tool_of: np.ndarray
    act_of: np.ndarray
    side: np.ndarray
    place: np.ndarray
    owner: np.ndarray
    first: np.ndarray
    last: np.ndarray
    sent_at: np.ndarray
    is_ai: np.ndarray
    failed_tools: np.ndarray
    previous_other: np.ndarray
    previous_own: np.ndarray
    second_other: np.ndarray
    next_other: np.ndarray
    next_own: np.ndarray

    @classmethod
    def of(cls, dialogues: Sequence[Dialogue]) -> Corpus:
        """Arrays of a batch of conversations."""
        numbers: dict[str, int] = {"": 0}
        messages: list[Message] = []
        text_of, tool_of, act_of, side, place = [], [], [], [], []
        owner, sent_at, is_ai, failed = [], [], [], []
        links: list[tuple[int, int, int, int, int]] = []
        first, last = [], []
        for number, one in enumerate(dialogues):
            first.append(len(messages))
            said = [message for message in one.messages if not message.is_internal]
            links += _links([SIDE_CODES.get(message.side, 2) for message in said], len(messages))
            for act in _acts(said):
                act_of.append(numbers.setdefault(act, len(numbers)))
            for position, message in enumerate(said):
                messages.append(message)
                text_of.append(numbers.setdefault(message.text, len(numbers)))
                tool_of.append(numbers.setdefault(message.tools, len(numbers)) if message.tools else 0)
                side.append(SIDE_CODES.get(message.side, 2))
                place.append(position)
                owner.append(number)
                sent_at.append(message.sent_at.timestamp())
                is_ai.append(message.actor == "ai_agent")
                failed.append(sum(status in ("failed", "timeout") for status in message.tool_statuses))
            last.append(len(messages))
        neighbours = np.array(links, dtype=np.int64).reshape(-1, 5).T
        integers = (
            np.array(values, dtype=np.int64) for values in (text_of, tool_of, act_of, side, place, owner, first, last)
        )
        text_of, tool_of, act_of, side, place, owner, first, last = integers
        return cls(
            dialogues,
            messages,
            list(numbers),
            text_of,
            tool_of,
            act_of,
            side,
            place,
            owner,
            first,
            last,
            np.array(sent_at, dtype=np.float64),
            np.array(is_ai, dtype=bool),
            np.array(failed, dtype=np.int64),
            *neighbours,
        )


def _acts(said: list[Message]) -> list[str]:
    """What happens in each turn: words of the kind `calls_refund`, alone, in order, and joined with what came before.

    Words are joined to one another where only the pair tells: a tool called after another, or a tool called while the last
    result had a certain field.
    """
    found: list[str] = []
    recent: list[str] = []
    keys: tuple[str, ...] = ()
    for message in said:
        if message.tool_names:
            verb = "calls" if message.side == AGENT else "returns"
            act = "_".join((verb, *message.tool_names[:3]))
        else:
            act = f"{message.side}_{'asks' if '?' in message.text else 'says'}"
        words = [act, *(f"{act}_after_{one}" for one in recent[-2:]), *(f"{act}_having_{key}" for key in keys)]
        found.append(" ".join((*words, *recent[-4:])))
        recent.append(act)
        if message.tool_names:
            keys = message.tool_keys
    return found


def _links(sides: list[int], offset: int) -> list[tuple[int, int, int, int, int]]:
    """(previous other, previous own, second other, next other, next own) of each turn of one conversation."""
    count = len(sides)
    before: list[tuple[int, int, int]] = []
    latest = [-1, -1, -1]
    for at, side in enumerate(sides):
        other = latest[1 - side] if side < 2 else at - 1
        own = latest[side]
        second = -1
        if side < 2 and other >= 0 and own >= 0:
            second = next((back for back in range(own, max(-1, own - 20), -1) if sides[back] == 1 - side), -1)
        before.append((other, own, second))
        latest[side] = at
    after: list[tuple[int, int]] = [(-1, -1)] * count
    upcoming = [-1, -1, -1]
    for at in range(count - 1, -1, -1):
        side = sides[at]
        following = at + 1 if at + 1 < count else -1
        after[at] = (upcoming[1 - side] if side < 2 else following, upcoming[side])
        upcoming[side] = at
    return [
        tuple(one + offset if one >= 0 else -1 for one in (*back, *ahead))  # type: ignore[misc]
        for back, ahead in zip(before, after, strict=True)
    ]
