"""Langfuse's API in the sandbox: pages, cursors, the two generations of its endpoints, and what shows when."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from small_firm import AI, at, by_ai, conversation, firm, message, plain

from touchstone.sandbox.ai_turns import ai_turns
from touchstone.sandbox.api import SandboxOptions, langfuse_ids, serve_here
from touchstone.sandbox.company import build
from touchstone.sandbox.model import Answer, Event


@contextmanager
def langfuse(company, clock, **traps):
    with serve_here(company, SandboxOptions(clock=clock, vendors=("langfuse",), traps=traps)) as sandbox:
        known = sandbox.credentials.langfuse
        base = f"{sandbox.url}/langfuse/api/public/"
        with httpx.Client(base_url=base, auth=(known.public_key, known.secret_key), timeout=30) as client:
            yield sandbox, client


def paged(client, path, **query):
    found, page = [], 1
    while True:
        answer = client.get(path, params={"page": page, **query}).raise_for_status().json()
        found += answer["data"]
        if page >= answer["meta"]["totalPages"]:
            assert len(found) == answer["meta"]["totalItems"]
            return found
        page += 1


def cursored(client, path, **query):
    found, cursor = [], {}
    while True:
        answer = client.get(path, params={**query, **cursor}).raise_for_status().json()
        found += answer["data"]
        if not answer["meta"].get("cursor"):
            return found
        cursor = {"cursor": answer["meta"]["cursor"]}


def test_read_whole_both_generations_state_every_turn_once():
    company = build(seed=5, conversations_per_day=6, days=12, hubspot_share=0.1)
    turns = [one for one in ai_turns(company, "zendesk") if one.shown_at <= company.until]
    expected = {langfuse_ids.trace_id(one): one for one in turns}
    with langfuse(company, company.until) as (_, client):
        traces = paged(client, "traces", limit=20, orderBy="timestamp.asc")
        old = paged(client, "observations", limit=100)
        new = cursored(client, "v2/observations", limit=50, fields="core,basic,io,metadata,trace_context")
        scores = cursored(client, "v3/scores", limit=7, fields="subject")
        assert {one["id"] for one in scores} == {one["id"] for one in paged(client, "v2/scores", limit=7)}
    assert [one["id"] for one in sorted(traces, key=lambda one: one["timestamp"])] == [one["id"] for one in traces]
    assert len(traces) == len(expected) > 50
    assert {one["id"] for one in traces} == set(expected)
    assert {(one["traceId"], one["id"]) for one in old} == {(one["traceId"], one["id"]) for one in new}
    assert len(old) == len(new)
    assert [one["startTime"] for one in new] == sorted((one["startTime"] for one in new), reverse=True)
    roots = {one["traceId"]: one for one in new if one["isRootObservation"]}
    for trace in traces:
        turn, root = expected[trace["id"]], roots[trace["id"]]
        assert trace["sessionId"] == root["sessionId"] == f"session-{turn.conversation.conversation_id}"
        if turn.question is not None:
            assert json.dumps(turn.question.text) in json.dumps(trace["input"])
        if turn.answer is not None:
            assert trace["output"]["content"] == json.loads(root["output"])["content"] == turn.answer.text
        # nothing that a person wrote is in it
        assert all(event.actor in ("customer", "ai_agent") for event in (turn.question, turn.answer) if event)
    assert {one["subject"]["kind"] for one in scores} == {"trace", "session"}


def test_a_turn_shows_before_its_answer_and_gets_its_handoff_later():
    one = conversation(
        1,
        [
            message(1, 1, at(1)),
            message(1, 2, at(1, seconds=5), "I am not sure", AI, answer=Answer(0.3, "refund")),
            Event("handoff", at(1, minutes=5), "ai_agent", AI, value="agt-001", text="missing_knowledge"),
            message(1, 3, at(1, minutes=9), "still there?"),
            message(1, 4, at(1, minutes=10), "Yes", "agt-001"),
        ],
    )
    with langfuse(firm([one, plain(2, at(1))]), at(1, seconds=2)) as (sandbox, client):
        (first,) = paged(client, "traces")
        assert (first["output"], first["latency"]) == (None, 0)
        sandbox.move_clock(at(1, minutes=1))
        (second,) = paged(client, "traces")
        assert second["output"] == {"role": "assistant", "content": "I am not sure"}
        assert "handoff" not in second["metadata"]
        sandbox.move_clock(at(2))
        # what follows the handoff is no affair of the AI agent
        (third,) = paged(client, "traces")
        assert third["metadata"]["handoff"] == "missing_knowledge"


def test_bounds_limits_and_cursors_are_the_vendors():
    company = firm([by_ai(number, at(1) + timedelta(hours=number)) for number in range(1, 11)])
    with langfuse(company, at(3)) as (_, client):
        since, until = at(1, hours=3).isoformat(), at(1, hours=6).isoformat()
        assert len(paged(client, "traces", fromTimestamp=since, toTimestamp=until)) == 3
        assert len(cursored(client, "v2/observations", fromStartTime=since, toStartTime=until, limit=5)) == 12
        assert client.get("v3/scores", params={"limit": 101}).status_code == 400
        assert client.get("traces", params={"page": 0}).status_code == 400
        assert client.get("v2/observations", params={"cursor": "nonsense"}).status_code == 400
        assert client.get("v2/observations", params={"fields": "core,everything"}).status_code == 400
        assert client.get("traces", params={"fromTimestamp": "yesterday"}).status_code == 400
        assert client.get("nothing").status_code == 404
        assert httpx.get(str(client.base_url) + "traces").status_code == 401


@pytest.mark.parametrize(("api", "gone"), [("v3", "v2/observations"), ("v4", "traces")])
def test_one_generation_alone_lacks_the_endpoints_of_the_other(api, gone):
    with langfuse(firm(), at(3), langfuse_api=api) as (_, client):
        assert client.get(gone).status_code == 404


def test_the_limit_of_the_plan_says_how_long_to_wait():
    with langfuse(firm(), at(3), enforce_limits=True) as (_, client):
        statuses = [client.get("traces").status_code for _ in range(31)]
        assert statuses == [200] * 30 + [429]
        assert float(client.get("traces").headers["retry-after"]) > 0
