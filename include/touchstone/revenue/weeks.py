"""Weeks of accounts: quality, engagement, lost renewals and leaving, from facts of the warehouse.

Weeks begin on Mondays. Where a segment has more than `MOST_GROUPS` accounts, groups of equal size stand for them, so that a week is one
number per group. The unit of an account follows from its number alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import psycopg

from touchstone.revenue import usage
from touchstone.revenue.draws import Draws
from touchstone.revenue.lead import WIDTH, Lead, lead
from touchstone.revenue.panel import Panel

WEEKS = 156
OUTCOMES = ("engagement", "lost_renewals", "churn")
_UNITS = """
    create temporary table revenue_units (number bigint primary key, segment int not null, unit int not null) on commit drop
    """
_QUALITY = """
    select units.segment, units.unit, (date_trunc('week', contexts.interaction_date)::date - %(first)s) / 7 as week,
        sum(contexts.quality)::float8, count(*)
    from marts_build.fct_interaction_business_context as contexts
    inner join revenue_units as units on units.number = hashtextextended(contexts.account_key, 0)
    where contexts.quality is not null and contexts.interaction_date >= %(first)s and contexts.interaction_date < %(end)s
    group by 1, 2, 3
    """
"""The quality that months of accounts hold as well: of what the customer met in the end, once per interaction."""
# Of each outcome: what happened in the weeks, by segment, unit and week.
_OUTCOMES = {
    "lost_renewals": """
        select units.segment, units.unit, (date_trunc('week', deals.close_date)::date - %(first)s) / 7 as week, count(*)
        from core.deals as deals
        inner join core.accounts as accounts on accounts.account_key = deals.account_key
        inner join revenue_units as units on units.number = hashtextextended(accounts.organization_key, 0)
        where deals.deal_kind = 'renewal' and deals.outcome = 'lost' and not coalesce(deals.is_archived, false)
            and deals.close_date >= %(first)s and deals.close_date < %(end)s
        group by 1, 2, 3
        """,
    "churn": """
        select units.segment, units.unit, (date_trunc('week', periods.valid_from at time zone 'UTC')::date - %(first)s) / 7 as week,
            count(*)
        from facts.organization_periods as periods
        inner join revenue_units as units on units.number = hashtextextended(periods.account_key, 0)
        where periods.is_churn and periods.valid_from >= %(first)s and periods.valid_from < %(end)s
        group by 1, 2, 3
        """,
}


@dataclass(frozen=True)
class Weeks:
    """Units x weeks of one segment.

    Attributes:
        quality: Mean total score; NaN in a week without one.
        outcomes: By name, per account that was there; NaN where none was.
    """

    quality: np.ndarray
    outcomes: dict[str, np.ndarray]


def window(last_month: date) -> tuple[date, date]:
    """First Monday of the series, and the one after its last week, which ends with the last complete month at the latest."""
    after = (last_month.replace(day=28) + timedelta(days=4)).replace(day=1)
    end = after - timedelta(days=after.weekday())
    return end - timedelta(weeks=WEEKS), end


def read(connection: psycopg.Connection, panel: Panel, last_month: date, seed: int) -> dict[str, Weeks]:
    """The weekly series of every segment, in the caller's transaction."""
    first, end = window(last_month)
    units = _units(panel, seed)
    connection.execute(_UNITS)
    with connection.cursor().copy("copy revenue_units (number, segment, unit) from stdin") as copy:
        for row in zip(panel.numbers.view(np.int64).tolist(), panel.segments.tolist(), units.tolist(), strict=True):
            copy.write_row(row)
    connection.execute("analyze revenue_units")
    sizes = [int(units[panel.cells(name)].max(initial=-1)) + 1 for name in panel.segment_names]
    parameters = {"first": first, "end": end}
    sums = _filled(sizes, connection.execute(_QUALITY, parameters).fetchall())
    told = {name: _filled(sizes, connection.execute(query, parameters).fetchall()) for name, query in _OUTCOMES.items()}
    told["engagement"] = _engagement(connection, panel, units, sizes, first)
    connection.execute("drop table revenue_units")
    # before anything was recorded of the product nobody knows who used it, and of the week in which that began only a part
    begun = min((_first(figures[0]) for figures in told["engagement"]), default=0) + 1
    found = {}
    for at, name in enumerate(panel.segment_names):
        rows = panel.cells(name)
        there, followed = (_present(panel, measure, rows, units, sizes[at], first) for measure in ("tenure", "churn"))
        scores, counts = sums[at]
        with np.errstate(divide="ignore", invalid="ignore"):
            quality = np.where(counts > 0, scores / counts, np.nan)
            outcomes = {
                one: np.where(present > 0, told[one][at][0] / present, np.nan)
                for one, present in zip(OUTCOMES, (there, followed, followed), strict=True)
            }
        outcomes["engagement"][:, :begun] = np.nan
        known = quality_weeks(outcomes, quality)
        found[name] = Weeks(quality[:, known:], {one: matrix[:, known:] for one, matrix in outcomes.items()})
    return found


