"""Zendesk's incremental exports: what they show, in which order, and how they end."""

from __future__ import annotations

from datetime import timedelta

from small_firm import (
    AI,
    ANN,
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
    walk,
    walk_cursor,
    zendesk,
)

from touchstone.sandbox.api import SandboxOptions, Traps, serve_here
from touchstone.sandbox.model import Event

CURSOR = "incremental/tickets/cursor.json"
EVENTS = "incremental/ticket_events.json"


def options(**fields):
    return SandboxOptions(**{"clock": at(5)} | fields)


def at_once(count, moment):
    """Many tickets that all changed within one second."""
    return [conversation(number, [message(number, 1, moment)]) for number in range(count)]


def test_a_system_update_moves_a_ticket_to_the_end_and_leaves_its_updated_at():
    touched = plain(1, at(1))
    touched.events.append(Event("touch", at(3), "system"))
    with serve_here(firm([touched, plain(2, at(2))]), options()) as sandbox, zendesk(sandbox) as client:
        tickets = tickets_page(client, start_time=0)["tickets"]
        assert [ticket["id"] for ticket in tickets] == [1002, 1001]
        assert tickets[1]["generated_timestamp"] == epoch(at(3))
        assert tickets[1]["updated_at"] == "2026-03-03T00:20:00Z"
        revisions = [field["value"] for ticket in tickets for field in ticket["custom_fields"] if field["id"] == 900006]
        assert revisions == [0, 1]
        # what was read before the touch is stated again after it
        assert [row["id"] for row in tickets_page(client, start_time=epoch(at(2, hours=12)))["tickets"]] == [1001]


def test_nothing_later_than_the_clock_shows():
    with serve_here(firm([plain(1, at(1)), plain(2, at(9))]), options()) as sandbox, zendesk(sandbox) as client:
        assert [row["id"] for row in tickets_page(client, start_time=0)["tickets"]] == [1001]
        sandbox.move_clock(at(1 + 8, minutes=12))
        late = tickets_page(client, start_time=0)["tickets"][-1]
        assert (late["id"], late["status"]) == (1002, "new")


def test_tickets_of_ai_agents_alone_show_only_when_asked_for():
    handed = by_ai(3, at(3), account_id=None)
    handed.is_ai_only = False
    handed.events.append(Event("handoff", at(4), "", AI, value=ANN, team="frontline", text="asks for a person"))
    handed.events.append(Event("assign", at(4), "", AI, value=ANN, team="frontline"))
    company = firm([plain(1, at(1)), by_ai(2, at(2)), handed])
    with serve_here(company, options(clock=at(3, hours=1))) as sandbox, zendesk(sandbox) as client:

        def shown(scope):
            query = {"support_type_scope": scope} if scope else {}
            found = get(client, CURSOR, start_time=0, **query)["tickets"]
            events = get(client, EVENTS, start_time=0, **query)["ticket_events"]
            assert {row["id"] for row in found} == {row["ticket_id"] for row in events}
            return {row["id"]: row["support_type"] for row in found}

        assert shown(None) == {1001: "agent"}
        assert shown("ai_agent") == {1002: "ai_agent", 1003: "ai_agent"}
        assert shown("all") == {1001: "agent", 1002: "ai_agent", 1003: "ai_agent"}
        sandbox.move_clock(at(4, minutes=10))
        assert shown(None) == {1001: "agent", 1003: "agent"}
        refused = client.get(CURSOR, params={"start_time": 0, "support_type_scope": "everything"})
        assert refused.status_code == 400


def test_the_last_minute_is_withheld_and_cannot_be_asked_for():
    clock = at(1, minutes=20)
    company = firm([plain(1, at(1)), conversation(2, [message(2, 1, clock - timedelta(seconds=90))])])
    with serve_here(company, options(clock=clock)) as sandbox, zendesk(sandbox) as client:
        # ticket 1 changed this second: it is neither at its new place nor at the old one
        assert [row["id"] for row in tickets_page(client, start_time=0)["tickets"]] == [1002]
        assert {row["ticket_id"] for row in events_page(client, start_time=0)["ticket_events"]} == {1001, 1002}
        refused = client.get(CURSOR, params={"start_time": epoch(clock) - 59})
        assert (refused.status_code, refused.json()["error"]) == (422, "StartTimeTooRecent")
        assert client.get(CURSOR, params={"start_time": epoch(clock) - 60}).status_code == 200
        sandbox.move_clock(seconds=61)
        assert [row["id"] for row in tickets_page(client, start_time=0)["tickets"]] == [1002, 1001]


