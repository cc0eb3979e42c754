"""What the supervisor does: keep PostgreSQL and Airflow's processes alive, each by pid and birth.

The supervisor itself may be killed. Everything it knows is in one file, written before and after each step, and
each process of Airflow carries a marker in its environment that its children inherit. The next supervisor reads
the file, keeps what still runs with the same configuration, and ends what it does not know.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psycopg

from touchstone import airflow_env
from touchstone.errors import TouchstoneError
from touchstone.processes import MARKER, ProcessId, end, marked, spawn_detached, tail, trim_log
from touchstone.settings import Settings
from touchstone.statefiles import private_dir, read_json, write_json
from touchstone.warehouse.embedded import EmbeddedServer

POLL_SECONDS = 0.25
HEALTH_SECONDS = 15.0
LOG_SECONDS = 30.0
STABLE_SECONDS = 60.0
LONGEST_DELAY = 30.0
# A triggerer waits ten seconds for its child and a scheduler for all its tasks; any of them may be killed.
STOP_PATIENCE = 6.0
LEFTOVER_PATIENCE = 1.0
SERVER = "postgres"
MIGRATION = "airflow-migrate"
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "log-server")
# How many deaths in a row make an error that `ensure` reports instead of waiting on.
CRASH_LOOP = 3

log = logging.getLogger(__name__)


def state_folder(settings: Settings) -> Path:
    return settings.state_dir / "supervisor"


def settings_fingerprint(settings: Settings) -> str:
    """Identifies where warehouse and metadata live; a digest, because the URLs hold passwords."""
    url = settings.warehouse_url.get_secret_value() if settings.warehouse_url else ""
    return _digest([str(settings.root), url, os.environ.get(airflow_env.DATABASE_VARIABLE, "")])


@dataclass
class Component:
    """One process that is kept alive, and the bookkeeping of its deaths."""

    name: str
    log: Path
    process: ProcessId | None = None
    fingerprint: str = ""
    started_at: float = 0.0
    restarts: int = 0
    failures: int = 0
    retry_at: float = 0.0
    error: str | None = None
    ready: bool = False

    def is_alive(self) -> bool:
        return self.process is not None and self.process.is_alive()

    def is_due(self) -> bool:
        """Whether the delay after the last death is over; it doubles from half a second to half a minute."""
        return time.monotonic() >= self.retry_at

    def died(self, reason: str | None = None) -> None:
        """Count a death; one after a long life is an accident, several at once are a crash loop."""
        if time.time() - self.started_at > STABLE_SECONDS:
            self.failures = 0
        self.process, self.ready = None, False
        self.failures += 1
        self.retry_at = time.monotonic() + min(LONGEST_DELAY, 0.25 * 2**self.failures)
        self.error = reason or f"{self.name} ended; its log {self.log} ends with:\n{tail(self.log)}"
        log.warning("%s is down (%s in a row)%s", self.name, self.failures, f": {reason}" if reason else "")

    def settle(self) -> None:
        """Forget old failures of a process that works."""
        if self.failures and time.time() - self.started_at > STABLE_SECONDS:
            self.failures = 0
        if self.ready:
            self.error = None

    def pardon(self) -> None:
        """Try again at once: a person has asked for it."""
        self.failures, self.retry_at = 0, 0.0

    def dump(self) -> dict[str, Any]:
        return {
            "process": self.process.dump() if self.process else None,
            "fingerprint": self.fingerprint,
            "started_at": self.started_at,
            "restarts": self.restarts,
            "failures": self.failures,
            "error": self.error,
            "ready": self.ready,
        }

    def load(self, stored: dict[str, Any]) -> None:
        self.process = ProcessId.load(stored.get("process"))
        self.fingerprint = str(stored.get("fingerprint", ""))
        self.started_at = float(stored.get("started_at", 0))
        self.restarts = int(stored.get("restarts", 0))


@dataclass
class Supervisor:
    """Keeps the processes of one checkout as its file `desired.json` wants them."""

    settings: Settings
    components: dict[str, Component] = field(init=False)
    server: EmbeddedServer = field(init=False)

    def __post_init__(self) -> None:
        self.folder = private_dir(state_folder(self.settings))
        self.server = EmbeddedServer(self.settings)
        logs = self.settings.state_dir / "logs"
        self.components = {name: Component(name, logs / f"{name}.log") for name in (SERVER, MIGRATION, *AIRFLOW)}
        self._stopping = threading.Event()
        self._me = ProcessId.of(os.getpid())
        self._began = time.time()
        self._request = 0
        self._message = ""
        self._migrated = False
        self._environment: dict[str, str] = {}
        self._plan: dict[str, tuple[list[str], str]] = {}
        self._checked_health = self._checked_logs = 0.0
        self._written: dict[str, Any] = {}

    # --- life of the supervisor

    def run(self) -> None:
        """Supervise until told to stop, then stop everything."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.adopt()
        while not self._stopping.is_set():
            try:
                if not self._tick():
                    break
            except Exception:
                # A supervisor that ends on an unforeseen fault, such as a full disk, protects nothing.
                log.exception("this round failed; the next one follows")
                self._stopping.wait(1)
            self._stopping.wait(POLL_SECONDS)
        self.shut_down()

    def adopt(self) -> None:
        """Take over what an earlier supervisor of this checkout left behind."""
        stored = read_json(self.folder / "status.json").get("components", {})
        for name, component in self.components.items():
            component.load(stored.get(name, {}))
            if component.process and component.is_alive():
                log.info("taking over %s (pid %s)", name, component.process.pid)

    def stop_leftovers(self) -> None:
        """Stop what a killed supervisor left running."""
        self.adopt()
        self.shut_down()

    def shut_down(self) -> None:
        """Stop Airflow, then the server it writes to."""
        self._say("stopping Airflow")
        components = [self.components[name] for name in (MIGRATION, *AIRFLOW)]
        end([c.process for c in components if c.process], STOP_PATIENCE)
        for component in components:
            end(marked(self._marker(component)), LEFTOVER_PATIENCE)
            component.process, component.ready = None, False
        self._say("stopping PostgreSQL")
        self.server.stop()
        self.components[SERVER].process, self.components[SERVER].ready = None, False
        self._message = "stopped"
        self._write(over=True)

    def _tick(self) -> bool:
        """One look at everything; False once nothing is wanted any more."""
        wanted = read_json(self.folder / "desired.json")
        if not wanted.get("run", True):
            return False
        if int(wanted.get("request", 0)) != self._request:
            self._request = int(wanted.get("request", 0))
            for component in self.components.values():
                component.pardon()
        airflow = bool(wanted.get("airflow"))
        on_server = airflow and airflow_env.uses_embedded_server(self.settings)
        needs_server = on_server or (wanted.get("warehouse", True) and not self.settings.warehouse_url)
        if (not needs_server or self._keep_server()) and airflow:
            self._keep_airflow()
        if time.monotonic() - self._checked_logs > LOG_SECONDS:
            self._checked_logs = time.monotonic()
            for component in self.components.values():
                trim_log(component.log)
            trim_log(self.settings.state_dir / "logs" / "supervisor.log")
        if os.getpid() == 1:
            _reap()
        self._write()
        return True

    # --- PostgreSQL

    def _keep_server(self) -> bool:
        component = self.components[SERVER]
        if component.ready and component.is_alive():
            component.settle()
            return True
        if component.ready:
            component.died()
            component.restarts += 1
        if not component.is_due():
            return False
        self._say("starting PostgreSQL")
        try:
            self.server.start(self._say)
        except (TouchstoneError, psycopg.Error, OSError) as error:
            component.died(str(error))
            return False
        found = self.server.postmaster()
        if found != component.process:
            component.process, component.started_at = found, time.time()
        component.ready = True
        component.settle()
        self._say(f"PostgreSQL answers on port {self.server.port}")
        return True

    # --- Airflow

    def _keep_airflow(self) -> None:
        if not self._environment:
            self._environment = airflow_env.airflow_environment(self.settings)
            commands = airflow_env.component_commands(self.settings)
            self._plan = {name: (command, self._fingerprint(command)) for name, command in commands.items()}
        if not self._prepare_database():
            return
        for name, (command, fingerprint) in self._plan.items():
            component = self.components[name]
            if component.is_alive() and component.fingerprint == fingerprint:
                component.settle()
                continue
            if component.process and component.is_alive():
                log.info("%s runs with another configuration and is replaced", name)
                end([component.process], STOP_PATIENCE)
                component.process, component.ready = None, False
            elif component.process:
                component.died()
                component.restarts += 1
            if component.is_due():
                self._launch(component, command, fingerprint)
        self._check_health()

    def _prepare_database(self) -> bool:
        """Migrate Airflow's database if it does not fit; True once it does."""
        job = self.components[MIGRATION]
        if self._migrated:
            return True
        if job.is_alive() or not job.is_due():
            return False
        try:
            airflow_env.ensure_airflow_database(self.settings)
            needed = airflow_env.migration_is_needed(self.settings)
        except (TouchstoneError, psycopg.Error) as error:
            job.died(f"Airflow's database cannot be used: {error}")
            return False
        if not needed:
            self._migrated, job.process, job.error = True, None, None
        elif job.process:
            job.died()
        else:
            self._say("preparing Airflow's database")
            for name in AIRFLOW:
                end(marked(self._marker(self.components[name])), STOP_PATIENCE)
            command = [*airflow_env.airflow_command()[:1], "-m", "touchstone.airflow_env"]
            self._launch(job, command, self._fingerprint(command))
        return self._migrated

    def _launch(self, component: Component, command: list[str], fingerprint: str) -> None:
        """Start a component after ending what an earlier one left, such as tasks of a killed scheduler.

        Such a task is started anew by the new scheduler; two copies of it must not run at once.
        """
        end(marked(self._marker(component)), LEFTOVER_PATIENCE)
        component.ready = False
        component.started_at = time.time()
        component.process = spawn_detached(
            command,
            component.log,
            {**self._environment, MARKER: self._marker(component)},
            self.settings.state_dir,
        )
        component.fingerprint = fingerprint
        log.info("started %s (pid %s)", component.name, component.process.pid)
        self._write()

    def _check_health(self) -> None:
        """Ask Airflow for the heartbeats of its parts: seldom when all is well, each second until it is."""
        components = {name: self.components[name] for name in AIRFLOW}
        ready = all(component.ready for component in components.values())
        if time.monotonic() - self._checked_health < (HEALTH_SECONDS if ready else 1.0):
            return
        self._checked_health = time.monotonic()
        ports = airflow_env.airflow_ports(self.settings)
        health = _health(ports["api_server"])
        for name, component in components.items():
            if not component.is_alive():
                component.ready = False
            elif name == "api-server":
                component.ready = health.get("metadatabase", {}).get("status") == "healthy"
            elif name == "log-server":
                component.ready = _listens(ports["log_server"])
            elif health:
                part = name.replace("-", "_")
                component.ready = _beats(health.get(part) or {}, f"latest_{part}_heartbeat", component.started_at)
        waiting = [name for name, component in components.items() if not component.ready]
        self._say(f"waiting for Airflow's {', '.join(waiting)}" if waiting else "running")

    # --- bookkeeping

    def _marker(self, component: Component) -> str:
        return f"{self.settings.state_dir}:{component.name}"

    def _fingerprint(self, command: list[str]) -> str:
        """What a running component must have been started with to be kept by another supervisor.

        Variables that differ from shell to shell or from task to task do not count: the successor may be
        started by a task, and must not end the scheduler that runs it.
        """
        ours = ("AIRFLOW__", "AIRFLOW_HOME", "TOUCHSTONE_ROOT", "TOUCHSTONE_HOME", "TOUCHSTONE_WAREHOUSE_URL")
        chosen = {name: value for name, value in self._environment.items() if name.startswith(ours)}
        return _digest([command, chosen, importlib.metadata.version("apache-airflow-core")])

    def _say(self, message: str) -> None:
        if message != self._message:
            self._message = message
            log.info("%s", message)
            self._write()

    def _write(self, *, over: bool = False) -> None:
        status = {
            "supervisor": None if over else self._me.dump(),
            "started_at": self._began,
            "request": self._request,
            "message": self._message,
            "settings": settings_fingerprint(self.settings),
            "components": {name: component.dump() for name, component in self.components.items()},
        }
        if status != self._written:
            write_json(self.folder / "status.json", status)
            self._written = status


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _health(port: int) -> dict[str, Any]:
    # http.client, because it knows no proxies.
    connection = HTTPConnection(airflow_env.LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/api/v2/monitor/health")
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == 200 else {}
    except (OSError, HTTPException, ValueError):
        return {}
    finally:
        connection.close()


def _beats(part: dict[str, Any], key: str, since: float) -> bool:
    """Whether a part is healthy by a heartbeat of its own, not by one that its killed predecessor left."""
    beat = part.get(key)
    return part.get("status") == "healthy" and bool(beat) and _timestamp(str(beat)) >= since


def _timestamp(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((airflow_env.LOOPBACK, port), timeout=2):
        return True
    return False


def _reap() -> None:
    """As first process of a container the supervisor inherits every orphan and must bury it."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
