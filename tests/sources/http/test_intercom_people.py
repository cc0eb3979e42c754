"""Intercom's connector against the simulated vendor: contacts, companies, teammates and articles."""

from __future__ import annotations

import dataclasses
import time

import pytest
from places import IntercomPlace, Still, fault
from scripted import Answer, scripted

from sandbox.small_firm import ANN, accounts, articles, at, customer, firm, plain
from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.intercom_ids import intercom_id
from touchstone.sandbox.model import Article, ArticleVersion


@pytest.fixture
def place(warehouse):
    """Makes a workspace and an instance that reads it."""
    running = []

    def make(clock, traps=None, conversations=(), options=None, **company):
        server = serve_here(
            firm(conversations, **company), SandboxOptions(clock=clock, vendors=("intercom",), traps=traps or {})
        )
        running.append(server)
        return IntercomPlace(warehouse, server.__enter__(), **options or {})

    yield make
    for server in running:
        server.__exit__(None, None, None)


def contact(number: int) -> str:
    return intercom_id(f"cus-{number:06d}")


def many_articles(count: int, **edited):
    """So many articles; an edited one reads otherwise from then on."""

    def versions(number):
        later = [ArticleVersion(edited["at"], "Help", "<p>new</p>", ANN)] if number == edited.get("number") else []
        return [ArticleVersion(at(-200, minutes=number), "Help", "<p>old</p>", ANN), *later]

    return [
        Article(f"art-{number:04d}", "refund", "Billing", "en", at(-200, minutes=number), None, versions(number))
        for number in range(1, count + 1)
    ]


def many_accounts(count: int):
    first = accounts()[0]
    return [dataclasses.replace(first, account_id=f"acc-{number:05d}") for number in range(1, count + 1)]


@pytest.mark.parametrize("zone", [0.0, -11.0, 13.0])
@pytest.mark.parametrize("hour", [0, 23])
def test_t15_a_contact_that_is_made_later_on_the_same_day_is_found(place, zone, hour):
    people = [customer(2, created_at=at(3, hours=hour)), customer(4, created_at=at(3, hours=hour, minutes=40))]
    workspace = place(
        at(3, hours=hour, minutes=10),
        {"intercom_utc_offset_hours": zone},
        customers=people,
        options={"reconcile_days": 100},
    )
    workspace.run("contacts")
    assert set(workspace.payloads("contacts")) == {contact(2)}
    workspace.sandbox.move_clock(at(3, hours=hour, minutes=50))
    workspace.run("contacts")
    assert set(workspace.payloads("contacts")) == {contact(2), contact(4)}
    assert len(workspace.asked("intercom.contacts")) == 1


def test_t16_a_contact_that_is_shown_late_is_found_although_later_ones_were_read_before(place):
    people = [customer(3, created_at=at(3, hours=10, minutes=2)), customer(4, created_at=at(3, hours=10, minutes=5))]
    traps = {"intercom_contacts_late_seconds": 840}
    workspace = place(at(3, hours=10, minutes=6), traps, customers=people, options={"reconcile_days": 100})
    workspace.run("contacts")
    assert set(workspace.payloads("contacts")) == {contact(4)}
    workspace.sandbox.move_clock(at(3, hours=10, minutes=20))
    workspace.run("contacts")
    assert set(workspace.payloads("contacts")) == {contact(3), contact(4)}


def test_a_first_reading_that_was_stopped_goes_on_at_its_page(place):
    people = [customer(number, created_at=at(-9, seconds=number)) for number in range(1, 401)]
    workspace = place(at(3), customers=people)
    workspace.run_until(2, "contacts")
    assert len(workspace.payloads("contacts")) == 300
    workspace.run("contacts")
    assert len(workspace.payloads("contacts")) == 400
    assert len(workspace.asked("intercom.contacts")) == 3
    # what it left unread was not compared with what is held
    workspace.run("contacts")
    assert len(workspace.asked("intercom.contacts")) == 6


