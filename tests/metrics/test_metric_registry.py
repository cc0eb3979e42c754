"""The registry of metrics, the dictionary and the exposures, read from the parsed project."""

from __future__ import annotations

import dataclasses
import re
from types import SimpleNamespace

import pytest
from dbt.contracts.graph.semantic_manifest import SemanticManifest
from dbt_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from dbt_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator

from touchstone.bi.dashboards import dashboards
from touchstone.dbt import parse_project
from touchstone.errors import ConfigurationError
from touchstone.metrics import registry
from touchstone.metrics.dictionary import as_markdown, read_dictionary, write_page
from touchstone.metrics.registry import HOME, check_hierarchy, read_registry

PLACEHOLDER = re.compile(
    r"\b(todo|tbd|fixme|lorem|placeholder|description of|as above|n/a)\b|^(of these|the same)\b", re.IGNORECASE
)
"""What says nothing, or only beside another column: a comment in the database is read alone."""
LEANING = re.compile(
    r"\bof the same 95|\bones of them\b|\bthat slice\b|\btheir squares\b|\bthat says so\b|\bit was (checked|done)\b",
    re.IGNORECASE,
)
EXPRESSION = re.compile(r"\w+ [-+/*] \w+\.?")
LEAST_LETTERS = 20


@pytest.fixture(scope="module")
def manifest(warehouse):
    return parse_project(warehouse)


@pytest.fixture(scope="module")
def metrics(manifest):
    return {metric.name: metric for metric in read_registry(manifest)}


def _marts(manifest):
    return {
        node.unique_id: node
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.original_file_path.startswith("models/marts/")
    }


# --- the registry


def test_few_metrics_lead_some_support_them_and_three_begin(metrics) -> None:
    by_tier = {tier: sorted(m.name for m in metrics.values() if m.tier == tier) for tier in registry.TIERS}
    assert 3 <= len(by_tier["primary"]) <= 5
    assert 5 <= len(by_tier["secondary"]) <= 10
    assert {"automated_satisfaction", "self_service_success", "time_to_resolution"} <= set(by_tier["primary"])
    assert {m.name for m in metrics.values() if m.in_default_profile} == {
        "automated_effort",
        "containment_quality",
        "escalation_rate",
    }
    # what a team begins with is of the first stage, and later stages have something to add
    assert {m.maturity_stage for m in metrics.values() if m.in_default_profile} == {1}
    assert {m.maturity_stage for m in metrics.values()} == {1, 2, 3}
    assert any(m.is_behavior for m in metrics.values() if m.maturity_stage == 1)


def test_a_page_shows_behaviours_of_a_tier_first(manifest) -> None:
    shown = [(m.tier, m.is_behavior) for m in read_registry(manifest)]
    assert shown == sorted(shown, key=lambda one: (list(registry.TIERS).index(one[0]), not one[1]))


@pytest.mark.parametrize(
    ("tier", "to"), [("primary", "diagnostic"), ("diagnostic", "primary"), ("diagnostic", "secondary")]
)
def test_a_tier_with_too_many_or_too_few_is_refused(metrics, tier, to) -> None:
    moved = [dataclasses.replace(m, tier=to) if m.tier == tier else m for m in metrics.values()]
    with pytest.raises(ConfigurationError, match=rf"metrics: .*{re.escape(HOME)}"):
        check_hierarchy(moved)


def test_a_profile_of_four_is_refused(metrics) -> None:
    four = [dataclasses.replace(m, in_default_profile=True) if m.name == "compliance" else m for m in metrics.values()]
    with pytest.raises(ConfigurationError, match=r"the default profile has 4 metrics: .*compliance"):
        check_hierarchy(four)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("tier", "tertiary", "metric compliance: tier: 'tertiary'. Use one of diagnostic, primary, secondary"),
        ("direction", "up", "metric compliance: direction: 'up'"),
        ("maturity_stage", 4, "metric compliance: maturity_stage: '4'"),
        ("owner", " ", "metric compliance states no owner"),
        ("purpose", None, "metric compliance states no purpose"),
        ("is_behavior", "yes", "metric compliance: is_behavior: 'yes'"),
    ],
)
def test_a_definition_that_says_too_little_is_named(manifest, field, value, message) -> None:
    found = {
        name: SimpleNamespace(
            name=metric.name,
            label=metric.label,
            description=metric.description,
            type=metric.type,
            type_params=metric.type_params,
            config=SimpleNamespace(
                meta=metric.config.meta | ({field: value} if metric.name == "compliance" else {}),
            ),
        )
        for name, metric in manifest.metrics.items()
    }
    changed = SimpleNamespace(metrics=found, semantic_models=manifest.semantic_models, nodes=manifest.nodes)
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        read_registry(changed)


def test_every_measure_reads_columns_that_its_table_has(metrics) -> None:
    assert [m.name for m in metrics.values() if not m.columns] == []


# --- the semantic layer


def test_dbt_writes_a_semantic_manifest_that_its_validator_accepts(manifest, tmp_path) -> None:
    path = tmp_path / "semantic_manifest.json"
    SemanticManifest(manifest).write_json_to_file(str(path))
    written = PydanticSemanticManifest.parse_raw(path.read_text())
    results = SemanticManifestValidator[PydanticSemanticManifest]().validate_semantic_manifest(written)
    assert [issue.message for issue in (*results.errors, *results.warnings)] == []
    assert {m.name for m in written.metrics} >= {m.name for m in read_registry(manifest)}
    (spine,) = written.project_configuration.time_spines
    assert (spine.node_relation.alias, spine.primary_column.name) == ("dim_dates", "date_day")


