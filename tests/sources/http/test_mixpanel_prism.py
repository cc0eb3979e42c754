"""The vendor's own description of the export judges every request of the connector and every answer of the simulated vendor."""

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
from places import MixpanelPlace
from scripted import Answer, scripted

from sandbox.small_firm import at, firm, product_event
from touchstone.sandbox.api import SandboxOptions, serve_here

SPECIFICATION = Path(__file__).resolve().parents[4] / "shared" / "openapi" / "mixpanel-export.yaml"
PRISM = "@stoplight/prism-cli@5.14.2"
PATIENCE = 120.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def prism() -> list[str]:
    """The command of Prism, which comes from the npm registry."""
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("npx is not installed")
    if not SPECIFICATION.is_file():
        pytest.skip("the vendors' descriptions (../shared/openapi) are not beside this checkout")
    command = [npx, "--yes", PRISM]
    try:
        tried = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npx does not bring {PRISM} within {PATIENCE:.0f} s")
    if tried.returncode != 0:
        pytest.skip(f"npx cannot bring {PRISM}: {tried.stderr.strip()[-200:]}")
    return command


@contextlib.contextmanager
def judged(prism: list[str], upstream: str, log: Path) -> Iterator[str]:
    """Prism between a client and an API: what does not follow the description becomes a 500."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prism, "proxy", "--errors", "--host", "127.0.0.1", "--port", str(port), str(SPECIFICATION), upstream],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}/export", timeout=5)
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


def test_a_whole_ingest_follows_the_vendors_description(warehouse, prism, tmp_path):
    events = [
        product_event(number, at(number % 29, seconds=number), copies=1 + (number % 7 == 0))
        for number in range(1, 4001)
    ]
    traps = {"drift": {"new_field": True, "nul_and_surrogates": True}, "split_records": 0.1, "duplicate_events": 0.05}
    log = tmp_path / "prism.log"
    with (
        serve_here(firm(product_events=events), SandboxOptions(clock=at(29, hours=12), traps=traps)) as sandbox,
        judged(prism, f"{sandbox.url}/mixpanel/api/2.0", log) as url,
    ):
        place = MixpanelPlace(warehouse, sandbox, base_url=url, start="2026-03-02")
        assert place.check() == {"export of events": None}
        place.run()
        place.run()
        found = {one["properties"]["$insert_id"] for one in place.payloads("events").values()}
        assert found == {one.event_id for one in events}
        assert len(place.asked("mixpanel.export")) == 1 + 30 + 6
        await_line(log, "Received forward response", 1 + 30 + 6)
        assert violations(log) == []


def test_the_judge_sees_what_is_wrong(prism, tmp_path):
    log = tmp_path / "prism.log"
    answer = Answer([{"event": "signed_in"}], headers={"content-type": "application/json"})
    with scripted([answer]) as api, judged(prism, api.url, log) as url:
        whole = {"from_date": "2026-03-02", "to_date": "2026-03-02", "project_id": 1}
        with httpx.Client(auth=("user", "secret"), headers={"Accept-Encoding": "gzip"}, timeout=20) as client:
            assert client.get(f"{url}/export", params=whole | {"project_id": "one"}).status_code == 422
            assert client.get(f"{url}/export", params=whole).status_code == 500
        await_line(log, "terminated with error", 3)
    request, response = violations(log)
    assert "UNPROCESSABLE_ENTITY" in request
    assert "VIOLATIONS" in response
