"""What people said, as targets of a fit: one per dimension and grain, with the weight of each reviewer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from touchstone.errors import ConfigurationError
from touchstone.learning.design import Design
from touchstone.learning.reviews import Review, Reviewer, by_item, rank_reviewers
from touchstone.settings import get_settings

MESSAGE, INTERACTION = "message", "interaction"
LEAST_ITEMS = 30
"""Judged items below which nothing can be learned or checked."""
MOST_CLASSES = 50
LOW_WORDS = frozenset({"bad", "dissatisfied", "negative", "poor"})
"""Words that say the worst, where people judge in words: their probabilities add up to the one of the lowest tier."""


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        name: Dimension, or `dimension.indicator`.
        grain: `message` or `interaction`.
        sides: Whose messages are judged, as codes of `touchstone.learning.corpus`; empty for conversations.
        classes: Words in alphabetical order; empty for a scale.
        scale: Ends of the scale; None for words.
        cuts: Lowest value of every tier but the first, on the scale.
        levels: Values that people gave, ascending, on the scale.
    """

    name: str
    grain: str
    sides: tuple[int, ...]
    classes: tuple[str, ...]
    scale: tuple[float, float] | None
    cuts: tuple[float, ...]
    levels: tuple[float, ...]

    @property
    def tier_count(self) -> int:
        return len(self.classes) or len(self.cuts) + 1

    @property
    def low_tiers(self) -> tuple[int, ...]:
        """Numbers of the tiers or classes that say the worst; none where words have no order."""
        return tuple(at for at, word in enumerate(self.classes) if word.lower() in LOW_WORDS) if self.classes else (0,)

    @property
    def tier_names(self) -> tuple[str, ...]:
        """Names of the tiers, lowest first."""
        if self.classes:
            return self.classes
        return {2: ("low", "high"), 3: ("needs_improvement", "acceptable", "excellent")}.get(
            self.tier_count, tuple(f"tier_{at + 1}" for at in range(self.tier_count))
        )


@dataclass
class Labels:
    """Judged items of one target that were found in the conversations.

    Attributes:
        at: Row of each item: a turn, or the number of a conversation.
        y: Of a scale (n, 1 + cuts): the mean in shares of the scale, and for each cut whether the tier lies above it, which
            is learned by itself because what tells a failure from the rest is not what tells good from better; of a scale
            with two values the mean alone. Of words (n, classes): shares of the (weighted) votes.
        tier: (n,) tier or class that people gave: of the plain mean, or the majority.
        weights: (n,) mean 1; more for items that more reviewers judged.
        groups: (n,) what stays together in splits.
        interactions: (n,) conversation of each item.
        votes: Judgements of each item, latest per reviewer.
        missing: Judged items that the conversations do not hold.
    """

    target: Target
    at: np.ndarray
    y: np.ndarray
    tier: np.ndarray
    weights: np.ndarray
    groups: np.ndarray
    interactions: list[str]
    votes: list[dict[str, float | str]]
    rows: list[Review]
    reviewers: list[Reviewer]
    missing: int


def targets_of(
    rows: Iterable[Review], design: Design, cuts: Mapping[str, Sequence[float]]
) -> tuple[list[Labels], list[dict[str, Any]]]:
    """Labels by dimension and grain, and those that cannot be learned with the reason.

    Args:
        cuts: Dimension -> cuts on its scale, where the default does not serve.
    """
    parts: dict[tuple[str, str], list[Review]] = {}
    for row in rows:
        parts.setdefault((row.name, INTERACTION if row.message_id is None else MESSAGE), []).append(row)
    found: list[Labels] = []
    skipped: list[dict[str, Any]] = []
    conversation_of = {one.interaction_id: at for at, one in enumerate(design.dialogues)}
    for (name, grain), judged in sorted(parts.items()):
        labels = _labels(name, grain, judged, design, conversation_of, cuts.get(name))
        reason = _unlearnable(labels)
        if reason:
            skipped.append({"dimension": name, "grain": grain, "items": len(labels.at), "reason": reason})
        else:
            found.append(labels)
    return found, skipped


def _unlearnable(labels: Labels) -> str | None:
    count = len(labels.at)
    if count < LEAST_ITEMS:
        return f"{count} judged items are in the conversations ({labels.missing} are not); {LEAST_ITEMS} are needed"
    if len(set(labels.groups.tolist())) < 2:
        return "all judged items belong to one customer: nothing is left to check with"
    if np.ptp(labels.y, axis=0).max() < 1e-9:
        return "all judgements are equal: there is nothing to tell apart"
    if len(labels.target.classes) > MOST_CLASSES:
        return f"{len(labels.target.classes)} different words; at most {MOST_CLASSES} classes can be learned"
    return None


