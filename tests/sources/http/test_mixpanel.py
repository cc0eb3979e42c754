"""Mixpanel's raw export: no event is lost to a cut body, counted twice over a border of days, or kept when it is gone."""

from __future__ import annotations

import gzip
import json
import logging
import random
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from places import MixpanelPlace, Stopped, fault
from scripted import Answer, Asked, scripted

from sandbox.small_firm import at, firm, product_event
from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sources.http import periods
from touchstone.sources.mixpanel import connector as mixpanel

NOON = at(24, hours=12)  # 26 March
TODAY = NOON.date()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(periods, "FIRST_PAUSE", 0.001)


@pytest.fixture(scope="module")
def quiet():
    """A server whose clock and credentials tests of scripted bodies use."""
    with serve_here(firm(), SandboxOptions(clock=NOON)) as sandbox:
        yield sandbox


def served(events, now=NOON, zone: str = "UTC", **traps: Any):
    return serve_here(firm(product_events=list(events)), SandboxOptions(clock=now, mixpanel_timezone=zone, traps=traps))


def event(number: int, moment: datetime, **properties: Any) -> dict:
    given = {"time": int(moment.timestamp()), "distinct_id": "u_1", "$insert_id": f"e{number}", **properties}
    return {"event": "signed_in", "properties": given}


def line(record: dict) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def text(body: bytes, **more: Any) -> Answer:
    return Answer(body, headers={"content-type": "text/plain"}, **more)


def inserted(place: MixpanelPlace) -> list[str]:
    return sorted(one["properties"]["$insert_id"] for one in place.payloads("events").values())


def names(numbers) -> list[str]:
    return sorted(f"pev-{number:07d}" for number in numbers)


class Export:
    """Bodies by day, as the export API gives them out; its today is that of a zone."""

    def __init__(self, bodies: dict[date, list[bytes] | bytes], today: date = TODAY) -> None:
        self.bodies, self.today = bodies, today
        self.asked: list[tuple[str, str]] = []

    def __call__(self, asked: Asked) -> Answer:
        first, last = asked.query["from_date"], asked.query["to_date"]
        self.asked.append((first, last))
        if date.fromisoformat(last) > self.today:
            return Answer({"error": "to_date cannot be later than today"}, status=400)
        body = b""
        day = date.fromisoformat(first)
        while day <= date.fromisoformat(last):  # both ends are included
            stated = self.bodies.get(day, b"")
            body += stated if isinstance(stated, bytes) else stated.pop(0) if len(stated) > 1 else stated[0]
            day += timedelta(days=1)
        return text(body)


# --- T20: the four faults of the export


def test_t20_borders_line_breaks_early_ends_and_the_zone_of_the_project(warehouse, quiet):
    zone = "America/Los_Angeles"
    now = datetime(2026, 3, 26, 3, 0, tzinfo=UTC)  # still the 25th there
    days = [date(2026, 3, 23), date(2026, 3, 24), date(2026, 3, 25)]
    midnight = datetime(2026, 3, 24, tzinfo=UTC)
    on_the_border = line(event(2, midnight))
    broken_text = line(event(3, midnight, note="first|second")).replace(b"|", b"\n")
    split = line(event(4, midnight)).replace(b'"properties": ', b'"properties":\n\n ')
    whole = on_the_border + broken_text + b"\n" + split + line(event(5, midnight))
    export = Export(
        {
            days[0]: line(event(1, midnight)),
            days[1]: [
                on_the_border + b"terminated early\n",
                on_the_border + broken_text[:40],
                whole[:-3],
                whole,
            ],
            days[2]: line(event(6, midnight)),
        },
        today=days[2],
    )
    with scripted(export) as api:
        place = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(days[0]), time_zone=zone)
        place.run(as_of=now)
        assert inserted(place) == ["e1", "e2", "e3", "e4", "e5", "e6"]
        assert {first == last for first, last in export.asked} == {True}
        assert [first for first, _ in export.asked] == [str(days[index]) for index in (0, 1, 1, 1, 1, 2)]
        notes = [one["properties"].get("note") for one in place.payloads("events").values()]
        assert "first\nsecond" in notes
        assert sorted(place.interactions("events").values()) == [str(days[index]) for index in (0, 1, 1, 1, 1, 2)]
        # asked with the wrong zone, the vendor refuses: that is no day without events
        wrong = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(days[2]), time_zone="UTC")
        with pytest.raises(SourceError, match=r"later than today.*time_zone"):
            wrong.run(as_of=now)
        assert wrong.cursor("events")["walk"]["next"] == "2026-03-26"


