"""A storm over a vendor's API: limits, faults, broken bodies, hangs, edits during the run, kill -9."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from against_truth import desk_of, quiet_moment

from touchstone.daily import ingest_source
from touchstone.sandbox.api import Sandbox, SandboxOptions, Traps, serve
from touchstone.sandbox.company import build
from touchstone.sandbox.service import secrets
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.sandbox import server_file
from touchstone.statefiles import write_json
from touchstone.warehouse.engine import connect

STORM = {
    "rate_limited": 0.10,
    "retry_after": [0.0, 0.05, None],
    "server_error": 0.03,
    "broken_body": 0.01,
    "hang": 0.3,
    "hang_share": 0.01,
}
# however few the requests are, each kind of fault is among them
COUNTED = [
    {"kind": "server_error", "skip": 2},
    {"kind": "broken_body", "skip": 5, "body": "cut"},
    {"kind": "cut_export", "skip": 8},
    {"kind": "hang", "skip": 10, "seconds": 0.3},
    {"kind": "rate_limited", "skip": 12, "retry_after": 0.05},
    {"kind": "broken_body", "skip": 14, "body": "html"},
]
CALM = dict.fromkeys(STORM, 0.0) | {"retry_after": 0.0, "faults": []}
INGEST = """
import sys
from datetime import datetime
from touchstone.daily import ingest_source
from touchstone.sources.config import SourceInstance
from touchstone.sources.http import client
from touchstone.sources.options import parsed
import json
client.FIRST_PAUSE = 0.05
source = SourceInstance(parsed(json.loads(sys.argv[1]), "the storm"))
ingest_source(source, as_of=datetime.fromisoformat(sys.argv[2]))
"""
SMALL, LARGE = {"conversations": 150, "kills": 2}, {"conversations": 5000, "kills": 10}
DAYS = 25
ANALYTICS = ("mixpanel", "amplitude", "posthog")


def storm(
    source: SourceInstance,
    settings: Settings,
    *,
    conversations: int,
    kills: int,
    share: float,
    traps: dict[str, Any] | None = None,
):
    """Read a source through the storm, then once in the calm; returns the company and the last moment.

    Args:
        traps: The vendor's own, which stay in the calm.
    """
    name = source.source
    per_day = conversations / DAYS / (1 if name in ANALYTICS else share if desk_of(name) == "hubspot" else 1 - share)
    company = build(seed=23, conversations_per_day=per_day, days=DAYS, hubspot_share=share)
    start = company.until - timedelta(days=8)
    now = quiet_moment(company, company.until - timedelta(days=3))
    dice = random.Random(5)
    own = Traps(**traps or {})
    with serve(company, SandboxOptions(clock=start, seed=3, vendors=(name,), traps=own)) as sandbox:
        write_json(server_file(settings), {"url": sandbox.url, "credentials": secrets(sandbox.credentials)})
        sandbox.control("traps", **STORM, faults=COUNTED)
        interrupted = attempts = 0
        while interrupted < kills:
            attempts += 1
            assert attempts <= 10 * kills, "runs end before they can be killed"
            _move_on(sandbox, now, dice.uniform(600, 9000))
            interrupted += _is_killed(sandbox, settings, source, now, dice)
        for _ in range(20):
            _move_on(sandbox, now, dice.uniform(600, 9000))
            if _begin(sandbox, source).wait() == 0:
                break
        else:
            raise AssertionError("no run comes to its end")
        stats = sandbox.control("stats")
        sandbox.control("traps", **CALM)
        sandbox.move_clock(now)
        ingest_source(source, as_of=now, settings=settings)
        assert stats["crashes"] == []
        assert {"rate_limited", "server_error", "hang", "body:cut", "body:html"} <= set(stats["faults"])
    print(f"{name}: {interrupted} kills, {stats['requests']:,} requests, met {stats['faults']}")
    return company, now


def _clock(sandbox: Sandbox) -> datetime:
    return datetime.fromisoformat(sandbox.control("clock")["now"])


def _move_on(sandbox: Sandbox, now: datetime, seconds: float) -> None:
    """The world moves on with every attempt, and with what it takes."""
    if _clock(sandbox) + timedelta(hours=3) < now:
        sandbox.move_clock(seconds=seconds)


def _begin(sandbox: Sandbox, source: SourceInstance) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", INGEST, source.entry.model_dump_json(), _clock(sandbox).isoformat()],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _is_killed(
    sandbox: Sandbox, settings: Settings, source: SourceInstance, now: datetime, dice: random.Random
) -> bool:
    """Begin a run, edit the world under its hands, and kill it between two pages or in the midst of one.

    Where that is depends on what has landed, not on how fast the machine is.
    """
    pages = dice.randint(1, 6)
    with connect(settings=settings, autocommit=True) as connection:

        def landed() -> int:
            query = "select count(*) from ops.loads where source = %s and instance = %s"
            return connection.execute(query, [source.source, source.instance]).fetchone()[0]

        before = landed()
        child = _begin(sandbox, source)
        is_edited = False
        while child.poll() is None and landed() < before + pages:
            if not is_edited and landed() > before:
                _move_on(sandbox, now, dice.uniform(60, 900))
                is_edited = True
            time.sleep(0.02)
    time.sleep(dice.uniform(0, 0.1))
    is_killed = child.poll() is None
    child.kill()
    child.wait()
    return is_killed


def sizes():
    return [pytest.param(SMALL, id="small"), pytest.param(LARGE, id="5,000 conversations", marks=pytest.mark.long)]


def empty(settings: Settings, source: str) -> None:
    """Leave a warehouse without rows of a source to the next size."""
    with connect(settings=settings) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "select format('%I.%I', schemaname, tablename) from pg_tables"
                " where schemaname in ('core', 'clean', 'scores', 'facts', 'staging') or schemaname like 'raw\\_%'",
            )
        ]
        connection.execute(
            f"truncate {', '.join(names)}, ops.cursors, ops.loads, ops.runs, ops.interaction_changes, ops.watermarks,"
            " ops.source_fields, ops.quarantine cascade"
        )