def _labels(
    name: str,
    grain: str,
    rows: list[Review],
    design: Design,
    conversation_of: dict[str, int],
    cuts: Sequence[float] | None,
) -> Labels:
    reviewers = rank_reviewers(rows)
    weight_of = {one.reviewer: one.weight for one in reviewers}
    words = isinstance(rows[0].value, str)
    classes = tuple(sorted({str(row.value) for row in rows})) if words else ()
    class_of = {one: at for at, one in enumerate(classes)}
    scale = None if words else (rows[0].scale_min, rows[0].scale_max)
    stated = () if words else _cuts(name, scale, {row.value for row in rows}, cuts)  # type: ignore[arg-type]
    at, y, tier, weights, groups, interactions, votes = [], [], [], [], [], [], []
    sides: set[int] = set()
    missing = 0
    edges = [] if words else [(cut - scale[0]) / (scale[1] - scale[0]) for cut in stated]  # type: ignore[index]
    for (interaction_id, message_id), judged in sorted(
        by_item(rows).items(), key=lambda one: (one[0][0], one[0][1] or "")
    ):
        place = (
            conversation_of.get(interaction_id)
            if grain == INTERACTION
            else design.turn_of.get((interaction_id, message_id or ""))
        )
        if place is None:
            missing += 1
            continue
        latest = {row.reviewer: row for row in sorted(judged, key=_moment)}
        counted = np.array([weight_of[one] for one in latest])
        if words:
            share = np.zeros(len(classes))
            plain = np.zeros(len(classes))
            for one, weight in zip(latest.values(), counted, strict=True):
                share[class_of[str(one.value)]] += weight
                plain[class_of[str(one.value)]] += 1
            y.append(share / share.sum())
            tier.append(int((plain + 1e-6 * share).argmax()))
        else:
            values = np.array([one.scaled for one in latest.values()])
            y.append([float(np.average(values, weights=counted))])
            tier.append(int(sum(round(float(values.mean()), 9) >= round(edge, 9) for edge in edges)))
        at.append(place)
        total = float(counted.sum())
        weights.append(total / (total + 1))
        owner = design.dialogues[place if grain == INTERACTION else int(design.corpus.owner[place])]
        groups.append(owner.group)
        interactions.append(interaction_id)
        votes.append({reviewer: row.value for reviewer, row in latest.items()})
        if grain == MESSAGE:
            sides.add(int(design.corpus.side[place]))
    target = Target(
        name=name,
        grain=grain,
        sides=tuple(sorted(sides)),
        classes=classes,
        scale=scale,  # type: ignore[arg-type]
        cuts=tuple(stated),
        levels=() if words else tuple(sorted({float(row.value) for row in rows})),
    )
    given = np.array(y, dtype=np.float64).reshape(len(at), len(classes) or 1)
    if not words and np.any((given > 0) & (given < 1)):
        above = np.array(tier)[:, None] >= np.arange(1, len(stated) + 1)
        given = np.hstack([given, above.astype(np.float64)])
    order = np.argsort(at, kind="stable")
    sizes = np.array(weights, dtype=np.float64)
    return Labels(
        target=target,
        at=np.array(at, dtype=np.int64)[order],
        y=given[order],
        tier=np.array(tier, dtype=np.int64)[order],
        weights=(sizes / sizes.mean() if len(sizes) else sizes)[order],
        groups=np.array(groups, dtype=object)[order],
        interactions=[interactions[one] for one in order],
        votes=[votes[one] for one in order],
        rows=rows,
        reviewers=reviewers,
        missing=missing,
    )


def _moment(row: Review) -> float:
    return row.reviewed_at.timestamp() if row.reviewed_at else 0.0


def _cuts(name: str, scale: tuple[float, float], values: set[Any], stated: Sequence[float] | None) -> tuple[float, ...]:
    """Cuts between tiers: as stated; else the tiers of the rubric on a scale of 0 to 100; else the middle of the scale."""
    if stated is not None:
        ordered = tuple(float(cut) for cut in stated)
        if list(ordered) != sorted(set(ordered)) or not all(scale[0] < cut <= scale[1] for cut in ordered):
            raise ConfigurationError(
                f"cuts of {name}", list(ordered), f"Give rising values above {scale[0]:g} and up to {scale[1]:g}."
            )
        return ordered
    if scale == (0.0, 100.0) and len(values) > 2:
        parameters = get_settings().parameters
        return float(parameters["tier_acceptable"]), float(parameters["tier_excellent"])
    return ((scale[0] + scale[1]) / 2,)
