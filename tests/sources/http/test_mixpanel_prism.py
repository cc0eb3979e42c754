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
from scripted import Answer, scripted
from vendors import MixpanelPlace

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


def violations(log: Path) -> list[str]:
    """What Prism found wrong so far, in requests and in answers."""
    return [line for line in log.read_text().splitlines() if "Violation" in line or "terminated with error" in line]


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
        known = violations(log)  # of the probe, which has no credentials
        place = MixpanelPlace(warehouse, sandbox, base_url=url, start="2026-03-02")
        assert place.check() == {"export of events": None}
        place.run()
        place.run()
        assert violations(log) == known
        found = {one["properties"]["$insert_id"] for one in place.payloads("events").values()}
        assert found == {one.event_id for one in events}
        assert len(place.asked("mixpanel.export")) == 1 + 30 + 6


def test_the_judge_sees_what_is_wrong(prism, tmp_path):
    log = tmp_path / "prism.log"
    answer = Answer([{"event": "signed_in"}], headers={"content-type": "application/json"})
    with scripted([answer]) as api, judged(prism, api.url, log) as url:
        known = len(violations(log))
        whole = {"from_date": "2026-03-02", "to_date": "2026-03-02", "project_id": 1}
        client = httpx.Client(auth=("user", "secret"), headers={"Accept-Encoding": "gzip"}, timeout=20)
        with client:
            assert client.get(f"{url}/export", params=whole | {"project_id": "one"}).status_code == 422
            assert len(violations(log)) == known + 1
            assert client.get(f"{url}/export", params=whole).status_code == 500
            assert len(violations(log)) == known + 2
