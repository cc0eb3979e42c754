"""Every kind of table in core, on two days: what each says, and that both days together say what they say one after the other."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.rows import dict_row

from checksums import digests
from touchstone import pipeline
from touchstone.daily import ingest_source
from touchstone.settings import Settings, get_settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.bootstrap import bootstrap
from touchstone.warehouse.engine import connect

FIRST, SECOND = datetime(2026, 3, 11, tzinfo=UTC), datetime(2026, 3, 13, tzinfo=UTC)
SCHEMA = """
create table chats (id text, person text, firm text, state text, began text, gone text, into_chat text, rated int, rated_at text, ts text);
create table lines (id integer, chat text, by text, who text, body text, at text, mail text, ts text);
create table states (id integer, chat text, state text, at text);
create table turns (id integer, chat text, who text, team text, at text);
create table answers (id integer, chat text, points int, top int, asked text, at text);
create table people (id text, mail text, uid text, firm text, ts text);
create table firms (id text, name text, domain text, tier text, arr text, ts text);
create table clicks (id integer, uid text, mail text, what text, at text, plan text, ts text);
"""
DAY_ONE = """
insert into chats values ('a', 'p1', null, 'open', '2026-03-10 09:00:00', null, null, null, null, '2026-03-10 10:00:00');
insert into chats values ('b', 'p2', 'f2', 'open', '2026-03-10 09:00:00', null, null, 4, '2026-03-10 11:00:00', '2026-03-10 10:00:00');
insert into chats values ('d', 'p1', null, 'open', '2026-03-10 12:00:00', null, null, null, null, '2026-03-10 12:00:00');
insert into lines values (1, 'a', 'user', 'p1', 'Where is my invoice?', '2026-03-10 09:00:00', null, '2026-03-10 09:00:00');
insert into lines values (2, 'a', 'bot', 'nova', 'Here it is.', '2026-03-10 09:01:00', null, '2026-03-10 09:01:00');
insert into lines values (3, 'a', 'staff', 'hugo', 'All well?', '2026-03-10 09:01:00', null, '2026-03-10 09:01:00');
insert into lines values (4, 'b', 'user', 'p2', 'Hello?', '2026-03-10 09:00:00', null, '2026-03-10 09:00:00');
insert into lines values (5, 'b', 'robot', 'x', 'Beep.', '2026-03-10 09:02:00', null, '2026-03-10 09:02:00');
insert into lines values (6, 'c', 'user', null, 'I wrote before.', '2026-03-10 09:00:00', 'Eva@Acme.test', '2026-03-10 09:00:00');
insert into lines values (7, 'c', 'bot', 'nova', 'So you did.', '2026-03-10 09:05:00', null, '2026-03-10 09:05:00');
insert into lines values (8, 'd', 'user', 'p1', 'Again me.', '2026-03-10 12:00:00', null, '2026-03-10 12:00:00');
insert into states values (1, 'a', 'new', '2026-03-10 09:00:00'), (2, 'a', 'done', '2026-03-10 10:00:00');
insert into turns values (1, 'a', 'nova', null, '2026-03-10 09:00:00'), (2, 'a', 'hugo', 'Billing', '2026-03-10 09:01:00');
insert into answers values (1, 'a', 2, 5, 'csat', '2026-03-10 10:00:00'), (2, 'a', 9, 10, 'nps', '2026-03-10 10:00:00');
insert into people values ('p1', 'eva@acme.test', 'u-1', 'f1', '2026-03-10 08:00:00');
insert into people values ('p2', 'bob@acme.test', null, null, '2026-03-10 08:00:00');
insert into firms values ('f1', 'Acme', 'https://www.acme.test/', 'gold', '1200.50', '2026-03-01 00:00:00');
insert into firms values ('f2', 'Bolt', 'bolt.test', 'basic', null, '2026-03-01 00:00:00');
insert into clicks values (1, 'u-1', null, 'paid', '2026-03-10 10:00:00', 'pro', '2026-03-10 10:00:00');
insert into clicks values (2, null, 'bob@acme.test', 'opened', '2026-03-10 10:30:00', null, '2026-03-10 10:30:00');
insert into clicks values (3, 'u-1', null, 'closed', '2026-03-10 11:00:00', null, '2026-03-10 11:00:00');
"""
DAY_TWO = """
update chats set into_chat = 'a', ts = '2026-03-11 09:00:00' where id = 'd';
update lines set by = 'bot', ts = '2026-03-11 09:00:00' where id = 5;
update lines set body = 'Here it is, corrected.', ts = '2026-03-11 09:00:00' where id = 2;
delete from lines where id = 7;
insert into states values (3, 'a', 'open', '2026-03-11 09:00:00'), (4, 'a', 'done', '2026-03-11 10:00:00');
insert into answers values (3, 'a', 5, 5, 'csat', '2026-03-11 10:00:00');
update people set firm = 'f2', ts = '2026-03-11 09:00:00' where id = 'p1';
update firms set tier = 'platinum', ts = '2026-03-11 09:00:00' where id = 'f1';
update clicks set at = '2026-03-10 10:05:00', ts = '2026-03-11 09:00:00' where id = 1;
delete from clicks where id = 3;
"""


def table(kind: str, name: str, cursor: str, fields: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"kind": kind, "table": name, "id": "id", "cursor": cursor, "fields": fields} | given


STATES = {"column": "state", "values": {"done": "solved"}}
TABLES = [
    table(
        "conversations",
        "chats",
        "ts",
        {
            "customer_id": "person",
            "account_id": "firm",
            "status": STATES,
            "channel": {"constant": "chat"},
            "language": {"constant": "en"},
            "started_at": "began",
            "deleted_at": "gone",
            "merged_into": "into_chat",
            "rating": "rated",
            "rating_scale_min": {"constant": 1},
            "rating_scale_max": {"constant": 5},
            "rated_at": "rated_at",
        },
    ),
    table(
        "messages",
        "lines",
        "ts",
        {
            "interaction_id": "chat",
            "actor": {"column": "by", "values": {"user": "customer", "bot": "ai_agent", "staff": "human_agent"}},
            "actor_id": "who",
            "sent_at": "at",
            "text": "body",
            "customer_email": "mail",
        },
        reconcile="daily",
    ),
    table("status_changes", "states", "id", {"interaction_id": "chat", "status": STATES, "changed_at": "at"}),
    table(
        "assignments", "turns", "id", {"interaction_id": "chat", "agent_id": "who", "team": "team", "assigned_at": "at"}
    ),
    table(
        "ratings",
        "answers",
        "id",
        {
            "interaction_id": "chat",
            "rating": "points",
            "rating_scale_min": {"constant": 0},
            "rating_scale_max": "top",
            "survey_type": "asked",
            "rated_at": "at",
        },
    ),
    table("customers", "people", "ts", {"customer_email": "mail", "external_id": "uid", "account_id": "firm"}),
    table(
        "accounts",
        "firms",
        "ts",
        {"account_name": "name", "domain": "domain", "tier": "tier", "arr": "arr", "updated_at": "ts"},
    ),
    table(
        "product_events",
        "clicks",
        "ts",
        {
            "event_name": "what",
            "occurred_at": "at",
            "customer_id": "uid",
            "external_id": "uid",
            "customer_email": "mail",
        },
        reconcile="daily",
    ),
]


def run(path: Path, script: str) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for statement in filter(str.strip, script.split(";\n")):
            connection.exec_driver_sql(statement)
    engine.dispose()


def ingest(path: Path, settings: Settings, as_of: datetime) -> None:
    entry = {
        "source": "sql",
        "instance": "own",
        "url": f"sqlite:///{path}",
        "start": "2026-01-01",
        "time_zone": "UTC",
        "tables": TABLES,
    }
    ingest_source(SourceInstance(parsed(entry, "the test's entry")), as_of=as_of, settings=settings)


def steps(settings: Settings) -> None:
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](SECOND, settings)


@contextmanager
def new_warehouse(server, name: str, state: Path):
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOUCHSTONE_WAREHOUSE_URL", server.url(name))
        patch.setenv("TOUCHSTONE_HOME", str(state))
        get_settings.cache_clear()
        bootstrap(get_settings())
        yield get_settings()
    get_settings.cache_clear()


def tables(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    names = ("interactions", "messages", "ratings", "status_events", "assignments", "accounts", "account_history")
    with connect("transformer", settings=settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return {
            name: cursor.execute(f"select * from core.{name}").fetchall()
            for name in (*names, "customers", "product_events")
        }


@pytest.fixture(scope="module")
def days(server, tmp_path_factory):
    """(core after the first day, core after the second, whether both at once give the same)."""
    folder = tmp_path_factory.mktemp("days")
    built = []
    for name, is_stepwise in (("sql_stepwise", True), ("sql_whole", False)):
        path = folder / f"{name}.db"
        run(path, SCHEMA + DAY_ONE)
        with new_warehouse(server, name, folder / f"{name}-state") as settings:
            ingest(path, settings, FIRST)
            if is_stepwise:
                steps(settings)
                one = tables(settings)
            run(path, DAY_TWO)
            ingest(path, settings, SECOND)
            steps(settings)
            built.append(digests(settings, "core", "clean"))
            if is_stepwise:
                two = tables(settings)
    return one, two, built


def interaction(core, name: str) -> dict[str, Any]:
    return next(row for row in core["interactions"] if row["interaction_id"] == name)


def of(core, what: str, name: str) -> list[dict[str, Any]]:
    key = interaction(core, name)["interaction_key"]
    return [row for row in core[what] if row["interaction_key"] == key]


def test_two_days_give_what_one_build_gives(days):
    _, _, (grown, whole) = days
    assert {name for name in whole if grown.get(name) != whole[name]} == set()


def test_a_conversation_is_what_its_row_and_its_messages_say(days):
    one, two, _ = days
    a, c = interaction(one, "a"), interaction(one, "c")
    assert (a["channel"], a["language"], a["status"], a["handled_by"]) == ("chat", "en", "open", "ai_then_human")
    # without a row of its own it begins with its first message, and its customer is known by the address
    assert (c["started_at"], c["status"]) == (datetime(2026, 3, 10, 9, tzinfo=UTC), None)
    known = {row["customer_key"]: row["person_key"] for row in one["customers"]}
    assert known[c["customer_key"]] == known[a["customer_key"]]
    texts = [row["text"] for row in sorted(of(two, "messages", "a"), key=lambda row: row["ordinal"])]
    assert texts == ["Where is my invoice?", "Here it is, corrected.", "All well?", "Again me."]
    assert interaction(two, "d")["excluded_reason"] == "merged"


def test_a_conversation_with_a_refused_message_waits_for_its_correction(days):
    one, two, _ = days
    assert interaction(one, "b")["excluded_reason"] == "incomplete"
    assert interaction(one, "b")["quarantined_message_count"] == 1
    assert interaction(two, "b")["excluded_reason"] is None


def test_a_message_whose_row_is_gone_leaves_its_conversation(days):
    one, two, _ = days
    assert len(of(one, "messages", "c")) == 2
    assert len(of(two, "messages", "c")) == 1


def test_status_assignments_and_ratings_come_from_their_tables(days):
    one, two, _ = days
    told = sorted((row["changed_at"], row["status"]) for row in of(two, "status_events", "a"))
    assert [status for _, status in told] == ["new", "solved", "open", "solved"]
    turns = sorted(of(one, "assignments", "a"), key=lambda row: row["assignment_number"])
    assert [row["to_team"] for row in turns] == [None, "Billing"]
    ratings = {row["rating_type"]: (row["rating"], row["rating_scale_max"]) for row in of(one, "ratings", "a")}
    assert ratings == {"survey": (2, 5), "nps": (9, 10)}
    assert {row["rating"] for row in of(two, "ratings", "a") if row["rating_type"] == "survey"} == {5}
    # its own row tells the rating where no table of ratings does
    assert [(row["rating"], row["is_positive"]) for row in of(one, "ratings", "b")] == [(4, True)]


def test_a_company_is_known_with_its_history(days):
    one, two, _ = days
    firms = {row["account_id"]: row for row in one["accounts"]}
    assert (firms["f1"]["tier"], firms["f1"]["arr"], firms["f1"]["account_name"]) == (
        "gold",
        pytest.approx(1200.5),
        "Acme",
    )
    # the person's company, and its tier when the conversation began
    assert (interaction(one, "a")["account_id"], interaction(one, "a")["tier"]) == ("f1", "gold")
    assert (interaction(two, "a")["account_id"], interaction(two, "a")["tier"]) == ("f2", "basic")
    history = [row["tier"] for row in two["account_history"] if row["account_key"] == firms["f1"]["account_key"]]
    assert set(history) == {"gold", "platinum"}


def test_events_are_edited_and_removed_and_belong_to_persons(days):
    one, two, _ = days
    assert sorted(row["event_name"] for row in one["product_events"]) == ["closed", "opened", "paid"]
    left = {row["event_name"]: row for row in two["product_events"]}
    assert sorted(row["event_name"] for row in two["product_events"]) == ["opened", "paid"]
    assert left["paid"]["occurred_at"] == datetime(2026, 3, 10, 10, 5, tzinfo=UTC)
    assert left["paid"]["properties"] == {"plan": "pro", "ts": "2026-03-11 09:00:00"}
    persons = {row["customer_key"]: row["person_key"] for row in two["customers"]}
    by_id = {row["customer_id"]: row["person_key"] for row in two["customers"]}
    assert persons[left["paid"]["customer_key"]] == by_id["p1"]
    assert persons[left["opened"]["customer_key"]] == by_id["p2"]
