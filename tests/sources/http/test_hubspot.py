"""HubSpot's CRM objects: none is lost to the caps, delays and blind spots of its search, each by the number of its bug."""

from __future__ import annotations

import logging
from datetime import timedelta

import psycopg
import pytest
from places import HubspotPlace, fault
from scripted import Answer, scripted

from sandbox.small_firm import UNTIL, at, conversation, customer, firm, message, plain
from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.model import Event
from touchstone.sources.hubspot import associations, objects
from touchstone.sources.hubspot.moments import epoch_ms
from touchstone.warehouse import ledger

NOON = at(20, hours=12)


def tickets(count: int, *, begin=None) -> list:
    """Conversations at the HubSpot desk, one a minute."""
    return [
        plain(number, (begin or at(1)) + timedelta(minutes=number), desk="hubspot") for number in range(1, count + 1)
    ]


def closing(number: int, moment, *later, **fields):
    """A conversation at the HubSpot desk with further events after its first message."""
    return conversation(number, [message(number, 1, moment), *later], desk="hubspot", **fields)


def status(moment, value: str = "solved") -> Event:
    return Event("status", moment, "human_agent", "agt-001", value=value)


def options(now=NOON, **traps) -> SandboxOptions:
    return SandboxOptions(clock=now, traps=traps)


def ticket_id(number: int) -> str:
    return str(9_000_000_000 + number)


# --- T6, T8, T22: where a run stands


def test_t6_a_run_that_ends_at_page_k_goes_on_there_and_lands_rows_once(warehouse):
    with serve_here(firm(tickets(450)), options()) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run_until(3, "tickets")
        assert len(place.payloads("tickets")) == 300
        sandbox.control("reset")
        second = place.run("tickets")
        listed = place.asked("hubspot.tickets.list")
        assert [one["query"].get("after") for one in listed if one["query"]["archived"] == "false"] == [
            ticket_id(301),
            ticket_id(401),
        ]
        assert len(place.payloads("tickets")) == 450
        assert second.detail["records"]["tickets"] < 160
        assert place.payloads("tickets", history=True) == {}


def test_t6_a_search_that_ends_at_page_k_goes_on_behind_its_last_id(warehouse):
    with serve_here(firm(tickets(700, begin=NOON)), options()) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("tickets")
        sandbox.move_clock(seconds=86_400)
        place.run_until(2, "tickets")
        assert len(place.payloads("tickets")) == 400
        sandbox.control("reset")
        place.run("tickets")
        assert len(place.asked("hubspot.tickets.search")) == 2
        assert len(place.payloads("tickets")) == 700
        assert place.payloads("tickets", history=True) == {}


def test_t8_every_page_leaves_its_cursor(warehouse):
    with serve_here(firm(tickets(450)), options()) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        states = []
        place.run("tickets", progress=lambda stream, count: states.append(place.cursor("tickets")))
    assert [state.get("after") for state in states[:4]] == [ticket_id(number) for number in (101, 201, 301, 401)]
    assert [state.get("phase") for state in states] == ["list"] * 4 + ["search", "archived", None]


def test_t22_rows_whose_cursor_cannot_be_written_are_not_there(warehouse, monkeypatch):
    with serve_here(firm(tickets(250)), options()) as sandbox:
        place = HubspotPlace(warehouse, sandbox)

        def failing(*_, **__):
            raise psycopg.OperationalError("the server is gone")

        monkeypatch.setattr(ledger, "write_cursor", failing)
        with pytest.raises(psycopg.OperationalError):
            place.run("tickets")
        monkeypatch.undo()
        assert place.payloads("tickets") == place.payloads("associations") == {}
        assert place.run("tickets").detail["records"]["tickets"] >= 250
        assert len(place.payloads("tickets")) == 250
        assert place.payloads("tickets", history=True) == {}


# --- T15, T16, T17: what a search does not say


def test_t15_more_than_ten_thousand_changes_all_arrive(warehouse):
    people = [
        customer(number, created_at=NOON + timedelta(minutes=1), emails=[f"p{number}@firm-1.example"])
        for number in range(1, 10_151)
    ]
    with serve_here(firm(customers=people), options()) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("contacts")
        assert place.payloads("contacts") == {}
        sandbox.move_clock(seconds=3600)
        place.run("contacts")
        assert len(place.payloads("contacts")) == 10_150
        stats = sandbox.control("stats")["endpoints"]["hubspot.contacts.search"]
        assert set(stats) == {"200"}


