"""Times in every accepted form become one form that sorts as time does; ties are numbered within bounded memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchstone.sources.reasons import Refused
from touchstone.sources.rules import field_rule, microseconds, normalised
from touchstone.sources.schema import Field
from touchstone.sources.validate import Checker, Ties

LATEST = "2026-04-01T00:00:00.000000Z"
IMPOSSIBLE = "2027-01-01T00:00:00.000000Z"
TIME = field_rule(Field("sent_at", "time", ""), LATEST, IMPOSSIBLE)

MOMENTS = st.datetimes(datetime(1995, 1, 2), datetime(2026, 3, 30))  # noqa: DTZ001 - the zone is drawn apart
ZONES = st.integers(-14 * 60, 14 * 60)


def zone_forms(minutes: int) -> list[str]:
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    forms = [f"{sign}{size // 60:02}:{size % 60:02}", f"{sign}{size // 60:02}{size % 60:02}"]
    if size % 60 == 0:
        forms.append(f"{sign}{size // 60:02}")
    return [*forms, "Z", "z"] if minutes == 0 else forms


@given(moment=MOMENTS, minutes=ZONES, separator=st.sampled_from("Tt "), mark=st.sampled_from(".,"), data=st.data())
def test_a_time_is_the_same_moment_in_every_form(moment, minutes, separator, mark, data):
    zone = data.draw(st.sampled_from(zone_forms(minutes)))
    digits = data.draw(st.integers(0, 6))
    moment = moment.replace(microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
    fraction = f"{mark}{moment.microsecond:06}"[: digits + 1] if digits else ""
    written = f"{moment:%Y-%m-%d}{separator}{moment:%H:%M:%S}{fraction}{zone}"
    expected = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert TIME(written) == normalised(expected)
    assert datetime.fromisoformat(TIME(written)) == expected


@given(first=MOMENTS, second=MOMENTS)
def test_normalised_times_sort_as_time_does(first, second):
    early, late = sorted([first, second])
    assert normalised(early.replace(tzinfo=UTC)) <= normalised(late.replace(tzinfo=UTC))


@given(moment=MOMENTS)
def test_microseconds_lose_nothing(moment):
    known = moment.replace(tzinfo=UTC)
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(normalised(known))) == known


@given(st.text(max_size=30))
def test_any_other_text_is_refused_or_a_time(text):
    try:
        stored = TIME(text)
    except Refused:
        return
    assert stored is None if text == "" else datetime.fromisoformat(stored).tzinfo is not None


@pytest.mark.parametrize(
    ("written", "code", "held_until"),
    [
        ("1994-12-31T23:59:59Z", "time_too_early", None),
        ("0001-01-01T00:00:00+05:00", "time_too_early", None),
        ("2026-04-01T00:00:00.000001Z", "time_after_as_of", "2026-04-01T00:00:00.000001Z"),
        ("2027-01-01T00:00:01Z", "time_in_future", "2027-01-01T00:00:01.000000Z"),
        ("9999-12-31T23:59:59-05:00", "time_in_future", "9999-12-31T23:59:59.999999Z"),
        ("2026-02-30T00:00:00Z", "time_unparsable", None),
        ("2026-02-30T00:00:00+01:00", "time_unparsable", None),
        ("2026-03-01", "time_without_zone", None),
        ("2026-03-01T09:00:00Z\n", "time_unparsable", None),
    ],
)
def test_a_time_that_cannot_land_says_why(written, code, held_until):
    with pytest.raises(Refused) as caught:
        TIME(written)
    assert (caught.value.code, caught.value.held_until) == (code, held_until)


def test_the_limits_themselves_are_within():
    assert TIME("1995-01-01T00:00:00Z") == "1995-01-01T00:00:00.000000Z"
    assert TIME("2026-04-01T00:00:00Z") == LATEST


def test_without_as_of_a_message_may_be_a_day_ahead():
    checker = Checker(None, datetime(2026, 3, 1, tzinfo=UTC))
    row = {"interaction_id": "c", "actor": "customer", "text": ""}
    assert checker.row({**row, "sent_at": "2026-03-02T00:00:00Z"}, 1, Ties()).message["position"] == 0
    with pytest.raises(Refused, match="time_in_future"):
        checker.row({**row, "sent_at": "2026-03-02T00:00:01Z"}, 1, Ties())


def test_a_start_may_seem_to_follow_its_first_message_by_a_minute():
    checker = Checker(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    message = {"sent_at": "2026-03-01T09:00:00Z", "actor": "human_agent", "text": "We noticed a problem"}
    near = checker.document({"interaction_id": "c", "started_at": "2026-03-01T09:01:00Z", "messages": [message]})
    far = checker.document({"interaction_id": "c", "started_at": "2026-03-01T09:01:01Z", "messages": [message]})
    assert near.refused == []
    assert [refused.refusal.code for refused in far.refused] == ["reply_before_start"]


def test_an_agent_may_speak_first():
    checker = Checker(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    message = {"sent_at": "2026-03-01T09:00:00Z", "actor": "human_agent", "text": "We noticed a problem"}
    for started_at in (None, "2026-03-01T09:00:00Z"):
        assert not checker.document({"interaction_id": "c", "started_at": started_at, "messages": [message]}).refused


def test_an_end_before_the_first_message_is_an_end_before_the_start():
    checker = Checker(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    message = {"sent_at": "2026-03-01T09:00:00Z", "actor": "customer", "text": "Hi"}
    with pytest.raises(Refused, match="closed_before_start"):
        checker.document({"interaction_id": "c", "closed_at": "2026-02-28T00:00:00Z", "messages": [message]})


@given(st.lists(st.sampled_from("abc"), max_size=60), st.integers(20, 50))
def test_equals_within_the_window_are_numbered_in_their_order(keys, window):
    ties = Ties(window=window)
    counted: dict[str, int] = {}
    for key in keys:
        assert ties.number(key) == counted.get(key, 0)
        counted[key] = counted.get(key, 0) + 1


def test_memory_of_equals_is_bounded():
    ties = Ties(window=100)
    for number in range(10_000):
        ties.number(str(number))
    assert len(ties._young) + len(ties._old) <= 200
    assert ties.number("9990") == 1
