"""The overview: one HTML file with the state of support quality, that opens anywhere and asks the network for nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from markupsafe import Markup

from touchstone.reports import charts, formats
from touchstone.reports.figures import SUBJECTS, Figures, collect, extreme_topics
from touchstone.reports.pages import Row, environment
from touchstone.reports.statistics import difference_interval, mean_interval, wilson_interval
from touchstone.settings import Settings, get_settings
from touchstone.statefiles import write_atomic

WORST_SEGMENTS, FLAGGED_SEGMENTS, WORST_INDICATORS, TABLE_ROWS = 8, 3, 8, 100
TRAJECTORIES = {
    "recovered": charts.GREEN,
    "improving": charts.GREEN,
    "stable_positive": "#56B4E9",
    "stable_neutral": "#98a2b3",
    "stable_negative": "#E69F00",
    "declining": "#D55E00",
    "too_short": "#d0d5dd",
}
_DURATION_TICKS = ((1 / 60, "1 s"), (1 / 6, "10 s"), (1, "1 min"), (10, "10 min"), (60, "1 h"), (600, "10 h"))
_LONG_TICKS = ((1440, "1 day"), (10_080, "1 week"), (100_800, "10 weeks"))


def render(settings: Settings | None = None, path: Path | None = None) -> Path:
    """Write the overview of everything that is published.

    Args:
        settings: Whose warehouse is read; the process's own settings by default.
        path: File to write; `build/report/index.html` by default.

    Returns:
        The file, complete: readers see the old page or the new one.

    Raises:
        WarehouseError: The warehouse does not answer, or only a part of the marts is published.
    """
    settings = settings or get_settings()
    path = path or settings.build_dir / "report" / "index.html"
    figures, quotes = collect(settings)
    view = _View(figures, settings.parameters)
    page = (
        environment(SUBJECTS=SUBJECTS, TABLE_ROWS=TABLE_ROWS)
        .get_template("overview.html.j2")
        .render(view=view, figures=figures, quotes=quotes)
    )
    write_atomic(path, page, 0o644)
    return path


class _View:
    """What the template needs beside the figures: intervals, charts and the sentences on what stands out."""

    def __init__(self, figures: Figures, parameters: dict[str, Any]) -> None:
        self.figures = figures
        self.min_n: int = parameters["min_cell_n"]
        self.z: float = parameters["z_95"]
        self.tiers: tuple[float, float] = (parameters["tier_acceptable"], parameters["tier_excellent"])
        self.parameters = parameters
        self.drawing = charts.Drawing()

    # --- figures

    def mean_interval(self, row: Row) -> tuple[float, float] | None:
        return mean_interval(row["n"], row["mean"], row["stddev"], self.z)

    def wilson(self, successes: int, n: int) -> tuple[float, float] | None:
        return wilson_interval(successes, n, self.z)

    def is_small(self, n: int) -> bool:
        return n < self.min_n

    @property
    def scored_sides(self) -> list[str]:
        return [side for side in SUBJECTS if self.figures.subjects.get(side, {}).get("n")]

    def of_side(self, rows: list[Row], side: str | None) -> list[Row]:
        return [row for row in rows if row["subject"] == side]

    def first_contact(self, days: int, side: str | None = None) -> Row | None:
        found = [row for row in self.figures.first_contact if row["days"] == days and row["subject"] == side]
        return found[0] if found and found[0]["n"] else None

    def first_response(self, side: str) -> Row | None:
        found = [row for row in self.figures.first_response if row["channel"] is None and row["subject"] == side]
        return found[0] if found else None

    def name(self, kind: str, row: Row) -> str:
        """What people call a segment; an agent is known by name, else by native id, else by key."""
        if kind != "agent":
            return row["value"]
        return row["agent_name"] or row["agent_id"] or formats.short_key(row["value"])

    def extremes(self, side: str) -> dict[str, Row]:
        return extreme_topics(self.figures.segments["topic"], side)

    @property
    def gate_counts(self) -> list[Row]:
        counts: dict[str, Row] = {}
        for row in self.figures.gates:
            count = counts.setdefault(
                row["gate"],
                {"gate": row["gate"], "n": 0, "passed": 0, "blocking": 0, "warning": 0, "as_of": row["as_of"]},
            )
            count["n"] += 1
            count["passed" if row["is_success"] else row["severity"]] += 1
            count["as_of"] = max(count["as_of"], row["as_of"])
        return list(counts.values())

    @property
    def version_change(self) -> Row | None:
        """The two latest versions of the AI agent and the difference of their means."""
        if len(self.figures.versions) < 2:
            return None
        before, after = self.figures.versions[-2:]
        difference = difference_interval(
            (before["n"], before["mean"], before["stddev"]), (after["n"], after["mean"], after["stddev"]), self.z
        )
        if difference is None:
            return None
        change, low, high = difference
        verdict = "higher" if low > 0 else "lower" if high < 0 else "not distinguishable"
        return {"before": before, "after": after, "change": change, "interval": (low, high), "verdict": verdict}

    def findings(self) -> list[Row]:
        """At most seven sentences on what a reader would look for first; each carries its n."""
        found: list[Row] = []
        for side in self.scored_sides:
            mean = self.figures.subjects[side]["mean"]
            worst = self.extremes(side)["worst"]
            if worst["mean"] < mean and not worst["is_below_min_n"]:
                found.append(
                    {
                        "title": worst["value"],
                        "text": f"is the lowest topic of {formats.SIDES[side].replace('Human', 'human')}: mean score "
                        f"{worst['mean']:.1f}, {mean - worst['mean']:.1f} points below their mean (n {worst['n']:,}).",
                    }
                )
        for side in self.scored_sides:
            rows = [
                row for row in self.of_side(self.figures.indicators, side) if not row["is_below_min_n"] and row["fails"]
            ]
            if rows:
                found.append(
                    {
                        "title": rows[0]["title"],
                        "text": f"fails most often for {formats.SIDES[side].replace('Human', 'human')}: "
                        f"{formats.percent(rows[0]['fails'], rows[0]['n'])} of {rows[0]['n']:,}.",
                    }
                )
        change = self.version_change
        if change and change["verdict"] != "not distinguishable":
            found.append(
                {
                    "title": f"AI version {change['after']['version']}",
                    "text": f"scores {change['verdict']} than {change['before']['version']}: {formats.signed(change['change'])} "
                    f"points, 95 % interval {formats.signed(change['interval'][0])} to {formats.signed(change['interval'][1])} "
                    f"(n {change['after']['n']:,} and {change['before']['n']:,}).",
                }
            )
        failed = [row for row in self.figures.gates if not row["is_success"]]
        if failed:
            found.append(
                {
                    "title": f"{len(failed)} of {len(self.figures.gates)} claims about the data",
                    "text": "did not hold when they were last checked; see Data health.",
                }
            )
        stale = [row for row in self.figures.sources if row["is_stale"]]
        if stale:
            found.append(
                {
                    "title": formats.listed([f"{row['source']} ({row['instance']})" for row in stale]),
                    "text": f"sent nothing newer than {self.parameters['source_stale_hours']} hours.",
                }
            )
        return found

    # --- charts; each is asked for only where its rows exist

    def trend_chart(self) -> Markup:
        rows = []
        for row in self.figures.trend:
            low, high = self.mean_interval(row) or (None, None)
            rows.append(row | {"low": low, "high": high})
        days = 7 if self.figures.trend_period == "week" else 1
        draw = charts.trend(rows, tiers=self.tiers, days=days, min_n=self.min_n)
        return self.drawing.both(draw, f"Mean total score by {self.figures.trend_period} and side, with its n")

    def distribution_chart(self, side: str) -> Markup:
        totals = {name: self.figures.subjects[name]["n"] for name in self.scored_sides}
        shares = [
            (row["subject"], row["bin_start"], 100 * row["n"] / totals[row["subject"]])
            for row in self.figures.distribution
        ]
        counts, n = self.figures.subjects[side], totals[side]
        acceptable, excellent = self.tiers
        tiers = [
            (0, acceptable, "needs improvement", formats.percent(counts["needs_improvement"], n)),
            (acceptable, excellent, "acceptable", formats.percent(counts["acceptable"], n)),
            (excellent, 100, "excellent", formats.percent(counts["excellent"], n)),
        ]
        chart = charts.histogram(
            [(start, share) for subject, start, share in shares if subject == side],
            tiers,
            side,
            max(share for _, _, share in shares),
        )
        return self.drawing.svg(chart, f"Distribution of the total scores of {formats.SIDES[side]}, n {n:,}")

    def segment_chart(self, kind: str, side: str) -> Markup:
        rows = self.of_side(self.figures.segments[kind], side)
        enough = [row for row in rows if not row["is_below_min_n"]][:WORST_SEGMENTS]
        few = [row for row in rows if row["is_below_min_n"]][: FLAGGED_SEGMENTS if enough else WORST_SEGMENTS]
        shown = [charts.DotRow(self.name(kind, row), [self._mean_mark(row)]) for row in enough + few]
        return self.drawing.svg(
            charts.dots(shown, self._score_axis(enough + few, self.figures.subjects[side]["mean"])),
            f"Mean total score of {formats.SIDES[side]} by {kind}, lowest first",
        )

    def dimension_chart(self) -> Markup:
        by_dimension: dict[str, list[Row]] = {}
        for row in self.figures.dimensions:
            by_dimension.setdefault(row["dimension_id"], []).append(row)
        shown = [
            charts.DotRow(rows[0]["title"], [self._mean_mark(row) for row in rows]) for rows in by_dimension.values()
        ]
        axis = self._score_axis(self.figures.dimensions)
        return self.drawing.both(
            lambda width: charts.dots(shown, axis, min(width, 820)), "Mean score by dimension and side"
        )

    def indicator_chart(self, side: str) -> Markup:
        rows = self.of_side(self.figures.indicators, side)
        rows = [row for row in rows if row["fails"]][:WORST_INDICATORS]
        intervals = [self.wilson(row["fails"], row["n"]) for row in rows]
        shown = [
            charts.DotRow(
                row["title"] + (" (critical)" if row["is_critical"] else ""),
                [
                    charts.Mark(
                        side,
                        100 * row["fails"] / row["n"],
                        f"{formats.percent(row['fails'], row['n'])} of {row['n']:,}",
                        (100 * interval[0], 100 * interval[1]),
                        row["is_below_min_n"],
                    )
                ],
            )
            for row, interval in zip(rows, intervals, strict=True)
        ]
        axis = _share_axis(max(100 * high for _, high in intervals), "share failing where the indicator applies")
        return self.drawing.svg(charts.dots(shown, axis), f"Indicators that fail most often for {formats.SIDES[side]}")

    def version_chart(self) -> Markup:
        rows = self.figures.versions
        shown = [
            charts.DotRow(
                f"{row['version']}, since {formats.day(row['first_date'])}", [self._mean_mark(row, "ai_agent")]
            )
            for row in rows
        ]
        return self.drawing.svg(
            charts.dots(shown, self._score_axis(rows)), "Mean total score by version of the AI agent"
        )

    def first_response_chart(self) -> Markup:
        by_channel: dict[str, list[Row]] = {}
        for row in self.figures.first_response:
            if row["channel"]:
                by_channel.setdefault(row["channel"], []).append(row)
        shown, values = [], []
        for channel, rows in sorted(by_channel.items(), key=lambda item: -sum(row["n"] for row in item[1])):
            marks = []
            for row in rows:
                value = max(row["median"], 1 / 60)
                values.append(value)
                text = f"{formats.duration(row['median'])}, n {row['n']:,}"
                marks.append(charts.Mark(row["subject"], value, text, None, self.is_small(row["n"])))
            shown.append(charts.DotRow(formats.words(channel), marks))
        ticks = _DURATION_TICKS + _LONG_TICKS
        low = max((value for value, _ in ticks if value <= min(values)), default=ticks[0][0])
        high = min((value for value, _ in ticks if value >= max(values) and value > low), default=ticks[-1][0])
        inside = [tick for tick in ticks if low <= tick[0] <= high]
        axis = charts.Axis(low, high, inside, "median time to the first answer, logarithmic", is_log=True)
        return self.drawing.svg(charts.dots(shown, axis), "Median time to the first answer by channel and who gave it")

    def first_contact_chart(self) -> Markup:
        shown, lows = [], []
        for days in self.parameters["fcr_windows_days"]:
            marks = []
            for side in (None, *SUBJECTS):
                row = self.first_contact(days, side)
                if row:
                    low, high = self.wilson(row["count"], row["n"])
                    lows.append(100 * low)
                    text = f"{formats.percent(row['count'], row['n'])} of {row['n']:,}"
                    share = 100 * row["count"] / row["n"]
                    marks.append(
                        charts.Mark(side or "all", share, text, (100 * low, 100 * high), self.is_small(row["n"]))
                    )
            if marks:
                shown.append(charts.DotRow(f"Within {days} day{'s' if days > 1 else ''}", marks))
        low = max(0, math.floor(min(lows) / 10) * 10)
        step = 10 if low >= 50 else 20
        ticks = [(float(tick), f"{tick} %") for tick in range(low, 101, step)]
        axis = charts.Axis(low, 100, ticks, "share without a further contact")
        return self.drawing.svg(charts.dots(shown, axis), "First-contact resolution by window and who answered first")

    def backlog_chart(self) -> Markup:
        return self.drawing.both(
            charts.backlog(self.figures.backlog), "Open conversations by day, and opened and solved"
        )

    def trajectory_chart(self) -> Markup:
        counts = {row["trajectory_class"]: row["n"] for row in self.figures.trajectories}
        n = sum(counts.values())
        shown = [
            charts.Bar(
                formats.words(name) + (" (fewer than three customer messages)" if name == "too_short" else ""),
                counts.get(name, 0),
                f"{formats.percent(counts.get(name, 0), n)}, n {counts.get(name, 0):,}",
                colour,
            )
            for name, colour in TRAJECTORIES.items()
        ]
        return self.drawing.svg(charts.bars(shown), f"Course of the customers' sentiment, n {n:,}")

    def coverage_chart(self) -> Markup:
        coverage, whole = self.figures.coverage, self.figures.coverage["interaction_count"]
        parts = [("Scored", coverage["scored_count"], charts.COLOURS["all"])]
        parts += [("Waiting for a score", coverage["pending_count"], "#E69F00")] if coverage["pending_count"] else []
        parts += [
            (f"Excluded: {formats.words(row['excluded_reason']).lower()}", row["n"], "#98a2b3")
            for row in self.figures.exclusions
        ]
        shown = [charts.Bar(label, n, f"{formats.percent(n, whole)}, n {n:,}", colour) for label, n, colour in parts]
        return self.drawing.svg(charts.bars(shown), f"Scored and excluded interactions, n {whole:,}")

    def _mean_mark(self, row: Row, side: str | None = None) -> charts.Mark:
        text = f"{row['mean']:.1f}, n {row['n']:,}"
        return charts.Mark(side or row["subject"], row["mean"], text, self.mean_interval(row), self.is_small(row["n"]))

    def _score_axis(self, rows: list[Row], reference: float | None = None) -> charts.Axis:
        """A scale of scores around what is shown, in tens; wide intervals of few scores do not stretch it."""
        steady = [row for row in rows if not self.is_small(row["n"])] or rows
        bounds = [self.mean_interval(row) or (row["mean"], row["mean"]) for row in steady]
        low = min([low for low, _ in bounds] + [row["mean"] for row in rows])
        high = max([high for _, high in bounds] + [row["mean"] for row in rows] + ([reference] if reference else []))
        step = 10 if high - low <= 40 else 20
        low, high = max(0, math.floor((low - 1) / step) * step), min(100, math.ceil((high + 1) / step) * step)
        ticks = [(float(tick), str(tick)) for tick in range(low, high + 1, step)]
        return charts.Axis(low, high, ticks, "mean score", () if reference is None else (reference,))


def _share_axis(highest: float, title: str) -> charts.Axis:
    step = next(step for step in (1, 2, 5, 10, 20, 25) if highest / step <= 5 or step == 25)
    high = min(100, math.ceil(highest / step) * step)
    return charts.Axis(0, high, [(float(tick), f"{tick} %") for tick in range(0, high + 1, step)], title)
