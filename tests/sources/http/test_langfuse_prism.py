"""Langfuse's own description of its API judges every request of the connector and every answer of the simulated vendor."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
import yaml
from prism_judge import await_line, description, judged, violations
from scripted import Answer, scripted
from test_langfuse_api import LangfusePlace, trace_ids

from sandbox.small_firm import at, by_ai, firm
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.model import Event

ENDPOINTS = ("traces", "observations", "v2/scores", "v2/observations", "v3/scores")


def judgeable(schema: Any) -> Any:
    """The schema without `nullable` where it stands beside no type: Prism takes such a schema for none, and judges nothing."""
    if isinstance(schema, dict):
        is_typeless = schema.get("nullable") is True and "type" not in schema
        return {key: judgeable(value) for key, value in schema.items() if not (is_typeless and key == "nullable")}
    return [judgeable(item) for item in schema] if isinstance(schema, list) else schema


@pytest.fixture(scope="module")
def specification(tmp_path_factory):
    with description("langfuse.yaml").open() as file:
        document = yaml.load(file, Loader=yaml.CSafeLoader)
    path = tmp_path_factory.mktemp("description") / "langfuse.json"
    path.write_text(
        json.dumps({**document, "paths": judgeable(_asked(document)), "components": judgeable(document["components"])})
    )
    return path


def _asked(document: dict[str, Any]) -> dict[str, Any]:
    """Of the hundred endpoints those that the connector asks."""
    return {f"/api/public/{path}": document["paths"][f"/api/public/{path}"] for path in ENDPOINTS}


@pytest.mark.parametrize("api", ["v3", "v4"])
def test_a_whole_ingest_follows_the_vendors_description(warehouse, prism, specification, tmp_path, api):
    made = firm([by_ai(number, at(26) + timedelta(minutes=12 * number)) for number in range(1, 121)])
    for one in made.conversations[::5]:
        one.events.append(Event("rate", at(28), value=5 if one.conversation_id.endswith("1") else 1))
    traps = {"drift": {"new_field": True, "nul_and_surrogates": True}}
    log = tmp_path / "prism.log"
    options = SandboxOptions(clock=at(29), vendors=("langfuse",), traps=traps)
    with (
        serve_here(made, options) as sandbox,
        judged(prism, specification, f"{sandbox.url}/langfuse", log, "/api/public/traces") as url,
    ):
        place = LangfusePlace(
            warehouse, sandbox, api=api, base_url=url, start="2026-03-27", fields={"topic": "metadata.case.topic"}
        )
        assert set(place.check().values()) == {None}
        place.run()
        place.run()
        count = sum(one["query"].get("limit") is not None for one in sandbox.control("requests")["requests"])
        await_line(log, "Received forward response", count)
        assert violations(log) == []
    assert set(place.payloads("traces")) == trace_ids(made)
    assert len(place.payloads("observations")) == 480
    assert len(place.payloads("scores")) == 48


@pytest.mark.parametrize("path", ENDPOINTS)
def test_the_judge_sees_what_is_wrong(prism, specification, tmp_path, path):
    log = tmp_path / "prism.log"
    meta = {"page": 1, "limit": 1, "totalItems": 1, "totalPages": 1}
    with (
        scripted([Answer({"data": [{"id": 7}], "meta": meta}, headers={"content-type": "application/json"})]) as api,
        judged(prism, specification, api.url, log, f"/api/public/{path}") as url,
        httpx.Client(auth=("public", "secret"), timeout=20) as client,
    ):
        assert client.get(f"{url}/api/public/{path}", params={"limit": "one"}).status_code == 422
        assert client.get(f"{url}/api/public/{path}", params={"limit": 1}).status_code == 500
        await_line(log, "terminated with error", 3)
    request, response = violations(log)
    assert "UNPROCESSABLE_ENTITY" in request
    assert "VIOLATIONS" in response
