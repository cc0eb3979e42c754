"""Two days of Salesforce, one built after the other: what moved, left or was named otherwise in between is followed."""

from __future__ import annotations

from contextlib import closing

import pytest
from against_truth import differences, held_of, truth_of

from sandbox.small_firm import AI, ANN, BOB, ROBOT, at, by_ai, conversation, firm, message, plain
from touchstone import pipeline
from touchstone.daily import ingest_source
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.salesforce_ids import MessageIds, part_id, salesforce_id
from touchstone.sandbox.api.salesforce_records import FIELDS
from touchstone.sandbox.model import Event
from touchstone.sandbox.service import secrets
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

FIRST, LATER = at(15), at(23)
NAMED = {"ai_agents": ["Nova"], "automations": ["Sam Whitlock"]}


def company():
    merged, gone = plain(3, at(4)), plain(4, at(5))
    merged.events.append(Event("merge", at(18), "human_agent", ANN, value="cnv-000001"))
    gone.events.append(Event("delete", at(18), "human_agent", ANN))
    first = conversation(
        1,
        [
            message(1, 1, at(3)),
            message(1, 2, at(3, minutes=1), "we have your request", ROBOT),
            message(1, 3, at(3, minutes=2), "case was routed", ""),
            Event("assign", at(3, minutes=3), "system", "", value=AI, team="frontline"),
            message(1, 4, at(3, minutes=4), "try this", AI),
            Event("handoff", at(3, hours=1), "ai_agent", AI, value=ANN, team="billing", text="policy"),
            Event("assign", at(3, hours=1), "ai_agent", AI, value=ANN, team="billing"),
            message(1, 5, at(3, hours=2), "look here", ANN, is_internal=True),
            message(1, 6, at(3, hours=3), "solved", ANN),
            Event("status", at(3, hours=4), "human_agent", ANN, value="solved"),
            Event("rate", at(3, hours=5), "customer", "cus-000001", value=5, text=""),
        ],
    )
    chat = by_ai(2, at(9))
    chat.events.append(message(2, 3, at(9, minutes=9), "a person at last?\n( 9s ) Nova: <b>& me</b>"))
    chat.events.append(message(2, 4, at(9, hours=2), "yes, me", BOB))
    call = conversation(
        6, [message(6, 1, at(6)), message(6, 2, at(6, minutes=1), "hello caller", ANN)], channel="voice"
    )
    secret = conversation(5, [message(5, 1, at(7)), message(5, 2, at(7, hours=1), "my card is 4111")])
    redacted = conversation(7, [message(7, 1, at(8), "my name is Jane", is_internal=False)])
    redacted.events.append(Event("redact", at(18), "human_agent", ANN, "msg-000007-001", "[gone]"))
    return firm([first, chat, merged, gone, secret, call, redacted])


@pytest.fixture(scope="module")
def days(warehouse):
    """Both days built; yields the company, the settings, a connection that reads core, and who wrote what on the first day."""
    made = company()

    def build(now, **options) -> None:
        entry = {
            "source": "salesforce",
            "instance": "default",
            "base_url": f"{sandbox.url}/salesforce",
            "start": "2026-03-01",
            "fields": FIELDS,
            "requests_per_minute": {"default": 600_000},
        }
        source = SourceInstance(parsed(entry | options, "the test's entry"))
        ingest_source(source, as_of=now, settings=warehouse, secrets=secrets(sandbox.credentials)["salesforce"])
        for step in ("stage", "clean", "core"):
            pipeline.STEPS[step](now, warehouse)

    with serve_here(made, SandboxOptions(clock=FIRST, vendors=("salesforce",))) as sandbox:
        build(FIRST)
        before = held_of(warehouse, "salesforce", "default")
        sandbox.control("traps", salesforce_purged=[part_id("email", 5, 2)])
        sandbox.move_clock(LATER)
        build(LATER, **NAMED)
        with closing(connect("transformer", autocommit=True, settings=warehouse)) as connection:
            yield made, warehouse, connection, before


def test_core_equals_the_truth_of_the_second_day(days):
    made, settings, _, _ = days
    expected, expected_messages = truth_of(made, LATER, "salesforce", MessageIds(made, LATER))
    del expected_messages[part_id("email", 5, 2)]
    found, found_messages = held_of(settings, "salesforce", "default")
    assert differences(expected, found) == {}
    assert differences(expected_messages, found_messages) == {}


def test_a_customer_who_quotes_a_line_of_a_chat_makes_none(days):
    _, settings, _, _ = days
    said = {
        key: text for key, (*_, text) in held_of(settings, "salesforce", "default")[1].items() if key.startswith("570")
    }
    assert "a person at last? ( 9s ) Nova: <b>& me</b>" in said.values()
    assert len(said) == 4


def test_who_an_agent_is_follows_the_entry(days):
    """Nothing landed anew of these cases: it is the entry that says who answers."""
    _, settings, connection, (_, before) = days
    mail, chat = part_id("email", 1, 4), f"{part_id('transcript', 2, 0)}.4.1"
    robot = part_id("comment", 1, 2)
    assert [before[one][1] for one in (mail, chat, robot)] == ["human_agent", "human_agent", "human_agent"]
    now = held_of(settings, "salesforce", "default")[1]
    assert [now[one][1] for one in (mail, chat, robot)] == ["ai_agent", "ai_agent", "system"]
    kinds = dict(connection.execute("select agent_name, kind from core.agents where source = 'salesforce'"))
    assert kinds == {
        "Nova": "ai_agent",
        "Ann Lee": "human_agent",
        "Bob Ray": "human_agent",
        "Sam Whitlock": "automation",
    }


def test_a_case_is_told_with_channel_status_rating_and_fields(days):
    query = """
        select channel, status, topic, product_area, language, solved_at, priority
        from core.interactions where interaction_id = %s
    """
    found = days[2].execute(query, [salesforce_id("cnv-000001")]).fetchone()
    assert found == ("email", "solved", "unknown", "reports", "en", at(3, hours=4), None)
    channels = dict(
        days[2].execute("select interaction_id, channel from core.interactions where source = 'salesforce'")
    )
    assert channels[salesforce_id("cnv-000002")] == "chat"
    assert channels[salesforce_id("cnv-000006")] == "voice"
    rated = days[2].execute(
        "select rating, rating_scale_min, rating_scale_max from core.ratings inner join core.interactions using (interaction_key)"
        " where interaction_id = %s",
        [salesforce_id("cnv-000001")],
    )
    assert rated.fetchall() == [(5, 1, 5)]


def test_a_handoff_keeps_its_reason(days):
    query = """
        select handoffs.reason, agents.agent_name
        from core.source_handoffs as handoffs
        inner join core.interactions using (interaction_key)
        left join core.agents as agents on handoffs.from_agent_key = agents.agent_key
        where interactions.interaction_id = %s
    """
    assert days[2].execute(query, [salesforce_id("cnv-000001")]).fetchall() == [("policy", "Nova")]
