"""The trend's line says nothing about a time without scores."""

from __future__ import annotations

from datetime import date, timedelta

from touchstone.reports import charts


def drawn(days: list[date]) -> list[dict]:
    rows = [
        {"period_start": day, "subject": "human_agent", "n": 40, "mean": 70.0, "low": 68.0, "high": 72.0}
        for day in days
    ]
    chart = charts.trend(rows, tiers=(60, 85), days=1, min_n=30)(800)
    drawing = chart.to_dict()
    assert drawing["vconcat"][0]["layer"][1]["encoding"]["detail"]["field"] == "stretch"
    return next(values for values in _values(drawing) if "stretch" in values[0])


def _values(node):
    """Every list of inline data in a drawing."""
    if isinstance(node, dict):
        if isinstance(node.get("values"), list) and node["values"] and isinstance(node["values"][0], dict):
            yield node["values"]
        for inner in node.values():
            yield from _values(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _values(inner)


def test_the_line_crosses_a_weekend_and_breaks_at_a_longer_pause():
    monday = date(2026, 3, 2)
    days = [monday + timedelta(days=offset) for offset in (0, 1, 4, 30, 31)]
    stretches = {row["t"]: row["stretch"] for row in drawn(days)}
    assert list(dict(sorted(stretches.items())).values()) == [0, 0, 0, 1, 1]
