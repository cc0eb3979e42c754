"""The firm behind Freshdesk's API in a storm: core equals the truth."""

from __future__ import annotations

from datetime import datetime

import pytest
from against_truth import differences, held_of, truth_of
from storm import empty, sizes, storm

from touchstone import pipeline
from touchstone.sandbox.api.freshdesk_ids import freshdesk_id
from touchstone.sandbox.entries import entry
from touchstone.sandbox.model import Company
from touchstone.sandbox.state import HEALTHS, health_at, plan_at
from touchstone.sandbox.truth import CanonicalConversation, canonical
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

ENTRY = entry("freshdesk")


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", sizes())
def test_core_equals_the_truth_after_a_storm(warehouse, size):
    company, now = storm(SourceInstance(parsed(ENTRY, "the test's entry")), warehouse, share=0.1, **size)
    kinds = {freshdesk_id(one.agent_id): one.kind for one in company.agents if one.kind != "human_agent"}
    assert set(kinds) == {*ENTRY["ai_agents"], *ENTRY["automations"]}
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    expected, expected_messages = truth_of(company, now, "freshdesk")
    found, found_messages = held_of(warehouse, "freshdesk", "sandbox")
    assert differences(expected, found) == {}
    assert differences(expected_messages, found_messages) == {}
    there = [one for one in canonical(company, now, "zendesk") if one.deleted_at is None]
    assert differences({str(freshdesk_id(one.conversation_id)): _stated(one) for one in there}, _held(warehouse)) == {}
    assert differences(_accounts(company, now), _held_accounts(warehouse)) == {}
    print(f"freshdesk: {len(found):,} conversations and {len(found_messages):,} messages equal the truth")
    empty(warehouse, "freshdesk")


def _stated(one: CanonicalConversation) -> tuple:
    """What Freshdesk tells of a conversation beside its messages; it has no ticket without a priority, and none that is new."""
    return (
        one.channel,
        "open" if one.status == "new" else one.status,
        str(freshdesk_id(one.customer_id)),
        str(freshdesk_id(one.account_id)) if one.account_id else None,
        one.topic or "unknown",
        one.priority or "low",
        one.language,
        None if one.rating is None or one.merged_into else one.rating >= 4,
        "",
    )


def _held(settings: Settings) -> dict[str, tuple]:
    query = """
        select own.interaction_id, own.channel, own.status, own.customer_id, own.account_id, own.topic, own.priority, own.language,
            ratings.is_positive, ''
        from core.interactions as own
        left join core.ratings as ratings on own.interaction_key = ratings.interaction_key
        where own.source = 'freshdesk' and not own.is_deleted
        order by ratings.rated_at
    """
    with connect("transformer", settings=settings) as connection:
        return {one: tuple(values) for one, *values in connection.execute(query)}


def _accounts(company: Company, now: datetime) -> dict[str, tuple]:
    """Plan and health of every company, the health in Freshdesk's words and as points."""
    there = [one for one in company.accounts if one.created_at <= now]
    return {
        str(freshdesk_id(one.account_id)): (plan_at(one, now), word := health_at(one, now), HEALTHS[word], "")
        for one in there
    }


def _held_accounts(settings: Settings) -> dict[str, tuple]:
    query = """
        select accounts.account_id, history.plan, history.stated_health, history.health_score, ''
        from core.accounts as accounts
        inner join core.account_history as history on accounts.account_key = history.account_key and history.is_current
        where accounts.source = 'freshdesk'
    """
    with connect("transformer", settings=settings) as connection:
        return {one: tuple(values) for one, *values in connection.execute(query)}
