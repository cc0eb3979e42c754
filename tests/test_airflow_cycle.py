"""Every DAG, run for real by Airflow's scheduler."""

from __future__ import annotations

import time

import httpx
import psycopg
import pytest

from airflow_home import Home
from touchstone.scheduler import Airflow
from touchstone.warehouse.embedded import EmbeddedServer


@pytest.fixture
def airflow(home):
    with Airflow(home.settings) as client:
        yield client


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("airflow-cycle"))
    yield home
    home.remove()


def test_the_daily_cycle_runs_through_the_scheduler(home):
    output = home.call("run", "--sample")
    assert "100.0 % of the eligible ones" in output
    assert "build/report/index.html" in output


def test_every_dag_of_the_cycle_and_a_backfill_end_well(airflow):
    for dag_id in ("ingest_files_sample", "transform_interactions", "score_interactions", "publish_marts"):
        runs = airflow.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]
        assert [run["state"] for run in runs] == ["success"], dag_id

    conf = {"source": "files:sample", "from": "2026-03-02", "to": "2026-03-08"}
    started = airflow.call("POST", "/dags/backfill_source/dagRuns", json={"logical_date": None, "conf": conf})
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        state = airflow.call("GET", f"/dags/backfill_source/dagRuns/{started['dag_run_id']}")["state"]
        if state in ("success", "failed"):
            break
        time.sleep(1)
    assert state == "success"

    inbox = airflow.call(
        "POST", "/dags/ingest_files_default/dagRuns", json={"logical_date": None, "conf": {"as_of": "2026-03-31"}}
    )
    while time.monotonic() < deadline:
        state = airflow.call("GET", f"/dags/ingest_files_default/dagRuns/{inbox['dag_run_id']}")["state"]
        if state in ("success", "failed"):
            break
        time.sleep(1)
    assert state == "success"


def test_no_secret_is_in_a_log_and_no_route_answers_without_a_login(home, airflow):
    server = EmbeddedServer(home.settings)
    secrets = {
        airflow._login.password,
        server.password(),
        server.password("airflow"),
        (home.settings.state_dir / "bi_password").read_text().strip(),
    }
    logs = [path for path in home.settings.state_dir.rglob("*.log*") if path.is_file()]
    assert logs
    for path in logs:
        text = path.read_text(errors="replace")
        assert not any(secret in text for secret in secrets), path
    with httpx.Client(base_url=airflow._login.url, trust_env=False) as stranger:
        for route in ("/api/v2/dags", "/api/v2/connections", "/api/v2/variables", "/api/v2/pools"):
            assert stranger.get(route).status_code == 401, route


def test_three_vendors_land_into_one_cycle(home, airflow):
    output = home.call("run")
    assert "100.0 % of the eligible ones" in output
    for source in ("zendesk", "hubspot", "mixpanel"):
        runs = airflow.call("GET", f"/dags/ingest_{source}_sandbox/dagRuns")["dag_runs"]
        assert [run["state"] for run in runs] == ["success"], source
    with psycopg.connect(EmbeddedServer(home.settings).url("touchstone")) as connection:
        steps = connection.execute(
            "select step, count(*) from ops.runs where status = 'succeeded' and run_id > (select max(run_id) from ops.runs"
            " where step = 'ingest') group by step"
        ).fetchall()
        sources = connection.execute("select source, count(*) from marts.fct_interactions group by 1").fetchall()
    assert dict(steps)["publish"] == 1
    assert dict(steps)["stage"] == 1
    assert {"zendesk", "hubspot"} <= set(dict(sources))
