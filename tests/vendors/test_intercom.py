"""Intercom in a storm: core equals the truth, as far as Intercom can state it."""

from __future__ import annotations

from hashlib import md5

import pytest
from against_truth import differences, held_of, truth_of
from storm import empty, sizes, storm

from touchstone import pipeline
from touchstone.sandbox.api.intercom_conversations import STATES
from touchstone.sandbox.api.intercom_ids import intercom_id
from touchstone.sandbox.truth import canonical
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

STATUSES = {"open": "open", "snoozed": "pending", "closed": "closed"}


def source_of(url: str, instance: str = "default", **options) -> SourceInstance:
    entry = {"source": "intercom", "instance": instance, "base_url": url, "start": "2026-01-01"}
    return SourceInstance(parsed({**entry, "requests_per_minute": {"default": 600_000}, **options}, "the test's entry"))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", sizes())
def test_core_equals_the_truth_after_a_storm(warehouse, size):
    """Intercom has no merges: a conversation that was merged is a closed one that keeps what was said in it."""
    source = source_of("{sandbox}/intercom", "storm")
    traps = {"intercom_scroll_idle_seconds": 1.0, "intercom_contacts_late_seconds": 300}
    company, now = storm(source, warehouse, share=0.1, traps=traps, **size)
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    expected, expected_messages = truth_of(company, now, "intercom", has_merges=False)
    found, found_messages = held_of(warehouse, "intercom", "storm")
    # one that was deleted before anybody read it is nowhere to be seen
    expected = {key: value for key, value in expected.items() if key in found or not value[0]}
    assert differences(expected, found) == {}
    assert differences(expected_messages, found_messages) == {}
    stated, held = stated_of(company, now, "storm"), headers_of(warehouse, "storm")
    assert {key: (stated[key], held[key]) for key in stated if stated[key] != held[key]} == {}
    print(f"intercom: {len(found):,} conversations and {len(found_messages):,} messages equal the truth")
    empty(warehouse, "intercom")


def stated_of(company, now, instance: str) -> dict[str, tuple]:
    """What Intercom can state of a conversation that is there; keys are those of core."""

    def key(own: str | None) -> str | None:
        return own and md5(f"intercom:{instance}:{intercom_id(own)}".encode(), usedforsecurity=False).hexdigest()

    people = {agent.agent_id for agent in company.agents if agent.kind == "human_agent"}
    return {
        intercom_id(one.conversation_id): (
            STATUSES[STATES[one.status]],
            "high" if one.priority in ("high", "urgent") else "normal",
            one.topic or "unknown",
            one.language,
            one.rating,
            key(one.assignee_id if one.assignee_id in people else None),
            one.team,
            key(one.customer_id),
            key(one.account_id),
        )
        for one in canonical(company, now, "zendesk")
        if one.deleted_at is None
    }


def headers_of(settings, instance: str) -> dict[str, tuple]:
    """The same of core."""
    query = """
        select own.interaction_id, own.status, own.priority, own.topic, own.language, ratings.rating::int,
            last.to_agent_key, last.to_team, own.customer_key, own.account_key
        from core.interactions as own
        left join core.ratings as ratings
            on own.interaction_key = ratings.interaction_key and ratings.rating_type = 'survey'
        left join lateral (
            select to_agent_key, to_team from core.assignments
            where interaction_key = own.interaction_key
            order by assignment_number desc limit 1
        ) as last on true
        where own.source = 'intercom' and own.instance = %s and not own.is_deleted
    """
    with connect("transformer", settings=settings) as connection:
        return {row[0]: row[1:] for row in connection.execute(query, [instance])}
