"""Charts of one measure over time: its line with the 95 % band, and its n below; or small, for a tile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import altair as alt

from touchstone.reports import charts

Row = dict[str, Any]
LONGEST_GAP = 1.6
"""Periods between two points, beyond which no line is drawn from one to the other."""


def series(
    rows: Sequence[Row], *, factor: float, title: str, days: int, has_n: bool = True, target: float | None = None
) -> Callable[[int], alt.TopLevelMixin]:
    """A measure by period.

    Args:
        rows: period_start, value, low, high (None where there is no interval), n (None for counts), is_small; at least one.
        factor: What values are multiplied with to be shown, 100 for shares.
        title: Of the axis.
        days: Length of a period, to tell a gap.
        has_n: Whether bars of n stand below.
        target: A dashed line, in the unit of the values.
    """
    data = _data(rows, factor, days)

    def draw(width: int) -> alt.TopLevelMixin:
        top = _line(data, width - 64, 150, title, target and target * factor)
        if not has_n or not all(row["n"] for row in data):
            return top
        return alt.vconcat(top, _counts(data, width - 64), spacing=10)

    return draw


def spark(rows: Sequence[Row], *, factor: float, width: int = 230, height: int = 46) -> alt.TopLevelMixin:
    """The same without axes: the course at a glance, its last point marked."""
    data = _data(rows, factor, 31)
    x, y = _x(data, None), alt.Y("value:Q", scale=_scale(data), axis=None)
    base = alt.Chart(charts._values(data))
    return alt.layer(
        base.mark_area(opacity=0.18, color=charts.COLOURS["human_agent"]).encode(
            x=x, y=alt.Y("low:Q", scale=_scale(data), axis=None), y2="high:Q", detail="stretch:N"
        ),
        base.mark_line(strokeWidth=2, color=charts.COLOURS["human_agent"]).encode(x=x, y=y, detail="stretch:N"),
        alt.Chart(charts._values(data[-1:]))
        .mark_point(filled=True, size=50, opacity=1, color=charts.COLOURS["human_agent"])
        .encode(x=x, y=y),
        width=width,
        height=height,
    )


def _data(rows: Sequence[Row], factor: float, days: int) -> list[Row]:
    found: list[Row] = []
    for row in sorted(rows, key=lambda row: row["period_start"]):
        value = factor * float(row["value"])
        start = charts.milliseconds(row["period_start"])
        before = found[-1] if found else None
        is_new = before is not None and start - before["t"] > LONGEST_GAP * days * charts.DAY
        found.append(
            {
                "t": start,
                "label": _label(row["period_start"], days),
                "value": value,
                "low": value if row["low"] is None else factor * float(row["low"]),
                "high": value if row["high"] is None else factor * float(row["high"]),
                "n": row["n"],
                "zero": 0,
                "is_small": bool(row["is_small"]),
                "stretch": (before["stretch"] if before else 0) + is_new,
            }
        )
    return found


def _label(day: date, days: int) -> str:
    return f"{day:%b %Y}" if days > 20 else f"{day.day} {day:%b}"


def _scale(data: list[Row]) -> alt.Scale:
    low, high = min(row["low"] for row in data), max(row["high"] for row in data)
    room = (high - low) * 0.12 or max(1.0, abs(high) * 0.1)
    bottom = low - room
    return alt.Scale(domain=[max(0, bottom) if low >= 0 else bottom, high + room], nice=False, zero=False)


def _x(data: list[Row], axis: alt.Axis | None) -> alt.X:
    room = max(12 * charts.DAY, (data[-1]["t"] - data[0]["t"]) // 40) if len(data) > 1 else 20 * charts.DAY
    room = room if axis is None or len(data) < 2 else min(room, (data[1]["t"] - data[0]["t"]) // 2)
    scale = alt.Scale(type="utc", domain=[data[0]["t"] - room, data[-1]["t"] + room], nice=False)
    return alt.X("t:T", scale=scale, axis=axis)


def _labelled(data: list[Row], width: int) -> alt.Axis:
    step = -(-len(data) // max(1, width // 75))
    shown = data[::-1][::step]
    names = " : ".join(f"+datum.value === {row['t']} ? '{row['label']}'" for row in shown)
    return alt.Axis(
        values=[row["t"] for row in shown],
        labelExpr=f"{names} : ''",
        grid=False,
        title=None,
        labelOverlap=False,
        labelFlush=False,
    )


def _line(data: list[Row], width: int, height: int, title: str, target: float | None) -> alt.LayerChart:
    x, up = _x(data, _labelled(data, width)), _scale(data)
    y = alt.Y("value:Q", scale=up, axis=alt.Axis(title=title, tickCount=4))
    base, colour = alt.Chart(charts._values(data)), charts.COLOURS["human_agent"]
    layers = [
        base.mark_area(opacity=0.16, color=colour).encode(
            x=x, y=alt.Y("low:Q", scale=up), y2="high:Q", detail="stretch:N"
        ),
        base.mark_rule(opacity=0.3, color=colour, strokeWidth=1).encode(x=x, y=alt.Y("low:Q", scale=up), y2="high:Q"),
        base.mark_line(strokeWidth=2.2, color=colour).encode(x=x, y=y, detail="stretch:N"),
        base.transform_filter("!datum.is_small")
        .mark_point(filled=True, size=34, opacity=1, color=colour)
        .encode(x=x, y=y),
        base.transform_filter("datum.is_small")
        .mark_point(filled=True, fill="white", stroke=colour, size=34, strokeWidth=1.6, opacity=1)
        .encode(x=x, y=y),
    ]
    if target is not None:
        mark = alt.Chart(charts._values([{"target": target}]))
        layers.append(mark.mark_rule(color=charts.INK, strokeDash=[4, 3]).encode(y=alt.Y("target:Q", scale=up)))
    return alt.layer(*layers, width=width, height=height)


def _counts(data: list[Row], width: int) -> alt.Chart:
    most = max(row["n"] for row in data)
    size = max(2, min(26, int(width / len(data) * 0.6)))
    return (
        alt.Chart(charts._values(data))
        .mark_bar(color=charts.COLOURS["all"], opacity=0.45, size=size)
        .encode(
            x=_x(data, alt.Axis(labels=False, grid=False, title=None, values=[])),
            y=alt.Y(
                "n:Q",
                scale=alt.Scale(domain=[0, most], nice=False),
                axis=alt.Axis(values=[0, most], title="n", titleAngle=0, titleAlign="right", format=",d"),
            ),
        )
        .properties(width=width, height=30)
    )
