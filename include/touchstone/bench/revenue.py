"""Cost of everything of revenue for many months of accounts: all of it, one more month on top, and a day without news.

Accounts, the history of their revenue, their interactions with scores and their use of the product are made beforehand
(`touchstone.bench.accounts`). What is measured is what follows from them: organizations and their periods, the business context of
interactions, months of accounts, the statistics of quality and money, and the marts of all that with finance's revenue at risk. Results
of single indicators are left out: what goes with them follows from interactions, not from accounts.

The baseline is one statement of plain SQL that counts and averages the same interactions and events by account and month, and no more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg

from touchstone.bench import accounts as company
from touchstone.bench.harness import Row, benchmark
from touchstone.bench.warehouse import BenchWarehouse, bench_warehouse, cpu_seconds

ACCOUNTS = int(os.environ.get("TOUCHSTONE_BENCH_ACCOUNTS", "50000"))
MONTHS = 36
MOST_FULL, MOST_MONTH = 60.0, 5.0
"""CPU seconds of client and server."""
_MODELS = {
    "months of accounts": [name.split(".")[1] for name in company.OF_REVENUE if name not in company.AFTER_STATISTICS],
    "statistics": [],
    "marts": [
        *(name.split(".")[1] for name in company.AFTER_STATISTICS),
        "bridge_criterion_kpi",
        "rpt_adjusted_effects",
        "rpt_criterion_effects",
        "rpt_leading_indicators",
        "rpt_onboarding_cohorts",
        "rpt_quality_correlations",
        "rpt_quality_threshold_effects",
    ],
}
"""In the order of the cycle; the statistics are no models."""
# The libraries are loaded and the project is read before the clock starts: a cycle does both once for all of its steps.
_CHILD = """
import json, sys, time
from datetime import datetime
from touchstone.dbt import parse_project, run_dbt
from touchstone.revenue.step import revenue
from touchstone.warehouse import ledger
import dbt.cli.main, touchstone.revenue.months, touchstone.revenue.tables
as_of, models = datetime.fromisoformat(sys.argv[1]), json.loads(sys.argv[2])
project = parse_project()
start = time.process_time()
if models:
    with ledger.step("marts", as_of=as_of) as run:
        run_dbt("run", as_of=as_of, ledger_id=run.run_id, project=project, arguments=("--select", *models))
else:
    revenue(as_of)
print(time.process_time() - start)
"""
_SHAPES = """
import sys
from datetime import datetime
from pathlib import Path
from touchstone.pipeline import STEPS
from touchstone.sources import files
as_of = datetime.fromisoformat(sys.argv[1])
files.ingest(Path(sys.argv[2]), as_of=as_of, instance="bench")
for step in ("stage", "clean", "core", "score", "facts", "gaps", "revenue", "marts"):
    STEPS[step](as_of)
"""
_PLAIN = """
    create temporary table plain as
    with months as (
        select organization_key, months::date as month_start from core.accounts
        cross join generate_series(date '2023-03-01', date '2023-03-01' + make_interval(months => %(months)s - 1), '1 month') as months
    ),
    contacts as (
        select organization_key, date_trunc('month', interaction_date)::date as month_start, count(*) as interaction_count,
            avg(coalesce(human_total_score, ai_total_score)) as mean_quality, avg(mean_polarity) as mean_polarity
        from marts_build.fct_interactions
        group by 1, 2
    ),
    used as (
        select customers.organization_key, date_trunc('month', events.occurred_at at time zone 'UTC')::date as month_start,
            count(*) as product_event_count, count(distinct customers.person_key) as active_customer_count
        from core.product_events as events
        inner join core.customers as customers on events.customer_key = customers.customer_key
        group by 1, 2
    )
    select * from months
    left join contacts using (organization_key, month_start)
    left join used using (organization_key, month_start)
    """


@benchmark("revenue")
def revenue() -> Iterator[Row]:
    """Client and server CPU seconds of all models and statistics of revenue."""
    with bench_warehouse() as warehouse:
        _made(warehouse)
        full = _measured(warehouse, _end_of(MONTHS))
        baseline = _plain(warehouse)
        with psycopg.connect(warehouse.url, autocommit=True) as connection:
            company.live_month(connection, ACCOUNTS, MONTHS, _marts_built(connection, _end_of(MONTHS)) + 1)
            company.restate_revenue(connection, ACCOUNTS, MONTHS)
            connection.execute("vacuum analyze")
        month = _measured(warehouse, _end_of(MONTHS + 1))
        with psycopg.connect(warehouse.url, autocommit=True) as connection:
            _marts_built(connection, _end_of(MONTHS + 1))
            connection.execute("truncate facts.affected_interactions, staging.int_organizations__before")
        nothing = _measured(warehouse, _end_of(MONTHS + 1))
    about = f"revenue: {ACCOUNTS:,} accounts x {MONTHS} months"
    yield from _rows(f"{about}, everything in full, CPU", full, baseline, MOST_FULL)
    yield from _rows(f"{about}, one more month, CPU", month, sum(map(sum, full.values())), MOST_MONTH)
    yield from _rows(f"{about}, a day without news, CPU", nothing, None, None)


def _rows(
    about: str, parts: dict[str, tuple[float, float]], baseline: float | None, bar: float | None
) -> Iterator[Row]:
    total = sum(map(sum, parts.values()))
    ratio = None if baseline is None else baseline / total
    yield Row(about, total, "s", baseline, ratio, bar, None if bar is None else total <= bar)
    for name, (client, server) in parts.items():
        yield Row(f"{about}: {name}", client + server, "s", reason=f"client {client:.1f}, server {server:.1f}")


def _end_of(months: int) -> datetime:
    """The end of the month that is so many after the first."""
    number = company.FIRST_DAY.year * 12 + company.FIRST_DAY.month - 1 + months
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _made(warehouse: BenchWarehouse) -> None:
    """Tables as one day of the sample makes them, with the company in them."""
    from touchstone.daily import end_of_day
    from touchstone.sample import FIRST_DAY, write_day

    folder = warehouse.folder / "days"
    folder.mkdir()
    write_day(FIRST_DAY, folder)
    warehouse.run(_SHAPES, end_of_day(FIRST_DAY).isoformat(), str(folder))
    with psycopg.connect(warehouse.url, autocommit=True) as connection:
        connection.execute("select setseed(.5)")
        company.begin(connection)
        company.state_accounts(connection, ACCOUNTS, MONTHS)
        for month in range(MONTHS):
            company.live_month(connection, ACCOUNTS, month, 1)
        connection.execute("vacuum analyze")


def _measured(warehouse: BenchWarehouse, as_of: datetime) -> dict[str, tuple[float, float]]:
    """CPU seconds of client and server, by part."""
    return {name: warehouse.measured(_CHILD, as_of.isoformat(), json.dumps(models)) for name, models in _MODELS.items()}


def _marts_built(connection: psycopg.Connection, as_of: datetime) -> int:
    """Move the watermark of the marts, as the cycle does when they are built; returns the run that built them."""
    return connection.execute(
        """
        insert into ops.watermarks (step, change_id, run_id, as_of) select 'marts', 0, max(run_id), %s from ops.runs
        on conflict (step) do update set run_id = excluded.run_id, as_of = excluded.as_of
        returning run_id
        """,
        [as_of],
    ).fetchone()[0]


def _plain(warehouse: BenchWarehouse) -> float:
    before = cpu_seconds(warehouse.server)
    with psycopg.connect(warehouse.url) as connection:
        connection.execute(_PLAIN, {"months": MONTHS})
    return cpu_seconds(warehouse.server) - before
