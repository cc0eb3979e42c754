"""What the monthly and the executive report share: the measures of rpt_executive_monthly, and where money is best put."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from touchstone.reports import charts, formats
from touchstone.reports.ai_evaluation import period_before
from touchstone.reports.movements import EFFECTS, SUBJECTS, Movement, movements
from touchstone.reports.pages import Row
from touchstone.reports.periodic import Parts, day_start, first_of_next_month, measured, moved
from touchstone.reports.series import series, spark

MONTHS, MOST_INVESTMENTS = 13, 10
WEEKS_OF_A_MONTH = 365.25 / 7 / 12
AREAS = {
    "customers": "Customers",
    "service": "Service",
    "quality": "Quality",
    "ai": "AI agents",
    "money": "Money",
    "risk": "Risk",
}
FACTORS = {"share": 100.0}
TITLES = {"share": "%", "hours": "hours", "points": "points", "count": "", "ratio": ""}


@dataclass
class Outcomes:
    """The measures of one month; a part that is None is not published.

    Attributes:
        rows: Measures of all customers in the month, in their order.
        segments: The same by segment.
        courses: Values of the last months by measure, all customers together.
        cost: What one issue costs that a person had to take over, its month, and which figure that is; None without prices.
        investments: Gaps and insights, the costliest first.
    """

    first: date
    last: date
    currency: str
    rows: list[Row] | None
    segments: list[Row] | None
    courses: dict[str, list[Row]]
    moves: list[Movement]
    cost: Row | None
    investments: list[Row] | None

    @property
    def by_measure(self) -> dict[str, Row]:
        return {row["measure"]: row for row in self.rows or []}

    @property
    def by_area(self) -> list[tuple[str, list[Row]]]:
        """(title of the area, its measures), those without any left out."""
        found = [(title, [row for row in self.rows or [] if row["area"] == area]) for area, title in AREAS.items()]
        return [(title, rows) for title, rows in found if rows]

    def linked(self, row: Row) -> Movement | None:
        """The surest movement of a measure that follows a change of the log, for all customers together or where it acts."""
        same = [
            one for one in self.moves if one.measure in (row["measure"], f"quality_{_SIDES.get(row['measure'], '')}")
        ]
        same = [one for one in same if one.change_key and one.is_win == row["is_better"]]
        return same[0] if same else None

    def told(self, *, is_win: bool, is_plain: bool = False) -> list[str]:
        """Wins or declines as sentences: what a change of the log preceded, then measures of the month that no change explains.

        Args:
            is_plain: Only what has a name in the language of the business.
        """
        named = {row["measure"] for row in self.rows or []} | {f"quality_{side}" for side in SUBJECTS} | set(EFFECTS)
        found = [
            one.text + "." for one in self.moves if one.is_win is is_win and (not is_plain or one.measure in named)
        ]
        for row in self.rows or []:
            if row["is_better"] is is_win and self.linked(row) is None:
                verb = "rose" if row["change"] > 0 else "fell"
                found.append(
                    f"{row['label']} {verb} from {measured(row['previous_value'], row['unit'], self.currency)} to "
                    f"{measured(row['value'], row['unit'], self.currency)}; no change is logged for it."
                )
        return found


_SIDES = {"human_quality": "human_agent", "ai_quality": "ai_agent"}


def collect(parts: Parts) -> Outcomes:
    """The last whole month before what is published."""
    first, last = period_before(parts.as_of, "month")
    values: dict[str, Any] = {"first": first, "earliest": date(first.year - 1, first.month, 1)}
    rows = parts.rows(
        "rpt_executive_monthly",
        "select * from marts.rpt_executive_monthly where month_start = %(first)s and slice_type = 'all' order by place",
        values,
    )
    segments = parts.rows(
        "rpt_executive_monthly",
        "select * from marts.rpt_executive_monthly where month_start = %(first)s and slice_type = 'segment' order by place, slice_value",
        values,
    )
    courses: dict[str, list[Row]] = {}
    for row in (
        parts.rows(
            "rpt_executive_monthly",
            """
            select measure, month_start as period_start, value, ci_low as low, ci_high as high, n, is_below_min_n as is_small
            from marts.rpt_executive_monthly
            where slice_type = 'all' and value is not null and month_start between %(earliest)s and %(first)s
            order by measure, month_start
            """,
            values,
        )
        or []
    ):
        courses.setdefault(row["measure"], []).append(row)
    cost = cost_of_one(parts, first)
    return Outcomes(
        first,
        last,
        parts.parameters["currency"],
        rows,
        segments,
        courses,
        movements(parts, first, last),
        cost,
        investments(parts, cost, last),
    )


def cost_of_one(parts: Parts, first: date) -> Row | None:
    """What an issue cost that went from the AI agent to a person, in the newest month that is settled; else any solved issue."""
    rows = parts.rows(
        "rpt_roi_monthly",
        """
        select month_start, currency, escalated_labour_cost / nullif(escalated_issue_count, 0) as escalated, cost_per_issue
        from marts.rpt_roi_monthly
        where slice_type = 'all' and month_start <= %(first)s
            and coalesce(escalated_labour_cost / nullif(escalated_issue_count, 0), cost_per_issue) is not null
        order by is_complete desc, month_start desc limit 1
        """,
        {"first": first},
    )
    if not rows:
        return None
    row = rows[0]
    is_escalated = bool(row["escalated"])
    value = float(row["escalated"] if is_escalated else row["cost_per_issue"])
    return {
        "month_start": row["month_start"],
        "currency": row["currency"],
        "value": value,
        "is_escalated": is_escalated,
    }


def investments(parts: Parts, cost: Row | None, last: date) -> list[Row] | None:
    """Open gaps and insights with what they cost a month: issues a week that they stand for, at the cost of one."""
    gaps = parts.rows(
        "fct_knowledge_gaps",
        """
        select 'gap' as kind, gap_id as key, title, recommended_action, owner_team, owner, question_count as n, impact as weekly,
            arr_touched, is_below_min_n
        from marts.fct_knowledge_gaps
        where is_open and status in ('open', 'drafting') and opened_at < %(until)s
        """,
        {"until": day_start(last + timedelta(days=1))},
    )
    # an insight about a gap is the gap
    insights = parts.rows(
        "rpt_insights",
        """
        select 'insight' as kind, insight_key as key, insight_type, subject, slice_type, slice_value, metric, recommended_action,
            owner_team, owner, n, weekly_episodes as weekly, null::numeric as arr_touched, false as is_below_min_n
        from marts.rpt_insights
        where insight_type not like '%%gap%%' and weekly_episodes is not null and (since_date is null or since_date <= %(last)s)
        """,
        {"last": last},
    )
    if gaps is None and insights is None:
        return None
    found = [*(gaps or []), *(insights or [])]
    for row in found:
        if row["kind"] == "insight":
            where = "" if row["slice_type"] in (None, "all") else f" on {row['slice_value']}"
            row["title"] = (
                f"{formats.words(row['insight_type'])}{': ' + row['subject'] if row['subject'] else ''}{where}"
            )
        monthly = max(0.0, row["weekly"] or 0.0) * WEEKS_OF_A_MONTH
        row["monthly_n"] = monthly
        row["monthly_cost"] = None if cost is None else monthly * cost["value"]
    found = [row for row in found if row["monthly_n"] > 0]
    return sorted(found, key=lambda row: (-row["monthly_n"], row["kind"], row["key"]))[:MOST_INVESTMENTS]


class Charts:
    """Charts of measures, in one page."""

    def __init__(self, outcomes: Outcomes) -> None:
        self.outcomes = outcomes
        self.drawing = charts.Drawing()

    def course(self, measure: str) -> Any:
        """A measure over the last months with its interval, its n and the target."""
        row, found = self.outcomes.by_measure[measure], self.outcomes.courses[measure]
        factor = FACTORS.get(row["unit"], 1.0)
        title = self.outcomes.currency if row["unit"] == "money" else TITLES[row["unit"]]
        target = None if row["target_value"] is None else float(row["target_value"])
        draw = series(found, factor=factor, title=title, days=31, target=target)
        return self.drawing.svg(draw(charts.HALF), f"{row['label']} by month, with its interval and n")

    def spark(self, measure: str) -> Any:
        row, found = self.outcomes.by_measure[measure], self.outcomes.courses[measure]
        factor = FACTORS.get(row["unit"], 1.0)
        return self.drawing.svg(spark(found, factor=factor), f"{row['label']} in the last {len(found)} months", "spark")


def tone(row: Row) -> str:
    """good, bad, or nothing where nobody can say."""
    return {True: "good", False: "bad"}.get(row["is_better"], "")


def change_words(row: Row, currency: str) -> str:
    """The change against the month before, in short."""
    return "" if row["change"] is None else moved(row["change"], row["unit"], currency)


def settles_on(first: date, settle_days: int) -> date:
    """The day on which issues of a month have had their time to come back."""
    return first_of_next_month(first) + timedelta(days=settle_days)
