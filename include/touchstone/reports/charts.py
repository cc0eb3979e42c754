"""Charts of the report: each becomes one SVG that stands in the page, without scripts, fonts or addresses of its own.

Rows of dots and bars are laid out in pixels, with the label above its line: long names stay readable at any width. Side
is told by colour (Okabe and Ito's blue and vermilion, which colour-blind people can tell apart) and by shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import altair as alt
import vl_convert as vlc
from markupsafe import Markup, escape

WIDE, NARROW, HALF = 1050, 352, 410
COLOURS = {"human_agent": "#0072B2", "ai_agent": "#D55E00", "all": "#475467"}
SHAPES = {"human_agent": "circle", "ai_agent": "diamond", "all": "square"}
GREEN, INK, SOFT, FAINT, TRACK = "#009E73", "#1d2939", "#667085", "#d0d5dd", "#eaecf0"
FONT = "system-ui, sans-serif"
DAY = 86_400_000  # milliseconds
LONGEST_PAUSE = 4  # periods without a score that a line still crosses: a long weekend
VALUE_COLUMN = 114  # pixels at the right of a row, for the figure and its n
LINE, GAP, HEAD = 19, 13, 20  # pixels of one mark, between two rows, and of the label above


@dataclass(frozen=True)
class Mark:
    """One value of a row, with its interval and the words at the right."""

    side: str
    value: float
    text: str
    interval: tuple[float, float] | None = None
    is_small: bool = False


@dataclass(frozen=True)
class DotRow:
    """A label and the marks under it."""

    label: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Bar:
    """One bar of a list: its length in the unit of the others, and the words at the right."""

    label: str
    value: float
    text: str
    colour: str = SOFT


@dataclass(frozen=True)
class Axis:
    """A horizontal axis: ends of the scale, labelled ticks and dashed reference lines."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    title: str = ""
    references: Sequence[float] = ()
    is_log: bool = False


@dataclass
class Drawing:
    """Turns Altair charts into SVG whose ids are unique in the page."""

    count: int = field(default=0)

    def svg(self, chart: alt.TopLevelMixin, label: str, css_class: str = "half") -> Markup:
        """The chart as SVG for inline use, one image with `label` for people who do not see it."""
        self.count += 1
        text = vlc.vegalite_to_svg(_styled(chart).to_dict(validate=False), allowed_base_urls=[])
        head, body = re.match(r"<svg\b([^>]*)>(.*)</svg>\s*$", text, re.DOTALL).groups()
        width, height = (re.search(rf'\b{name}="([\d.]+)"', head).group(1) for name in ("width", "height"))
        view_box = re.search(r'viewBox="([^"]*)"', head).group(1)
        body = re.sub(r'(<[^<>]*?\bid=")', rf"\g<1>c{self.count}-", body)
        body = re.sub(r'(="url\(#|href="#)', rf"\g<1>c{self.count}-", body)
        return Markup(  # noqa: S704 - Vega escapes the words that it draws, and the label is escaped here
            f'<svg class="chart {css_class}" role="img" aria-label="{escape(label)}" width="{width}" height="{height}" '
            f'viewBox="{view_box}">{body}</svg>'
        )

    def both(self, draw: Callable[[int], alt.TopLevelMixin], label: str) -> Markup:
        """A chart drawn for a wide page and again for a narrow one; the page shows one of them."""
        return self.svg(draw(WIDE), label, "wide") + self.svg(draw(NARROW), label, "narrow")


def _styled(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    return chart.configure(
        aria=False,
        font=FONT,
        background="transparent",
        padding={"left": 2, "right": 6, "top": 4, "bottom": 2},
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor=SOFT,
            labelFontSize=12,
            titleColor=SOFT,
            titleFontSize=12,
            titleFontWeight="normal",
            gridColor=TRACK,
            domain=False,
            ticks=False,
            labelPadding=6,
            titlePadding=8,
        ),
    )


def _values(rows: Sequence[dict[str, Any]]) -> alt.InlineData:
    return alt.Data(values=list(rows))


def _across(field_name: str, axis: Axis, width: float) -> alt.X:
    scale = alt.Scale(
        domain=[axis.low, axis.high],
        range=[6, width - 6],
        nice=False,
        zero=False,
        type="log" if axis.is_log else "linear",
    )
    return alt.X(f"{field_name}:Q", scale=scale, axis=None)