@pytest.mark.parametrize("cut", ["terminated", "mid_record", "disconnect"])
def test_t20_a_cut_export_is_fetched_again(warehouse, cut):
    events = [product_event(number, at(20, seconds=number)) for number in range(1, 301)]
    with served(events) as sandbox:
        place = MixpanelPlace(warehouse, sandbox)
        sandbox.control("traps", faults=[fault("cut_export", "mixpanel.export", skip=2, times=2, export=cut)])
        place.run()
        assert inserted(place) == names(range(1, 301))
        assert len(place.asked("mixpanel.export")) == 7 + 2


def test_t20_an_export_that_is_always_cut_fails_with_its_day_and_keeps_what_was_held(warehouse):
    events = [product_event(number, at(23, seconds=number)) for number in range(1, 101)]
    with served(events, now=NOON) as sandbox:
        place = MixpanelPlace(warehouse, sandbox)
        place.run()
        sandbox.control("traps", cut_export=1.0, cut_export_kinds=["terminated"])
        with pytest.raises(SourceError, match=rf"the export of 2026-03-2\d failed {periods.ATTEMPTS} times"):
            place.run()
        assert inserted(place) == names(range(1, 101))


def test_t20_a_packed_export_that_is_cut_is_no_whole(warehouse, quiet):
    body = b"".join(line(event(number, NOON)) for number in range(400))
    packed = gzip.compress(body)
    # cut so that the last line that comes out of it may be whole: the gzip stream itself has to end
    answers = [
        Answer(packed[: len(packed) // 2], headers={"content-type": "text/plain", "content-encoding": "gzip"}),
        Answer(packed[:-8], headers={"content-type": "text/plain", "content-encoding": "gzip"}),
        Answer(packed, headers={"content-type": "text/plain", "content-encoding": "gzip"}),
    ]
    with scripted(answers) as api:
        place = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(TODAY))
        place.run()
        assert len(inserted(place)) == 400
        assert len(api.asked) == 3


def test_what_is_no_export_is_no_empty_day(warehouse, quiet):
    page = Answer(b"<html>we will be back</html>", headers={"content-type": "text/html"})
    nothing = Answer(b"", headers={"content-type": "application/json"})
    with scripted([page, nothing, text(line(event(1, NOON)))]) as api:
        place = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(TODAY))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("touchstone.sources.http.client.time.sleep", lambda seconds: None)
            place.run()
        assert inserted(place) == ["e1"]
        assert len(api.asked) == 3


def test_one_line_that_cannot_be_read_is_kept_apart_and_costs_no_other(warehouse, quiet):
    good = [line(event(number, NOON, note="x\ny" if number == 3 else "")) for number in range(1, 6)]
    split = line(event(6, NOON)).replace(b'"properties": ', b'"properties":\n')
    body = good[0] + b'{"event": "signed_in", "prop' + b"\n" + split + good[1] + b"%%%\n" + b"".join(good[2:])
    with scripted([text(body)]) as api:
        place = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(TODAY))
        result = place.run()
        assert inserted(place) == ["e1", "e2", "e3", "e4", "e5", "e6"]
        refused = place.query("select reason_code, payload from ops.quarantine where instance = %s order by payload")
        assert refused == [("json_malformed", "%%%"), ("json_malformed", '{"event": "signed_in", "prop')]
        assert (result.rows_in, result.rows_quarantined) == (8, 2)
        assert len(api.asked) == 1


def test_an_error_in_the_place_of_events_is_no_empty_day(warehouse, quiet):
    with scripted([text(line(event(1, NOON))), text(b'{"error": "internal"}\n')]) as api:
        place = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(TODAY))
        place.run()
        with pytest.raises(SourceError, match="in the midst of a record"):
            place.run()
        assert inserted(place) == ["e1"]


# --- days that are read again


