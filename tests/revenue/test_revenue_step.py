"""The step revenue reads months of accounts, writes what quality goes with in them, and works again only where a month has changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pytest
from psycopg.rows import dict_row

from planted import write_conversations
from touchstone.errors import WarehouseError
from touchstone.revenue.criteria import GROUPS, compared, tabulated
from touchstone.revenue.draws import Draws
from touchstone.revenue.step import TABLES, revenue
from touchstone.sandbox import effects
from touchstone.sandbox.revenue_law import simulate
from touchstone.sandbox.revenue_rows import SHAPES, account_key, write_months
from touchstone.warehouse.engine import connect

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNTS = 400


def contents(settings) -> dict[str, list]:
    with connect("transformer", settings=settings) as connection:
        return {
            name: sorted(map(str, connection.execute(f"select * from derived.{name}").fetchall())) for name in TABLES
        }


def rows(settings, query: str, *parameters) -> list[dict]:
    with connect("transformer", settings=settings) as connection:
        return connection.cursor(row_factory=dict_row).execute(query, parameters).fetchall()


def execute(settings, statement: str, *parameters) -> None:
    with connect("transformer", settings=settings) as connection:
        connection.execute(statement, parameters)


@pytest.fixture(scope="module")
def history():
    return simulate(5, accounts=ACCOUNTS)


@pytest.fixture(scope="module")
def filled(warehouse, history):
    """A warehouse with two years of months and conversations, after the first run of the step."""
    with connect("transformer", settings=warehouse) as connection:
        connection.execute(SHAPES)
        write_months(connection, history)
        write_conversations(connection, history)
    revenue(AS_OF, warehouse)
    return warehouse


def test_the_planted_effect_is_found_in_its_segment_and_lag_and_nowhere_else(filled):
    found = rows(
        filled,
        """
        select * from derived.quality_correlations
        where measure_id = 'mean_quality' and outcome_id = 'churn' and method = 'spearman' and segment_type = 'segment'
        """,
    )
    significant = {(row["segment_value"], row["lag_months"]) for row in found if (row["q_value"] or 1) < 0.05}
    assert significant == {(effects.CHURN_SEGMENT, effects.CHURN_LAG_MONTHS)}
    planted = next(row for row in found if (row["segment_value"], row["lag_months"]) in significant)
    assert planted["ci_high"] < 0
    assert planted["n"] > planted["account_count"] > 200
    assert str(planted["last_month"]) == "2025-12-01"


def test_the_cut_is_found_and_bands_say_what_follows_in_the_quarter(filled):
    below, above = rows(
        filled,
        """
        select * from derived.quality_threshold_effects
        where segment_value = 'smb' and window_id = 'lag_2' order by band_id desc
        """,
    )
    assert below["cut"] == pytest.approx(effects.CHURN_CUT, abs=2)
    assert below["risk_ratio_ci_low"] > 3
    assert below["churn_rate"] == pytest.approx(effects.CHURN_HAZARD_BELOW, abs=0.08)
    assert above["churn_rate"] == pytest.approx(effects.CHURN_HAZARD_ABOVE, abs=0.02)
    assert above["risk_ratio"] is None
    bands = rows(
        filled,
        "select * from derived.quality_threshold_effects where segment_value = 'smb' and window_id = 'next_quarter' order by quality_low",
    )
    assert [row["quality_low"] for row in bands] == [0, 40, 50, 60, 70, 80, 90]
    assert all(row["ci_low"] <= row["churn_rate"] <= row["ci_high"] for row in bands if row["n"])
    low, high = bands[3], bands[4]
    assert low["ci_low"] > high["ci_high"]


def test_the_adjusted_effect_stands_beside_the_plain_one(filled):
    found = {
        (row["segment_value"], row["model_id"]): row
        for row in rows(filled, "select * from derived.adjusted_effects where outcome_id = 'churn'")
    }
    adjusted = found["smb", "adjusted"]
    assert adjusted["ci_high"] < 1
    assert adjusted["q_value"] < 0.001
    assert adjusted["auroc"] > 0.6
    assert found["smb", "unadjusted"]["odds_ratio"] < 1
    nothing = found["mid_market", "adjusted"]
    assert nothing["is_insufficient"] or nothing["ci_low"] < 1 < nothing["ci_high"]


def test_leaving_follows_quality_by_two_months_and_what_nothing_is_known_of_has_no_lead(filled):
    found = {
        (row["segment_value"], row["outcome_id"]): row
        for row in rows(filled, "select * from derived.leading_indicators")
    }
    churn = found["smb", "churn"]
    assert abs(churn["lead_weeks"] - 2 * 52 / 12) <= 52 / 12
    assert churn["is_lower_quality_first"]
    assert churn["gain"] > 0
    assert found["smb", "engagement"]["is_insufficient"]
    assert found["smb", "engagement"]["lead_weeks"] is None


def test_a_missed_step_goes_with_coming_back_within_topics(filled):
    found = {row["kpi_id"]: row for row in rows(filled, "select * from derived.criterion_effects")}
    again = found["repeat_contact_7d"]
    assert again["ci_low"] < 0.15 < again["ci_high"]
    assert again["q_value"] < 0.001
    assert found["fcr_7d"]["difference"] == pytest.approx(-again["difference"])
    assert found["handle_minutes"]["ci_low"] < 0 < found["handle_minutes"]["ci_high"]
    assert found["csat"]["is_insufficient"]
    assert found["csat"]["q_value"] is None


def test_cohorts_compare_thirds_of_accounts_that_were_followed(filled):
    found = rows(filled, "select * from derived.onboarding_cohorts where segment_type = 'all' order by quality_low")
    assert [row["third"] for row in found] == ["low", "middle", "high"]
    assert found[0]["difference"] is None
    # none of them has an effect here
    assert all(row["difference_ci_low"] < 0 < row["difference_ci_high"] for row in found[1:])
    whole = rows(
        filled,
        """
        select count(*) as n from (
            select account_key from marts_build.fct_account_months where lifecycle_stage <> 'churned' or has_churned group by account_key
            having bool_or(tenure_months = 0) and sum(quality_n) filter (where tenure_months < 3) > 0
                and (bool_or(has_churned and tenure_months between 3 and 8) or bool_or(tenure_months = 8))
        ) as followed
        """,
    )
    assert sum(row["n"] for row in found) == whole[0]["n"]


def test_a_day_without_news_writes_nothing(filled):
    before = rows(filled, "select xmin::text, ctid::text from derived.quality_correlations order by ctid limit 5")
    assert revenue(AS_OF, filled) == revenue(AS_OF, filled)
    assert revenue(AS_OF, filled).rows == 0
    assert before == rows(
        filled, "select xmin::text, ctid::text from derived.quality_correlations order by ctid limit 5"
    )


def test_a_month_that_is_not_over_counts_for_nothing(filled):
    before = contents(filled)
    execute(
        filled,
        """
        insert into marts_build.fct_account_months (account_key, month_start, is_complete, segment, lifecycle_stage, has_churned)
        select account_key, '2026-01-01', false, segment, lifecycle_stage, false from marts_build.fct_account_months
        where month_start = '2025-12-01'
        """,
    )
    assert revenue(AS_OF, filled).rows == 0
    assert contents(filled) == before
    execute(filled, "delete from marts_build.fct_account_months where not is_complete")


def test_late_data_gives_what_a_new_warehouse_gives(filled):
    execute(
        filled,
        "update marts_build.fct_account_months set mean_quality = mean_quality / 2, _ledger_id = 2 where month_start = '2025-03-01' and segment = 'smb'",
    )
    assert revenue(AS_OF, filled).months == 1
    late = contents(filled)
    execute(filled, "delete from derived.revenue_months")
    assert revenue(AS_OF, filled).months == 24
    assert contents(filled) == late


def test_late_interactions_change_what_they_alone_make(filled):
    before = contents(filled)
    execute(
        filled,
        """
        update marts_build.fct_indicator_results set outcome = 'not_applicable', _ledger_id = (select max(run_id) + 1 from ops.runs)
        where interaction_key in (select interaction_key from marts_build.fct_indicator_results where interaction_date = '2025-09-03')
        """,
    )
    assert revenue(AS_OF, filled).rows > 0
    after = contents(filled)
    assert {name for name in TABLES if before[name] != after[name]} == {"criterion_effects"}
    execute(filled, "update marts_build.fct_indicator_results set _ledger_id = 1")


def test_a_renewal_that_is_known_lost_late_and_an_account_that_a_crm_takes_up_are_news(filled):
    before = contents(filled)
    execute(
        filled,
        "insert into core.deals (account_key, deal_kind, outcome, is_archived, close_date) values (%s, 'renewal', 'lost', false, '2025-06-03')",
        account_key(0),
    )
    assert revenue(AS_OF, filled).rows > 0
    assert revenue(AS_OF, filled).rows == 0
    execute(filled, "delete from core.deals")
    execute(
        filled,
        "update core.accounts set source = 'desk', arr = null, churned_on = null where account_key < 'account-00100'",
    )
    assert revenue(AS_OF, filled).rows > 0
    after = contents(filled)
    assert before["quality_correlations"] != after["quality_correlations"]
    # what no leaving and no revenue is part of stays
    assert before["criterion_effects"] == after["criterion_effects"]


def test_a_killed_run_leaves_nothing_and_the_next_one_does_its_work(filled):
    before = contents(filled)
    execute(
        filled,
        "update marts_build.fct_account_months set mean_quality = mean_quality + 1, _ledger_id = 3 where month_start = '2025-05-01'",
    )
    code = """