def _down(field_name: str, height: float) -> alt.Y:
    return alt.Y(f"{field_name}:Q", scale=alt.Scale(domain=[0, height], range=[0, height], nice=False), axis=None)


def _side_colour(field_name: str = "side") -> alt.Color:
    return alt.Color(
        f"{field_name}:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())), legend=None
    )


def dots(rows: Sequence[DotRow], axis: Axis, width: int = HALF) -> alt.LayerChart:
    """Rows of dots with their intervals; a hollow dot has an n below the smallest that is read without care.

    Args:
        rows: At least one row with at least one mark, from top to bottom.
        axis: Scale in the unit of the marks' values; values outside are drawn at its ends.
        width: Pixels, the column of figures included.
    """
    labels, marks, y = [], [], 0.0
    for row in rows:
        labels.append({"y": y + HEAD / 2, "label": row.label})
        y += HEAD
        for mark in row.marks:
            low, high = mark.interval or (mark.value, mark.value)
            marks.append(
                {
                    "y": y + LINE / 2,
                    "side": mark.side,
                    "value": _within(mark.value, axis),
                    "low": _within(low, axis),
                    "high": _within(high, axis),
                    "text": mark.text,
                    "is_small": mark.is_small,
                    "start": axis.low,
                    "end": axis.high,
                }
            )
            y += LINE
        y += GAP
    plot = width - VALUE_COLUMN
    height = y + 24 + (18 if axis.title else 0)
    base = alt.Chart(_values(marks))
    side, down = _side_colour(), _down("y", height)
    shape = alt.Shape("side:N", scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values())), legend=None)
    name = alt.Chart(_values(labels))
    words = {"align": "left", "baseline": "middle", "fontSize": 13, "limit": width - 8}
    place = {"x": alt.value(0), "y": down, "text": alt.Text("label:N")}
    layers = [
        *_ticks(axis, plot, y - GAP / 2, height),
        base.mark_rule(color=TRACK, strokeWidth=1).encode(
            x=_across("start", axis, plot), x2="end:Q", y=_down("y", height)
        ),
        *_references(axis, [mark["y"] for mark in marks], plot, height),
        base.mark_rule(strokeWidth=5, opacity=0.3, strokeCap="round").encode(
            x=_across("low", axis, plot), x2="high:Q", y=down, color=side
        ),
        base.transform_filter("!datum.is_small")
        .mark_point(filled=True, size=75, opacity=1)
        .encode(x=_across("value", axis, plot), y=down, color=side, shape=shape),
        base.transform_filter("datum.is_small")
        .mark_point(filled=True, size=65, strokeWidth=1.8, fill="white", opacity=1)
        .encode(
            x=_across("value", axis, plot),
            y=down,
            shape=shape,
            stroke=alt.Stroke(
                "side:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())), legend=None
            ),
        ),
        # a white edge keeps the lines of the scale out of the words
        name.mark_text(**words, color="white", stroke="white", strokeWidth=4, strokeJoin="round").encode(**place),
        name.mark_text(**words, color=INK).encode(**place),
        base.mark_text(align="right", baseline="middle", fontSize=12, color=SOFT, limit=VALUE_COLUMN - 6).encode(
            x=alt.value(width), y=down, text="text:N"
        ),
    ]
    return alt.layer(*layers, width=width, height=height)


def _within(value: float, axis: Axis) -> float:
    return min(max(value, axis.low), axis.high)


def _ticks(axis: Axis, plot: float, bottom: float, height: float) -> list[alt.Chart]:
    ticks = [{"x": x, "text": text, "y": 0, "y2": bottom, "foot": bottom + 12} for x, text in axis.ticks]
    layers = [
        alt.Chart(_values(ticks))
        .mark_rule(color=TRACK, strokeWidth=1)
        .encode(x=_across("x", axis, plot), y=_down("y", height), y2="y2:Q"),
        alt.Chart(_values(ticks))
        .mark_text(fontSize=11.5, color=SOFT, baseline="middle")
        .encode(x=_across("x", axis, plot), y=_down("foot", height), text="text:N"),
    ]
    if axis.title:
        title = [{"y": bottom + 30, "text": axis.title}]
        layers.append(
            alt.Chart(_values(title))
            .mark_text(align="center", baseline="middle", fontSize=11.5, color=SOFT, limit=plot)
            .encode(x=alt.value(plot / 2), y=_down("y", height), text="text:N")
        )
    return layers


