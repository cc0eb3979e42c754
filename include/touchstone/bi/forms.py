"""Superset's files: what each kind of chart, a dataset and a dashboard look like in its export format."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from touchstone.bi.measures import parameter

if TYPE_CHECKING:
    from touchstone.bi.dashboards import Chart, Dashboard, Filter
    from touchstone.bi.datasets import Dataset

DATABASE: dict[str, Any] = {
    "database_name": "Touchstone",
    "cache_timeout": None,
    "expose_in_sqllab": True,
    "allow_run_async": False,
    "allow_ctas": False,
    "allow_cvas": False,
    "allow_dml": False,
    "allow_file_upload": False,
    "extra": {"metadata_params": {}, "engine_params": {}, "schemas_allowed_for_file_upload": []},
    "version": "1.0.0",
}
_TIMES = frozenset({"date", "timestamptz"})
_COUNT = ",d"
_AXIS = ",.2~f"
TEXT = "text"
"""Format of a measure that is text already: a number with its unit."""
GRAINS = {"week": "YYYY/MM/DD", "month": "YYYY/MM"}
"""To what days on an axis are gathered, and what stands there: text, for Superset labels an axis of time where its calendar has ticks."""
_EXTRA = re.compile(r", (95 %|n <) ")
_PALETTE = (
    ("#1b5e9e", "#a8c6e3"),
    ("#d9822b", "#f2cfa8"),
    ("#3d8b5f", "#b5d8c4"),
    ("#7a5195", "#d0bedd"),
    ("#8a8f98", "#d5d8dd"),
    ("#b5485b", "#e2b8c0"),
)
_CSS = """\
.dashboard-component-chart-holder { box-shadow: none; border: 1px solid #e5e7eb; border-radius: 6px; }
"""


def form(chart: Chart) -> dict[str, Any]:
    """What Superset keeps of a chart: its form data."""
    return {"adhoc_filters": _filters(chart), "row_limit": chart.limit, **_FORMS[chart.kind](chart)}


def dataset_file(reads: Dataset, own: str, database: str, descriptions: Mapping[str, str]) -> dict[str, Any]:
    """A published table with its columns, or a query that joins two."""
    times = [name for name, kind in reads.columns.items() if kind in _TIMES]
    return {
        "table_name": reads.name,
        "schema": "marts",
        "sql": reads.sql,
        "description": descriptions.get(reads.name),
        "main_dttm_col": times[0] if times else None,
        "filter_select_enabled": True,
        "uuid": own,
        "database_uuid": database,
        "version": "1.0.0",
        "metrics": [{"metric_name": "count", "expression": "count(*)", "verbose_name": "rows"}],
        "columns": [
            {
                "column_name": name,
                "type": kind.upper(),
                "is_dttm": kind in _TIMES,
                "groupby": True,
                "filterable": True,
                "description": descriptions.get(f"{reads.origins[name]}.{name}"),
            }
            for name, kind in reads.columns.items()
        ],
    }


def dashboard_file(dashboard: Dashboard, own: str) -> dict[str, Any]:
    """A dashboard: rows of charts under headings, and one filter of the period."""
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": dashboard.title}},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
    }
    _markdown(position, "about", dashboard.about, 10)
    place = 0
    for number, row in enumerate(dashboard.rows):
        if row.heading:
            _heading(position, f"HEADER-{number}", row.heading)
        children = []
        for chart in row.charts:
            place += 1
            key = f"CHART-{place}"
            children.append(key)
            position[key] = {
                "type": "CHART",
                "id": key,
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", f"ROW-{number}"],
                "meta": {
                    "chartId": place,
                    "uuid": chart.uuid,
                    "sliceName": chart.title,
                    "width": chart.width,
                    "height": row.height,
                },
            }
        _row(position, f"ROW-{number}", children)
    return {
        "dashboard_title": dashboard.title,
        "description": dashboard.about,
        "css": _CSS,
        "slug": dashboard.slug,
        "uuid": own,
        "position": position,
        "metadata": {
            "color_scheme": "supersetColors",
            "label_colors": _colours(dashboard),
            "cross_filters_enabled": False,
            "refresh_frequency": 0,
            "native_filter_configuration": [
                _period_filter(),
                *(_value_filter(one, _places(dashboard, one)) for one in dashboard.filters),
            ],
        },
        "published": True,
        "version": "1.0.0",
    }


def _colours(dashboard: Dashboard) -> dict[str, str]:
    """One colour per figure, a pale one for the bounds of its interval, amber for points of few items, grey for n."""
    found: dict[str, str] = {}
    for chart in dashboard.charts:
        if chart.kind in ("line", "bar"):
            shown = [label for label in chart.measures if label != chart.n and not _EXTRA.search(label)]
            for label, (strong, pale) in zip(shown, _PALETTE, strict=False):
                found |= {label: strong, f"{label}, 95 % from": pale, f"{label}, 95 % to": pale}
            found |= {label: "#e0a100" for label in chart.measures if ", n < " in label}
    return found | {"n": "#dfe3e8"}


def _number(chart: Chart) -> dict[str, Any]:
    ((label, expression),) = chart.measures.items()
    return {
        "viz_type": "big_number_total",
        "metric": _metric(label, expression),
        "subheader": chart.about,
        "header_font_size": 0.4,
        "subheader_font_size": 0.2,
        "y_axis_format": chart.formats.get(label, _COUNT),
        "currency_format": {"symbol": parameter("currency"), "symbolPosition": "suffix"} if chart.is_money else None,
    }


def _line(chart: Chart) -> dict[str, Any]:
    """Lines on the left axis; how many items stand behind them as bars on the right one."""
    shown = {label: expression for label, expression in chart.measures.items() if label != chart.n}
    first = next(iter(shown))
    own = {
        "viz_type": "mixed_timeseries" if chart.n else "echarts_timeseries_line",
        "x_axis": _axis(chart),
        "time_grain_sqla": None,
        "metrics": [_metric(label, expression) for label, expression in shown.items()],
        "groupby": [_column(label, expression) for label, expression in chart.dimensions.items()],
        "seriesType": "line",
        "yAxisIndex": 0,
        "y_axis_format": chart.formats.get(first, "SMART_NUMBER"),
        "x_axis_time_format": "%d %b",
        "rich_tooltip": True,
        "tooltipTimeFormat": "%Y-%m-%d",
        "show_legend": True,
        "legendType": "scroll",
        "legendOrientation": "top",
        "truncate_metric": True,
        "markerEnabled": True,
        "markerSize": 4,
        "color_scheme": "supersetColors",
    }
    if not chart.n:
        return own
    return own | {
        "metrics_b": [_metric(chart.n, chart.measures[chart.n])],
        "groupby_b": [],
        "adhoc_filters_b": _filters(chart),
        "row_limit_b": chart.limit,
        "seriesTypeB": "bar",
        "opacityB": 0.25,
        "yAxisIndexB": 1,
        "y_axis_format_secondary": _AXIS,
        "truncate_metric_b": True,
    }


def _bar(chart: Chart) -> dict[str, Any]:
    return {
        "viz_type": "echarts_timeseries_bar",
        "x_axis": _axis(chart),
        "time_grain_sqla": None,
        "metrics": [_metric(label, expression) for label, expression in chart.measures.items()],
        "groupby": [_column(label, expression) for label, expression in chart.dimensions.items()],
        "stack": "Stack" if chart.stack else None,
        "y_axis_format": chart.formats.get(next(iter(chart.measures)), _AXIS),
        "x_axis_time_format": "%d %b",
        "rich_tooltip": True,
        "tooltipTimeFormat": "%Y-%m-%d",
        "show_legend": True,
        "legendType": "scroll",
        "legendOrientation": "top",
        "truncate_metric": True,
        "color_scheme": "supersetColors",
    }


def _axis(chart: Chart) -> dict[str, Any] | str | None:
    if not chart.grain:
        return chart.x
    return {"expressionType": "SQL", "sqlExpression": chart.along, "label": chart.grain, "columnType": "BASE_AXIS"}


def _table(chart: Chart) -> dict[str, Any]:
    configured: dict[str, Any] = {}
    for label in chart.measures:
        configured[label] = {"d3NumberFormat": chart.formats.get(label, _COUNT), "showCellBars": False}
        if chart.formats.get(label) == TEXT:
            configured[label] = {"horizontalAlign": "right"}
    metrics = {label: _metric(label, expression) for label, expression in chart.measures.items()}
    order = (chart.order or "").removeprefix("-")
    return {
        "viz_type": "table",
        "query_mode": "aggregate",
        "groupby": [_column(label, expression) for label, expression in chart.dimensions.items()],
        "metrics": list(metrics.values()),
        "timeseries_limit_metric": metrics.get(order) or (_metric("order", order) if order else None),
        "order_desc": (chart.order or "-")[0] == "-",
        "server_pagination": False,
        "page_length": 0,
        "include_search": False,
        "show_cell_bars": False,
        "table_timestamp_format": "%Y-%m-%d",
        "column_config": configured,
    }


_FORMS = {"number": _number, "line": _line, "bar": _bar, "table": _table}


def _metric(label: str, expression: str) -> dict[str, Any]:
    return {
        "expressionType": "SQL",
        "sqlExpression": expression,
        "label": label,
        "hasCustomLabel": True,
        "optionName": "metric_" + hashlib.sha256(f"{label}{expression}".encode()).hexdigest()[:12],
    }


def _column(label: str, expression: str) -> dict[str, Any] | str:
    if label == expression:
        return expression
    return {"expressionType": "SQL", "sqlExpression": expression, "label": label}


def _filters(chart: Chart) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"expressionType": "SQL", "clause": "WHERE", "sqlExpression": condition} for condition in chart.where
    ]
    if chart.time:
        found.append(
            {
                "expressionType": "SIMPLE",
                "clause": "WHERE",
                "subject": chart.time,
                "operator": "TEMPORAL_RANGE",
                "comparator": "No filter",
            }
        )
    return found


def _period_filter() -> dict[str, Any]:
    return {
        "id": "NATIVE_FILTER-period",
        "name": "Period",
        "filterType": "filter_time",
        "type": "NATIVE_FILTER",
        "targets": [{}],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "controlValues": {"enableEmptyFilter": False},
        "defaultDataMask": {"extraFormData": {}, "filterState": {"value": None}},
        "cascadeParentIds": [],
        "description": "Days, weeks or months that begin in it",
    }


def _places(dashboard: Dashboard, chosen: Filter) -> list[int]:
    """Places of the charts that a filter does not reach."""
    return [place for place, chart in enumerate(dashboard.charts, start=1) if not chosen.reaches(chart)]


def _value_filter(chosen: Filter, excluded: list[int]) -> dict[str, Any]:
    values = list(chosen.values)
    return {
        "id": f"NATIVE_FILTER-{chosen.column}",
        "name": chosen.name,
        "filterType": "filter_select",
        "type": "NATIVE_FILTER",
        "targets": [{"datasetUuid": chosen.dataset, "column": {"name": chosen.column}}],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": excluded},
        "controlValues": {
            "enableEmptyFilter": False,
            "defaultToFirstItem": False,
            "multiSelect": True,
            "searchAllOptions": False,
            "inverseSelection": False,
        },
        "defaultDataMask": {
            "extraFormData": {"filters": [{"col": chosen.column, "op": "IN", "val": values}]},
            "filterState": {"value": values, "label": ", ".join(map(str, values))},
        },
        "cascadeParentIds": [],
        "description": chosen.about,
    }


def _markdown(position: dict[str, Any], name: str, text: str, height: int) -> None:
    key = f"MARKDOWN-{name}"
    position[key] = {
        "type": "MARKDOWN",
        "id": key,
        "children": [],
        "parents": ["ROOT_ID", "GRID_ID", f"ROW-{name}"],
        "meta": {"code": text, "width": 12, "height": height},
    }
    _row(position, f"ROW-{name}", [key])


def _heading(position: dict[str, Any], key: str, text: str) -> None:
    position[key] = {
        "type": "HEADER",
        "id": key,
        "children": [],
        "parents": ["ROOT_ID", "GRID_ID"],
        "meta": {"text": text, "headerSize": "MEDIUM_HEADER", "background": "BACKGROUND_TRANSPARENT"},
    }
    position["GRID_ID"]["children"].append(key)


def _row(position: dict[str, Any], key: str, children: list[str]) -> None:
    position[key] = {
        "type": "ROW",
        "id": key,
        "children": children,
        "parents": ["ROOT_ID", "GRID_ID"],
        "meta": {"background": "BACKGROUND_TRANSPARENT"},
    }
    position["GRID_ID"]["children"].append(key)
