"""The weekly review of knowledge gaps: for operations, and for each team that owns some of them, a page and a sheet."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from touchstone.errors import WarehouseError
from touchstone.exports import safe_cell
from touchstone.reports import charts
from touchstone.reports.pages import Row, Snapshot, environment, snapshot
from touchstone.settings import Settings, get_settings
from touchstone.statefiles import write_atomic

RELATIONS = (
    "marts.fct_knowledge_gaps",
    "marts.fct_knowledge_gap_statuses",
    "marts.rpt_knowledge_gaps_weekly",
    "marts.rpt_gap_fixes",
    "marts.rpt_article_health",
    "marts_evidence.fct_gap_question_quotes",
)
DAYS = 7
FIRST_GAPS, MORE_GAPS, EXAMPLES, ARTICLES, FIX_DAYS, WEEKS = 5, 25, 3, 15, 28, 12
TYPES = {
    "missing": "No article answers this.",
    "outdated": "What the articles say is out of date.",
    "conflicting": "Articles contradict each other.",
    "ambiguous": "Articles are there, and customers who are answered from them ask again.",
}
VERDICTS = {
    "worked": ("good", "worked"),
    "no_effect": ("warn", "no effect seen"),
    "worse": ("bad", "worse than before"),
    "too_early": ("", "too early to say"),
}
SHEET = (
    "priority_rank",
    "gap_id",
    "title",
    "topic",
    "gap_type",
    "status",
    "owner_team",
    "owner",
    "recommended_action",
    "impact",
    "weekly_volume",
    "question_count",
    "customer_count",
    "account_count",
    "arr_touched",
    "failure_rate",
    "failure_ci_low",
    "failure_ci_high",
    "reference_rate",
    "age_days",
    "opened_at",
    "first_seen_at",
    "last_seen_at",
)
"""Columns of the sheet, in its order; those of marts.fct_knowledge_gaps."""


@dataclass
class Review:
    """What the pages show; gaps and fixes of all teams, the open ones first.

    Attributes:
        first_day, last_day: The seven days that end with the published ledger day.
        quotes: Redacted questions by gap_id, at most `EXAMPLES` each.
        moves: Changes of a gap's status within the seven days, with the gap's title and team.
    """

    as_of: datetime
    first_day: date
    last_day: date
    gaps: list[Row]
    quotes: dict[str, list[Row]]
    moves: list[Row]
    weeks: list[Row]
    fixes: list[Row]
    articles: list[Row]

    @property
    def teams(self) -> list[str]:
        """Teams that own an open gap, a recent fix or an article to mend, in alphabetical order."""
        owners = {row["owner_team"] for row in self.open} | {row["owner_team"] for row in self.fixes + self.articles}
        return sorted(owners)

    @property
    def open(self) -> list[Row]:
        return [row for row in self.gaps if row["is_open"]]

    def of_team(self, team: str | None) -> Review:
        """The same of one team; None is all of it."""
        if team is None:
            return self
        kept = {
            name: [row for row in getattr(self, name) if row["owner_team"] == team]
            for name in ("gaps", "moves", "fixes", "articles")
        }
        return Review(self.as_of, self.first_day, self.last_day, weeks=self.weeks, quotes=self.quotes, **kept)


def render(settings: Settings | None = None, folder: Path | None = None) -> Path:
    """Write the review of the seven days that end with what is published.

    Args:
        settings: Whose warehouse is read; the process's own by default.
        folder: Where to; by default `build/gap_review/<last day>`. It gets `index.html` and `gaps.csv` with everything, and
            `<team>.html` and `<team>.csv` with what one team owns.

    Returns:
        The page of all teams.

    Raises:
        WarehouseError: The marts of knowledge gaps are not published.
    """
    settings = settings or get_settings()
    review = collect(settings)
    folder = folder or settings.build_dir / "gap_review" / review.last_day.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    template = environment(TYPES=TYPES, VERDICTS=VERDICTS).get_template("gap_review.html.j2")
    for team in (None, *review.teams):
        part = review.of_team(team)
        name = team or "index"
        write_atomic(folder / f"{team or 'gaps'}.csv", sheet(part.open), 0o644)
        view = _View(part, team, review.teams, settings.parameters)
        write_atomic(folder / f"{name}.html", template.render(view=view, review=part, team=team), 0o644)
    return folder / "index.html"


def sheet(gaps: list[Row]) -> str:
    """Gaps as CSV that a spreadsheet opens without evaluating anything."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(SHEET)
    for row in gaps:
        writer.writerow([safe_cell(_plain(row[column])) for column in SHEET])
    return text.getvalue()


