"""Core of traces made by hand: the shapes of texts, what a step says, scores, handoffs, sessions that are named later."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.rows import dict_row

from sources.http.scripted import Answer, scripted
from touchstone import pipeline
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.http import runner
from touchstone.sources.langfuse.connector import LangfuseConnector
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
OPTIONS = {
    "source": "langfuse",
    "api": "v3",
    "start": "2026-03-30",
    "requests_per_minute": {"default": 600_000},
    "fields": {
        "topic": "tag.topic",
        "language": "metadata.customer.language",
        "handoff": "metadata.handoff",
        "ticket": "metadata.ticket_id",
        "email": "metadata.email",
    },
    "feedback": ["helpful", "verdict", "stars"],
    "rating": {"score": "csat", "min": 1, "max": 5},
    "handoff_tools": ["transfer_to_person"],
    "handoff_scores": ["needs_person"],
    "retrievers": ["vector search"],
    "tools": ["http call"],
}
DAY = "2026-03-31"


def trace(number: str, said: Any, answered: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "timestamp": f"{DAY}T10:00:00.000Z",
        "name": "helper",
        "input": said,
        "output": answered,
        "sessionId": None,
        "userId": "u1",
        "release": "2026.3",
        "version": None,
        "metadata": {},
        "tags": [],
        "latency": 2.5,
        **more,
    }


def step(trace_id: str, number: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "traceId": trace_id,
        "type": kind,
        "name": name,
        "startTime": f"{DAY}T10:00:00.100Z",
        "endTime": f"{DAY}T10:00:00.350Z",
        "parentObservationId": "root",
        "level": "DEFAULT",
        **more,
    }


def score(number: str, name: str, value: Any, kind: str = "NUMERIC", **more: Any) -> dict[str, Any]:
    return {"id": number, "name": name, "dataType": kind, "value": value, "timestamp": f"{DAY}T12:00:00Z", **more}


HISTORY = {
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "earlier"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": [{"type": "text", "text": "my card"}, {"type": "image_url", "image_url": "x"}]},
        {"role": "user", "content": "is blocked"},
    ]
}
FIRST = [
    trace("shape-text", "  plain words ", '"quoted"'),
    trace(
        "shape-list", HISTORY, [{"role": "assistant", "content": "first"}, {"role": "assistant", "content": "second"}]
    ),
    trace("shape-parts", [{"role": "user", "parts": [{"type": "text", "content": "in parts"}]}], {"answer": "found"}),
    trace("shape-odd", {"a": [1, 2]}, {"output": {"text": "deep"}}),
    trace("shape-number", 42, None),
    trace("shape-empty", "", "   "),
    trace("late-session", "hello", "hi"),
    trace(
        "rich",
        "where is it",
        "there",
        sessionId="talk",
        tags=["vip", "topic:delivery"],
        metadata={"customer": {"language": "de-AT"}, "email": "Ann@Firm.example"},
    ),
    trace("rich-2", "thanks", "bye", sessionId="talk", timestamp=f"{DAY}T10:05:00Z", version="7"),
    trace("field", "a person!", "one moment", sessionId="by-field", metadata={"handoff": "asked for a person"}),
    trace("no-field", "ok", "fine", sessionId="by-none", metadata={"handoff": "false"}),
    trace("tool", "a person!", "one moment", sessionId="by-tool"),
    trace("score", "a person!", "one moment", sessionId="by-score"),
    trace("ticketed", "hi", "hello", sessionId="ticketed", metadata={"ticket_id": 77}),
    trace("old", "hi", "hello", sessionId="older", timestamp="2026-03-28T10:00:00Z"),
    trace("new", "again", "hello", sessionId="older"),
]
STEPS = [
    step("rich", "s1", "RETRIEVER", "search", output=[{"id": "a1", "score": 0.5, "version": 3}, "a2"]),
    step("rich", "s2", "SPAN", "vector search", output={"documents": [{"metadata": {"article_id": 9}}]}),
    step("rich", "s3", "TOOL", "lookup"),
    step("rich", "s4", "SPAN", "http call", level="ERROR", statusMessage="Request timed out"),
    step("rich", "s5", "TOOL", "broken", level="ERROR", endTime=f"{DAY}T10:00:01.100Z"),
    step("rich", "s6", "TOOL", "still running", endTime=None),
    step("rich", "s7", "SPAN", "no tool at all"),
    step("rich", "s8", "GENERATION", "llm", model="m-1", usageDetails={"input": 10, "output": 4}),
    step("rich-2", "s1", "RETRIEVER", "search", output=[]),
    step("tool", "s1", "TOOL", "transfer_to_person", input={"reason": "angry"}),
    step("shape-text", "r", "SPAN", "root", parentObservationId=None, endTime=f"{DAY}T10:00:09Z"),
    step("orphan", "s1", "TOOL", "of a trace that nobody has seen"),
]
SCORES = [
    score("c1", "csat", 2, sessionId="talk", timestamp=f"{DAY}T11:00:00Z"),
    score("c2", "csat", 4, traceId="rich-2"),
    score("f1", "helpful", 1, "BOOLEAN", traceId="rich", stringValue="True", comment="good"),
    score("f2", "verdict", 0, "CATEGORICAL", traceId="rich-2", stringValue="Not_Helpful"),
    score("f3", "unrelated", 1, traceId="rich-2"),
    score("h1", "needs_person", 1, "BOOLEAN", traceId="score", stringValue="True", comment="too hard"),
    score("h2", "needs_person", 0, "BOOLEAN", traceId="rich", stringValue="False"),
]


def land(settings: Settings, traces: list[dict[str, Any]], instance: str, **more: Any) -> None:
    lists = {"traces": traces, "observations": STEPS, "scores": SCORES}

    def answer(asked):
        name = asked.path.rpartition("/")[2]
        since = asked.query.get("fromTimestamp") or asked.query["fromStartTime"]
        moments = [(one.get("timestamp") or one["startTime"], one) for one in lists[name]]
        found = [one for moment, one in moments if moment[:10] == since[:10]]
        meta = {"page": 1, "limit": 50, "totalItems": len(found), "totalPages": 1}
        return Answer({"data": found, "meta": meta})

    with scripted(answer) as api:
        entry = parsed({**OPTIONS, "instance": instance, "base_url": api.url, **more}, "the test's entry")
        keys = {"public_key": "p", "secret_key": "s"}
        runner.ingest(LangfuseConnector(), SourceInstance(entry), as_of=AS_OF, settings=settings, secrets=keys)


def build(settings: Settings, traces: list[dict[str, Any]], instance: str, **more: Any) -> None:
    land(settings, traces, instance, **more)
    for name in ("stage", "clean", "core"):
        pipeline.STEPS[name](AS_OF, settings)


@pytest.fixture(scope="module")
def core(warehouse: Settings):
    """Two runs: in the second one a trace has its session. An instance beside leaves conversations with tickets out."""
    land(warehouse, [trace("field", "a person!", None, userId="u7", metadata={"email": "early@firm.example"})], "main")
    build(warehouse, FIRST, "main")
    with closing(connect("transformer", autocommit=True, settings=warehouse)) as connection:
        connection.row_factory = dict_row
        alone = (
            "select count(*) as n from core.interactions where instance = 'main' and interaction_id = 'late-session'"
        )
        assert connection.execute(alone).fetchone() == {"n": 1}
        named = [one | {"sessionId": "named"} if one["id"] == "late-session" else one for one in FIRST]
        build(warehouse, named, "main")
        build(warehouse, FIRST, "without", tickets="exclude")
        build(warehouse, FIRST, "with", tickets="only")
        yield connection


def said(core, interaction_id: str) -> list[tuple[str, str]]:
    rows = core.execute(
        "select m.actor, m.text from core.messages as m join core.interactions as i using (interaction_key)"
        " where i.instance = 'main' and i.interaction_id = %s order by m.ordinal",
        [interaction_id],
    )
    return [(row["actor"], row["text"]) for row in rows]


def interaction(core, interaction_id: str, instance: str = "main") -> dict[str, Any]:
    query = "select * from core.interactions where instance = %s and interaction_id = %s"
    return core.execute(query, [instance, interaction_id]).fetchone()


@pytest.mark.parametrize(
    ("interaction_id", "texts"),
    [
        ("shape-text", [("customer", "  plain words "), ("ai_agent", "quoted")]),
        (
            "shape-list",
            [("customer", "my card"), ("customer", "is blocked"), ("ai_agent", "first"), ("ai_agent", "second")],
        ),
        ("shape-parts", [("customer", "in parts"), ("ai_agent", "found")]),
        ("shape-odd", [("customer", '{"a": [1, 2]}'), ("ai_agent", "deep")]),
        ("shape-number", [("customer", "42")]),
        ("shape-empty", []),
        ("talk", [("customer", "where is it"), ("ai_agent", "there"), ("customer", "thanks"), ("ai_agent", "bye")]),
    ],
)
def test_what_was_said_is_found_in_every_usual_shape(core, interaction_id, texts):
    assert said(core, interaction_id) == texts


def test_an_answer_is_sent_when_its_trace_ends(core):
    rows = core.execute(
        "select interaction_id, sent_at from core.messages join core.interactions using (interaction_key)"
        " where actor = 'ai_agent' and interactions.instance = 'main' and interaction_id in ('shape-text', 'shape-parts')"
        " order by 1"
    ).fetchall()
    assert [row["sent_at"].isoformat()[17:23] for row in rows] == ["02.500", "09+00:"]


def test_a_session_that_is_named_later_takes_its_trace_along(core):
    assert interaction(core, "late-session") is None
    assert said(core, "named") == [("customer", "hello"), ("ai_agent", "hi")]


def test_fields_tags_and_the_customer_come_from_where_the_configuration_says(core):
    row = interaction(core, "talk")
    assert (row["topic"], row["language"], row["customer_id"]) == ("delivery", "de", "u1")
    assert row["tags"] == ["topic:delivery", "vip"]
    known = core.execute(
        "select distinct rule from staging.int_identity__evidence where source = 'langfuse' and instance = 'main'"
    ).fetchall()
    assert {row["rule"] for row in known} == {"self", "email", "external_id"}


def test_what_a_trace_has_said_of_a_user_stays_said_though_it_is_replaced_before_core_is_built(core):
    (row,) = core.execute(
        "select count(*) as n from staging.int_identity__evidence where source = 'langfuse' and rule = 'email'"
        " and value_hash = encode(sha256('early@firm.example'), 'hex')"
    )
    assert row == {"n": 1}


def test_steps_become_sources_and_tool_calls(core):
    (row,) = core.execute(
        "select sources, tool_calls, feedback, agent_version from core.messages where text = 'there' and instance = 'main'"
    )
    assert row["sources"] == [
        {"article_id": "a1", "relevance": 0.5, "version": 3},
        {"article_id": "a2"},
        {"article_id": "9"},
    ]
    assert [(one["name"], one["status"], one.get("duration_ms")) for one in row["tool_calls"]] == [
        ("lookup", "ok", 250),
        ("http call", "timeout", 250),
        ("broken", "failed", 1000),
        ("still running", "unknown", None),
    ]
    assert row["feedback"] == [{"name": "helpful", "value": "up", "comment": "good"}]
    assert row["agent_version"] == "2026.3"


def test_nothing_found_is_not_nothing_known(core):
    (found,) = core.execute(
        "select sources, feedback, agent_version from core.messages where text = 'bye' and instance = 'main'"
    )
    assert found == {
        "sources": [],
        "feedback": [{"name": "verdict", "value": "not_helpful"}],
        "agent_version": "7",
    }
    (unknown,) = core.execute("select sources from core.messages where text = 'found' and instance = 'main'")
    assert unknown == {"sources": None}


def test_the_latest_rating_counts_whether_of_the_session_or_a_trace(core):
    key = interaction(core, "talk")["interaction_key"]
    (row,) = core.execute("select * from core.ratings where interaction_key = %s", [key])
    assert (row["rating"], row["rating_scale_max"], row["is_positive"]) == (4, 5, True)


def test_a_handoff_is_stated_by_a_field_a_tool_or_a_score(core):
    rows = core.execute(
        "select i.interaction_id, h.reason, a.agent_id from core.source_handoffs as h"
        " join core.interactions as i using (interaction_key) join core.agents as a on h.from_agent_key = a.agent_key"
        " where i.instance = 'main' order by 1"
    ).fetchall()
    assert [(row["interaction_id"], row["reason"], row["agent_id"]) for row in rows] == [
        ("by-field", "asked for a person", "helper"),
        ("by-score", "too hard", "helper"),
        ("by-tool", "angry", "helper"),
    ]


def test_a_conversation_that_had_begun_before_the_start_is_incomplete(core):
    assert interaction(core, "older")["excluded_reason"] == "incomplete"
    assert interaction(core, "talk")["excluded_reason"] is None


def test_conversations_of_a_helpdesk_are_kept_left_out_or_alone(core):
    assert interaction(core, "ticketed")["attributes"]["ticket_id"] == "77"
    held = {
        instance: core.execute(
            "select count(*) as n from core.interactions where instance = %s", [instance]
        ).fetchone()["n"]
        for instance in ("main", "without", "with")
    }
    assert held == {"main": 14, "without": 13, "with": 1}
    assert interaction(core, "ticketed", "with") is not None


def test_what_belongs_to_no_known_trace_is_kept_in_raw_alone(core):
    (row,) = core.execute(
        "select id from raw_langfuse.observations where interaction_id = 'orphan' and instance = 'main'"
    )
    assert row == {"id": "orphan:s1"}
