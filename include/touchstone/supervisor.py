"""The one supervisor of a checkout, as others see it: start what is needed, stop everything, tell the state.

`python -m touchstone.supervisor` is the supervisor itself. It runs detached from whoever asked for it; wishes reach
it through `desired.json`, which it reads several times a second, and answers come back through `status.json`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from touchstone import airflow_env
from touchstone.errors import ConfigurationError, TouchstoneError, WarehouseError
from touchstone.processes import MARKER, ProcessId, spawn_detached, wait_gone
from touchstone.settings import Settings, get_settings
from touchstone.statefiles import locked, private_dir, read_json, write_json
from touchstone.supervision import (
    AIRFLOW,
    CRASH_LOOP,
    MIGRATION,
    SERVER,
    Supervisor,
    settings_fingerprint,
    state_folder,
)
from touchstone.warehouse.embedded import EmbeddedServer

Progress = Callable[[str], None]


def ensure(
    warehouse: bool = True,
    airflow: bool = False,
    wait: bool = True,
    *,
    settings: Settings | None = None,
    progress: Progress | None = None,
    timeout: float = 300,
) -> None:
    """Have the warehouse, and Airflow if asked for, running under supervision.

    Does nothing if they are. What runs already is never stopped by asking for less.

    Args:
        warehouse: The embedded server, or a check that the server of TOUCHSTONE_WAREHOUSE_URL answers.
        airflow: All of Airflow's processes.
        wait: Come back when everything is ready, not at once.
        settings: Whose checkout; the process's own by default.
        progress: Called with a short line whenever the state changes.
        timeout: Longest wait in seconds.

    Raises:
        WarehouseError: Something does not come up; the message holds the end of its log.
        ConfigurationError: The supervisor runs with another warehouse than these settings name.
    """
    settings = settings or get_settings()
    if warehouse and settings.warehouse_url:
        _check_given_warehouse(settings)
        if not airflow:
            return
    parts = _parts(settings, warehouse, airflow)
    if _refuses_settings(settings) is None and _are_ready(settings, parts):
        return
    request = _ask(settings, warehouse, airflow)
    if wait:
        _await(settings, parts, request, progress or (lambda _: None), timeout)
    elif not _supervisor(_read(settings)):
        _spawn(settings)


def down(*, settings: Settings | None = None, progress: Progress | None = None, timeout: float = 180) -> None:
    """Stop Airflow, then the server, then the supervisor; does nothing if all are down."""
    settings = settings or get_settings()
    folder = state_folder(settings)
    if not folder.is_dir() and not EmbeddedServer(settings).is_running():
        return
    say = progress or (lambda _: None)
    with locked(folder / "desired.lock"):
        wanted = read_json(folder / "desired.json")
        wanted |= {"run": False, "airflow": False, "request": int(wanted.get("request", 0)) + 1}
        write_json(folder / "desired.json", wanted)
    deadline = time.monotonic() + timeout
    message, asked = "", _supervisor(_read(settings))
    while (supervisor := _supervisor(status := _read(settings))) is not None:
        if status["message"] != message:
            message = status["message"]
            say(message)
        if time.monotonic() > deadline:
            raise TouchstoneError(
                "the supervisor does not stop", f"pid {supervisor.pid}", f"See {_log(settings)}; kill that process."
            )
        time.sleep(0.1)
    # It says that all is over some moments before its process ends.
    wait_gone([asked] if asked else [], max(10, deadline - time.monotonic()))
    # A supervisor that was killed leaves its processes behind: stop them from here.
    with _sole_supervisor(settings, patience=max(10, deadline - time.monotonic())) as alone:
        if not alone:
            raise TouchstoneError("another supervisor keeps the lock", None, f"See {_log(settings)}; try again.")
        Supervisor(settings).stop_leftovers()


def status(settings: Settings | None = None) -> dict[str, Any]:
    """Processes, ports, addresses and health, checked against what really runs; never a password."""
    settings = settings or get_settings()
    known = _read(settings)
    supervisor = _supervisor(known)
    components = known.get("components", {})
    parts = {name: _describe(settings, name, components.get(name, {}), supervisor) for name in AIRFLOW}
    return {
        "state_dir": str(settings.state_dir),
        "supervisor": {
            "running": supervisor is not None,
            "pid": supervisor.pid if supervisor else None,
            "uptime_seconds": round(time.time() - known["started_at"]) if supervisor else None,
            "message": known.get("message", "stopped") if supervisor else "stopped",
            "log": str(_log(settings)),
        },
        "warehouse": _warehouse(settings, components.get(SERVER, {}), supervisor),
        "airflow": {
            "running": any(part["running"] for part in parts.values()),
            "ready": all(part["ready"] for part in parts.values()),
            "error": components.get(MIGRATION, {}).get("error"),
            "components": parts,
            **_airflow_address(settings),
        },
    }


def main() -> int:
    """Supervise until told to stop; a second one of the same checkout ends at once."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    settings = get_settings()
    with _sole_supervisor(settings, patience=2) as alone:
        if alone:
            Supervisor(settings).run()
    return 0


