"""Amplitude's export: no event is lost to when it happened, to an hour that was not ready, or to an archive that is cut or too large."""

from __future__ import annotations

import gzip
import io
import json
import logging
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from places import AmplitudePlace, fault
from scripted import Answer, Asked, scripted

from sandbox.small_firm import at, firm, product_event
from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sources.amplitude import connector as amplitude
from touchstone.sources.http import periods

NOW = at(24, hours=12)  # noon of 26 March
READY = datetime(2026, 3, 26, 9, tzinfo=UTC)  # the last hour that can be exported then
TODAY = "2026-03-26"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(periods, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr("touchstone.sources.http.client.FIRST_PAUSE", 0.001)


@pytest.fixture(scope="module")
def quiet():
    """A server whose clock and credentials tests of scripted archives use."""
    with serve_here(firm(), SandboxOptions(clock=NOW, vendors=("amplitude",))) as sandbox:
        yield sandbox


def served(events, now=NOW, **traps: Any):
    return serve_here(firm(product_events=list(events)), SandboxOptions(clock=now, vendors=("amplitude",), traps=traps))


def event(number: int, uploaded: datetime, **fields: Any) -> dict[str, Any]:
    written = uploaded.strftime("%Y-%m-%d %H:%M:%S.%f")
    times = dict.fromkeys(("event_time", "server_upload_time", "processed_time"), written)
    return {
        "event_type": "signed_in",
        "$insert_id": f"e{number}",
        "uuid": f"uuid-{number}",
        "device_id": "d1",
        "user_id": "u_1",
        "event_properties": {},
        **times,
        **fields,
    }


def line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def archive(hours: dict[datetime, bytes]) -> bytes:
    """An archive of one file an hour."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as packed:
        for hour, lines in hours.items():
            packed.writestr(f"1/1_{hour:%Y-%m-%d}_{hour.hour}#0.json.gz", gzip.compress(lines))
    return body.getvalue()


def zipped(body: bytes, **more: Any) -> Answer:
    return Answer(body, headers={"content-type": "application/zip"}, **more)


class Export:
    """The lines of hours, as the API gives them out; 404 where a range holds none."""

    def __init__(self, hours: dict[datetime, list[bytes]]) -> None:
        self.hours = hours
        self.asked: list[tuple[datetime, datetime]] = []

    def __call__(self, asked: Asked) -> Answer:
        first, last = (
            datetime.strptime(asked.query[name], "%Y%m%dT%H").replace(tzinfo=UTC) for name in ("start", "end")
        )
        self.asked.append((first, last))
        found = {hour: b"".join(lines) for hour, lines in self.hours.items() if first <= hour <= last}
        return zipped(archive(found)) if found else Answer(b"<h1>404</h1>", status=404)


def inserted(place: AmplitudePlace, **options: Any) -> list[str]:
    found = (one for one in place.payloads("events", **options).values() if one["event_type"] != "$identify")
    return sorted(one["$insert_id"] for one in found)


def names(numbers) -> list[str]:
    return sorted(f"pev-{number:07d}" for number in numbers)


def asked(place: AmplitudePlace) -> list[tuple[str, str]]:
    return [(one["query"]["start"], one["query"]["end"]) for one in place.asked("amplitude.export")]


# --- T19: the cursor is the hour of upload, and 404 is no error


def test_t19_a_late_event_arrives_and_an_hour_without_events_is_none(warehouse, quiet, monkeypatch):
    monkeypatch.setattr(amplitude, "WINDOW_HOURS", 1)
    hours = [READY - timedelta(hours=number) for number in (3, 2, 1, 0)]
    export = Export({hours[0]: [line(event(1, hours[0]))], hours[2]: [line(event(2, hours[2]))]})
    with scripted(export) as api:
        place = AmplitudePlace(warehouse, quiet, base_url=api.url, start=TODAY)
        place.run()  # of ten hours eight answer 404
        assert inserted(place) == ["e1", "e2"]
        assert len(export.asked) == 10
        # it happened five days before anything that was read, and was uploaded after all of it
        later = READY + timedelta(hours=5)
        export.hours[later] = [line(event(3, later, event_time="2026-03-21 08:00:00.000000"))]
        place.run(as_of=NOW + timedelta(hours=5))
        assert inserted(place) == ["e1", "e2", "e3"]
        assert place.interactions("events")[place_id(place, "e3")] == "2026-03-26T14"


def place_id(place: AmplitudePlace, insert_id: str) -> str:
    return next(row_id for row_id, one in place.payloads("events").items() if one["$insert_id"] == insert_id)


def test_t19_a_clock_that_is_ahead_moves_no_cursor(warehouse, quiet):
    """Only what was uploaded tells how far the export is."""
    hours = [READY - timedelta(hours=ago) for ago in (30, 26)]
    export = Export({hours[0]: [line(event(1, hours[0], event_time="2026-04-20 08:00:00.000000"))]})
    with scripted(export) as api:
        place = AmplitudePlace(warehouse, quiet, base_url=api.url, start="2026-03-24")
        place.run()
        export.hours[hours[1]] = [line(event(2, hours[1]))]  # it was not ready
        place.run()
        assert inserted(place) == ["e1", "e2"]


def test_t19_late_events_of_the_company_arrive_with_their_upload(warehouse):
    events = [product_event(number, at(20, seconds=number)) for number in range(1, 51)]
    events += [product_event(number, at(15, seconds=number), arrives=at(24, hours=18)) for number in range(51, 61)]
    with served(events) as sandbox:
        place = AmplitudePlace(warehouse, sandbox)
        place.run()
        assert inserted(place) == names(range(1, 51))
        sandbox.move_clock(seconds=86_400)
        place.run()
        assert inserted(place) == names(range(1, 61))


def test_t19_a_range_without_any_event_is_read_and_left_behind(warehouse):
    with served([]) as sandbox:
        place = AmplitudePlace(warehouse, sandbox)
        result = place.run()
        assert (result.rows_in, result.detail["failed_streams"]) == (0, {})
        assert place.cursor("events") == {"through": "2026-03-26T09", "newest": None}


# --- hours that are ready, and hours that were not


def test_no_hour_is_asked_for_before_it_can_be_exported(warehouse):
    with served([product_event(1, at(24, hours=8)), product_event(2, at(24, hours=10))]) as sandbox:
        place = AmplitudePlace(warehouse, sandbox, start=TODAY)
        place.run()
        assert asked(place) == [("20260326T00", "20260326T09")]
        assert inserted(place) == names([1])


def test_an_hour_that_came_later_than_promised_is_asked_for_again(warehouse):
    """The next run begins at what was stated, not at what was asked for."""
    events = [product_event(number, at(20, hours=number)) for number in range(1, 150)]
    # for four days the export lags behind by three days
    with served(events, amplitude_ready_hours=72) as sandbox:
        place = AmplitudePlace(warehouse, sandbox)
        for _ in range(4):
            place.run()
            sandbox.move_clock(seconds=86_400)
        sandbox.control("traps", amplitude_ready_hours=2)
        place.run()
        clock = at(28, hours=12)
        assert inserted(place) == names(n for n in range(1, 150) if at(20, hours=n + 1) + timedelta(hours=2) <= clock)


def test_a_run_reads_the_last_day_again_and_a_quiet_project_no_more_than_a_week(warehouse):
    with served([product_event(1, at(24, hours=8))]) as sandbox:
        place = AmplitudePlace(warehouse, sandbox)
        place.run()
        assert place.cursor("events") == {"through": "2026-03-26T09", "newest": "2026-03-26T08"}
        sandbox.control("reset")
        place.run()
        assert asked(place) == [("20260325T08", "20260326T07"), ("20260326T08", "20260326T09")]
        sandbox.move_clock(seconds=30 * 86_400)
        place.run()
        sandbox.control("reset")
        place.run()
        assert asked(place)[0][0] == "20260417T09"


def test_t6_t8_a_run_that_ends_at_a_window_goes_on_there_and_lands_rows_once(warehouse):
    events = [product_event(number, at(number % 24, seconds=number)) for number in range(1, 481)]
    with served(events) as sandbox:
        place = AmplitudePlace(warehouse, sandbox, start="2026-03-02")
        place.run_until(10)
        assert place.cursor("events")["walk"] == {"next": "2026-03-12T00", "began": "2026-03-26T09"}
        sandbox.control("reset")
        sandbox.move_clock(seconds=86_400)
        place.run()
        assert asked(place)[0] == ("20260312T00", "20260312T23")
        assert inserted(place) == names(range(1, 481))
        assert place.payloads("events", history=True) == {}
        assert place.cursor("events")["through"] == "2026-03-26T09"


def test_days_of_a_backfill_replace_those_days_alone(warehouse):
    events = [product_event(number, at(number, seconds=number)) for number in range(1, 24)]
    with served(events) as sandbox:
        place = AmplitudePlace(warehouse, sandbox, start="2026-03-24")
        place.run()
        before = place.cursor("events")
        place.run(interval=(datetime(2026, 3, 5, tzinfo=UTC).date(), datetime(2026, 3, 7, tzinfo=UTC).date()))
        assert inserted(place) == names([3, 4, 5, 22, 23])
        assert place.cursor("events") == before


# --- archives that are too much


def test_an_archive_that_is_too_large_is_asked_for_in_halves(warehouse):
    events = [product_event(number, at(22, minutes=number)) for number in range(1, 600)]
    with served(events, amplitude_most_events=130) as sandbox:
        place = AmplitudePlace(warehouse, sandbox, start="2026-03-24")
        result = place.run()
        assert inserted(place) == names(range(1, 600))
        assert "asked for at a time" in result.detail["warnings"][0]
        assert any(first == end for first, end in asked(place))


def test_an_archive_that_is_too_slow_is_asked_for_in_halves(warehouse):
    events = [product_event(number, at(22, minutes=number)) for number in range(1, 600)]
    with served(events, amplitude_most_hours=6) as sandbox:
        place = AmplitudePlace(warehouse, sandbox, start="2026-03-24")
        place.run()
        assert inserted(place) == names(range(1, 600))


def test_an_hour_that_is_too_large_fails_with_what_to_do(warehouse):
    events = [product_event(number, at(22, seconds=number)) for number in range(1, 60)]
    with served(events, amplitude_most_events=10) as sandbox:
        place = AmplitudePlace(warehouse, sandbox, start="2026-03-23")
        with pytest.raises(SourceError, match=r"more than Amplitude exports.*S3"):
            place.run()
        # what came before it has landed, and the next run goes on at the hour
        assert place.cursor("events")["walk"]["next"] == "2026-03-24T00"


# --- archives that are broken


@pytest.mark.parametrize("cut", ["terminated", "disconnect"])
def test_a_cut_archive_is_fetched_again_and_nothing_of_it_lands(warehouse, cut):
    events = [product_event(number, at(20, seconds=number)) for number in range(1, 301)]
    with served(events) as sandbox:
        place = AmplitudePlace(warehouse, sandbox)
        sandbox.control("traps", cut_export=1.0, cut_export_kinds=[cut])
        with pytest.raises(SourceError, match="failed"):
            place.run()
        assert inserted(place) == []
        sandbox.control("traps", cut_export=0.0, faults=[fault("cut_export", "amplitude.export", skip=1, times=2)])
        place.run()
        assert inserted(place) == names(range(1, 301))


def test_an_archive_with_one_wrong_byte_is_fetched_again_before_anything_of_it_lands(warehouse, quiet, monkeypatch):
    monkeypatch.setattr(periods, "PART_RECORDS", 10)
    whole = archive({READY: b"".join(line(event(number, READY)) for number in range(400))})
    place_of_it = len(whole) // 2
    wrong = whole[:place_of_it] + bytes([whole[place_of_it] ^ 1]) + whole[place_of_it + 1 :]
    answers = [zipped(wrong)] * 3 + [zipped(whole)]

    def answer(asked: Asked) -> Answer:
        assert inserted(place) == []
        return answers.pop(0)

    with scripted(answer) as api:
        place = AmplitudePlace(warehouse, quiet, base_url=api.url, start=f"{READY:%Y-%m-%d}")
        monkeypatch.setattr(amplitude, "HASTY_ATTEMPTS", 5)
        place.run()
        assert len(inserted(place)) == 400


def test_a_packed_file_that_is_cut_within_a_whole_archive_is_no_hour(warehouse, quiet):
    body = b"".join(line(event(number, READY)) for number in range(400))
    whole, cut = archive({READY: body}), io.BytesIO()
    with zipfile.ZipFile(cut, "w") as packed:
        packed.writestr(f"1/1_{READY:%Y-%m-%d}_{READY.hour}#0.json.gz", gzip.compress(body)[:-30])
    with scripted([zipped(cut.getvalue()), zipped(whole)]) as api:
        place = AmplitudePlace(warehouse, quiet, base_url=api.url, start=TODAY)
        place.run()
        assert len(inserted(place)) == 400
        assert len(api.asked) == 2


def test_what_is_no_archive_is_no_empty_hour(warehouse, quiet):
    page = Answer(b"<html>we will be back</html>", headers={"content-type": "text/html"})
    with scripted([page, zipped(b""), zipped(archive({READY: line(event(1, READY))}))]) as api:
        place = AmplitudePlace(warehouse, quiet, base_url=api.url, start=TODAY)
        place.run()
        assert inserted(place) == ["e1"]
        assert len(api.asked) == 3


def test_a_404_in_the_place_of_held_events_is_believed_only_when_it_is_said_twice(warehouse, quiet):
    body, absent = zipped(archive({READY: line(event(1, READY))})), Answer(b"", status=404)
    with scripted([body, absent, body, absent, absent]) as api:
        place = AmplitudePlace(warehouse, quiet, base_url=api.url, start=TODAY)
        place.run()
        place.run()
        assert inserted(place) == ["e1"]
        assert len(api.asked) == 3
        place.run()
        assert inserted(place) == []
        assert inserted(place, history=True) == ["e1"]


def test_hours_that_all_state_less_are_believed_after_one_more_reading(warehouse):
    events = [product_event(number, at(23, minutes=10 * number)) for number in range(1, 100)]
    with served(events) as sandbox:
        place = AmplitudePlace(warehouse, sandbox, start="2026-03-25")
        place.run()
        sandbox.control("reset")
        sandbox.control("traps", missing_events=0.5)
        place.run()
        assert len(place.asked("amplitude.export")) == 3
        assert 20 < len(inserted(place)) < 80
        assert len(inserted(place)) + len(inserted(place, history=True)) == 99


def test_a_file_of_an_hour_that_nobody_asked_for_is_told(warehouse, quiet):
    other = READY + timedelta(hours=40)
    with scripted([zipped(archive({other: line(event(1, other))}))]) as api:
        place = AmplitudePlace(warehouse, quiet, base_url=api.url, start=TODAY)
        with pytest.raises(SourceError, match=r"1_2026-03-28_1#0"):
            place.run()


def test_one_line_that_cannot_be_read_is_kept_apart_and_costs_no_other(warehouse, quiet):
    body = line(event(1, READY)) + b'{"event_type": "signed\n' + b'{"message": "no event"}\n\n' + line(event(2, READY))
    with scripted([zipped(archive({READY: body}))]) as api:
        place = AmplitudePlace(warehouse, quiet, base_url=api.url, start=TODAY)
        result = place.run()
        assert inserted(place) == ["e1", "e2"]
        assert (result.rows_in, result.rows_quarantined) == (4, 2)


# --- what lands of what is stated


def test_t25_copies_are_one_event_as_it_was_processed_last(warehouse, quiet):
    before = READY - timedelta(hours=1)
    copies = [event(1, before, plan="old"), event(1, READY, plan="new", uuid="another")]
    near = [event(1, READY, device_id="d2"), event(2, READY), event(3, READY, **{"$insert_id": None})]
    export = Export({before: [line(copies[0])], READY: [line(copies[1]), *map(line, near)]})
    with scripted(export) as api:
        place = AmplitudePlace(warehouse, quiet, base_url=api.url, start=TODAY)
        for _ in range(2):
            place.run()
            found = place.payloads("events")
            assert len(found) == 4
            assert [one["plan"] for one in found.values() if "plan" in one] == ["new"]
            assert found["uuid-3"]["$insert_id"] is None
        assert place.payloads("events", history=True) == {}


def test_t24_nul_and_lone_surrogates_are_replaced_and_counted(warehouse):
    events = [product_event(number, at(23, seconds=number)) for number in range(1, 51)]
    with served(events, drift={"nul_and_surrogates": True}) as sandbox:
        place = AmplitudePlace(warehouse, sandbox)
        result = place.run()
        titles = [one["event_properties"].get("screen_title", "") for one in place.payloads("events").values()]
        assert result.replaced_characters == 2 * sum("\ufffd" in title for title in titles) > 0


def test_t26_new_fields_and_types_land_and_are_told(warehouse):
    events = [product_event(number, at(24, seconds=number)) for number in range(1, 11)]
    with served(events) as sandbox:
        place = AmplitudePlace(warehouse, sandbox)
        place.run()
        sandbox.control("traps", drift={"field_type_change": True, "new_field": True})
        result = place.run()
        told = {(one["field"], one["content"]) for one in result.detail["schema_changes"]}
        assert told == {("session_id", "string"), ("event_properties.experiment_arm", "object")}


def test_a_load_says_how_fresh_it_is(warehouse):
    with served([product_event(1, at(18), arrives=at(21))]) as sandbox:
        place = AmplitudePlace(warehouse, sandbox)
        place.run()
        statement = "select max(newest_message_at) from ops.loads where source = 'amplitude' and instance = %s"
        assert place.query(statement)[0][0] == at(21)


def test_an_archive_of_any_size_takes_the_memory_of_a_part(warehouse, quiet, monkeypatch):
    monkeypatch.setattr(periods, "PART_RECORDS", 1000)
    hours = {
        READY - timedelta(hours=ago): b"".join(
            line(event(ago * 100_000 + number, READY, note="x" * 300)) for number in range(30_000)
        )
        for ago in (1, 0)
    }
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_STORED) as packed:
        for hour, lines in hours.items():
            packed.writestr(f"1/1_{hour:%Y-%m-%d}_{hour.hour}#0.json.gz", gzip.compress(lines, 0))
    answer = zipped(body.getvalue())
    with scripted([answer]) as api:
        place = AmplitudePlace(warehouse, quiet, base_url=api.url, start=TODAY)
        tracemalloc.start()
        place.run()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(inserted(place)) == 60_000
        assert len(answer.body) > 24_000_000
        assert peak < 12_000_000


# --- verdicts


def test_t7_a_limit_is_waited_out_and_told(warehouse, caplog):
    with served([product_event(1, at(23))]) as sandbox, caplog.at_level(logging.WARNING):
        place = AmplitudePlace(warehouse, sandbox)
        sandbox.control("traps", faults=[fault("rate_limited", "amplitude.export", skip=1, times=4)])
        place.run()
        assert inserted(place) == names([1])
    assert any("429" in one.getMessage() and "again in" in one.getMessage() for one in caplog.records)


def test_a_check_names_what_is_wrong_in_one_line(warehouse, caplog):
    with served([]) as sandbox, caplog.at_level(logging.INFO):
        place = AmplitudePlace(warehouse, sandbox)
        assert place.check() == {"export of events": None}
        wrong = place.check({"api_key": sandbox.credentials.amplitude.api_key, "secret_key": "canary-wrong"})
        assert "does not accept the keys" in wrong["export of events"]
        nowhere = AmplitudePlace(warehouse, sandbox, base_url="http://127.0.0.1:9")
        assert "no connection to 127.0.0.1" in nowhere.check()["export of events"]
        place.run()
    assert sandbox.credentials.amplitude.secret_key not in caplog.text
    assert "canary-wrong" not in caplog.text
