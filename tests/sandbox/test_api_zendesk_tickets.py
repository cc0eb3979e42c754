"""Zendesk's tickets one by one: deletions, redactions, merges, comments, lists, and the help centre beside them."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from small_firm import (
    AI,
    ANN,
    BOB,
    ROBOT,
    at,
    by_ai,
    conversation,
    epoch,
    events_page,
    firm,
    get,
    message,
    plain,
    tickets_page,
    zendesk,
)

from touchstone.sandbox.api import SandboxOptions, Traps, serve_here
from touchstone.sandbox.api.bulk import bulk_company
from touchstone.sandbox.model import Event


def options(**fields):
    return SandboxOptions(**{"clock": at(20)} | fields)


def children(page, kind="Comment"):
    return [child for row in page["ticket_events"] for child in row["child_events"] if child["event_type"] == kind]


def deleted(number, moment, *, scrubbed=None):
    one = plain(number, moment)
    one.events.append(Event("delete", moment + timedelta(hours=2), "human_agent", ANN))
    if scrubbed:
        one.events.append(Event("redact", scrubbed, "system", text="SCRUBBED"))
    return one


def test_deleted_tickets_stay_in_the_export_and_leave_everything_else():
    company = firm([deleted(1, at(1)), deleted(2, at(2), scrubbed=at(4)), plain(3, at(3))])
    with serve_here(company, options()) as sandbox, zendesk(sandbox) as client:
        tickets = {row["id"]: row for row in tickets_page(client, start_time=0)["tickets"]}
        assert [tickets[number]["status"] for number in (1001, 1002, 1003)] == ["deleted", "deleted", "solved"]
        assert (tickets[1002]["subject"], tickets[1002]["description"]) == ("SCRUBBED", "SCRUBBED")
        assert tickets[1001]["subject"] == "Question 1"
        assert [row["id"] for row in get(client, "tickets.json")["tickets"]] == [1003]
        gone = get(client, "deleted_tickets.json")["deleted_tickets"]
        assert [(row["id"], row["previous_state"], row["actor"]["id"]) for row in gone] == [
            (1001, "solved", 380_000_000_001)
        ]
        kept = tickets_page(client, start_time=0, exclude_deleted="true")["tickets"]
        assert [row["id"] for row in kept] == [1003]
        for path in ("tickets/1001.json", "tickets/1001/comments.json", "tickets/1001/metrics.json"):
            assert client.get(path).status_code == 404
        scrubbed = client.get("tickets/1002.json")
        assert (scrubbed.status_code, scrubbed.content) == (403, b"")
        assert scrubbed.headers["content-type"].startswith("text/html")
        assert client.get("tickets/9999.json").json() == {"error": "RecordNotFound", "description": "Not found"}


def test_t9_one_ticket_can_be_refused_with_an_empty_page():
    with serve_here(firm([plain(1, at(1)), plain(2, at(2))]), options()) as sandbox, zendesk(sandbox) as client:
        sandbox.control("traps", html_403_for_ids=[1001], html_404_for_ids=[1002])
        for ticket, status in ((1001, 403), (1002, 404)):
            answer = client.get(f"tickets/{ticket}/comments.json")
            assert (answer.status_code, answer.content) == (status, b"")
            assert answer.headers["content-type"].startswith("text/html")
        assert len(tickets_page(client, start_time=0)["tickets"]) == 2


def test_comments_come_with_the_events_only_when_asked_for():
    noted = conversation(
        1,
        [
            message(1, 1, at(1)),
            message(1, 2, at(1, minutes=1), "Check the account", ANN, is_internal=True),
            message(1, 3, at(1, minutes=2), "A survey", ROBOT),
        ],
    )
    with serve_here(firm([noted]), options()) as sandbox, zendesk(sandbox) as client:
        bare = children(events_page(client, start_time=0, include=""))
        assert [(child["comment_present"], child["comment_public"]) for child in bare] == [
            (True, True),
            (True, False),
            (True, True),
        ]
        assert all("body" not in child for child in bare)
        full = children(events_page(client, start_time=0))
        assert [child["id"] for child in full] == [390_000_001_001, 390_000_001_002, 390_000_001_003]
        assert [child["body"] for child in full] == ["Hello there", "Check the account", "A survey"]
        assert [child["public"] for child in full] == [True, False, True]
        assert [child["author_id"] for child in full] == [370_000_000_001, 380_000_000_001, 380_000_000_003]
        listed = get(client, "tickets/1001/comments.json", **{"page[size]": 2})
        assert [row["id"] for row in listed["comments"]] == [390_000_001_001, 390_000_001_002]
        after = listed["meta"]["after_cursor"]
        rest = get(client, "tickets/1001/comments.json", **{"page[size]": 2, "page[after]": after})
        assert [row["body"] for row in rest["comments"]] == ["A survey"]
        assert not rest["meta"]["has_more"]


def test_events_tell_each_change_with_the_value_before():
    one = conversation(
        1,
        [
            message(1, 1, at(1)),
            Event("priority", at(1), value="normal"),
            Event("topic", at(1), value="refund"),
            Event("assign", at(1, hours=1), "human_agent", ANN, value=ANN, team="frontline"),
            Event("handoff", at(1, hours=2), "", ANN, value=BOB, team="billing", text="needs billing"),
            Event("assign", at(1, hours=2), "", ANN, value=BOB, team="billing"),
            Event("status", at(1, hours=3), "human_agent", BOB, value="on_hold"),
            Event("topic", at(1, hours=4), value="invoice"),
            Event("status", at(1, hours=5), "human_agent", BOB, value="solved"),
            Event("tag", at(1, hours=6), value="vip"),
            Event("rate", at(1, hours=7), "customer", "cus-000001", value=1, text="meh"),
            Event("rate", at(1, hours=8), "customer", "cus-000001", value=5, text=""),
        ],
    )
    with serve_here(firm([one]), options()) as sandbox, zendesk(sandbox) as client:
        page = events_page(client, start_time=0)
        audits = page["ticket_events"]
        assert len(audits) == 9
        assert len({child["id"] for row in audits for child in row["child_events"]}) == sum(
            len(row["child_events"]) for row in audits
        )
        created = [child for child in audits[0]["child_events"] if child["event_type"] == "Create"]
        assert {"priority": "normal", "previous_value": None}.items() <= created[1].items()
        handoff = audits[2]
        assert handoff["updater_id"] == 380_000_000_001
        assert [
            {name: child[name] for name in child if name not in ("id", "event_type")}
            for child in handoff["child_events"]
        ] == [
            {"custom_fields_900005": "needs billing", "previous_value": None},
            {"assignee_id": 380_000_000_002, "previous_value": 380_000_000_001},
            {"group_id": 410_000_000_001, "previous_value": 410_000_000_000},
        ]
        values = {
            name: (child[name], child.get("previous_value"))
            for row in audits
            for child in row["child_events"]
            for name in ("status", "custom_fields_900001", "satisfaction_score")
            if name in child
        }
        assert values == {
            "status": ("solved", "hold"),
            "custom_fields_900001": ("invoice", "refund"),
            "satisfaction_score": ("good", "bad"),
        }
        assert any(child.get("added_tags") == ["vip"] for row in audits for child in row["child_events"])
        (ticket,) = tickets_page(client, start_time=0)["tickets"]
        assert (ticket["assignee_id"], ticket["group_id"]) == (380_000_000_002, 410_000_000_001)
        assert ticket["satisfaction_rating"] == {"score": "good", "id": 420_000_000_001, "comment": None}
        (rating,) = get(client, "satisfaction_ratings.json")["satisfaction_ratings"]
        assert (rating["created_at"], rating["updated_at"]) == ("2026-03-03T07:00:00Z", "2026-03-03T08:00:00Z")
        since = epoch(at(1, hours=8)) + 1
        assert get(client, "satisfaction_ratings.json", start_time=since)["satisfaction_ratings"] == []


def test_a_redaction_states_the_comment_again_and_hides_the_old_text_everywhere():
    one = plain(1, at(1))
    one.events.append(Event("redact", at(3), "system", message_id="msg-000001-001", text="My card is ▇▇▇▇"))
    with serve_here(firm([one]), options(clock=at(2))) as sandbox, zendesk(sandbox) as client:
        before = events_page(client, start_time=0)
        assert children(before)[0]["body"] == "Hello there"
        sandbox.move_clock(at(4))
        (audit,) = events_page(client, start_time=epoch(at(2)))["ticket_events"]
        change, comment = audit["child_events"]
        assert (change["comment_redaction"], change["comment_id"]) == (True, comment["id"])
        assert (comment["body"], comment["created_at"]) == ("My card is ▇▇▇▇", "2026-03-03T00:00:00Z")
        assert comment["id"] == children(before)[0]["id"]
        texts = events_page(client, start_time=0), tickets_page(client, start_time=0), get(client, "tickets/1001.json")
        assert all("Hello there" not in str(text) for text in texts)


def test_a_scrubbed_ticket_states_every_comment_again():
    company = firm([deleted(1, at(1), scrubbed=at(4))])
    with serve_here(company, options()) as sandbox, zendesk(sandbox) as client:
        rows = events_page(client, start_time=0)["ticket_events"]
        assert [child["body"] for child in rows[-1]["child_events"] if child["event_type"] == "Comment"] == [
            "SCRUBBED",
            "SCRUBBED",
        ]
        assert all("Here is how" not in str(row) for row in rows)


def test_a_merge_closes_one_ticket_and_names_it_in_the_other():
    survivor, loser = plain(1, at(1)), conversation(2, [message(2, 1, at(1, hours=1)), message(2, 2, at(1, hours=2))])
    survivor.events.append(message(1, 9, at(2), "Request #1002 was closed and merged", "", is_internal=True))
    loser.events += [
        message(2, 3, at(2), "This request was closed and merged into request #1001.", ""),
        Event("tag", at(2), value="closed_by_merge"),
        Event("merge", at(2), "human_agent", ANN, value="cnv-000001"),
    ]
    with serve_here(firm([survivor, loser]), options(clock=at(1, hours=20))) as sandbox, zendesk(sandbox) as client:
        cursor = tickets_page(client, start_time=0)["after_cursor"]
        assert len(get(client, "tickets/1002/comments.json")["comments"]) == 2
        sandbox.move_clock(at(3))
        changed = {row["id"]: row for row in tickets_page(client, cursor=cursor)["tickets"]}
        assert (changed[1002]["status"], changed[1002]["tags"]) == ("closed", ["closed_by_merge"])
        assert set(changed) == {1001, 1002}
        rows = events_page(client, start_time=epoch(at(2)))["ticket_events"]
        sources = [row["via"]["source"] for row in rows]
        assert sources == [{"from": {"ticket_id": 1002}, "to": {"ticket_id": 1001}, "rel": "merge"}] * len(rows)
        assert [row["merged_ticket_ids"] for row in rows if row["ticket_id"] == 1001] == [[1002]]
        assert all(
            row["via"]["source"]["rel"] is None for row in events_page(client, start_time=0)["ticket_events"][:3]
        )
        # what was written before the merge is gone from the ticket's own list, not from the events
        left = get(client, "tickets/1002/comments.json")["comments"]
        assert [row["body"] for row in left] == ["This request was closed and merged into request #1001."]
        assert (
            len([child for child in children(events_page(client, start_time=0)) if child["id"] // 1000 % 10 == 2]) == 3
        )


def test_t4_archived_tickets_are_in_the_export_alone():
    old, recent = plain(1, at(1)), plain(2, at(1))
    for one, days in ((old, 2), (recent, 100)):
        one.events.append(Event("status", at(days), "system", value="closed"))
    with serve_here(firm([old, recent]), options(clock=at(123))) as sandbox, zendesk(sandbox) as client:
        assert [row["id"] for row in get(client, "tickets.json")["tickets"]] == [1002]
        assert [row["id"] for row in get(client, "search.json", query="type:ticket")["results"]] == [1002]
        found = tickets_page(client, start_time=0, include="metric_sets")
        assert [row["ticket_id"] for row in found["metric_sets"]] == [1001, 1002]
        assert get(client, "tickets/1001.json")["ticket"]["id"] == 1001
        sandbox.control("traps", archived_hidden=False)
        assert [row["id"] for row in get(client, "tickets.json")["tickets"]] == [1001, 1002]


def test_search_stops_at_a_thousand_results():
    company = bulk_company(1100, 1100)
    with serve_here(company) as sandbox, zendesk(sandbox) as client:
        page = get(client, "search.json", query="type:ticket", page=10)
        assert (page["count"], len(page["results"]), page["next_page"]) == (1100, 100, None)
        refused = client.get("search.json", params={"query": "type:ticket", "page": 11})
        assert refused.status_code == 422
        assert "Response Limits" in refused.json()["description"]
        few = get(client, "search.json", query="type:ticket created<2025-03-04")
        assert 0 < few["count"] < 10
        assert client.get("search.json", params={"query": "type:ticket foo:bar"}).status_code == 422
        seen, after = [], None
        while True:
            more = get(client, "tickets.json", **{"page[size]": 100, **({"page[after]": after} if after else {})})
            seen += [row["id"] for row in more["tickets"]]
            after = more["meta"]["after_cursor"]
            if not more["meta"]["has_more"]:
                break
        assert seen == list(range(1000, 2100))


def test_articles_read_as_of_now_and_archived_ones_leave_without_a_word():
    path = "help_center/incremental/articles.json"
    with serve_here(firm(), options(clock=at(8))) as sandbox, zendesk(sandbox) as client:
        first = get(client, path, start_time=0, per_page=1)
        assert [row["body"] for row in first["articles"]] == ["<p>Send a fax</p>"]
        assert "end_of_stream" not in first
        second = client.get(first["next_page"]).json()
        assert second["articles"][0]["id"] == 400_000_000_002
        rows = get(client, path, start_time=0)
        assert rows["next_page"] is None
        refunds = rows["articles"][-1]
        assert (refunds["body"], refunds["edited_at"]) == ("<p>Fourteen days</p>", "2026-03-09T00:00:00Z")
        assert len(get(client, "help_center/articles.json")["articles"]) == 2
        sandbox.move_clock(at(10))
        assert [row["id"] for row in get(client, path, start_time=0)["articles"]] == [400_000_000_001]
        assert [row["id"] for row in get(client, "help_center/articles.json")["articles"]] == [400_000_000_001]


def test_groups_keep_former_members_until_they_leave():
    with serve_here(firm(), options(clock=at(7))) as sandbox, zendesk(sandbox) as client:

        def members():
            rows = get(client, "group_memberships.json")["group_memberships"]
            return {(row["user_id"] % 10, row["group_id"] % 10): (row["default"], row["created_at"]) for row in rows}

        assert members()[1, 0] == (False, "2024-10-18T00:00:00Z")
        assert members()[1, 1] == (True, "2026-03-08T00:00:00Z")
        assert (2, 1) in members()
        sandbox.move_clock(at(16))
        assert (2, 1) not in members()
        assert [row["name"] for row in get(client, "groups.json")["groups"]] == ["frontline", "billing"]
        for path in ("brands", "ticket_fields", "slas/policies"):
            key = "sla_policies" if path.startswith("slas") else path
            assert get(client, f"{path}.json")[key]


@pytest.fixture
def ai_desk():
    company = firm([by_ai(1, at(1, hours=23)), plain(2, at(1))])
    company.conversations[0].events.append(message(1, 3, at(2, hours=1), "Thanks"))
    with serve_here(company, options(clock=at(2, hours=5))) as sandbox, zendesk(sandbox) as client:
        yield sandbox, client


def signed(sandbox, day, **changes):
    known = sandbox.credentials.zendesk
    headers = {"Authorization": f"Bearer {known.ai_api_key}", "organizationId": known.ai_organization_id}
    headers = headers | {"botId": known.ai_bot_id} | changes
    return httpx.post(f"{sandbox.url}/zendesk/data-export/v3/get-signed-urls", json={"date": day}, headers=headers)


def test_the_days_file_of_the_ai_agents_is_made_anew_every_midnight(ai_desk):
    sandbox, client = ai_desk
    (url,) = signed(sandbox, "2026-03-03").json()["urls"]
    (first,) = client.get(url).json()
    # the thanks came after the midnight at which this file was made
    assert [row["sender"] for row in first["messages"]] == ["visitor", "bot"]
    assert first["externalConversationId"] == "1001"
    assert (first["botVersion"], first["escalated"], first["resolutionState"]) == ("2.2", False, "resolved")
    answer = first["messages"][1]
    assert (answer["messageId"], answer["confidence"], answer["intent"]) == ("390000001002", 0.91, "refund")
    assert answer["knowledgeSources"] == [{"articleId": 400_000_000_001, "articleVersion": 2, "relevance": 0.8}]
    assert answer["actions"] == [{"name": "lookup_order", "status": "ok", "durationMs": 120}]
    sandbox.move_clock(at(3, hours=1))
    (url,) = signed(sandbox, "2026-03-03").json()["urls"]
    assert [row["text"] for row in client.get(url).json()[0]["messages"]] == ["Hello there", "Done", "Thanks"]


def test_the_ai_agents_export_has_a_horizon_a_delay_and_urls_that_expire(ai_desk):
    sandbox, client = ai_desk
    assert signed(sandbox, "2026-03-04").json() == {"urls": []}
    (url,) = signed(sandbox, "2026-03-03").json()["urls"]
    assert client.get(url.replace("03.0.", "03.1.")).status_code == 403
    sandbox.control("traps", ai_export_delay_seconds=6 * 3600)
    assert signed(sandbox, "2026-03-03").json() == {"urls": []}
    sandbox.move_clock(at(3, hours=6))
    expired = client.get(url)
    assert (expired.status_code, b"expired" in expired.content) == (403, True)
    sandbox.move_clock(at(40))
    assert signed(sandbox, "2026-03-03").status_code == 400
    assert signed(sandbox, "tomorrow").status_code == 400
    for changes in ({"Authorization": "Bearer nonsense"}, {"organizationId": "other"}, {"botId": "other"}):
        assert signed(sandbox, "2026-03-30", **changes).status_code == 401


def test_a_handoff_from_the_ai_agent_is_an_escalation():
    one = by_ai(1, at(1))
    one.is_ai_only = False
    one.events.append(Event("handoff", at(1, minutes=9), "", AI, value=ANN, team="frontline", text="asks for a person"))
    with serve_here(firm([one]), options(clock=at(3))) as sandbox, zendesk(sandbox) as client:
        (url,) = signed(sandbox, "2026-03-03").json()["urls"]
        (found,) = client.get(url).json()
        assert (found["resolutionState"], found["escalatedAt"]) == ("escalated", "2026-03-03T00:09:00Z")
        assert found["escalationReason"] == "asks for a person"


def test_credentials_are_always_asked_for():
    with serve_here(firm([plain(1, at(1))]), options()) as sandbox, zendesk(sandbox) as client:
        known = sandbox.credentials.zendesk
        path = f"{sandbox.url}/zendesk/api/v2/users/me.json"
        for auth in (None, (f"{known.email}/token", "wrong"), (known.email, known.api_token)):
            refused = client.build_request("GET", path)
            answer = client.send(refused, auth=auth)
            assert (answer.status_code, answer.json()) == (401, {"error": "Couldn't authenticate you"})
        bearer = client.send(
            client.build_request("GET", path, headers={"Authorization": f"Bearer {known.oauth_token}"}), auth=None
        )
        assert bearer.json()["user"]["role"] == "admin"
        sandbox.control("traps", credentials={"zendesk": {"is_admin": False}})
        refused = client.get("incremental/tickets/cursor.json", params={"start_time": 0})
        assert (refused.status_code, refused.json()["error"]["title"]) == (403, "Forbidden")
        assert get(client, "users/me.json")["user"]["role"] == "agent"


def test_a_merge_into_another_desk_is_a_fault_of_the_company():
    from touchstone.errors import SourceError

    loser = plain(1, at(1))
    loser.events.append(Event("merge", at(2), "human_agent", ANN, value="cnv-000009"))
    with pytest.raises(SourceError, match="cnv-000009"), serve_here(firm([loser]), options(traps=Traps())):
        pass


def test_a_tickets_own_audits_tell_what_the_export_tells_in_other_words():
    made = [
        message(1, 1, at(1), "my card is 4111"),
        Event("assign", at(1, hours=1), "system", "", value=ANN, team="frontline"),
        Event("topic", at(1, hours=2), "human_agent", ANN, value="refund"),
        Event("redact", at(2), "human_agent", ANN, "msg-000001-001", "[removed]"),
        Event("status", at(3), "human_agent", ANN, value="solved"),
    ]
    company = firm(
        [conversation(1, made), conversation(2, [message(2, 1, at(1)), Event("merge", at(3), value="cnv-000001")])]
    )
    with serve_here(company, options()) as sandbox, zendesk(sandbox) as client:
        exported = {row["id"]: row for row in events_page(client, start_time=0)["ticket_events"]}
        audits = [row for number in (1001, 1002) for row in get(client, f"tickets/{number}/audits.json")["audits"]]
        assert {row["id"] for row in audits} == set(exported)
        for audit in audits:
            row = exported[audit["id"]]
            assert (audit["created_at"], audit["author_id"]) == (row["created_at"], row["updater_id"])
            assert "child_events" not in audit
        events = [event for audit in audits for event in audit["events"]]
        assert [event["body"] for event in events if event["type"] == "Comment"] == ["[removed]", "Hello there"]
        changes = {(event["field_name"], event["value"]) for event in events if event["type"] == "Change"}
        assert {("status", "solved"), ("900001", "refund"), ("assignee_id", 380_000_000_001)} <= changes
        assert "CommentRedactionEvent" in {event["type"] for event in events}
        merged = [audit["via"]["source"] for audit in audits if audit["via"]["source"]["rel"] == "merge"]
        assert {one["to"]["ticket_id"] for one in merged} == {1001}
        first = get(client, "tickets/1001/audits.json", **{"page[size]": 2})
        assert (len(first["audits"]), first["meta"]["has_more"]) == (2, True)
