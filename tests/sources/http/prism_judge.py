"""A vendor's own description of its API as the judge of every request of a connector and every answer of the simulated vendor."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

DESCRIPTIONS = Path(__file__).resolve().parents[4] / "shared" / "openapi"
PRISM = "@stoplight/prism-cli@5.14.2"
PATIENCE = 120.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def description(name: str) -> Path:
    """A vendor's description of its API; the test is skipped where it is not beside this checkout."""
    path = DESCRIPTIONS / name
    if not path.is_file():
        pytest.skip("the vendors' descriptions (../shared/openapi) are not beside this checkout")
    return path


def prism_command() -> list[str]:
    """The command of Prism, which comes from the npm registry; the test is skipped where it cannot be had."""
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("npx is not installed")
    command = [npx, "--yes", PRISM]
    try:
        tried = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npx does not bring {PRISM} within {PATIENCE:.0f} s")
    if tried.returncode != 0:
        pytest.skip(f"npx cannot bring {PRISM}: {tried.stderr.strip()[-200:]}")
    return command


@contextlib.contextmanager
def judged(prism: list[str], specification: Path, upstream: str, log: Path, probe: str) -> Iterator[str]:
    """Prism between a client and an API: what does not follow the description becomes a 500.

    Args:
        probe: A path that takes credentials: it is asked without them until Prism answers.
    """
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prism, "proxy", "--errors", "--host", "127.0.0.1", "--port", str(port), str(specification), upstream],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}{probe}", timeout=5)
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def await_line(log: Path, what: str, count: int) -> None:
    """Prism writes its log behind its answers."""
    deadline = time.monotonic() + 20
    while log.read_text().count(what) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert log.read_text().count(what) == count


def violations(log: Path) -> list[str]:
    """What Prism found wrong in requests and answers."""
    lines = log.read_text().splitlines()
    found = [line for line in lines if "Violation" in line or "terminated with error" in line]
    # the probe of its start has no credentials
    assert "UNAUTHORIZED" in found[0]
    return found[1:]