def _references(axis: Axis, lines: Sequence[float], plot: float, height: float) -> list[alt.Chart]:
    """Reference lines beside the marks only, so that they do not cross the labels."""
    data = [
        {"x": x, "y": y - LINE / 2, "y2": y + LINE / 2}
        for x in axis.references
        if axis.low < x < axis.high
        for y in lines
    ]
    if not data:
        return []
    rule = alt.Chart(_values(data)).mark_rule(color=INK, strokeWidth=1.2, strokeDash=[3, 2])
    return [rule.encode(x=_across("x", axis, plot), y=_down("y", height), y2="y2:Q")]


def bars(rows: Sequence[Bar], width: int = HALF) -> alt.LayerChart:
    """Bars from zero with their labels above and their figures at the right; at least one row."""
    height = len(rows) * 40
    highest = max(row.value for row in rows) or 1
    axis = Axis(0, highest, ())
    data = [
        {
            "label_y": index * 40 + 10,
            "top": index * 40 + 20,
            "bottom": index * 40 + 31,
            "zero": 0,
            "all": highest,
            "value": row.value,
            "label": row.label,
            "text": row.text,
            "colour": row.colour,
        }
        for index, row in enumerate(rows)
    ]
    plot, base = width - VALUE_COLUMN, alt.Chart(_values(data))
    shape = {"y": _down("top", height), "y2": "bottom:Q"}
    return alt.layer(
        base.mark_rect(color="#f2f4f7").encode(x=_across("zero", axis, plot), x2="all:Q", **shape),
        base.mark_rect().encode(
            x=_across("zero", axis, plot), x2="value:Q", color=alt.Color("colour:N", scale=None), **shape
        ),
        base.mark_text(align="left", baseline="middle", fontSize=13, color=INK, limit=width - 8).encode(
            x=alt.value(0), y=_down("label_y", height), text="label:N"
        ),
        base.transform_calculate(y="datum.top + 6")
        .mark_text(align="right", baseline="middle", fontSize=12, color=SOFT, limit=VALUE_COLUMN - 6)
        .encode(x=alt.value(width), y=_down("y", height), text="text:N"),
        width=width,
        height=height,
    )


def histogram(
    bins: Sequence[tuple[float, float]],
    tiers: Sequence[tuple[float, float, str, str]],
    side: str,
    highest: float,
    width: int = HALF,
) -> alt.LayerChart:
    """Shares of the scores of one side by bins of five points, with the bounds of the tiers.

    Args:
        bins: (start of the bin, share in percent).
        tiers: (low, high, name, share in words) from the lowest tier to the highest.
        side: human_agent or ai_agent.
        highest: Upper end of the vertical scale in percent, the same for both sides.
    """
    data = [{"start": start + 0.35, "end": start + 4.65, "share": share, "zero": 0} for start, share in bins]
    across = {"scale": alt.Scale(domain=[0, 100], nice=False), "title": "total score"}
    ticks = sorted({0, 20, 40, 100, *(low for low, _, _, _ in tiers)})
    x_axis = alt.Axis(values=ticks, grid=False, format="d", labelOverlap=False)
    up = alt.Scale(domain=[0, highest * 1.32], nice=False)
    step = next(step for step in (1, 2, 5, 10, 20, 50) if highest / step <= 5)
    y_axis = alt.Axis(
        values=list(range(0, int(highest) + 1, step)), labelExpr="datum.value + ' %'", title="share of the scores"
    )
    # the highest tier is narrow: its name leans to the free side
    names = [
        {"x": (low + high) / 2 + (2 if high == 100 else 0), "name": name, "share": share}
        for low, high, name, share in tiers
    ]
    return alt.layer(
        alt.Chart(_values(data))
        .mark_rect(color=COLOURS[side], opacity=0.85)
        .encode(
            x=alt.X("start:Q", axis=x_axis, **across),
            x2="end:Q",
            y=alt.Y("zero:Q", scale=up, axis=y_axis),
            y2="share:Q",
        ),
        alt.Chart(_values([{"x": low} for low, _, _, _ in tiers[1:]]))
        .mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1)
        .encode(x=alt.X("x:Q", axis=x_axis, **across)),
        alt.Chart(_values(names))
        .mark_text(fontSize=11, color=SOFT, baseline="top")
        .encode(x=alt.X("x:Q", axis=x_axis, **across), y=alt.value(0), text="name:N"),
        alt.Chart(_values(names))
        .mark_text(fontSize=13, fontWeight="bold", color=INK, baseline="top")
        .encode(x=alt.X("x:Q", axis=x_axis, **across), y=alt.value(15), text="share:N"),
        width=width - 62,
        height=210,
    )


