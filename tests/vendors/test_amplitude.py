"""The firm's product behind Amplitude's export in a storm: product events in core equal the truth."""

from __future__ import annotations

from datetime import timedelta

import pytest
from analytics_truth import built, expected, held
from storm import empty, sizes

from touchstone.sandbox.entries import entry

ENTRY = entry("amplitude")
READY = timedelta(hours=3)


def is_stated(event, now) -> bool:
    """Its hour is over, and two hours have passed since."""
    hour = event.arrives_at.replace(minute=0, second=0, microsecond=0)
    return hour + READY <= now


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", sizes())
def test_product_events_equal_the_truth_after_a_storm(warehouse, size):
    company, now = built(warehouse, ENTRY, size)
    truth = expected(company, now, is_stated)
    found = held(warehouse, "amplitude", "raw.payload ->> '$insert_id'")
    assert len(truth) > 100
    assert {key: (truth.get(key), found.get(key)) for key in truth | found if truth.get(key) != found.get(key)} == {}
    print(f"amplitude: {len(found):,} events equal the truth")
    empty(warehouse, "amplitude")
