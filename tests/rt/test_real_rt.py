"""A real Request Tracker, seeded and read twice: core equals what was done in it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from request_tracker import RequestTracker, installed, unmount
from seeding import FIELDS, INITIAL_DATA, REPLACEMENT, ROOT_PASSWORD, Desk

from touchstone import pipeline
from touchstone.daily import ingest_source
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.http.runner import check
from touchstone.sources.options import parsed
from touchstone.sources.rt.connector import RequestTrackerConnector
from touchstone.warehouse.engine import connect

pytestmark = [pytest.mark.rt, pytest.mark.timeout(3600)]
FIRST, THEN = 150, 50


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    installed()
    try:
        rt = RequestTracker(INITIAL_DATA)
        with rt.serving():
            desk = Desk(rt)
            yield desk
            desk.close()
    finally:
        unmount()


def test_core_equals_what_was_done_in_a_real_request_tracker(warehouse: Settings, desk: Desk):
    topic, language, way, csat = FIELDS
    entry = {
        "source": "rt",
        "instance": "real",
        "base_url": desk.rt.url,
        "start": (datetime.now(UTC) - timedelta(days=1)).date(),
        "requests_per_minute": {"default": 60_000},
        "ai_agents": ["nova"],
        "automations": ["flow"],
        "topic_field": topic,
        "language_field": language,
        "channel_field": way,
        "csat_field": csat,
    }
    source = SourceInstance(parsed(entry, "the test's entry"))
    by_password = {"user": "root", "password": ROOT_PASSWORD}
    assert {
        what: error for what, error in check(RequestTrackerConnector(), source, by_password, warehouse) if error
    } == {}

    _seed(desk, range(1, FIRST + 1))
    seconds, first = _timed(source, warehouse, by_password)
    _report("first run", seconds, first.detail)
    _build(warehouse)
    _compare(warehouse, desk)

    _seed(desk, range(FIRST + 1, FIRST + THEN + 1))
    _go_on(desk)
    seconds, second = _timed(source, warehouse, {"token": desk.rt.token})
    _report("second run", seconds, second.detail)
    _build(warehouse)
    _compare(warehouse, desk)

    seconds, third = _timed(source, warehouse, {"token": desk.rt.token})
    _report("third run", seconds, third.detail)
    assert (third.rows_inserted, third.rows_updated) == (0, 0)


def test_what_was_replaced_left_the_text_that_is_held(warehouse: Settings, desk: Desk):
    with connect("transformer", settings=warehouse) as connection:
        held = connection.execute("select count(*) from core.messages where text like %s", [f"%{REPLACEMENT}%"])
        assert held.fetchone()[0] > 0
        left = connection.execute("select count(*) from raw_rt.attachments where payload::text like '%Rumpelstilz%'")
        assert left.fetchone()[0] == 0


def _seed(desk: Desk, numbers: range) -> None:
    for number in numbers:
        one = desk.begin(number)
        desk.talk(one, number)
        desk.move(one, number)
    for loser, survivor in zip(desk.living()[:6], desk.living()[-6:], strict=True):
        if loser is not survivor and desk.root(survivor) is not loser:
            desk.merge(loser, survivor)
    for place, one in enumerate(desk.living()[:6]):
        desk.delete(one, by_status=place % 2 == 0)


def _go_on(desk: Desk) -> None:
    """What happens to tickets that were read before: every kind of change."""
    for place, one in enumerate(desk.living()[:30]):
        desk.talk(one, 1000 + place)
        desk.move(one, 1000 + place)
    for one in [one for one in desk.tickets.values() if one.is_deleted][:2]:
        desk.restore(one)
    chained = [one for one in desk.tickets.values() if one.merged_into]
    for one in chained[:2]:
        # a reply to what was merged away arrives where it went
        root = desk.root(one)
        desk.call(
            "ann",
            "POST",
            f"/ticket/{one.ticket_id}/correspond",
            Content=f"Late in {one.ticket_id}.",
            ContentType="text/plain",
        )
        root.said.append(("human_agent", False, f"Late in {one.ticket_id}."))
        root.status = "pending" if root.status == "pending" else "open"  # RT opens what was at rest
    survivors = [desk.root(one) for one in chained[2:4]]
    for survivor, target in zip(survivors, desk.living()[:2], strict=True):
        desk.merge(survivor, target)
    desk.delete(desk.root(chained[4]))
    desk.forget()


def _timed(source: SourceInstance, settings: Settings, secrets: dict[str, str]):
    as_of = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    began = time.monotonic()
    result = ingest_source(source, as_of=as_of, settings=settings, secrets=secrets)
    return time.monotonic() - began, result


def _report(what: str, seconds: float, detail: dict) -> None:
    print(f"{what}: {seconds:.0f} s, {sum(detail['requests'].values())} requests, {detail['records']}")


def _build(settings: Settings) -> None:
    as_of = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](as_of, settings)


def _compare(settings: Settings, desk: Desk) -> None:
    """Conversation by conversation, message by message."""
    with connect("transformer", settings=settings) as connection:
        headers = {
            ticket_id: stated
            for ticket_id, *stated in connection.execute(
                """
                select own.interaction_id, own.is_deleted, survivors.interaction_id, own.status, own.topic, own.language,
                    own.channel, own.is_eligible or own.excluded_reason <> 'incomplete'
                from core.interactions as own
                left join core.interactions as survivors on own.merged_into_interaction_key = survivors.interaction_key
                """
            )
        }
        said: dict[str, Counter] = {}
        for ticket_id, actor, internal, text in connection.execute(
            """
            select interactions.interaction_id, messages.actor, messages.is_internal, messages.text
            from core.messages inner join core.interactions using (interaction_key)
            """
        ):
            said.setdefault(ticket_id, Counter())[actor, internal, " ".join(text.split())] += 1
        owners = dict(
            connection.execute(
                """
                select distinct on (interactions.interaction_id) interactions.interaction_id, agents.agent_name
                from core.assignments
                inner join core.interactions using (interaction_key)
                left join core.agents on assignments.to_agent_key = agents.agent_key
                order by interactions.interaction_id, assignments.assignment_number desc
                """
            )
        )
        queues = dict(
            connection.execute(
                """
                select distinct on (interactions.interaction_id) interactions.interaction_id, assignments.to_team
                from core.assignments inner join core.interactions using (interaction_key)
                order by interactions.interaction_id, assignments.assignment_number desc
                """
            )
        )
        ratings = {
            ticket_id: int(rating)
            for ticket_id, rating in connection.execute(
                "select interactions.interaction_id, ratings.rating from core.ratings inner join core.interactions using (interaction_key)"
            )
        }
        quarantined = connection.execute("select count(*) from ops.quarantine").fetchone()[0]
    expected = {
        one.ticket_id: [one.is_deleted, desk.root(one).ticket_id if one.merged_into else None]
        for one in desk.tickets.values()
    }
    assert {key: stated[:2] for key, stated in headers.items()} == expected
    assert all(stated[6] for stated in headers.values())
    assert quarantined == 0
    texts: dict[str, Counter] = {}
    for one in desk.tickets.values():
        root = desk.root(one)
        if not root.is_deleted and not one.is_deleted:
            own = Counter((actor, internal, " ".join(text.split())) for actor, internal, text in one.said)
            texts[root.ticket_id] = texts.get(root.ticket_id, Counter()) + own
    assert said == texts
    plain = [one for one in desk.tickets.values() if not one.is_deleted and not one.merged_into]
    assert {one.ticket_id: headers[one.ticket_id][2:6] for one in plain} == {
        one.ticket_id: [one.status, one.topic, one.language, one.way] for one in plain
    }
    assert {one.ticket_id: (owners[one.ticket_id], queues[one.ticket_id]) for one in plain} == {
        one.ticket_id: (one.owner.title() if one.owner else None, one.queue) for one in plain
    }
    rated = {one.ticket_id: one.rating for one in plain if one.rating}
    assert {key: value for key, value in ratings.items() if key in {one.ticket_id for one in plain}} == rated
    print(f"{len(headers)} conversations and {sum(map(Counter.total, said.values()))} messages equal what was done")
