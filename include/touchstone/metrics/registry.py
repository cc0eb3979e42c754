"""The registry of metrics: `dbt_project/models/marts/metrics/_metrics__metrics.yml`, read from the project that dbt has parsed.

A metric is defined there and in its measure, once. The models `dim_metrics` and `metric_days` are made of the same definitions by
macros; this module reads them for people: it checks what a definition has to say, and gives what the dictionary shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from touchstone.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbt.contracts.graph.manifest import Manifest

TIERS = {"primary": (3, 5), "secondary": (5, 10), "diagnostic": (0, 1000)}
"""How many metrics a tier may have, least and most."""
PROFILE_SIZE = 3
ALLOWED: dict[str, frozenset[Any]] = {
    "tier": frozenset(TIERS),
    "indicator_type": frozenset({"leading", "lagging"}),
    "maturity_stage": frozenset({1, 2, 3}),
    "target_kpi": frozenset({"FCR", "CSAT", "AHT", "cost", "compliance", "time to resolution"}),
    "direction": frozenset({"higher", "lower"}),
    "unit": frozenset({"share", "score", "minutes", "points", "episodes", "count"}),
    "is_behavior": frozenset({True, False}),
    "in_default_profile": frozenset({True, False}),
}
WRITTEN = ("purpose", "formula", "grain", "owner", "evaluator_type")
HOME = "dbt_project/models/marts/metrics/_metrics__metrics.yml"
_NAME = re.compile(r"\b[a-z_][a-z0-9_]*\b")
_LITERAL = re.compile(r"'[^']*'")


@dataclass(frozen=True)
class Metric:
    """One metric of the registry.

    Attributes:
        kind: mean (average of `expression`), ratio (sum of `expression` / sum of `denominator`) or sum.
        mart: Published table that it is measured on.
        expression: SQL over the rows of that table.
        columns: Columns of the table that the expressions read, with their descriptions.
        slices: Dimensions by which it can be cut.
    """

    name: str
    label: str
    description: str
    purpose: str
    formula: str
    grain: str
    owner: str
    tier: str
    indicator_type: str
    maturity_stage: int
    target_kpi: str
    direction: str
    unit: str
    evaluator_type: str
    is_behavior: bool
    in_default_profile: bool
    kind: str
    semantic_model: str
    mart: str
    expression: str
    denominator: str | None
    columns: Mapping[str, str]
    slices: Sequence[str]


def read_registry(manifest: Manifest) -> list[Metric]:
    """The registered metrics, in the order in which a page shows them: by tier, behaviours first, by name.

    Raises:
        ConfigurationError: A metric lacks something, says something unknown, or a tier has too many or too few.
    """
    measures = {
        measure.name: (semantic, measure)
        for semantic in manifest.semantic_models.values()
        for measure in semantic.measures
    }
    by_name = {metric.name: metric for metric in manifest.metrics.values()}
    found = [
        _metric(metric, by_name, measures, manifest)
        for metric in manifest.metrics.values()
        if "tier" in metric.config.meta
    ]
    check_hierarchy(found)
    order = list(TIERS)
    return sorted(found, key=lambda metric: (order.index(metric.tier), not metric.is_behavior, metric.name))


def check_hierarchy(metrics: Sequence[Metric]) -> None:
    """Few metrics lead, some support them, the rest explains; three are there to begin with.

    Raises:
        ConfigurationError: Names the tier, its number and the bounds.
    """
    for tier, (least, most) in TIERS.items():
        number = sum(metric.tier == tier for metric in metrics)
        if not least <= number <= most:
            raise ConfigurationError(
                f"the registry has {number} {tier} metrics", HOME, f"Have {least} to {most}: give others another tier."
            )
    profile = sorted(metric.name for metric in metrics if metric.in_default_profile)
    if len(profile) != PROFILE_SIZE:
        raise ConfigurationError(
            f"the default profile has {len(profile)} metrics",
            ", ".join(profile) or None,
            f"Mark {PROFILE_SIZE} metrics with in_default_profile in {HOME}.",
        )


def _metric(metric: Any, by_name: Mapping[str, Any], measures: Mapping[str, Any], manifest: Manifest) -> Metric:
    meta = dict(metric.config.meta)
    _check_meta(metric.name, meta)
    params = metric.type_params
    if metric.type.value == "ratio":
        semantic, measure = measures[by_name[params.numerator.name].type_params.measure.name]
        under = measures[by_name[params.denominator.name].type_params.measure.name][1]
        kind, expression, denominator = "ratio", measure.expr or measure.name, under.expr or under.name
    else:
        semantic, measure = measures[params.measure.name]
        kind = "mean" if measure.agg.value == "average" else "sum"
        expression, denominator = measure.expr or measure.name, None
    mart = manifest.nodes[semantic.depends_on.nodes[0]]
    return Metric(
        name=metric.name,
        label=metric.label,
        description=metric.description,
        **{name: meta[name] for name in (*WRITTEN, *ALLOWED)},
        kind=kind,
        semantic_model=semantic.name,
        mart=mart.name,
        expression=expression,
        denominator=denominator,
        columns=_columns_of(f"{expression} {denominator or ''}", mart),
        slices=[dimension.name for dimension in semantic.dimensions if dimension.type.value == "categorical"],
    )


def _check_meta(name: str, meta: Mapping[str, Any]) -> None:
    for field in WRITTEN:
        if not str(meta.get(field) or "").strip():
            raise ConfigurationError(f"metric {name} states no {field}", None, f"Write it into its meta in {HOME}.")
    for field, values in ALLOWED.items():
        if meta.get(field) not in values:
            raise ConfigurationError(
                f"metric {name}: {field}",
                str(meta.get(field)),
                f"Use one of {', '.join(sorted(map(str, values)))}, in {HOME}.",
            )


def _columns_of(expression: str, mart: Any) -> dict[str, str]:
    names = _NAME.findall(_LITERAL.sub("", expression))
    return {name: mart.columns[name].description for name in dict.fromkeys(names) if name in mart.columns}
