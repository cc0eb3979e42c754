"""A firm whose helpdesk is older than the instance's start: what the source states is whole all the same."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from against_truth import differences, held_of, quiet_moment, truth_of

from touchstone import pipeline
from touchstone.daily import ingest_source
from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.company import build
from touchstone.sandbox.model import Conversation
from touchstone.sandbox.service import secrets
from touchstone.sandbox.state import shown_at
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

PLENTY = {
    "zendesk": {"incremental": 60_000, "default": 60_000},
    "hubspot": {"default": 60_000, "search": 60_000},
}


@pytest.mark.parametrize(("desk", "share"), [("zendesk", 0.1), ("hubspot", 0.6)])
def test_core_equals_the_truth_of_all_that_changed_since_the_start(warehouse, desk, share):
    company = build(seed=11, conversations_per_day=12, days=25, hubspot_share=share)
    now = quiet_moment(company, company.until - timedelta(days=2))
    start = (now - timedelta(days=9)).date()
    with serve_here(company, SandboxOptions(clock=now)) as sandbox:
        entry = {
            "source": desk,
            "instance": "young",
            "base_url": f"{sandbox.url}/{desk}",
            "start": start,
            "requests_per_minute": PLENTY[desk],
        }
        source = SourceInstance(parsed(entry, "the test's entry"))
        given = {"as_of": now, "settings": warehouse, "secrets": secrets(sandbox.credentials)[desk]}
        if desk == "zendesk":
            # a run that ends before the past of tickets is read leaves halves, which wait for the next one
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("touchstone.sources.http.client.ATTEMPTS", 1)
                sandbox.control("traps", server_error=1.0, only=["zendesk.audits"])
                with pytest.raises(SourceError, match="ticket_histories"):
                    ingest_source(source, **given)
            sandbox.control("traps", server_error=0.0)
            _build(now, warehouse)
            assert _eligible(warehouse, desk, start) == 0
        ingest_source(source, **given)
    _build(now, warehouse)
    expected, expected_messages = truth_of(company, now, desk)
    found, found_messages = held_of(warehouse, desk, "young")
    assert differences({key: value for key, value in expected.items() if key in found}, found) == {}
    of_these = {key: value for key, value in expected_messages.items() if value[0] in found}
    assert differences(of_these, found_messages) == {}

    # what changed since is stated, but for what a merge hides; and a good part of it had begun before
    begun = [one for one in company.conversations if one.desk == desk and one.created_at <= now]
    changed = [one for one in begun if any(start <= moment.date() and moment <= now for moment in _told(one))]
    hidden = sum(any(event.kind == "merge" for event in one.events) for one in changed)
    assert len(found) >= len(changed) - hidden
    older = [one for one in changed if one.created_at.date() < start]
    assert len(older) > 10
    before = [value for value in found_messages.values() if value[3].date() < start]
    assert len(before) > 30
    assert _eligible(warehouse, desk, start) > 5


def _told(one: Conversation) -> list[datetime]:
    """When it changed in a way that moves its date at every desk."""
    return [shown_at(event) for event in one.events if event.kind != "touch"]


def _build(now: datetime, settings: Settings) -> None:
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, settings)


def _eligible(settings: Settings, desk: str, start: date) -> int:
    """Interactions that are to be scored and had begun before the start."""
    query = "select count(*) from core.interactions where source = %s and is_eligible and started_at < %s"
    with connect("transformer", settings=settings) as connection:
        return connection.execute(query, [desk, start]).fetchone()[0]