def test_t16_what_the_index_shows_late_arrives_with_a_later_run(warehouse):
    made = [closing(1, NOON), closing(2, NOON + timedelta(seconds=5))]
    with serve_here(firm(made), options(NOON - timedelta(hours=1), search_index_delay_seconds=45)) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("tickets")
        sandbox.move_clock(NOON + timedelta(seconds=10))
        place.run("tickets")
        assert set(place.payloads("tickets")) == {ticket_id(2)}  # the newer one is there, the odd one is late
        sandbox.move_clock(NOON + timedelta(seconds=50))
        place.run("tickets")
        assert set(place.payloads("tickets")) == {ticket_id(1), ticket_id(2)}


def test_t16_what_is_archived_leaves_the_search_and_is_told_all_the_same(warehouse):
    made = [closing(1, NOON, Event("delete", NOON + timedelta(hours=2), "human_agent", "agt-001")), closing(2, NOON)]
    with serve_here(firm(made), options(NOON + timedelta(hours=1))) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("tickets")
        assert {one["archived"] for one in place.payloads("tickets").values()} == {False}
        sandbox.move_clock(NOON + timedelta(hours=3))
        place.run("tickets")
        archived = {key: one["archived"] for key, one in place.payloads("tickets").items()}
        assert archived == {ticket_id(1): True, ticket_id(2): False}
        assert place.payloads("tickets")[ticket_id(1)]["archivedAt"]


def test_t17_what_changes_behind_a_search_is_in_the_next_one(warehouse):
    made = [closing(number, at(1, minutes=number), status(NOON + timedelta(minutes=5))) for number in range(1, 251)]
    late = NOON + timedelta(hours=1)
    made[49].events.append(status(late + timedelta(minutes=1), "open"))
    # it is seen in the very page during which the other one changes, and is much newer
    made[239].events.append(status(late + timedelta(minutes=30), "open"))
    with serve_here(firm(made), options(NOON)) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("tickets")
        sandbox.move_clock(late)
        sandbox.control("traps", faults=[fault("advance_clock", "hubspot.tickets.search", skip=1, seconds=3600)])
        place.run("tickets")
        held = place.payloads("tickets")
        assert held[ticket_id(240)]["properties"]["status_detail"] == "open"
        assert held[ticket_id(50)]["properties"]["status_detail"] == "solved"
        place.run("tickets")
        assert place.payloads("tickets")[ticket_id(50)]["properties"]["status_detail"] == "open"


# --- T23, T24, T25, T26: what lands of what is stated


def test_t23_a_change_that_leaves_the_date_behind_comes_with_the_full_reading(warehouse):
    made = [
        closing(1, NOON, Event("touch", NOON + timedelta(days=1), "system")),
        closing(2, NOON + timedelta(minutes=30)),
    ]
    with serve_here(firm(made), options(NOON + timedelta(hours=1))) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("tickets")
        before = place.payloads("tickets")[ticket_id(1)]
        sandbox.move_clock(seconds=timedelta(days=2).total_seconds())
        place.run("tickets")
        assert place.payloads("tickets")[ticket_id(1)]["properties"]["system_revision"] == "0"
        sandbox.move_clock(seconds=7 * 86_400)
        place.run("tickets")
        after = place.payloads("tickets")[ticket_id(1)]
        assert after["updatedAt"] == before["updatedAt"]
        assert (before["properties"]["system_revision"], after["properties"]["system_revision"]) == ("0", "1")


def test_t24_nul_and_lone_surrogates_are_replaced_and_counted(warehouse):
    with serve_here(firm(tickets(10)), options(drift={"nul_and_surrogates": True})) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        result = place.run("tickets")
        subject = place.payloads("tickets")[ticket_id(5)]["properties"]["subject"]
        assert subject == "Quest\ufffdion 5\ufffd"
        assert len(place.payloads("tickets")) == 10
        assert result.replaced_characters >= 2 * 2 * 2  # of two tickets, in two texts, two characters each


