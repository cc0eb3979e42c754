"""Dashboards as code: what their files declare becomes what Superset imports, and nothing that readers may not see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from touchstone.bench.marts import FILLED
from touchstone.bi.contract import read
from touchstone.bi.dashboards import bundle, dashboards
from touchstone.errors import ConfigurationError
from touchstone.settings import get_settings

ROOT = get_settings().root
CHART = """
title: A page
about: About it.
rows:
  - height: 40
    charts:
      - {title: Share, kind: table, table: rpt_service_daily, by: {team: slice_value}, rate: {solved: {of: sum(solved_count), n: sum(interaction_count)}}}
"""


def _page(folder: Path, text: str) -> list:
    (folder / "page.yml").write_text(text)
    return dashboards(folder)


def test_there_are_the_dashboards_that_the_guide_lists():
    listed = re.findall(
        r"^\| .+? \| `bi/dashboards/(\w+)\.yml` \|", (ROOT / "docs" / "bi.md").read_text(), re.MULTILINE
    )
    assert sorted(listed) == [one.slug for one in dashboards()]
    assert {"quality", "gaps", "ai", "handoffs"} <= set(listed)


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CHART.replace("rpt_service_daily", "core.messages"), "reads no published table"),
        (CHART.replace("rpt_service_daily", "fct_evidence_quotes"), "reads no published table"),
        (CHART.replace("kind: table", "kind: pie"), "unknown kind of chart"),
        (CHART.replace("by:", "group:"), "unknown key: 'group'"),
        (CHART.replace("height: 40", "height: 40\n    tall: 1"), "unknown key: 'tall'"),
        (CHART.replace("title: Share,", "title: Share, width: 5,"), "twelve columns wide"),
    ],
    ids=["raw table", "evidence", "kind", "key of a chart", "key of a row", "width"],
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
