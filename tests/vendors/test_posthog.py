"""The firm's product behind PostHog's queries in a storm: product events in core equal the truth."""

from __future__ import annotations

import pytest
from analytics_truth import built, expected, held
from storm import empty, sizes

from touchstone.sandbox.api.posthog import own_uuid
from touchstone.sandbox.entries import entry

ENTRY = entry("posthog")


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", sizes())
def test_product_events_equal_the_truth_after_a_storm(warehouse, size):
    company, now = built(warehouse, ENTRY, size)
    names = {own_uuid(event.event_id): event.event_id for event in company.product_events}
    truth = expected(company, now, lambda event, now: event.arrives_at <= now)
    found = {
        names[event_uuid]: (name, moment, {key: value for key, value in properties.items() if not key.startswith("$")})
        for event_uuid, (name, moment, properties) in held(warehouse, "posthog", "raw.id").items()
    }
    assert len(truth) > 100
    assert {key: (truth.get(key), found.get(key)) for key in truth | found if truth.get(key) != found.get(key)} == {}
    print(f"posthog: {len(found):,} events equal the truth")
    empty(warehouse, "posthog")