def test_t1_what_is_withheld_longer_comes_in_the_next_run_from_the_stated_end():
    clock = at(1)
    tickets = [
        conversation(1, [message(1, 1, clock - timedelta(seconds=400))]),
        conversation(2, [message(2, 1, clock - timedelta(seconds=120))]),
    ]
    traps = Traps(late_visible_seconds=180)
    with serve_here(firm(tickets), options(clock=clock, traps=traps)) as sandbox, zendesk(sandbox) as client:
        page = events_page(client, start_time=0)
        assert [row["ticket_id"] for row in page["ticket_events"]] == [1001]
        assert page["end_time"] <= epoch(clock) - 180
        cursor = tickets_page(client, start_time=0)["after_cursor"]
        sandbox.move_clock(seconds=600)
        later = events_page(client, start_time=page["end_time"])["ticket_events"]
        assert 1002 in [row["ticket_id"] for row in later]
        assert [row["id"] for row in tickets_page(client, cursor=cursor)["tickets"]] == [1002]


def test_t3_more_than_a_page_in_one_second_comes_whole_by_cursor():
    with serve_here(firm(at_once(1500, at(1))), options()) as sandbox, zendesk(sandbox) as client:
        pages = list(walk_cursor(client, CURSOR, "tickets", support_type_scope="all"))
        assert [len(page["tickets"]) for page in pages] == [1000, 500]
        assert sorted(row["id"] for page in pages for row in page["tickets"]) == list(range(1000, 2500))


def test_t3_a_page_by_time_holds_all_of_its_last_second_and_the_next_repeats_it():
    company = firm([*at_once(1500, at(1)), plain(1500, at(2))])
    with serve_here(company, options()) as sandbox, zendesk(sandbox) as client:
        pages = list(walk(client, EVENTS, "ticket_events", support_type_scope="all"))
        assert [len(page) for page in pages] == [1500, 1504]
        repeated = {row["id"] for row in pages[0]} & {row["id"] for row in pages[1]}
        assert len(repeated) == 1500
        assert len({row["ticket_id"] for page in pages for row in page}) == 1501


