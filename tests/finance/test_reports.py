"""What the reports of finance say where a figure cannot be had, is assumed, or stands on little."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import priced

from touchstone.settings import Settings

JANUARY = "month_start = '2026-01-01' and slice_type = 'all'"


def work(path: str, issues: int, seconds: float = 0, **more: Any) -> dict[str, Any]:
    """One sum of work of January: as many issues, all resolved."""
    handled = {"human": "human_only", "ai": "ai_only", "escalated": "ai_then_human"}[path]
    fields = ("pending_issue_count", "recontact_count", "fcr_n", "fcr_count", "recontact_handle_seconds")
    return {
        "work_month": "2026-01-01",
        "segment": "smb",
        "channel": "chat",
        "topic": "billing",
        "team": "care",
        "handled_by": handled,
        "resolution_path": path,
        "issue_count": issues,
        "resolved_issue_count": issues,
        "ai_episode_count": 0 if path == "human" else issues,
        "ai_answer_count": 0 if path == "human" else 2 * issues,
        "human_handle_seconds": seconds,
        **dict.fromkeys(fields, 0),
        **more,
    }


def account(key: str, **more: Any) -> dict[str, Any]:
    return {
        "account_key": key,
        "month_start": "2026-01-01",
        "segment": "smb",
        "lifecycle_stage": "active",
        "arr_start": 1200,
        "has_churned": False,
        "mean_quality": 80,
        "interaction_count": 2,
        "ai_interaction_count": 1,
        **more,
    }


def one(settings: Settings, report: str, where: str = JANUARY) -> dict[str, Any]:
    (row,) = priced.rows(settings, report, where)
    return row


def test_without_months_before_the_times_of_before_are_assumed_and_say_so(warehouse: Settings) -> None:
    priced.build(warehouse, work_months=[work("human", 40, 24000), work("ai", 30)], fct_account_months=[])
    row = one(warehouse, "rpt_roi_monthly")
    assert row["before_basis"] == "assumed"
    # ten minutes now, divided by 1.2; 36 an hour
    assert (row["before_minutes_per_issue"], row["before_cost_per_issue"]) == (Decimal("8.333333"), Decimal(5))
    assert (row["avoided_labour_cost"], row["residual_mix_cost"]) == (Decimal(150), Decimal(40))
    # without any account nothing is known to be at risk, and nothing is made up
    assert not row["has_retention"]
    assert row["expected_retention_loss"] is None
    assert row["net_benefit"] == row["net_savings"] == Decimal("105.20")


def test_without_work_of_people_nothing_is_saved_that_could_be_stated(warehouse: Settings) -> None:
    priced.build(warehouse, work_months=[work("ai", 30)], fct_account_months=[account("a")])
    row = one(warehouse, "rpt_roi_monthly")
    assert row["before_basis"] == "insufficient"
    assert row["before_cost_per_issue"] is row["avoided_labour_cost"] is row["net_benefit"] is None
    assert row["ai_cost"] == Decimal("4.80")
    assert row["is_below_min_n"]
    base = one(warehouse, "rpt_roi_scenarios", f"{JANUARY} and scenario = 'containment quality +10 %'")
    assert base["net_benefit_delta"] is None


def test_a_month_that_no_assumption_holds_in_has_no_money(warehouse: Settings) -> None:
    later = [row | {"valid_from": "2026-02-01"} for row in priced.read("assumptions.csv") if row["applies_to"] == "all"]
    kept = {row["name"]: row for row in later}
    priced.build(
        warehouse,
        assumptions=list(kept.values()),
        work_months=[work("human", 40, 24000), work("ai", 30), work("human", 5, 60, work_month="2026-02-01")],
    )
    row = one(warehouse, "rpt_cost_per_issue_monthly", f"{JANUARY} and handled_by = 'all'")
    assert (row["issue_count"], row["human_minutes"]) == (70, Decimal(400))
    assert row["labour_cost"] is row["ai_cost"] is row["total_cost"] is row["cost_per_issue"] is None
    assert row["assumptions"] == {}
    roi = one(warehouse, "rpt_roi_monthly")
    assert roi["human_labour_cost"] is roi["net_savings"] is roi["hourly_rate"] is None
    february = one(
        warehouse,
        "rpt_cost_per_issue_monthly",
        "month_start = '2026-02-01' and slice_type = 'all' and handled_by = 'all'",
    )
    assert february["labour_cost"] == Decimal("1.65")
    assert february["assumptions"]["human_hourly_rate"] == 99


def test_answers_whose_source_states_their_cost_have_that_cost_and_not_the_price_of_an_answer(
    warehouse: Settings,
) -> None:
    traced = work("ai", 30, ai_stated_answer_count=50, ai_stated_cost_usd=Decimal("1.234567"))
    months = [work("human", 40, 24000), traced]
    rate = priced.read("assumptions.csv")[-1] | {"name": "usd_exchange_rate", "value": "0.9"}
    where = f"{JANUARY} and handled_by = 'all'"
    priced.build(
        warehouse, assumptions=[*priced.read("assumptions.csv"), rate], work_months=months, fct_account_months=[]
    )
    row = one(warehouse, "rpt_cost_per_issue_monthly", where)
    # 30 episodes at .10, the ten answers that state nothing at .03, and 1.234567 dollars at .9
    assert row["ai_cost"] == Decimal("4.41")
    assert one(warehouse, "rpt_roi_monthly")["ai_cost"] == row["ai_cost"]
    assert row["assumptions"]["usd_exchange_rate"] == 0.9
    assert (row["ai_stated_answer_count"], row["ai_stated_cost_usd"]) == (50, Decimal("1.234567"))
    # without a rate nobody knows what they cost; where nothing is stated, none is needed
    priced.build(warehouse, work_months=months, fct_account_months=[])
    assert one(warehouse, "rpt_cost_per_issue_monthly", where)["ai_cost"] is None
    priced.build(warehouse, work_months=[work("human", 40, 24000), work("ai", 30)], fct_account_months=[])
    assert one(warehouse, "rpt_cost_per_issue_monthly", where)["ai_cost"] == Decimal("4.80")


def test_no_share_exceeds_one_and_a_full_one_changes_nothing(warehouse: Settings) -> None:
    ai = work("ai", 100, resolved_issue_count=95, recontact_count=4, fcr_n=90, fcr_count=90)
    priced.build(warehouse, work_months=[work("human", 40, 24000), ai], fct_account_months=[account("a")])
    found = {row["scenario"]: row for row in priced.rows(warehouse, "rpt_roi_scenarios", JANUARY)}
    full = found["containment quality +10 %"]
    assert (full["ai_resolved_issue_count"], full["uncontained_factor"], full["recontact_cost"]) == (100, 0, 0)
    assert full["net_benefit_delta"] == 5 * Decimal(5) + 4 * Decimal("1.25")
    same = found["first-contact resolution +5 points"]
    assert (same["recontact_factor"], same["net_benefit_delta"], same["cost_per_issue_delta"]) == (1, 0, 0)


def test_no_more_is_escalated_than_ai_agents_resolve_and_no_rate_of_churn_is_negative(warehouse: Settings) -> None:
    scenarios = [
        {"scenario": "all of it", "parameter": "escalations", "change": 1000, "unit": "percent"},
        {"scenario": "worse answers, and all of it", "parameter": "escalations", "change": 1000, "unit": "percent"},
        {
            "scenario": "worse answers, and all of it",
            "parameter": "containment_quality",
            "change": -50,
            "unit": "percent",
        },
        {"scenario": "no failure", "parameter": "containment_quality", "change": 100, "unit": "points"},
    ]
    effect = [
        row | {"value": "1"} if row["name"] == "retention_effect" else row for row in priced.read("assumptions.csv")
    ]
    months = [
        work("human", 40, 24000),
        work("escalated", 10, 9000),
        work("ai", 30, resolved_issue_count=20, fcr_n=20, fcr_count=10),
    ]
    risky = [account(str(n), lifecycle_stage="renewal", mean_quality=10, ai_interaction_count=2) for n in range(30)]
    leaving = account("left", has_churned=True)
    priced.build(
        warehouse, scenarios=scenarios, assumptions=effect, work_months=months, fct_account_months=[*risky, leaving]
    )
    found = {row["scenario"]: row for row in priced.rows(warehouse, "rpt_roi_scenarios", JANUARY)}
    # the twenty that AI agents resolved and the ten before; then half of the twenty
    assert (found["all of it"]["escalated_issue_count"], found["all of it"]["ai_resolved_issue_count"]) == (30, 0)
    fewer = found["worse answers, and all of it"]
    assert (fewer["escalated_issue_count"], fewer["ai_resolved_issue_count"]) == (20, 0)
    assert found["all of it"]["net_benefit_delta"] < 0
    none = found["no failure"]
    assert none["retained_arr_per_year"] > 0
    assert (none["annual_churn_rate"], none["lifetime_value"]) == (0, None)
    assert found["base"]["annual_churn_rate"] > 0


def test_nobody_who_left_means_no_lifetime_and_few_accounts_are_flagged(warehouse: Settings) -> None:
    accounts = [account(str(number)) for number in range(30)]
    few = [account(f"e{number}", segment="enterprise", has_churned=number == 0) for number in range(2)]
    priced.build(warehouse, work_months=[work("human", 40, 24000)], fct_account_months=[*accounts, *few])
    found = {row["slice_value"]: row for row in priced.rows(warehouse, "rpt_retention_at_risk_monthly")}
    assert (found["smb"]["annual_churn_rate"], found["smb"]["lifetime_value"]) == (0, None)
    assert not found["smb"]["is_below_min_n"]
    assert found["enterprise"]["is_below_min_n"]
    # 1 of 2 in one month, 12 months; the enterprise margin is .8
    assert found["enterprise"]["annual_churn_rate"] == 6
    assert found["enterprise"]["lifetime_value"] == Decimal("160.00")
    assert found["all"]["account_count"] == 32


def test_revenue_is_at_risk_near_its_renewal_and_below_acceptable_only(warehouse: Settings) -> None:
    rows = [
        account("risk", lifecycle_stage="renewal", mean_quality=59.99, interaction_count=4, ai_interaction_count=1),
        account("good", lifecycle_stage="renewal", mean_quality=60),
        account("unscored", lifecycle_stage="renewal", mean_quality=None),
        account("far", mean_quality=10),
        account("nothing paid", lifecycle_stage="renewal", mean_quality=10, arr_start=0),
    ]
    priced.build(warehouse, work_months=[work("human", 40, 24000)], fct_account_months=rows)
    row = one(warehouse, "rpt_retention_at_risk_monthly")
    assert (row["account_count"], row["at_risk_account_count"], row["arr_at_risk"]) == (4, 1, 1200)
    assert row["ai_arr_at_risk"] == 300
    # 300 x .06 x .70 / 12
    assert row["expected_retention_loss"] == Decimal("1.05")


def test_a_month_is_complete_when_its_issues_had_time_to_come_back(warehouse: Settings) -> None:
    found = []
    for as_of in (datetime(2026, 2, 14, tzinfo=UTC), datetime(2026, 2, 15, tzinfo=UTC)):
        priced.build(warehouse, as_of=as_of, work_months=[work("human", 40, 24000)], fct_account_months=[account("a")])
        found.append(
            [one(warehouse, report)["is_complete"] for report in ("rpt_roi_monthly", "rpt_retention_at_risk_monthly")]
        )
    assert found == [[False, False], [True, True]]