def test_late_events_arrive_and_deleted_ones_leave(warehouse):
    events = [product_event(number, at(20, seconds=number)) for number in range(1, 51)]
    events += [product_event(number, at(20, seconds=number), arrives=at(24, hours=18)) for number in range(51, 61)]
    with served(events) as sandbox:
        place = MixpanelPlace(warehouse, sandbox)
        place.run()
        assert inserted(place) == names(range(1, 51))
        before = set(place.payloads("events"))
        sandbox.control("traps", missing_events=0.3)
        sandbox.move_clock(seconds=86_400)
        sandbox.control("requests")
        place.run()
        after = set(place.payloads("events"))
        gone = before - after
        assert 5 < len(gone) < 30
        assert set(place.payloads("events", history=True)) == gone
        assert len(after - before) > 3
        sandbox.control("traps", missing_events=0)
        place.run()
        assert inserted(place) == names(range(1, 61))


def test_a_day_that_states_less_is_believed_only_when_it_says_so_twice(warehouse, quiet):
    whole = b"".join(line(event(number, NOON)) for number in range(100))
    half = whole[: whole.index(b'"e50"')].rpartition(b"\n")[0] + b"\n"
    less = b"".join(line(event(number, NOON)) for number in range(99))
    with scripted([text(whole), text(half), text(whole), text(less), text(less)]) as api:
        place = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(TODAY))
        place.run()
        place.run()
        assert len(inserted(place)) == 100
        assert place.payloads("events", history=True) == {}
        place.run()
        assert len(inserted(place)) == 99
        assert len(api.asked) == 5


def test_a_load_says_how_fresh_it_is(warehouse):
    with served([product_event(1, at(20)), product_event(2, at(18), arrives=at(21))]) as sandbox:
        place = MixpanelPlace(warehouse, sandbox)
        place.run()
        statement = "select max(newest_message_at) from ops.loads where source = 'mixpanel' and instance = %s"
        assert place.query(statement)[0][0] == at(21)


def test_each_run_asks_for_the_last_days_again_and_for_none_before(warehouse):
    with served([product_event(1, at(20))]) as sandbox:
        place = MixpanelPlace(warehouse, sandbox)
        place.run()
        assert place.cursor("events") == {"through": "2026-03-26"}
        sandbox.control("reset")
        sandbox.move_clock(seconds=2 * 86_400)
        place.run()
        asked = [one["query"]["from_date"] for one in place.asked("mixpanel.export")]
        assert asked == [f"2026-03-{day}" for day in range(26 - mixpanel.TRAILING_DAYS, 29)]
        assert place.cursor("events") == {"through": "2026-03-28"}


def test_t6_t8_a_run_that_ends_at_day_k_goes_on_there_and_lands_rows_once(warehouse):
    events = [product_event(number, at(number % 25, seconds=number)) for number in range(1, 501)]
    with served(events) as sandbox:
        place = MixpanelPlace(warehouse, sandbox, start="2026-03-02")
        place.run_until(10)
        assert len(place.payloads("events")) == 200
        assert place.cursor("events") == {"walk": {"next": "2026-03-12", "began": "2026-03-26"}}
        sandbox.control("reset")
        sandbox.move_clock(seconds=86_400)
        place.run()
        asked = [one["query"]["from_date"] for one in place.asked("mixpanel.export")]
        assert asked == [f"2026-03-{day:02}" for day in range(12, 28)]
        assert inserted(place) == names(range(1, 501))
        assert place.payloads("events", history=True) == {}
        # what the first run read may be stale by now: the day on which it began counts
        assert place.cursor("events") == {"through": "2026-03-26"}


def test_a_day_asked_for_by_a_backfill_replaces_that_day_alone(warehouse):
    events = [product_event(number, at(number, seconds=number)) for number in range(1, 24)]
    with served(events) as sandbox:
        place = MixpanelPlace(warehouse, sandbox, start="2026-03-24")
        place.run()
        place.run(interval=(date(2026, 3, 5), date(2026, 3, 7)))
        assert inserted(place) == names([3, 4, 5, 22, 23])
        assert place.cursor("events") == {"through": "2026-03-26"}


@pytest.mark.parametrize(("zone", "today"), [("Pacific/Auckland", "2026-03-27"), ("America/Los_Angeles", "2026-03-26")])
def test_the_last_day_asked_for_is_today_where_the_project_is(warehouse, zone, today):
    events = [product_event(number, at(20, hours=number)) for number in range(1, 100)]
    with served(events, now=NOON, zone=zone) as sandbox:
        place = MixpanelPlace(warehouse, sandbox, time_zone=zone)
        place.run()
        assert place.asked("mixpanel.export")[-1]["query"]["to_date"] == today
        assert inserted(place) == names(range(1, 100))


# --- what lands of what is stated


