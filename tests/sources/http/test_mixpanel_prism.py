"""Mixpanel's own description of the export judges every request of the connector and every answer of the simulated vendor."""

from __future__ import annotations

import httpx
import pytest
from places import MixpanelPlace
from prism_judge import await_line, description, judged, violations
from scripted import Answer, scripted

from sandbox.small_firm import at, firm, product_event
from touchstone.sandbox.api import SandboxOptions, serve_here


@pytest.fixture(scope="module")
def specification():
    return description("mixpanel-export.yaml")


def test_a_whole_ingest_follows_the_vendors_description(warehouse, prism, specification, tmp_path):
    events = [
        product_event(number, at(number % 29, seconds=number), copies=1 + (number % 7 == 0))
        for number in range(1, 4001)
    ]
    traps = {"drift": {"new_field": True, "nul_and_surrogates": True}, "split_records": 0.1, "duplicate_events": 0.05}
    log = tmp_path / "prism.log"
    with (
        serve_here(firm(product_events=events), SandboxOptions(clock=at(29, hours=12), traps=traps)) as sandbox,
        judged(prism, specification, f"{sandbox.url}/mixpanel/api/2.0", log, "/export") as url,
    ):
        place = MixpanelPlace(warehouse, sandbox, base_url=url, start="2026-03-02")
        assert place.check() == {"export of events": None}
        place.run()
        place.run()
        found = {one["properties"]["$insert_id"] for one in place.payloads("events").values()}
        assert found == {one.event_id for one in events}
        assert len(place.asked("mixpanel.export")) == 1 + 30 + 6
        await_line(log, "Received forward response", 1 + 30 + 6)
        assert violations(log) == []


def test_the_judge_sees_what_is_wrong(prism, specification, tmp_path):
    log = tmp_path / "prism.log"
    answer = Answer([{"event": "signed_in"}], headers={"content-type": "application/json"})
    with scripted([answer]) as api, judged(prism, specification, api.url, log, "/export") as url:
        whole = {"from_date": "2026-03-02", "to_date": "2026-03-02", "project_id": 1}
        with httpx.Client(auth=("user", "secret"), headers={"Accept-Encoding": "gzip"}, timeout=20) as client:
            assert client.get(f"{url}/export", params=whole | {"project_id": "one"}).status_code == 422
            assert client.get(f"{url}/export", params=whole).status_code == 500
        await_line(log, "terminated with error", 3)
    request, response = violations(log)
    assert "UNPROCESSABLE_ENTITY" in request
    assert "VIOLATIONS" in response
