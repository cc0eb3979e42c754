"""The environment of every Airflow process of one checkout; imports no Airflow.

Airflow is configured by environment variables alone, so that the supervisor's processes, the tasks in them and
a command in a terminal see the same installation, and a second checkout beside it sees its own.

Run as a module it brings Airflow's database to the installed version.
"""

from __future__ import annotations

import base64
import importlib.metadata
import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from touchstone.errors import ConfigurationError, WarehouseError
from touchstone.settings import Settings, get_settings
from touchstone.statefiles import free_port, private_dir, read_json, remembered, write_json
from touchstone.warehouse.embedded import EmbeddedServer

DATABASE_VARIABLE = "TOUCHSTONE_AIRFLOW_DATABASE_URL"
USER = "admin"
BUNDLE = "touchstone"
PORTS = ["api_server", "log_server", "scheduler_health"]
SECRETS = ["jwt_secret", "api_secret_key", "fernet_key"]
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Login:
    """Where the Airflow page is and who may enter."""

    url: str
    user: str
    password: str
    password_file: Path


def hostname() -> str:
    """The name under which Airflow's processes record where they run; all of them are here."""
    return LOOPBACK


def airflow_home(settings: Settings) -> Path:
    return settings.state_dir / "airflow"


def airflow_ports(settings: Settings) -> dict[str, int]:
    """Ports of Airflow's servers, chosen once per checkout."""
    return {name: int(port) for name, port in _kept(settings, "ports.json", PORTS, free_port).items()}


def airflow_login(settings: Settings | None = None) -> Login:
    """The one user's login, made before Airflow starts so that Airflow prints no password of its own."""
    settings = settings or get_settings()
    made = _kept(settings, "passwords.json", [USER], lambda _: secrets.token_urlsafe(12))
    return Login(
        url=f"http://{LOOPBACK}:{airflow_ports(settings)['api_server']}",
        user=USER,
        password=str(made[USER]),
        password_file=airflow_home(settings) / "passwords.json",
    )


def airflow_database_url(settings: Settings | None = None) -> str:
    """URL of Airflow's metadata database, in libpq's form.

    TOUCHSTONE_AIRFLOW_DATABASE_URL if set; else the database `airflow` of the server that holds the
    warehouse, be it the embedded one or one given by TOUCHSTONE_WAREHOUSE_URL.
    """
    settings = settings or get_settings()
    if given := os.environ.get(DATABASE_VARIABLE):
        if not given.startswith(("postgresql://", "postgres://")):
            raise ConfigurationError(
                f"environment variable {DATABASE_VARIABLE}", None, "It must start with postgresql://."
            )
        return given
    if settings.warehouse_url:
        return urlunsplit(urlsplit(settings.warehouse_url.get_secret_value())._replace(path="/airflow"))
    return EmbeddedServer(settings).url("airflow", "airflow")


def uses_embedded_server(settings: Settings) -> bool:
    """Whether Airflow's metadata lives in the embedded server."""
    return not settings.warehouse_url and not os.environ.get(DATABASE_VARIABLE)


def ensure_airflow_database(settings: Settings) -> None:
    """Create Airflow's database on the warehouse's server where that is ours to do.

    Raises:
        WarehouseError: It does not exist and may not be created.
    """
    if os.environ.get(DATABASE_VARIABLE) or not settings.warehouse_url:
        return
    try:
        with psycopg.connect(
            settings.warehouse_url.get_secret_value(), autocommit=True, connect_timeout=10
        ) as connection:
            query = "select 1 from pg_database where datname = 'airflow'"
            if not connection.execute(query).fetchone():
                connection.execute(sql.SQL("create database airflow"))
    except psycopg.errors.DuplicateDatabase:
        return
    except psycopg.Error as error:
        raise WarehouseError(
            "no database for Airflow on the warehouse's server",
            str(error).strip().splitlines()[0],
            f"Have an administrator create the database airflow, or set {DATABASE_VARIABLE}.",
        ) from error


def migration_is_needed(settings: Settings) -> bool:
    """Whether `airflow db migrate`, which costs seconds, has work to do.

    The revision that the last migration left is compared with the database itself, because a
    database may have been dropped or restored since.
    """
    done = read_json(airflow_home(settings) / "migrated.json")
    return not done or done != {"airflow": _airflow_version(), "revision": _revision(settings)}


def migrate(settings: Settings | None = None) -> None:
    """Bring Airflow's database to the installed version, and note which revision that left.

    Raises:
        WarehouseError: Airflow's own command failed; its output tells why.
    """
    settings = settings or get_settings()
    done = subprocess.run(airflow_command("db", "migrate"), env=airflow_environment(settings))
    if done.returncode != 0:
        raise WarehouseError(
            "Airflow's database cannot be brought to the installed version",
            f"airflow db migrate ended with {done.returncode}",
            "Read the lines above; to begin with an empty one, drop the database airflow.",
        )
    marker = {"airflow": _airflow_version(), "revision": _revision(settings)}
    write_json(airflow_home(settings) / "migrated.json", marker)


def airflow_command(*arguments: str) -> list[str]:
    """Command line of Airflow in this Python environment."""
    return [sys.executable, "-m", "airflow", *arguments]


