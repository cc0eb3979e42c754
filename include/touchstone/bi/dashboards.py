"""Dashboards as code: short declarations in bi/dashboards become the files that Superset imports.

A declaration names published tables, columns and SQL expressions; `bundle` writes databases, datasets, charts and dashboards in
Superset's export format, and `Chart.sql` the same question as plain SQL, which the tests ask the warehouse.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from touchstone.bi.contract import read
from touchstone.bi.forms import DATABASE, dashboard_file, dataset_file, form
from touchstone.errors import ConfigurationError
from touchstone.settings import get_settings

KINDS = frozenset({"number", "line", "bar", "table"})
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "touchstone/bi")
_ROW = frozenset({"height", "charts", "heading"})
_CHART = frozenset(
    {"title", "kind", "table", "about", "where", "time", "x", "by", "values", "rate", "mean", "n"}
    | {"format", "stack", "order", "limit", "width", "columns"}
)

# Wilson's score interval, as metrics.md has it for shares.
_WILSON = (
    "greatest(0, least(1, (({k})::numeric / nullif({n}, 0) + {z2} / (2 * nullif({n}, 0)) {sign} {z} * sqrt("
    "({k})::numeric / nullif({n}, 0) * (1 - ({k})::numeric / nullif({n}, 0)) / nullif({n}, 0)"
    " + {z2} / (4 * power(nullif({n}, 0), 2)))) / (1 + {z2} / nullif({n}, 0))))"
)


@dataclass(frozen=True)
class Chart:
    """One chart of a dashboard.

    Attributes:
        kind: number, line, bar or table.
        table: Published table that it reads.
        columns: Column name -> type of that table, from the contract.
        dimensions: Label -> column or SQL expression that rows are grouped by.
        measures: Label -> SQL expression.
        formats: Label -> format of d3.
        where: Conditions in SQL, all of which hold.
        time: Column that the dashboard's period filters.
        n: Label of the measure that says how many items stand behind the others.
    """

    dashboard: str
    title: str
    kind: str
    table: str
    columns: dict[str, str]
    measures: dict[str, str]
    dimensions: dict[str, str] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()
    time: str | None = None
    x: str | None = None
    n: str | None = None
    about: str = ""
    order: str | None = None
    limit: int = 500
    stack: bool = False
    width: int = 12

    @property
    def uuid(self) -> str:
        return identity("chart", self.dashboard, self.title)

    @property
    def sql(self) -> str:
        """The chart's rows as plain SQL on the schema marts."""
        dimensions = ({self.x: self.x} if self.x else {}) | self.dimensions
        chosen = [f'{expression} as "{label}"' for label, expression in (dimensions | self.measures).items()]
        lines = [f"select {', '.join(chosen)}", f"from marts.{self.table}"]
        if self.where:
            lines.append("where " + " and ".join(f"({one})" for one in self.where))
        if dimensions:
            lines.append("group by " + ", ".join(str(place) for place in range(1, len(dimensions) + 1)))
        if self.order:
            lines.append(
                f'order by "{self.order.removeprefix("-")}" {"desc" if self.order[0] == "-" else "asc"} nulls last'
            )
        return "\n".join([*lines, f"limit {self.limit}"])


@dataclass(frozen=True)
class Row:
    """Charts side by side, under a heading."""

    charts: tuple[Chart, ...]
    height: int
    heading: str = ""


@dataclass(frozen=True)
class Dashboard:
    """A page of charts that one period filters."""

    slug: str
    title: str
    about: str
    rows: tuple[Row, ...]

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
            dataset = identity("dataset", chart.table)
            files[f"datasets/touchstone/{chart.table}.yaml"] = dataset_file(
                chart.table, chart.columns, dataset, identity("database"), descriptions or {}
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
    rows = []
    for row in content["rows"]:
        _known(row, _ROW, path, "row")
        charts = tuple(_chart(path, chart, tables) for chart in row["charts"])
        if sum(chart.width for chart in charts) != 12:
            raise ConfigurationError(
                "a row of a dashboard is not twelve columns wide",
                f"{path.name}: {', '.join(chart.title for chart in charts)}",
                "Give its charts a width each.",
            )
        rows.append(Row(charts, row["height"], row.get("heading", "")))
    return Dashboard(path.stem, content["title"], content["about"], tuple(rows))


def _chart(path: Path, content: dict[str, Any], tables: Mapping[str, dict[str, str]]) -> Chart:
    _known(content, _CHART, path, content.get("title", "chart"))
    table, kind = content["table"], content["kind"]
    if table not in tables:
        raise ConfigurationError(
            f"a chart of {path.name} reads no published table", table, "bi/contract.yml lists them."
        )
    if kind not in KINDS:
        raise ConfigurationError(f"unknown kind of chart in {path.name}", kind, f"Known: {', '.join(sorted(KINDS))}.")
    measures, formats = {}, dict(content.get("format", {}))
    n, least = content.get("n"), _parameter("min_cell_n")
    for word, intervals in (("rate", _rate), ("mean", _mean)):
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
    measures |= content.get("values", {})
    if kind == "table" and "n" in measures:
        measures |= {"note": f"case when {measures['n']} < {least} then 'n < {least}' else '' end"}
    if kind == "line" and n:
        measures["n"] = n
    return Chart(
        dashboard=path.stem,
        title=content["title"],
        kind=kind,
        table=table,
        columns=tables[table],
        measures=measures,
        dimensions=dict(content.get("by", {})),
        formats=formats,
        where=tuple(content.get("where", ())),
        time=content.get("time"),
        x=content.get("x"),
        n="n" if "n" in measures else None,
        about=content.get("about", ""),
        order=content.get("order"),
        limit=content.get("limit", 500),
        stack=content.get("stack", False),
        width=content.get("width", 12),
    )


def _rate(parts: dict[str, str]) -> tuple[str, str, str]:
    """A share, and the bounds of its Wilson interval."""
    z = _parameter("z_95")
    low, high = (_WILSON.format(k=parts["of"], n=parts["n"], z=z, z2=z * z, sign=sign) for sign in ("-", "+"))
    return f"({parts['of']})::numeric / nullif({parts['n']}, 0)", low, high


def _mean(parts: dict[str, str]) -> tuple[str, str, str]:
    """The mean of cells that state mean, standard deviation and n, weighted by n, and the bounds of its interval."""
    z, mean, sd, cell = _parameter("z_95"), parts["mean"], parts["sd"], parts["cell"]
    middle = f"sum({mean} * {cell}) / nullif(sum({cell}), 0)"
    variance = (
        f"greatest(0, sum(({cell} - 1) * power(coalesce({sd}, 0), 2)) + sum({cell} * power({mean}, 2))"
        f" - sum({cell}) * power({middle}, 2)) / nullif(sum({cell}) - 1, 0)"
    )
    half = f"{z} * sqrt(({variance}) / nullif({parts['n']}, 0))"
    return middle, f"greatest(0, {middle} - {half})", f"least(100, {middle} + {half})"


def _parameter(name: str) -> Any:
    return get_settings().parameters[name]


def _known(content: dict[str, Any], names: frozenset[str], path: Path, what: str) -> None:
    if unknown := sorted(set(content) - names):
        raise ConfigurationError(
            f"{path.name}, {what}: unknown key", ", ".join(unknown), f"Known: {', '.join(sorted(names))}."
        )