def test_rows_are_repeated_at_the_borders_of_pages_by_time():
    company = firm([conversation(number, [message(number, 1, at(1, minutes=number // 3))]) for number in range(30)])
    with serve_here(company, options()) as sandbox, zendesk(sandbox) as client:
        pages = list(walk(client, EVENTS, "ticket_events", per_page=10, support_type_scope="all"))
        rows = [row["id"] for page in pages for row in page]
        assert len(set(rows)) == 30
        assert len(rows) > 30
        assert all(pages[place][-1]["id"] in {row["id"] for row in pages[place + 1]} for place in range(len(pages) - 1))


def test_an_export_without_rows_says_no_end_time_and_keeps_its_cursor():
    with serve_here(firm([plain(1, at(1))]), options()) as sandbox, zendesk(sandbox) as client:
        page = events_page(client, start_time=epoch(at(4)))
        assert (page["end_time"], page["next_page"], page["count"], page["end_of_stream"]) == (None, None, 0, True)
        first = tickets_page(client, start_time=epoch(at(4)))
        assert (first["tickets"], first["end_of_stream"]) == ([], True)
        assert tickets_page(client, cursor=first["after_cursor"])["after_cursor"] == first["after_cursor"]
        last = tickets_page(client, start_time=0)
        assert tickets_page(client, cursor=last["after_cursor"])["tickets"] == []


def test_t2_the_same_next_page_is_handed_out_for_ever():
    company = firm([plain(number, at(1, hours=number)) for number in range(5)])
    with serve_here(company, options(traps=Traps(same_next_page=True))) as sandbox, zendesk(sandbox) as client:
        first = events_page(client, start_time=0, per_page=4)
        assert (first["end_of_stream"], first["end_time"]) == (False, 0)
        assert events_page(client, start_time=first["end_time"], per_page=4)["ticket_events"] == first["ticket_events"]
        page = tickets_page(client, start_time=0, per_page=2)
        again = tickets_page(client, cursor=page["after_cursor"], per_page=2)
        assert (again["after_cursor"], again["end_of_stream"]) == (page["after_cursor"], False)
        assert again["tickets"] == page["tickets"]
        sandbox.control("traps", same_next_page=False, end_of_stream_missing=True)
        last = events_page(client, start_time=0)
        assert "end_of_stream" not in last
        assert last["next_page"].endswith(
            f"start_time={last['end_time']}&support_type_scope=all&include=comment_events"
        )
        assert "end_of_stream" not in tickets_page(client, start_time=0)


def test_a_ticket_that_changes_during_the_walk_comes_again_at_its_new_place():
    company = firm([plain(number, at(1, hours=number)) for number in range(6)])
    company.conversations[0].events.append(Event("status", at(5, seconds=90), "human_agent", ANN, value="closed"))
    with serve_here(company, options(clock_step_seconds=60)) as sandbox, zendesk(sandbox) as client:
        pages = list(walk_cursor(client, CURSOR, "tickets", per_page=2, support_type_scope="all"))
        seen = [(row["id"], row["status"]) for page in pages for row in page["tickets"]]
        assert seen[0] == (1000, "solved")
        assert seen[-1] == (1000, "closed")
        assert len(seen) == 7


def test_t5_a_comment_that_shows_late_is_an_event_of_its_own_time():
    old = plain(1, at(1))
    late = message(1, 3, at(1, minutes=30), "One more thing", visible_at=at(3))
    old.events.append(late)
    with serve_here(firm([old]), options(clock=at(2))) as sandbox, zendesk(sandbox) as client:
        before = events_page(client, start_time=0)
        sandbox.move_clock(at(4))
        rows = events_page(client, start_time=before["end_time"])["ticket_events"]
        assert rows[-1]["timestamp"] == epoch(at(3))
        comment = rows[-1]["child_events"][0]
        assert (comment["body"], comment["created_at"]) == ("One more thing", "2026-03-03T00:30:00Z")
        ticket = tickets_page(client, start_time=epoch(at(2)))["tickets"][0]
        assert (ticket["generated_timestamp"], ticket["updated_at"]) == (epoch(at(3)), "2026-03-03T00:30:00Z")


def test_a_page_holds_a_thousand_rows_at_most_and_large_ones_can_time_out():
    with serve_here(firm(at_once(1200, at(1))), options()) as sandbox, zendesk(sandbox) as client:
        assert len(tickets_page(client, start_time=0, per_page=5000)["tickets"]) == 1000
        assert client.get(CURSOR, params={"start_time": 0, "per_page": 0}).status_code == 400
        sandbox.control("traps", page_timeout_above=250)
        refused = client.get(CURSOR, params={"start_time": 0})
        assert (refused.status_code, refused.headers["content-type"]) == (504, "text/html; charset=utf-8")
        assert len(tickets_page(client, start_time=0, per_page=250)["tickets"]) == 250


def test_a_cursor_that_is_none_is_refused():
    with serve_here(firm([plain(1, at(1))]), options()) as sandbox, zendesk(sandbox) as client:
        for query in ({"cursor": "abc"}, {"cursor": "eA=="}, {}):
            assert client.get(CURSOR, params=query).status_code == 400


def test_users_come_by_cursor_and_organizations_by_time_alone():
    with serve_here(firm(), options(clock=at(16))) as sandbox, zendesk(sandbox) as client:
        users = [row for page in walk_cursor(client, "incremental/users/cursor.json", "users") for row in page["users"]]
        by_id = {row["id"]: row for row in users}
        assert len(users) == 8
        ann, bob, robot = (by_id[380_000_000_000 + number] for number in (1, 2, 3))
        assert ann["user_fields"]["role_title"] == "senior_agent"
        assert ann["user_fields"]["hired_on"] == "2024-10-18"
        assert ann["user_fields"]["role_history"].split(";") == [
            "2024-10-18T00:00:00+00:00|frontline|agent",
            "2026-03-08T00:00:00+00:00|billing|senior_agent",
        ]
        assert (bob["active"], bob["user_fields"]["left_on"]) == (False, "2026-03-17")
        assert (robot["role"], robot["user_fields"]["is_automation"]) == ("agent", True)
        assert client.get("incremental/organizations/cursor.json", params={"start_time": 0}).status_code == 404
        found = get(client, "incremental/organizations.json", start_time=0)
        assert [row["organization_fields"]["tier"] for row in found["organizations"]] == ["standard", "business"]
        assert found["organizations"][1]["updated_at"] == "2026-03-12T00:00:00Z"
        changed = get(client, "incremental/organizations.json", start_time=epoch(at(9)))["organizations"]
        assert [row["name"] for row in changed] == ["Firm 1"]


def test_metric_sets_come_with_the_tickets_and_metric_events_by_time():
    with serve_here(firm([plain(1, at(1))]), options()) as sandbox, zendesk(sandbox) as client:
        assert "metric_sets" not in tickets_page(client, start_time=0)
        (found,) = tickets_page(client, start_time=0, include="metric_sets")["metric_sets"]
        assert (found["ticket_id"], found["replies"], found["reopens"]) == (1001, 1, 0)
        assert found["reply_time_in_minutes"]["calendar"] == 10
        assert found["full_resolution_time_in_minutes"] == {"calendar": 20, "business": 0}
        rows = get(client, "incremental/ticket_metric_events.json", start_time=0)["ticket_metric_events"]
        assert [(row["metric"], row["type"]) for row in rows] == [
            ("reply_time", "activate"),
            ("requester_wait_time", "activate"),
            ("reply_time", "fulfill"),
            ("requester_wait_time", "fulfill"),
        ]


def test_next_urls_lead_back_to_the_host_that_was_asked():
    with serve_here(firm([plain(1, at(1)), plain(2, at(2))]), options()) as sandbox, zendesk(sandbox) as client:
        page = tickets_page(client, start_time=0, per_page=1)
        assert page["after_url"].startswith(f"{sandbox.url}/zendesk/api/v2/{CURSOR}")
        following = client.get(page["after_url"]).json()
        assert [row["id"] for row in following["tickets"]] == [1002]