def test_t25_of_two_statements_in_one_run_the_newer_wins_whichever_comes_last(warehouse):
    hour = NOON + timedelta(hours=1)
    steps = (status(hour - timedelta(minutes=3), "open"), status(hour - timedelta(minutes=1)))
    made = [closing(number, NOON, *steps) for number in (1, 2)]
    # list and then search in one run: the index still shows the odd one as it was two minutes ago
    with serve_here(firm(made), options(hour, search_index_delay_seconds=120)) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        result = place.run("tickets")
        found = {key: one["properties"]["status_detail"] for key, one in place.payloads("tickets").items()}
        assert found == {ticket_id(1): "solved", ticket_id(2): "solved"}
        assert result.detail["records"]["tickets"] == 4
    # and the older one first
    with serve_here(firm(made), options(hour - timedelta(minutes=2))) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        sandbox.control("traps", faults=[fault("advance_clock", "hubspot.tickets.search", seconds=180)])
        place.run("tickets")
        found = {key: one["properties"]["status_detail"] for key, one in place.payloads("tickets").items()}
        assert found == {ticket_id(1): "solved", ticket_id(2): "solved"}
        old = place.payloads("tickets", history=True)
        assert {one["properties"]["status_detail"] for one in old.values()} == {"open"}


def test_t26_a_property_that_changes_its_type_and_a_new_one_land_and_are_told(warehouse):
    with serve_here(firm(), options(at(9))) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("companies")
        before = place.payloads("companies")["5000000001"]["properties"]
        sandbox.control("traps", drift={"field_type_change": True, "new_field": True})
        sandbox.move_clock(at(11))
        result = place.run("companies")
        after = place.payloads("companies")["5000000001"]["properties"]
        assert (before["number_of_employees"], after["number_of_employees"]) == ("42", "0-49")
        assert after["ai_sentiment_score"] == "0.01"
        kept = place.payloads("companies", history=True)["5000000001"]["properties"]
        assert kept == before
        told = {(one["stream"], one["field"]) for one in result.detail["schema_changes"]}
        assert told == {("companies", "properties.ai_sentiment_score")}


# --- associations


def test_associations_land_with_the_page_of_their_objects(warehouse):
    rated = closing(1, NOON, Event("rate", NOON + timedelta(minutes=9), "customer", "cus-000001", value=4, text="ok"))
    with serve_here(firm([rated]), options(NOON + timedelta(hours=1))) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("contacts", "deals", "tickets", "feedback_submissions")
        found = {key: one["to_ids"] for key, one in place.payloads("associations").items()}
        assert found == {
            **{f"contacts:{6_000_000 + number}:companies": ["5000000001"] for number in range(1, 5)},
            "deals:7000000001:companies": ["5000000001"],
            "tickets:9000000001:companies": ["5000000001"],
            "tickets:9000000001:contacts": ["6000001"],
            "tickets:9000000001:conversations": ["1100000001"],
            "feedback_submissions:8000000001:tickets": ["9000000001"],
        }
        assert place.interactions("feedback_submissions") == {"8000000001": ticket_id(1)}
        owners = place.interactions("associations")
        assert {key for key, owner in owners.items() if owner} == {key for key in found if key.startswith("tickets:")}
        together = place.query(
            "select count(distinct _load_id) from raw_hubspot.associations where instance = %s"
            " and _load_id not in (select _load_id from raw_hubspot.tickets"
            " union select _load_id from raw_hubspot.contacts union select _load_id from raw_hubspot.deals"
            " union select _load_id from raw_hubspot.feedback_submissions)"
        )
        assert together == [(0,)]


def test_an_association_that_changes_alone_comes_with_the_full_reading(warehouse):
    rating = Event("rate", NOON + timedelta(minutes=9), "customer", "cus-000001", value=4, text="ok")
    merge = Event("merge", NOON + timedelta(days=1), "human_agent", "agt-001", value="cnv-000002")
    newer = Event("rate", NOON + timedelta(minutes=40), "customer", "cus-000001", value=5, text="")
    made = [closing(1, NOON, rating, merge), closing(2, NOON), closing(3, NOON, newer)]
    with serve_here(firm(made), options(NOON + timedelta(hours=1))) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("feedback_submissions")
        sandbox.move_clock(NOON + timedelta(days=2))
        place.run("feedback_submissions")
        assert place.interactions("feedback_submissions")["8000000001"] == ticket_id(1)
        sandbox.move_clock(seconds=7 * 86_400)
        place.run("feedback_submissions")
        assert place.interactions("feedback_submissions")["8000000001"] == ticket_id(2)


