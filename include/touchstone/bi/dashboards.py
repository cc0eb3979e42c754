"""Dashboards as code: short declarations in bi/dashboards become the files that Superset imports.

A declaration names published tables, columns and SQL expressions; `bundle` writes databases, datasets, charts and dashboards in
Superset's export format, and `Chart.sql` the same question as plain SQL, which the tests ask the warehouse.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from touchstone.bi.contract import read
from touchstone.bi.datasets import Dataset, datasets
from touchstone.bi.forms import DATABASE, GRAINS, TEXT, dashboard_file, dataset_file, form
from touchstone.bi.measures import figure, mean, parameter, rate
from touchstone.errors import ConfigurationError
from touchstone.settings import get_settings

KINDS = frozenset({"number", "line", "bar", "table"})
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "touchstone/bi")
_PAGE = frozenset({"title", "about", "rows", "joined", "filters"})
_FILTER = frozenset({"name", "about", "table", "column", "up_to"})
_ROW = frozenset({"height", "charts", "heading"})
_CHART = frozenset(
    {"title", "kind", "table", "about", "where", "time", "x", "grain", "by", "values", "rate", "mean", "n"}
    | {"format", "stack", "order", "limit", "width", "is_money"}
)


@dataclass(frozen=True)
class Chart:
    """One chart of a dashboard.

    Attributes:
        kind: number, line, bar or table.
        reads: Published table, or tables, that it reads.
        dimensions: Label -> column or SQL expression that rows are grouped by.
        measures: Label -> SQL expression.
        formats: Label -> format of d3.
        where: Conditions in SQL, all of which hold.
        filtered: Conditions that the dashboard's filters set until a reader changes them.
        time: Column that the dashboard's period filters.
        is_money: Whether a number is shown with the currency.
        grain: week or month, to which days on the axis are gathered.
        n: Label of the measure that says how many items stand behind the others.
        order: Measure that rows are ordered by, or SQL; with a minus the largest comes first.
    """

    dashboard: str
    title: str
    kind: str
    reads: Dataset
    measures: dict[str, str]
    dimensions: dict[str, str] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()
    filtered: tuple[str, ...] = ()
    time: str | None = None
    x: str | None = None
    grain: str | None = None
    n: str | None = None
    about: str = ""
    order: str | None = None
    limit: int = 500
    stack: bool = False
    is_money: bool = False
    width: int = 12

    @property
    def uuid(self) -> str:
        return identity("chart", self.dashboard, self.title)

    @property
    def sql(self) -> str:
        """The chart's rows as plain SQL on the schema marts."""
        dimensions = ({self.axis: self.along} if self.axis and self.along else {}) | self.dimensions
        chosen = [f'{expression} as "{label}"' for label, expression in (dimensions | self.measures).items()]
        lines = [f"select {', '.join(chosen)}", f"from {self.reads.source}"]
        if conditions := self.where + self.filtered:
            lines.append("where " + " and ".join(f"({one})" for one in conditions))
        if dimensions:
            lines.append("group by " + ", ".join(str(place) for place in range(1, len(dimensions) + 1)))
        if self.order:
            lines.append(f"order by {self.ordered_by} {'desc' if self.order[0] == '-' else 'asc'} nulls last")
        return "\n".join([*lines, f"limit {self.limit}"])

    @property
    def axis(self) -> str | None:
        """Label of what is on the axis."""
        return self.grain or self.x

    @property
    def along(self) -> str | None:
        """SQL of what is on the axis."""
        return (
            f"to_char(date_trunc('{self.grain}', {self.x}::timestamp), '{GRAINS[self.grain]}')"
            if self.grain
            else self.x
        )

    @property
    def ordered_by(self) -> str:
        """SQL that rows are ordered by."""
        order = (self.order or "").removeprefix("-")
        return self.measures.get(order, order)


@dataclass(frozen=True)
class Filter:
    """A choice of values that a dashboard offers; the charts that have the column follow it.

    Attributes:
        values: What is chosen until a reader chooses otherwise.
    """

    name: str
    about: str
    reads: Dataset
    column: str
    values: tuple[int, ...]

    @property
    def dataset(self) -> str:
        return identity("dataset", self.reads.name)

    @property
    def condition(self) -> str:
        """The choice in SQL."""
        return f"{self.column} in ({', '.join(map(str, self.values))})"

    def reaches(self, chart: Chart) -> bool:
        """Whether a chart follows it."""
        return self.column in chart.reads.columns


@dataclass(frozen=True)
class Row:
    """Charts side by side, under a heading."""

    charts: tuple[Chart, ...]
    height: int
    heading: str = ""


@dataclass(frozen=True)
class Dashboard:
    """A page of charts that one period filters, and other choices beside it."""

    slug: str
    title: str
    about: str
    rows: tuple[Row, ...]
    filters: tuple[Filter, ...] = ()

    @property
    def charts(self) -> Iterator[Chart]:
        for row in self.rows:
            yield from row.charts


