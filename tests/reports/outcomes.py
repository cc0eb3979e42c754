"""Half a year of an imaginary desk in the marts that the periodic reports read, on top of the month of `company`."""

from __future__ import annotations

import math
from datetime import date, timedelta

import company
import psycopg

HOSTILE_CHANGE = '2.4"><img src=x onerror=alert(1)>'
HOSTILE_GAP = '=cmd|"/c calc"!A0 <b>export</b>'
MONTHS = [date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
CHANGE_DAY = date(2026, 3, 12)
# measure: area, label, unit, direction, n, values of the months, target
MEASURES = {
    "customer_satisfaction": ("customers", "Satisfied customers, of those who answered a survey", "share", "up_is_good", 640, (0.78, 0.79, 0.77, 0.80, 0.80, 0.81), 0.82),
    "repeat_contact_rate": ("customers", "Customers who had to come back with the same matter", "share", "down_is_good", 1900, (0.24, 0.25, 0.24, 0.23, 0.23, 0.18), 0.2),
    "first_contact_resolution": ("service", "Issues solved at first contact", "share", "up_is_good", 2100, (0.70, 0.69, 0.71, 0.70, 0.71, 0.76), 0.74),
    "time_to_resolution": ("service", "Time to a solution, on average", "hours", "down_is_good", 2300, (9.1, 9.4, 8.8, 8.9, 8.7, 8.5), None),
    "compliance": ("quality", "Conversations in which every rule was kept", "share", "up_is_good", 2600, (0.991, 0.99, 0.992, 0.991, 0.993, 0.984), None),
    "human_quality": ("quality", "Support quality of our people", "points", "up_is_good", 1500, (71.0, 71.5, 71.2, 72.0, 72.4, 73.9), None),
    "ai_quality": ("quality", "Support quality of the AI agent", "points", "up_is_good", 1400, (70.0, 70.4, 70.1, 70.8, 70.6, 68.1), None),
    "containment_quality": ("ai", "Customers who left the AI agent with their issue solved", "share", "up_is_good", 900, (0.66, 0.67, 0.66, 0.68, 0.67, 0.61), 0.7),
    "resolution_median": ("service", "Time to a solution, typical case", "hours", "down_is_good", 2300, (5.4, 5.5, 5.2, 5.1, 5.0, 4.9), None),
    "open_conversations": ("service", "Open conversations at the month's end", "count", "down_is_good", None, (88, 95, 90, 92, 97, 81), None),
    "customers_who_stay": ("customers", "Customers who stay", "share", "up_is_good", 412, (0.985, 0.988, 0.983, 0.985, 0.987, 0.9903), None),
    "accounts_lost": ("customers", "Customers who left", "count", "down_is_good", 412, (6, 5, 7, 6, 5, 4), None),
    "net_revenue_retention": ("money", "Revenue kept, with what customers added", "share", "up_is_good", 412, (1.004, 1.006, 0.998, 1.003, 1.005, 1.011), None),
    "gross_revenue_retention": ("money", "Revenue kept, without what customers added", "share", "up_is_good", 412, (0.985, 0.987, 0.98, 0.984, 0.986, 0.989), None),
    "lifetime_value": ("money", "What a customer is worth over the years", "money", "up_is_good", 412, (41000, 41900, 40400, 41200, 42100, None), None),
    "cost_per_issue": ("money", "Cost of a solved issue", "money", "down_is_good", 1800, (6.9, 6.8, 6.85, 6.6, 6.51, 6.12), None),
    "net_savings": ("money", "What the AI agent saves, less what it causes", "money", "up_is_good", 2000, (2100, 2400, 1900, 2600, 2810.4, 3104.25), None),
    "revenue_at_risk": ("risk", "Yearly revenue at risk", "money", "down_is_good", 412, (210000, 190000, 230000, 205000, 198000, 241500), None),
    "accounts_at_risk": ("risk", "Customers at risk close to their renewal", "count", "down_is_good", 412, (9, 8, 10, 9, 9, 11), None),
}  # fmt: skip
UNSETTLED = ("cost_per_issue", "net_savings")


def interval(value: float, n: int, unit: str) -> tuple[float, float]:
    half = 1.96 * (
        math.sqrt(value * (1 - value) / n)
        if unit == "share"
        else (14 if unit == "points" else 6 * value) / math.sqrt(n)
    )
    return value - half, value + half


def executive_rows() -> list[dict]:
    """Rows of rpt_executive_monthly as its model works them out."""
    found = []
    for place, (measure, (area, label, unit, direction, n, values, target)) in enumerate(MEASURES.items(), 1):
        for slice_type, slice_value, of in (
            ("all", "all", 1.0),
            ("segment", "enterprise", 0.4),
            ("segment", "smb", 0.6),
        ):
            if slice_type == "segment" and measure not in (
                "customers_who_stay",
                "net_revenue_retention",
                "revenue_at_risk",
            ):
                continue
            for number, (month, value) in enumerate(zip(MONTHS, values, strict=True)):
                before = values[number - 1] if number else None
                has_interval = unit in ("share", "hours", "points") and "revenue" not in measure
                size = None if n is None else int(n * of)
                low, high = interval(value, size, unit) if has_interval else (None, None)
                change = None if value is None or before is None else value - before
                is_settled = not (measure in UNSETTLED and number == 5)
                better = None
                if change and is_settled:
                    half = 0.0
                    if has_interval:
                        low_before, _ = interval(before, size, unit)
                        half = math.hypot(value - low, before - low_before)
                    better = (change > 0) == (direction == "up_is_good") if abs(change) > half else None
                found.append(
                    {
                        "month_start": month, "slice_type": slice_type, "slice_value": slice_value, "area": area, "measure": measure,
                        "label": label, "unit": unit, "direction": direction, "source_mart": "a mart",
                        "note": "No customer left in a year, so nobody can say how long one stays." if value is None else None,
                        "place": place, "n": size, "value": value, "ci_low": low, "ci_high": high, "previous_value": before,
                        "change": change, "target_value": target, "is_better": better,
                        "is_attained": None if target is None else (value >= target) == (direction == "up_is_good"),
                        "is_below_min_n": False, "is_complete": True, "is_settled": is_settled,
                    }
                )  # fmt: skip
    return found


def metric_rows() -> list[dict]:
    """Weeks and days of registered metrics: first-contact resolution rises on the day after the change, containment quality falls."""
    found = []
    weeks = [date(2026, 1, 5) + timedelta(days=7 * number) for number in range(12)]
    courses = {"first_contact_resolution": (0.70, 0.78), "containment_quality": (0.67, 0.55), "customer_satisfaction": (0.8, 0.8), "repeat_contact_rate": (0.23, 0.22), "self_service_success": (0.4, 0.41)}  # fmt: skip
    for metric, (before, after) in courses.items():
        for week in weeks:
            share = after if week >= date(2026, 3, 16) else before
            if metric == "customer_satisfaction" and week == date(2026, 3, 23):
                share = 0.87
            if metric == "first_contact_resolution" and week == date(2026, 3, 23):
                share = 0.5  # those who came back already
            found.append(_metric(metric, "week", week, 400, share))
            topic = share if metric != "containment_quality" else 0.4
            found.append(_metric(metric, "week", week, 90, topic, "topic", company.HOSTILE))
        for number in range(-30, 20):
            day = CHANGE_DAY + timedelta(days=number)
            share = after if day > CHANGE_DAY else before
            if metric == "first_contact_resolution" and day > date(2026, 3, 23):
                share = 0.0  # nobody is known yet but those who came back
            found.append(_metric(metric, "day", day, 100, share))
    for week in weeks:
        found.append(
            _metric("time_to_resolution", "week", week, 400, 0)
            | {"numerator": 200_000.0, "value": 500.0, "ci_low": 460.0, "ci_high": 540.0}
        )
    return found


def _metric(
    metric: str, period: str, start: date, n: int, share: float, slice_type: str = "all", slice_value: str = "all"
) -> dict:
    low, high = interval(share, n, "share")
    return {
        "metric_id": metric, "semantic_model": "m", "period_type": period, "slice_type": slice_type, "slice_value": slice_value,
        "numerator": float(round(share * n)), "denominator": float(n), "n": n, "value": share, "ci_low": low, "ci_high": high,
        "is_below_min_n": False, "period_start": start, "period_end": start + timedelta(days=6 if period == "week" else 0),
    }  # fmt: skip


def gap(number: int, **values: object) -> dict:
    """An open knowledge gap."""
    opened = company.AS_OF - timedelta(days=2 + 3 * number)
    return {
        "gap_id": f"g{number}", "gap_kind": "topic", "title": f"Moving a contract {number}", "topic": "contracts", "gap_type": "missing", "status": "open",
        "owner_team": "content", "owner": "content", "recommended_action": f"Write article {number}.", "priority_rank": number,
        "question_count": 40, "failed_count": 31, "failure_rate": 0.78, "failure_ci_low": 0.63, "failure_ci_high": 0.88, "impact": 12.0 / number,
        "arr_touched": 84_000.0, "is_open": True, "is_below_min_n": False, "opened_at": opened,
        **dict.fromkeys(("signal_count", "window_question_count", "article_count", "conflict_count", "fix_count", "customer_count", "account_count", "age_days"), 9),
        "example_message_keys": "", "opened_by": "lacking_knowledge", "status_reason": "lacking_knowledge", "is_worse_than_before": False,
        "status_since": opened, "window_end": company.FIRST_DAY,
    } | values  # fmt: skip


def fill(connection: psycopg.Connection) -> None:
    """Everything that the four reports read beyond `company.fill`."""
    day, as_of = date(2026, 3, 31), company.AS_OF
    common = {"is_logged": True, "is_seen": True, "changed_at": as_of - timedelta(days=19)}
    rows: dict[str, list[dict]] = {
        "rpt_executive_monthly": executive_rows(),
        "fct_metric_values": metric_rows(),
        "fct_changes": [
            {"change_key": "v", "change_type": "agent_version", "changed": HOSTILE_CHANGE, "change_date": CHANGE_DAY} | common,
            {"change_key": "routed", "change_type": "routing", "changed": "billing first", "change_date": CHANGE_DAY} | common,
        ],
        "rpt_metric_baselines": [
            {
                "baseline_key": f"{metric}-{change}", "metric_id": metric, "baseline_type": "before_change", "change_key": change, "slice_type": "all",
                "slice_value": "all", "numerator": share * 1800, "denominator": 1800.0, "n": 1800, "value": share, "is_complete": True, "is_below_min_n": False,
                "first_date": CHANGE_DAY - timedelta(days=30), "last_date": CHANGE_DAY - timedelta(days=1),
            }
            for metric, change, share in (
                ("first_contact_resolution", "routed", 0.70), ("containment_quality", "v", 0.67), ("customer_satisfaction", "routed", 0.80)
            )
        ],
        "rpt_quality_control_limits": [
            {
                "slice_type": "topic", "slice_value": company.HOSTILE, "subject": "ai_agent", "measure_type": "total", "measure_id": "total",
                "verdict": "decline", "change_key": "v", "change_type": "agent_version", "changed": HOSTILE_CHANGE,
                "recommended_action": "Look at what 2.4 changed for topic data_export", "owner": "engineering", "n": 41, "baseline_n": 400,
                "value": 51.0, "moving_value": 54.2, "expected_value": 66.0, "baseline_value": 66.1, "limit_low": 58.0, "limit_high": 74.0,
                "is_out_of_limits": True, "is_below_min_n": False, "baseline_until_date": CHANGE_DAY, "first_out_date": when, "interaction_date": when,
            }
            for when in (date(2026, 3, 27), day)
        ],
        "rpt_drift_signals_daily": [
            {
                "signal": "escalation", "slice_type": "topic", "slice_value": company.HOSTILE, "n": 44, "baseline_n": 300, "value": 0.41,
                "baseline_value": 0.18, "moving_value": 0.36, "limit_low": 0.05, "limit_high": 0.31, "is_worse": True, "is_better": False,
                "recommended_action": "Read the handoffs of topic data_export", "owner": "support", "first_out_date": day, "interaction_date": day,
            }
        ],
        "fct_policy_violations": [
            {
                "interaction_key": f"p{number}", "subject": "ai_agent", "indicator_id": "no_card", "indicator_title": company.HOSTILE_TITLE,
                "is_critical": True, "interaction_date": day if number < 6 else day - timedelta(days=number),
            }
            for number in range(8)
        ],
        "fct_knowledge_gaps": [gap(1, title=HOSTILE_GAP), gap(2), gap(3)],
        "rpt_knowledge_gaps_weekly": [
            {
                "period_start": date(2026, 3, 23), "period_end": date(2026, 3, 29), "opened_count": 2, "closed_count": 1, "backlog_count": 3,
                "failed_question_count": 120, "identified_question_count": 84, "is_below_min_n": False,
                **dict.fromkeys(("published_count", "verified_count", "dismissed_count", "velocity_n"), 1),
            }
        ],
        "rpt_gap_fixes": [
            {
                "gap_id": "g9", "title": "Password reset", "fix_source": "article", "verdict": "worked", "owner_team": "content", "fix_number": 1,
                "recommended_action": "Leave it.", "before_n": 40.0, "before_failed_count": 30, "after_n": 30.0, "after_failed_count": 6,
                "before_rate": 0.75, "after_rate": 0.2, "rate_change": -0.55, "ci_low": -0.7, "ci_high": -0.33, "is_below_min_n": False,
                "fixed_at": as_of - timedelta(days=15), "measured_until": date(2026, 3, 29),
            }
        ],
        "rpt_change_effects": [
            {
                "change_key": "v", "change_type": "agent_version", "changed": HOSTILE_CHANGE, "slice_type": "all", "slice_value": "all",
                "metric": "resolution", "verdict": "worse", "direction": 1, "n": 500, "previous_n": 520, "value": 0.58, "previous_value": 0.66,
                "difference": -0.08, "ci_low": -0.14, "ci_high": -0.02, "is_below_min_n": False, "change_date": CHANGE_DAY,
            }
        ],
        "rpt_insights": [
            {
                "insight_key": "i1", "insight_type": "version_worse", "slice_type": "topic", "slice_value": "plan_change", "metric": "resolution",
                "subject": "version 2.4", "recommended_action": "Take it back.", "owner_team": "engineering", "owner": "engineering", "place": 1,
                "n": 44, "value": 0.31, "expected_value": 0.72, "weekly_episodes": 9.0, "since_date": day,
            }
        ],
        "rpt_agent_version_decisions": [
            {
                "agent_key": "nova", "agent_version": "2.4", "previous_version": "2.3", "decision": "roll_back", "owner": "engineering",
                "recommended_action": "Take version 2.4 back to 2.3: resolution is surely worse on topic plan_change", "alarm_date": day - timedelta(days=1),
            }
        ],
        "rpt_novel_intents_weekly": [
            {
                "cluster_id": "c1", "cluster_name": "export to <parquet>", "status": "open", "owner_team": "product", "recommended_action": "review", "is_learned": False,
                "question_count": 9, "period_start": date(2026, 3, 23), "last_seen_at": as_of - timedelta(days=1),
            }
        ],
        "rpt_roi_monthly": [
            {
                "month_start": month, "slice_type": "all", "slice_value": "all", "currency": "EUR", "before_basis": "measured",
                "assumptions": '{"human_hourly_rate": 30, "gross_margin": 0.8}', "issue_count": 2000, "resolved_issue_count": 1800,
                "human_issue_count": 900, "escalated_issue_count": 300, "ai_resolved_issue_count": 600, "hourly_rate": 30,
                "escalated_labour_cost": 3300, "avoided_labour_cost": 4600, "recontact_cost": 310, "residual_mix_cost": 420,
                "escalation_load_cost": 350, "ai_cost": 415.75, "expected_retention_loss": 240, "net_savings": 3104.25, "net_benefit": benefit,
                "cost_per_issue": 6.12, "is_complete": is_complete, "is_below_min_n": False,
            }
            for month, benefit, is_complete in ((date(2026, 2, 1), 2570.4, True), (date(2026, 3, 1), 2864.25, False))
        ],
        "rpt_roi_scenarios": [
            {
                "month_start": date(2026, 2, 1), "slice_type": "all", "slice_value": "all", "scenario": "containment_quality_up", "currency": "EUR",
                "net_benefit_delta": 410.0, "cost_per_issue_delta": -0.21,
            }
        ],
    }  # fmt: skip
    for table, filling in rows.items():
        connection.execute(f"delete from marts.{table}")
        company.insert(connection, "marts", table, filling)
