"""The firm behind Freshdesk's API in a storm: core equals the truth."""

from __future__ import annotations

import pytest
from against_truth import differences, held_of, truth_of
from storm import empty, sizes, storm

from touchstone import pipeline
from touchstone.sandbox.api.freshdesk_ids import freshdesk_id
from touchstone.sandbox.entries import entry
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