def identity(*parts: str) -> str:
    """The same name always has the same UUID, so that an import replaces what an earlier one made."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def dashboards(folder: Path | None = None) -> list[Dashboard]:
    """The declared dashboards, by file name.

    Raises:
        ConfigurationError: A declaration names a table or a key that there is not.
    """
    folder = folder or get_settings().root / "bi" / "dashboards"
    tables = {name: table.columns for name, table in read().tables.items()}
    return [_dashboard(path, tables) for path in sorted(folder.glob("*.yml"))]


def bundle(found: list[Dashboard], uri: str, descriptions: Mapping[str, str] | None = None) -> dict[str, str]:
    """Superset's import: file name -> content.

    Args:
        uri: SQLAlchemy URL of the warehouse for `touchstone_bi`, without its password.
        descriptions: `table` and `table.column` -> what it means, shown beside the names.
    """
    files: dict[str, Any] = {
        "metadata.yaml": {"version": "1.0.0", "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"},
        "databases/touchstone.yaml": DATABASE | {"uuid": identity("database"), "sqlalchemy_uri": uri},
    }
    for one in found:
        for chart in one.charts:
            dataset = identity("dataset", chart.reads.name)
            files[f"datasets/touchstone/{chart.reads.name}.yaml"] = dataset_file(
                chart.reads, dataset, identity("database"), descriptions or {}
            )
            files[f"charts/{chart.uuid}.yaml"] = {
                "slice_name": chart.title,
                "description": chart.about,
                "viz_type": form(chart)["viz_type"],
                "params": form(chart),
                "uuid": chart.uuid,
                "dataset_uuid": dataset,
                "version": "1.0.0",
            }
        files[f"dashboards/{one.slug}.yaml"] = dashboard_file(one, identity("dashboard", one.slug))
    return {name: yaml.safe_dump(content, sort_keys=False, allow_unicode=True) for name, content in files.items()}


def _dashboard(path: Path, tables: Mapping[str, dict[str, str]]) -> Dashboard:
    content = yaml.safe_load(path.read_text())
    _known(content, _PAGE, path, "page")
    found = datasets(path.name, content.get("joined", {}), tables)
    filters = tuple(_filter(path, one, found) for one in content.get("filters", ()))
    rows = []
    for row in content["rows"]:
        _known(row, _ROW, path, "row")
        charts = tuple(_chart(path, chart, found, filters) for chart in row["charts"])
        if sum(chart.width for chart in charts) != 12:
            raise ConfigurationError(
                "a row of a dashboard is not twelve columns wide",
                f"{path.name}: {', '.join(chart.title for chart in charts)}",
                "Give its charts a width each.",
            )
        rows.append(Row(charts, row["height"], row.get("heading", "")))
    return Dashboard(path.stem, content["title"], content["about"], tuple(rows), filters)


def _filter(path: Path, content: dict[str, Any], found: Mapping[str, Dataset]) -> Filter:
    """A filter of numbers, up to the parameter that `up_to` names until a reader chooses otherwise."""
    _known(content, _FILTER, path, content.get("name", "filter"))
    reads = found.get(content["table"])
    if reads is None or content["column"] not in reads.columns:
        raise ConfigurationError(
            f"a filter of {path.name} reads no published column",
            f"{content['table']}.{content['column']}",
            "bi/contract.yml lists them.",
        )
    last = parameter(content["up_to"])
    return Filter(content["name"], content.get("about", ""), reads, content["column"], tuple(range(1, last + 1)))


def _chart(path: Path, content: dict[str, Any], found: Mapping[str, Dataset], filters: tuple[Filter, ...]) -> Chart:
    _known(content, _CHART, path, content.get("title", "chart"))
    table, kind = content["table"], content["kind"]
    if table not in found:
        raise ConfigurationError(
            f"a chart of {path.name} reads no published table", table, "bi/contract.yml lists them."
        )
    if kind not in KINDS:
        raise ConfigurationError(f"unknown kind of chart in {path.name}", kind, f"Known: {', '.join(sorted(KINDS))}.")
    if content.get("grain") not in (None, *GRAINS):
        raise ConfigurationError(f"unknown grain in {path.name}", content["grain"], f"Known: {', '.join(GRAINS)}.")
    measures, formats = _measures(content)
    chart = Chart(
        dashboard=path.stem,
        title=content["title"],
        kind=kind,
        reads=found[table],
        measures=measures,
        dimensions=dict(content.get("by", {})),
        formats=formats,
        where=tuple(content.get("where", ())),
        time=content.get("time"),
        x=content.get("x"),
        grain=content.get("grain"),
        n="n" if "n" in measures else None,
        about=content.get("about", ""),
        order=content.get("order"),
        limit=content.get("limit", 500),
        stack=content.get("stack", False),
        is_money=content.get("is_money", False),
        width=content.get("width", 12),
    )
    return replace(chart, filtered=tuple(one.condition for one in filters if one.reaches(chart)))


def _measures(content: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Label -> SQL, and label -> format, of what a chart shows."""
    kind, least = content["kind"], parameter("min_cell_n")
    measures, formats = {}, dict(content.get("format", {}))
    for word, intervals in (("rate", rate), ("mean", mean)):
        for label, parts in content.get(word, {}).items():
            value, low, high = intervals(parts)
            bounds = ("from", "to") if kind == "table" else (f"{label}, 95 % from", f"{label}, 95 % to")
            measures |= {label: value, bounds[0]: low, bounds[1]: high}
            if kind == "line":
                # drawn over the line, so that a point of few items is seen for what it is
                few = f"{label}, n < {least}"
                measures[few] = f"case when {parts['n']} < {least} then {value} end"
                bounds = (*bounds, few)
            formats |= dict.fromkeys((label, *bounds), ".1%" if word == "rate" else ".1f")
            if kind == "table":
                measures["n"] = parts["n"]
    for label, value in content.get("values", {}).items():
        measures[label] = figure(value) if isinstance(value, dict) else value
        if isinstance(value, dict):
            formats[label] = TEXT
    if kind == "table" and "n" in measures:
        measures |= {"note": f"case when {measures['n']} < {least} then 'n < {least}' else '' end"}
    if kind == "line" and "n" in content:
        measures["n"] = content["n"]
    return measures, formats


def _known(content: dict[str, Any], names: frozenset[str], path: Path, what: str) -> None:
    if unknown := sorted(set(content) - names):
        raise ConfigurationError(
            f"{path.name}, {what}: unknown key", ", ".join(unknown), f"Known: {', '.join(sorted(names))}."
        )