def test_a_rating_that_is_archived_stays_with_its_ticket(warehouse):
    """What is archived has no associations any more, which says nothing of where it belongs."""
    rating = {"id": "5", "properties": {"hs_value": "4"}, "updatedAt": "2026-03-05T00:00:00Z", "archived": False}

    def answer(asked) -> Answer:
        if asked.path.startswith("/crm/v3/properties"):
            return Answer(status=403)
        if asked.path.startswith("/crm/v4/associations"):
            return Answer({"results": [{"from": {"id": "5"}, "to": [{"toObjectId": 77}]}]})
        is_listed = asked.query.get("archived") == str(rating["archived"]).lower()
        return Answer({"results": [rating] if is_listed else []})

    with serve_here(firm(), options()) as sandbox, scripted(answer) as api:
        place = HubspotPlace(warehouse, sandbox, base_url=api.url)
        result = place.run("feedback_submissions")
        assert "properties of feedback_submissions are not to be seen" in result.detail["warnings"][0]
        rating["archived"] = True
        place.run("feedback_submissions")
        assert place.payloads("feedback_submissions")["5"]["archived"] is True
        assert place.interactions("feedback_submissions") == {"5": "77"}


def test_a_part_of_a_batch_that_fails_is_no_absence(monkeypatch):
    monkeypatch.setattr(associations, "FIRST_PAUSE", 0.01)
    found = {"from": {"id": "1"}, "to": [{"toObjectId": 10}, {"toObjectId": 9}]}
    failed = {"status": "error", "category": "INTERNAL_ERROR", "message": "try again"}
    absent = {"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"fromObjectId": ["2"]}}
    partly = Answer({"results": [found], "errors": [failed]}, status=207)
    whole = Answer({"results": [found], "errors": [absent]}, status=207)
    with scripted([partly, partly, whole]) as api, client(api.url) as hubspot:
        known = associations.read(hubspot, "tickets", "companies", ["1", "2"])
        assert known == {"1": [{"toObjectId": 9}, {"toObjectId": 10}], "2": []}
        assert len(api.asked) == 3
    with scripted([partly]) as api, client(api.url) as hubspot, pytest.raises(SourceError, match="INTERNAL_ERROR"):
        associations.read(hubspot, "tickets", "companies", ["1", "2"])


def client(url: str):
    import httpx

    from touchstone.sources.http.client import ApiClient

    return ApiClient("acme:default", url, httpx.BasicAuth("a", "b"), first_pause=0.01)


# --- properties


def test_a_long_list_of_properties_goes_in_several_urls_and_comes_back_as_one(warehouse, monkeypatch):
    monkeypatch.setattr(objects, "MAX_PROPERTIES_LENGTH", 150)
    with serve_here(firm(tickets(120)), options(max_url_length=420)) as sandbox:
        whole, chunked = (HubspotPlace(warehouse, sandbox) for _ in range(2))
        chunked.run("tickets")
        assert len(chunked.asked("hubspot.tickets.list")) > 6
        monkeypatch.undo()
        sandbox.control("traps", max_url_length=16_000)
        whole.run("tickets")
        assert chunked.payloads("tickets") == whole.payloads("tickets")
        assert len(whole.payloads("tickets")) == 120


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2026-03-02T10:11:12.345Z", 1772446272345),
        ("2026-03-02T10:11:12Z", 1772446272000),
        ("2026-03-02T10:11:12.345678+01:00", 1772442672345),
        ("2026-03-02", 1772409600000),
        ("1772446272345", 1772446272345),
        (1772446272345, 1772446272345),
        ("", None),
        (None, None),
        ("soon", None),
        (True, None),
    ],
)
def test_every_form_of_a_time_is_read(stated, expected):
    assert epoch_ms(stated) == expected


# --- intervals, starts, verdicts


