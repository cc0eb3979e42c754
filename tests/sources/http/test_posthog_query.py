"""PostHog's queries: no event is lost to when it became visible, to a page that is short, or to an answer that is old."""

from __future__ import annotations

import json
import logging
import re
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from places import PosthogPlace, fault
from scripted import Answer, Asked, scripted

from sandbox.small_firm import at, firm, product_event
from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.posthog import own_uuid
from touchstone.sources.http import periods
from touchstone.sources.posthog import connector as posthog

NOW = at(24, hours=12)  # noon of 26 March
TODAY = "2026-03-26"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(periods, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr("touchstone.sources.http.client.FIRST_PAUSE", 0.001)


@pytest.fixture(scope="module")
def quiet():
    """A server whose clock and credentials tests of scripted answers use."""
    with serve_here(firm(), SandboxOptions(clock=NOW, vendors=("posthog",))) as sandbox:
        yield sandbox


def served(events, now=NOW, **traps: Any):
    return serve_here(firm(product_events=list(events)), SandboxOptions(clock=now, vendors=("posthog",), traps=traps))


def acted(place: PosthogPlace, **options: Any) -> set[str]:
    found = place.payloads("events", **options)
    return {key for key, one in found.items() if one["event"] != "$identify"}


def uuids(numbers) -> set[str]:
    return {own_uuid(f"pev-{number:07d}") for number in numbers}


def row(number: int, moment: datetime, **fields: Any) -> list[Any]:
    written = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    one = {
        "uuid": f"00000000-0000-0000-0000-{number:012d}",
        "event": "signed_in",
        "distinct_id": "u_1",
        "person_id": "p",
        "person_email": None,
        "properties": "{}",
        "timestamp": written,
        "created_at": written,
    }
    return list((one | fields).values())


class Queries:
    """Answers to the connector's two queries, from the rows of days."""

    def __init__(self, days: dict[str, list[list[Any]]]) -> None:
        self.days = days
        self.bodies: list[dict[str, Any]] = []
        self.most = 50_000

    def __call__(self, asked: Asked) -> Answer:
        body = json.loads(asked.body)
        self.bodies.append(body)
        values = body["query"]["values"]
        if "event_count" in body["query"]["query"]:
            return Answer(
                {"results": [[day, len({one[0] for one in rows})] for day, rows in sorted(self.days.items())]}
            )
        rows = self.days.get(values["lower_bound"][:10], [])
        beyond = [one for one in sorted(rows, key=_key) if _key(one) > (values["last_time"], values["last_uuid"])]
        limit = int(body["query"]["query"].rpartition(" ")[2])
        return Answer({"results": beyond[: min(limit, self.most)]})

    @property
    def days_asked(self) -> list[str]:
        values = (one["query"]["values"] for one in self.bodies if "last_uuid" in one["query"]["values"])
        return [one["lower_bound"][:10] for one in values]


def _key(one: list[Any]) -> tuple[str, str]:
    return one[6], one[0]


# --- T21: nothing that an event says of itself tells when it can be seen


def test_t21_an_event_that_shows_after_the_moment_at_which_it_came_arrives(warehouse):
    """Half of the events show twelve days after their created_at, of a day that no run reads again for its age."""
    events = [product_event(number, at(10, seconds=number)) for number in range(1, 101)]
    # the product is used on every day, so that the last days move on
    events += [product_event(200 + 2 * number, at(number)) for number in range(11, 28)]
    with served(events, now=at(11), posthog_late_visible_seconds=12 * 86_400) as sandbox:
        place = PosthogPlace(warehouse, sandbox, start="2026-03-02")
        place.run()
        assert acted(place) == uuids([*range(2, 101, 2), 222])
        for _ in range(3):
            sandbox.move_clock(seconds=5 * 86_400)
            place.run()
        assert uuids(range(1, 101)) <= acted(place)


def test_t21_events_delayed_by_weeks_arrive(warehouse):
    events = [product_event(number, at(5, seconds=number)) for number in range(1, 51)]
    events += [product_event(number, at(5, seconds=number), arrives=at(25)) for number in range(51, 61)]
    events.append(product_event(61, at(24)))
    with served(events) as sandbox:
        place = PosthogPlace(warehouse, sandbox, start="2026-03-02")
        place.run()
        assert acted(place) == uuids([*range(1, 51), 61])
        sandbox.move_clock(seconds=86_400)
        place.run()
        assert acted(place) == uuids(range(1, 62))


def test_t21_copies_of_a_backfill_are_one_event_and_cost_no_second_reading(warehouse, monkeypatch):
    monkeypatch.setattr(posthog, "PAGE_ROWS", 7)
    events = [product_event(number, at(10, minutes=number), copies=1 + number % 3) for number in range(1, 101)]
    events.append(product_event(101, at(24)))
    with served(events, duplicate_events=0.3) as sandbox:
        place = PosthogPlace(warehouse, sandbox, start="2026-03-02")
        place.run()
        assert acted(place) == uuids(range(1, 102))
        sandbox.control("reset")
        place.run()
        # the numbers, and the last day
        assert [one["status"] for one in place.asked("posthog.query")] == [200, 200]


# --- which days are read


def test_a_run_reads_the_days_whose_number_changed_and_the_last_ones(warehouse, quiet):
    start = datetime(2026, 3, 10, 9, tzinfo=UTC)
    days = {f"2026-03-{day}": [row(day, start + timedelta(days=day - 10))] for day in range(10, 27)}
    queries = Queries(days)
    with scripted(queries) as api:
        place = PosthogPlace(warehouse, quiet, base_url=api.url, start="2026-03-01")
        place.run()
        assert queries.days_asked == sorted(days)
        assert place.cursor("events") == {"through": TODAY}
        queries.bodies.clear()
        days["2026-03-12"].append(row(90, start + timedelta(days=2)))
        del days["2026-03-14"]
        place.run()
        # one that is gone has to be said to be gone twice
        assert queries.days_asked == [
            "2026-03-12",
            "2026-03-14",
            "2026-03-14",
            *(f"2026-03-{day}" for day in range(23, 27)),
        ]
        assert len(place.payloads("events")) == 17
        assert set(place.payloads("events", history=True)) == {row(14, start)[0]}


def test_days_that_never_hold_what_they_state_are_read_once_until_their_number_changes(warehouse, quiet):
    """An event that two days state is held of one of them, and one without an id of none."""
    start = datetime(2026, 3, 10, 9, tzinfo=UTC)
    days = {f"2026-03-{day}": [row(day, start + timedelta(days=day - 10))] for day in range(10, 27)}
    days["2026-03-12"].append(row(14, start + timedelta(days=2)))
    days["2026-03-16"].append(row(0, start + timedelta(days=6), uuid=""))
    queries = Queries(days)
    last_days = [f"2026-03-{day}" for day in range(23, 27)]
    with scripted(queries) as api:
        place = PosthogPlace(warehouse, quiet, base_url=api.url, start="2026-03-01")
        result = place.run()
        assert place.cursor("events") == {"through": TODAY, "differing": {"2026-03-12": 2, "2026-03-16": 2}}
        assert result.detail["skipped_records"] == {"days of which another number of events is held than they state": 2}
        for _ in range(2):
            queries.bodies.clear()
            result = place.run()
            assert queries.days_asked == last_days
        assert sum(result.detail["skipped_records"].values()) == 2
        queries.bodies.clear()
        days["2026-03-16"].append(row(90, start + timedelta(days=6, hours=1)))
        days["2026-03-12"].pop()
        place.run()
        assert queries.days_asked == ["2026-03-16", *last_days]
        assert place.cursor("events") == {"through": TODAY, "differing": {"2026-03-16": 3}}
        assert len(place.payloads("events")) == 18


def test_days_that_take_an_event_from_each_other_come_to_rest(warehouse, quiet):
    """Whichever is read last holds it; the other one is not read again for that."""
    start = datetime(2026, 3, 10, 9, tzinfo=UTC)
    days = {f"2026-03-{day}": [row(day, start + timedelta(days=day - 10))] for day in (10, 12, 20, 26)}
    queries = Queries(days)
    with scripted(queries) as api:
        place = PosthogPlace(warehouse, quiet, base_url=api.url, start="2026-03-01")
        place.run()
        days["2026-03-10"].append(row(12, start, created_at=days["2026-03-12"][0][7]))
        for _ in range(3):
            place.run()
        queries.bodies.clear()
        place.run()
        assert queries.days_asked == ["2026-03-26"]
        assert len(place.payloads("events")) == 4


def test_the_numbers_of_many_days_are_asked_for_in_halves_where_they_are_too_much(warehouse, quiet):
    days = {f"2026-03-{day}": [row(day, NOW - timedelta(days=26 - day))] for day in range(10, 27)}
    queries = Queries(days)

    def answer(asked: Asked) -> Answer:
        query = json.loads(asked.body)["query"]
        if "event_count" not in query["query"]:
            return queries(asked)
        first, last = (date.fromisoformat(query["values"][bound][:10]) for bound in ("lower_bound", "upper_bound"))
        if (last - first).days > 7:
            return Answer({"detail": "a timeout"}, status=504)
        within = {day: rows for day, rows in days.items() if first <= date.fromisoformat(day) < last}
        return Answer({"results": [[day, len(rows)] for day, rows in sorted(within.items())]})

    with scripted(answer) as api:
        place = PosthogPlace(warehouse, quiet, base_url=api.url, start="2026-03-01")
        place.run()
        assert len(place.payloads("events")) == 17


def test_t6_t8_a_run_that_ends_at_day_k_goes_on_there_and_lands_rows_once(warehouse):
    events = [product_event(number, at(number % 20, seconds=number)) for number in range(1, 401)]
    with served(events) as sandbox:
        place = PosthogPlace(warehouse, sandbox, start="2026-03-02")
        place.run_until(10)
        assert len(acted(place)) == 200
        sandbox.control("reset")
        place.run()
        assert len(place.asked("posthog.query")) == 1 + 10
        assert acted(place) == uuids(range(1, 401))
        assert place.payloads("events", history=True) == {}


def test_days_of_a_backfill_are_read_whatever_is_held(warehouse):
    events = [product_event(number, at(number, seconds=number)) for number in range(1, 24)]
    with served(events) as sandbox:
        place = PosthogPlace(warehouse, sandbox, start="2026-03-24")
        place.run()
        before = place.cursor("events")
        place.run(interval=(date(2026, 3, 5), date(2026, 3, 7)))
        assert acted(place) == uuids([3, 4, 5, 22, 23])
        assert place.cursor("events") == before


# --- pages


def test_pages_follow_each_other_by_time_and_uuid_where_many_events_share_a_moment(warehouse, monkeypatch):
    """T3: more events in one moment than a page holds."""
    monkeypatch.setattr(posthog, "PAGE_ROWS", 50)
    events = [product_event(number, at(23)) for number in range(1, 181)]
    events += [product_event(number, at(23, seconds=1)) for number in range(181, 221)]
    with served(events) as sandbox:
        place = PosthogPlace(warehouse, sandbox)
        place.run()
        assert acted(place) == uuids(range(1, 221))


def test_a_page_is_not_the_last_for_being_short(warehouse):
    """Without a LIMIT, or with a lower cap than ours, an answer holds a hundred rows and says nothing."""
    events = [product_event(number, at(23, seconds=number)) for number in range(1, 351)]
    with served(events, posthog_row_cap=100) as sandbox:
        place = PosthogPlace(warehouse, sandbox)
        place.run()
        assert acted(place) == uuids(range(1, 351))


def test_queries_name_a_limit_and_carry_values_beside_their_text(warehouse, quiet):
    odd = "2026-03-26 09:00:00.000000"
    queries = Queries({TODAY: [row(1, NOW, uuid="x' OR 1=1 --", timestamp=odd), row(2, NOW)]})
    queries.most = 1
    with scripted(queries) as api:
        place = PosthogPlace(warehouse, quiet, base_url=api.url, start=TODAY)
        place.run()
        assert len(place.payloads("events")) == 2
    assert any(one["query"]["values"].get("last_uuid") == "x' OR 1=1 --" for one in queries.bodies)
    for one in queries.bodies:
        assert re.search(r" LIMIT \d+$", one["query"]["query"])
        assert "OR 1=1" not in one["query"]["query"]
        assert one["refresh"] == "force_blocking"


def test_a_page_that_is_too_much_is_asked_for_in_halves(warehouse):
    events = [product_event(number, at(23, seconds=number)) for number in range(1, 3001)]
    with served(events, posthog_most_rows=1_500) as sandbox:
        place = PosthogPlace(warehouse, sandbox)
        place.run()
        assert acted(place) == uuids(range(1, 3001))


# --- answers that are old or broken


def test_an_answer_from_memory_is_not_taken_for_one(warehouse):
    events = [product_event(1, at(23)), product_event(2, at(23, hours=1), arrives=at(24, hours=12, minutes=5))]
    with served(events, posthog_cache_seconds=3600) as sandbox:
        place = PosthogPlace(warehouse, sandbox)
        place.run()
        sandbox.move_clock(seconds=600)
        place.run()
        assert acted(place) == uuids([1, 2])


@pytest.mark.parametrize("body", ["cut", "html", "empty", "disconnect"])
def test_a_broken_answer_is_fetched_again(warehouse, body):
    events = [product_event(number, at(20, seconds=number)) for number in range(1, 301)]
    with served(events) as sandbox:
        place = PosthogPlace(warehouse, sandbox)
        sandbox.control("traps", faults=[fault("broken_body", "posthog.query", times=3, body=body)])
        place.run()
        assert acted(place) == uuids(range(1, 301))


def test_a_day_that_states_less_than_its_number_fails_and_keeps_what_is_held(warehouse, quiet):
    queries = Queries({TODAY: [row(number, NOW + timedelta(seconds=number)) for number in range(5)]})
    with scripted(queries) as api:
        place = PosthogPlace(warehouse, quiet, base_url=api.url, start=TODAY)
        place.run()
        queries.most = 0
        with pytest.raises(SourceError, match=r"the events of 2026-03-26.*failed 5 times"):
            place.run()
        assert len(place.payloads("events")) == 5


def test_an_answer_without_rows_is_none(warehouse, quiet):
    with scripted([Answer({"detail": "soon"})]) as api:
        place = PosthogPlace(warehouse, quiet, base_url=api.url, start=TODAY)
        with pytest.raises(SourceError, match="without its rows"):
            place.run()


# --- what lands of what is stated


def test_t25_a_restated_event_is_as_it_came_last_and_leaves_its_former_statement(warehouse, quiet):
    first, second = row(1, NOW, properties='{"plan": "old"}'), row(1, NOW, properties='{"plan": "new"}')
    second[7] = "2026-03-26 13:00:00.000000"
    queries = Queries({TODAY: [second, first]})
    with scripted(queries) as api:
        place = PosthogPlace(warehouse, quiet, base_url=api.url, start=TODAY)
        for _ in range(2):
            place.run()
            assert [one["properties"] for one in place.payloads("events").values()] == [{"plan": "new"}]
        queries.days[TODAY] = [row(1, NOW, person_id="merged", properties='{"plan": "new"}', created_at=second[7])]
        place.run()
        assert [one["person_id"] for one in place.payloads("events").values()] == ["merged"]
        assert [one["person_id"] for one in place.payloads("events", history=True).values()] == ["p"]


def test_t24_nul_and_lone_surrogates_are_replaced_and_counted(warehouse):
    events = [product_event(number, at(23, seconds=number)) for number in range(1, 51)]
    with served(events, drift={"nul_and_surrogates": True}) as sandbox:
        place = PosthogPlace(warehouse, sandbox)
        result = place.run()
        names = [one["properties"].get("$screen_name", "") for one in place.payloads("events").values()]
        assert result.replaced_characters == 2 * sum("\ufffd" in name for name in names) > 0


def test_t26_new_fields_and_types_land_and_are_told(warehouse):
    events = [product_event(number, at(24, seconds=number)) for number in range(1, 11)]
    with served(events) as sandbox:
        place = PosthogPlace(warehouse, sandbox)
        place.run()
        sandbox.control("traps", drift={"field_type_change": True, "new_field": True})
        result = place.run()
        told = {(one["field"], one["content"]) for one in result.detail["schema_changes"]}
        assert told == {("properties.$screen_width", "string"), ("properties.$experiment_arm", "object")}


def test_a_load_says_how_fresh_it_is(warehouse):
    with served([product_event(1, at(18), arrives=at(21))]) as sandbox:
        place = PosthogPlace(warehouse, sandbox)
        place.run()
        statement = "select max(newest_message_at) from ops.loads where source = 'posthog' and instance = %s"
        assert place.query(statement)[0][0] == at(21)


def test_a_day_of_any_size_takes_the_memory_of_a_page(warehouse, quiet, monkeypatch):
    monkeypatch.setattr(posthog, "PAGE_ROWS", 1000)
    monkeypatch.setattr(periods, "PART_RECORDS", 1000)
    moments = [NOW - timedelta(seconds=20_000 - number) for number in range(20_000)]
    properties = json.dumps({"note": "x" * 300})
    queries = Queries({TODAY: [row(number, moment, properties=properties) for number, moment in enumerate(moments)]})
    with scripted(queries) as api:
        place = PosthogPlace(warehouse, quiet, base_url=api.url, start=TODAY)
        tracemalloc.start()
        place.run()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(place.payloads("events")) == 20_000
        assert peak < 16_000_000


# --- verdicts


def test_t7_a_limit_is_waited_out_and_told(warehouse, caplog):
    with served([product_event(1, at(23))]) as sandbox, caplog.at_level(logging.WARNING):
        place = PosthogPlace(warehouse, sandbox)
        sandbox.control("traps", faults=[fault("rate_limited", "posthog.query", times=4)])
        place.run()
        assert acted(place) == uuids([1])
    assert any("429" in one.getMessage() and "again in" in one.getMessage() for one in caplog.records)


def test_a_check_names_what_is_wrong_in_one_line(warehouse, caplog):
    with served([]) as sandbox, caplog.at_level(logging.INFO):
        place = PosthogPlace(warehouse, sandbox)
        assert place.check() == {"query of events": None}
        assert "does not accept the key" in place.check({"api_key": "canary-wrong"})["query of events"]
        other = PosthogPlace(warehouse, sandbox, project_id=99)
        assert "refuses the project" in other.check()["query of events"]
        sandbox.control("traps", credentials={"posthog": {"has_scope": False}})
        assert "query:read" in place.check()["query of events"]
        nowhere = PosthogPlace(warehouse, sandbox, base_url="http://127.0.0.1:9")
        assert "no connection to 127.0.0.1" in nowhere.check()["query of events"]
        sandbox.control("traps", credentials={"posthog": {"has_scope": True}})
        place.run()
    assert sandbox.credentials.posthog.api_key not in caplog.text
    assert "canary-wrong" not in caplog.text
