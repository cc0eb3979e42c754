"""Clean marts of finance and of the registry for gate 3, and corruptions of them with the claim that each has to break."""

from __future__ import annotations

from itertools import zip_longest

_MONTH = "date '2026-02-01' as month_start, 'all' as slice_type, 'all' as slice_value"
_COST = """
    60 as issue_count, 2 as pending_issue_count, 50 as resolved_issue_count, 400.00 as labour_cost, 12.50 as ai_cost, 412.50 as total_cost
"""
_ROWS = {
    "rpt_cost_per_issue_monthly": (
        f"select {_MONTH}, 'all' as handled_by, {_COST}",
        f"select {_MONTH}, 'ai_only' as handled_by, {_COST}",
    ),
    "rpt_retention_at_risk_monthly": (
        f"""
        select {_MONTH}, 9 as account_count, 1 as churned_account_count, 2 as at_risk_account_count, 9000.00 as arr,
            900.00 as arr_at_risk, 300.00 as ai_arr_at_risk, 0.75 as gross_margin, 0.05 as retention_effect,
            0.12 as annual_churn_rate, 6250.00 as lifetime_value, 0.94 as expected_retention_loss
        """,
    ),
    "rpt_roi_monthly": (
        f"""
        select {_MONTH}, 60 as issue_count, 50 as resolved_issue_count, 20 as human_issue_count, 10 as escalated_issue_count,
            28 as contained_issue_count, 25 as ai_resolved_issue_count, 30 as fcr_n, 20 as fcr_count, 36.0 as hourly_rate,
            10.0 as before_cost_per_issue, 250.00 as human_labour_cost, 150.00 as escalated_labour_cost,
            250.00 as avoided_labour_cost, 7.50 as recontact_cost, 50.00 as residual_mix_cost, 62.00 as escalation_load_cost,
            12.50 as ai_cost, 118.00 as net_savings, 0.94 as expected_retention_loss, 117.06 as net_benefit, 8.25 as cost_per_issue
        """,
    ),
    "rpt_roi_scenarios": tuple(
        f"""
        select {_MONTH}, '{scenario}' as scenario, 25.0 as ai_resolved_issue_count, 10.0 as escalated_issue_count,
            50.0 as resolved_issue_count, {cost} as ai_cost, 0.12 as annual_churn_rate, 0.94 as expected_retention_loss,
            {117.06 - cost + 12.5} as net_benefit, {12.5 - cost} as net_benefit_delta, 8.25 as cost_per_issue,
            0.00 as cost_per_issue_delta
        """
        for scenario, cost in (("base", 12.5), ("AI cost +20 %", 15.0))
    ),
    "dim_metrics": tuple(
        f"""
        select '{name}' as metric_id, '{tier}' as tier, {is_first} as in_default_profile, 'what' as description,
            'why' as purpose, 'how' as formula, 'interaction' as grain, 'support' as owner, 'leading' as indicator_type,
            1 as maturity_stage
        """
        for name, tier, is_first in (
            *((f"p{number}", "primary", "true") for number in range(3)),
            *((f"s{number}", "secondary", "false") for number in range(4)),
            ("compliance", "secondary", "false"),
        )
    ),
}
_CLOSED = """
    select closes.month_start, closes.version, figures.report, figures.row_key, figures.figure, figures.value, figures.stated,
        closes.reason, closes.closed_by
    from finance.closes inner join finance.closed_figures as figures using (close_id)
"""
# versions of a closed month are never deleted: they are written once and stay
FINANCE_MARTS = (
    """
    create table facts.metric_days as
    select 'compliance' as metric_id, day::date as metric_date, 'all' as slice_type, 20 as n
    from generate_series(timestamp '2026-03-08', timestamp '2026-03-09', interval '1 day') as day
    """,
    *(
        f"create table marts_build.{name} as select rows.*, 1::bigint as _ledger_id from ({' union all '.join(rows)}) as rows"
        for name, rows in _ROWS.items()
    ),
    """
    with closes as (
        insert into finance.closes (month_start, version, restates_version, reason, closed_by, as_of, run_id)
        values
            ('2026-01-01', 1, null, null, 'R. Okafor', '2026-03-01', 1),
            ('2026-01-01', 2, 1, 'a ticket came late', 'R. Okafor', '2026-03-02', 2)
        returning close_id, version
    )
    insert into finance.closed_figures (close_id, report, row_key, row_number, figure, figure_number, value, stated)
    select close_id, 'rpt_roi_monthly', 'all / all', 1, figure, 1, case figure when 'net_benefit' then 100.00 + version end,
        case figure when 'currency' then 'EUR' end
    from closes cross join (values ('net_benefit'), ('currency')) as figures (figure)
    """,
    f"create table marts_build.fct_monthly_closes as select closed.*, 1::bigint as _ledger_id from ({_CLOSED}) as closed",
)