def test_a_contact_that_was_merged_is_kept_with_what_its_conversations_name_since(place):
    conversations = [plain(1, at(2), customer_id="cus-000002"), plain(2, at(2), customer_id="cus-000001")]
    workspace = place(at(3), conversations=conversations)
    workspace.run()
    merged = {contact(2): contact(1), contact(3): contact(1)}
    workspace.sandbox.control("traps", intercom_merged_contacts=merged)
    workspace.sandbox.move_clock(at(6))
    result = workspace.run()
    held = workspace.payloads("contacts")
    assert (held[contact(2)]["archived"], held[contact(2)]["merged_into"]) == (True, contact(1))
    # nothing says where one went that no conversation names
    assert (held[contact(3)]["archived"], held[contact(3)]["merged_into"]) == (True, None)
    assert "email" not in held[contact(2)]
    assert "archived" not in held[contact(1)]
    assert result.detail["deleted_for_good"] == {"contacts": 2}
    named = {one["contacts"]["contacts"][0]["id"] for one in workspace.payloads("conversations").values()}
    assert named == {contact(1)}


@pytest.mark.parametrize("kind", ["server_error", "broken_body", "hang"])
def test_t16_a_scroll_that_fails_begins_anew_and_loses_no_page(place, kind, monkeypatch):
    """Each request moves the scroll on, whether or not its answer arrives: asking again would leave out a page."""
    monkeypatch.setattr("touchstone.sources.http.client.FIRST_PAUSE", 0.02)
    workspace = place(at(3), {"intercom_scroll_idle_seconds": 0.3}, accounts=many_accounts(350))
    if kind == "hang":  # longer than the scroll lives
        failing = fault(kind, "intercom.companies_scroll", skip=2, seconds=0.5)
    else:
        failing = fault(kind, "intercom.companies_scroll", skip=2)
    workspace.sandbox.control("traps", faults=[failing])
    workspace.run("companies")
    assert len(workspace.payloads("companies")) == 350


def test_a_scroll_that_somebody_else_has_open_is_waited_for(place, monkeypatch):
    monkeypatch.setattr("touchstone.sources.http.client.FIRST_PAUSE", 0.1)
    workspace = place(at(3), {"intercom_scroll_idle_seconds": 0.6}, accounts=many_accounts(250))
    workspace.run_until(1, "companies")  # leaves its own open
    begun = time.monotonic()
    workspace.run("companies")
    assert time.monotonic() - begun > 0.3
    assert len(workspace.payloads("companies")) == 250


def test_a_scroll_that_never_comes_to_its_end_is_given_up(place, monkeypatch):
    monkeypatch.setattr("touchstone.sources.http.client.FIRST_PAUSE", 0.01)
    workspace = place(at(3), accounts=many_accounts(250))
    workspace.sandbox.control("traps", faults=[fault("server_error", "intercom.companies_scroll", times=1000)])
    with pytest.raises(SourceError, match="ended 10 times before its end"):
        workspace.run("companies")


def test_who_is_no_longer_listed_has_left(place):
    workspace = place(at(10))
    workspace.run("admins")
    bob = intercom_id("agt-002")
    workspace.sandbox.move_clock(at(16))
    workspace.run("admins")
    workspace.run("admins")
    held = workspace.payloads("admins")
    assert {own for own, one in held.items() if one.get("archived")} == {bob}
    assert held[bob]["name"] == "Bob Ray"
    assert held[bob]["archived_at"] == int(at(16).timestamp())


def test_an_article_is_kept_as_it_was_and_one_that_is_gone_is_archived(place):
    workspace = place(at(6), articles=articles())
    workspace.run("articles")
    workspace.sandbox.move_clock(at(10))
    workspace.run("articles")
    first, second = intercom_id("art-0001"), intercom_id("art-0002")
    held = workspace.payloads("articles")
    assert held[first]["body"] == "<p>Fourteen days</p>"
    assert workspace.payloads("articles", history=True)[first]["body"] == "<p>Thirty days</p>"
    assert held[second]["archived"] is True