def day_ticks(first: date, last: date, most: int) -> list[int]:
    """At most `most` evenly spaced days between two days, in milliseconds of the epoch."""
    step = max(1, -(-((last - first).days + 1) // most))
    return [milliseconds(first + timedelta(days=number)) for number in range(0, (last - first).days + 1, step)]


def milliseconds(day: date) -> int:
    """Midnight UTC of a day, in milliseconds of the epoch."""
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)


def _time(field_name: str, first: date, last: date, width: int, *, is_labelled: bool, days: int = 1) -> alt.X:
    long = (last - first).days > 300
    axis = alt.Axis(
        values=day_ticks(first, last, 12 if width > 600 else 4),
        format="%b %Y" if long else "%-d %b",
        grid=False,
        labels=is_labelled,
        title=None,
        labelOverlap=False,
    )
    half = days * DAY // 2
    scale = alt.Scale(type="utc", domain=[milliseconds(first) - half, milliseconds(last) + half], nice=False)
    return alt.X(f"{field_name}:T", scale=scale, axis=axis)


def _number_stretches(data: list[dict[str, Any]], pause: int) -> None:
    """Number the stretches of each side that no long pause interrupts: no line is drawn over a time without scores."""
    latest: dict[str, dict[str, Any]] = {}
    for row in sorted(data, key=lambda row: row["t"]):
        before = latest.get(row["side"])
        row["stretch"] = 0 if before is None else before["stretch"] + (row["t"] - before["t"] > pause)
        latest[row["side"]] = row


def trend(
    rows: Sequence[dict[str, Any]], *, tiers: Sequence[float], days: int, min_n: int
) -> Callable[[int], alt.VConcatChart]:
    """Mean score by period and side with its 95 % band, over small bars of n; one panel of bars for each side.

    Args:
        rows: period_start (date), subject, n, mean, low and high (None below two scores); at least one row.
        tiers: Bounds of the tiers, drawn where the scale reaches them.
        days: Length of a period.
        min_n: A mean of fewer scores is drawn hollow.

    The line breaks where more than `LONGEST_PAUSE` periods have no score.
    """
    first, last = min(row["period_start"] for row in rows), max(row["period_start"] for row in rows)
    data = [
        {
            "t": milliseconds(row["period_start"]),
            "from": milliseconds(row["period_start"]) - int(days * DAY * 0.36),
            "to": milliseconds(row["period_start"]) + int(days * DAY * 0.36),
            "side": row["subject"],
            "n": row["n"],
            "zero": 0,
            "mean": row["mean"],
            "low": row["mean"] if row["low"] is None else row["low"],
            "high": row["mean"] if row["high"] is None else row["high"],
            "is_small": row["n"] < min_n,
        }
        for row in rows
    ]
    _number_stretches(data, LONGEST_PAUSE * days * DAY)
    low = max(0, (min(row["low"] for row in data) - 2) // 5 * 5)
    high = min(100, -(-(max(row["high"] for row in data) + 2) // 5) * 5)

    def draw(width: int) -> alt.VConcatChart:
        inner = width - 70
        up = alt.Scale(domain=[low, high], nice=False, zero=False)
        y = alt.Y("mean:Q", scale=up, axis=alt.Axis(title="mean total score", tickCount=6))
        x = _time("t", first, last, width, is_labelled=False, days=days)
        base, side = alt.Chart(_values(data)), _side_colour()
        inside = [{"bound": bound} for bound in tiers if low < bound < high]
        top = [
            base.mark_area(opacity=0.16).encode(
                x=x, y=alt.Y("low:Q", scale=up), y2="high:Q", color=side, detail="stretch:N"
            ),
            base.mark_line(strokeWidth=2.2).encode(x=x, y=y, color=side, detail="stretch:N"),
            base.transform_filter("!datum.is_small").mark_point(filled=True, size=26, opacity=1).encode(x, y, side),
            base.transform_filter("datum.is_small")
            .mark_point(filled=True, fill="white", size=26, strokeWidth=1.4, opacity=1)
            .encode(
                x,
                y,
                stroke=alt.Stroke("side:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))),
            ),
        ]
        if inside:
            bound = alt.Y("bound:Q", scale=up)
            marks = alt.Chart(_values(inside))
            top.append(marks.mark_rule(color=SOFT, strokeDash=[4, 3]).encode(y=bound))
        panels = [alt.layer(*top, width=inner, height=250 if width > 600 else 220)]
        sides = [name for name in COLOURS if any(row["side"] == name for row in data)]
        most = max(row["n"] for row in data)
        for name in sides:
            panels.append(
                base.transform_filter(alt.datum.side == name)
                .mark_rect(color=COLOURS[name], opacity=0.55)
                .encode(
                    x=_time("from", first, last, width, is_labelled=name == sides[-1], days=days),
                    x2="to:T",
                    y=alt.Y(
                        "zero:Q",
                        scale=alt.Scale(domain=[0, most], nice=False),
                        axis=alt.Axis(values=[0, most], title="n", titleAngle=0, titleAlign="right", titleY=24),
                    ),
                    y2="n:Q",
                )
                .properties(width=inner, height=40)
            )
        return alt.vconcat(*panels, spacing=18)

    return draw


def backlog(rows: Sequence[dict[str, Any]]) -> Callable[[int], alt.VConcatChart]:
    """Open episodes at the end of each day, over those opened and solved on it.

    Args:
        rows: backlog_date, open_count, opened_count, solved_count; at least one row.
    """
    first, last = rows[0]["backlog_date"], rows[-1]["backlog_date"]
    base_rows = [
        {
            "t": milliseconds(row["backlog_date"]),
            "from": milliseconds(row["backlog_date"]) - int(DAY * 0.36),
            "to": milliseconds(row["backlog_date"]) + int(DAY * 0.36),
            "zero": 0,
            "open": row["open_count"],
            "opened": row["opened_count"],
            "solved": -row["solved_count"],
        }
        for row in rows
    ]
    most_opened = max(1, *(row["opened"] for row in base_rows))
    most_solved = min(-1, *(row["solved"] for row in base_rows))

    def draw(width: int) -> alt.VConcatChart:
        x = _time("t", first, last, width, is_labelled=False)
        base, inner = alt.Chart(_values(base_rows)), width - 58
        y = alt.Y(
            "open:Q",
            scale=alt.Scale(zero=True, nice=True),
            axis=alt.Axis(title="open", tickCount=4, tickMinStep=1, format="d"),
        )
        spans = {"x": _time("from", first, last, width, is_labelled=True), "x2": "to:T"}
        around = alt.Y(
            "zero:Q",
            scale=alt.Scale(domain=[most_solved, most_opened], nice=False),
            axis=alt.Axis(
                title="per day", values=[most_solved, 0, most_opened], labelExpr="format(abs(datum.value), 'd')"
            ),
        )
        return alt.vconcat(
            alt.layer(
                base.mark_area(color=COLOURS["all"], opacity=0.14).encode(x, y),
                base.mark_line(color=COLOURS["all"], strokeWidth=2).encode(x, y),
                base.mark_point(color=COLOURS["all"], filled=True, size=22, opacity=1).encode(x, y),
                width=inner,
                height=130,
            ),
            alt.layer(
                base.mark_rect(color=COLOURS["all"], opacity=0.5).encode(**spans, y=around, y2="opened:Q"),
                base.mark_rect(color=GREEN, opacity=0.75).encode(**spans, y=around, y2="solved:Q"),
                width=inner,
                height=110,
            ),
            spacing=18,
        )

    return draw