_COSTS = "what people and AI agents cost adds up to the cent, and is not negative"
_PARTS = "what is resolved or waits is part of the issues, and the kinds of handling are all of them"
_SHARES = "margin and effect are shares, and no rate of churn is negative"
_LINES = "the lines of the return add up to the net benefit"
_PATHS = "every issue of the return is counted on one path"
_DELTA = "a scenario's difference is its result less that of the month"
_LEAST = "no scenario has fewer than no issues, or costs or leaves at less than nothing"
_CLOSE = "a closed figure is shown as it was closed, and a restatement with its reason"
_TIERS = "few metrics lead, some support them, and three are there to begin with"
_MONTHS = "every metric of the registry has the months of its days, and no other"
_LABELS = "no label carries an address, a long number or a sentence"
_CORRUPTIONS = {
    "rpt_cost_per_issue_monthly set total_cost = 412.51": _COSTS,
    "rpt_cost_per_issue_monthly set ai_cost = -1, total_cost = 399": _COSTS,
    "rpt_cost_per_issue_monthly set resolved_issue_count = 61": _PARTS,
    "rpt_cost_per_issue_monthly set issue_count = 59 where handled_by = 'ai_only'": _PARTS,
    "rpt_retention_at_risk_monthly set ai_arr_at_risk = 901": "revenue at risk is part of the revenue",
    "rpt_retention_at_risk_monthly set gross_margin = 75": _SHARES,
    "rpt_retention_at_risk_monthly set annual_churn_rate = -0.1": _SHARES,
    "rpt_roi_monthly set residual_mix_cost = 50.01": _LINES,
    "rpt_roi_monthly set net_benefit = net_savings": _LINES,
    "rpt_roi_monthly set human_labour_cost = -1": "nothing that is paid is negative",
    "rpt_roi_monthly set human_issue_count = 23": _PATHS,
    "rpt_roi_monthly set ai_resolved_issue_count = 29": _PATHS,
    "rpt_roi_scenarios set net_benefit_delta = 2.5 where scenario <> 'base'": _DELTA,
    "rpt_roi_scenarios set net_benefit = 118.06, net_benefit_delta = 1 where scenario = 'base'": _DELTA,
    "rpt_roi_scenarios set ai_resolved_issue_count = -1": _LEAST,
    "rpt_roi_scenarios set annual_churn_rate = -0.01": _LEAST,
    "fct_monthly_closes set value = 0 where version = 1": _CLOSE,
    "fct_monthly_closes set reason = 'another' where version = 2": _CLOSE,
    "dim_metrics set tier = 'primary'": _TIERS,
    "dim_metrics set tier = 'diagnostic' where metric_id = 's0'": _TIERS,
    "dim_metrics set in_default_profile = true": _TIERS,
    "dim_metrics set formula = '' where metric_id = 's0'": "every metric says what it is, how it is worked out, and who owns it",
    "fct_metric_values set n = 39": _MONTHS,
    "fct_metric_values set metric_id = 'unregistered'": _MONTHS,
    "fct_interactions set topic = 'ask jane.doe@example.com'": _LABELS,
    "fct_interactions set product_area = 'my card 4111 1111 1111 1111'": _LABELS,
    "fct_interactions set team = repeat('I waited for weeks ', 5)": _LABELS,
}

_TWICE = {
    "rpt_cost_per_issue_monthly": "every cell of the cost of issues is there once",
    "rpt_retention_at_risk_monthly": "every month of revenue at risk is there once",
    "rpt_roi_monthly": "every month of the return on AI is there once",
    "rpt_roi_scenarios": "every scenario of a month is there once",
}


def _by_table() -> dict[str, list[tuple[str, str]]]:
    """Corruptions of each table, with the claim that each breaks."""
    found: dict[str, list[tuple[str, str]]] = {}
    for corruption, claim in _CORRUPTIONS.items():
        found.setdefault(corruption.split()[0], []).append((f"update marts_build.{corruption}", claim))
    for name, claim in _TWICE.items():
        found[name].append((f"insert into marts_build.{name} select * from marts_build.{name}", claim))
    found["fct_monthly_closes"].append(("delete from marts_build.fct_monthly_closes where version = 1", _CLOSE))
    found["fct_metric_values"].append(("delete from marts_build.fct_metric_values", _MONTHS))
    return found


# claims are about one table each, so one run of the gate judges a corruption of every table
FINANCE_BATCHES = [
    [corruption for corruption in batch if corruption] for batch in zip_longest(*_by_table().values(), fillvalue=None)
]
