"""The firm behind Freshdesk's API in a storm: core equals the truth."""

from __future__ import annotations

import pytest
from against_truth import differences, held_of, truth_of
from storm import empty, sizes, storm

from touchstone import pipeline
from touchstone.sandbox.api.freshdesk_ids import freshdesk_id
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

ENTRY = {
    "source": "freshdesk",
    "instance": "sandbox",
    "base_url": "{sandbox}/freshdesk",
    "start": "2026-01-01",
    "requests_per_minute": {"tickets": 60_000, "default": 60_000},
    # the firm's first accounts are the AI agents, those after them the workflows
    "ai_agents": [freshdesk_id(f"agt-{number:03d}") for number in (0, 1)],
    "automations": [freshdesk_id(f"agt-{number:03d}") for number in (2, 3, 4)],
    "full_read_days": 0,
}


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
    with connect("transformer", settings=warehouse) as connection:
        query = "select count(*), count(distinct rating) from core.ratings where source = 'freshdesk'"
        ratings, values = connection.execute(query).fetchone()
    assert ratings > 0
    assert values == 2
    print(f"freshdesk: {len(found):,} conversations and {len(found_messages):,} messages equal the truth")
    empty(warehouse, "freshdesk")