def _first(counts: np.ndarray) -> int:
    """First week in which something was counted."""
    weeks = np.flatnonzero(counts.any(axis=0))
    return int(weeks[0]) if len(weeks) else counts.shape[1]


def quality_weeks(outcomes: dict[str, np.ndarray], quality: np.ndarray) -> int:
    """First week in which anything was judged; what lies before it tells nothing of quality."""
    judged = np.flatnonzero((~np.isnan(quality)).any(axis=0))
    return int(judged[0]) if len(judged) else quality.shape[1]


def leads(weeks: dict[str, Weeks], seed: int) -> list[tuple[str | None, str, int, Lead]]:
    """Segment, outcome, units and lead, over all segments and of each."""
    scopes: dict[str | None, Weeks] = {}
    if weeks:
        # a segment may begin later than another
        length = max((one.quality.shape[1] for one in weeks.values()), default=0)
        scopes[None] = Weeks(
            np.concatenate([_padded(one.quality, length) for one in weeks.values()]),
            {
                name: np.concatenate([_padded(one.outcomes[name], length) for one in weeks.values()])
                for name in OUTCOMES
            },
        )
    found = []
    for segment, one in {**scopes, **weeks}.items():
        for name in OUTCOMES:
            happened = one.outcomes[name]
            # a series of which nothing is known, as of a product without analytics, is no series of zeros
            is_told = np.nan_to_num(happened).any()
            series = (one.quality, happened) if is_told else (one.quality[:, :0], happened[:, :0])
            found.append((segment, name, len(happened), lead(*series, width=WIDTH, seed=seed)))
    return found


def _padded(matrix: np.ndarray, length: int) -> np.ndarray:
    return np.pad(matrix, ((0, 0), (length - matrix.shape[1], 0)), constant_values=np.nan)


def _units(panel: Panel, seed: int) -> np.ndarray:
    """Unit of each account within its segment."""
    units = np.zeros(len(panel.numbers), dtype=np.int64)
    for name in panel.segment_names:
        rows = panel.cells(name)
        if len(rows):
            units[rows] = Draws(panel.numbers[rows], seed, draws=1).group
    return units


def _filled(sizes: list[int], rows: list[tuple]) -> list[np.ndarray]:
    """Of each segment: figures x units x weeks, zeros where no row is."""
    figures = max(len(rows[0]) - 3, 1) if rows else 2
    found = [np.zeros((figures, size, WEEKS)) for size in sizes]
    for segment, unit, week, *values in rows:
        found[segment][:, unit, week] = values
    return found


def _engagement(
    connection: psycopg.Connection, panel: Panel, units: np.ndarray, sizes: list[int], first: date
) -> list[np.ndarray]:
    """Customers who used the product: of each segment, 1 x units x weeks."""
    account, week = usage.active_customers(connection, panel.numbers.view(np.int64), first, WEEKS)
    found = []
    for segment, size in enumerate(sizes):
        here = panel.segments[account] == segment
        cells = units[account[here]] * WEEKS + week[here]
        found.append(np.bincount(cells, minlength=size * WEEKS).reshape(1, size, WEEKS))
    return found


def _present(panel: Panel, measure: str, rows: np.ndarray, units: np.ndarray, size: int, first: date) -> np.ndarray:
    """Accounts of each unit of which a measure was known in each week: from their first month on to the one in which they left."""
    is_there = ~np.isnan(panel.values[measure][:, rows])
    starts = [first + timedelta(weeks=week) for week in range(WEEKS)]
    months = [(day.year - panel.months[0].year) * 12 + day.month - panel.months[0].month for day in starts]
    found = np.zeros((size, WEEKS))
    for week, month in enumerate(months):
        if 0 <= month < len(is_there):
            found[:, week] = np.bincount(units[rows], weights=is_there[month], minlength=size)
    return found
