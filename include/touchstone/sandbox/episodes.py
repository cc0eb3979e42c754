"""What truly became of the conversations that an AI agent took part in: how they ended, and what a handoff kept and cost.

The truth knows what no text says: whether the AI agent's answer was right, whether the customer came back for the same matter,
and whether a person asked again for what was known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from touchstone.sandbox.model import Company, Conversation
from touchstone.sandbox.state import fold, shown_at

CONTAINMENT = timedelta(hours=24)
LIKE_CASES = 5


@dataclass(frozen=True, slots=True)
class AiEpisode:
    """The first episode of a conversation that an AI agent answered in.

    Attributes:
        outcome: escalated, returned, pending, abandoned, confirmed or assumed; the first that is true.
        escalation: needed, avoidable, missed or none.
        context_preserved: After a handoff to a person, 0 where the customer had to state again what was known, else 1; None
            where nothing was known, or nobody took over.
        minutes_to_solve: From a person's first public reply to the first time that the case was solved; None where either lacks.
    """

    conversation_id: str
    outcome: str
    escalation: str
    context_preserved: float | None
    minutes_to_solve: float | None


def minutes_to_solve(one: Conversation) -> float | None:
    """From a person's first public reply to the first time that the case was solved or closed after it."""
    replies = [
        event.at
        for event in one.events
        if event.kind == "message" and event.actor == "human_agent" and not event.is_internal
    ]
    if not replies:
        return None
    ends = [
        event.at
        for event in one.events
        if event.kind == "status" and event.value in ("solved", "closed") and event.at >= replies[0]
    ]
    return (ends[0] - replies[0]).total_seconds() / 60 if ends else None


def ai_episodes(company: Company, now: datetime, containment: timedelta = CONTAINMENT) -> list[AiEpisode]:
    """Every conversation that an AI agent took part in, as it stood at `now`; deleted and merged ones are left out."""
    begun = defaultdict(list)
    for one in company.conversations:
        begun[one.customer_id, one.truth.intent].append(one.created_at)
    return [
        _episode(one, begun[one.customer_id, one.truth.intent], now, containment)
        for one in company.conversations
        if one.truth.escalation
        and one.created_at <= now
        and not any(event.kind in ("delete", "merge") and event.at <= now for event in one.events)
    ]


def _episode(one: Conversation, begun: list[datetime], now: datetime, containment: timedelta) -> AiEpisode:
    said = [
        event.at for event in one.events if event.kind == "message" and not event.is_internal and shown_at(event) <= now
    ]
    last = max(said)
    is_handed_over = one.truth.escalation in ("needed", "avoidable")
    rated = [event.value for event in one.events if event.kind == "rate" and event.at <= now]
    is_confirmed = one.truth.is_resolved and (one.truth.is_confirmed or (bool(rated) and rated[-1] > 3))
    if is_handed_over:
        outcome = "escalated"
    elif any(one.created_at < at <= min(now, last + containment) for at in begun):
        outcome = "returned"
    elif last + containment > now and not is_confirmed:
        outcome = "pending"
    elif not one.truth.is_resolved:
        outcome = "abandoned"
    else:
        outcome = "confirmed" if is_confirmed else "assumed"
    return AiEpisode(
        one.conversation_id,
        outcome,
        one.truth.escalation,
        float(not one.truth.asked_again) if is_handed_over and one.truth.has_given_details else None,
        minutes_to_solve(one) if is_handed_over else None,
    )


def post_handoff_ratio(company: Company, now: datetime, month: tuple[int, int], channel: str) -> tuple[float, int]:
    """Median minutes to solve after a handoff, over those of cases that began with a person: like for like in one channel
    by true intent, and by true complexity and priority where enough cases began with a person; these are weighted to the mix of
    the handoffs.

    Args:
        month: (year, month) in which the conversations began.

    Returns:
        The ratio, and the handoffs that have a like.
    """
    handed: list[tuple[list[tuple[str | None, ...]], float]] = []
    alone: list[tuple[list[tuple[str | None, ...]], float]] = []
    for one in company.conversations:
        is_gone = any(event.kind in ("delete", "merge") and event.at <= now for event in one.events)
        is_other = one.truth.escalation not in ("", "needed", "avoidable") or one.channel != channel
        if is_gone or is_other or (one.created_at.year, one.created_at.month) != month:
            continue
        minutes = minutes_to_solve(one)
        if minutes is not None:
            fine = (one.truth.intent, one.truth.complexity, fold(one, now).priority)
            (handed if one.truth.escalation else alone).append(([fine, fine[:2], fine[:1]], minutes))
    counts = Counter(cell for cells, _ in alone for cell in cells)
    used: Counter[tuple[str | None, ...]] = Counter()
    after = []
    for cells, minutes in handed:
        like = [cell for cell in cells if counts[cell] >= LIKE_CASES] or [cell for cell in cells if counts[cell]]
        if like:
            used[like[0]] += 1
            after.append((minutes, 1.0))
    own = [(minutes, sum(used[cell] / counts[cell] for cell in cells)) for cells, minutes in alone]
    return _median(after) / _median([one for one in own if one[1]]), len(after)


def _median(weighted: list[tuple[float, float]]) -> float:
    half, so_far = sum(weight for _, weight in weighted) / 2, 0.0
    for value, weight in sorted(weighted):
        so_far += weight
        if so_far >= half:
            return value
    return float("nan")
