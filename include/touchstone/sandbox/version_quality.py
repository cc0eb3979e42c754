"""The worse version of an AI agent that is planted in the simulated company: known within a week, and how often one is accused wrongly.

The vendors are read as often as their logs of AI agents keep, and the marts are built twice: on the day by which the version has to be
known, from what is known then, and at the end of the quarter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from touchstone.quality.table import Row, check
from touchstone.sandbox.episode_quality import build_marts, company_of, own_server, read_vendors

if TYPE_CHECKING:
    from touchstone.sandbox.model import Company, PlantedEffect
    from touchstone.settings import Settings

DAYS, PER_DAY, SEED = 92, 90.0, 11
"""A quarter, from March 2."""
MOST_DAYS = 7
MOST_FALSE_ALARMS = 1
READ_EVERY = 16
"""Days between two readings: Zendesk keeps the logs of AI agents for 30."""

_FALSE_ALARMS = """
    with areas as (
        select distinct product_area from core.interactions where topic = %(topic)s and product_area is not null
    )
    select count(*) from marts_build.rpt_agent_version_comparisons
    where is_alarm and (
        agent_version <> %(version)s
        -- of the worse version, what does not hold the topic on which it is worse
        or (slice_type = 'topic' and slice_value <> %(topic)s)
        or (slice_type = 'product_area' and slice_value not in (select product_area from areas))
    )
    """


@dataclass(frozen=True)
class Measured:
    """What the warehouse says of the planted version.

    Attributes:
        days: Days from its start until it was surely worse, seen from the day that is the limit; None where it was not by then.
        cell: (slice_type, slice_value) in which the decision finds it worst.
        decision: What the warehouse recommends on that day.
        false_alarms: Metrics and slices of the quarter that were surely worse and are not.
        n: Metrics and slices that were compared in the quarter.
    """

    days: int | None
    cell: tuple[str, str] | None
    decision: str | None
    false_alarms: int
    n: int


def planted_version(company: Company) -> PlantedEffect:
    return next(one for one in company.effects if one.kind == "ai_version_regression")


def measure(company: Company, settings: Settings) -> Measured:
    """Read the company day by day into an empty warehouse, and build it on the day of the limit and on its last one."""
    from touchstone.warehouse.engine import connect

    effect = planted_version(company)
    first = company.until - timedelta(days=DAYS)
    limit = (effect.started_at - first).days + MOST_DAYS
    found: tuple[str, date, str, str] | None = None
    for day in sorted({*range(READ_EVERY, DAYS, READ_EVERY), limit, DAYS}):
        now = first + timedelta(days=day)
        read_vendors(company, now, settings)
        if day in (limit, DAYS):
            build_marts(now, settings)
        if day == limit:
            with connect("transformer", settings=settings) as connection:
                found = connection.execute(
                    """
                    select decision, alarm_date, worst_slice_type, worst_slice_value
                    from marts_build.rpt_agent_version_decisions where agent_version = %s
                    """,
                    [effect.parameters["version"]],
                ).fetchone()
    with connect("transformer", settings=settings) as connection:
        said = {"topic": effect.parameters["topic"], "version": effect.parameters["version"]}
        false_alarms = connection.execute(_FALSE_ALARMS, said).fetchone()[0]
        n = connection.execute("select count(*) from marts_build.rpt_agent_version_comparisons").fetchone()[0]
    decision, alarm_date, *cell = found or (None, None, None, None)
    days = None if alarm_date is None else (alarm_date - effect.started_at.date()).days + 1
    return Measured(days, tuple(cell) if alarm_date else None, decision, false_alarms, n)


@check("versions")
def versions(_folder: Path) -> Iterator[Row]:
    company = company_of(DAYS, PER_DAY, SEED)
    with own_server() as settings:
        found = measure(company, settings)
    topic = planted_version(company).parameters["topic"]
    yield Row(
        "simulated company: days until the worse version was known",
        float(MOST_DAYS + 1 if found.days is None else found.days),
        bar=MOST_DAYS,
        lower_is_better=True,
        reason="" if found.days else f"not by day {MOST_DAYS}",
    )
    yield Row(
        "simulated company: the worse version is rolled back for the topic on which it is worse",
        float(found.decision == "roll_back" and found.cell == ("topic", topic)),
        bar=1,
    )
    yield Row(
        "simulated company: false alarms about versions in a quarter",
        float(found.false_alarms),
        bar=MOST_FALSE_ALARMS,
        lower_is_better=True,
        n=found.n,
    )