def test_t25_copies_are_one_event_as_it_was_processed_last(warehouse, quiet):
    copies = [event(1, NOON, mp_processing_time_ms=number, plan=number) for number in (3, 5, 4)]
    near = [
        event(1, NOON + timedelta(seconds=1)),
        event(2, NOON),
        event(1, NOON, distinct_id="u_2"),
        {**event(1, NOON), "event": "signed_out"},
    ]
    with scripted([text(b"".join(line(one) for one in (*copies, *near)))]) as api:
        place = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(TODAY))
        for _ in range(2):
            place.run()
            found = place.payloads("events").values()
            assert len(found) == 5
            assert [one["properties"]["plan"] for one in found if "plan" in one["properties"]] == [5]
        assert place.payloads("events", history=True) == {}


def test_events_without_an_id_of_their_sender_are_copies_only_when_all_of_them_is_equal(warehouse, quiet):
    same = [event(1, NOON, **{"$insert_id": None, "mp_processing_time_ms": number}) for number in (1, 2)]
    other = event(1, NOON, **{"$insert_id": None, "screen": "billing"})
    with scripted([text(b"".join(line(one) for one in (*same, other)))]) as api:
        place = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(TODAY))
        place.run()
        assert len(place.payloads("events")) == 2


def test_t23_t26_a_restated_event_overwrites_whatever_its_types(warehouse):
    events = [product_event(number, at(23, seconds=number)) for number in range(1, 11)]
    with served(events) as sandbox:
        place = MixpanelPlace(warehouse, sandbox)
        place.run()
        before = place.payloads("events")
        sandbox.control("traps", drift={"field_type_change": True, "new_field": True})
        result = place.run()
        after = place.payloads("events")
        assert set(after) == set(before)
        assert {type(one["properties"]["$app_build_number"]) for one in before.values()} == {int}
        assert {type(one["properties"]["$app_build_number"]) for one in after.values()} == {str}
        assert place.payloads("events", history=True) == before
        told = {(one["field"], one["content"]) for one in result.detail["schema_changes"]}
        assert told == {("properties.$app_build_number", "string"), ("properties.$experiment_arm", "object")}


def test_t24_nul_and_lone_surrogates_are_replaced_and_counted(warehouse):
    events = [product_event(number, at(23, seconds=number)) for number in range(1, 51)]
    with served(events, drift={"nul_and_surrogates": True}) as sandbox:
        place = MixpanelPlace(warehouse, sandbox)
        result = place.run()
        titles = [one["properties"]["$screen_title"] for one in place.payloads("events").values()]
        touched = [title for title in titles if "\ufffd" in title]
        assert len(titles) == 50
        assert result.replaced_characters == 2 * len(touched) > 0


# --- large days


def test_a_large_day_lands_in_parts_and_loses_what_it_no_longer_states(warehouse, monkeypatch):
    monkeypatch.setattr(periods, "PART_RECORDS", 100)
    events = [product_event(number, at(23, seconds=number)) for number in range(1, 1051)]
    with served(events) as sandbox:
        place = MixpanelPlace(warehouse, sandbox)
        place.run()
        assert inserted(place) == names(range(1, 1051))
        assert place.query("select max(rows_in) from ops.loads where instance = %s") == [(100,)]
        sandbox.control("traps", missing_events=0.2)
        place.run()
        left = set(inserted(place))
        gone = {one["properties"]["$insert_id"] for one in place.payloads("events", history=True).values()}
        assert 100 < len(gone) < 320
        assert (len(left) + len(gone), left & gone) == (1050, set())
        assert place.run().detail["rows_updated"] == 0
        assert set(inserted(place)) == left


def test_a_run_that_ends_amid_a_large_day_reads_the_day_again(warehouse, monkeypatch):
    monkeypatch.setattr(periods, "PART_RECORDS", 100)
    events = [product_event(number, at(22, seconds=number)) for number in range(1, 1051)]
    with served(events) as sandbox:
        place = MixpanelPlace(warehouse, sandbox)
        place.run()
        sandbox.control("traps", missing_events=0.2)

        def stop(stream: str, count: int) -> None:
            if 500 <= count <= 700:
                raise Stopped

        with pytest.raises(Stopped):
            place.run(progress=stop)
        assert inserted(place) == names(range(1, 1051))  # parts add; the last one alone removes
        assert place.cursor("events")["walk"]["next"] == "2026-03-24"
        place.run()
        assert 700 < len(inserted(place)) < 950
        assert place.cursor("events") == {"through": "2026-03-26"}


