"""The server's process: it starts on a free port, and never outlives its starter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
from small_firm import at, firm, plain, tickets_page, zendesk

from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, run, serve
from touchstone.sandbox.api.bulk import bulk_company


def raises():
    raise ValueError("no such company")


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def wait_until(condition):
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_company_is_served_by_a_process_of_its_own_that_ends_with_the_block():
    with serve(firm([plain(1, at(1))]), SandboxOptions(clock=at(2))) as sandbox:
        assert sandbox.pid != os.getpid()
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert sandbox.control("health") == {"status": "ok", "now": "2026-03-04T00:00:00Z"}
        with zendesk(sandbox) as client:
            assert [row["id"] for row in tickets_page(client, start_time=0)["tickets"]] == [1001]
        pid, url = sandbox.pid, sandbox.url
    assert is_gone(pid)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/_sandbox/health")


def test_a_hanging_request_does_not_keep_the_server_alive():
    with serve(firm()) as sandbox:
        sandbox.control("traps", hang=60)
        with zendesk(sandbox) as client, pytest.raises(httpx.ReadTimeout):
            client.get("groups.json", timeout=0.2)
        began, pid = time.monotonic(), sandbox.pid
    assert is_gone(pid)
    assert time.monotonic() - began < 8


def test_a_company_can_be_built_by_the_server_itself():
    with serve(partial(bulk_company, 30, 90)) as sandbox, zendesk(sandbox) as client:
        assert len(tickets_page(client, start_time=0)["tickets"]) == 30


def test_a_server_that_does_not_start_says_why(tmp_path):
    with pytest.raises(SourceError, match="no such company"), serve(raises, log=tmp_path / "log"):
        pass


def test_a_server_that_cannot_even_read_its_company_says_why(tmp_path, monkeypatch):
    module = tmp_path / "fleeting.py"
    module.write_text("def company(ballast):\n    raise AssertionError\n")
    monkeypatch.syspath_prepend(tmp_path)
    import fleeting

    module.unlink()
    # more than a pipe holds
    with pytest.raises(SourceError, match="fleeting"), serve(partial(fleeting.company, b"x" * 1_000_000)):
        pass


def test_it_ends_when_its_starter_is_killed(tmp_path):
    script = tmp_path / "starter.py"
    script.write_text(
        """
from functools import partial
import time
from touchstone.sandbox.api import serve
from touchstone.sandbox.api.bulk import bulk_company

if __name__ == "__main__":
    with serve(partial(bulk_company, 1, 1)) as sandbox:
        print(sandbox.pid, flush=True)
        time.sleep(60)
"""
    )
    include = Path(sys.modules["touchstone"].__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(include)}
    ) as starter:
        pid = int(starter.stdout.readline())
        assert not is_gone(pid)
        starter.send_signal(signal.SIGKILL)
        starter.wait(10)
        wait_until(lambda: is_gone(pid))


def test_a_port_that_is_taken_is_named():
    with serve(firm()) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(SourceError, match=str(port)):
            run(firm(), SandboxOptions(), port)


def test_large_pages_hold_every_ticket_once():
    with serve(partial(bulk_company, 10_000, 50_000)) as sandbox, zendesk(sandbox) as client:
        page, seen = {"after_cursor": None}, []
        for _ in range(10):
            query = {"cursor": page["after_cursor"]} if page["after_cursor"] else {"start_time": 0}
            page = tickets_page(client, include="metric_sets", **query)
            seen += [ticket["id"] for ticket in page["tickets"]]
        assert (len(set(seen)), len(seen), page["end_of_stream"]) == (10_000, 10_000, True)
