"""A careful extractor that comes again and again holds, at the end, what one holds that reads everything once."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from small_firm import get, hubspot, tickets_page, walk, walk_cursor, zendesk

from touchstone.sandbox.api import SandboxOptions, Traps, ids, serve
from touchstone.sandbox.company import build
from touchstone.sandbox.state import moments

DAYS = 16
LATE, LAG = 180, 45  # seconds
MARGIN = timedelta(minutes=10)


@pytest.fixture(scope="module")
def company():
    return build(seed=5, conversations_per_day=20, days=DAYS, hubspot_share=0.5)


@pytest.fixture
def sandbox(company):
    traps = Traps(late_visible_seconds=LATE, search_index_delay_seconds=LAG)
    start = company.until - timedelta(days=DAYS - 2)
    with serve(company, SandboxOptions(clock=start, traps=traps, clock_step_seconds=1)) as running:
        yield running
        assert running.control("stats")["crashes"] == []


def changes(company, desk):
    """(moment, number of the conversation) of everything that happens at a desk while the company lives, in order."""
    start = company.until - timedelta(days=DAYS - 2)
    return sorted(
        (moment, ids.number(one.conversation_id))
        for one in company.conversations
        if one.desk == desk
        for moment in moments(one)
        if start < moment < company.until
    )


def clocks(found):
    """Some of the moments, well apart."""
    last = None
    for moment in found:
        if last is None or moment - last > timedelta(hours=20):
            last = moment
            yield moment


def test_zendesk_by_cursor_and_by_time(company, sandbox):
    path, query = "incremental/ticket_events.json", {"support_type_scope": "all", "include": "comment_events"}

    def events(client, start, held):
        for page in walk(client, path, "ticket_events", start=start, per_page=300, **query):
            for row in page:
                held[row["id"]] = row
                start = row["timestamp"]
        return start

    def comments(audits):
        """The last statement of each comment."""
        found = {}
        for row in sorted(audits.values(), key=lambda row: (row["timestamp"], row["id"])):
            found |= {child["id"]: child for child in row["child_events"] if child["event_type"] == "Comment"}
        return found

    # moments at which one change shows already and the next one, soon after it, does not
    between = [
        before + timedelta(seconds=LATE + 1)
        for (before, _), (after, _) in pairwise(changes(company, "zendesk"))
        if 30 < (after - before).total_seconds() < 100
    ]
    tickets, audits, cursor, start = {}, {}, None, 0
    with zendesk(sandbox) as client:
        cursor_path = "incremental/tickets/cursor.json"
        for moment in clocks(between):
            sandbox.move_clock(moment)
            for page in walk_cursor(client, cursor_path, "tickets", cursor, per_page=60, support_type_scope="all"):
                tickets |= {row["id"]: row for row in page["tickets"]}
                cursor = page["after_cursor"]
            start = events(client, start, audits)
        sandbox.move_clock(seconds=86_400 * 90)
        for page in walk_cursor(client, cursor_path, "tickets", cursor, support_type_scope="all"):
            tickets |= {row["id"]: row for row in page["tickets"]}
        events(client, start, audits)
        whole = {row["id"]: row for row in tickets_page(client, start_time=0)["tickets"]}
        everything = {}
        events(client, 0, everything)
        asked = sandbox.control("stats")["requests"]
    assert len(whole) > 100
    assert tickets == whole
    assert audits.keys() == everything.keys()
    assert comments(audits) == comments(everything)
    assert asked < 150


def test_hubspot_by_search_with_a_margin_and_the_threads_of_what_changed(company, sandbox):
    objects, threads = "crm/v3/objects/tickets", "conversations/v3/conversations/threads"

    def search(client, since):
        """By id within the window, so that no page of results is beyond the cap."""
        rows, last = [], 0
        while True:
            filters = [
                {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": str(int(since.timestamp() * 1000))},
                {"propertyName": "hs_object_id", "operator": "GT", "value": str(last)},
            ]
            sorts = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
            body = {"filterGroups": [{"filters": filters}], "sorts": sorts, "limit": 50, "properties": names}
            page = client.post(f"{objects}/search", json=body).json()["results"]
            rows += page
            if not page:
                return rows
            last = page[-1]["id"]

    def listed(client, path, **query):
        rows = []
        while True:
            page = get(client, path, **query)
            rows += page["results"]
            if "paging" not in page:
                return rows
            query["after"] = page["paging"]["next"]["after"]

    def messages(client, tickets):
        found = {}
        for first in range(0, len(tickets), 100):
            inputs = [{"id": number} for number in tickets[first : first + 100]]
            answer = client.post("crm/v4/associations/tickets/conversations/batch/read", json={"inputs": inputs})
            for row in answer.json()["results"]:
                for thread in row["to"]:
                    for message in listed(client, f"{threads}/{thread['toObjectId']}/messages"):
                        found[message["id"]] = message
        return found

    # moments at which the later of two changes shows and the earlier one does not
    between = [
        after + timedelta(seconds=2)
        for (before, late), (after, prompt) in pairwise(changes(company, "hubspot"))
        if late % 2 and not prompt % 2 and (after - before).total_seconds() < LATE
    ]
    held, said, since = {}, {}, datetime.fromtimestamp(0, company.until.tzinfo)
    with hubspot(sandbox) as client:
        names = [row["name"] for row in get(client, "crm/v3/properties/tickets")["results"]]
        names.remove("system_revision")  # it changes without a trace in the last-modified date
        for moment in [*clocks(between), company.until + timedelta(days=90)]:
            sandbox.move_clock(moment)
            changed = search(client, since)
            held |= {row["id"]: row for row in changed}
            said |= messages(client, [row["id"] for row in changed])
            since = max(datetime.fromisoformat(row["updatedAt"]) for row in held.values()) - MARGIN
        whole = {row["id"]: row for row in listed(client, objects, limit=100, properties=",".join(names))}
        archived = {row["id"] for row in listed(client, objects, archived="true", limit=100)}
        everything = messages(client, list(whole))
    assert len(whole) > 100
    assert {number: held[number] for number in whole} == whole
    merged = {loser for row in whole.values() for loser in (row["properties"]["hs_merged_object_ids"] or "").split(";")}
    assert held.keys() - whole.keys() <= archived | merged
    assert {number: said[number] for number in everything} == everything
