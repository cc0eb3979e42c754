"""A firm behind its vendors' APIs in a storm: limits, faults, broken bodies, hangs, edits during the run, kill -9. Core equals the truth."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from datetime import datetime, timedelta

import pytest
from against_truth import differences, held_of, quiet_moment, truth_of

from touchstone import pipeline
from touchstone.daily import ingest_source
from touchstone.sandbox.api import Sandbox, SandboxOptions, serve
from touchstone.sandbox.company import build
from touchstone.sandbox.service import secrets
from touchstone.settings import Settings
from touchstone.sources.config import find_source
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
from touchstone.sources.config import find_source
from touchstone.sources.http import client
client.FIRST_PAUSE = 0.05
ingest_source(find_source(sys.argv[1]), as_of=datetime.fromisoformat(sys.argv[2]))
"""
SMALL, LARGE = {"conversations": 150, "kills": 2}, {"conversations": 5000, "kills": 10}
DAYS = 25


def storm(name: str, settings: Settings, *, conversations: int, kills: int, share: float):
    """Read a source through the storm, then once in the calm; returns the company and the last moment."""
    per_day = conversations / DAYS / {"zendesk": 1 - share, "hubspot": share, "mixpanel": 1}[name.partition(":")[0]]
    company = build(seed=23, conversations_per_day=per_day, days=DAYS, hubspot_share=share)
    start = company.until - timedelta(days=8)
    now = quiet_moment(company, company.until - timedelta(days=3))
    dice = random.Random(5)
    with serve(company, SandboxOptions(clock=start, seed=3)) as sandbox:
        write_json(server_file(settings), {"url": sandbox.url, "credentials": secrets(sandbox.credentials)})
        sandbox.control("traps", **STORM, faults=COUNTED)
        interrupted = attempts = 0
        while interrupted < kills:
            attempts += 1
            assert attempts <= 10 * kills, "runs end before they can be killed"
            _move_on(sandbox, now, dice.uniform(600, 9000))
            interrupted += _is_killed(sandbox, settings, name, now, dice)
        for _ in range(20):
            _move_on(sandbox, now, dice.uniform(600, 9000))
            if _begin(sandbox, name).wait() == 0:
                break
        else:
            raise AssertionError("no run comes to its end")
        stats = sandbox.control("stats")
        sandbox.control("traps", **CALM)
        sandbox.move_clock(now)
        ingest_source(find_source(name, settings), as_of=now, settings=settings)
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


def _begin(sandbox: Sandbox, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", INGEST, name, _clock(sandbox).isoformat()],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _is_killed(sandbox: Sandbox, settings: Settings, name: str, now: datetime, dice: random.Random) -> bool:
    """Begin a run, edit the world under its hands, and kill it between two pages or in the midst of one.

    Where that is depends on what has landed, not on how fast the machine is.
    """
    source, _, instance = name.partition(":")
    pages = dice.randint(1, 6)
    with connect(settings=settings, autocommit=True) as connection:

        def landed() -> int:
            query = "select count(*) from ops.loads where source = %s and instance = %s"
            return connection.execute(query, [source, instance]).fetchone()[0]

        before = landed()
        child = _begin(sandbox, name)
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


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", sizes())
@pytest.mark.parametrize(("desk", "share"), [("zendesk", 0.1), ("hubspot", 0.6)])
def test_core_equals_the_truth_after_a_storm(warehouse, desk, share, size):
    company, now = storm(f"{desk}:sandbox", warehouse, share=share, **size)
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    expected, expected_messages = truth_of(company, now, desk)
    found, found_messages = held_of(warehouse, desk, "sandbox")
    if desk == "hubspot":
        # a ticket that was merged before anybody read it is nowhere to be seen; its messages are at the survivor
        expected = {key: value for key, value in expected.items() if key in found or value[1] is None}
    assert differences(expected, found) == {}
    assert differences(expected_messages, found_messages) == {}
    print(f"{desk}: {len(found):,} conversations and {len(found_messages):,} messages equal the truth")
    _empty(warehouse, desk)


@pytest.mark.timeout(3000)
@pytest.mark.long
@pytest.mark.parametrize("size", sizes())
def test_product_events_equal_the_truth_after_a_storm(warehouse, size):
    company, now = storm("mixpanel:sandbox", warehouse, share=0.2, **size)
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    arrived = {event.event_id for event in company.product_events if event.arrives_at <= now}
    with connect("transformer", settings=warehouse) as connection:
        query = """
            select raw.payload -> 'properties' ->> '$insert_id'
            from core.product_events as events
            inner join raw_mixpanel.events as raw on raw.instance = events.instance and raw.id = events.event_id
        """
        held = [insert_id for (insert_id,) in connection.execute(query)]
    assert len(held) == len(set(held))
    assert set(held) == arrived
    print(f"mixpanel: {len(held):,} events equal the truth")
    _empty(warehouse, "mixpanel")


def _empty(settings: Settings, source: str) -> None:
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
