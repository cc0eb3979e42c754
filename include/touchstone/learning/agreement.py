"""How far judgements agree: people with each other, and machine with people. Intervals by bootstrap over conversations.

- Krippendorff's alpha, interval or nominal (Krippendorff, 2011, "Computing Krippendorff's Alpha-Reliability").
- ICC(1): one-way random effects, single rater (Shrout and Fleiss, 1979), for any number of raters per item.
- Quadratic weighted kappa (Cohen, 1968) and plain kappa for words, of pairs.
- Spearman's correlation of one judgement against the mean of the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from touchstone.learning.reviews import Item, Review, by_item

RESAMPLES = 500
LEVEL = 0.95


@dataclass(frozen=True)
class Figure:
    """One figure of agreement.

    Attributes:
        n: Items or pairs behind it.
        value: None where it cannot be computed.
        low, high: Bootstrap interval at `LEVEL`; None where there is none.
    """

    name: str
    n: int
    value: float | None
    low: float | None = None
    high: float | None = None


def kappa(first: Sequence[float], second: Sequence[float], *, quadratic: bool = True) -> float | None:
    """Cohen's kappa of two raters; None where one of them never varies and chance explains all."""
    one, two = np.asarray(first), np.asarray(second)
    levels, codes = np.unique(np.concatenate([one, two]), return_inverse=True)
    a, b = codes[: len(one)], codes[len(one) :]
    count = len(levels)
    if count < 2:
        return None
    if quadratic:
        place = levels.astype(np.float64)
        observed = np.mean((place[a] - place[b]) ** 2)
        expected = np.mean((place[a][:, None] - place[b][None, :]) ** 2) if len(a) <= 2_000 else _expected(place, a, b)
    else:
        observed = np.mean(a != b)
        shares = [np.bincount(side, minlength=count) / len(side) for side in (a, b)]
        expected = 1 - float(shares[0] @ shares[1])
    return float(1 - observed / expected) if expected > 1e-12 else None


