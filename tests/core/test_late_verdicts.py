"""What arrives late changes what was said before: a rating, an event of the product, and a customer who comes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from touchstone import pipeline
from touchstone.settings import Settings
from touchstone.sources import files
from touchstone.warehouse.engine import connect
from vendor_rows import Vendors, product_event

FIRST, SECOND = datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 7, tzinfo=UTC)


def _conversation(name: str, topic: str, *more: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    """A question and an AI agent's answer on March 2, solved ten minutes later, and what follows."""
    said = [
        ("customer", "2026-03-02T09:00:00Z", f"Where do I find the {topic} page?"),
        ("ai_agent", "2026-03-02T09:01:00Z", "Open the settings and look under your account."),
        *more,
    ]
    return {
        "interaction_id": name,
        "channel": "chat",
        "customer_id": f"of-{name}",
        "customer_email": f"{name}@acme.test",
        "topic": topic,
        "status": "solved",
        "closed_at": "2026-03-02T09:10:00Z",
        "messages": [
            {"message_id": str(number), "actor": actor, "actor_id": actor, "sent_at": sent_at, "text": text}
            for number, (actor, sent_at, text) in enumerate(said)
        ],
    } | fields


def _run(folder: Path, documents: list[dict[str, Any]], as_of: datetime, settings: Settings) -> None:
    (folder / f"{as_of:%d}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    files.ingest(folder, as_of=as_of, settings=settings)
    for step in ("stage", "clean", "core", "score", "facts", "gaps", "marts"):
        pipeline.STEPS[step](as_of, settings)


@pytest.fixture(scope="module")
def verdicts(warehouse: Settings, tmp_path_factory) -> list[dict[str, tuple[str, str, int]]]:
    """By conversation: outcome of the first episode, Intercom's verdict and the run that last changed it; before and after."""
    folder = tmp_path_factory.mktemp("late")
    vendors = Vendors(warehouse, FIRST)
    found = []
    first = [
        _conversation("rated", "billing"),
        _conversation("acted", "data_export"),
        _conversation("back", "report_builder"),
        _conversation("still", "password_reset"),
    ]
    # they use the product before they write, so that people of two systems are known to be one
    vendors.mixpanel(
        *(
            product_event(number, f"u-{name}", -60, **{"$email": f"{name}@acme.test", "$user_id": f"u-{name}"})
            for number, name in enumerate(("rated", "acted", "back", "still"), start=1)
        )
    )
    for as_of in (FIRST, SECOND):
        if as_of == SECOND:
            question = ("customer", "2026-03-02T15:00:00Z", "It is gone again, where is it now?")
            first[0] |= {"rating": 5, "rating_scale_min": 1, "rating_scale_max": 5, "rated_at": "2026-03-06T12:00:00Z"}
            first[2] = _conversation("back", "report_builder", question)
            # minutes after 09:00 of March 2: the export of the same evening is stated four days later
            vendors.mixpanel(product_event(9, "u-acted", 600, name="export_started"))
        _run(folder, first, as_of, warehouse)
        with connect("transformer", settings=warehouse) as connection:
            rows = connection.execute(
                """
                select interactions.interaction_id, episodes.outcome, definitions.verdict, episodes._ledger_id
                from marts_build.fct_ai_episodes as episodes
                inner join core.interactions using (interaction_key)
                inner join marts_build.fct_outcome_definitions as definitions using (interaction_key, episode_number)
                where episodes.episode_number = 1 and definitions.definition = 'intercom'
                """
            ).fetchall()
        found.append({row[0]: tuple(row[1:]) for row in rows})
    return found


def test_without_news_nobody_has_said_more_than_nothing(verdicts) -> None:
    assert {name: row[:2] for name, row in verdicts[0].items()} == dict.fromkeys(
        ("rated", "acted", "back", "still"), ("assumed", "assumed")
    )


def test_a_late_rating_confirms(verdicts) -> None:
    assert verdicts[1]["rated"][:2] == ("confirmed", "confirmed")


def test_a_late_event_of_the_product_confirms_by_our_definition_alone(verdicts) -> None:
    assert verdicts[1]["acted"][:2] == ("confirmed", "assumed")


def test_a_customer_who_comes_back_takes_the_resolution_back(verdicts) -> None:
    assert verdicts[1]["back"][:2] == ("returned", "deducted")


def test_what_nothing_is_known_anew_of_is_left_alone(verdicts) -> None:
    assert verdicts[1]["still"] == verdicts[0]["still"]
