"""The company is the same everywhere, begins alike however long it is made, and hangs together."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

import touchstone
from touchstone.errors import ConfigurationError
from touchstone.sandbox.company import build
from touchstone.sandbox.dice import dice
from touchstone.sandbox.model import DESKS, STATUSES, Agent
from touchstone.sandbox.roster import available
from touchstone.sandbox.script import LATEST_SHOWN
from touchstone.sandbox.state import account_at, agent_at, article_at, fold, shown_at

SIZE = {"conversations_per_day": 24.0}
DIGEST = """
import hashlib, orjson
from touchstone.sandbox.company import build
print(hashlib.sha256(orjson.dumps(build(seed=3, conversations_per_day=6.0, days=25))).hexdigest())
"""


@pytest.fixture(scope="module")
def company():
    return build(days=75, **SIZE)


@pytest.fixture(scope="module")
def whole():
    """The same company, made for longer: it knows what comes of the last days' conversations."""
    return build(days=110, **SIZE)


def events_of(company, kind):
    for conversation in company.conversations:
        for event in conversation.events:
            if event.kind == kind:
                yield conversation, event


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_the_same_arguments_give_the_same_company_in_any_process(hash_seed):
    here = hashlib.sha256(orjson.dumps(build(seed=3, conversations_per_day=6.0, days=25))).hexdigest()
    package = str(Path(touchstone.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": package, "PYTHONHASHSEED": hash_seed, "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    done = subprocess.run([sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == here


def test_another_seed_gives_another_company():
    first, second = (build(seed=seed, conversations_per_day=5.0, days=3) for seed in (1, 2))
    assert first.conversations != second.conversations
    assert [account.name for account in first.accounts] != [account.name for account in second.accounts]


@pytest.mark.parametrize("days", [1, 18, 61])
def test_a_longer_company_begins_with_the_same_days(company, days):
    short = build(days=days, **SIZE)
    until = short.until
    assert short.conversations == company.conversations[: len(short.conversations)]
    assert company.conversations[len(short.conversations)].created_at >= until
    assert short.product_events == company.product_events[: len(short.product_events)]
    assert company.product_events[len(short.product_events)].at >= until
    assert short.incidents == company.incidents[: len(short.incidents)]
    assert short.customers == [one for one in company.customers if one.created_at <= until]
    for ours, theirs, stand in (
        (short.accounts, company.accounts, account_at),
        (short.agents, company.agents, agent_at),
        (short.articles, company.articles, article_at),
    ):
        assert ours == [then for one in theirs if (then := stand(one, until)) is not None]
    names = {effect.name: effect for effect in company.effects}
    assert [effect.started_at for effect in short.effects] == [names[one.name].started_at for one in short.effects]
    assert {one.name for one in short.effects} == {one.name for one in company.effects if one.started_at < until}


def test_the_first_day_can_be_any():
    moved = build(conversations_per_day=5.0, days=4, first_day=date(2027, 1, 29))
    assert min(one.created_at for one in moved.conversations).date() >= date(2027, 1, 29)
    assert max(one.created_at for one in moved.conversations) < moved.until


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"days": 0}, "days"),
        ({"days": 3, "conversations_per_day": 0}, "conversations a day"),
        ({"days": 3, "hubspot_share": 0.9}, "hubspot"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        build(**arguments)


def test_volume_and_shares_are_as_asked(company):
    count = len(company.conversations)
    assert count == pytest.approx(24 * 75, rel=0.1)
    share = {name: number / count for name, number in Counter(one.desk for one in company.conversations).items()}
    assert share["hubspot"] == pytest.approx(0.2, abs=0.06)
    languages = Counter(one.language for one in company.conversations)
    assert languages["es"] / count == pytest.approx(0.12, abs=0.05)
    assert languages["de"] / count == pytest.approx(0.08, abs=0.05)
    assert set(Counter(one.channel for one in company.conversations)) == {"chat", "email", "ticket", "voice"}
    at_zendesk = [one for one in company.conversations if one.desk == "zendesk"]
    assert sum(one.is_ai_only for one in at_zendesk) / len(at_zendesk) == pytest.approx(0.25, abs=0.06)
    assert not any(one.is_ai_only for one in company.conversations if one.desk == "hubspot")


def test_the_share_of_a_desk_can_be_set():
    none = build(conversations_per_day=30.0, days=12, hubspot_share=0.0)
    assert {one.desk for one in none.conversations} == {"zendesk"}
    half = build(conversations_per_day=30.0, days=12, hubspot_share=0.5)
    assert sum(one.desk == "hubspot" for one in half.conversations) / len(half.conversations) == pytest.approx(
        0.5, abs=0.1
    )


def test_conversations_come_in_the_order_of_their_numbers(company):
    assert [one.conversation_id for one in company.conversations] == [
        f"cnv-{number:06d}" for number in range(len(company.conversations))
    ]
    assert all(first.created_at <= second.created_at for first, second in pairwise(company.conversations))


def test_every_reference_leads_somewhere(company, whole):
    customers = {one.customer_id: one for one in company.customers}
    accounts = {one.account_id for one in company.accounts}
    agents = {one.agent_id: one for one in company.agents}
    articles = {one.article_id: one for one in company.articles}
    later = {one.article_id: one for one in whole.articles}
    for one in company.conversations:
        assert one.desk in DESKS
        assert one.account_id in accounts
        assert customers[one.customer_id].account_id == one.account_id
        assert one.desk in customers[one.customer_id].known_to
        for event in one.events:
            if event.actor == "customer":
                assert event.actor_id == one.customer_id
            elif event.actor in ("human_agent", "ai_agent") or event.actor_id:
                assert event.actor_id in agents
            if event.kind in ("assign", "handoff"):
                assert agents[event.value].kind == "human_agent"
                assert event.team in company.teams
            if event.answer is not None:
                for article_id, version, _ in event.answer.sources:
                    article = articles.get(article_id) or later[article_id]
                    edited = [entry.edited_at for entry in later[article_id].versions]
                    assert article.created_at <= event.at
                    assert edited[version] <= event.at
                    assert version + 1 == len(edited) or edited[version + 1] > event.at
    for account in company.accounts:
        assert agents[account.owner_id].kind == "human_agent"


def test_events_and_messages_are_in_order(company):
    seen = set()
    for one in company.conversations:
        first = one.events[0]
        assert (first.kind, first.actor, first.at, first.visible_at) == ("message", "customer", one.created_at, None)
        assert all(before.at <= after.at for before, after in pairwise(one.events))
        messages = [event for event in one.events if event.kind == "message"]
        assert all(before.at < after.at for before, after in pairwise(messages))
        for message in messages:
            assert message.message_id.startswith(f"msg-{one.conversation_id[4:]}-")
            assert message.message_id not in seen
            assert message.text
            seen.add(message.message_id)
            assert timedelta() <= shown_at(message) - message.at <= LATEST_SHOWN


def test_people_answer_only_while_they_are_employed(company, whole):
    agents = {one.agent_id: one for one in whole.agents}
    for _, event in events_of(company, "message"):
        if event.actor == "human_agent":
            agent = agents[event.actor_id]
            assert agent.kind == "human_agent"
            assert agent.hired_at <= event.at
            assert agent.left_at is None or event.at < agent.left_at
        elif event.actor == "ai_agent":
            assert agents[event.actor_id].kind == "ai_agent"


def test_a_case_goes_to_somebody_who_is_there_and_speaks_the_language():
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def agent(name, left_at=None, skills=("en",)):
        return Agent(
            name, name, f"{name}@firm.example", "human_agent", start, left_at, [(start, "billing", "agent")], skills
        )

    gone, here, german = agent("gone", start), agent("here"), agent("german", skills=("de", "en"))
    script = SimpleNamespace(
        world=SimpleNamespace(roster={"billing": [gone, here, german]}),
        case=SimpleNamespace(language="en"),
        agent=None,
        at=start + timedelta(hours=1),
    )

    def chosen():
        found = set()
        for number in range(30):
            script.dice = dice(1, number)
            found.add(available(script, "billing").name)
        return found

    assert chosen() == {"here", "german"}
    script.agent = german
    assert chosen() == {"here"}, "a handoff goes to somebody else"
    script.case.language, script.agent = "de", None
    assert chosen() == {"german"}


def test_conversations_of_the_ai_agent_alone_hold_no_person(company):
    alone = [one for one in company.conversations if one.is_ai_only]
    assert alone
    for one in alone:
        assert {event.actor for event in one.events if event.kind == "message"} <= {"customer", "ai_agent"}
        assert not any(event.kind in ("assign", "handoff") for event in one.events)
    for one in company.conversations:
        if not one.is_ai_only and not any(event.kind == "merge" for event in one.events):
            assert any(event.kind == "assign" for event in one.events)


def test_automation_accounts_post_as_system(company):
    automations = {one.agent_id for one in company.agents if one.kind == "automation"}
    assert len(automations) >= 2
    posted = Counter(event.actor_id for _, event in events_of(company, "message") if event.actor == "system")
    assert automations <= set(posted)
    assert not automations & {event.actor_id for _, event in events_of(company, "message") if event.actor != "system"}
    names = [one.name for one in company.agents if one.kind == "automation"]
    assert sum(len(name.split()) == 2 and "Helpdesk" not in name for name in names) >= 2, "two look like people"


def test_a_desk_uses_its_own_words_only(company):
    statuses, ratings = {desk: set() for desk in DESKS}, {desk: set() for desk in DESKS}
    for one, event in events_of(company, "status"):
        assert event.value in STATUSES
        statuses[one.desk].add(event.value)
    for one, event in events_of(company, "rate"):
        ratings[one.desk].add(event.value)
    assert statuses["zendesk"] == {"open", "pending", "on_hold", "solved", "closed"}
    assert statuses["hubspot"] == {"open", "pending", "closed"}
    assert ratings["zendesk"] == {1, 5}
    assert ratings["hubspot"] == {1, 2, 3, 4, 5}


def test_the_status_always_changes(company):
    for one in company.conversations:
        told = ["new", *(event.value for event in one.events if event.kind == "status")]
        assert all(before != after for before, after in pairwise(told))


def test_merges_join_two_conversations_of_one_customer(company):
    by_id = {one.conversation_id: one for one in company.conversations}
    merges = list(events_of(company, "merge"))
    assert {one.desk for one, _ in merges} == set(DESKS)
    for loser, event in merges:
        survivor = by_id[event.value]
        assert survivor.customer_id == loser.customer_id
        assert (survivor.desk, survivor.truth.intent) == (loser.desk, loser.truth.intent)
        assert survivor.created_at <= loser.created_at < event.at
        assert fold(survivor, event.at).status not in ("solved", "closed")
        assert not any(one.kind == "merge" for one in survivor.events), "no chain is needed to find where it went"
        notes = [one for one in survivor.events if one.kind == "message" and one.at == event.at and one.is_internal]
        if loser.desk == "zendesk":
            assert f"#{1000 + int(loser.conversation_id[4:])} was closed and merged into this" in notes[0].text
            assert "closed_by_merge" in fold(loser, event.at).tags
        else:
            assert not notes


def test_everything_that_can_happen_to_a_conversation_happens(company):
    kinds = Counter(event.kind for one in company.conversations for event in one.events)
    expected = [
        "message",
        "status",
        "assign",
        "handoff",
        "rate",
        "tag",
        "priority",
        "topic",
        "merge",
        "delete",
        "redact",
        "touch",
    ]
    assert all(kinds[kind] >= 3 for kind in expected), kinds
    assert any(event.message_id == "" for _, event in events_of(company, "redact")), "a scrub of all messages"
    assert any(event.message_id != "" for _, event in events_of(company, "redact"))
    assert any(event.visible_at for _, event in events_of(company, "message"))
    assert any(event.is_internal for _, event in events_of(company, "message"))
    assert any(fold(one, company.until).reopens for one in company.conversations)
    statuses = {
        call.status for _, event in events_of(company, "message") if event.answer for call in event.answer.tool_calls
    }
    assert statuses == {"ok", "failed", "timeout", "partial"}
    late = [
        event.kind
        for one in company.conversations
        for event in one.events
        if event.at - one.created_at > timedelta(days=7)
    ]
    assert set(late) >= {"message", "rate", "redact", "touch", "status"}


def test_nothing_but_traces_follows_a_deletion(company):
    for one, deleted in events_of(company, "delete"):
        after = one.events[one.events.index(deleted) + 1 :]
        assert all(event.kind in ("touch", "redact") for event in after)
        assert all(event.message_id == "" for event in after if event.kind == "redact")


def test_redactions_remove_numbers_that_were_there(company):
    masked = 0
    for one, event in events_of(company, "redact"):
        if event.message_id:
            before = next(message for message in one.events if message.message_id == event.message_id)
            assert before.text != event.text
            assert "▇" in event.text
            assert (before.html is None) == (event.html is None)
            masked += len(event.text) > 10
    assert masked, "some keep the rest of the message"


def test_staff_have_histories(company):
    people = [one for one in company.agents if one.kind == "human_agent"]
    assert len({one.name for one in company.agents}) == len(company.agents)
    assert any(one.left_at is not None for one in people)
    assert {role for one in people for _, _, role in one.teams} == {"agent", "senior_agent", "team_lead"}
    for one in company.agents:
        assert all(before[0] < after[0] for before, after in pairwise(one.teams))
        assert one.teams[0][0] == one.hired_at
    assert all(len(one.versions) >= 2 for one in company.agents if one.kind == "ai_agent")
    newest = build(days=150, conversations_per_day=40.0).agents
    start = company.until - timedelta(days=75)
    assert any(one.hired_at > start for one in newest), "somebody joins"
    assert any(len(one.teams) > 1 and one.teams[-1][0] > start for one in newest), "somebody moves or is promoted"


def test_the_library_changes(company):
    assert {one.locale for one in company.articles} == {"en", "es", "de"}
    assert any(one.archived_at is not None for one in company.articles)
    assert any(len({version.body for version in one.versions}) > 1 for one in company.articles)
    for one in company.articles:
        assert one.versions[0].edited_at == one.created_at
        assert all(before.edited_at < after.edited_at for before, after in pairwise(one.versions))


def test_incidents_bring_more_conversations():
    company = build(days=60, conversations_per_day=40.0)
    assert company.incidents
    for incident in company.incidents:
        during = [
            one
            for one in company.conversations
            if incident.started_at <= one.created_at < incident.ended_at and one.product_area == incident.product_area
        ]
        usual = [one for one in company.conversations if one.product_area == incident.product_area]
        hours = (incident.ended_at - incident.started_at) / timedelta(hours=1)
        assert len(during) / hours > 4 * len(usual) / (60 * 24)