def _expected(place: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    one, two = place[a], place[b]
    return float(np.mean(one**2) + np.mean(two**2) - 2 * one.mean() * two.mean())


def alpha(items: Sequence[Sequence[float | str]], *, nominal: bool) -> float | None:
    """Krippendorff's alpha over items with two or more judgements each; None where values never differ or none is shared."""
    shared = [values for values in items if len(values) > 1]
    pooled = [value for values in shared for value in values]
    total = len(pooled)
    if total < 2:
        return None
    if nominal:
        _, codes = np.unique(np.array([str(value) for value in pooled]), return_inverse=True)
        observed = 0.0
        at = 0
        for values in shared:
            counts = np.bincount(codes[at : at + len(values)])
            at += len(values)
            observed += (len(values) ** 2 - np.sum(counts.astype(float) ** 2)) / (len(values) - 1)
        counts = np.bincount(codes).astype(float)
        expected = (total**2 - np.sum(counts**2)) / (total - 1)
    else:
        observed = sum(
            2 * len(values) * float(np.var(np.array(values, dtype=float))) * len(values) / (len(values) - 1)
            for values in shared
        )
        expected = 2 * total * float(np.var(np.array(pooled, dtype=float))) * total / (total - 1)
    return 1 - observed / expected if expected > 1e-12 else None


def intraclass(items: Sequence[Sequence[float]]) -> float | None:
    """ICC(1) over items with two or more judgements."""
    shared = [np.array(values, dtype=float) for values in items if len(values) > 1]
    if len(shared) < 2:
        return None
    sizes = np.array([len(values) for values in shared], dtype=float)
    total = sizes.sum()
    means = np.array([values.mean() for values in shared])
    grand = np.concatenate(shared).mean()
    between = np.sum(sizes * (means - grand) ** 2) / (len(shared) - 1)
    within = sum(np.sum((values - mean) ** 2) for values, mean in zip(shared, means, strict=True)) / (
        total - len(shared)
    )
    size = (total - np.sum(sizes**2) / total) / (len(shared) - 1)
    scale = between + (size - 1) * within
    return float((between - within) / scale) if scale > 1e-12 else None


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation; None below three pairs or where one side never varies."""
    if len(first) < 3:
        return None
    one, two = rankdata(first), rankdata(second)
    one, two = one - one.mean(), two - two.mean()
    scale = math.sqrt(float(one @ one) * float(two @ two))
    return float(one @ two) / scale if scale > 1e-12 else None


def bootstrap(
    name: str,
    groups: Sequence[str],
    statistic: Callable[[np.ndarray], float | None],
    *,
    n: int,
    seed: int,
    resamples: int = RESAMPLES,
) -> Figure:
    """A statistic of rows with its percentile interval; whole groups are drawn with replacement.

    Args:
        groups: Group (conversation) of each row.
        statistic: Rows (indices, with repetitions) -> figure, or None.
    """
    names, index = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    order = np.argsort(index, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(index))[:-1]) if len(order) else []
    value = statistic(np.arange(len(index)))
    if value is None or len(names) < 5 or not resamples:
        return Figure(name, n, value)
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        picked = generator.integers(0, len(names), len(names))
        found = statistic(np.concatenate([members[one] for one in picked]))
        if found is not None:
            drawn.append(found)
    if len(drawn) < resamples // 2:
        return Figure(name, n, value)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(name, n, value, float(low), float(high))


def between_people(rows: Iterable[Review], *, seed: int, resamples: int = RESAMPLES) -> list[Figure]:
    """Agreement of people on one dimension: alpha, ICC, kappa of pairs, exact and adjacent share, one against the others."""
    rows = list(rows)
    words = any(isinstance(row.value, str) for row in rows)
    items = {item: _latest(judged) for item, judged in by_item(rows).items()}
    shared = {item: values for item, values in items.items() if len(values) > 1}
    groups = [item[0] for item in shared]
    values = [list(one.values()) for one in shared.values()]
    found = [
        bootstrap(
            "krippendorff_alpha",
            groups,
            lambda at: alpha([values[one] for one in at], nominal=words),
            n=len(values),
            seed=seed,
            resamples=resamples,
        )
    ]
    pairs, owners = _pairs(shared, seed)
    one, two = (np.array([pair[side] for pair in pairs]) for side in (0, 1))

    def of_pairs(name: str, statistic: Callable[[np.ndarray, np.ndarray], float | None]) -> None:
        found.append(
            bootstrap(
                name,
                owners,
                lambda at: statistic(one[at], two[at]) if len(at) else None,
                n=len(pairs),
                seed=seed,
                resamples=resamples,
            )
        )

    of_pairs("kappa" if words else "weighted_kappa", lambda a, b: kappa(a, b, quadratic=not words))
    of_pairs("exact", lambda a, b: float(np.mean(a == b)))
    if not words:
        found.append(
            bootstrap(
                "icc",
                groups,
                lambda at: intraclass([values[one] for one in at]),
                n=len(values),
                seed=seed,
                resamples=resamples,
            )
        )
        first = next(iter(rows), None)
        step = (first.scale_max - first.scale_min) / 4 if first else 1  # type: ignore[operator]
        of_pairs("adjacent", lambda a, b: float(np.mean(np.abs(a - b) <= step)))
        mine, others, whose = _against_others(shared)
        found.append(
            bootstrap(
                "one_against_others",
                whose,
                lambda at: spearman(mine[at], others[at]),
                n=len(mine),
                seed=seed,
                resamples=resamples,
            )
        )
    return found


def _latest(judged: Sequence[Review]) -> dict[str, float | str]:
    """Reviewer -> the latest judgement."""
    ordered = sorted(
        judged, key=lambda row: (row.reviewed_at is not None, row.reviewed_at.timestamp() if row.reviewed_at else 0)
    )
    return {row.reviewer: row.value for row in ordered}


def _pairs(
    shared: dict[Item, dict[str, float | str]], seed: int
) -> tuple[list[tuple[float | str, float | str]], list[str]]:
    """One pair of reviewers per item; which two, and in which order, is drawn."""
    generator = np.random.default_rng(seed)
    pairs, owners = [], []
    for item, by_reviewer in shared.items():
        values = [by_reviewer[name] for name in sorted(by_reviewer)]
        first, second = generator.choice(len(values), 2, replace=False)
        pairs.append((values[first], values[second]))
        owners.append(item[0])
    return pairs, owners


def _against_others(shared: dict[Item, dict[str, float | str]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    mine, others, whose = [], [], []
    for item, by_reviewer in shared.items():
        values = np.array([float(by_reviewer[name]) for name in sorted(by_reviewer)])
        for value in values:
            mine.append(value)
            others.append((values.sum() - value) / (len(values) - 1))
            whose.append(item[0])
    return np.array(mine), np.array(others), whose


def with_machine(
    groups: Sequence[str],
    people: Sequence[float | str],
    machine: Sequence[float | str],
    *,
    stated: Sequence[float] | None = None,
    span: float = 1.0,
    steps: Sequence[float] | None = None,
    seed: int,
    resamples: int = RESAMPLES,
) -> list[Figure]:
    """Agreement of a scorer with people, item by item.

    Args:
        groups: Conversation of each item.
        people, machine: Value of each item on one scale, or words.
        stated: Levels that the machine states; its values rounded to `steps` where it states none.
        span: Length of the scale.
        steps: Levels that people use; those found in `people` by default.
    """
    n = len(people)
    if any(isinstance(value, str) for value in people):
        one, two = np.array(people, dtype=object).astype(str), np.array(machine, dtype=object).astype(str)
        return [
            bootstrap(
                "kappa",
                groups,
                lambda at: kappa(one[at], two[at], quadratic=False),
                n=n,
                seed=seed,
                resamples=resamples,
            ),
            bootstrap(
                "exact", groups, lambda at: float(np.mean(one[at] == two[at])), n=n, seed=seed, resamples=resamples
            ),
        ]
    one, two = np.array(people, dtype=float), np.array(machine, dtype=float)
    levels = np.array(sorted(set(steps)), dtype=float) if steps is not None else np.unique(one)
    sides = (one, two if stated is None else np.array(stated, dtype=float))
    rounded = [levels[np.abs(side[:, None] - levels[None, :]).argmin(axis=1)] for side in sides]
    kinds: list[tuple[str, Callable[[np.ndarray], float | None]]] = [
        ("spearman", lambda at: spearman(one[at], two[at])),
        ("weighted_kappa", lambda at: kappa(rounded[0][at], rounded[1][at])),
        ("exact", lambda at: float(np.mean(rounded[0][at] == rounded[1][at]))),
        ("adjacent", lambda at: float(np.mean(np.abs(rounded[0][at] - rounded[1][at]) <= span / 4))),
        ("mae", lambda at: float(np.mean(np.abs(one[at] - two[at])))),
        ("bias", lambda at: float(np.mean(two[at] - one[at]))),
        ("standardised_difference", lambda at: _standardised(one[at], two[at])),
    ]
    return [bootstrap(name, groups, kind, n=n, seed=seed, resamples=resamples) for name, kind in kinds]


def _standardised(people: np.ndarray, machine: np.ndarray) -> float | None:
    spread = math.sqrt((float(people.var()) + float(machine.var())) / 2)
    return float((machine.mean() - people.mean()) / spread) if spread > 1e-12 else None
