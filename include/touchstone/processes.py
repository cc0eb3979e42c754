"""Processes that outlive the one that started them: who they are, how they start, end, and log.

A process is known by its pid and its birth, because the kernel gives pids out again. Nothing here keeps a
handle on a child: whoever supervises now may not be the one that started the process.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

MARKER = "TOUCHSTONE_COMPONENT"
LOG_LIMIT = 10 * 1024 * 1024

# The shell steps out of the way, so that the process belongs to init and no caller is left with a zombie.
_DETACH = '"$@" </dev/null >&2 & echo $!'


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _birth(pid: int) -> str:
    """When a process was born, in a form that no change of the clock alters; empty if gone or a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        if _boot_id():
            # Field 22, counted behind the command's name, which may itself hold spaces and parentheses.
            ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
            return f"{_boot_id()}:{ticks}"
        return f"{process.create_time():.2f}"
    except (psutil.Error, OSError, IndexError):
        return ""


@dataclass(frozen=True)
class ProcessId:
    """A process, told apart from later ones with the same pid."""

    pid: int
    birth: str

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        return cls(pid, _birth(pid))

    @classmethod
    def load(cls, stored: Mapping[str, Any] | None) -> ProcessId | None:
        return cls(int(stored["pid"]), str(stored["birth"])) if stored else None

    def dump(self) -> dict[str, Any]:
        return {"pid": self.pid, "birth": self.birth}

    def is_alive(self) -> bool:
        return bool(self.birth) and _birth(self.pid) == self.birth

    def signal(self, number: int) -> None:
        """Send a signal, unless the process is gone or its pid belongs to another one by now."""
        if self.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def spawn_detached(
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
    account: Mapping[str, Any] | None = None,
) -> ProcessId:
    """Start a process in a session of its own that survives its starter; its output goes to a log.

    Args:
        account: `user`, `group` and `extra_groups` of subprocess, to run as somebody else.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    trim_log(log)
    with open_log(log) as output:
        started = subprocess.run(
            ["/bin/sh", "-c", _DETACH, "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            check=True,
            **(account or {}),
        )
    return ProcessId.of(int(started.stdout))


def open_log(log: Path) -> Any:
    """Open a log for appending; append mode is what makes cutting it under its writer safe."""
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def trim_log(log: Path, limit: int = LOG_LIMIT) -> None:
    """Bound a log that its writer keeps open: move the content to `<log>.1` and cut the file."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > limit:
            old = log.with_name(log.name + ".1")
            with open_log(old) as kept, log.open("r+b") as current:
                kept.truncate(0)
                kept.write(current.read())
                current.truncate(0)


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 16_384))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def marked(marker: str) -> list[ProcessId]:
    """Every living process that carries a component's marker, its children and orphans included."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARKER) == marker:
                found.append(ProcessId.of(process.pid))
    return [process for process in found if process.birth]


def end(processes: Iterable[ProcessId], patience: float, term: int = 15) -> None:
    """Ask processes to leave, wait, then make them."""
    remaining = list(processes)
    for process in remaining:
        process.signal(term)
    if not wait_gone(remaining, patience):
        for process in remaining:
            process.signal(9)
        wait_gone(remaining, 10)


def wait_gone(processes: Iterable[ProcessId], patience: float) -> bool:
    """Wait until all are gone; False if some are left."""
    remaining = list(processes)
    deadline = time.monotonic() + patience
    while remaining := [process for process in remaining if process.is_alive()]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