# --- wishes


def _ask(settings: Settings, warehouse: bool, airflow: bool) -> int:
    """Add to what is desired; the number tells the supervisor that somebody waits for another try."""
    folder = private_dir(state_folder(settings))
    with locked(folder / "desired.lock"):
        wanted = read_json(folder / "desired.json")
        running = wanted.get("run", False)
        request = int(wanted.get("request", 0)) + 1
        wanted = {
            "run": True,
            "warehouse": warehouse or (running and wanted.get("warehouse", False)),
            "airflow": airflow or (running and wanted.get("airflow", False)),
            "request": request,
        }
        write_json(folder / "desired.json", wanted)
    return request


def _await(settings: Settings, parts: list[str], request: int, say: Progress, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    spawned, message = -60.0, ""
    while True:
        known = _read(settings)
        if _supervisor(known) is None:
            if time.monotonic() - spawned > 10:
                _spawn(settings)
                spawned = time.monotonic()
        elif refusal := _refuses_settings(settings):
            raise refusal
        elif known["request"] >= request:
            if known["message"] != message:
                message = known["message"]
                say(message)
            if _are_ready(settings, parts):
                return
            _raise_crash_loop(known, parts)
        if not read_json(state_folder(settings) / "desired.json").get("run", True):
            raise WarehouseError("stopped while starting", None, "Somebody ran `touchstone down`; start it again.")
        if time.monotonic() > deadline:
            raise WarehouseError(
                f"not ready within {timeout:.0f} seconds",
                known.get("message") or "no supervisor",
                f"Wait and look at `touchstone status`; the log is {_log(settings)}.",
            )
        time.sleep(0.1)


def _spawn(settings: Settings) -> None:
    # A task may be the one that asks; what Airflow tells its tasks is not for the supervisor.
    inherited = {n: v for n, v in os.environ.items() if n != MARKER and not n.startswith("AIRFLOW_CTX_")}
    environment = inherited | {
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        "TOUCHSTONE_ROOT": str(settings.root),
        "TOUCHSTONE_HOME": str(settings.state_dir),
    }
    if settings.warehouse_url:
        environment["TOUCHSTONE_WAREHOUSE_URL"] = settings.warehouse_url.get_secret_value()
    else:
        environment.pop("TOUCHSTONE_WAREHOUSE_URL", None)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "touchstone.supervisor"]
    spawn_detached(command, _log(settings), environment, settings.state_dir)


@contextmanager
def _sole_supervisor(settings: Settings, patience: float) -> Iterator[bool]:
    """Hold the lock of the one supervisor; False if somebody else keeps it for longer than the patience."""
    deadline = time.monotonic() + patience
    with (private_dir(state_folder(settings)) / "supervisor.lock").open("a") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    yield False
                    return
                time.sleep(0.1)
            else:
                yield True
                return


