"""What goes with a missed criterion: first-contact resolution, repeat contacts, satisfaction, handle time, turns, clarification, disputes.

Interactions in which an indicator failed are compared with those in which it held, within topics: the difference is the one that a
regression with a level per topic gives (weights n1 n0 / (n1 + n0) per topic). Intervals come from a bootstrap over groups of customers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import psycopg

from touchstone.revenue.draws import Draws, interval, p_value, q_values

KPIS = (
    "fcr_7d",
    "repeat_contact_7d",
    "csat",
    "handle_minutes",
    "customer_turns",
    "clarification_rate",
    "undisputed_rate",
)
OWN = {"undisputed_rate": ("answer_stands",)}
"""Criteria that a figure is made of; they are not held against it."""
GROUPS = 100
MOST_TOPICS = 20
WINDOW_DAYS = 365
SETTLE_DAYS = 14
"""Before the end of the last complete month the window ends: what followed its interactions is known by then."""
_READ = """
    with window_interactions as (
        select interaction_key, topic, mod(hashtext(coalesce(person_key, interaction_key)), %(groups)s) as person_group
        from core.interactions
        where is_eligible and interaction_date >= %(first)s and interaction_date < %(end)s
    ),
    topics as (
        select topic from window_interactions group by topic order by count(*) desc, topic limit %(topics)s
    ),
    episodes as (
        select episodes.interaction_key, sum(episodes.handle_minutes::numeric) as handle_minutes,
            sum(episodes.customer_turn_count) filter (where episodes.is_solved) as customer_turns
        from facts.episodes as episodes
        inner join window_interactions using (interaction_key)
        group by 1
    ),
    contacts as (
        select issues.interaction_key,
            max(issues.is_resolved_7d::int) filter (where issues.contact_number = 1 and issues.episode_number = 1) as fcr_7d,
            max(coalesce(issues.next_started_at <= issues.last_message_at + interval '7 days', false)::int)
                filter (where issues.episode_number = 1) as repeat_contact_7d
        from facts.issue_episodes as issues
        inner join window_interactions using (interaction_key)
        group by 1
    ),
    ratings as (
        select ratings.interaction_key, min(ratings.is_positive::int) as csat
        from facts.episode_ratings as ratings
        inner join window_interactions using (interaction_key)
        group by 1
    ),
    clarifications as (
        select turns.interaction_key, avg(turns.is_clarification::int) filter (where turns.reply_before_key is not null) as clarification_rate
        from facts.clarification_turns as turns
        inner join window_interactions using (interaction_key)
        group by 1
    ),
    disputes as (
        select results.interaction_key, min((results.outcome = 'holds')::int) as undisputed_rate
        from marts_build.fct_indicator_results as results
        inner join window_interactions using (interaction_key)
        where results.indicator_id = 'answer_stands' and results.outcome <> 'not_applicable'
        group by 1
    ),
    figures as (
        select window_interactions.interaction_key, window_interactions.person_group,
            case when topics.topic is null then 'other' else 'topic: ' || topics.topic end as stratum,
            contacts.fcr_7d, contacts.repeat_contact_7d, ratings.csat, episodes.handle_minutes, episodes.customer_turns,
            clarifications.clarification_rate, disputes.undisputed_rate
        from window_interactions
        left join topics using (topic)
        left join episodes using (interaction_key)
        left join contacts using (interaction_key)
        left join ratings using (interaction_key)
        left join clarifications using (interaction_key)
        left join disputes using (interaction_key)
    )
    select results.subject, results.indicator_id, min(results.dimension_id), (results.outcome = 'fails')::int, figures.stratum,
        figures.person_group, {sums}
    from figures
    inner join marts_build.fct_indicator_results as results using (interaction_key)
    where results.outcome <> 'not_applicable'
    group by 1, 2, 4, 5, 6
    """


@dataclass(frozen=True, slots=True)
class Effect:
    """A criterion and a figure, on one judged side.

    Attributes:
        failed_n, held_n: Interactions with the figure in which the criterion failed and held; `failed_mean` and `held_mean` are their means.
        difference: Failed less held, within topics.
        is_insufficient: One side has fewer than `min_n`; p and q are None then.
    """

    subject: str
    indicator: str
    dimension: str
    kpi: str
    failed_n: int
    held_n: int
    failed_mean: float | None
    held_mean: float | None
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None
    q: float | None
    is_insufficient: bool


_LATE = """
    select exists (
        select from marts_build.fct_indicator_results
        where _ledger_id > %(run)s and interaction_date >= %(first)s and interaction_date < %(end)s
    ) or exists (
        select from marts_build.fct_interactions
        where _ledger_id > %(run)s and interaction_date >= %(first)s and interaction_date < %(end)s
    )
    """


def window(last_month: date) -> tuple[date, date]:
    """First day of the interactions that are compared, and the one after the last."""
    end = (last_month + timedelta(days=31)).replace(day=1) - timedelta(days=SETTLE_DAYS)
    return end - timedelta(days=WINDOW_DAYS), end


def has_late_news(connection: psycopg.Connection, last_month: date, run_id: int) -> bool:
    """Whether something of the window has changed since a run."""
    first, end = window(last_month)
    return connection.execute(_LATE, {"run": run_id, "first": first, "end": end}).fetchone()[0]


def effects(connection: psycopg.Connection, last_month: date, *, min_n: int = 30, seed: int = 0) -> list[Effect]:
    """Every criterion against every figure, over the window of a last month; q-values over all of them."""
    # sums of decimals are exact: the same interactions in another order give the same figures
    sums = ", ".join(f"count(figures.{kpi}), coalesce(sum(figures.{kpi}::numeric), 0)::float8" for kpi in KPIS)
    first, end = window(last_month)
    parameters = {"groups": GROUPS, "topics": MOST_TOPICS, "first": first, "end": end}
    cells: dict[tuple[str, str, str], list[tuple]] = {}
    rows = connection.execute(_READ.format(sums=sums), parameters)
    for subject, indicator, dimension, failed, stratum, group, *figures in rows:
        cells.setdefault((subject, indicator, dimension), []).append((failed, stratum, abs(group), figures))
    draws = Draws(np.arange(GROUPS, dtype=np.uint64), seed)
    found = []
    for (subject, indicator, dimension), of_cell in sorted(cells.items()):
        table = tabulated(of_cell)
        for at, kpi in enumerate(KPIS):
            if indicator not in OWN.get(kpi, ()):
                about = (subject, indicator, dimension, kpi)
                found.append(Effect(*about, *compared(table[..., 2 * at : 2 * at + 2], draws, min_n)))
    q = q_values([one.p for one in found])
    return [replace(one, q=value) for one, value in zip(found, q, strict=True)]


def tabulated(rows: list[tuple]) -> np.ndarray:
    """Groups x strata x (held, failed) x figures, of (failed, stratum, group, figures)."""
    strata = {stratum: at for at, stratum in enumerate(sorted({row[1] for row in rows}))}
    table = np.zeros((GROUPS, len(strata), 2, len(rows[0][3])))
    for failed, stratum, group, figures in rows:
        table[group, strata[stratum], failed] += figures
    return table


def compared(
    table: np.ndarray, draws: Draws, min_n: int
) -> tuple[int, int, float | None, float | None, float | None, float | None, float | None, float | None, None, bool]:
    """The figures of an `Effect`, from groups x strata x (held, failed) x (n, sum)."""
    (held_n, held_sum), (failed_n, failed_sum) = table.sum(axis=(0, 1))
    means = (failed_sum / failed_n if failed_n else None, held_sum / held_n if held_n else None)
    counts = (round(failed_n), round(held_n))
    value = float(_difference(table.sum(axis=0)[None])[0])
    if not np.isfinite(value):
        return (*counts, *means, None, None, None, None, None, True)
    drawn = _difference((draws.weights @ table.reshape(len(table), -1)).reshape(-1, *table.shape[1:]))
    drawn = drawn[np.isfinite(drawn)]
    is_insufficient = min(counts) < min_n or len(drawn) < len(draws.weights) // 2
    if is_insufficient:
        return (*counts, *means, value, None, None, None, None, True)
    # where one side comes of few customers, the standard error is known from as few
    clusters = int((table[..., 0].sum(axis=1) > 0).sum(axis=0).min())
    return (*counts, *means, value, *interval(value, drawn), p_value(value, drawn, clusters), None, False)


def _difference(table: np.ndarray) -> np.ndarray:
    """Failed less held within strata: of each draw x strata x (held, failed) x (n, sum)."""
    n, sums = table[..., 0], table[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = n[..., 0] * n[..., 1] / (n[..., 0] + n[..., 1])
        apart = sums[..., 1] / n[..., 1] - sums[..., 0] / n[..., 0]
        usable = weight > 0
        return np.where(usable, weight * apart, 0).sum(axis=-1) / np.where(usable, weight, 0).sum(axis=-1)