def collect(settings: Settings) -> Review:
    """Read everything in one snapshot of the published marts.

    Raises:
        WarehouseError: The marts of knowledge gaps are not published.
    """
    with snapshot(settings) as published:
        as_of = published.published_as_of() if published.is_published(RELATIONS) else None
        if as_of is None:
            raise WarehouseError(
                "no knowledge gaps are published",
                None,
                "Run the daily cycle: `touchstone run`, or `touchstone publish`.",
            )
        return _review(published, as_of)


def _review(published: Snapshot, as_of: datetime) -> Review:
    since = as_of - timedelta(days=DAYS)
    gaps = published.rows("select * from marts.fct_knowledge_gaps order by priority_rank, gap_id")
    quotes: dict[str, list[Row]] = {}
    for row in published.rows(
        """
        select * from marts_evidence.fct_gap_question_quotes
        where example_number <= %s order by gap_id, example_number
        """,
        [EXAMPLES],
    ):
        quotes.setdefault(row["gap_id"], []).append(row)
    moves = published.rows(
        """
        select statuses.*, gaps.title, gaps.owner_team
        from marts.fct_knowledge_gap_statuses as statuses
        inner join marts.fct_knowledge_gaps as gaps on statuses.gap_id = gaps.gap_id
        where statuses.since >= %s and statuses.since < %s
        order by statuses.since desc, statuses.gap_id
        """,
        [since, as_of],
    )
    weeks = published.rows(
        "select * from marts.rpt_knowledge_gaps_weekly where period_end < %s order by period_start desc limit %s",
        [as_of.date(), WEEKS],
    )
    fixes = published.rows(
        """
        select * from marts.rpt_gap_fixes where fixed_at >= %s and fixed_at < %s order by fixed_at desc, gap_id, fix_number
        """,
        [as_of - timedelta(days=FIX_DAYS), as_of],
    )
    articles = published.rows(
        """
        select * from marts.rpt_article_health where is_stale or is_unhelpful or has_conflict
        order by failed_count desc, question_count desc, article_key limit %s
        """,
        [ARTICLES],
    )
    last_day = (as_of - timedelta(microseconds=1)).date()
    return Review(as_of, since.date(), last_day, gaps, quotes, moves, weeks[::-1], fixes, articles)


def _plain(value: Any) -> Any:
    """A cell as a person reads it: times to the minute, numbers to four places, nothing for null."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, float):
        return round(value, 4)
    return "" if value is None else value


class _View:
    """What the template needs beside the rows."""

    def __init__(self, review: Review, team: str | None, teams: list[str], parameters: dict[str, Any]) -> None:
        self.review, self.team, self.teams = review, team, teams
        self.min_n: int = parameters["min_cell_n"]
        self.drawing = charts.Drawing()

    @property
    def first(self) -> list[Row]:
        """What to do on Monday: the most urgent open gaps on which nobody waits for a fix to show."""
        waiting = [row for row in self.review.open if row["status"] in ("open", "drafting")]
        return waiting[:FIRST_GAPS]

    @property
    def others(self) -> list[Row]:
        shown = {row["gap_id"] for row in self.first}
        return [row for row in self.review.open if row["gap_id"] not in shown][:MORE_GAPS]

    @property
    def left_out(self) -> int:
        return len(self.review.open) - len(self.first) - len(self.others)

    @property
    def impact(self) -> float:
        """Escalations a week that closing all open gaps is expected to avoid."""
        return sum(max(row["impact"] or 0.0, 0.0) for row in self.review.open)

    @property
    def first_impact(self) -> float:
        return sum(max(row["impact"] or 0.0, 0.0) for row in self.first)

    @property
    def moved(self) -> Counter[str]:
        """Changes of status in the seven days, by the new status."""
        return Counter(row["status"] for row in self.review.moves)

    @property
    def is_new(self) -> set[str]:
        return {row["gap_id"] for row in self.review.moves if row["status"] == "open" and row["status_number"] == 1}

    @property
    def by_team(self) -> list[tuple[str, int, float]]:
        """(team, open gaps, escalations a week that they cost), the costliest first."""
        found: dict[str, tuple[int, float]] = {}
        for row in self.review.open:
            count, impact = found.get(row["owner_team"], (0, 0.0))
            found[row["owner_team"]] = (count + 1, impact + max(row["impact"] or 0.0, 0.0))
        return sorted(((team, *rest) for team, rest in found.items()), key=lambda one: (-one[2], one[0]))

    def backlog_chart(self) -> Any:
        """Open gaps at the end of each week, with those opened and closed."""
        rows = [
            charts.Bar(
                f"Week to {row['period_end'].day} {row['period_end']:%b}",
                row["backlog_count"],
                f"{row['backlog_count']:,} open, +{row['opened_count']:,} −{row['closed_count']:,}",
                charts.COLOURS["all"],
            )
            for row in self.review.weeks[-8:]
        ]
        return self.drawing.svg(charts.bars(rows), "Open knowledge gaps at the end of each week")
