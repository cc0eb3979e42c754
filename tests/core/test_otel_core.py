"""Core of spans made by hand: who said what under each convention, statuses of tools, evaluations, what no convention knows."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.rows import dict_row

from touchstone import pipeline
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.http import runner
from touchstone.sources.options import parsed
from touchstone.sources.otel.connector import OtelConnector
from touchstone.warehouse.engine import connect

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
TEN = datetime(2026, 3, 31, 10, tzinfo=UTC)
OPTIONS = {
    "source": "otel",
    "instance": "main",
    "start": "2026-03-30",
    "fields": {"topic": "app.topic", "handoff": "app.handoff", "customer": "app.user", "email": "app.mail"},
    "feedback": ["thumbs"],
    "rating": {"score": "csat", "min": 1, "max": 5},
    "handoff_tools": ["to_person"],
}


def nano(seconds: float) -> int:
    return int((TEN + timedelta(seconds=seconds)).timestamp() * 1_000_000) * 1000


def span(trace: int, own: int, said: dict[str, Any], begin: float = 0, end: float = 1, **more: Any) -> dict[str, Any]:
    values = {
        str: lambda value: {"stringValue": value},
        int: lambda value: {"intValue": str(value)},
        list: lambda value: {"stringValue": json.dumps(value)},
    }
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{own:016x}",
        "name": f"span {own}",
        "startTimeUnixNano": str(nano(begin)),
        "endTimeUnixNano": str(nano(end)),
        "attributes": [{"key": name, "value": values[type(value)](value)} for name, value in said.items()],
        **more,
    }


def event(name: str, seconds: float, **said: Any) -> dict[str, Any]:
    stated = [{"key": key, "value": {"stringValue": value}} for key, value in said.items()]
    return {"name": name, "timeUnixNano": str(nano(seconds)), "attributes": stated}


def log(trace: int, own: int, name: str, seconds: float, body: Any = None, **said: Any) -> dict[str, Any]:
    values = [{"key": key, "value": {"stringValue": str(value)}} for key, value in said.items()]
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{own:016x}",
        "timeUnixNano": str(nano(seconds)),
        "eventName": name,
        "attributes": values,
        **({} if body is None else {"body": {"stringValue": json.dumps(body)}}),
    }


def part(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Nova"}
CHAT = {"gen_ai.operation.name": "chat"}
TOOL = {"gen_ai.operation.name": "execute_tool"}
LINES = ["one", "two", "three", "four", "five", "six"]
HISTORY = [
    event("gen_ai.user.message", 600, content="before"),
    event("gen_ai.assistant.message", 600, content="answered"),
    *(event("gen_ai.user.message", 600, content=text) for text in LINES),
    event("gen_ai.choice", 603, message=json.dumps({"content": "seven"})),
]
# said of a user, and replaced before core is built
EARLIER = span(7, 1, AGENT | {"app.user": "u4", "app.mail": "early@firm.example"}, 400, 401)
SPANS = [
    # 1: the newer conventions; the agent's own span says more than the calls of its model
    span(
        1,
        1,
        AGENT
        | {
            "gen_ai.conversation.id": "new",
            "gen_ai.agent.version": "3",
            "gen_ai.input.messages": [part("user", "where is it")],
            "gen_ai.output.messages": [part("assistant", "there")],
            "app.topic": "delivery",
            "app.user": "u1",
            "app.mail": "ann@firm.example",
        },
        0,
        9,
    ),
    span(
        1,
        2,
        CHAT
        | {
            "gen_ai.provider.name": "openai",
            "gen_ai.response.model": "m-1",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.input.messages": [part("user", "rewritten question")],
            "gen_ai.output.messages": [part("assistant", "a draft")],
        },
        1,
        5,
    ),
    span(1, 3, TOOL | {"gen_ai.tool.name": "ok"}, 1, 1.25),
    span(1, 4, TOOL | {"gen_ai.tool.name": "bad", "error.type": "500"}, 2, 3),
    span(1, 5, TOOL | {"gen_ai.tool.name": "slow", "error.type": "ReadTimeout"}, 3, 4),
    span(1, 6, TOOL | {"gen_ai.tool.name": "red"}, 4, 5, status={"code": "STATUS_CODE_ERROR"}),
    span(
        1, 7, {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": [{"id": "a1", "score": 0.5}]}, 1, 2
    ),
    # 2: v1.36 with span events, two calls of the model, none of an agent
    span(
        2,
        1,
        CHAT | {"gen_ai.system": "openai", "session.id": "old", "enduser.id": "u2"},
        100,
        103,
        events=[
            event("gen_ai.system.message", 100, content="Be kind."),
            event("gen_ai.user.message", 100.1, content="hello"),
            event("gen_ai.choice", 103, **{"gen_ai.event.content": json.dumps({"message": {"tool_calls": []}})}),
        ],
    ),
    span(
        2,
        2,
        CHAT | {"gen_ai.system": "openai"},
        104,
        106,
        events=[
            event("gen_ai.user.message", 104, content="hello"),
            event("gen_ai.assistant.message", 104.1, content="hm"),
            event("gen_ai.choice", 106, message=json.dumps({"content": "hi there"})),
        ],
    ),
    # 3: events as log records, of the older and of the newest conventions
    span(3, 1, CHAT | {"gen_ai.system": "openai", "gen_ai.conversation.id": "logs"}, 200, 203),
    span(4, 1, CHAT | {"gen_ai.conversation.id": "logs"}, 210, 213),
    # 5: of no convention that anybody knows
    span(5, 1, {"gen_ai.marvel": "x", "gen_ai.prompt.0.content": "lost"}, 300, 301),
    # 6: a handoff by a tool in a trace of its own, 7 by an attribute
    span(1, 8, CHAT | {"gen_ai.operation.name": "chat"}, 1, 2),
    span(
        6,
        1,
        TOOL
        | {
            "gen_ai.conversation.id": "new",
            "gen_ai.agent.name": "Nova",
            "gen_ai.tool.name": "to_person",
            "gen_ai.tool.call.arguments": '{"reason": "angry"}',
        },
        20,
        20,
    ),
    span(7, 1, AGENT | {"gen_ai.conversation.id": "by-attribute", "app.handoff": "true"}, 400, 401),
    # 8: a visit without an AI agent; 9: one of which only an event tells that there was one
    span(8, 1, {"session.id": "visit", "enduser.id": "u3", "http.route": "/"}, 500, 501),
    span(9, 1, {"session.id": "by-event", "http.route": "/"}, 510, 511),
    # 10: told its whole history at one moment, 11: in log records
    span(10, 1, CHAT | {"gen_ai.conversation.id": "history"}, 600, 603, events=HISTORY),
    span(11, 1, CHAT | {"gen_ai.conversation.id": "logged history"}, 700, 703),
]
LOGS = [
    log(3, 1, "gen_ai.user.message", 200, {"content": "one"}),
    log(3, 1, "gen_ai.choice", 203, {"index": 0, "message": {"content": [{"type": "text", "text": "two"}]}}),
    log(
        4,
        1,
        "gen_ai.client.inference.operation.details",
        213,
        **{
            "gen_ai.input.messages": json.dumps([part("user", "three")]),
            "gen_ai.output.messages": json.dumps([part("assistant", "four")]),
        },
    ),
    log(
        1, 1, "gen_ai.evaluation.result", 500, **{"gen_ai.evaluation.name": "csat", "gen_ai.evaluation.score.value": 4}
    ),
    log(
        1,
        1,
        "gen_ai.evaluation.result",
        501,
        **{"gen_ai.evaluation.name": "thumbs", "gen_ai.evaluation.score.label": "up"},
    ),
    log(
        1, 1, "gen_ai.evaluation.result", 502, **{"gen_ai.evaluation.name": "other", "gen_ai.evaluation.score.value": 1}
    ),
    log(9, 1, "gen_ai.user.message", 510, {"content": "anybody there"}),
    log(11, 1, "gen_ai.user.message", 700, {"content": "before"}),
    log(11, 1, "gen_ai.assistant.message", 700, {"content": "answered"}),
    *(log(11, 1, "gen_ai.user.message", 700, {"content": text}) for text in LINES),
]


def build(settings: Settings, steps: tuple[str, ...]) -> None:
    for name in steps:
        pipeline.STEPS[name](AS_OF, settings)


@pytest.fixture(scope="module")
def core(warehouse: Settings, tmp_path_factory):
    """Log records land in a first run and the spans that they speak of in a second one; then everything is built, marts too."""
    folder = tmp_path_factory.mktemp("spans")
    source = SourceInstance(parsed({**OPTIONS, "path": str(folder)}, "the test's entry"))
    given = {"as_of": AS_OF, "settings": warehouse, "secrets": {}}
    (folder / "logs.json").write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": LOGS}]}]}) + "\n")
    runner.ingest(OtelConnector(), source, **given)
    build(warehouse, ("stage", "clean", "core"))
    resource = {"attributes": [{"key": "service.version", "value": {"stringValue": "2026.3"}}]}
    for name, spans in (("earlier.json", [EARLIER]), ("spans.json", SPANS[::-1])):
        exports = [{"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [one]}]}]} for one in spans]
        (folder / name).write_text("".join(json.dumps(one) + "\n" for one in exports))
        runner.ingest(OtelConnector(), source, **given)
    build(warehouse, ("stage", "clean", "core", "facts", "gaps", "marts"))
    with closing(connect("transformer", autocommit=True, settings=warehouse)) as connection:
        connection.row_factory = dict_row
        yield connection


def said(core, interaction_id: str) -> list[tuple[str, str, float]]:
    rows = core.execute(
        "select m.actor, m.text, m.sent_at from core.messages as m join core.interactions as i using (interaction_key)"
        " where i.interaction_id = %s order by m.ordinal",
        [interaction_id],
    )
    return [(row["actor"], row["text"], (row["sent_at"] - TEN).total_seconds()) for row in rows]


@pytest.mark.parametrize(
    ("interaction_id", "texts"),
    [
        ("new", [("customer", "where is it", 0), ("ai_agent", "there", 9)]),
        ("old", [("customer", "hello", 100), ("ai_agent", "hi there", 106)]),
        (
            "logs",
            [("customer", "one", 200), ("ai_agent", "two", 203), ("customer", "three", 210), ("ai_agent", "four", 213)],
        ),
        (f"{5:032x}", []),
        ("by-event", [("customer", "anybody there", 510)]),
        ("history", [*(("customer", text, 600) for text in LINES), ("ai_agent", "seven", 603)]),
        ("logged history", [("customer", text, 700) for text in LINES]),
    ],
)
def test_each_convention_says_who_said_what_and_when(core, interaction_id, texts):
    assert said(core, interaction_id) == texts


def test_a_trace_in_which_nothing_tells_of_an_ai_agent_is_no_conversation(core):
    assert core.execute("select * from raw_otel.traces where interaction_id = 'visit'").fetchone()["id"] == f"{8:032x}"
    assert core.execute("select * from core.interactions where interaction_id = 'visit'").fetchone() is None


def test_what_a_span_has_said_of_a_user_stays_said_though_it_is_replaced_before_core_is_built(core):
    (row,) = core.execute(
        "select count(*) as n from staging.int_identity__evidence where source = 'otel' and rule = 'email'"
        " and value_hash = encode(sha256('early@firm.example'), 'hex')"
    )
    assert row == {"n": 1}


def test_what_no_convention_knows_is_a_conversation_without_messages(core):
    (row,) = core.execute("select * from core.interactions where interaction_id = %s", [f"{5:032x}"])
    assert (row["message_count"], row["excluded_reason"]) == (0, "no_customer_message")


def test_steps_become_sources_and_tool_calls_of_the_answer(core):
    (row,) = core.execute("select sources, tool_calls, agent_version, feedback from core.messages where text = 'there'")
    assert row["sources"] == [{"article_id": "a1", "relevance": 0.5}]
    assert [(one["name"], one["status"], one["duration_ms"]) for one in row["tool_calls"]] == [
        ("ok", "ok", 250),
        ("bad", "failed", 1000),
        ("slow", "timeout", 1000),
        ("red", "failed", 1000),
    ]
    assert row["agent_version"] == "3"
    assert row["feedback"] == [{"name": "thumbs", "value": "up"}]
    (other,) = core.execute("select sources, agent_version, agent_id from core.messages where text = 'hi there'")
    assert other == {"sources": None, "agent_version": "2026.3", "agent_id": "ai agent"}


def test_an_evaluation_rates_and_attributes_say_the_rest(core):
    (row,) = core.execute("select * from core.interactions where interaction_id = 'new'")
    assert (row["topic"], row["customer_id"]) == ("delivery", "u1")
    (rating,) = core.execute("select rating from core.ratings where interaction_key = %s", [row["interaction_key"]])
    assert rating == {"rating": 4}
    rules = core.execute("select distinct rule from staging.int_identity__evidence where source = 'otel'").fetchall()
    assert {one["rule"] for one in rules} == {"self", "email", "external_id"}
    (old,) = core.execute("select customer_id from core.interactions where interaction_id = 'old'")
    assert old == {"customer_id": "u2"}


def test_a_handoff_may_be_a_trace_of_its_own(core):
    rows = core.execute(
        "select i.interaction_id, h.reason, a.agent_id, h.handed_off_at from core.source_handoffs as h"
        " join core.interactions as i using (interaction_key) join core.agents as a on h.from_agent_key = a.agent_key"
        " where i.source = 'otel' order by 1"
    ).fetchall()
    assert [(row["interaction_id"], row["reason"], row["agent_id"]) for row in rows] == [
        ("by-attribute", None, "Nova"),
        ("new", "angry", "Nova"),
    ]
    assert rows[1]["handed_off_at"] == TEN + timedelta(seconds=20)


def test_outcomes_of_the_ai_agent_follow(core):
    (row,) = core.execute(
        "select e.is_escalated from facts.ai_episodes as e join core.interactions as i using (interaction_key)"
        " where i.interaction_id = 'new'"
    )
    assert row["is_escalated"] is True
