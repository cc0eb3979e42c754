"""The firm behind its vendors' APIs in a storm: core equals the truth."""

from __future__ import annotations

import pytest
from against_truth import differences, held_of, truth_of
from storm import empty, sizes, storm

from touchstone import pipeline
from touchstone.sources.config import find_source
from touchstone.warehouse.engine import connect


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", sizes())
@pytest.mark.parametrize(("desk", "share"), [("zendesk", 0.1), ("hubspot", 0.6)])
def test_core_equals_the_truth_after_a_storm(warehouse, desk, share, size):
    company, now = storm(find_source(f"{desk}:sandbox", warehouse), warehouse, share=share, **size)
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    expected, expected_messages = truth_of(company, now, desk)
    found, found_messages = held_of(warehouse, desk, "sandbox")
    if desk == "hubspot":
        # a ticket that was merged before anybody read it is nowhere to be seen; its messages are at the survivor
        expected = {key: value for key, value in expected.items() if key in found or value[1] is None}
    assert differences(expected, found) == {}
    assert differences(expected_messages, found_messages) == {}
    print(f"{desk}: {len(found):,} conversations and {len(found_messages):,} messages equal the truth")
    empty(warehouse, desk)


@pytest.mark.timeout(3000)
@pytest.mark.long
@pytest.mark.parametrize("size", sizes())
def test_product_events_equal_the_truth_after_a_storm(warehouse, size):
    company, now = storm(find_source("mixpanel:sandbox", warehouse), warehouse, share=0.2, **size)
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    arrived = {event.event_id for event in company.product_events if event.arrives_at <= now}
    with connect("transformer", settings=warehouse) as connection:
        query = """
            select raw.payload -> 'properties' ->> '$insert_id'
            from core.product_events as events
            inner join raw_mixpanel.events as raw on raw.instance = events.instance and raw.id = events.event_id
        """
        held = [insert_id for (insert_id,) in connection.execute(query)]
    assert len(held) == len(set(held))
    assert set(held) == arrived
    print(f"mixpanel: {len(held):,} events equal the truth")
    empty(warehouse, "mixpanel")
