"""Agreement by month and segment, evaluator bias and ambiguous criteria, into `derived.*`; marts read them.

The statistics are those of `touchstone.learning.agreement`, so that a file's report and the marts give the same figures.
Judgements count in the month in which they were given; values are shares of their scale times 100. A month is worked out again
when its judgements, or the scores beside them, have changed, so a run without news writes nothing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import orjson
import psycopg

from touchstone.learning import agreement
from touchstone.learning.agreement import Figure
from touchstone.learning.reviews import Review, by_item, rank_reviewers
from touchstone.reviews.comparison import Pair, latest, machine_pairs, on_levels
from touchstone.reviews.conversations import side_of
from touchstone.reviews.models import reviews_of
from touchstone.settings import Settings, get_settings

SEED = 7
RESAMPLES = 200
LEAST_PAIRS = 5
"""Fewer pairs in a cell are not published."""
HUMAN_HUMAN, HUMAN_MACHINE = "human_human", "human_machine"
PEOPLE = "people"
SEGMENTS = ("channel", "topic", "team")
_Z = 1.959963984540054
_DAYS_A_MONTH = 30.4375

_AGREEMENT = (
    "period_start",
    "comparison",
    "evaluator_type",
    "evaluator_version",
    "evaluator_state",
    "subject",
    "segment_type",
    "segment_value",
    "dimension_id",
    "figure_id",
    "n",
    "value",
    "ci_low",
    "ci_high",
)


def refresh(connection: psycopg.Connection, as_of: datetime, run_id: int, settings: Settings | None = None) -> int:
    """Bring all derived tables of reviews to the present judgements and scores, in the caller's transaction.

    Returns:
        Months that were worked out again.
    """
    reviews = _judgements(connection, as_of)
    pairs = latest(machine_pairs(connection, as_of, rules=True))
    parameters = (settings or get_settings()).parameters
    changed = _refresh_months(connection, reviews, pairs, run_id, parameters["discrepancy_points"])
    if changed:
        _replace(connection, "evaluator_bias", list(_bias(reviews)))
        _replace(
            connection, "dimension_ambiguity", list(_ambiguity(connection, reviews, parameters["ambiguous_kappa"]))
        )
    return changed


def _judgements(connection: psycopg.Connection, as_of: datetime) -> list[tuple[Review, str, dict[str, str | None]]]:
    """Present judgements of whole conversations on 0 to 100, with their segments."""
    reviews, _ = reviews_of(connection)
    segments = {
        key: dict(zip(SEGMENTS, values, strict=True))
        for key, *values in connection.execute(
            """
            select interaction_key, channel, topic, team from core.interactions
            where interaction_key in (select interaction_key from feedback.human_reviews where superseded_by is null)
            """
        )
    }
    found = []
    for row in reviews.rows:
        if row.message_id is not None or row.reviewed_at > as_of:  # type: ignore[operator]
            continue
        if not isinstance(row.value, str):
            row = replace(row, value=round(100 * row.scaled, 9), scale_min=0.0, scale_max=100.0)
        key, subject = side_of(row.interaction_id)
        found.append((row, subject, segments.get(key, {})))
    return found


def _month(moment: datetime) -> date:
    return moment.astimezone(UTC).date().replace(day=1)


def _refresh_months(
    connection: psycopg.Connection,
    reviews: Sequence[tuple[Review, str, dict[str, str | None]]],
    pairs: Sequence[Pair],
    run_id: int,
    points: float,
) -> int:
    people: dict[date, list[tuple[Review, str, dict[str, str | None]]]] = defaultdict(list)
    for one in reviews:
        people[_month(one[0].reviewed_at)].append(one)  # type: ignore[arg-type]
    machines: dict[date, list[Pair]] = defaultdict(list)
    for pair in pairs:
        machines[_month(pair.reviewed_at)].append(pair)
    held = dict(connection.execute("select period_start, digest from derived.agreement_inputs").fetchall())
    changed = 0
    for month in sorted({*people, *machines, *held}):
        digest = _digest(people.get(month, []), machines.get(month, []), points)
        if held.get(month) == digest:
            continue
        changed += 1
        connection.execute("delete from derived.agreement where period_start = %s", [month])
        measured = (*_between_people(people.get(month, [])), *_with_machines(machines.get(month, []), points))
        rows = [(month, *row) for row in measured]
        with connection.cursor() as cursor:
            cursor.executemany(
                f"insert into derived.agreement ({', '.join(_AGREEMENT)}) values ({', '.join(['%s'] * len(_AGREEMENT))})",  # noqa: S608
                rows,
            )
        connection.execute(
            """
            insert into derived.agreement_inputs (period_start, digest, run_id) values (%s, %s, %s)
            on conflict (period_start) do update set digest = excluded.digest, run_id = excluded.run_id
            """,
            [month, digest, run_id],
        )
    return changed


def _digest(reviews: Sequence[tuple[Review, str, dict[str, str | None]]], pairs: Sequence[Pair], points: float) -> str:
    content = [
        [orjson.dumps(points)],
        sorted(orjson.dumps([vars_of(one), subject, segments]) for one, subject, segments in reviews),
        sorted(orjson.dumps(astuple(pair)) for pair in pairs),
    ]
    return hashlib.md5(b"\n".join(b"\n".join(part) for part in content), usedforsecurity=False).hexdigest()


def vars_of(one: Review) -> list[Any]:
    """Fields of a review in order."""
    return list(astuple(one))


def _cells(segments: dict[str, str | None]) -> Iterator[tuple[str, str]]:
    yield "all", "all"
    for name in SEGMENTS:
        if segments.get(name):
            yield name, str(segments[name])


def _between_people(reviews: Iterable[tuple[Review, str, dict[str, str | None]]]) -> Iterator[tuple[Any, ...]]:
    cells: dict[tuple[str, str, str, str], list[Review]] = defaultdict(list)
    for row, subject, segments in reviews:
        for segment in _cells(segments):
            cells[subject, *segment, row.name].append(row)
    for (subject, kind, value, name), rows in sorted(cells.items()):
        shared = [judged for judged in by_item(rows).values() if len({row.reviewer for row in judged}) > 1]
        if len(shared) < LEAST_PAIRS:
            continue
        figures = agreement.between_people(rows, seed=SEED, resamples=RESAMPLES)
        if not isinstance(rows[0].value, str):
            figures.append(_distance(shared))
        for figure in figures:
            yield (HUMAN_HUMAN, "human", PEOPLE, None, subject, kind, value, name, *_values(figure))


def _distance(shared: Sequence[Sequence[Review]]) -> Figure:
    """Mean absolute difference of two people on the same item."""
    said = [list({row.reviewer: float(row.value) for row in judged}.values()) for judged in shared]
    apart = np.array(
        [np.mean([abs(a - b) for at, a in enumerate(one) for b in one[at + 1 :]]) for one in said], dtype=float
    )
    groups = [judged[0].interaction_id for judged in shared]
    return agreement.bootstrap(
        "mae", groups, lambda at: float(apart[at].mean()), n=len(apart), seed=SEED, resamples=RESAMPLES
    )


def _with_machines(pairs: Iterable[Pair], points: float) -> Iterator[tuple[Any, ...]]:
    cells: dict[tuple[str, str, str, str, str, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        for segment in _cells({name: getattr(pair, name) for name in SEGMENTS}):
            cells[pair.evaluator_type, pair.evaluator_version, pair.subject, *segment, pair.dimension_id].append(pair)
    for (kind, version, subject, segment, value, name), found in sorted(cells.items()):
        if len(found) < LEAST_PAIRS:
            continue
        about = (HUMAN_MACHINE, kind, version, found[0].state, subject, segment, value, name)
        for figure in figures_of(found, points):
            yield (*about, *_values(figure))


def figures_of(pairs: Sequence[Pair], points: float) -> list[Figure]:
    """Agreement of one machine with people: kappa, exact and adjacent share, mean difference and its size, alpha.

    Args:
        points: Of 100; `far_apart` is the share of pairs that differ by more.
    """
    groups = [pair.interaction_key for pair in pairs]
    if pairs[0].label is not None:
        labels = [pair.label or "" for pair in pairs], [pair.machine_label or "" for pair in pairs]
        return agreement.with_machine(groups, *labels, seed=SEED, resamples=RESAMPLES)
    person, level = on_levels(pairs)
    machine = [float(pair.machine) for pair in pairs]  # type: ignore[arg-type]
    one, two = np.array(person), np.array(machine)
    return [
        *agreement.with_machine(
            groups, person, machine, stated=level, span=100.0, steps=person, seed=SEED, resamples=RESAMPLES
        ),
        agreement.bootstrap(
            "krippendorff_alpha",
            groups,
            lambda at: _alpha(one[at], two[at]),
            n=len(pairs),
            seed=SEED,
            resamples=RESAMPLES,
        ),
        agreement.bootstrap(
            "far_apart",
            groups,
            lambda at: float(np.mean(np.abs(one[at] - two[at]) > points)),
            n=len(pairs),
            seed=SEED,
            resamples=RESAMPLES,
        ),
    ]


def _alpha(one: np.ndarray, two: np.ndarray) -> float | None:
    """Krippendorff's interval alpha of pairs: `agreement.alpha` for two judgements per item, without its loop."""
    pooled = np.concatenate([one, two])
    spread = float(pooled.var())
    total = len(pooled)
    return 1 - float(((one - two) ** 2).sum()) * (total - 1) / (total**2 * spread) if spread > 1e-12 else None