import sys
from datetime import datetime
from touchstone.revenue import step
replace = step._replace
def slow(*arguments):
    print("begun", flush=True)
    import time
    result = replace(*arguments)
    time.sleep(60)
    return result
step._replace = slow
step.revenue(datetime.fromisoformat(sys.argv[1]))
"""
    environment = os.environ | {"TOUCHSTONE_WAREHOUSE_URL": filled.warehouse_url.get_secret_value()}
    command = [sys.executable, "-c", code, AS_OF.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout.readline().strip() == "begun"
        time.sleep(0.5)
        os.kill(child.pid, signal.SIGKILL)
    assert contents(filled) == before
    assert revenue(AS_OF, filled).months == 1
    assert contents(filled) != before


def test_without_months_there_is_nothing_to_say(filled):
    execute(filled, "update marts_build.fct_account_months set is_complete = false")
    revenue(AS_OF, filled)
    assert all(not content for content in contents(filled).values())


def test_differences_within_strata_by_hand():
    """Two topics, in each 10 of 40 and 20 of 60: a plain comparison would mix the topics' levels."""
    table = tabulated(
        [
            (0, "easy", 0, [40, 4.0]),
            (1, "easy", 1, [10, 2.0]),
            (0, "hard", 2, [20, 10.0]),
            (1, "hard", 3, [60, 42.0]),
        ]
    )
    draws = Draws(np.arange(GROUPS, dtype=np.uint64), 1)
    failed, held, failed_mean, held_mean, difference, *_ = compared(table, draws, 1)
    assert (failed, held) == (70, 60)
    assert (failed_mean, held_mean) == pytest.approx((44 / 70, 14 / 60))
    # weights 10 x 40 / 50 = 8 and 20 x 60 / 80 = 15, differences .2 - .1 and .7 - .5
    assert difference == pytest.approx((8 * 0.1 + 15 * 0.2) / 23)


def test_a_side_with_few_is_insufficient():
    table = tabulated([(0, "one", group, [10, 5.0]) for group in range(20)] + [(1, "one", 3, [5, 1.0])])
    found = compared(table, Draws(np.arange(GROUPS, dtype=np.uint64), 1), 30)
    assert found[-1] is True
    assert found[5:8] == (None, None, None)


def test_without_the_months_of_accounts_the_step_names_what_to_build(filled):
    execute(filled, "alter table marts_build.fct_account_months rename to set_aside")
    try:
        with pytest.raises(WarehouseError, match="months of accounts have not been built"):
            revenue(AS_OF, filled)
    finally:
        execute(filled, "alter table marts_build.set_aside rename to fct_account_months")
