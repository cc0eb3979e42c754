"""Every DAG, run for real by Airflow's scheduler."""

from __future__ import annotations

import threading
import time

import httpx
import psycopg
import pytest

from airflow_home import Home
from touchstone.scheduler import Airflow
from touchstone.settings import Settings
from touchstone.sources.sandbox import server_file
from touchstone.statefiles import read_json
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


class Listener(threading.Thread):
    """Learns the credentials of the simulated vendors, which are told for the length of a run only."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._file = server_file(settings)
        self._over = threading.Event()
        self.credentials: dict[str, dict[str, str]] = {}

    def run(self) -> None:
        while not self._over.wait(0.2):
            self.credentials |= (read_json(self._file) or {}).get("credentials", {})

    def __enter__(self) -> Listener:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    @property
    def secrets(self) -> list[str]:
        """Those that nobody may read; who asks is no secret."""
        return [
            value
            for known in self.credentials.values()
            for name, value in known.items()
            if name not in ("email", "user")
        ]


@pytest.fixture(scope="module")
def vendors(home):
    """A run that reads three vendors: what it said, and their credentials."""
    with Listener(home.settings) as listener:
        output = home.call("run")
    return output, listener.secrets


def test_three_vendors_land_into_one_cycle(home, airflow, vendors):
    output, _ = vendors
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


def test_no_credential_of_a_vendor_is_where_anybody_reads(home, vendors):
    """Neither in a log, nor in a row of the warehouse or of Airflow (XCom, rendered fields), nor on a page."""
    output, secrets = vendors
    assert len(secrets) == 4
    assert all(len(secret) >= 32 for secret in secrets)
    assert not any(secret in output for secret in secrets)

    state, root = home.settings.state_dir, home.settings.root
    databases = {"postgres", "data", "pgdata"}
    files = [
        path
        for folder in (state, root / "build")
        for path in folder.rglob("*")
        if path.is_file() and not databases & set(path.relative_to(folder).parts)
    ]
    assert {".log", ".html"} <= {path.suffix for path in files}
    encoded = [secret.encode() for secret in secrets]
    assert [path for path in files if any(secret in path.read_bytes() for secret in encoded)] == []

    server = EmbeddedServer(home.settings)
    for database in ("touchstone", "airflow"):
        with psycopg.connect(server.url(database)) as connection:
            tables = connection.execute(
                "select format('%I.%I', schemaname, tablename) from pg_tables"
                " where schemaname not in ('pg_catalog', 'information_schema')"
            ).fetchall()
            told = {
                table: connection.execute(
                    f"select count(*) from {table} as held where held::text like any(%s)",
                    [[f"%{secret}%" for secret in secrets]],
                ).fetchone()[0]
                for (table,) in tables
            }
        assert len(told) > 30
        assert {table for table, count in told.items() if count} == set()
