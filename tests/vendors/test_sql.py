"""The firm's own databases, read by mapping: they grow, rows are edited and committed late, runs are killed; core equals the truth."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from against_truth import differences, held_of, quiet_moment, truth_of
from sql_world import Writer, chatbot, helpdesk
from storm import empty

from touchstone import pipeline
from touchstone.daily import ingest_source
from touchstone.sandbox.company import build
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

INGEST = """
import json, sys
from datetime import datetime
from touchstone.daily import ingest_source
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.sources.sql import connector
connector.PAGE_ROWS = int(sys.argv[3])
source = SourceInstance(parsed(json.loads(sys.argv[1]), "the test's entry"))
ingest_source(source, as_of=datetime.fromisoformat(sys.argv[2]))
"""
PASSWORD = "only-for-reading"
ACTORS = {"user": "customer", "bot": "ai_agent", "staff": "human_agent", "machine": "system"}
SIZES = [
    pytest.param({"conversations": 150, "kills": 3, "page_rows": 40}, id="small"),
    pytest.param(
        {"conversations": 5000, "kills": 10, "page_rows": 500}, id="5,000 conversations", marks=pytest.mark.long
    ),
]


def chatbot_entry(url: str) -> dict[str, Any]:
    return {
        "source": "sql",
        "instance": "chatbot",
        "url": url,
        "start": "2026-01-01",
        "tables": [
            {
                "kind": "conversations",
                "table": "Bot.chats",
                "id": "no",
                "cursor": "changed",
                "fields": {
                    "interaction_id": "ref",
                    "customer_id": "user_ref",
                    "channel": {"constant": "chat"},
                    "status": "state",
                    "started_at": "began",
                    "deleted_at": "removed",
                    "merged_into": "went_into",
                },
            },
            {
                "kind": "messages",
                "table": "Bot.chat lines",
                "id": "uid",
                "cursor": ["changed", "said"],
                "leave_out": ["mood"],
                "fields": {
                    "interaction_id": "chat",
                    "message_id": "ref",
                    "actor": {"column": "by", "values": ACTORS},
                    "actor_id": "speaker",
                    "text": "body",
                    "sent_at": "said",
                    "is_internal": "private",
                },
            },
            {
                "kind": "status_changes",
                "table": "Bot.state_log",
                "id": "n",
                "cursor": "n",
                "fields": {"interaction_id": "chat", "status": "state", "changed_at": "at"},
            },
        ],
    }


def helpdesk_entry(path: str) -> dict[str, Any]:
    entry = chatbot_entry(f"sqlite:///{path}")
    conversations, messages, _ = entry["tables"]
    messages["fields"]["actor"] = {
        "column": "by",
        "values": {1: "customer", 2: "ai_agent", 3: "human_agent", 4: "system"},
    }
    tables = [conversations | {"table": "tickets"}, messages | {"table": "posts"}]
    return entry | {"instance": "helpdesk", "time_zone": "UTC", "tables": tables}


@contextmanager
def chatbot_database(server, name: str):
    """A database of another owner, and a role that may only read it; yields (engine of the owner, address without password)."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
        connection.execute(f"create role {name}_reader login password '{PASSWORD}'")
    engine = sa.create_engine(server.url(name, driver="psycopg"))
    try:
        with engine.begin() as connection:
            connection.execute(sa.text('create schema "Bot"'))
            connection.execute(sa.text(f'grant usage on schema "Bot" to {name}_reader'))
            connection.execute(
                sa.text(f'alter default privileges in schema "Bot" grant select on tables to {name}_reader')
            )
        address = sa.make_url(server.url(name, driver="psycopg"))._replace(username=f"{name}_reader", password=None)
        yield engine, address.render_as_string(hide_password=False)
    finally:
        engine.dispose()


def _source(entry: dict[str, Any]) -> SourceInstance:
    return SourceInstance(parsed(entry, "the test's entry"))