def test_what_only_a_cut_statement_of_a_large_day_held_leaves_again(warehouse, quiet, monkeypatch):
    monkeypatch.setattr(periods, "PART_RECORDS", 100)
    events = [line(event(number, NOON)) for number in range(350)]
    with scripted([text(b"".join([*events, b"terminated early\n"])), text(b"".join(events[:250]))]) as api:
        place = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(TODAY))
        place.run()
        assert len(inserted(place)) == 250
        assert len(place.payloads("events", history=True)) == 50


def test_a_day_of_any_size_takes_the_memory_of_a_part(warehouse, quiet, monkeypatch):
    monkeypatch.setattr(periods, "PART_RECORDS", 1000)
    body = b"".join(line(event(number, NOON, note="x" * 300)) for number in range(60_000))
    with scripted([text(body)]) as api:
        place = MixpanelPlace(warehouse, quiet, base_url=api.url, start=str(TODAY))
        tracemalloc.start()
        place.run()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(inserted(place)) == 60_000
        assert len(body) > 24_000_000
        assert peak < 12_000_000


# --- storms and verdicts


def test_t7_a_storm_of_limits_and_faults_costs_time_and_no_event(warehouse, monkeypatch, caplog):
    chance = random.Random(3)
    events = [
        product_event(number, at(chance.random() * 24), copies=1 + (number % 9 == 0)) for number in range(1, 3001)
    ]
    storm = {"rate_limited": 0.15, "retry_after": None, "server_error": 0.1, "broken_body": 0.1}
    storm |= {"cut_export": 0.2, "split_records": 0.2, "duplicate_events": 0.1}
    with served(events, **storm) as sandbox, caplog.at_level(logging.WARNING):
        place = MixpanelPlace(warehouse, sandbox, start="2026-03-02")
        monkeypatch.setattr("touchstone.sources.http.client.FIRST_PAUSE", 0.001)
        monkeypatch.setattr("touchstone.sources.http.client.time.sleep", lambda seconds: None)
        # a day that was cut five times in a row ends a run, and the next goes on there
        failures = []
        for _ in range(4):
            try:
                result = place.run()
                break
            except SourceError as error:
                failures.append(str(error))
        assert all("failed 5 times" in failure for failure in failures)
        assert inserted(place) == names(range(1, 3001))
        assert result.rows_quarantined == 0
    assert any("429" in one.getMessage() and "again in" in one.getMessage() for one in caplog.records)


def test_a_check_names_what_is_wrong_in_one_line(warehouse, caplog):
    with served([]) as sandbox, caplog.at_level(logging.INFO):
        place = MixpanelPlace(warehouse, sandbox)
        assert place.check() == {"export of events": None}
        user = sandbox.credentials.mixpanel.user
        wrong = place.check({"user": user, "secret": "canary-wrong-secret"})
        assert "does not accept the credentials" in wrong["export of events"]
        other = MixpanelPlace(warehouse, sandbox, project_id=99)
        assert "Mixpanel refuses the project" in other.check()["export of events"]
        assert "not a member of project 99" in other.check()["export of events"]
        sandbox.control("traps", mixpanel_payment_required=True)
        assert "plan holds no raw export" in place.check()["export of events"]
        nowhere = MixpanelPlace(warehouse, sandbox, base_url="http://127.0.0.1:9/api/2.0")
        assert "no connection to 127.0.0.1" in nowhere.check()["export of events"]
        sandbox.control("traps", mixpanel_payment_required=False)
        place.run()
    assert sandbox.credentials.mixpanel.secret not in caplog.text
    assert "canary-wrong-secret" not in caplog.text


def test_requests_keep_to_the_hour_and_to_the_second(warehouse):
    """Sixty an hour and three a second: each request takes a slot of both."""
    with served([]) as sandbox:
        place = MixpanelPlace(warehouse, sandbox, start="2026-03-22", requests_per_minute={"export": 600_000})
        started = datetime.now(UTC)
        requests = place.run().detail["requests"]["export"]
        # three at once, the next three when the second is over
        assert 4 <= requests <= 6
        assert (datetime.now(UTC) - started).total_seconds() > 1.0
        held = place.query("select distinct budget from ops.api_slots where instance = %s order by budget")
        assert held == [("export",), ("export_second",)]
