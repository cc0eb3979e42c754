"""The monthly report: what support came to, where to invest next, what AI agents return, and who stays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from touchstone.reports.outcomes import Charts, Outcomes, change_words, collect, settles_on, tone
from touchstone.reports.pages import Row
from touchstone.reports.periodic import Figure, Parts, Summary, measured, month, plural, reading, write
from touchstone.settings import Settings, get_settings

CHARTED = (
    *("customer_satisfaction", "first_contact_resolution", "repeat_contact_rate", "resolution_median"),
    *("human_quality", "ai_quality", "containment_quality", "customers_who_stay"),
)
LINES = {
    "avoided_labour_cost": ("Work that people did not have to do", 1),
    "recontact_cost": ("Customers who came back after the AI agent", -1),
    "residual_mix_cost": ("Harder issues that are left to people", -1),
    "escalation_load_cost": ("Issues that a person took over", -1),
    "ai_cost": ("The AI agent itself", -1),
    "expected_retention_loss": ("Revenue that is expected to be lost", -1),
}
"""Lines of the return, and whether they add to it."""


@dataclass
class Money:
    """The return of AI agents in the newest settled month, and what scenarios would change; None is not published."""

    roi: Row | None
    scenarios: list[Row] | None
    is_published: bool


class View:
    """What the template needs beside the outcomes."""

    def __init__(self, outcomes: Outcomes, money: Money, parameters: dict[str, Any]) -> None:
        self.outcomes, self.money = outcomes, money
        self.charts = Charts(outcomes)
        self.lines = LINES
        self.settles_on = settles_on(outcomes.first, parameters["finance_settle_days"])

    @property
    def charted(self) -> list[Row]:
        found = self.outcomes.by_measure
        return [found[name] for name in CHARTED if name in found and found[name]["value"] is not None]

    @property
    def retention(self) -> list[Row]:
        """Segments with who stays, what of their revenue stays, and what is at risk."""
        segments: dict[str, Row] = {}
        for row in self.outcomes.segments or []:
            segments.setdefault(row["slice_value"], {"segment": row["slice_value"]})[row["measure"]] = row
        return [row for name, row in sorted(segments.items()) if "customers_who_stay" in row]

    def tone(self, row: Row) -> str:
        return tone(row)


def render(settings: Settings | None = None, folder: Path | None = None) -> Path:
    """Write the report of the last whole month that is published; the page, with the e-mail beside it.

    Raises:
        WarehouseError: Nothing is published.
    """
    settings = settings or get_settings()
    with reading(settings) as parts:
        outcomes = collect(parts)
        money = _money(parts, outcomes)
        summary = summarise(outcomes, money, parts)
    return write(summary, View(outcomes, money, settings.parameters), settings, folder)


def _money(parts: Parts, outcomes: Outcomes) -> Money:
    values: dict[str, Any] = {"first": outcomes.first}
    rows = parts.rows(
        "rpt_roi_monthly",
        """
        select * from marts.rpt_roi_monthly
        where slice_type = 'all' and month_start <= %(first)s order by is_complete desc, month_start desc limit 1
        """,
        values,
    )
    roi = rows[0] if rows else None
    scenarios = None
    if roi:
        scenarios = parts.rows(
            "rpt_roi_scenarios",
            """
            select * from marts.rpt_roi_scenarios
            where slice_type = 'all' and month_start = %(month)s and scenario <> 'base' order by net_benefit_delta desc nulls last, scenario
            """,
            {"month": roi["month_start"]},
        )
    return Money(roi, scenarios, rows is not None)


def summarise(outcomes: Outcomes, money: Money, parts: Parts) -> Summary:
    """The month in sentences: outcomes, money, where to invest."""
    rows = outcomes.rows or []
    better, worse = (sum(row["is_better"] is verdict for row in rows) for verdict in (True, False))
    headline = (
        f"{better or 'None'} of {len(rows)} measures got better in {month(outcomes.first)}, {worse or 'none'} got worse."
        if rows
        else f"Nothing is known of {month(outcomes.first)}."
    )
    sentences = []
    attained = [row for row in rows if row["is_attained"] is not None]
    if attained:
        sentences.append(
            f"{sum(row['is_attained'] for row in attained)} of {plural(len(attained), 'target')} of the month were reached."
        )
    if money.roi and money.roi["net_benefit"] is not None:
        verb = "returned" if money.roi["net_benefit"] >= 0 else "cost"
        sentences.append(
            f"AI agents {verb} {measured(abs(money.roi['net_benefit']), 'money', outcomes.currency)} net in {month(money.roi['month_start'])}, "
            "after what they cause elsewhere."
        )
    if outcomes.investments:
        first = outcomes.investments[0]
        cost = (
            ""
            if first["monthly_cost"] is None
            else f", about {measured(first['monthly_cost'], 'money', outcomes.currency)} a month"
        )
        sentences.append(
            f"Invest first in “{first['title']}”: {first['monthly_n']:.0f} issues a month that people need not see{cost}."
        )
    kept = outcomes.by_measure.get("net_revenue_retention")
    if kept and kept["value"] is not None:
        sentences.append(
            f"Of the revenue at the month's start {measured(kept['value'], 'share')} is there at its end, with what customers added."
        )
    figures = [
        Figure(
            row["label"],
            measured(row["value"], row["unit"], outcomes.currency),
            change_words(row, outcomes.currency),
            tone(row),
        )
        for row in rows
    ]
    return Summary(
        "monthly",
        "Monthly report",
        outcomes.first,
        outcomes.last,
        parts.as_of,
        headline,
        sentences,
        figures,
        outcomes.told(is_win=True),
        outcomes.told(is_win=False),
    )
