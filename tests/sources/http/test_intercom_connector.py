"""Intercom's connector against the simulated vendor."""

from __future__ import annotations

import pytest
from places import IntercomPlace

from touchstone.sandbox.api import SandboxOptions, serve
from touchstone.sandbox.company import build
from touchstone.sandbox.api.intercom_ids import intercom_id


def test_smoke(warehouse):
    company = build(seed=11, conversations_per_day=12, days=15, hubspot_share=0.1)
    with serve(company, SandboxOptions(clock=company.until, vendors=("intercom",))) as sandbox:
        place = IntercomPlace(warehouse, sandbox)
        print(place.check())
        result = place.run()
        print(result)
        print(sandbox.control("stats"))
        again = place.run()
        print(again.detail, again.rows_inserted, again.rows_updated)
        found = place.payloads("conversations")
        print(next(iter(found.values())))
        for stream in place.connector().raw:
            rows = place.payloads(stream)
            print(stream, len(rows), next(iter(rows.values()), None))
