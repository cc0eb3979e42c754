"""The supervisor and what it keeps alive, run for real in a state folder of its own."""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import psutil
import psycopg
import pytest
from pydantic import SecretStr

import touchstone
from touchstone import supervisor
from touchstone.airflow_env import airflow_environment, airflow_login, airflow_ports, component_commands
from touchstone.errors import ConfigurationError, WarehouseError
from touchstone.processes import ProcessId, marked, tail, trim_log
from touchstone.settings import Settings
from touchstone.statefiles import read_json, write_json
from touchstone.supervision import AIRFLOW, state_folder
from touchstone.warehouse.embedded import EmbeddedServer

PACKAGE_ROOT = Path(touchstone.__file__).parents[1]


@pytest.fixture
def make_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Settings]]:
    """Makes checkouts that share this package and nothing else; all of them are cleaned away."""
    monkeypatch.delenv("TOUCHSTONE_AIRFLOW_DATABASE_URL", raising=False)
    made: list[Settings] = []

    def make(name: str = "one") -> Settings:
        root = tmp_path / name
        for folder in ("dags", "plugins"):
            (root / folder).mkdir(parents=True)
        (root / "include").symlink_to(PACKAGE_ROOT)
        made.append(Settings(root=root, home=root / "state", warehouse_url=None))
        return made[-1]

    yield make
    for settings in made:
        supervisor.down(settings=settings)
        EmbeddedServer(settings).remove()


@pytest.fixture
def checkout(make_checkout: Callable[[str], Settings]) -> Settings:
    return make_checkout("one")


def pid_of(settings: Settings, part: str) -> int:
    pid = supervisor.status(settings)[part]["pid"]
    assert pid is not None
    return pid


