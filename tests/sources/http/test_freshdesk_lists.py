"""Freshdesk's other lists against answers that a test holds in its hands: what changes while pages are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freshdesk_toolbox import forget_freshdesk, freshdesk_at, held, ingest_freshdesk, iso
from places import Stopped
from scripted import Answer, Asked, scripted

from touchstone.settings import Settings
from touchstone.sources.freshdesk import lists

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def empty(warehouse: Settings) -> None:
    forget_freshdesk(warehouse)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PER_PAGE", 2)


def paged(asked: Asked, rows: list[dict[str, Any]]) -> Answer:
    number, size = int(asked.query["page"]), int(asked.query["per_page"])
    following = {"Link": '<https://acme.freshdesk.com/next>; rel="next"'} if len(rows) > number * size else {}
    return Answer(rows[(number - 1) * size : number * size], headers=following)


def test_what_changed_on_pages_that_a_stopped_reading_of_contacts_had_done_is_read_later(warehouse):
    """The pages that are left hold later changes: they say nothing of those that were read before."""
    changed = dict.fromkeys(range(1, 6), START)

    def answer(asked: Asked) -> Answer:
        since = asked.query.get("_updated_since", "")
        rows = [{"id": own, "updated_at": iso(at)} for own, at in changed.items()]
        return paged(asked, [one for one in rows if one["updated_at"] >= since])

    pages: list[str] = []

    def stop(stream: str, count: int) -> None:
        pages.append(stream)
        if len(pages) == 2:
            raise Stopped

    with scripted(answer) as api:
        source = freshdesk_at(api.url)
        with pytest.raises(Stopped):
            ingest_freshdesk(source, warehouse, "contacts", progress=stop)
        assert len(held(warehouse, "contacts")) == 4
        changed[1], changed[5] = START + 2 * HOUR, START + 12 * HOUR
        ingest_freshdesk(source, warehouse, "contacts")
        assert len(held(warehouse, "contacts")) == 5
        ingest_freshdesk(source, warehouse, "contacts")
    assert held(warehouse, "contacts")["1"]["updated_at"] == iso(START + 2 * HOUR)


def test_an_article_that_slips_through_between_two_pages_is_not_taken_for_one_that_is_gone(warehouse):
    there = [{"id": own, "title": f"Article {own}", "updated_at": iso(START)} for own in (1, 2, 3)]
    moves = [False]

    def answer(asked: Asked) -> Answer:
        match asked.path.split("/")[4:]:
            case ["categories"]:
                return paged(asked, [{"id": 70}])
            case ["categories", "70", "folders"]:
                return paged(asked, [{"id": 80, "sub_folders_count": 0}])
            case ["folders", "80", "articles"]:
                if moves[0] and asked.query["page"] == "2":
                    del there[:1]
                return paged(asked, there)
            case ["articles", own]:
                found = [one for one in there if str(one["id"]) == own]
                return Answer(found[0]) if found else Answer(b"<html>Not found</html>", 404)
        return Answer({}, 400)

    with scripted(answer) as api:
        source = freshdesk_at(api.url)
        ingest_freshdesk(source, warehouse, "solutions")
        assert set(held(warehouse, "articles")) == {"1", "2", "3"}
        moves[0] = True
        ingest_freshdesk(source, warehouse, "solutions")
        assert not any("archived" in one for one in held(warehouse, "articles").values())
        moves[0] = False
        ingest_freshdesk(source, warehouse, "solutions")
    assert [own for own, one in held(warehouse, "articles").items() if one.get("archived")] == ["1"]
    assert held(warehouse, "articles")["1"]["title"] == "Article 1"
