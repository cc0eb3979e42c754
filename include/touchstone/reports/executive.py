"""The executive page: one page on what support is worth, in the words of the business."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from touchstone.reports.outcomes import Charts, Outcomes, change_words, collect, settles_on, tone
from touchstone.reports.pages import Row
from touchstone.reports.periodic import Figure, Parts, Summary, measured, month, plural, reading, write
from touchstone.settings import Settings, get_settings

TILES = (
    *("customers_who_stay", "net_revenue_retention", "customer_satisfaction", "first_contact_resolution"),
    *("repeat_contact_rate", "resolution_median", "open_conversations", "compliance"),
    *("containment_quality", "net_savings", "cost_per_issue", "revenue_at_risk"),
)
"""Measures that lead the page, in their order."""
UNKNOWN = "Nothing is known of {} yet."
MOST_MOVES, MOST_INVESTMENTS = 4, 3
_COUNTED = {
    "customer_satisfaction": "survey",
    "automated_satisfaction": "survey",
    "repeat_contact_rate": "issue",
    "self_service_success": "issue",
    "first_contact_resolution": "issue",
    "containment_quality": "conversation",
    "compliance": "conversation",
    "resolution_median": "solved conversation",
    "customers_who_stay": "customer",
    "net_revenue_retention": "customer",
    "revenue_at_risk": "customer",
    "cost_per_issue": "solved issue",
    "net_savings": "issue",
}
"""What n counts, in the words of the page."""


class View:
    """What the template needs beside the summary."""

    def __init__(self, outcomes: Outcomes, parameters: dict[str, Any]) -> None:
        self.outcomes = outcomes
        self.charts = Charts(outcomes)
        self.settles_on = settles_on(outcomes.first, parameters["finance_settle_days"])
        # an insight speaks the language of those who run AI agents; a gap is a question that customers ask
        self.investments = [row for row in outcomes.investments or [] if row["kind"] == "gap"][:MOST_INVESTMENTS]

    @property
    def tiles(self) -> list[Row]:
        found = self.outcomes.by_measure
        return [found[name] for name in TILES if name in found]

    @property
    def is_settled(self) -> bool:
        return all(row["is_settled"] for row in self.outcomes.rows or [])

    def tone(self, row: Row) -> str:
        return tone(row)

    def word(self, row: Row) -> str:
        """How the month compares, in a word or two."""
        if not row["is_settled"]:
            return "not settled"
        return {"good": "better", "bad": "worse"}.get(tone(row), "not sure" if row["change"] else "unchanged")

    def of(self, row: Row) -> str:
        """What the figure is made of, such as `from 1,204 surveys`."""
        noun = _COUNTED.get(row["measure"])
        return f"from {plural(row['n'], noun)}" if noun and row["n"] is not None else ""

    def likely(self, row: Row) -> str:
        """The range in which the true value most likely lies."""
        if row["ci_low"] is None or row["ci_high"] is None:
            return ""
        low, high = (measured(row[name], row["unit"], self.outcomes.currency) for name in ("ci_low", "ci_high"))
        return f"most likely {low} to {high}"


def render(settings: Settings | None = None, folder: Path | None = None) -> Path:
    """Write the page on the last whole month that is published, with the e-mail beside it.

    Raises:
        WarehouseError: Nothing is published.
    """
    settings = settings or get_settings()
    with reading(settings) as parts:
        outcomes = collect(parts)
        summary = summarise(outcomes, parts)
    return write(summary, View(outcomes, settings.parameters), settings, folder)


def summarise(outcomes: Outcomes, parts: Parts) -> Summary:
    """The month in sentences that need no glossary."""
    rows = outcomes.rows or []
    better, worse = (sum(row["is_better"] is verdict for row in rows) for verdict in (True, False))
    headline = (
        f"{better or 'None'} of {len(rows)} measures got better in {month(outcomes.first)}, {worse or 'none'} got worse"
    )
    if not rows:
        headline = UNKNOWN.format(month(outcomes.first))
    elif all(row["change"] is None for row in rows):
        headline = f"{month(outcomes.first)} is the first month: there is none to compare it with."
    else:
        headline += "; the others did not surely move."
    found = outcomes.by_measure
    figures = [
        Figure(
            row["label"],
            measured(row["value"], row["unit"], outcomes.currency),
            change_words(row, outcomes.currency),
            tone(row),
        )
        for name in TILES
        if (row := found.get(name))
    ]
    return Summary(
        "executive",
        "Executive summary",
        outcomes.first,
        outcomes.last,
        parts.as_of,
        headline,
        sentences(outcomes),
        figures,
        outcomes.told(is_win=True, is_plain=True)[:MOST_MOVES],
        outcomes.told(is_win=False, is_plain=True)[:MOST_MOVES],
    )


def sentences(outcomes: Outcomes) -> list[str]:
    """What the figures come to, one thought each; a figure that is not known gives no sentence."""
    found = {name: row for name, row in outcomes.by_measure.items() if row["value"] is not None}
    told = []
    if row := found.get("customers_who_stay"):
        lost = found.get("accounts_lost")
        left = f" {_capital(plural(int(lost['value']), 'customer'))} left." if lost else ""
        told.append(f"Of 100 customers {_of_100(row)} stayed.{left} {verdict(row)}")
    if row := found.get("net_revenue_retention"):
        told.append(
            f"Of every 100 {outcomes.currency} of revenue that the month began with, {_of_100(row)} are there at its end, with what customers added. {verdict(row)}"
        )
    if row := found.get("first_contact_resolution"):
        back = found.get("repeat_contact_rate")
        again = f" Of 100 issues {_of_100(back)} brought the customer back." if back else ""
        told.append(f"Of 100 issues {_of_100(row)} were solved at first contact. {verdict(row)}{again}")
    if row := found.get("customer_satisfaction"):
        told.append(f"Of 100 customers who answered a survey {_of_100(row)} were satisfied. {verdict(row)}")
    if row := found.get("containment_quality"):
        told.append(
            f"Of 100 customers whom the AI agent served without a person, {_of_100(row)} left with their issue solved. {verdict(row)}"
        )
    if row := found.get("net_savings"):
        money = measured(abs(row["value"]), "money", outcomes.currency)
        told.append(
            f"The AI agent saved {money} more than it cost and caused."
            if row["value"] >= 0
            else f"The AI agent cost and caused {money} more than it saved."
        )
    if row := found.get("revenue_at_risk"):
        accounts = found.get("accounts_at_risk")
        whose = (
            f" of {plural(int(accounts['value']), 'customer')} who met poor support close to a renewal"
            if accounts
            else ""
        )
        told.append(f"{measured(row['value'], 'money', outcomes.currency)} of yearly revenue are at risk{whose}.")
    return [line.strip() for line in told]


def verdict(row: Row) -> str:
    """How sure the direction is, as a sentence."""
    if row["change"] is None:
        return ""
    if row["is_below_min_n"]:
        return "There are too few cases to say more."
    if not row["is_settled"]:
        return "It may still change."
    if row["direction"] == "neutral":
        return ""
    if row["is_better"] is None:
        return "It did not change." if row["change"] == 0 else "The change may be chance."
    side = "better" if row["is_better"] else "worse"
    if row["ci_low"] is None:
        return f"That is {side} than in the month before."
    return f"We are sure of the direction: {side} than in the month before."


def _of_100(row: Row) -> str:
    """A share as a number of 100, with a decimal where it is close to an end."""
    value = 100 * float(row["value"])
    return f"{value:.1f}" if value > 90 or value < 10 else f"{value:.0f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
