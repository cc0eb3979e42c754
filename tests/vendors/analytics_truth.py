"""What core holds of the events of the product, beside what an analytics tool had stated at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from storm import storm

from touchstone import pipeline
from touchstone.sandbox.model import Company, ProductEvent
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

Fact = tuple[str, str, datetime]


def built(settings: Settings, entry: dict[str, Any], size: dict[str, int]) -> tuple[Company, datetime]:
    """Read a source through the storm, and build core from what has landed."""
    source = SourceInstance(parsed(entry, "the test's entry"))
    company, now = storm(source, settings, share=0.2, **size)
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, settings)
    return company, now


def expected(
    company: Company, now: datetime, is_stated: Callable[[ProductEvent, datetime], bool]
) -> dict[str, tuple[str, datetime, dict[str, Any]]]:
    """Name, moment and properties of every event that the vendor had stated by then, by the company's id of it."""
    return {
        event.event_id: (event.name, event.at, event.properties)
        for event in company.product_events
        if is_stated(event, now)
    }


def held(settings: Settings, source: str, own_id: str) -> dict[str, tuple[str, datetime, dict[str, Any]]]:
    """The same of core.

    Args:
        own_id: SQL of the company's id of an event, of its raw row `raw`.
    """
    query = f"""
        select {own_id}, events.event_name, events.occurred_at, events.properties
        from core.product_events as events
        inner join raw_{source}.events as raw on raw.instance = events.instance and raw.id = events.event_id
        where events.source = '{source}'
    """
    with connect("transformer", settings=settings) as connection:
        rows = connection.execute(query).fetchall()
    assert len(rows) == len({row[0] for row in rows}), "an event is in core twice"
    return {own_id: tuple(facts) for own_id, *facts in rows}
