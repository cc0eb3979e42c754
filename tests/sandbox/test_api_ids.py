"""The vendors' ids lead back to the company's."""

from __future__ import annotations

import pytest

from touchstone.errors import SourceError
from touchstone.sandbox.api import ids


@pytest.mark.parametrize(
    ("kind", "own", "vendor"),
    [
        ("account", "acc-00012", 360_000_000_012),
        ("customer", "cus-000345", 370_000_000_345),
        ("agent", "agt-007", 380_000_000_007),
        ("article", "art-0042", 400_000_000_042),
        ("conversation", "cnv-000123", 1123),
        ("conversation", "cnv-1234567", 1_235_567),
        ("message", "msg-000123-004", 390_000_123_004),
    ],
)
def test_zendesk_ids_lead_both_ways(kind, own, vendor):
    assert ids.zendesk_id(own) == vendor
    assert ids.from_zendesk(kind, str(vendor)) == own


@pytest.mark.parametrize(
    ("kind", "own", "vendor"),
    [
        ("account", "acc-00012", "5000000012"),
        ("customer", "cus-000345", "6000345"),
        ("deal", "deal-00031", "7000000031"),
        ("agent", "agt-007", "80007"),
        ("conversation", "cnv-000123", "9000000123"),
    ],
)
def test_hubspot_ids_lead_both_ways(kind, own, vendor):
    assert ids.hubspot_id(own) == vendor
    assert ids.from_hubspot(kind, vendor) == own


def test_threads_lead_back_and_messages_are_digests():
    assert ids.from_hubspot("thread", ids.thread_id("cnv-000123")) == "cnv-000123"
    assert (
        ids.hubspot_id("msg-000123-004") == "d0d9dd3b83a4c57d0f81baf7b7a5ecfb" or len(ids.hubspot_id("msg-1-1")) == 32
    )
    assert ids.hubspot_id("msg-000123-004") != ids.hubspot_id("msg-000123-005")


@pytest.mark.parametrize(
    "asked",
    [
        lambda: ids.zendesk_id("xyz-1"),
        lambda: ids.number("cnv-abc"),
        lambda: ids.from_zendesk("agent", 370_000_000_001),
        lambda: ids.from_zendesk("deal", 1),
        lambda: ids.from_hubspot("conversation", 12),
        lambda: ids.zendesk_id("msg-000001-1000"),
    ],
)
def test_what_is_no_id_is_refused(asked):
    with pytest.raises(SourceError):
        asked()
