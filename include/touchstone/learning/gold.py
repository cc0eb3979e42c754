"""The gold set: which conversations people should judge, how well those judged stand for all, and which criteria are unclear."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from touchstone.errors import ConfigurationError
from touchstone.learning import agreement
from touchstone.learning.dialogues import Dialogue
from touchstone.learning.reviews import Review, by_item

SAMPLE = 300
DOUBLE = 30
"""Conversations of the sample that a second person judges, for the ambiguity test (20 to 30)."""
LEAST_DOUBLE, AMBIGUOUS_KAPPA = 20, 0.6
_SHOWN_TOPICS = 12
_UNKNOWN = "not stated"


def strata(dialogues: Sequence[Dialogue]) -> list[dict[str, str]]:
    """What each conversation is like: channel, topic, language, who answers, length (terciles of turns), how it ended."""
    lengths = np.array([sum(not message.is_internal for message in one.messages) for one in dialogues], dtype=float)
    edges = np.quantile(lengths, [1 / 3, 2 / 3]) if len(lengths) else np.zeros(2)
    common = {
        name
        for name, _ in sorted(
            Counter(one.topic for one in dialogues if one.topic).items(), key=lambda x: (-x[1], x[0])
        )[:_SHOWN_TOPICS]
    }
    found = []
    for one, length in zip(dialogues, lengths, strict=True):
        actors = {message.actor for message in one.messages if message.side == "agent"}
        handled = {0: "nobody", 1: next(iter(actors), "")}.get(len(actors), "ai_then_human")
        last = next((message for message in reversed(one.messages) if not message.is_internal), None)
        found.append(
            {
                "channel": one.channel or _UNKNOWN,
                "topic": _UNKNOWN if not one.topic else one.topic if one.topic in common else "other topics",
                "language": (one.language or _UNKNOWN).lower(),
                "handled_by": handled,
                "length": ("short", "middle", "long")[int(length > edges[0]) + int(length > edges[1])],
                "outcome": str(one.fields.get("status") or _UNKNOWN),
                "last_word": last.side if last else _UNKNOWN,
            }
        )
    return found


@dataclass(frozen=True)
class Share:
    """Share of one stratum among all conversations and among those judged.

    Attributes:
        ratio: Judged share / share of all; 1 is balance, 0 is a stratum that nobody judged.
    """

    kind: str
    stratum: str
    population: int
    judged: int
    population_share: float
    judged_share: float
    ratio: float


def balance(dialogues: Sequence[Dialogue], judged: set[str]) -> list[Share]:
    """How the judged conversations stand for all, stratum by stratum."""
    described = strata(dialogues)
    is_judged = [one.interaction_id in judged for one in dialogues]
    total, chosen = len(dialogues), sum(is_judged)
    found = []
    for kind in described[0] if described else ():
        everyone: Counter[str] = Counter(one[kind] for one in described)
        some = Counter(one[kind] for one, yes in zip(described, is_judged, strict=True) if yes)
        if len(everyone) < 2:
            continue
        for name, count in sorted(everyone.items(), key=lambda one: (-one[1], one[0])):
            share, of_judged = count / total, some[name] / chosen if chosen else 0.0
            found.append(Share(kind, name, count, some[name], share, of_judged, of_judged / share))
    return found


@dataclass(frozen=True)
class Picked:
    """One conversation of a sample: its stratum, why it is in, and whether two people judge it."""

    interaction_id: str
    stratum: str
    reason: str
    is_double: bool


def sample(
    dialogues: Sequence[Dialogue],
    size: int = SAMPLE,
    *,
    double: int = DOUBLE,
    exclude: Iterable[str] = (),
    signals: Mapping[str, float] | None = None,
    seed: int = 7,
) -> list[Picked]:
    """A stratified sample for people to judge.

    Strata are channel x topic x who answers x length. Each gets places in proportion to the square root of its size, and at
    least one where there are enough: rare kinds are seen often enough to be learned, common ones still lead. Where signals
    are given, half the places of a stratum go to its conversations with the highest signal (rare failures are otherwise met
    once in twenty) and half to chance.

    Args:
        double: How many of them two people judge.
        exclude: Conversations that are judged already.
        signals: Interaction -> how much it deserves a look, such as the probability of a low score or 1 - confidence.

    Raises:
        ConfigurationError: The sizes cannot be met.
    """
    if size < 1 or not 0 <= double <= size:
        raise ConfigurationError("sizes of the sample", f"{size}, {double} of them double", "Give size >= double >= 0.")
    left_out = set(exclude)
    described = strata(dialogues)
    members: dict[str, list[str]] = defaultdict(list)
    for one, about in zip(dialogues, described, strict=True):
        if one.interaction_id not in left_out:
            name = " / ".join(about[kind] for kind in ("channel", "topic", "handled_by", "length"))
            members[name].append(one.interaction_id)
    available = sum(map(len, members.values()))
    if available < size:
        raise ConfigurationError("too few conversations to draw from", available, f"Ask for at most {available}.")
    generator = np.random.default_rng(seed)
    places = _places({name: len(ids) for name, ids in members.items()}, size)
    picked: list[tuple[str, str, str]] = []
    for name in sorted(members):
        ids = sorted(members[name])
        order = [ids[at] for at in generator.permutation(len(ids))]
        wanted = places[name]
        led: list[str] = []
        if signals is not None:
            led = sorted(order, key=lambda one: -signals.get(one, 0.0))[: wanted // 2]
        rest = [one for one in order if one not in set(led)][: wanted - len(led)]
        picked += [(one, name, "signal") for one in led] + [(one, name, "chance") for one in rest]
    twice = set(generator.permutation(len(picked))[:double].tolist())
    return [Picked(one, name, reason, at in twice) for at, (one, name, reason) in enumerate(picked)]


def _places(sizes: Mapping[str, int], size: int) -> dict[str, int]:
    """Places per stratum: proportional to the square root of its size, never more than it holds."""
    places = dict.fromkeys(sizes, 0)
    while sum(places.values()) < size:
        open_strata = [name for name in sorted(sizes) if places[name] < sizes[name]]
        # the stratum that is furthest below its share comes next
        name = min(open_strata, key=lambda one: ((places[one] + 0.5) / np.sqrt(sizes[one]), one))
        places[name] += 1
    return places


@dataclass(frozen=True)
class Criterion:
    """Whether people read one criterion alike.

    Attributes:
        kappa: Weighted kappa of two people on double-judged items (plain kappa of words), with its interval.
        verdict: `clear`, `ambiguous` (kappa below 0.6) or `too few` (below 20 double-judged items).
    """

    dimension: str
    grain: str
    double_judged: int
    kappa: float | None
    low: float | None
    high: float | None
    exact: float | None
    verdict: str
    examples: tuple[str, ...]


def ambiguity(rows: Iterable[Review], *, seed: int = 7, resamples: int = agreement.RESAMPLES) -> list[Criterion]:
    """The ambiguity test: criteria on which two people disagree are to be reworded before anything learns from them."""
    parts: dict[tuple[str, str], list[Review]] = defaultdict(list)
    for row in rows:
        parts[row.name, "interaction" if row.message_id is None else "message"].append(row)
    found = []
    for (name, grain), judged in sorted(parts.items()):
        items = {item: {row.reviewer: row.value for row in one} for item, one in by_item(judged).items()}
        double = {item: votes for item, votes in items.items() if len(votes) > 1}
        figures = (
            {one.name: one for one in agreement.between_people(judged, seed=seed, resamples=resamples)}
            if double
            else {}
        )
        kappa = figures.get("weighted_kappa") or figures.get("kappa")
        value = kappa.value if kappa else None
        if len(double) < LEAST_DOUBLE:
            verdict = "too few"
        else:
            verdict = "clear" if value is not None and value >= AMBIGUOUS_KAPPA else "ambiguous"
        apart = sorted(double, key=lambda item: (-_spread(list(double[item].values())), item[0], item[1] or ""))[:5]
        found.append(
            Criterion(
                dimension=name,
                grain=grain,
                double_judged=len(double),
                kappa=value,
                low=kappa.low if kappa else None,
                high=kappa.high if kappa else None,
                exact=figures["exact"].value if "exact" in figures else None,
                verdict=verdict,
                examples=tuple(one[0] if one[1] is None else f"{one[0]}/{one[1]}" for one in apart),
            )
        )
    return found


def _spread(values: list[float | str]) -> float:
    if isinstance(values[0], str):
        return float(len(set(values)))
    return float(max(values)) - float(min(values))


def as_records(shares: Iterable[Share]) -> list[dict[str, Any]]:
    """Rows of a balance as plain data."""
    return [asdict(one) for one in shares]
