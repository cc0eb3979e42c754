"""Every planted effect acts on the data that was made, with about the size that is stated; each is measured here."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta
from statistics import mean

import pytest

from touchstone.sandbox.company import build
from touchstone.sandbox.effects import total

ASKED_AGAIN = re.compile(
    "(send|give) me (the|your) workspace|what (was|is) the [a-z ]+, please|could you describe|account is this about"
    "|otra vez el espacio|mensaje exacto y|bitte (noch einmal )?Workspace und|genaue Meldung, und",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def company():
    return build(conversations_per_day=44.0, days=150)


@pytest.fixture(scope="module")
def effects(company):
    return {effect.name: effect for effect in company.effects}


def carrier(one):
    """Who wrote the last reply."""
    replies = [event for event in one.events if event.actor == "human_agent" and not event.is_internal and event.text]
    return replies[-1].actor_id if replies else None


def month(moment):
    return moment.year * 12 + moment.month


def ai_success(company, topic, start, end):
    """(solved by the AI agent alone, all in which it took part) of a topic in a stretch of time."""
    tried = [
        one
        for one in company.conversations
        if one.desk == "zendesk"
        and one.truth.intent == topic
        and start <= one.created_at < end
        and any(event.actor == "ai_agent" for event in one.events)
    ]
    return sum(one.is_ai_only and one.truth.is_resolved for one in tried) / len(tried), len(tried)


def test_all_are_listed_with_dates_and_sizes(company, effects):
    kinds = {effect.kind for effect in company.effects}
    assert kinds == {
        "ai_version_regression",
        "agent_drift",
        "agent_improvement",
        "knowledge_gap",
        "handoff_route",
        "churn_by_quality",
        "policy_question",
    }
    for effect in company.effects:
        assert effect.size
        assert effect.parameters["unit"]
        assert effect.ended_at is None or effect.ended_at > effect.started_at
    named = {name for one in company.conversations for name in one.truth.effects}
    assert named == set(effects) - {"quality_drives_churn"}, "churn happens to accounts, not to conversations"


def test_the_worse_ai_version_fails_on_one_topic_only(company, effects):
    effect = effects["ai_version_worse"]
    start, end = effect.started_at, effect.ended_at
    topic = effect.parameters["topic"]
    first = company.conversations[0].created_at
    before, _ = ai_success(company, topic, first, start)
    during, n = ai_success(company, topic, start, end)
    after, _ = ai_success(company, topic, end, company.until)
    assert n >= 20
    assert before - during == pytest.approx(-effect.size, abs=0.2)
    assert after - during > 0.3
    other_before, _ = ai_success(company, "password_reset", first, start)
    other_during, _ = ai_success(company, "password_reset", start, end)
    assert abs(other_before - other_during) < 0.2
    versions = next(one.versions for one in company.agents if one.agent_id == effect.parameters["agent_id"])
    assert (start, effect.parameters["version"]) in versions
    assert (end, effect.parameters["version_after"]) in versions
    wrong = [
        event.answer.confidence
        for one in company.conversations
        if "ai_version_worse" in one.truth.effects and not one.truth.is_resolved and one.is_ai_only
        for event in one.events
        if event.answer
    ]
    assert mean(wrong) > 0.75, "it is wrong and sure of it"


@pytest.mark.parametrize(("name", "least"), [("agent_drifts", -10.0), ("agent_improves", 10.0)])
def test_an_agent_changes_while_the_others_do_not(company, effects, name, least):
    effect = effects[name]
    agent = effect.parameters["agent_id"]
    scores = defaultdict(list)
    for one in company.conversations:
        if one.truth.quality and not one.is_ai_only:
            when = "before" if one.created_at < effect.started_at else "after"
            if one.created_at < effect.started_at or one.created_at >= effect.ended_at:
                scores[carrier(one) == agent, when].append(total(one.truth.quality))
    assert min(len(values) for values in scores.values()) >= 15
    change = mean(scores[True, "after"]) - mean(scores[True, "before"])
    others = mean(scores[False, "after"]) - mean(scores[False, "before"])
    assert change * (1 if least > 0 else -1) >= abs(least)
    assert abs(others) < 4


def test_a_change_of_an_agent_is_gradual(company, effects):
    effect = effects["agent_drifts"]
    agent, third = effect.parameters["agent_id"], (effect.ended_at - effect.started_at) / 3
    scores = defaultdict(list)
    for one in company.conversations:
        if one.truth.quality and carrier(one) == agent:
            scores[min(max((one.created_at - effect.started_at) // third, -1), 3)].append(total(one.truth.quality))
    assert mean(scores[-1]) > mean(scores[1]) > mean(scores[3])


@pytest.mark.parametrize("topic", ["scheduled_reports", "data_export", "audit_log"])
def test_a_gap_makes_the_ai_agent_fail_until_an_article_is_edited(company, effects, topic):
    effect = effects[f"gap_{topic}"]
    start, end = effect.started_at, effect.ended_at or company.until
    during, n = ai_success(company, topic, start, end)
    assert n >= 10
    assert during <= 0.3
    if effect.ended_at is not None:
        after, _ = ai_success(company, topic, end, company.until)
        assert after > during + 0.4
    inside = [
        event.answer
        for one in company.conversations
        if one.truth.intent == topic and start <= one.created_at < end - timedelta(days=1)
        for event in one.events
        if event.answer and event.at < end and not one.truth.is_resolved
    ]
    own = {one.article_id for one in company.articles if one.topic == topic}
    if effect.parameters["gap"] == "missing":
        assert mean(answer.confidence for answer in inside) < 0.5
        assert not any(source in own for answer in inside for source, _, _ in answer.sources)
        born = [one.created_at for one in company.articles if one.topic == topic]
        assert (min(born) >= end) if effect.ended_at else not born
    else:
        sure = [answer.confidence for answer in inside if answer.sources]
        assert mean(sure) > 0.7, "it quotes what is outdated"
        edits = [version.edited_at for one in company.articles if one.topic == topic for version in one.versions]
        assert not [edit for edit in edits if start <= edit < end]
        assert min(edit for edit in edits if edit >= end) < end + timedelta(days=1)


def test_questions_about_a_missing_feature_begin_with_it(company, effects):
    start = effects["gap_audit_log"].started_at
    assert min(one.created_at for one in company.conversations if one.truth.intent == "audit_log") >= start


def test_one_route_of_handoffs_loses_what_the_customer_said(company, effects):
    effect = effects["clumsy_route"]
    machines = {one.agent_id for one in company.agents if one.kind == "ai_agent"}
    routes = defaultdict(list)
    for one in company.conversations:
        assigned = [event for event in one.events if event.kind == "assign"]
        for number, event in enumerate(assigned[1:], start=1):
            handoff = next((other for other in one.events if other.kind == "handoff" and other.at == event.at), None)
            if handoff is None or handoff.actor_id in machines or handoff.text == "agent_left":
                continue
            replies = [
                other.text
                for other in one.events
                if other.actor_id == event.value and other.kind == "message" and not other.is_internal
            ]
            route = (assigned[number - 1].team, event.team)
            routes[route, one.created_at >= effect.started_at].append(bool(ASKED_AGAIN.search(" ".join(replies[:3]))))
    clumsy = (effect.parameters["from_team"], effect.parameters["to_team"])
    others = [value for (route, _), values in routes.items() if route != clumsy for value in values]
    after = routes[clumsy, True]
    assert len(after) >= 60
    assert mean(after) == pytest.approx(effect.parameters["share"], abs=0.12)
    assert mean(after) - mean(others) == pytest.approx(effect.size, abs=0.15)
    assert mean(routes[clumsy, False]) < 0.5


def test_five_agents_fail_one_policy_question_on_one_day(company, effects):
    effect = effects["policy_question"]
    topic, dimension = effect.parameters["topic"], effect.parameters["dimension"]
    that_day = [
        one
        for one in company.conversations
        if one.truth.intent == topic and effect.started_at <= one.created_at < effect.ended_at
    ]
    failed = [one for one in that_day if one.truth.quality[dimension] < 50]
    assert {carrier(one) for one in failed} == set(effect.parameters["agents"])
    assert len(failed) == effect.size == 5
    assert len(that_day) > 5, "others are asked the same and know"
    words = re.compile("promise|guarantee|garantizo|prometo|garantiere|Versprochen|in any case|too|en curso|laufende")
    for one in failed:
        said = " ".join(event.text for event in one.events if event.actor == "human_agent")
        assert words.search(said)
        assert not one.truth.is_resolved
    other_days = [
        one.truth.quality[dimension]
        for one in company.conversations
        if one.truth.intent == topic and one.created_at >= effect.ended_at and not one.is_ai_only and one.truth.quality
    ]
    assert mean(other_days) > 70


def churn_rates(company, segment, lag, cut):
    """Share of account-months below and above the cut whose account leaves `lag` months later, and their numbers."""
    scores = defaultdict(list)
    for one in company.conversations:
        if one.truth.quality:
            scores[one.account_id, month(one.created_at)].append(total(one.truth.quality))
    left = {one.account_id: one.churned_at and month(one.churned_at) for one in company.accounts}
    cells = defaultdict(list)
    for one in company.accounts:
        for (account_id, when), values in scores.items():
            gone = left[account_id]
            if account_id != one.account_id or one.segment != segment or when + lag > month(company.until):
                continue
            if gone is None or gone >= when + lag:
                cells[mean(values) < cut].append(gone == when + lag)
    return cells


def test_bad_quality_drives_churn_with_its_lag_in_one_segment(company, effects):
    effect = effects["quality_drives_churn"]
    segment, lag, cut = (effect.parameters[name] for name in ("segment", "lag_months", "cut"))
    cells = churn_rates(company, segment, lag, cut)
    below, above = mean(cells[True]), mean(cells[False])
    assert min(len(cells[True]), len(cells[False])) >= 50
    assert below == pytest.approx(effect.parameters["probability_below"], abs=0.1)
    assert above < 0.06
    assert below / above > 4
    sooner = churn_rates(company, segment, lag - 1, cut)
    assert mean(sooner[True]) < below / 2, "not the month before"
    elsewhere = churn_rates(company, effect.parameters["without_effect"][1], lag, cut)
    assert mean(elsewhere[True]) < 0.12


def test_ratings_follow_resolution_and_quality(company):
    rated = defaultdict(list)
    for one in company.conversations:
        for event in one.events:
            if event.kind == "rate":
                rated[one.truth.is_resolved].append(event.value >= 4)
    assert mean(rated[True]) > 0.85
    assert mean(rated[False]) < 0.3


def test_customers_come_back_when_nothing_was_solved(company):
    contacts = defaultdict(list)
    for one in company.conversations:
        contacts[one.customer_id, one.truth.intent].append(one)
    back = [one for one in company.conversations if one.truth.contact > 1]
    assert len(back) > 100
    for one in back:
        earlier = [other for other in contacts[one.customer_id, one.truth.intent] if other.created_at < one.created_at]
        assert any(not other.truth.is_resolved for other in earlier)
