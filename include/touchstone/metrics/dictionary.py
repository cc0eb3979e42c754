"""The metric dictionary: what every metric is, for the people who are measured by it and for those who act on it.

`docs/metrics.md` is the registry in words; `build/report/metrics.html` is the same with every published table and its columns, in the
style of the reports. Both are written from the parsed dbt project, and a test holds docs/metrics.md against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, PackageLoader

from touchstone.metrics.registry import TIERS, Metric, read_registry
from touchstone.reports.pages import environment
from touchstone.settings import Settings, get_settings
from touchstone.statefiles import write_atomic

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

TITLES = {
    "primary": ("Primary", "What the desk is for. Look at these first, every week."),
    "secondary": ("Secondary", "What moves the primary ones. Look at these when one of them moves."),
    "diagnostic": ("Diagnostic", "What explains the others. Look at these when you search for a cause."),
}
STAGES = {
    1: "outcome of automation",
    2: "knowledge and accuracy",
    3: "context and new questions",
}
UNITS = {
    "share": "a share, 0 to 1",
    "score": "a score, 0 to 100",
    "minutes": "minutes",
    "points": "points",
    "episodes": "episodes",
    "count": "a count",
}


@dataclass(frozen=True)
class Table:
    """A published table, its columns as (name, type, description), and who reads it."""

    name: str
    area: str
    description: str
    columns: Sequence[tuple[str, str, str]]
    readers: Sequence[str]


@dataclass(frozen=True)
class Dictionary:
    """What both pages show."""

    metrics: Sequence[Metric]
    tables: Sequence[Table]

    def of_tier(self, tier: str) -> list[Metric]:
        return [metric for metric in self.metrics if metric.tier == tier]


def read_dictionary(manifest: Manifest) -> Dictionary:
    """Metrics and tables of a parsed project."""
    return Dictionary(read_registry(manifest), list(published_tables(manifest)))


def published_tables(manifest: Manifest) -> Iterator[Table]:
    """The marts, by area and name."""
    readers: dict[str, list[str]] = {}
    for exposure in manifest.exposures.values():
        for node in exposure.depends_on.nodes:
            readers.setdefault(node, []).append(exposure.label or exposure.name)
    marts = [
        node
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.original_file_path.startswith("models/marts/")
    ]
    for node in sorted(marts, key=lambda node: (node.fqn[2], node.name)):
        columns = [
            (column.name, column.data_type or "", _plain(column.description))
            for column in node.columns.values()
            if not column.name.startswith("_")
        ]
        yield Table(node.name, node.fqn[2], _plain(node.description), columns, sorted(readers.get(node.unique_id, [])))


def as_markdown(dictionary: Dictionary) -> str:
    """The registry in words, as docs/metrics.md."""
    parts = [_HEAD]
    for tier in TIERS:
        title, intro = TITLES[tier]
        parts.append(f"## {title}\n\n{intro}\n")
        parts += [_entry(metric) for metric in dictionary.of_tier(tier)]
    return "\n".join(parts)


def write_markdown(manifest: Manifest, path: Path) -> Path:
    write_atomic(path, as_markdown(read_dictionary(manifest)), 0o644)
    return path


def write_page(manifest: Manifest, path: Path | None = None, settings: Settings | None = None) -> Path:
    """Write the page with metrics, tables and columns; `build/report/metrics.html` by default."""
    settings = settings or get_settings()
    path = path or settings.build_dir / "report" / "metrics.html"
    found = environment(TITLES=TITLES, STAGES=STAGES, UNITS=UNITS)
    found.loader = ChoiceLoader([PackageLoader("touchstone.metrics"), found.loader])
    page = found.get_template("dictionary.html.j2").render(dictionary=read_dictionary(manifest))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, page, 0o644)
    return path


_HEAD = """\
# Metric dictionary

Written by `touchstone dictionary` from the registry of metrics; change
[the registry](../dbt_project/models/marts/metrics/_metrics__metrics.yml), not this page. `touchstone dictionary --html` writes the same with
every published table and its columns.

A metric is defined once: in words in the registry, in SQL in the
[semantic models](../dbt_project/models/marts/metrics/_metrics__semantic_models.yml). `fct_metric_values` holds its value by day, week and month
and by segment, with numerator, denominator, n and interval; MetricFlow works out the same from the same definitions
(`mf query --metrics containment_quality --group-by metric_time__month`). `rpt_metric_baselines` holds each metric's own first month and the
month before every change, `rpt_metric_targets` what it was to gain since and what it gained, `rpt_objective_attainment` the objectives of
[seed objectives](../dbt_project/seeds/objectives.csv).

**Which ones to look at.** Begin with the three of the default profile (`in_default_profile` of `dim_metrics`), then add layers: stage 1 is the
outcome of automation, 2 knowledge and accuracy, 3 context and new questions. Parameter `metric_maturity_stage` says where you are;
`is_reached` marks the metrics up to there. Behaviours (`is_behavior`) come first on a page: they are what people and prompts can change.

**Cells of few.** A value of fewer than `min_cell_n` observations is marked `is_below_min_n`: read it as a hint.
"""


def _entry(metric: Metric) -> str:
    more = "more is better" if metric.direction == "higher" else "less is better"
    marks = [
        "behaviour" if metric.is_behavior else metric.indicator_type,
        f"stage {metric.maturity_stage} ({STAGES[metric.maturity_stage]})",
        *(["default profile"] if metric.in_default_profile else []),
    ]
    if metric.is_behavior:
        marks.insert(1, metric.indicator_type)
    measured = f"`{metric.expression}`" + (f" over `{metric.denominator}`" if metric.denominator else "")
    verb = {"mean": "average of", "ratio": "sum of", "sum": "sum of"}[metric.kind]
    lines = [
        f"### {metric.label}",
        "",
        f"`{metric.name}` · {' · '.join(marks)}",
        "",
        f"{metric.description} {metric.purpose}",
        "",
        f"- Formula: {metric.formula}.",
        f"- Counted per {metric.grain}; {UNITS[metric.unit]}; {more}; helps {metric.target_kpi}.",
        f"- Scored by {metric.evaluator_type}; owned by {metric.owner}.",
        f"- Measured on `{metric.mart}`: {verb} {measured}"
        + (f", by {_listed(metric.slices)}" if metric.slices else "")
        + ".",
        *(f"  - `{name}`: {_plain(text)}" for name, text in metric.columns.items()),
        "",
    ]
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _plain(text: Any) -> str:
    return re.sub(r"\s+", " ", str(text)).strip()
