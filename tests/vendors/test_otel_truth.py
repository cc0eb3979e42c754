"""The company's AI agents in files of a collector that grow, rotate and are packed while runs are killed: core equals the truth."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from against_truth import differences, quiet_moment
from storm import empty, sizes
from test_langfuse import ai_part, held_of
from test_langfuse import truth_of as all_shown

from touchstone import pipeline
from touchstone.daily import ingest_source
from touchstone.sandbox.company import build
from touchstone.sandbox.entries import entry
from touchstone.sandbox.model import Company
from touchstone.sandbox.otlp import HANDOFF_TOOL, exports
from touchstone.sandbox.state import shown_at
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

DAYS = 25
FIELDS = {
    name: "support." + place.split(".")[-1]
    for name, place in entry("langfuse")["fields"].items()
    if name not in ("handoff", "channel")
} | {"channel": "support.channel"}
INGEST = """
import sys, json
from datetime import datetime
from touchstone.daily import ingest_source
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.sources.otel import files
files.PAGE_RECORDS = int(sys.argv[3])
source = SourceInstance(parsed(json.loads(sys.argv[1]), "the test's entry"))
ingest_source(source, as_of=datetime.fromisoformat(sys.argv[2]))
"""


class Collector:
    """A collector that writes until a moment, rotates its file now and then, and packs what it rotated."""

    def __init__(self, company: Company, folder: Path) -> None:
        self._left = exports(company)
        self._folder = folder
        self._rotated = 0
        self._torn = b""
        folder.mkdir()

    def write(self, until: datetime, dice: random.Random) -> None:
        """Everything up to a moment, but for the second half of the last line."""
        count = sum(moment <= until for moment, _ in self._left)
        body = self._torn + b"".join(line for _, line in self._left[:count])
        self._left = self._left[count:]
        cut = len(body) - 20 if body and self._left else len(body)
        with (self._folder / "spans.json").open("ab") as file:
            file.write(body[:cut])
        self._torn = body[cut:]

    def rotate(self, dice: random.Random) -> None:
        """Rename the file, and pack it or the one before it."""
        if self._torn:
            return
        current = self._folder / "spans.json"
        self._rotated += 1
        old = current.rename(self._folder / f"spans-{self._rotated}.json")
        if dice.random() < 0.5:
            (self._folder / f"{old.name}.gz").write_bytes(gzip.compress(old.read_bytes()))
            old.unlink()

    def finish(self, until: datetime) -> None:
        """Write the rest of the torn line."""
        with (self._folder / "spans.json").open("ab") as file:
            file.write(self._torn)
        self._torn = b""


def entry(path: Path, **more: Any) -> SourceInstance:
    given = {
        "source": "otel",
        "instance": "sandbox",
        "path": str(path),
        "start": "2026-01-01",
        "fields": FIELDS,
        "feedback": ["thumbs"],
        "rating": {"score": "csat", "min": 1, "max": 5},
        "handoff_tools": [HANDOFF_TOOL],
    }
    return SourceInstance(parsed(given | more, "the test's entry"))


def truth_of(company: Company, now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """What files hold: a turn is exported whole, when its answer shows."""
    agents = {agent.agent_id: agent for agent in company.agents}
    hidden: dict[str, set[int]] = {}
    for one in company.conversations:
        said = ai_part(one, agents)
        shown = 0
        for place, event in enumerate(said):
            answer = said[place + 1] if place + 1 < len(said) and said[place + 1].actor == "ai_agent" else None
            if shown_at(event) > now:
                continue
            shown += 1
            if event.actor == "customer" and answer is not None and shown_at(answer) > now:
                hidden.setdefault(f"session-{one.conversation_id}", set()).add(shown)
    conversations, messages = all_shown(company, now)
    assert not hidden, "a moment at which every question that shows has its answer"

    def renamed(session: str) -> str:
        return session.replace("session-", "conversation-")

    return (
        {renamed(key): value for key, value in conversations.items()},
        {(renamed(key), ordinal): value for (key, ordinal), value in messages.items()},
    )


def killed(source: SourceInstance, settings: Settings, now: datetime, dice: random.Random) -> bool:
    """Begin a run of small pages, and kill it after some of them."""
    pages = dice.randint(1, 4)
    arguments = [source.entry.model_dump_json(), now.isoformat(), str(dice.randint(20, 60))]
    with connect(settings=settings, autocommit=True) as connection:

        def landed() -> int:
            query = "select count(*) from ops.loads where source = 'otel' and instance = %s"
            return connection.execute(query, [source.instance]).fetchone()[0]

        before = landed()
        child = subprocess.Popen(
            [sys.executable, "-c", INGEST, *arguments],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while child.poll() is None and landed() < before + pages:
            time.sleep(0.01)
    time.sleep(dice.uniform(0, 0.03))
    is_killed = child.poll() is None
    child.kill()
    child.wait()
    return is_killed


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", sizes())
def test_core_equals_what_the_ai_agents_did_whatever_becomes_of_the_files(warehouse, tmp_path, size):
    company = build(seed=23, conversations_per_day=size["conversations"] / DAYS / 0.9, days=DAYS, hubspot_share=0.1)
    now = quiet_moment(company, company.until - timedelta(days=3))
    dice = random.Random(5)
    collector = Collector(company, tmp_path / "spans")
    source = entry(tmp_path / "spans")
    kills = attempts = 0
    moment = company.until - timedelta(days=20)
    while kills < size["kills"] or moment < now - timedelta(days=1):
        attempts += 1
        assert attempts <= 12 * size["kills"], "runs end before they can be killed"
        moment = min(moment + timedelta(days=dice.uniform(1, 6)), now)
        collector.write(moment, dice)
        kills += killed(source, warehouse, now, dice)
        collector.finish(moment)
        collector.rotate(dice)
    collector.write(now, dice)
    collector.finish(now)
    ingest_source(source, as_of=now, settings=warehouse)
    again = ingest_source(source, as_of=now, settings=warehouse)
    assert again.rows_in == 0
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    expected, expected_messages = truth_of(company, now)
    found, found_messages = held_of(warehouse, "otel", "sandbox")
    assert differences(expected, found) == {}
    assert differences(expected_messages, found_messages) == {}
    assert any(one[6] for one in found.values())
    assert any(one[6] for one in found_messages.values())
    print(f"otel: {kills} kills, {len(found):,} conversations and {len(found_messages):,} messages equal the truth")
    empty(warehouse, "otel")
