"""Groups of the questions whose topic says nothing: no topic at all, or one that a company lists as broad.

Questions join in the order of the days on which they became known, a day at a time, so that a year in one run and a run a day end
in the same groups. What a run keeps is numbers, ids and redacted terms, no text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby

import numpy as np
import psycopg

from touchstone.intents import groups as grouping
from touchstone.intents import stored_groups
from touchstone.intents.groups import Groups
from touchstone.intents.names import MOST_READ, name_of, terms_of
from touchstone.intents.vectors import STATIC, TRANSFORMER, VECTORS_VERSION, embed
from touchstone.text import transformer

VERSIONS = f"1|{grouping.GROUPS_VERSION}|{VECTORS_VERSION}"
SEED = 7
MOST_WAITING = 5_000


@dataclass(frozen=True)
class Question:
    """A question to be grouped; one without a sign joins a group, but never makes one."""

    key: str
    text: str
    known_on: date
    has_signal: bool


@dataclass
class State:
    """What later runs read.

    Attributes:
        names: Of the groups, in their order; a group's number is its place.
        waiting: (message_key, terms) of questions without a group, oldest first; `vectors` are theirs.
        counts: By redacted term, how many questions used it; only terms that several used.
    """

    kind: str
    groups: Groups | None = None
    names: list[str] = field(default_factory=list)
    waiting: list[tuple[str, list[str]]] = field(default_factory=list)
    vectors: np.ndarray | None = None
    counts: dict[str, int] = field(default_factory=dict)
    questions: int = 0


@dataclass
class Placed:
    """Group and similarity of questions, by key; and the questions that are in none."""

    groups: dict[str, tuple[int, float]] = field(default_factory=dict)


def preferred_kind() -> str:
    return TRANSFORMER if transformer.is_installed() else STATIC


def place(state: State, questions: Sequence[Question], failed: set[str], first_size: int) -> Placed:
    """Find a group for each question; the state goes on with them.

    Args:
        failed: Keys among those that wait which have a sign by now.
        first_size: Questions with a sign that have to wait before the first groups are made.
    """
    found = Placed()
    ordered = sorted(questions, key=lambda one: (one.known_on, one.key))
    vectors = embed([one.text for one in ordered], state.kind)
    at = {one.key: number for number, one in enumerate(ordered)}
    failed = failed | {one.key for one in ordered if one.has_signal}
    for _, batch in groupby(ordered, key=lambda one: one.known_on):
        _place_day(state, list(batch), vectors, at, failed, first_size, found)
    return found


def _place_day(
    state: State,
    batch: list[Question],
    vectors: np.ndarray,
    at: dict[str, int],
    failed: set[str],
    first_size: int,
    found: Placed,
) -> None:
    own = vectors[[at[one.key] for one in batch]]
    numbers = np.full(len(batch), -1, dtype=np.int64) if state.groups is None else grouping.join(state.groups, own)
    outside = np.flatnonzero(numbers < 0)
    terms = [terms_of(one.text) for one in batch]
    counts = Counter(state.counts)
    counts.update(Counter(term for one in terms for term in one))
    state.questions += len(batch)
    pool = own[outside] if state.vectors is None else np.vstack([state.vectors, own[outside]])
    entries = [*state.waiting, *((batch[number].key, sorted(terms[number])) for number in outside)]
    _note(found, state, [one.key for one in batch], own, numbers)
    speaks = np.array([key in failed for key, _ in entries], dtype=bool)
    old = 0 if state.groups is None else len(state.groups.means)
    placed = np.full(len(entries), -1, dtype=np.int64)
    if state.groups is None:
        if speaks.sum() >= first_size:
            state.groups, placed[speaks] = grouping.first_groups(pool[speaks], SEED)
    elif speaks.any():
        state.groups, placed[speaks] = grouping.new_groups(state.groups, pool[speaks])
    if state.groups is not None and len(state.groups.means) > old:
        for number in range(old, len(state.groups.means)):
            members = [frozenset(entries[one][1]) for one in np.flatnonzero(placed == number)[:MOST_READ]]
            name = name_of(members, counts, state.questions, state.names)
            state.names.append(name or f"unnamed group {number + 1}")
        # those without a sign join what the others have made
        placed[~speaks] = grouping.join(state.groups, pool[~speaks])
        _note(found, state, [key for key, _ in entries], pool, placed)
    keep = np.flatnonzero(placed < 0)[-MOST_WAITING:]
    state.waiting, state.vectors = [entries[number] for number in keep], pool[keep]
    # a term that fewer use could be what one customer said
    state.counts = {term: count for term, count in sorted(counts.items()) if count >= 3}


def _note(found: Placed, state: State, keys: list[str], vectors: np.ndarray, numbers: np.ndarray) -> None:
    taken, held = np.flatnonzero(numbers >= 0), state.groups
    if held is None or not len(taken):
        return
    cosines = np.einsum("ij,ij->i", grouping.units(vectors[taken] - held.centre), held.means[numbers[taken]])
    for number, cosine in zip(taken, cosines, strict=True):
        found.groups[keys[number]] = (int(numbers[number]), round(float(cosine), 6))


def leave(state: State, keys: set[str]) -> None:
    """Forget questions that wait and are no longer there, or whose text has changed."""
    kept = [number for number, (key, _) in enumerate(state.waiting) if key not in keys]
    if len(kept) < len(state.waiting):
        state.waiting = [state.waiting[number] for number in kept]
        state.vectors = state.vectors[kept]  # type: ignore[index]


def load(connection: psycopg.Connection) -> State | None:
    """The state of the last run; None before the first, and where another version made it."""
    stored = stored_groups.load(connection, "gap_groups")
    if stored is None or stored[0] != VERSIONS:
        return None
    _, document, arrays = stored
    return State(
        kind=document["kind"],
        groups=stored_groups.groups_of(arrays) if "means" in arrays else None,
        names=document["names"],
        waiting=[(key, terms) for key, terms in document["waiting"]],
        vectors=arrays.get("waiting"),
        counts=document["counts"],
        questions=document["questions"],
    )


def save(connection: psycopg.Connection, state: State, run_id: int) -> None:
    arrays: dict[str, np.ndarray] = {}
    if state.vectors is not None:
        arrays["waiting"] = state.vectors
    if state.groups is not None:
        arrays |= stored_groups.arrays_of(state.groups)
    document = {
        "kind": state.kind,
        "names": state.names,
        "waiting": state.waiting,
        "counts": state.counts,
        "questions": state.questions,
    }
    stored_groups.save(connection, "gap_groups", VERSIONS, document, arrays, run_id)
