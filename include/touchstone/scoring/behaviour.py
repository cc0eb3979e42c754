"""Behaviour templates at work: where the parts of a behaviour are found, in their window, together or in order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from types import SimpleNamespace

from touchstone.scoring.conversation import Conversation, Evidence, Turn

_position = attrgetter("position")


def behaviour_hits(
    conversation: Conversation, subject: str, p: SimpleNamespace
) -> tuple[bool, list[Evidence], Turn | None]:
    """Whether a behaviour is due, where it is shown, and in which reply it was due.

    Args:
        p: The parameters of the detector `behaviour`.
    """
    replies = conversation.replies[subject]
    if len(replies) < p.min_replies:
        return False, [], None
    first, last = 0, len(conversation.turns)
    due = replies[0]
    if p.when:
        triggers = _found(conversation, subject, p.when, 0, last)
        if not triggers:
            return False, [], None
        first = min(one[0].position for found in triggers for one in found) + 1
        place = bisect_left(replies, first, key=_position)
        if place == len(replies):
            return False, [], None
        due = replies[place]
        if p.within_replies is not None:
            last = replies[min(place + p.within_replies, len(replies)) - 1].position + 1
    if p.window is not None:
        begin, end = _window(p.window, replies)
        first, last = max(first, begin), min(last, end)
        if first >= last:
            return False, [], None
        if begin > due.position:
            due = replies[bisect_left(replies, begin, key=_position)]
    parts = _found(conversation, subject, p.parts, first, last, keep_empty=True)
    if p.needs == "any":
        found = sorted((one for hits in parts for one in hits), key=_place)
    elif not all(parts):
        found = []
    elif p.needs == "all":
        found = sorted((one for hits in parts for one in hits), key=_place)
    else:
        found = _in_order(parts, p.within_messages)
    if len(found) < p.at_least:
        found = []
    return True, found, due


def _place(one: Evidence) -> tuple[int, int]:
    return one[0].position, one[1]


def _window(window: dict[str, float], replies: list[Turn]) -> tuple[int, int]:
    """Positions from and until which turns are read."""
    if "last_messages" in window:
        return replies[-int(window["last_messages"]) :][0].position, replies[-1].position + 1
    if "first_messages" in window:
        return 0, replies[: int(window["first_messages"])][-1].position + 1
    until = replies[0].sent_at + window["first_seconds"]
    return 0, replies[bisect_right(replies, until, key=attrgetter("sent_at")) - 1].position + 1


def _found(
    conversation: Conversation,
    subject: str,
    parts: tuple[dict, ...],
    first: int,
    last: int,
    *,
    keep_empty: bool = False,
) -> list[list[Evidence]]:
    """Hits of each part in the turns from `first` until before `last`; parts without a hit are left out or kept empty."""
    result = []
    judged = conversation.judged.get(subject, {})
    for part in parts:
        is_agent = part["by"] == "agent"
        names, types = part["names"], part["pii"]
        found: list[Evidence] = []
        if types or not (conversation.said_by[subject] if is_agent else conversation.said).isdisjoint(names):
            for turn in conversation.replies[subject] if is_agent else conversation.customers:
                if not first <= turn.position < last:
                    continue
                in_turn = turn.features.hits
                spans = [span for name in names for span in in_turn.get(name, ())]
                if types:
                    spans += [(entry["start"], entry["end"]) for entry in turn.pii if entry["type"] in types]
                found += [(turn, start, end) for start, end in sorted(spans)]
        if judged:
            found += [one for name in names for one in judged.get(name, ()) if first <= one[0].position < last]
        if found or keep_empty:
            result.append(found)
    return result


def _in_order(parts: list[list[Evidence]], gap: int | None) -> list[Evidence]:
    """One hit of each part, each after the one before and at most `gap` messages later; the earliest such chain.

    Dynamic programming over the parts: for each hit, whether a chain ends in it, and the latest hit before it that does.
    """
    ends: list[tuple[Evidence, int | None]] = [(one, None) for one in parts[0]]
    layers = [ends]
    for hits in parts[1:]:
        before = layers[-1]
        places = [_place(one) for one, _ in before]
        layer = []
        for one in hits:
            at = bisect_left(places, _place(one)) - 1
            if at >= 0 and (gap is None or one[0].position - before[at][0][0].position <= gap):
                layer.append((one, at))
        if not layer:
            return []
        layers.append(layer)
    chain = []
    at: int | None = 0
    for layer in reversed(layers):
        one, at_before = layer[at]
        chain.append(one)
        at = at_before
    return chain[::-1]
