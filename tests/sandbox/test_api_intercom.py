"""Intercom's API: searches, scrolls and parts, and everything that it says of the simulated company against what is true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sandbox.small_firm import AI, ANN, ROBOT, articles, at, by_ai, conversation, customer, firm, message, plain
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.intercom_conversations import STATES
from touchstone.sandbox.api.intercom_ids import conversation_number, hex_number, intercom_id
from touchstone.sandbox.company import build
from touchstone.sandbox.model import Event
from touchstone.sandbox.truth import canonical


def options(clock, **traps):
    return SandboxOptions(clock=clock, vendors=("intercom",), traps=traps)


def intercom(sandbox, **headers) -> httpx.Client:
    given = {"Authorization": f"Bearer {sandbox.credentials.intercom.token}", "Intercom-Version": "2.15"}
    return httpx.Client(base_url=f"{sandbox.url}/intercom", headers=given | headers, timeout=30)


def search(client, what, *filters, **body):
    query = {
        "operator": "AND",
        "value": [dict(zip(("field", "operator", "value"), one, strict=True)) for one in filters],
    }
    return client.post(f"/{what}/search", json={"query": query, **body})


def walk(client, what, **paging):
    """Everything that a search finds."""
    found, after = [], None
    while True:
        given = {**paging, **({"starting_after": after} if after else {})}
        answer = search(client, what, ("updated_at", ">", 0), pagination=given).json()
        found += answer.get("conversations") or answer.get("data")
        after = (answer["pages"].get("next") or {}).get("starting_after")
        if after is None:
            assert len(found) == answer["total_count"]
            return found


def moment(second):
    return datetime.fromtimestamp(second, UTC)


@pytest.mark.parametrize("days", [-9, 25], ids=["while it lives", "long after"])
def test_conversations_are_what_is_true(days):
    company = build(seed=11, conversations_per_day=12, days=30, hubspot_share=0.4)
    now = company.until + timedelta(days=days)
    kinds = {agent.agent_id: agent.kind for agent in company.agents}
    expected = {intercom_id(one.conversation_id): one for one in canonical(company, now, "zendesk")}
    with serve_here(company, options(now)) as sandbox, intercom(sandbox) as client:
        found = {one["id"]: one for one in walk(client, "conversations", per_page=70)}
        assert set(found) == {own for own, one in expected.items() if one.deleted_at is None}
        assert len(found) > 100
        for own, summary in found.items():
            one = expected[own]
            shown = client.get(f"/conversations/{own}", params={"display_as": "plaintext"}).json()
            parts = shown.pop("conversation_parts")["conversation_parts"]
            assert {name for name in shown if shown[name] != summary[name]} <= {"source"}
            assert shown["state"] == STATES[one.status]
            assert shown["statistics"]["count_conversation_parts"] == len(parts)
            assert moment(shown["created_at"]) == one.created_at
            assert shown["custom_attributes"].get("Topic") == one.topic
            assert [tag["name"] for tag in shown["tags"]["tags"]] == list(one.tags)
            assert shown["contacts"]["contacts"][0]["id"] == intercom_id(one.customer_id)
            rating = shown["conversation_rating"] or shown["ai_agent"] or {}
            assert rating.get("rating") == one.rating
            people = one.assignee_id if kinds.get(one.assignee_id) == "human_agent" else None
            assert shown["admin_assignee_id"] == (int(intercom_id(people)) if people else None)
            said = [(shown["source"] | {"created_at": shown["created_at"]}, False)]
            said += [(part, part["part_type"] == "note") for part in parts if part["part_type"] in ("comment", "note")]
            assert sorted(
                (part["id"], _actor(part["author"]), note, moment(part["created_at"]), part["body"])
                for part, note in said
            ) == sorted(
                (intercom_id(row.message_id), row.actor, row.is_internal, row.sent_at, row.text) for row in one.messages
            )
        assert any(one.merged_into for own, one in expected.items() if own in found)
        assert sandbox.control("stats")["crashes"] == []


def _actor(author):
    if author["type"] == "user":
        return "customer"
    if author["type"] == "admin":
        return "human_agent"
    return "ai_agent" if author["from_ai_agent"] else "system"


def test_a_date_of_a_contact_matches_by_the_day_of_the_workspace():
    people = [customer(number, created_at=at(3, hours=number * 6)) for number in (1, 2, 3)]
    noon = int(at(3, hours=12).timestamp())
    with serve_here(firm(customers=people), options(at(9))) as sandbox, intercom(sandbox) as client:

        def found(operator, bound=noon):
            answer = search(client, "contacts", ("created_at", operator, bound)).json()
            return sorted(hex_number("cus", one["id"]) for one in answer["data"])

        assert (found("="), found(">"), found("<")) == ([1, 2, 3], [], [])
        assert found(">", noon - 86_400) == [1, 2, 3]
        sandbox.control("traps", intercom_utc_offset_hours=9)
        # midnight in the workspace is 15:00 UTC
        assert (found("="), found(">")) == ([1, 2], [3])
        for operator in (">=", "<=", "!=", "IN", "NIN"):
            answer = search(client, "contacts", ("created_at", operator, noon))
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "parameter_invalid")


def test_a_date_of_a_conversation_matches_by_the_second_unless_told_otherwise():
    with serve_here(firm([plain(1, at(3))]), options(at(9))) as sandbox, intercom(sandbox) as client:
        second = int(at(3, minutes=20).timestamp())
        assert search(client, "conversations", ("updated_at", ">", second)).json()["total_count"] == 1
        assert search(client, "conversations", ("updated_at", ">", second + 1)).json()["total_count"] == 0
        sandbox.control("traps", intercom_search_by_day=True)
        assert search(client, "conversations", ("updated_at", ">", second)).json()["total_count"] == 0
        assert search(client, "conversations", ("updated_at", "=", second + 3600)).json()["total_count"] == 1


def test_a_search_has_bounds():
    with serve_here(firm([plain(1, at(3))]), options(at(9))) as sandbox, intercom(sandbox) as client:
        filters = [("updated_at", ">", number) for number in range(16)]
        assert search(client, "conversations", *filters).status_code == 400
        assert search(client, "conversations", filters[0], pagination={"per_page": 151}).status_code == 400
        assert search(client, "conversations", ("subject", "=", 1)).status_code == 400
        page = search(client, "conversations", filters[0], pagination={"starting_after": "made up"})
        assert page.status_code == 400
        assert client.get("/conversations/215").status_code == 404


def test_a_conversation_shows_its_newest_parts_only():
    said = [message(1, number, at(3, minutes=number), f"Message {number}") for number in range(1, 12)]
    with (
        serve_here(firm([conversation(1, said)]), options(at(9), intercom_parts_most=4)) as sandbox,
        intercom(sandbox) as client,
    ):
        shown = client.get(f"/conversations/{intercom_id('cnv-000001')}").json()
        assert [one["body"] for one in shown["conversation_parts"]["conversation_parts"]] == [
            f"<p>Message {number}</p>" for number in range(8, 12)
        ]
        assert shown["statistics"]["count_conversation_parts"] == 10


def test_bots_are_marked_and_fin_says_what_it_used():
    said = [message(2, 1, at(3)), message(2, 2, at(3, minutes=1), "We received it", ROBOT)]
    with (
        serve_here(firm([by_ai(1, at(3)), conversation(2, said)]), options(at(9))) as sandbox,
        intercom(sandbox) as client,
    ):
        first, second = (client.get(f"/conversations/{intercom_id(f'cnv-00000{number}')}").json() for number in (1, 2))
        author = first["conversation_parts"]["conversation_parts"][0]["author"]
        assert (author["type"], author["id"], author["from_ai_agent"]) == ("bot", intercom_id(AI), True)
        assert first["ai_agent"]["resolution_state"] == "assumed_resolution"
        (used,) = first["ai_agent"]["content_sources"]["content_sources"]
        assert intercom_id("art-0001") in used["url"]
        author = second["conversation_parts"]["conversation_parts"][0]["author"]
        assert (author["type"], author["from_ai_agent"], second["ai_agent"]) == ("bot", False, None)
        sandbox.control("traps", intercom_fin_is_off=True)
        assert client.get(f"/conversations/{first['id']}").json()["ai_agent"] is None


def test_what_is_deleted_or_merged_is_gone_without_a_word():
    gone = plain(1, at(3))
    gone.events.append(Event("delete", at(5), "human_agent", ANN))
    loser, winner = intercom_id("cus-000001"), intercom_id("cus-000002")
    with serve_here(firm([gone, plain(2, at(3))]), options(at(4))) as sandbox, intercom(sandbox) as client:
        assert len(walk(client, "conversations")) == 2
        sandbox.move_clock(at(6))
        assert [conversation_number(one["id"]) for one in walk(client, "conversations")] == [2]
        assert client.get(f"/conversations/{intercom_id('cnv-000001')}").status_code == 404
        sandbox.control("traps", intercom_merged_contacts={loser: winner})
        assert loser not in {one["id"] for one in walk(client, "contacts")}
        assert client.get(f"/contacts/{loser}").status_code == 404
        (left,) = walk(client, "conversations")
        assert left["contacts"]["contacts"][0]["id"] == winner


def test_there_is_one_scroll_and_it_ends_when_it_is_left_alone_or_fails():
    with serve_here(firm(), options(at(9), intercom_scroll_idle_seconds=0.2)) as sandbox, intercom(sandbox) as client:
        first = client.get("/companies/scroll").json()
        assert len(first["data"]) == 2
        second = client.get("/companies/scroll")
        assert (second.status_code, second.json()["errors"][0]["code"]) == (400, "scroll_exists")
        param = {"scroll_param": first["scroll_param"]}
        assert client.get("/companies/scroll", params=param).json()["data"] == []
        opened = client.get("/companies/scroll").json()["scroll_param"]
        sandbox.control("traps", faults=[{"kind": "server_error", "endpoint": "intercom.companies_scroll"}])
        assert client.get("/companies/scroll", params={"scroll_param": opened}).status_code == 500
        assert client.get("/companies/scroll", params={"scroll_param": opened}).status_code == 404
        assert client.get("/companies/scroll").status_code == 200


def test_articles_go_by_page_numbers_and_name_the_next_page_by_its_address():
    with serve_here(firm(articles=articles()), options(at(8))) as sandbox, intercom(sandbox) as client:
        first = client.get("/articles", params={"per_page": 1}).json()
        assert (first["pages"]["page"], first["pages"]["total_pages"]) == (1, 2)
        second = client.get(first["pages"]["next"]).json()
        assert "next" not in second["pages"]
        numbers = [one["id"] for one in (*first["data"], *second["data"])]
        assert numbers == [intercom_id("art-0001"), intercom_id("art-0002")]
        assert client.get(f"/articles/{numbers[0]}").json() == first["data"][0]
        assert client.get("/articles/999").status_code == 404


def test_a_token_and_the_version_are_asked_for():
    with serve_here(firm(), options(at(9), enforce_limits=True)) as sandbox, intercom(sandbox) as client:
        answer = client.get("/admins")
        assert answer.status_code == 200
        assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= set(answer.headers)
        assert client.get("/admins", headers={"Authorization": "Bearer another"}).status_code == 401
        assert client.get("/admins", headers={"Intercom-Version": "1.0"}).status_code == 400
