"""Cost of the step revenue for many months of accounts: all of it, and one more month on top.

The months are made in the warehouse itself, without the interactions behind them, so that what is measured is the statistics of months:
correlations, cuts, cohorts and adjusted models with their intervals. The baseline is what a notebook would do for the coefficients
alone: pandas joins every lag and ranks every segment, without any interval.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from touchstone.bench.harness import Row, benchmark
from touchstone.bench.increment import cpu_seconds
from touchstone.settings import Settings
from touchstone.warehouse.embedded import EmbeddedServer

ACCOUNTS = int(os.environ.get("TOUCHSTONE_BENCH_ACCOUNTS", "50000"))
MONTHS = 36
MOST_FULL, MOST_MONTH = 30.0, 5.0
"""CPU seconds; all revenue marts together may take twice as many in full."""
_FILL = """
    insert into facts.account_months (
        account_key, month_start, is_complete, segment, tier, lifecycle_stage, tenure_months, arr_start, arr_end, expansion_arr,
        contraction_arr, churned_arr, is_retained, has_expanded, has_contracted, has_churned, health_score, active_customer_count,
        product_event_count, active_day_count, interaction_count, repeat_contact_count, mean_quality, quality_n, weighted_quality,
        low_quality_count, mean_polarity, mean_effort
    )
    select md5(accounts.number::text), (date '2023-01-01' + make_interval(months => months.number))::date, months.number < %(months)s - 1,
        accounts.segment, accounts.tier, case when months.number > accounts.leaves then 'churned' else 'active' end,
        months.number, accounts.arr, accounts.arr, 0, 0, case when months.number = accounts.leaves then accounts.arr else 0 end,
        months.number < accounts.leaves, drawn.grows < .03, drawn.shrinks < .02, months.number = accounts.leaves,
        round((drawn.health * 100)::numeric, 1), 3, 40, (drawn.days * 22)::int, drawn.contacts::int, (drawn.contacts / 4)::int,
        case when drawn.contacts >= 1 then round((60 + 40 * drawn.quality)::numeric, 4) end, drawn.contacts::int,
        case when drawn.contacts >= 1 then round((60 + 40 * drawn.quality + drawn.shrinks)::numeric, 4) end, (drawn.contacts / 5)::int,
        case when drawn.contacts >= 1 then round((drawn.health - .5)::numeric, 4) end,
        case when drawn.contacts >= 2 then round((1 + 6 * drawn.grows)::numeric, 4) end
    from (
        select number, (array['smb', 'smb', 'mid_market', 'enterprise'])[1 + number %% 4] as segment,
            (array['standard', 'business', 'enterprise'])[1 + number %% 3] as tier, (1000 + number %% 7 * 4000)::numeric as arr,
            floor(-ln(1 - random()) / .015)::int as leaves
        from generate_series(1, %(accounts)s) as number
    ) as accounts
    cross join generate_series(0, %(months)s - 1) as months (number)
    cross join lateral (
        select random() as grows, random() as shrinks, random() as health, random() as days, random() * 6 as contacts, random() as quality,
            accounts.number as drawn_for, months.number as drawn_in
    ) as drawn
    """
_CHILD = """
import sys, time
from datetime import UTC, datetime
import touchstone.revenue.tables, touchstone.revenue.months
from touchstone.revenue.step import revenue
start = time.process_time()
revenue(datetime(2026, 1, 1, tzinfo=UTC))
print(time.process_time() - start)
"""


@benchmark("revenue")
def revenue() -> Iterator[Row]:
    """Client and server CPU seconds of the step."""
    from touchstone.sandbox.revenue_rows import SHAPES

    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as name:
        base = Path(name)
        base.chmod(0o700)
        server = EmbeddedServer(Settings(home=base / "home", warehouse_url=None))
        server.start()
        try:
            environment = os.environ | {
                "TOUCHSTONE_WAREHOUSE_URL": server.url("touchstone"),
                "TOUCHSTONE_HOME": str(base / "state"),
            }
            subprocess.run(
                [sys.executable, "-c", "from touchstone.warehouse.bootstrap import bootstrap; bootstrap()"],
                env=environment,
                check=True,
            )
            with psycopg.connect(server.url("touchstone"), autocommit=True) as connection:
                connection.execute("set role touchstone_transformer")
                connection.execute(SHAPES)
                connection.execute("select setseed(.5)")
                connection.execute(_FILL, {"accounts": ACCOUNTS, "months": MONTHS + 1})
                connection.execute(
                    """
                    insert into core.accounts
                    select account_key, account_key, 'crm', 'main', 1000, null from facts.account_months group by account_key
                    """
                )
                connection.execute("vacuum analyze facts.account_months")
            full = _measure(server, environment)
            baseline = _baseline(server.url("touchstone"))
            with psycopg.connect(server.url("touchstone"), autocommit=True) as connection:
                connection.execute("set role touchstone_transformer")
                connection.execute("update facts.account_months set is_complete = true where not is_complete")
                connection.execute("vacuum facts.account_months")
            month = _measure(server, environment)
            nothing = _measure(server, environment)
        finally:
            server.remove()
    about = f"revenue: {ACCOUNTS:,} accounts x {MONTHS} months"
    yield Row(
        f"{about}, all statistics with intervals, CPU",
        full,
        "s",
        baseline,
        baseline / full,
        MOST_FULL,
        full <= MOST_FULL,
        "" if full <= MOST_FULL else "more CPU seconds than the bar; the baseline is coefficients alone by pandas",
    )
    yield Row(f"{about}, one more month, CPU", month, "s", full, full / month, MOST_MONTH, month <= MOST_MONTH)
    yield Row(f"{about}, a day without news, CPU", nothing, "s")


def _measure(server: EmbeddedServer, environment: dict[str, str]) -> float:
    before = cpu_seconds(server)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout.split()[-1]) + cpu_seconds(server) - before


def _baseline(url: str) -> float:
    """Coefficients of every measure, outcome, lag and segment by pandas; CPU seconds of the client, reading included."""
    import pandas as pd

    measures = ["mean_quality", "weighted_quality", "low_share", "mean_polarity", "mean_effort", "repeat_share"]
    outcomes = ["retained", "expanded", "contracted", "churned", "active_day_count", "health_score"]
    start = time.process_time()
    with psycopg.connect(url) as connection:
        cursor = connection.execute(
            """
            select account_key, month_start, segment, mean_quality::float8, weighted_quality::float8,
                low_quality_count / nullif(quality_n, 0)::float8 as low_share, mean_polarity::float8, mean_effort::float8,
                repeat_contact_count / nullif(interaction_count, 0)::float8 as repeat_share, is_retained::int as retained,
                has_expanded::int as expanded, has_contracted::int as contracted, has_churned::int as churned, active_day_count,
                health_score::float8
            from facts.account_months where is_complete and (has_churned or lifecycle_stage <> 'churned')
            """
        )
        rows = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
    rows["month"] = pd.to_datetime(rows["month_start"]).dt.to_period("M").astype("int64")
    for lag in range(7):
        later = rows[["account_key", "month", *outcomes]].assign(month=rows["month"] - lag)
        pairs = rows[["account_key", "month", "segment", *measures]].merge(later, on=["account_key", "month"])
        for part in (pairs, *(part for _, part in pairs.groupby("segment"))):
            for method in ("pearson", "spearman"):
                part[[*measures, *outcomes]].corr(method=method)
    return time.process_time() - start
