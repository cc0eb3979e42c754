"""The two worked mappings of docs/sql-source.md, as they stand there, over tables that are shaped as Rasa and Segment make them."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from test_sql import PASSWORD, chatbot_database

from touchstone import pipeline
from touchstone.daily import ingest_source
from touchstone.sandbox.company import build
from touchstone.sandbox.model import Conversation
from touchstone.sources.config import SourceInstance
from touchstone.sources.http.runner import check
from touchstone.sources.options import parsed
from touchstone.sources.registry import connector
from touchstone.warehouse.engine import connect

PAGE = Path(__file__).parents[2] / "docs" / "sql-source.md"


def documented(instance: str, **given: str) -> SourceInstance:
    """The mapping as the page has it, on another address."""
    blocks = [block.partition("```")[0] for block in PAGE.read_text().split("```yaml\n")[1:]]
    entries = [entry for block in blocks for entry in yaml.safe_load(block)]
    found = next(entry for entry in entries if entry["instance"] == instance)
    return SourceInstance(parsed(found | given, "the page"))


class Rasa:
    """A tracker store: every event of a conversation is a row, most of them no message."""

    def __init__(self, engine: sa.Engine, conversations: list[Conversation]) -> None:
        metadata = sa.MetaData()
        self._engine = engine
        self._events = sa.Table(
            "events",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("sender_id", sa.String(255), nullable=False, index=True),
            sa.Column("type_name", sa.String(255), nullable=False),
            sa.Column("timestamp", sa.Float),
            sa.Column("intent_name", sa.String(255)),
            sa.Column("action_name", sa.String(255)),
            sa.Column("data", sa.Text),
        )
        metadata.create_all(engine)
        self.rows = sorted((row for one in conversations for row in self._of(one)), key=lambda row: row["timestamp"])
        for number, row in enumerate(self.rows, start=1):
            row["id"] = number

    def insert(self, rows: list[dict]) -> None:
        with self._engine.begin() as connection:
            connection.execute(self._events.insert(), rows)

    def _of(self, one: Conversation):
        yield self._row(one, one.created_at, "session_started")
        for event in one.events:
            if event.kind == "message":
                kind = {"customer": "user", "ai_agent": "bot"}[event.actor]
                yield self._row(one, event.at, kind, text=event.text, metadata={"model_id": "m1"})
                yield self._row(one, event.at, "action", action="action_listen")

    @staticmethod
    def _row(one: Conversation, at, kind: str, action: str | None = None, **data) -> dict:
        stamp = at.timestamp()
        return {
            "sender_id": one.conversation_id,
            "type_name": kind,
            "timestamp": stamp,
            "intent_name": "ask" if kind == "user" else None,
            "action_name": action,
            "data": json.dumps({"event": kind, "timestamp": stamp, **data}),
        }


def segment(engine: sa.Engine, company) -> tuple[int, dict[str, str]]:
    """Tables of a Segment source; returns the number of events and the address of each identified user."""
    metadata = sa.MetaData()
    time = sa.DateTime(timezone=True)
    shared = lambda: (  # noqa: E731
        sa.Column("id", sa.String(1024), primary_key=True),
        sa.Column("anonymous_id", sa.String),
        sa.Column("user_id", sa.String),
        sa.Column("received_at", time),
        sa.Column("timestamp", time),
        sa.Column("uuid_ts", time),
        sa.Column("context_ip", sa.String),
    )
    tracks = sa.Table("tracks", metadata, *shared(), sa.Column("event", sa.String), schema="app")
    identifies = sa.Table(
        "identifies",
        metadata,
        *shared(),
        sa.Column("email", sa.String),
        sa.Column("company_id", sa.String),
        schema="app",
    )
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema("app"))
    metadata.create_all(engine)
    users = {one.customer_id: one for one in company.customers if "mixpanel" in one.known_to}
    events = [one for one in company.product_events if one.customer_id in users][:3000]
    with engine.begin() as connection:
        connection.execute(
            tracks.insert(),
            [
                {
                    "id": one.event_id,
                    "user_id": users[one.customer_id].external_id,
                    "received_at": one.arrives_at,
                    "timestamp": one.at,
                    "uuid_ts": one.arrives_at + timedelta(minutes=5) if number % 3 else None,
                    "event": one.name,
                }
                for number, one in enumerate(events)
            ],
        )
        connection.execute(
            identifies.insert(),
            [
                {
                    "id": f"identify-{one.customer_id}-{number}",
                    "user_id": one.external_id,
                    "received_at": one.created_at,
                    "timestamp": one.created_at,
                    "email": one.emails[0] if number else None,  # an address is often told later
                    "company_id": one.account_id,
                }
                for one in users.values()
                for number in (0, 1)
            ],
        )
    return len({one.event_id for one in events}), {one.external_id: one.emails[0] for one in users.values()}


@pytest.fixture(scope="module")
def company():
    return build(seed=31, conversations_per_day=15, days=12, hubspot_share=0.1)


@pytest.fixture(scope="module")
def core(server, warehouse, company):
    """Both databases, read twice while the first of them grows; returns (connection to core, what was written)."""
    only_bot = [
        one
        for one in company.conversations
        if {event.actor for event in one.events if event.kind == "message"} == {"customer", "ai_agent"}
        and not any(event.kind in ("merge", "delete", "redact") or event.is_internal for event in one.events)
    ]
    now = company.until
    with pytest.MonkeyPatch.context() as patch, chatbot_database(server, "worked") as (engine, address):
        patch.setenv("TOUCHSTONE_SQL_RASA_PASSWORD", PASSWORD)
        patch.setenv("TOUCHSTONE_SQL_SEGMENT_PASSWORD", PASSWORD)
        rasa = Rasa(engine, only_bot)
        expected_events, emails = segment(engine, company)
        with engine.begin() as connection:
            connection.execute(sa.text("grant usage on schema app to worked_reader"))
            connection.execute(sa.text("grant select on all tables in schema app, public to worked_reader"))
        sources = [documented(name, url=address) for name in ("rasa", "segment")]
        half = len(rasa.rows) // 2
        # T22: row `half` is committed after rows of greater number have been read
        rasa.insert([row for row in rasa.rows[: half + 20] if row["id"] != half])
        for source in sources:
            assert [error for _, error in check(connector("sql"), source, settings=warehouse) if error] == []
            ingest_source(source, as_of=now, settings=warehouse)
        rasa.insert([rasa.rows[half - 1], *rasa.rows[half + 20 :]])
        for source in sources:
            ingest_source(source, as_of=now, settings=warehouse)
        # a homegrown desk, where the same people write under their addresses
        desk = _desk(engine, emails, address)
        ingest_source(desk, as_of=now, settings=warehouse, secrets={"password": PASSWORD})
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    with connect("transformer", settings=warehouse) as connection:
        yield connection, only_bot, expected_events, emails


def _desk(engine: sa.Engine, emails: dict[str, str], address: str) -> SourceInstance:
    with engine.begin() as connection:
        connection.execute(
            sa.text("create table public.mails (n int primary key, sender text, body text, at timestamptz)")
        )
        connection.execute(sa.text("grant select on public.mails to worked_reader"))
        connection.execute(
            sa.text("insert into mails values (:n, :sender, 'Where is my invoice?', '2026-01-05T10:00:00Z')"),
            [{"n": number, "sender": email} for number, email in enumerate(list(emails.values())[:5], start=1)],
        )
    table = {
        "kind": "messages",
        "table": "mails",
        "id": "n",
        "cursor": "n",
        "fields": {
            "interaction_id": "n",
            "customer_email": "sender",
            "channel": {"constant": "email"},
            "actor": {"constant": "customer"},
            "sent_at": "at",
            "text": "body",
        },
    }
    entry = {"source": "sql", "instance": "mails", "url": address, "start": "2026-01-01", "tables": [table]}
    return SourceInstance(parsed(entry, "the test's entry"))


def test_a_rasa_tracker_store_is_conversations_of_customers_and_bot_t22(core):
    connection, conversations, _, _ = core
    rows = connection.execute(
        "select interactions.interaction_id, actor, date_trunc('second', sent_at), text, pii, intent, messages.agent_version,"
        " channel, customer_id from core.messages inner join core.interactions using (interaction_key)"
        " where interactions.instance = 'rasa' order by sent_at, ordinal"
    ).fetchall()
    found = {(row[0], row[1], row[2], None if row[4] else " ".join(row[3].split())) for row in rows}
    pii = {(row[0], row[1], row[2]) for row in rows if row[4]}
    expected = {
        (
            one.conversation_id,
            event.actor,
            event.at.astimezone(UTC).replace(microsecond=0),
            " ".join(event.text.split()),
        )
        for one in conversations
        for event in one.events
        if event.kind == "message"
    }
    assert len(rows) == sum(event.kind == "message" for one in conversations for event in one.events) > 100
    assert {one[:3] for one in found} == {one[:3] for one in expected}
    assert {one for one in expected if one[:3] not in pii} == {one for one in found if one[3] is not None}
    assert {row[5:8] for row in rows if row[1] == "ai_agent"} == {(None, "m1", "chat")}
    assert all(row[8] == row[0] for row in rows)


def test_segments_events_and_users_reach_core_with_what_they_are_known_by(core):
    connection, _, expected_events, emails = core
    events, users = connection.execute(
        "select count(*), count(distinct customer_key) from core.product_events where instance = 'segment'"
    ).fetchone()
    assert events == expected_events > 500
    known = connection.execute(
        "select count(distinct entity_key) filter (where rule = 'email'), count(distinct entity_key) filter (where rule = 'external_id')"
        " from staging.int_identity__evidence where instance = 'segment'"
    ).fetchone()
    assert known == (len(emails), len(emails))
    assert users > 10
    # whoever writes to the desk under the address is the same person
    same = connection.execute(
        "select count(*) from core.customers as desk inner join core.customers as product using (person_key)"
        " where desk.instance = 'mails' and product.instance = 'segment'"
    ).fetchone()
    assert same == (5,)
    stated = connection.execute(
        "select count(*) filter (where payload -> 'raw' ? 'context_ip') from raw_sql.customers where instance = 'segment'"
    ).fetchone()
    assert stated == (0,)