# --- answers


def _read(settings: Settings) -> dict[str, Any]:
    return read_json(state_folder(settings) / "status.json")


def _log(settings: Settings) -> Path:
    return settings.state_dir / "logs" / "supervisor.log"


def _supervisor(known: dict[str, Any]) -> ProcessId | None:
    process = ProcessId.load(known.get("supervisor"))
    return process if process and process.is_alive() else None


def _parts(settings: Settings, warehouse: bool, airflow: bool) -> list[str]:
    """Names of the processes that have to be ready."""
    on_server = airflow and airflow_env.uses_embedded_server(settings)
    parts = [SERVER] if on_server or (warehouse and not settings.warehouse_url) else []
    return [*parts, *AIRFLOW] if airflow else parts


def _are_ready(settings: Settings, parts: list[str]) -> bool:
    known = _read(settings)
    wanted = read_json(state_folder(settings) / "desired.json")
    if _supervisor(known) is None or not wanted.get("run", True):
        return False
    return all(_is_ready(known["components"][name]) for name in parts)


def _is_ready(component: dict[str, Any]) -> bool:
    process = ProcessId.load(component.get("process"))
    return bool(component.get("ready")) and process is not None and process.is_alive()


def _refuses_settings(settings: Settings) -> ConfigurationError | None:
    known = _read(settings)
    if _supervisor(known) is None or known["settings"] == settings_fingerprint(settings):
        return None
    return ConfigurationError(
        "the supervisor of this checkout runs with other settings",
        f"TOUCHSTONE_WAREHOUSE_URL or {airflow_env.DATABASE_VARIABLE}",
        "Run `touchstone down` to have the new ones take effect.",
    )


def _raise_crash_loop(known: dict[str, Any], parts: list[str]) -> None:
    for name in (MIGRATION, *parts):
        component = known["components"][name]
        if component["failures"] >= CRASH_LOOP and component["error"]:
            raise WarehouseError(f"{name} does not start", f"{component['failures']} attempts", component["error"])


def _check_given_warehouse(settings: Settings) -> None:
    assert settings.warehouse_url  # noqa: S101 - the caller has looked
    try:
        psycopg.connect(settings.warehouse_url.get_secret_value(), connect_timeout=10).close()
    except psycopg.Error as error:
        raise WarehouseError(
            "the warehouse does not answer", str(error).strip().splitlines()[0], "Check TOUCHSTONE_WAREHOUSE_URL."
        ) from error


def _describe(settings: Settings, name: str, component: dict[str, Any], supervisor: ProcessId | None) -> dict[str, Any]:
    process = ProcessId.load(component.get("process"))
    alive = process is not None and process.is_alive()
    return {
        "running": alive,
        "ready": alive and supervisor is not None and bool(component.get("ready")),
        "pid": process.pid if process and alive else None,
        "uptime_seconds": round(time.time() - component["started_at"]) if alive else None,
        "restarts": component.get("restarts", 0),
        "error": component.get("error"),
        "log": str(settings.state_dir / "logs" / f"{name}.log"),
    }


def _warehouse(settings: Settings, component: dict[str, Any], supervisor: ProcessId | None) -> dict[str, Any]:
    if settings.warehouse_url:
        return {"mode": "url"}
    server = EmbeddedServer(settings)
    real = server.status()
    described = _describe(settings, SERVER, component, supervisor)
    # A server that nobody supervises still serves: what is real comes from the server itself.
    address = f"postgresql://127.0.0.1:{real['port']}/touchstone" if real["port"] else None
    return {"mode": "embedded", **described, **real, "url": address}


def _airflow_address(settings: Settings) -> dict[str, Any]:
    if not airflow_env.airflow_home(settings).is_dir():
        return {"url": None, "user": None, "password_file": None}
    login = airflow_env.airflow_login(settings)
    return {"url": login.url, "user": login.user, "password_file": str(login.password_file)}


if __name__ == "__main__":
    sys.exit(main())