def _values(figure: Figure) -> tuple[Any, ...]:
    return figure.name, figure.n, figure.value, figure.low, figure.high


def _replace(connection: psycopg.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    connection.execute(f"delete from derived.{table}")  # noqa: S608
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(f"insert into derived.{table} values ({', '.join(['%s'] * len(rows[0]))})", rows)  # noqa: S608


# --- evaluators


def _bias(reviews: Sequence[tuple[Review, str, dict[str, str | None]]]) -> Iterator[tuple[Any, ...]]:
    """How each reviewer differs from the others on the same items (leniency, its interval and monthly slope), and from themself.

    Leniency and drift are in points of 100. Drift is the least-squares slope of the single differences over time.
    """
    by_name: dict[str, list[Review]] = defaultdict(list)
    for row, _, _ in reviews:
        by_name[row.name].append(row)
    for name, rows in sorted(by_name.items()):
        words = any(isinstance(row.value, str) for row in rows)
        differences = {} if words else _differences(rows)
        for one in rank_reviewers(rows):
            apart = differences.get(one.reviewer, [])
            mean, low, high = _mean([value for _, value in apart])
            slope, slope_low, slope_high = _slope(apart)
            twice, consistency = _self_consistency(rows, one.reviewer, words)
            yield (
                one.reviewer,
                name,
                one.n,
                one.shared,
                twice,
                one.agreement,
                mean,
                low,
                high,
                consistency,
                slope,
                slope_low,
                slope_high,
                one.weight,
            )


def _differences(rows: Iterable[Review]) -> dict[str, list[tuple[datetime, float]]]:
    found: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for judged in by_item(rows).values():
        for row in judged:
            others = [float(other.value) for other in judged if other.reviewer != row.reviewer]
            if others:
                found[row.reviewer].append((row.reviewed_at, float(row.value) - float(np.mean(others))))  # type: ignore[arg-type]
    return found


def _mean(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    if not values:
        return None, None, None
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None, None
    half = _Z * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return mean, mean - half, mean + half


def _slope(apart: Sequence[tuple[datetime, float]]) -> tuple[float | None, float | None, float | None]:
    """Points a month, by least squares, with its interval; None below 10 differences or within one month."""
    if len(apart) < 10:
        return None, None, None
    months = np.array([moment.timestamp() / 86_400 / _DAYS_A_MONTH for moment, _ in apart])
    if np.ptp(months) < 1:
        return None, None, None
    values = np.array([value for _, value in apart])
    x = months - months.mean()
    spread = float(x @ x)
    slope = float(x @ values) / spread
    residual = values - values.mean() - slope * x
    half = _Z * float(np.sqrt(residual @ residual / (len(values) - 2) / spread))
    return slope, slope - half, slope + half


def _self_consistency(rows: Iterable[Review], reviewer: str, words: bool) -> tuple[int, float | None]:
    """Items that a reviewer judged twice, and the kappa of first and last judgement."""
    both = []
    for judged in by_item(row for row in rows if row.reviewer == reviewer).values():
        if len(judged) > 1:
            ordered = sorted(judged, key=lambda row: row.reviewed_at)  # type: ignore[arg-type, return-value]
            both.append((ordered[0].value, ordered[-1].value))
    if len(both) < LEAST_PAIRS:
        return len(both), None
    first, last = zip(*both, strict=True)
    if words:
        names = sorted(set(first) | set(last))
        return len(both), agreement.kappa(
            [names.index(one) for one in first], [names.index(one) for one in last], quadratic=False
        )
    return len(both), agreement.kappa(first, last)


# --- criteria


def _ambiguity(
    connection: psycopg.Connection,
    reviews: Sequence[tuple[Review, str, dict[str, str | None]]],
    ambiguous: float,
) -> Iterator[tuple[Any, ...]]:
    """By inter-rater session and criterion: how often raters say the same, and how far apart they are.

    A criterion is ambiguous where kappa lies below the bar, or below it by alpha where kappa is not defined.
    """
    sessions = connection.execute(
        """
        select session_id, interaction_key || ':' || subject, reviewer from feedback.review_queue
        where task_type = 'inter_rater' and status = 'done'
        """
    ).fetchall()
    members: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for session, name, reviewer in sessions:
        members[session].add((name, reviewer))
    for session, asked in sorted(members.items()):
        cells: dict[str, list[Review]] = defaultdict(list)
        for row, _, _ in reviews:
            if (row.interaction_id, row.reviewer) in asked:
                cells[row.name].append(row)
        for name, rows in sorted(cells.items()):
            shared = [judged for judged in by_item(rows).values() if len({row.reviewer for row in judged}) > 1]
            if not shared:
                continue
            figures = {one.name: one for one in agreement.between_people(rows, seed=SEED, resamples=RESAMPLES)}
            kappa = figures.get("weighted_kappa") or figures["kappa"]
            alpha = figures["krippendorff_alpha"]
            measure = kappa.value if kappa.value is not None else alpha.value
            spread = (
                None
                if isinstance(rows[0].value, str)
                else float(np.mean([np.ptp([float(row.value) for row in judged]) for judged in shared]))
            )
            yield (
                session,
                name,
                len({row.reviewer for row in rows}),
                len(shared),
                figures["exact"].value,
                spread,
                kappa.value,
                kappa.low,
                kappa.high,
                alpha.value,
                alpha.low,
                alpha.high,
                None if measure is None else measure < ambiguous,
            )
