"""Every DAG file parses on its own, and every DAG is a document that operations can work by."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from touchstone.settings import get_settings

DAGS = get_settings().root / "dags"
FILES = sorted(DAGS.glob("*.py"))
HEADINGS = ["Purpose", "Inputs and outputs", "Schedule", "If it fails", "Owner"]


@pytest.fixture(scope="module")
def bag_of():
    from airflow.dag_processing.dagbag import DagBag

    bags: dict[Path, DagBag] = {}

    def load(path: Path) -> DagBag:
        if path not in bags:
            bags[path] = DagBag(dag_folder=str(path), bundle_name="touchstone")
        return bags[path]

    return load


def test_there_are_dag_files():
    assert len(FILES) >= 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_file_parses_and_holds_dags(path, bag_of):
    bag = bag_of(path)
    assert bag.import_errors == {}
    assert bag.dags, f"{path.name} makes no DAG"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_is_an_operational_document(path, bag_of):
    from touchstone.orchestration.common import Tag

    for dag in bag_of(path).dags.values():
        titles = [line.removeprefix("### ") for line in dag.doc_md.splitlines() if line.startswith("### ")]
        assert titles == HEADINGS, dag.dag_id
        assert dag.tags, dag.dag_id
        assert dag.tags <= {str(tag) for tag in Tag}, dag.dag_id
        for task in dag.tasks:
            assert task.retries >= 1, task.task_id
            assert task.execution_timeout, task.task_id
            assert task.pool.startswith("touchstone_"), task.task_id


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_file_name_is_the_dag_id(path, bag_of):
    if path.stem == "ingest_sources":  # the one generator: a DAG per configured source instance
        assert set(bag_of(path).dags) == {
            "ingest_files_default",
            "ingest_files_sample",
            "ingest_zendesk_sandbox",
            "ingest_hubspot_sandbox",
            "ingest_mixpanel_sandbox",
        }
    else:
        assert set(bag_of(path).dags) == {path.stem}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_thin(path):
    tree = ast.parse(path.read_text())
    imported = {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= {"airflow", "touchstone"}
    assert len(path.read_text().splitlines()) <= 100


def test_parsing_touches_neither_warehouse_nor_network_nor_heavy_libraries():
    import subprocess
    import sys

    script = (
        "import sys, socket\n"
        "def refuse(*a, **k): raise RuntimeError('a DAG file opened a connection while it was parsed')\n"
        "socket.socket.connect = refuse\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        f"bag = DagBag(dag_folder={str(DAGS)!r}, bundle_name='touchstone')\n"
        "assert bag.dags and not bag.import_errors, bag.import_errors\n"
        "heavy = {'pandas', 'great_expectations', 'dbt', 'altair'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]


def test_only_orchestration_imports_airflow():
    package = get_settings().root / "include" / "touchstone"
    offenders = [
        path.relative_to(package)
        for path in package.rglob("*.py")
        if path.parent.name != "orchestration"
        and any(
            (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "airflow")
            or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "airflow" for alias in node.names))
            for node in ast.walk(ast.parse(path.read_text()))
        )
    ]
    assert offenders == []