def test_articles_are_read_page_by_page_although_they_have_no_cursor(place):
    workspace = place(at(6), articles=many_articles(330))
    workspace.run("articles")
    assert len(workspace.payloads("articles")) == 330
    assert [one["query"]["page"] for one in workspace.asked("intercom.articles")] == ["1", "2", "3"]


def test_t17_an_article_that_is_edited_while_pages_are_read_leaves_those_to_come_and_is_read_all_the_same(place):
    workspace = place(at(4), articles=many_articles(330, number=1, at=at(5, hours=1)))
    workspace.run("articles")
    workspace.sandbox.move_clock(at(5))
    edits = fault("advance_clock", "intercom.articles", skip=1, seconds=2 * 3600)
    workspace.sandbox.control("traps", faults=[edits])
    workspace.run("articles")
    held = workspace.payloads("articles")
    assert held[intercom_id("art-0001")]["body"] == "<p>new</p>"
    assert not any("archived" in one for one in held.values())


def test_a_page_of_articles_that_comes_again_is_no_further_page(warehouse):
    page = {
        "data": [],
        "pages": {"page": 1, "per_page": 150, "total_pages": 3, "next": "https://api.test/articles?page=2"},
    }
    with scripted([Answer(page)]) as api:
        workspace = IntercomPlace(warehouse, Still(api.url), base_url=api.url)
        with pytest.raises(SourceError, match="stands still"):
            workspace.run("articles")
        assert len(api.asked) == 2


def test_a_company_that_a_scroll_leaves_out_is_read_by_its_id(warehouse):
    listed = {"1": {"id": "1", "name": "One"}, "2": {"id": "2", "name": "Two"}}

    def answer(asked):
        if asked.path == "/companies/scroll":
            return Answer({"data": [] if "scroll_param" in asked.query else list(listed.values()), "scroll_param": "p"})
        return Answer({"id": "2", "name": "Two renamed"})

    with scripted(answer) as api:
        workspace = IntercomPlace(warehouse, Still(api.url), base_url=api.url)
        workspace.run("companies")
        del listed["2"]
        result = workspace.run("companies")
    assert workspace.payloads("companies")["2"] == {"id": "2", "name": "Two renamed"}
    assert result.detail["deleted_for_good"] == {}


def test_contacts_that_are_gone_land_some_at_a_time_and_a_stopped_run_asks_for_none_of_them_twice(place):
    people = [customer(number, created_at=at(-9, seconds=number)) for number in range(1, 66)]
    workspace = place(at(3), customers=people)
    workspace.run("contacts")
    merged = {contact(number): contact(65) for number in range(1, 46)}
    workspace.sandbox.control("traps", intercom_merged_contacts=merged)
    workspace.sandbox.move_clock(at(6))
    workspace.run_until(2, "contacts")
    assert sum("archived" in one for one in workspace.payloads("contacts").values()) == 20
    workspace.run("contacts")
    assert {own for own, one in workspace.payloads("contacts").items() if one.get("archived")} == set(merged)
    assert len(workspace.asked("intercom.contact")) == 45


def test_a_token_that_is_refused_ends_the_check_with_what_to_do(place):
    workspace = place(at(3))
    (verdict,) = workspace.check({"token": "canary-7a1"}).values()
    assert "does not accept the access token" in verdict
    assert "region" in verdict
    assert "canary" not in verdict
    assert set(workspace.check().values()) == {None}


def test_later_facts_of_a_company_leave_the_former_ones_in_the_history(place):
    workspace = place(at(9))
    workspace.run("companies")
    workspace.sandbox.move_clock(at(11))
    workspace.run("companies")
    own = intercom_id("acc-00001")
    assert workspace.payloads("companies")[own]["custom_attributes"]["tier"] == "business"
    assert workspace.payloads("companies", history=True)[own]["custom_attributes"]["tier"] == "standard"
    assert workspace.payloads("companies")[own]["updated_at"] == int(at(10).timestamp())