def until(claim: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "the claim did not become true in time"
        time.sleep(0.1)


def answer(settings: Settings) -> object:
    with psycopg.connect(EmbeddedServer(settings).url()) as connection:
        row = connection.execute("select 42").fetchone()
    return row[0] if row else None


# --- the server under supervision


def test_ensure_starts_the_warehouse_and_down_stops_everything(checkout: Settings) -> None:
    said: list[str] = []
    supervisor.ensure(settings=checkout, progress=said.append)
    assert answer(checkout) == 42
    assert any("PostgreSQL" in line for line in said)
    state = supervisor.status(checkout)
    assert state["supervisor"]["running"]
    assert state["warehouse"]["ready"]
    assert state["warehouse"]["mode"] == "embedded"
    assert not state["airflow"]["running"]
    assert EmbeddedServer(checkout).password() not in json.dumps(state)
    pids = [state["supervisor"]["pid"], state["warehouse"]["pid"]]
    supervisor.down(settings=checkout)
    for pid in pids:
        assert not ProcessId.of(pid).is_alive()
    assert not supervisor.status(checkout)["supervisor"]["running"]
    supervisor.down(settings=checkout)


def test_status_and_down_of_a_fresh_checkout_change_nothing(checkout: Settings) -> None:
    assert not supervisor.status(checkout)["warehouse"]["running"]
    supervisor.down(settings=checkout)
    assert not checkout.state_dir.exists()


def test_a_second_ensure_does_nothing(checkout: Settings) -> None:
    supervisor.ensure(settings=checkout)
    before = (state_folder(checkout) / "desired.json").read_text(), pid_of(checkout, "warehouse")
    supervisor.ensure(settings=checkout)
    assert before == ((state_folder(checkout) / "desired.json").read_text(), pid_of(checkout, "warehouse"))


def test_several_starters_at_once_make_one_supervisor(checkout: Settings) -> None:
    threads = [threading.Thread(target=supervisor.ensure, kwargs={"settings": checkout}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answer(checkout) == 42
    until(lambda: len(supervisors_of(checkout)) == 1, 15)


def test_a_wish_for_less_takes_nothing_away(checkout: Settings) -> None:
    supervisor._ask(checkout, warehouse=True, airflow=True)
    supervisor._ask(checkout, warehouse=True, airflow=False)
    wanted = read_json(state_folder(checkout) / "desired.json")
    assert (wanted["warehouse"], wanted["airflow"], wanted["request"]) == (True, True, 2)


def supervisors_of(settings: Settings) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        command = process.info["cmdline"] or []
        if command[-1:] == ["touchstone.supervisor"] and process.info["cwd"] == str(settings.state_dir):
            found.append(process.pid)
    return found


def test_a_killed_server_is_started_again(checkout: Settings) -> None:
    supervisor.ensure(settings=checkout)
    server, port = pid_of(checkout, "warehouse"), EmbeddedServer(checkout).port
    os.kill(server, signal.SIGKILL)
    until(lambda: supervisor.status(checkout)["warehouse"]["pid"] not in (None, server))
    supervisor.ensure(settings=checkout)
    assert answer(checkout) == 42
    state = supervisor.status(checkout)["warehouse"]
    assert (state["restarts"], state["port"]) == (1, port)


def test_a_new_supervisor_takes_over_the_running_server(checkout: Settings) -> None:
    supervisor.ensure(settings=checkout)
    server, old = pid_of(checkout, "warehouse"), pid_of(checkout, "supervisor")
    os.kill(old, signal.SIGKILL)
    until(lambda: not supervisor.status(checkout)["supervisor"]["running"])
    assert supervisor.status(checkout)["warehouse"]["running"]
    supervisor.ensure(settings=checkout)
    assert pid_of(checkout, "supervisor") != old
    assert pid_of(checkout, "warehouse") == server
    assert supervisor.status(checkout)["warehouse"]["restarts"] == 0


def test_down_stops_the_server_of_a_killed_supervisor(checkout: Settings) -> None:
    supervisor.ensure(settings=checkout)
    os.kill(pid_of(checkout, "supervisor"), signal.SIGKILL)
    until(lambda: not supervisor.status(checkout)["supervisor"]["running"])
    supervisor.down(settings=checkout)
    assert not EmbeddedServer(checkout).is_running()


def test_pids_that_others_got_after_a_reboot_are_left_alone(checkout: Settings) -> None:
    supervisor.ensure(settings=checkout)
    supervisor.down(settings=checkout)
    path = state_folder(checkout) / "status.json"
    stale = read_json(path)
    stranger = {"pid": os.getpid(), "birth": "another boot:1"}
    stale["supervisor"] = stranger
    for component in stale["components"].values():
        component["process"] = stranger
    write_json(path, stale)
    assert not supervisor.status(checkout)["supervisor"]["running"]
    supervisor.ensure(settings=checkout)
    assert answer(checkout) == 42


def test_two_checkouts_run_side_by_side(make_checkout: Callable[[str], Settings]) -> None:
    one, two = make_checkout("one"), make_checkout("two")
    supervisor.ensure(settings=one)
    supervisor.ensure(settings=two)
    ports = [set(airflow_ports(s).values()) | {EmbeddedServer(s).port} for s in (one, two)]
    assert len(ports[0]) == len(ports[1]) == 4
    assert not ports[0] & ports[1]
    supervisor.down(settings=two)
    assert answer(one) == 42


def test_a_server_that_cannot_start_is_reported_with_its_reason(checkout: Settings) -> None:
    supervisor.ensure(settings=checkout)
    supervisor.down(settings=checkout)
    (EmbeddedServer(checkout).data / "PG_VERSION").write_text("9\n")
    with pytest.raises(WarehouseError, match=r"postgres does not start: '3 attempts'.*major version"):
        supervisor.ensure(settings=checkout)
    (EmbeddedServer(checkout).data / "PG_VERSION").write_text("18\n")
    supervisor.ensure(settings=checkout)
    assert answer(checkout) == 42


def test_a_given_warehouse_starts_nothing_and_must_answer(checkout: Settings) -> None:
    given = Settings(
        root=checkout.root,
        home=checkout.root / "other",
        warehouse_url=SecretStr("postgresql://nobody:secret@127.0.0.1:1/none"),
    )
    with pytest.raises(WarehouseError, match="Check TOUCHSTONE_WAREHOUSE_URL") as caught:
        supervisor.ensure(settings=given)
    assert "secret" not in str(caught.value)
    assert not given.state_dir.exists()


def test_a_supervisor_of_another_warehouse_is_not_reused(checkout: Settings) -> None:
    supervisor.ensure(settings=checkout)
    url = SecretStr(EmbeddedServer(checkout).url())
    other = Settings(root=checkout.root, home=checkout.state_dir, warehouse_url=url)
    with pytest.raises(ConfigurationError, match="touchstone down"):
        supervisor.ensure(airflow=True, settings=other)


# --- processes and their logs


def test_a_pid_alone_is_not_a_process() -> None:
    me = ProcessId.of(os.getpid())
    assert me.is_alive()
    assert not ProcessId(me.pid, me.birth + "0").is_alive()
    assert not ProcessId.of(2**22 + 1).is_alive()


def test_a_log_is_cut_under_its_writer(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("a") as writer:
        writer.write("old\n" * 1000)
        writer.flush()
        trim_log(log, limit=100)
        writer.write("new\n")
    assert log.read_text() == "new\n"
    assert (tmp_path / "a.log.1").stat().st_size == 4000
    assert tail(tmp_path / "a.log.1", 2) == "old\nold"


# --- Airflow


def test_airflows_environment_belongs_to_this_checkout(checkout: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    EmbeddedServer(checkout).start()
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "3")
    monkeypatch.setenv("AIRFLOW__API__PORT", "8080")
    monkeypatch.setenv("AIRFLOW_CONN_ZENDESK", "http://example.org")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    env = airflow_environment(checkout)
    ports, login, server = airflow_ports(checkout), airflow_login(checkout), EmbeddedServer(checkout)
    assert env == airflow_environment(checkout)
    assert env["AIRFLOW_HOME"] == str(checkout.state_dir / "airflow")
    assert env["AIRFLOW__CORE__DAGS_FOLDER"] == str(checkout.root / "dags")
    assert env["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(checkout.root / "plugins")
    assert env["PYTHONPATH"] == str(checkout.root / "include")
    assert env["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert env["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert env["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "False"
    assert env["AIRFLOW__CORE__PARALLELISM"] == "3"
    assert env["AIRFLOW_CONN_ZENDESK"] == "http://example.org"
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__API__PORT"] == str(ports["api_server"])
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == f"{login.url}/execution/"
    assert env["AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT"] == str(ports["log_server"])
    bundles = json.loads(env["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert [bundle["name"] for bundle in bundles] == ["touchstone"]
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == server.url("airflow", "airflow", driver="psycopg2")
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] == server.url("airflow", "airflow", driver="asyncpg")
    assert "127.0.0.1" in env["NO_PROXY"]
    secrets = [env["AIRFLOW__API_AUTH__JWT_SECRET"], env["AIRFLOW__CORE__FERNET_KEY"], login.password]
    secrets += [env["AIRFLOW__API__SECRET_KEY"], server.password("airflow")]
    assert len(set(secrets)) == 5
    assert json.loads(login.password_file.read_text()) == {"admin": login.password}
    for name in ("passwords.json", "secrets.json"):
        assert stat.S_IMODE((checkout.state_dir / "airflow" / name).stat().st_mode) == 0o600
    commands = json.dumps(component_commands(checkout))
    assert set(component_commands(checkout)) == set(AIRFLOW)
    assert not [secret for secret in secrets if secret in commands]


def test_airflow_uses_the_warehouse_server_or_a_database_of_its_own(
    checkout: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = SecretStr("postgresql://me:p$w@db.example.org:5433/wh?sslmode=require&application_name=x")
    settings = Settings(root=checkout.root, home=checkout.state_dir, warehouse_url=given)
    env = airflow_environment(settings)
    server = "://me:p%24w@db.example.org:5433/airflow"
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == (
        f"postgresql+psycopg2{server}?sslmode=require&application_name=x"
    )
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] == f"postgresql+asyncpg{server}?ssl=require"
    assert env["TOUCHSTONE_WAREHOUSE_URL"] == given.get_secret_value()
    monkeypatch.setenv("TOUCHSTONE_AIRFLOW_DATABASE_URL", "postgresql://a:b@meta.example.org/af")
    env = airflow_environment(settings)
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://a:b@meta.example.org/af"
    monkeypatch.setenv("TOUCHSTONE_AIRFLOW_DATABASE_URL", "mysql://a:b@meta.example.org/af")
    with pytest.raises(ConfigurationError, match="postgresql://"):
        airflow_environment(settings)


DAG = '''
"""Greets."""
from airflow.sdk import dag, task


@dag(schedule=None)
def greet():
    @task
    def hello(seconds: int = 0):
        import time

        from touchstone.warehouse.engine import connect

        with connect() as connection:
            print("hello from", connection.info.dbname)
        time.sleep(seconds)

    hello()


greet()
'''


def call(settings: Settings, method: str, path: str, body: Any = None, token: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}", "Accept": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = Request(airflow_login(settings).url + path, data, headers, method=method)  # noqa: S310
    with build_opener(ProxyHandler({})).open(request, timeout=30) as reply:
        return json.loads(reply.read())


def dag_is_known(settings: Settings, token: str) -> bool:
    listed = call(settings, "GET", "/api/v2/dags", token=token)["dags"]
    return [(dag["dag_id"], dag["is_paused"]) for dag in listed] == [("greet", False)]


@pytest.mark.long
def test_airflow_runs_a_task_and_survives_kills(checkout: Settings) -> None:
    supervisor.ensure(airflow=True, settings=checkout)
    state = supervisor.status(checkout)
    assert state["airflow"]["ready"]
    before = {name: part["pid"] for name, part in state["airflow"]["components"].items()}

    # Nothing listens beyond this machine.
    listening = set()
    for name in AIRFLOW:
        for process in marked(f"{checkout.state_dir}:{name}"):
            connections = psutil.Process(process.pid).net_connections()
            listening |= {c.laddr for c in connections if c.status == psutil.CONN_LISTEN}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert {address.port for address in listening} <= set(airflow_ports(checkout).values())

    # A new file is found, runs, and its log can be read; only with the login.
    login = airflow_login(checkout)
    with pytest.raises(HTTPError) as refused:
        call(checkout, "POST", "/auth/token", {"username": login.user, "password": "wrong"})
    refused.value.close()
    token = call(checkout, "POST", "/auth/token", {"username": login.user, "password": login.password})["access_token"]
    (checkout.root / "dags" / "greet.py").write_text(DAG)
    until(lambda: dag_is_known(checkout, token), 60)
    run = call(checkout, "POST", "/api/v2/dags/greet/dagRuns", {"logical_date": None}, token)["dag_run_id"]
    path = f"/api/v2/dags/greet/dagRuns/{run}"
    until(lambda: call(checkout, "GET", path, token=token)["state"] in ("success", "failed"), 120)
    log = call(checkout, "GET", f"{path}/taskInstances/hello/logs/1", token=token)
    assert "hello from touchstone" in json.dumps(log)
    assert call(checkout, "GET", path, token=token)["state"] == "success"

    # A killed scheduler comes back, alone, and takes its orphaned workers away.
    orphans = [p for p in marked(f"{checkout.state_dir}:scheduler") if p.pid != before["scheduler"]]
    os.kill(before["scheduler"], signal.SIGKILL)
    until(lambda: not supervisor.status(checkout)["airflow"]["ready"])
    supervisor.ensure(airflow=True, settings=checkout)
    assert not [orphan for orphan in orphans if orphan.is_alive()]
    after = {name: part["pid"] for name, part in supervisor.status(checkout)["airflow"]["components"].items()}
    assert after.pop("scheduler") != before.pop("scheduler")
    assert after == before

    # A killed supervisor's successor doubles nothing.
    os.kill(pid_of(checkout, "supervisor"), signal.SIGKILL)
    until(lambda: not supervisor.status(checkout)["supervisor"]["running"])
    supervisor.ensure(airflow=True, settings=checkout)
    again = {name: part["pid"] for name, part in supervisor.status(checkout)["airflow"]["components"].items()}
    assert {name: again[name] for name in before} == before

    # After a kill of the server everything works again.
    os.kill(pid_of(checkout, "warehouse"), signal.SIGKILL)
    until(lambda: not supervisor.status(checkout)["warehouse"]["ready"])
    supervisor.ensure(airflow=True, settings=checkout)
    until(lambda: call(checkout, "GET", "/api/v2/monitor/health")["scheduler"]["status"] == "healthy", 120)

    # No secret is in a log or on a command line, and down leaves nothing.
    env = airflow_environment(checkout)
    secrets = [env["AIRFLOW__API_AUTH__JWT_SECRET"], env["AIRFLOW__CORE__FERNET_KEY"], login.password]
    secrets += [env["AIRFLOW__API__SECRET_KEY"], EmbeddedServer(checkout).password("airflow")]
    texts = [path.read_text(errors="replace") for path in checkout.state_dir.rglob("*.log")]
    for name in AIRFLOW:
        texts += [" ".join(psutil.Process(p.pid).cmdline()) for p in marked(f"{checkout.state_dir}:{name}")]
    assert len(texts) > 10
    assert not [secret for secret in secrets for text in texts if secret in text]
    supervisor.down(settings=checkout)
    assert not [name for name in AIRFLOW if marked(f"{checkout.state_dir}:{name}")]
    assert not EmbeddedServer(checkout).is_running()
