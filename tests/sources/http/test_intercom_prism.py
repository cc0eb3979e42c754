"""Intercom's own description of its API judges every request of the connector and every answer of the simulated vendor."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import jsonschema
import pytest
import yaml
from places import IntercomPlace
from prism_judge import await_line, description, judged, violations
from scripted import Answer, scripted

from touchstone.sandbox.api import SandboxOptions, serve
from touchstone.sandbox.api.intercom_ids import intercom_id
from touchstone.sandbox.company import build
from touchstone.sandbox.model import Event
from touchstone.sources.http.client import ApiClient
from touchstone.sources.intercom.searches import newest, searched


@pytest.fixture(scope="module")
def specification():
    return description("intercom-2.15.yaml")


def test_a_whole_ingest_follows_the_vendors_description(warehouse, prism, specification, tmp_path):
    company = build(seed=11, conversations_per_day=12, days=15, hubspot_share=0.1)
    log = tmp_path / "prism.log"
    deleted = next(one for one in company.conversations if one.desk == "zendesk")
    deleted.events.append(Event("delete", company.until + timedelta(minutes=10), "system"))
    # new fields are allowed, new values are not; that a contact is not found is known, and not described
    traps = {"drift": {"new_field": True, "nul_and_surrogates": True}}
    options = SandboxOptions(clock=company.until, vendors=("intercom",), traps=traps)
    with (
        serve(company, options) as sandbox,
        judged(prism, specification, f"{sandbox.url}/intercom", log, "/admins") as url,
    ):
        place = IntercomPlace(warehouse, sandbox, base_url=url, reconcile_days=0)
        assert set(place.check().values()) == {None}
        place.run()
        sandbox.move_clock(seconds=3600)
        place.run()
        held = place.payloads("conversations")
        assert len(held) > 100
        assert [own for own, one in held.items() if one.get("archived")] == [intercom_id(deleted.conversation_id)]
        answered = sum(sum(by.values()) for by in sandbox.control("stats")["endpoints"].values())
        # the probe of its start is among them
        await_line(log, "Received forward response", answered)
        assert violations(log) == []


def test_the_judge_sees_what_is_wrong(prism, specification, tmp_path):
    log = tmp_path / "prism.log"
    contacts = {"type": "list", "data": [{"id": 7, "updated_at": "yesterday"}]}
    answer = Answer(contacts, headers={"content-type": "application/json"})
    with scripted([answer]) as api, judged(prism, specification, api.url, log, "/admins") as url:
        with httpx.Client(headers={"Authorization": "Bearer token", "Intercom-Version": "2.15"}, timeout=20) as client:
            assert client.get(f"{url}/conversations/newest").status_code == 422
            assert client.get(f"{url}/contacts").status_code == 500
        await_line(log, "terminated with error", 3)
    request, response = violations(log)
    assert "UNPROCESSABLE_ENTITY" in request
    assert "VIOLATIONS" in response


def test_a_search_is_one_that_the_description_allows(specification):
    """Prism does not judge a search: its schema holds itself."""
    document = yaml.safe_load(specification.read_text())
    judge = jsonschema.Draft4Validator(
        {"$ref": "#/components/schemas/search_request", "components": document["components"]}
    )
    with scripted([Answer({"data": []})]) as api:
        with ApiClient("intercom", api.url, httpx.BasicAuth("user", "password")) as client:
            assert newest(client, "/contacts/search") is None
            assert list(searched(client, "/contacts/search", 1_772_000_000, after="cursor")) == [([], None)]
        bodies = [json.loads(one.body) for one in api.asked]
    assert [list(judge.iter_errors(body)) for body in bodies] == [[], []]
    assert bodies[1]["pagination"] == {"per_page": 150, "starting_after": "cursor"}
    bodies[1]["query"]["value"][0]["operator"] = "since"
    assert not judge.is_valid(bodies[1])