def test_a_backfill_reads_what_changed_in_its_days_and_moves_no_cursor(warehouse):
    made = [closing(number, at(number)) for number in range(1, 10)]
    with serve_here(firm(made), options()) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        result = place.run(interval=(at(3).date(), at(5).date()))
        assert set(place.payloads("tickets")) == {ticket_id(number) for number in (3, 4, 5)}
        assert len(place.payloads("threads")) == 3
        assert place.query("select count(*) from ops.cursors where instance = %s") == [(0,)]
        assert result.detail["streams_without_interval"] == []


def test_cases_from_before_the_start_are_left_out_and_accounts_are_not(warehouse):
    made = [closing(1, at(1)), closing(2, at(15)), closing(3, at(1), status(at(15)))]
    with serve_here(firm(made), options()) as sandbox:
        place = HubspotPlace(warehouse, sandbox, start=str(at(10).date()))
        place.run()
        assert set(place.payloads("tickets")) == {ticket_id(2), ticket_id(3)}
        assert set(place.payloads("threads")) == {"1100000002", "1100000003"}
        assert len(place.payloads("companies")) == 2


def test_without_the_helpdesk_the_crm_alone_is_read(warehouse):
    with serve_here(firm(tickets(3)), options()) as sandbox:
        place = HubspotPlace(warehouse, sandbox, tickets=False)
        place.run()
        assert len(place.payloads("companies")) == 2
        assert place.payloads("tickets") == place.payloads("threads") == {}
        assert "tickets" not in place.check()


def test_owners_are_all_read_those_who_left_too(warehouse):
    with serve_here(firm(), options()) as sandbox:
        place = HubspotPlace(warehouse, sandbox)
        place.run("owners", "pipelines")
        assert {key: one["archived"] for key, one in place.payloads("owners").items()} == {
            "80001": False,
            "80002": True,
        }
        assert set(place.payloads("pipelines")) == {"deals:default", "tickets:0"}


def test_a_check_names_what_is_wrong_in_one_line(warehouse, caplog):
    with serve_here(firm(), options(UNTIL)) as sandbox, caplog.at_level(logging.INFO):
        place = HubspotPlace(warehouse, sandbox)
        assert set(place.check().values()) == {None}
        verdicts = place.check({"token": "canary-wrong-token"})
        assert verdicts == {
            "credentials": "HubSpot does not accept the access token: '401'. Check the app's access token."
        }
        token = sandbox.credentials.hubspot.token
        sandbox.control("traps", credentials={"hubspot": {"expired_tokens": [token]}})
        assert place.check() == {"credentials": "HubSpot's access token has expired: '401'. Make a new one and set it."}
        sandbox.control(
            "traps", credentials={"hubspot": {"expired_tokens": [], "missing_scopes": ["conversations.read"]}}
        )
        wrong = {what: verdict for what, verdict in place.check().items() if verdict}
        assert wrong == {
            "conversations": "HubSpot refuses /hubspot/conversations/v3/conversations/threads:"
            " 'missing scopes: conversations.read'. Grant them to the app."
        }
        nowhere = HubspotPlace(warehouse, sandbox, base_url="http://127.0.0.1:9/hubspot")
        assert "no connection to 127.0.0.1" in nowhere.check()["credentials"]
    assert token not in caplog.text
    assert "canary-wrong-token" not in caplog.text


def test_t7_limits_without_a_word_on_their_length_are_waited_out(warehouse, caplog):
    with serve_here(firm(tickets(5)), options()) as sandbox, caplog.at_level(logging.WARNING):
        place = HubspotPlace(warehouse, sandbox)
        sandbox.control("traps", faults=[fault("rate_limited", "hubspot.tickets.search", times=2)])
        result = place.run("tickets")
        assert len(place.payloads("tickets")) == 5
        assert result.detail["repeated_requests"] == 2
        lines = [one.getMessage() for one in caplog.records if "429" in one.getMessage()]
        assert len(lines) == 2
        assert all("/crm/v3/objects/tickets/search" in line and "again in" in line for line in lines)


def test_a_day_whose_requests_are_used_up_ends_the_stream_at_once(warehouse):
    refused = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY"}
    with serve_here(firm(), options()) as sandbox, scripted([Answer(refused, status=429)]) as api:
        place = HubspotPlace(warehouse, sandbox, base_url=api.url)
        with pytest.raises(SourceError, match="requests of this day are used up"):
            place.run("owners")
        assert len(api.asked) == 1
