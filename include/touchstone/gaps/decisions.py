"""What people decided about gaps, as the step reads it: where questions belong, and what happens to a gap when."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from touchstone.gaps.life import Event


@dataclass(frozen=True)
class Decision:
    """A row of feedback.gap_decisions."""

    key: str
    gap_id: str
    decision: str
    at: datetime
    by: str
    into: str | None = None
    message_keys: tuple[str, ...] = ()
    article_key: str | None = None


@dataclass
class Applied:
    """All decisions, in their order.

    Attributes:
        into: Gap that took each merged one over, the last in the chain.
        split: By question, the gap that it was split off into.
        parents: By a split gap, the one that it came from.
        events: By gap, what happens to it.
    """

    into: dict[str, str] = field(default_factory=dict)
    split: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)

    def place(self, gap_id: str) -> str:
        return self.into.get(gap_id, gap_id)


def split_id(decision_key: str) -> str:
    """Id of the gap that a split makes."""
    return "g" + hashlib.md5(f"split:{decision_key}".encode(), usedforsecurity=False).hexdigest()[:12]


def read(connection: psycopg.Connection, as_of: datetime) -> list[Decision]:
    """Decisions that were made by the end of the ledger day, in their order."""
    return [
        Decision(key, gap, decision, at, by, into, tuple(keys), article)
        for key, gap, decision, at, by, into, keys, article in connection.execute(
            """
            select decisions.decision_key, decisions.gap_id, decisions.decision, decisions.decided_at, decisions.decided_by,
                decisions.into_gap_id, decisions.message_keys,
                (
                    select min(versions.article_key) from core.article_versions as versions
                    where versions.article_id = decisions.article_id
                )
            from feedback.gap_decisions as decisions
            where decisions.decided_at < %s
            order by decisions.decided_at, decisions.decision_id
            """,
            [as_of],
        )
    ]


def apply(decisions: list[Decision]) -> Applied:
    """Where questions belong after all of them; a gap that was merged gives its decisions to the one that took it over."""
    found = Applied()
    for one in decisions:
        gap = found.place(one.gap_id)
        if one.decision == "merge":
            into = found.place(one.into or "")
            if into == gap:
                continue
            for name in [name for name, target in found.into.items() if target == gap]:
                found.into[name] = into
            found.into[gap] = into
            found.events.setdefault(into, []).extend(
                event for event in found.events.pop(gap, []) if event.kind not in ("dismiss", "split")
            )
        elif one.decision == "split":
            new = split_id(one.key)
            found.parents[new] = gap
            found.split |= dict.fromkeys(one.message_keys, new)
            found.events.setdefault(new, []).append(Event(one.at, "split", one.by))
        elif one.decision != "assign":
            found.events.setdefault(gap, []).append(Event(one.at, one.decision, one.by, one.article_key))
    return found