def component_commands(settings: Settings) -> dict[str, list[str]]:
    """Airflow's long-running processes, in the order of their start.

    Airflow's own log servers listen on every interface and cannot be told otherwise. They are switched off;
    the same application runs once, on 127.0.0.1, for the logs of tasks and of triggers alike.
    """
    log_server = [sys.executable, "-m", "uvicorn", "airflow.utils.serve_logs.log_server:get_app", "--factory"]
    port = str(airflow_ports(settings)["log_server"])
    return {
        "api-server": airflow_command("api-server"),
        "scheduler": airflow_command("scheduler", "--skip-serve-logs"),
        "dag-processor": airflow_command("dag-processor"),
        "triggerer": airflow_command("triggerer", "--skip-serve-logs"),
        "log-server": [*log_server, "--host", LOOPBACK, "--port", port, "--no-access-log"],
    }


def airflow_environment(settings: Settings | None = None) -> dict[str, str]:
    """Everything an Airflow process of this checkout needs, on top of the present environment.

    What makes the installation this checkout's (folders, ports, database, secrets) is set whatever the
    caller's environment says; what tunes it is a default that an AIRFLOW__ variable of the caller overrides.
    """
    settings = settings or get_settings()
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    return {**_tuning(settings), **inherited, **_identity(settings)}


def _identity(settings: Settings) -> dict[str, str]:
    home, ports, login = airflow_home(settings), airflow_ports(settings), airflow_login(settings)
    keys = _kept(settings, "secrets.json", SECRETS, lambda _: _fernet_key())
    database = airflow_database_url(settings)
    bundle = {
        "name": BUNDLE,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(settings.root / "dags"), "refresh_interval": 10},
    }
    identity = {
        "AIRFLOW_HOME": str(home),
        # The package is importable in every process, task and child alike, by this alone.
        "PYTHONPATH": str(settings.root / "include"),
        "PYTHONUNBUFFERED": "1",
        # Airflow renames its processes; the renaming must not overwrite the marker that tells them apart.
        "SPT_NOENV": "1",
        # A proxy for the outside must not come between the parts of one machine.
        "NO_PROXY": _no_proxy(),
        "no_proxy": _no_proxy(),
        "TOUCHSTONE_ROOT": str(settings.root),
        "TOUCHSTONE_HOME": str(settings.state_dir),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.root / "plugins"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(login.password_file),
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet_key"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{login.url}/execution/",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "touchstone.airflow_env.hostname",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _with_driver(database, "psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": _with_driver(database, "asyncpg"),
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(ports["api_server"]),
        "AIRFLOW__API__BASE_URL": login.url,
        "AIRFLOW__API__SECRET_KEY": keys["api_secret_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt_secret"],
        "AIRFLOW__API_AUTH__JWT_ISSUER": "touchstone",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag_processor"),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports["log_server"]),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports["log_server"]),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": LOOPBACK,
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(ports["scheduler_health"]),
    }
    if settings.warehouse_url:
        identity["TOUCHSTONE_WAREHOUSE_URL"] = settings.warehouse_url.get_secret_value()
    if settings.bi_password:
        identity["TOUCHSTONE_BI_PASSWORD"] = settings.bi_password.get_secret_value()
    return identity


def _tuning(settings: Settings) -> dict[str, str]:
    return {
        "AIRFLOW__CORE__PARALLELISM": str(min(16, max(4, os.cpu_count() or 1))),
        "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "8",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "10",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "5",
        # A new or changed file is seen within seconds; an unchanged one is parsed again rarely.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "120",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "60",
        # After kill -9 of the scheduler its tasks are taken over within a minute, not after five.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
        # A restart of the API server takes up to half a minute on a busy machine and must not kill tasks.
        "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "12",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "8",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "15",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
        # Nobody is told about the use of this installation.
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "GX_ANALYTICS_ENABLED": "False",
    }


def _kept(settings: Settings, name: str, names: list[str], make: Any) -> dict[str, Any]:
    return remembered(private_dir(airflow_home(settings)) / name, names, make)


def _fernet_key() -> str:
    """32 random bytes in the form that Fernet wants; the other secrets may as well have it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _with_driver(url: str, driver: str) -> str:
    """The same database for SQLAlchemy; asyncpg knows none of libpq's parameters and calls sslmode ssl."""
    parts = urlsplit(url)
    query = parts.query
    if driver == "asyncpg":
        modes = parse_qs(query).get("sslmode")
        query = urlencode({"ssl": modes[0]}) if modes else ""
    # Airflow expands $NAME in its configuration; a password that holds a dollar sign must stay as it is.
    netloc = parts.netloc.replace("$", quote("$"))
    return urlunsplit(parts._replace(scheme=f"postgresql+{driver}", netloc=netloc, query=query))


def _no_proxy() -> str:
    given = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    hosts = [host for host in given.split(",") if host]
    return ",".join(dict.fromkeys([*hosts, LOOPBACK, "localhost"]))


def _airflow_version() -> str:
    return importlib.metadata.version("apache-airflow-core")


def _revision(settings: Settings) -> str | None:
    with psycopg.connect(airflow_database_url(settings), connect_timeout=10) as connection:
        try:
            row = connection.execute("select version_num from alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return str(row[0]) if row else None


if __name__ == "__main__":
    migrate()
