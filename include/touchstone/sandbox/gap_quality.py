"""Knowledge gaps, held against those that are planted in the simulated company.

The vendors of several companies are read over HTTP as time goes by, and everything up to the marts is built of each; one run at the end
says the same of the days before as a run a day. A planted gap is found when the gap of its topic opens while it lasts; any other gap of
the company is a false one. A bar has to hold for every company.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from touchstone.quality.table import Row, check
from touchstone.sandbox import effects
from touchstone.sandbox.episode_quality import build_marts, own_server, read_vendors

if TYPE_CHECKING:
    from touchstone.sandbox.model import Company
    from touchstone.settings import Settings

DAYS, PER_DAY, SEED = 119, 50.0, 11
SEEDS = (11, 12, 13)
STEP_DAYS = 17
"""The vendor's export of AI conversations reaches back thirty days."""
SIGNALS, MOST_DAYS = 10, 7
TOP, MOST_FALSE = 20, 2


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes:
        days: By planted gap, days from its tenth signal to its opening; None where it was not found.
        false: Gaps among the first twenty that nobody planted.
        gaps: All gaps.
    """

    days: dict[str, float | None]
    false: list[str]
    gaps: int


def company_of(days: int = DAYS, per_day: float = PER_DAY, seed: int = SEED) -> Company:
    from touchstone.sandbox.company import build

    return build(seed=seed, conversations_per_day=per_day, days=days)


def _start(company: Company) -> datetime:
    return datetime.combine(company.first_day, time(), tzinfo=UTC)


def _moments(company: Company, step_days: int) -> list[datetime]:
    moments = [company.until]
    while moments[0] - timedelta(days=step_days) > _start(company):
        moments.insert(0, moments[0] - timedelta(days=step_days))
    return moments


def build_warehouse(company: Company, settings: Settings, step_days: int = STEP_DAYS) -> None:
    """Cycle after cycle, `step_days` apart, up to the last day of the company."""
    for now in _moments(company, step_days):
        read_vendors(company, now, settings)
        build_marts(now, settings)


def build_once(company: Company, settings: Settings) -> None:
    """Read as time goes by, and build everything on the last day."""
    for now in _moments(company, STEP_DAYS):
        read_vendors(company, now, settings)
    build_marts(company.until, settings)


def measure(company: Company, settings: Settings) -> Measured:
    """Hold what `build_warehouse` built against the plan of the company."""
    from touchstone.warehouse.engine import connect

    spans = {
        gap.topic: (
            _start(company) + timedelta(days=gap.days[0]),
            company.until if gap.days[1] is None else _start(company) + timedelta(days=gap.days[1]),
        )
        for gap in effects.GAPS
    }
    with connect("transformer", settings=settings) as connection:
        found = connection.execute(
            """
            select gaps.topic, gaps.title, gaps.priority_rank, statuses.since
            from marts_build.fct_knowledge_gaps as gaps
            inner join marts_build.fct_knowledge_gap_statuses as statuses using (gap_id)
            where statuses.status = 'open'
            order by gaps.priority_rank, statuses.since
            """
        ).fetchall()
        signals = {topic: _tenth(connection, topic, *span) for topic, span in spans.items()}
    opened: dict[str, datetime] = {}
    wrong: dict[str, None] = {}
    for topic, title, rank, since in found:
        if topic in spans and spans[topic][0] <= since <= spans[topic][1] + timedelta(days=1):
            opened.setdefault(topic, since)
        elif rank <= TOP:
            wrong[title] = None
    days = {
        topic: None
        if topic not in opened or tenth is None
        else max(0.0, (opened[topic] - tenth).total_seconds() / 86400)
        for topic, tenth in signals.items()
    }
    return Measured(days, list(wrong), len({row[1] for row in found}))


def _tenth(connection: object, topic: str, first: datetime, last: datetime) -> datetime | None:
    row = connection.execute(  # type: ignore[attr-defined]
        """
        select signalled_at from marts_build.fct_knowledge_gap_signals
        where topic = %s and asked_at >= %s and asked_at < %s
        order by signalled_at offset %s limit 1
        """,
        [topic, first, last, SIGNALS - 1],
    ).fetchone()
    return row[0] if row else None


@check("gaps")
def gaps(_folder: Path) -> Iterator[Row]:
    found: list[Measured] = []
    for seed in SEEDS:
        company = company_of(seed=seed)
        with own_server() as settings:
            build_once(company, settings)
            found.append(measure(company, settings))
    worst = f"worst of the seeds {', '.join(map(str, SEEDS))}"
    for topic in found[0].days:
        known = [one.days[topic] for one in found]
        yield Row(
            f"simulated company: days from the tenth signal of the gap {topic} to its opening, {worst}",
            max(float("inf") if one is None else one for one in known),
            bar=MOST_DAYS,
            lower_is_better=True,
            n=len(known),
        )
    yield Row(
        f"simulated company: false gaps among the first {TOP}, {worst}",
        max(len(one.false) for one in found),
        bar=MOST_FALSE,
        lower_is_better=True,
        n=max(one.gaps for one in found),
    )