def _begin(source: SourceInstance, now: datetime, page_rows: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", INGEST, source.entry.model_dump_json(), now.isoformat(), str(page_rows)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _storm(
    source: SourceInstance, settings: Settings, writer: Writer, start: datetime, end: datetime, size: dict
) -> int:
    """Runs that are killed between two pages, while the tables grow; returns how many were."""
    dice = random.Random(5)
    now = start
    writer.move_on(now)
    killed = attempts = 0
    with connect(settings=settings, autocommit=True) as connection:

        def landed() -> int:
            query = "select count(*) from ops.loads where source = 'sql' and instance = %s"
            return connection.execute(query, [source.instance]).fetchone()[0]

        while killed < size["kills"]:
            attempts += 1
            assert attempts < 10 * size["kills"], "runs end before they can be killed"
            before, pages = landed(), dice.randint(1, 12)
            child = _begin(source, now, size["page_rows"])
            is_edited = False
            while child.poll() is None and landed() < before + pages:
                if not is_edited and landed() > before:
                    now = min(now + timedelta(seconds=dice.uniform(60, 3000)), end)
                    writer.move_on(now)
                    is_edited = True
                time.sleep(0.01)
            killed += child.poll() is None
            child.kill()
            child.wait()
            now = min(now + timedelta(seconds=dice.uniform(600, 9000)), end)
            writer.move_on(now)
    while now < end:
        assert _begin(source, now, size["page_rows"]).wait() == 0
        now = min(now + timedelta(hours=dice.uniform(3, 15)), end)
        writer.move_on(now)
    # what was held back last is committed after a run that has seen later rows
    ingest_source(source, as_of=end, settings=settings)
    writer.move_on(end)
    ingest_source(source, as_of=end, settings=settings)
    return killed


def _equals_truth(source: SourceInstance, settings: Settings, company: Any, now: datetime) -> None:
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, settings)
    expected, expected_messages = truth_of(company, now, "sql")
    found, found_messages = held_of(settings, "sql", source.instance)
    assert len(found) > 50
    assert differences(expected, found) == {}
    assert differences(expected_messages, found_messages) == {}
    print(f"{source.name}: {len(found):,} conversations and {len(found_messages):,} messages equal the truth")


def _company(size: dict[str, int]) -> tuple[Any, datetime, datetime]:
    company = build(seed=29, conversations_per_day=size["conversations"] / 25 / 0.9, days=25, hubspot_share=0.1)
    return company, company.until - timedelta(days=8), quiet_moment(company, company.until - timedelta(days=3))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", SIZES)
def test_core_equals_the_truth_of_a_chatbots_database_t22(server, warehouse, monkeypatch, size):
    """T22: runs are killed between any two pages (rows and state are one transaction), rows are committed late."""
    monkeypatch.setenv("TOUCHSTONE_SQL_CHATBOT_PASSWORD", PASSWORD)
    company, start, now = _company(size)
    with chatbot_database(server, f"bot_{size['conversations']}") as (engine, address):
        metadata = sa.MetaData()
        layout = chatbot(metadata)
        metadata.create_all(engine)
        source = _source(chatbot_entry(address))
        writer = Writer(engine, layout, company, late=0.8)
        assert _storm(source, warehouse, writer, start, now, size) == size["kills"]
        assert writer.late_rows > 8
        _equals_truth(source, warehouse, company, now)
    with connect("transformer", settings=warehouse) as connection:
        told = connection.execute(
            "select count(*) from core.status_events inner join core.interactions using (interaction_key)"
            " where not is_deleted and instance = 'chatbot'"
        ).fetchone()[0]
        assert told > len(company.conversations)
    empty(warehouse, "sql")


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", SIZES)
def test_core_equals_the_truth_of_a_homegrown_helpdesk_in_sqlite(warehouse, tmp_path, size):
    company, start, now = _company(size)
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'desk.db'}")
    metadata = sa.MetaData()
    layout = helpdesk(metadata)
    metadata.create_all(engine)
    source = _source(helpdesk_entry(str(tmp_path / "desk.db")))
    writer = Writer(engine, layout, company, late=0.8)
    assert _storm(source, warehouse, writer, start, now, size) == size["kills"]
    assert writer.late_rows > 8
    _equals_truth(source, warehouse, company, now)
    empty(warehouse, "sql")
