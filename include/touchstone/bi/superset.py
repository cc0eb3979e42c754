"""Apache Superset of one checkout: an environment of its own, on 127.0.0.1, with the dashboards of bi/dashboards.

Superset needs other versions of packages than Airflow, so it lives in `.venv-bi` (`requirements-bi.txt`) and is only ever run, never
imported. Its state is in `.touchstone/bi`; the warehouse's password is handed over in its environment.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from touchstone.bi.dashboards import bundle, dashboards
from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.processes import MARKER, ProcessId, end, marked, spawn_detached, tail
from touchstone.settings import Settings, get_settings
from touchstone.statefiles import free_port, private_dir, read_json, remembered, write_json
from touchstone.warehouse.bootstrap import bi_password_file
from touchstone.warehouse.engine import connect, warehouse_parameters

ADMIN = "admin"
LOOPBACK = "127.0.0.1"
PATIENCE = 180.0
_DESCRIPTIONS = """
    select relname || coalesce('.' || attname, ''), description
    from pg_description
    inner join pg_class on pg_class.oid = objoid and classoid = 'pg_class'::regclass
    left join pg_attribute on attrelid = objoid and attnum = objsubid and objsubid > 0
    where relnamespace = 'marts'::regnamespace
    """

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Login:
    """Where Superset's page is and who may enter."""

    url: str
    user: str
    password: str
    password_file: Path


def environment_folder(settings: Settings | None = None) -> Path:
    """Superset's virtual environment; TOUCHSTONE_BI_VENV names another one."""
    given = os.environ.get("TOUCHSTONE_BI_VENV")
    return Path(given) if given else (settings or get_settings()).root / ".venv-bi"


def home(settings: Settings) -> Path:
    """Superset's state."""
    return settings.state_dir / "bi"


def login(settings: Settings | None = None) -> Login:
    """Address and the one user's login, made once per checkout."""
    settings = settings or get_settings()
    folder = private_dir(home(settings))
    port = remembered(folder / "port.json", ["superset"], free_port)["superset"]
    made = _secrets(settings)
    return Login(f"http://{LOOPBACK}:{port}", ADMIN, made["admin"], folder / "secrets.json")


def start(settings: Settings | None = None, progress: Progress = lambda _: None) -> Login:
    """Prepare Superset's database, import the dashboards as they are declared now, and start the server.

    Raises:
        ConfigurationError: The environment is not installed, or `touchstone_bi` has no known password.
        TouchstoneError: A part of Superset failed; the message holds the end of its log.
    """
    settings = settings or get_settings()
    if not (environment_folder(settings) / "bin" / "gunicorn").is_file():
        raise ConfigurationError(
            "Superset is not installed", str(environment_folder(settings)), "Run `make bi`, which installs it."
        )
    stop(settings)
    progress("preparing Superset's database and importing the dashboards (a minute on the first run)")
    _prepare(settings)
    progress("starting Superset")
    entry = login(settings)
    process = spawn_detached(_server_command(settings, entry), log(settings), _environment(settings), home(settings))
    write_json(home(settings) / "process.json", process.dump())
    _await(entry, process, settings)
    return entry


def stop(settings: Settings | None = None) -> bool:
    """Stop the server; whether one ran."""
    settings = settings or get_settings()
    process = ProcessId.load(read_json(home(settings) / "process.json") or None)
    left = [*([process] if process else []), *marked(_marker(settings))]
    running = [one for one in left if one.is_alive()]
    end(running, 15)
    return bool(running)


def is_running(settings: Settings | None = None) -> bool:
    """Whether the server that was started last still lives."""
    process = ProcessId.load(read_json(home(settings or get_settings()) / "process.json") or None)
    return process is not None and process.is_alive()


def log(settings: Settings) -> Path:
    """Superset's log."""
    return settings.state_dir / "logs" / "superset.log"


def warehouse_uri(settings: Settings) -> str:
    """SQLAlchemy's URL of the warehouse for `touchstone_bi`, without the password."""
    place = warehouse_parameters(settings)
    return f"postgresql+psycopg2://touchstone_bi@{place['host']}:{place['port']}/{place['dbname']}"


def write_bundle(folder: Path, settings: Settings) -> None:
    """The files to import, described by the comments of the published tables."""
    with connect("bi", settings=settings) as connection:
        descriptions = dict(connection.execute(_DESCRIPTIONS).fetchall())
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in bundle(dashboards(), warehouse_uri(settings), descriptions).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def _prepare(settings: Settings) -> None:
    folder = private_dir(home(settings)) / "import"
    write_bundle(folder, settings)
    entry = login(settings)
    own = {"SUPERSET_ADMIN": entry.user, "SUPERSET_ADMIN_PASSWORD": entry.password, "SUPERSET_IMPORT": str(folder)}
    log(settings).parent.mkdir(parents=True, exist_ok=True)
    with log(settings).open("ab") as output:
        ended = subprocess.run(
            [
                str(environment_folder(settings) / "bin" / "python"),
                str(settings.root / "bi" / "superset" / "prepare.py"),
            ],
            env=_environment(settings) | own,
            cwd=home(settings),
            stdout=output,
            stderr=output,
        )
    if ended.returncode:
        raise TouchstoneError(
            "Superset cannot be prepared", f"exit code {ended.returncode}", f"Its log ends with:\n{tail(log(settings))}"
        )


def _server_command(settings: Settings, entry: Login) -> list[str]:
    return [
        str(environment_folder(settings) / "bin" / "gunicorn"),
        *("--bind", entry.url.removeprefix("http://")),
        *("--workers", "1", "--worker-class", "gthread", "--threads", "8", "--timeout", "120"),
        *("--worker-tmp-dir", str(home(settings)), "--no-control-socket"),
        "superset.app:create_app()",
    ]


def _environment(settings: Settings) -> dict[str, str]:
    folder = home(settings)
    return {
        **{name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ},
        "HOME": str(folder),
        "SUPERSET_HOME": str(folder),
        "SUPERSET_SECRET_KEY": _secrets(settings)["secret_key"],
        "SUPERSET_CONFIG_PATH": str(settings.root / "bi" / "superset" / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app()",
        "TOUCHSTONE_BI_PASSWORD": _bi_password(settings),
        MARKER: _marker(settings),
        # Nobody is told about the use of this installation.
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
    }


def _secrets(settings: Settings) -> dict[str, str]:
    return remembered(
        private_dir(home(settings)) / "secrets.json", ["secret_key", "admin"], lambda _: secrets.token_urlsafe(32)
    )


def _bi_password(settings: Settings) -> str:
    if settings.bi_password:
        return settings.bi_password.get_secret_value()
    path = bi_password_file(settings)
    if settings.warehouse_url or not path.exists():
        raise ConfigurationError(
            "the password of touchstone_bi is not known",
            None,
            "Set TOUCHSTONE_BI_PASSWORD, then `touchstone bootstrap`.",
        )
    return path.read_text()


def _marker(settings: Settings) -> str:
    return f"superset:{settings.state_dir}"


def _await(entry: Login, process: ProcessId, settings: Settings) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{entry.url}/health", timeout=5) as answer:  # noqa: S310 - our own http address
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        if not process.is_alive() or time.monotonic() > deadline:
            raise TouchstoneError("Superset does not come up", entry.url, f"Its log ends with:\n{tail(log(settings))}")
        time.sleep(0.5)
