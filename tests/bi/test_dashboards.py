"""Dashboards as code: what their files declare becomes what Superset imports, and nothing that readers may not see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from touchstone.bench.marts import FILLED
from touchstone.bi.contract import read
from touchstone.bi.dashboards import bundle, dashboards
from touchstone.bi.measures import figure
from touchstone.errors import ConfigurationError
from touchstone.settings import get_settings
from touchstone.warehouse.engine import connect

ROOT = get_settings().root
CHART = """
title: A page
about: About it.
rows:
  - height: 40
    charts:
      - {title: Share, kind: table, table: rpt_service_daily, by: {team: slice_value}, rate: {solved: {of: sum(solved_count), n: sum(interaction_count)}}}
"""
JOINED = """
title: A page
about: About it.
joined:
  metric_values: {table: fct_metric_values, with: dim_metrics, key: metric_id, take: [label, unit, maturity_stage]}
filters:
  - {name: Stage, table: metric_values, column: maturity_stage, up_to: metric_maturity_stage}
rows:
  - height: 40
    charts:
      - title: Values
        kind: table
        table: metric_values
        width: 6
        by: {metric: label}
        values: {value: {of: max(value), unit: max(unit)}, n: sum(n)}
        order: max(label)
      - {title: Solved, kind: line, table: rpt_service_daily, width: 6, x: interaction_date, grain: week, values: {solved: sum(solved_count)}}
