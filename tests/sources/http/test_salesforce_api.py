"""Salesforce's connector against the simulated organisation."""

from __future__ import annotations

import pytest
from salesforce_place import SalesforcePlace

from sandbox.small_firm import at, firm, plain
from touchstone.sandbox.api import SandboxOptions, serve_here


@pytest.fixture
def small(warehouse):
    """A firm with five conversations a day for ten days, seen at its tenth day."""
    with serve_here(
        firm([plain(number, at(number // 5)) for number in range(1, 51)]),
        SandboxOptions(clock=at(12), vendors=("salesforce",)),
    ) as sandbox:
        yield SalesforcePlace(warehouse, sandbox)


def test_first_load(small):
    result = small.run()
    print(result.detail)
    assert len(small.payloads("cases")) == 50
    assert len(small.payloads("email_messages")) == 100
