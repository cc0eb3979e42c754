"""The firm behind Request Tracker in a storm: core equals the truth."""

from __future__ import annotations

import pytest
from against_truth import differences, held_of, truth_of
from storm import empty, sizes, storm

from touchstone import pipeline
from touchstone.sandbox.api.rt_ids import rt_id, user_name
from touchstone.sandbox.entries import entry
from touchstone.sandbox.truth import CanonicalConversation, canonical
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

ENTRY = entry("rt")


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", sizes())
def test_core_equals_the_truth_after_a_storm(warehouse, size):
    company, now = storm(SourceInstance(parsed(ENTRY, "the test's entry")), warehouse, share=0.1, **size)
    named = {user_name(one) for one in company.agents if one.kind != "human_agent"}
    assert named == {*ENTRY["ai_agents"], *ENTRY["automations"]}
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    expected, expected_messages = truth_of(company, now, "rt")
    found, found_messages = held_of(warehouse, "rt", "sandbox")
    assert differences(expected, found) == {}
    assert differences(expected_messages, found_messages) == {}
    there = [one for one in canonical(company, now, "zendesk") if one.deleted_at is None and one.merged_into is None]
    held = _held(warehouse)
    stated = {str(rt_id(one.conversation_id)): _stated(one) for one in there}
    assert differences(stated, {key: value for key, value in held.items() if key in stated}) == {}
    print(f"rt: {len(found):,} conversations and {len(found_messages):,} messages equal the truth")
    empty(warehouse, "rt")


def _stated(one: CanonicalConversation) -> tuple:
    """What Request Tracker tells of a conversation beside its messages; to it what is solved is closed."""
    return (
        one.channel,
        "solved" if one.status == "closed" else one.status,
        str(rt_id(one.customer_id)),
        one.topic or "unknown",
        one.language,
        one.rating,
        "",
    )


def _held(settings: Settings) -> dict[str, tuple]:
    query = """
        select own.interaction_id, own.channel, own.status, own.customer_id, own.topic, own.language,
            (ratings.rating)::int, ''
        from core.interactions as own
        left join core.ratings as ratings on own.interaction_key = ratings.interaction_key
        where own.source = 'rt' and not own.is_deleted
    """
    with connect("transformer", settings=settings) as connection:
        return {one: tuple(values) for one, *values in connection.execute(query)}
