"""Freshdesk as its API truly behaves, served over HTTP by the sandbox: people, refusals, limits and the rest."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from freshdesk_toolbox import forget_freshdesk, freshdesk_at, held, ingest_freshdesk
from toolbox import cursor

from touchstone.sandbox.api import Sandbox, SandboxOptions, serve_here
from touchstone.sandbox.api.freshdesk_ids import freshdesk_id
from touchstone.sandbox.model import Company, Event
from touchstone.sandbox.service import secrets as accepted_secrets
from touchstone.settings import Settings
from touchstone.sources.freshdesk import conversations, lists, tickets
from touchstone.sources.freshdesk.connector import FreshdeskConnector
from touchstone.sources.http import client
from touchstone.sources.http.faults import CredentialsError
from touchstone.sources.http.runner import check

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sandbox"))
from small_firm import ANN, UNTIL, agents, at, customer, firm, message, plain


@pytest.fixture(autouse=True)
def empty(warehouse: Settings) -> None:
    forget_freshdesk(warehouse)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that no test waits for."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tickets, conversations, lists):
        monkeypatch.setattr(module, "PER_PAGE", 10)


class Desk:
    """A served firm, and runs of the connector against it."""

    def __init__(self, sandbox: Sandbox, settings: Settings, **entry) -> None:
        self.sandbox = sandbox
        self.settings = settings
        self.source = freshdesk_at(f"{sandbox.url}/freshdesk", **entry)
        self.secrets = accepted_secrets(sandbox.credentials)["freshdesk"]

    def ingest(self, *streams: str, **options):
        given = {"as_of": UNTIL, "secrets": self.secrets, **options}
        return ingest_freshdesk(self.source, self.settings, *streams, **given)

    def held(self, stream: str) -> dict[str, dict]:
        return held(self.settings, stream)

    def requests(self, endpoint: str) -> list[dict]:
        return [one for one in self.sandbox.control("requests")["requests"] if one["endpoint"] == endpoint]


@pytest.fixture
def desk(warehouse: Settings) -> Iterator:
    """Serve a company; `desk(company, **entry)`."""
    with contextlib.ExitStack() as stack:

        def begin(company: Company, clock=UNTIL, **entry) -> Desk:
            server = serve_here(company, SandboxOptions(clock=clock, vendors=("freshdesk",)))
            return Desk(stack.enter_context(server), warehouse, **entry)

        yield begin


def test_everything_lands_and_a_second_run_asks_little(desk, small_pages):
    served = desk(firm([plain(number, at(number / 10)) for number in range(1, 41)]))
    first = served.ingest()
    assert len(served.held("tickets")) == 40
    assert len(served.held("conversations")) == 40
    for stream in ("contacts", "companies", "agents", "groups", "ticket_fields", "surveys", "folders", "articles"):
        assert served.held(stream), stream
    assert first.rows_quarantined == 0
    ticket = served.held("tickets")[str(freshdesk_id("cnv-000001"))]
    assert ticket["description_text"] == "Hello there"
    assert ticket["stats"]["resolved_at"] is not None
    assert ticket["requester"]["id"] == freshdesk_id("cus-000001")
    before = served.sandbox.control("stats")["requests"]
    second = served.ingest()
    assert (second.rows_inserted, second.rows_updated) == (0, 0)
    assert served.sandbox.control("stats")["requests"] - before < 25


def test_t13_the_last_page_that_a_list_shows_is_no_end(desk, small_pages):
    served = desk(firm([plain(number, at(number / 10)) for number in range(1, 66)]))
    served.sandbox.control("traps", freshdesk_page_limit=3)
    served.ingest("tickets")
    assert len(served.held("tickets")) == 65


def test_t14_tickets_from_more_than_30_days_ago_arrive(desk):
    served = desk(firm([plain(1, at(1)), plain(2, at(29))]), clock=UNTIL + timedelta(days=60))
    served.ingest("tickets")
    assert len(served.held("tickets")) == 2


def test_t17_a_change_between_two_pages_arrives_with_the_run(desk, small_pages):
    own = [plain(number, at(number / 10)) for number in range(1, 31)]
    own[0].events.append(message(1, 3, at(20), "And another thing"))
    served = desk(firm(own), clock=at(20) - timedelta(minutes=1))
    served.sandbox.control(
        "traps", faults=[{"kind": "advance_clock", "endpoint": "freshdesk.tickets", "skip": 1, "seconds": 120}]
    )
    served.ingest("tickets", "conversations", as_of=UNTIL)
    assert len(served.held("tickets")) == 30
    assert str(freshdesk_id("msg-000001-003")) in served.held("conversations")


@pytest.mark.parametrize("status", [403, 404])
def test_t9_a_ticket_that_is_refused_with_html_is_skipped_and_counted(desk, status):
    served = desk(firm([plain(number, at(number)) for number in range(1, 6)]))
    served.sandbox.control("traps", **{f"html_{status}_for_ids": [freshdesk_id("cnv-000003")]})
    result = served.ingest()
    assert result.detail["skipped_records"] == {"tickets whose conversations are not to be seen": 1}
    assert len(served.held("tickets")) == 5
    assert len(served.held("conversations")) == 4


def test_archived_tickets_are_not_taken_for_deleted_ones(desk):
    served = desk(firm([plain(number, at(number)) for number in range(1, 4)]), full_read_days=0)
    served.ingest()
    archived = freshdesk_id("cnv-000002")
    served.sandbox.control("traps", freshdesk_archived=[archived])
    result = served.ingest()
    assert result.detail["deleted_for_good"] == {}
    assert served.held("tickets")[str(archived)]["archived"] is True
    assert len(served.held("conversations")) == 3
    served.ingest()
    asked = [one["path"] for one in served.requests("freshdesk.ticket")]
    assert asked == [f"/freshdesk/api/v2/tickets/{archived}"]


def test_trap_22_the_list_of_tickets_has_a_budget_of_its_own(desk):
    served = desk(firm([plain(1, at(1))]))
    result = served.ingest()
    assert result.detail["requests"]["tickets"] == len(served.requests("freshdesk.tickets")) == 3
    budgets = FreshdeskConnector.budgets
    assert (budgets["tickets"].requests, budgets["tickets"].seconds) == (20, 60)
    assert budgets["default"].requests > budgets["tickets"].requests


def test_trap_22_a_429_is_waited_out_for_as_long_as_it_says(desk, caplog):
    served = desk(firm([plain(1, at(1))]))
    fault = {"kind": "rate_limited", "endpoint": "freshdesk.tickets", "retry_after": 2}
    served.sandbox.control("traps", faults=[fault])
    with caplog.at_level(logging.WARNING):
        result = served.ingest("tickets")
    assert result.detail["waited_seconds"] >= 2
    assert "429 too many requests" in caplog.text
    served.sandbox.control("traps", faults=[fault | {"retry_after": 3600}])
    with pytest.raises(Exception, match="asks to wait 3600 s"):
        served.ingest("tickets")


def test_contacts_that_changed_are_asked_for_and_those_gone_for_good_lose_their_content(desk, small_pages):
    company = firm([plain(1, at(1))], customers=[customer(number) for number in range(1, 26)])
    served = desk(company)
    served.ingest("contacts")
    assert len(served.held("contacts")) == 25
    served.ingest("contacts")
    assert "_updated_since" in served.requests("freshdesk.contacts")[-1]["query"]
    served.sandbox.control("traps", freshdesk_purged=[f"contacts/{freshdesk_id('cus-000007')}"])
    served.source = freshdesk_at(f"{served.sandbox.url}/freshdesk", full_read_days=0)
    result = served.ingest("contacts")
    gone = served.held("contacts")[str(freshdesk_id("cus-000007"))]
    assert gone["isDeletedForGood"] is True
    assert "email" not in gone
    assert result.detail["deleted_for_good"] == {"contacts": 1}
    assert served.ingest("contacts").rows_updated == 0


def test_a_first_reading_of_contacts_that_was_stopped_goes_on_at_its_page(desk, small_pages, monkeypatch):
    served = desk(firm([], customers=[customer(number) for number in range(1, 36)]))
    served.sandbox.control(
        "traps", faults=[{"kind": "server_error", "endpoint": "freshdesk.contacts", "skip": 2, "times": 1}]
    )
    with monkeypatch.context() as patch:
        patch.setattr(client, "ATTEMPTS", 1)
        with pytest.raises(Exception, match="contacts"):
            served.ingest("contacts")
    assert cursor(served.settings, "contacts", "freshdesk")["page"] == 3
    served.ingest("contacts")
    assert len(served.held("contacts")) == 35


def test_an_agent_who_was_taken_away_stays_and_is_said_to_have_left(desk):
    staff = agents()
    staff[1].left_at = at(10)
    served = desk(firm([plain(1, at(1))], agents=staff), clock=at(5))
    served.ingest("agents", as_of=at(5))
    ann = str(freshdesk_id(ANN))
    assert "has_left" not in served.held("agents")[ann]
    served.sandbox.move_clock(at(12))
    served.ingest("agents", as_of=at(12))
    found = served.held("agents")[ann]
    assert found["has_left"] is True
    assert found["contact"]["name"]
    assert served.ingest("agents", as_of=at(13)).rows_updated == 0


def test_the_groups_say_who_is_in_them_where_the_list_of_agents_does_not(desk):
    served = desk(firm([plain(1, at(1))]), clock=at(5))
    served.ingest("agents", as_of=at(5))
    stated = {own: one["group_ids"] for own, one in served.held("agents").items()}
    assert all(stated.values())
    served.sandbox.control("traps", freshdesk_agents_without_groups=True)
    # one of them moves to another group
    served.sandbox.move_clock(at(7))
    served.ingest("agents", as_of=at(7))
    ann = str(freshdesk_id(ANN))
    found = {own: one["group_ids"] for own, one in served.held("agents").items()}
    assert found[ann] == [one + 1 for one in stated[ann]]
    assert {own: ids for own, ids in found.items() if own != ann} == {
        own: ids for own, ids in stated.items() if own != ann
    }


def test_articles_of_folders_that_lie_in_folders_arrive(desk):
    served = desk(firm([plain(1, at(1))]), clock=at(5))
    served.ingest("solutions", as_of=at(5))
    assert {one["name"] for one in served.held("folders").values()} == {"Billing", "Contact"}
    assert set(served.held("articles")) == {str(freshdesk_id(own)) for own in ("art-0001", "art-0002")}


def test_ratings_arrive_once_however_late_they_are_given(desk):
    one = plain(1, at(1))
    one.events.append(Event("rate", at(3), "customer", "cus-000001", value=1, text="no"))
    one.events.append(Event("rate", at(9), "customer", "cus-000001", value=5, text="yes"))
    served = desk(firm([one]), clock=at(5))
    served.ingest("satisfaction_ratings", as_of=at(5))
    served.sandbox.move_clock(at(10))
    served.ingest("satisfaction_ratings", as_of=at(10))
    assert sorted(rating["ratings"]["default_question"] for rating in served.held("satisfaction_ratings").values()) == [
        -103,
        103,
    ]


def test_what_the_plan_does_not_hold_is_said_and_stops_nothing(desk):
    served = desk(firm([plain(1, at(1))]))
    served.sandbox.control("traps", freshdesk_refused=["surveys", "satisfaction_ratings", "categories"])
    result = served.ingest()
    assert len(result.detail["warnings"]) == 3
    assert result.detail["failed_streams"] == {}
    assert len(served.held("tickets")) == 1
    served.sandbox.control("traps", freshdesk_refused=[])
    served.ingest()
    articles = served.held("articles")
    assert articles
    served.sandbox.control("traps", freshdesk_refused=["categories"])
    served.ingest()
    assert served.held("articles") == articles


def test_t24_and_drift_nul_surrogates_and_changed_types_land(desk):
    served = desk(firm([plain(number, at(number / 10)) for number in range(1, 21)]))
    served.sandbox.control("traps", drift={"nul_and_surrogates": True, "field_type_change": True, "new_enum": True})
    result = served.ingest()
    assert result.rows_quarantined == 0
    assert result.replaced_characters > 0
    assert len(served.held("tickets")) == 20
    assert any("\ufffd" in ticket["subject"] for ticket in served.held("tickets").values())


def test_a_backfill_reads_its_days_and_leaves_the_cursors_alone(desk, small_pages):
    served = desk(firm([plain(number, at(number)) for number in range(1, 26)]))
    served.source = freshdesk_at(f"{served.sandbox.url}/freshdesk", start="2026-03-25")
    first = at(5).date()
    result = served.ingest(interval=(first, first))
    assert str(freshdesk_id("cnv-000005")) in served.held("tickets")
    assert len(served.held("tickets")) < 25
    assert cursor(served.settings, "tickets", "freshdesk") is None
    assert "conversations" in result.detail["streams_without_interval"]


def test_a_wrong_key_is_said_at_once_and_check_names_what_works(desk):
    served = desk(firm([plain(1, at(1))]))
    with pytest.raises(CredentialsError, match="does not accept the API key"):
        served.ingest(secrets={"api_key": "wrong"})
    verdicts = check(FreshdeskConnector(), served.source, served.secrets, served.settings)
    assert {problem for _, problem in verdicts} == {None}
    served.sandbox.control("traps", freshdesk_refused=["surveys"])
    verdicts = check(FreshdeskConnector(), served.source, served.secrets, served.settings)
    assert [what for what, problem in verdicts if problem] == ["surveys"]