def test_the_validator_would_say_when_a_day_is_no_dimension(manifest, tmp_path) -> None:
    path = tmp_path / "semantic_manifest.json"
    SemanticManifest(manifest).write_json_to_file(str(path))
    written = PydanticSemanticManifest.parse_raw(path.read_text())
    written.semantic_models[0].defaults.agg_time_dimension = "nothing"
    results = SemanticManifestValidator[PydanticSemanticManifest]().validate_semantic_manifest(written)
    assert any("nothing" in issue.message for issue in results.errors)


def test_values_are_built_after_every_table_that_they_are_measured_on(manifest, metrics) -> None:
    days = next(n for n in manifest.nodes.values() if n.name == "metric_days")
    affected = next(n for n in manifest.nodes.values() if n.name == "affected_metric_days")
    read = {f"model.touchstone.{m.mart}" for m in metrics.values()}
    assert read <= set(days.depends_on.nodes)
    assert read <= set(affected.depends_on.nodes)


# --- the dictionary


def test_the_dictionary_in_docs_is_current(manifest, warehouse) -> None:
    written = (warehouse.root / "docs" / "metrics.md").read_text()
    assert written == as_markdown(read_dictionary(manifest)), "run `touchstone dictionary`"


def test_the_page_shows_every_metric_table_and_column(manifest, metrics, tmp_path, warehouse) -> None:
    page = write_page(manifest, tmp_path / "metrics.html", warehouse).read_text()
    for metric in metrics.values():
        assert f'id="{metric.name}"' in page
    for mart in _marts(manifest).values():
        assert f'id="table-{mart.name}"' in page
        for column in mart.columns.values():
            assert column.name.startswith("_") or f"<code>{column.name}</code>" in page, (mart.name, column.name)
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_every_mart_and_column_has_a_description_of_substance(manifest) -> None:
    empty = []
    for mart in _marts(manifest).values():
        told = [
            (mart.name, mart.description),
            *((f"{mart.name}.{c.name}", c.description) for c in mart.columns.values()),
        ]
        for name, text in told:
            plain = re.sub(r"\s+", " ", text).strip()
            words = set(re.findall(r"[a-z0-9]+", plain.lower()))
            own = set(re.findall(r"[a-z0-9]+", name.rsplit(".", 1)[-1]))
            # a description stands alone, in words: no "same" as a neighbour, no bare expression over other columns
            if LEANING.search(plain) or EXPRESSION.fullmatch(plain):
                empty.append(f"{name}: {plain}")
            if len(plain) < LEAST_LETTERS or PLACEHOLDER.search(plain) or words <= own | {"the", "of", "a", "an", "is"}:
                empty.append(f"{name}: {plain}")
    assert empty == []


# --- exposures


def test_every_mart_has_a_reader_or_says_why_not(manifest) -> None:
    read = {node for exposure in manifest.exposures.values() for node in exposure.depends_on.nodes}
    unread = {
        node.name
        for name, node in _marts(manifest).items()
        if name not in read and not str(node.config.meta.get("unread_because") or "").strip()
    }
    assert unread == set(), "add the table to an exposure, or say in its meta unread_because"


def test_an_exposure_names_its_owner_and_what_it_is_for(manifest) -> None:
    for exposure in manifest.exposures.values():
        assert exposure.owner.name, exposure.name
        assert len(exposure.description) > 2 * LEAST_LETTERS, exposure.name
        assert exposure.original_file_path.endswith("__exposures.yml")


def test_an_exposure_of_code_names_all_that_the_code_reads(manifest, warehouse) -> None:
    marts = {mart.name for mart in _marts(manifest).values()}
    seen = 0
    for exposure in manifest.exposures.values():
        named = {node.rsplit(".", 1)[-1] for node in exposure.depends_on.nodes}
        for file in exposure.config.meta.get("files", []):
            read = _read_by(warehouse.root / file) & marts
            assert read, file
            assert read <= named, (exposure.name, read - named)
            seen += 1
    assert seen >= 8


def _read_by(path) -> set[str]:
    if path.parent.name == "dashboards":
        [charts] = [one.charts for one in dashboards(path.parent) if one.slug == path.stem]
        return set().union(*(chart.reads.tables for chart in charts))
    return set(re.findall(r"\bmarts(?:_evidence)?\.(\w+)", path.read_text()))


def test_every_dashboard_of_superset_belongs_to_an_exposure(manifest, warehouse) -> None:
    stated = {file for exposure in manifest.exposures.values() for file in exposure.config.meta.get("files", [])}
    declared = {str(path.relative_to(warehouse.root)) for path in (warehouse.root / "bi" / "dashboards").glob("*.yml")}
    assert len(declared) >= 7
    assert declared - stated == set()


def test_every_module_that_reads_marts_belongs_to_an_exposure(manifest, warehouse) -> None:
    stated = {file for exposure in manifest.exposures.values() for file in exposure.config.meta.get("files", [])}
    package = warehouse.root / "include" / "touchstone"
    reading = {
        str(path.relative_to(warehouse.root))
        for path in package.rglob("*.py")
        if re.search(r"\b(?:from|join) marts(?:_evidence)?\.\w+", path.read_text())
    }
    # benches and quality checks measure tables, and the command line names one in its help: they are no readers
    others = {name for name in reading - stated if "/bench/" not in name and "quality" not in name}
    assert others - {"include/touchstone/cli.py"} == set()
