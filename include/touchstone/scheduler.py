"""The daily cycle through Airflow: start it over the API, follow it by the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from touchstone.airflow_env import airflow_login
from touchstone.daily import Plan
from touchstone.errors import TouchstoneError
from touchstone.settings import Settings, get_settings
from touchstone.warehouse.engine import connect
from touchstone.warehouse.locks import pipeline_lock

CYCLE_DAGS = ("transform_interactions", "score_interactions", "publish_marts")
POOLS = {"touchstone_ingest": 2, "touchstone_pipeline": 1}


class Airflow:
    """Airflow's API on this machine, as the administrator that the supervisor made."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._login = airflow_login(settings or get_settings())
        # loopback only: a proxy of the environment has no part in it
        self._client = httpx.Client(base_url=self._login.url, timeout=30, trust_env=False)
        self._authorise()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self._client.close()

    def _authorise(self) -> None:
        credentials = {"username": self._login.user, "password": self._login.password}
        answer = self._client.post("/auth/token", json=credentials)
        answer.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """One call of the API; a refused one is an error with Airflow's own reason."""
        answer = self._client.request(method, f"/api/v2{path}", **arguments)
        if answer.status_code == 401:
            self._authorise()
            answer = self._client.request(method, f"/api/v2{path}", **arguments)
        if answer.is_error:
            raise TouchstoneError(
                f"Airflow refused {method} {path} with status {answer.status_code}",
                answer.text[:300],
                "`touchstone status` shows whether its parts are healthy.",
            )
        return answer.json() if answer.content else {}

    def make_pools(self) -> None:
        """The pools that the DAGs name; a task in an unknown pool would wait for ever."""
        known = {pool["name"] for pool in self.call("GET", "/pools", params={"limit": 100})["pools"]}
        for name, slots in POOLS.items():
            if name not in known:
                self.call("POST", "/pools", json={"name": name, "slots": slots})

    def wait_for_dag(self, dag_id: str, seconds: float = 120) -> None:
        """Wait until the DAG processor has read a DAG.

        Raises:
            TouchstoneError: It is not there in time; import errors of the DAG files are named.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._client.get(f"/api/v2/dags/{dag_id}").status_code == 200:
                return
            time.sleep(1)
        errors = self.call("GET", "/importErrors").get("import_errors", [])
        raise TouchstoneError(
            f"Airflow does not know the DAG {dag_id}",
            "; ".join(error["stack_trace"].strip().splitlines()[-1] for error in errors) or None,
            "See the dag-processor's log in the state folder.",
        )

    def failed_run(self, since: datetime) -> tuple[str, str] | None:
        """DAG and run of the first run of the cycle that has failed since a moment."""
        for dag_id in CYCLE_DAGS:
            runs = self.call(
                "GET",
                f"/dags/{dag_id}/dagRuns",
                params={"state": "failed", "start_date_gte": since.isoformat(), "limit": 1},
            )
            if runs["dag_runs"]:
                return dag_id, runs["dag_runs"][0]["dag_run_id"]
        return None


def run_cycle(
    plan: Plan, progress: Callable[[str], None], settings: Settings | None = None, limit_seconds: float = 3600
) -> datetime:
    """Start the ingest DAGs and follow the cycle until its publication.

    Returns:
        The as_of that was published.

    Raises:
        TouchstoneError: A DAG run failed; the message holds the failed step's reason from the ledger.
    """
    settings = settings or get_settings()
    with Airflow(settings) as airflow:
        return _run_cycle(airflow, plan, progress, settings, limit_seconds)


def _run_cycle(
    airflow: Airflow, plan: Plan, progress: Callable[[str], None], settings: Settings, limit_seconds: float
) -> datetime:
    airflow.make_pools()
    ingest_dags = [f"ingest_{source.replace(':', '_')}" for source in plan.sources]
    for dag_id in (*ingest_dags, *CYCLE_DAGS):
        airflow.wait_for_dag(dag_id)
    with connect("loader", settings=settings) as connection:
        first_run = connection.execute("select coalesce(max(run_id), 0) from ops.runs").fetchone()[0]
    since = datetime.now(UTC)
    conf = {"path": plan.path, "as_of": plan.as_of.isoformat() if plan.as_of else None}
    # the first source to land starts the cycle; it waits at the lock until all have, so that one cycle takes them all
    with ExitStack() as together:
        together.enter_context(pipeline_lock(settings))
        started = {
            dag_id: airflow.call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})[
                "dag_run_id"
            ]
            for dag_id in ingest_dags
        }
        return _follow(airflow, started, first_run, since, together, progress, settings, limit_seconds)


def _follow(
    airflow: Airflow,
    started: dict[str, str],
    first_run: int,
    since: datetime,
    together: ExitStack,
    progress: Callable[[str], None],
    settings: Settings,
    limit_seconds: float,
) -> datetime:
    """Tell each step as it ends; the lock is given up when every source has landed."""
    shown: set[int] = set()
    landing = dict(started)
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:
        with connect("loader", settings=settings) as connection:
            rows = connection.execute(
                """
                select run_id, step, status, rows_out, rows_quarantined, as_of,
                    extract(epoch from coalesce(finished_at, clock_timestamp()) - started_at)
                from ops.runs where run_id > %s order by run_id
                """,
                [first_run],
            ).fetchall()
        for run_id, step, status, rows_out, quarantined, as_of, seconds in rows:
            if status != "running" and run_id not in shown:
                shown.add(run_id)
                note = f", {quarantined:,} quarantined" if quarantined else ""
                progress(f"{step:8} {status:11} {rows_out:>8,} rows{note}  {seconds:5.1f} s")
            if step == "publish" and status == "succeeded" and not landing and _is_own(rows, run_id, as_of):
                return as_of
        failed = None
        for dag_id, run_id in list(landing.items()):
            state = airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            if state == "success":
                del landing[dag_id]
            elif state == "failed":
                failed = dag_id, run_id
        if not landing:
            together.close()
        failed = failed or airflow.failed_run(since)
        if failed:
            raise TouchstoneError(
                f"the run {failed[1]} of {failed[0]} failed",
                _last_error(first_run, settings),
                "Readers keep what was published before. Correct the cause and run again.",
            )
        time.sleep(1)
    raise TouchstoneError("the cycle did not end in time", f"{limit_seconds:.0f} s", "`make up` and look at the runs.")


def _is_own(rows: list[tuple], publication: int, as_of: datetime) -> bool:
    """Whether a publication is of a cycle that saw everything that landed in this one.

    Steps of an earlier cycle may still run: what they publish is of an earlier day, or began before.
    """
    landed = [(run_id, moment) for run_id, step, _, _, _, moment, _ in rows if step == "ingest"]
    newest = max(run_id for run_id, _ in landed)
    stages = [run_id for run_id, step, *_ in rows if step == "stage" and newest < run_id < publication]
    return bool(stages) and as_of >= max(moment for _, moment in landed)


def _last_error(first_run: int, settings: Settings) -> str | None:
    with connect("loader", settings=settings) as connection:
        row = connection.execute(
            "select step || ': ' || error from ops.runs where run_id > %s and error is not null order by run_id desc limit 1",
            [first_run],
        ).fetchone()
    return row[0] if row else None