"""


def _page(folder: Path, text: str) -> list:
    (folder / "page.yml").write_text(text)
    return dashboards(folder)


def test_there_are_the_dashboards_that_the_guide_lists():
    listed = re.findall(
        r"^\| .+? \| `bi/dashboards/(\w+)\.yml` \|", (ROOT / "docs" / "bi.md").read_text(), re.MULTILINE
    )
    assert sorted(listed) == [one.slug for one in dashboards()]
    assert {"quality", "gaps", "ai", "handoffs", "metrics", "executive", "finance"} <= set(listed)


def test_every_share_and_mean_comes_with_its_interval_and_n():
    for page in dashboards():
        for chart in page.charts:
            names = set(chart.measures)
            if chart.formats and chart.kind != "number":
                assert "n" in names, f"{page.slug}: {chart.title} shows shares or means without n"
            if chart.kind == "line" and any("95 %" in name for name in names):
                assert any(", n < 30" in name for name in names), (
                    f"{page.slug}: {chart.title} hides points of few items"
                )
            if chart.kind == "table" and "n" in names:
                assert "note" in names, f"{page.slug}: {chart.title} does not flag rows of few items"


def test_the_bundle_names_each_thing_once_and_always_alike():
    files = bundle(
        dashboards(), "postgresql+psycopg2://touchstone_bi@127.0.0.1:5432/touchstone", {"rpt_service_daily": "One row."}
    )
    assert files == bundle(
        dashboards(), "postgresql+psycopg2://touchstone_bi@127.0.0.1:5432/touchstone", {"rpt_service_daily": "One row."}
    )
    content = {name: yaml.safe_load(text) for name, text in files.items()}
    identities = [one["uuid"] for one in content.values() if "uuid" in one]
    assert len(identities) == len(set(identities)) == len(content) - 1
    database = content["databases/touchstone.yaml"]
    assert not any(database[name] for name in ("allow_dml", "allow_ctas", "allow_cvas", "allow_file_upload"))
    datasets = {one["uuid"]: one for name, one in content.items() if name.startswith("datasets/")}
    assert {one["schema"] for one in datasets.values()} == {"marts"}
    assert content["datasets/touchstone/rpt_service_daily.yaml"]["description"] == "One row."
    for name, chart in content.items():
        if name.startswith("charts/"):
            assert chart["dataset_uuid"] in datasets
    for page in dashboards():
        position = content[f"dashboards/{page.slug}.yaml"]["position"]
        shown = [one["meta"]["uuid"] for one in position.values() if isinstance(one, dict) and one["type"] == "CHART"]
        assert shown == [chart.uuid for chart in page.charts]


def test_a_share_carries_wilsons_interval_and_a_note(tmp_path):
    [page] = _page(tmp_path, CHART)
    [chart] = page.charts
    assert list(chart.measures) == ["solved", "from", "to", "n", "note"]
    assert "group by 1" in chart.sql
    assert chart.formats["from"] == ".1%"


def test_a_joined_dataset_is_a_query_on_published_tables(tmp_path):
    [page] = _page(tmp_path, JOINED)
    values, solved = page.charts
    assert values.reads.tables == {"fct_metric_values", "dim_metrics"}
    assert "from marts.fct_metric_values\ninner join marts.dim_metrics on" in values.sql
    files = bundle([page], "postgresql+psycopg2://touchstone_bi@h/d", {"dim_metrics.label": "Name of the metric."})
    content = yaml.safe_load(files["datasets/touchstone/metric_values.yaml"])
    assert content["sql"] == values.reads.sql
    [label] = [column for column in content["columns"] if column["column_name"] == "label"]
    assert label["description"] == "Name of the metric."
    assert yaml.safe_load(files["datasets/touchstone/rpt_service_daily.yaml"])["sql"] is None
    assert solved.sql.startswith(
        "select to_char(date_trunc('week', interaction_date::timestamp), 'YYYY/MM/DD') as \"week\""
    )


def test_a_filter_begins_with_the_stages_that_are_reached_and_leaves_other_tables_alone(tmp_path, monkeypatch):
    for stage, expected in ((1, [1]), (2, [1, 2])):
        monkeypatch.setitem(get_settings().parameters, "metric_maturity_stage", stage)
        [page] = _page(tmp_path, JOINED)
        values, solved = page.charts
        assert values.filtered == (f"maturity_stage in ({', '.join(map(str, expected))})",)
        assert solved.filtered == ()
        files = bundle([page], "postgresql+psycopg2://touchstone_bi@h/d")
        filters = yaml.safe_load(files["dashboards/page.yaml"])["metadata"]["native_filter_configuration"]
        [chosen] = [one for one in filters if one["filterType"] == "filter_select"]
        assert chosen["defaultDataMask"]["extraFormData"]["filters"] == [
            {"col": "maturity_stage", "op": "IN", "val": expected}
        ]
        dataset = yaml.safe_load(files["datasets/touchstone/metric_values.yaml"])
        assert chosen["targets"] == [{"datasetUuid": dataset["uuid"], "column": {"name": "maturity_stage"}}]
        assert chosen["scope"]["excluded"] == [2]


def test_metrics_lead_with_behaviours_and_every_chart_follows_the_stage():
    [page] = [one for one in dashboards() if one.slug == "metrics"]
    assert next(row.heading for row in page.rows if row.heading) == "Behaviours"
    assert all(chart.filtered for chart in page.charts)


@pytest.mark.parametrize(
    ("unit", "number", "said"),
    [
        ("share", ".8213", "82.1 %"),
        ("count", "1234567", "1,234,567"),
        ("hours", "41.26", "41.3 h"),
        ("hours", ".5", "30.0 min"),
        ("minutes", "19.34", "19.3 min"),
        ("minutes", "150", "2.5 h"),
        ("probability", ".0004", "< 0.001"),
        ("probability", ".0512", "0.051"),
        ("money", "-11.7", "-11.70 EUR"),
        ("money", "63552.4", "63,552 EUR"),
        ("money", "123456789", "123.46 m EUR"),
        ("score", "76.04", "76.0"),
        ("share", "null", None),
    ],
)
def test_a_figure_is_written_in_its_unit(warehouse, unit, number, said):
    with connect("bi", settings=warehouse) as connection:
        assert connection.execute(f"select {figure({'of': number, 'unit': repr(unit)})}").fetchone()[0] == said


def test_a_difference_has_its_sign_and_what_is_missing_its_text(warehouse):
    with connect("bi", settings=warehouse) as connection:
        row = connection.execute(
            f"""
            select {figure({"of": ".0213", "unit": "'share'", "signed": True})},
                {figure({"of": "-3", "unit": "'count'", "signed": True})}, {figure({"of": "null", "unit": "'money'", "or": "'unknown'"})}
            """
        ).fetchone()
    assert row == ("+2.1 points", "-3", "unknown")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (JOINED.replace("table: fct_metric_values", "table: core.messages"), "no published table"),
        (JOINED.replace("take: [label", "take: [secret"), "cannot be joined"),
        (JOINED.replace("take: [label", "take: [semantic_model"), "cannot be joined"),
        (JOINED.replace("key: metric_id, ", ""), "has four keys"),
        (JOINED.replace("metric_values: {", "fct_issues: {"), "the name of a published table"),
        (JOINED.replace("column: maturity_stage", "column: stage"), "no published column"),
        (JOINED.replace("up_to: metric_maturity_stage", "up_to: no_such_parameter"), "no_such_parameter"),
        (JOINED.replace("grain: week", "grain: hour"), "unknown grain"),
        (JOINED.replace("about: About it.", "about: About it.\ncolour: red"), "unknown key"),
        (CHART.replace("rpt_service_daily", "core.messages"), "reads no published table"),
        (CHART.replace("rpt_service_daily", "fct_evidence_quotes"), "reads no published table"),
        (CHART.replace("kind: table", "kind: pie"), "unknown kind of chart"),
        (CHART.replace("by:", "group:"), "unknown key: 'group'"),
        (CHART.replace("height: 40", "height: 40\n    tall: 1"), "unknown key: 'tall'"),
        (CHART.replace("title: Share,", "title: Share, width: 5,"), "twelve columns wide"),
    ],
    ids=[
        *(
            "joined raw table",
            "column of no table",
            "column of both",
            "no key",
            "name of a table",
            "column of a filter",
        ),
        *("parameter of a filter", "grain", "key of a page", "raw table"),
        *("evidence", "kind", "key of a chart", "key of a row", "width"),
    ],
)
def test_what_a_declaration_gets_wrong_is_named(tmp_path, text, said):
    with pytest.raises(ConfigurationError, match=said):
        _page(tmp_path, text)


def test_the_bench_fills_tables_and_columns_that_are_published():
    tables = read().tables
    for name, shape in FILLED.items():
        assert set(shape.values) <= set(tables[name].columns), name
        assert set(tables[name].key) <= set(shape.values), name


def test_supersets_lock_holds_what_is_asked_for_each_with_its_hashes():
    asked = re.findall(r"^([a-z][a-z0-9-]*)(?:==(\S+))?$", (ROOT / "requirements-bi.in").read_text(), re.MULTILINE)
    lock = (ROOT / "requirements-bi.txt").read_text()
    locked = dict(re.findall(r"^([a-z][a-z0-9._-]*)(?:\[[a-z,]+\])?==(\S+) \\$", lock, re.MULTILINE))
    assert len(asked) >= 10
    assert {name for name, version in asked if locked.get(name) != (version or locked.get(name))} == set()
    assert all(name in locked for name, _ in asked)
    assert lock.count("--hash=sha256:") >= len(locked) > 100
