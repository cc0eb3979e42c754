"""The order of records by their last change, against a plain reckoning of the same."""

from __future__ import annotations

import random
from datetime import timedelta

import numpy as np
import pytest
from small_firm import START

from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.exports import slice_by_time
from touchstone.sandbox.api.timeline import Timeline


def records(dice, count):
    """Ids in no order, with changes that share seconds and differ in their fractions."""
    found = []
    for number in dice.sample(range(1000), count):
        moments = {
            START + timedelta(seconds=dice.randint(0, 30), milliseconds=dice.choice((0, 250, 800))) for _ in range(4)
        }
        found.append((number, sorted(moments)))
    return found


def reckoned(changes, now, until, since):
    """(second of the last change, position), in the order (second, id)."""
    rows = []
    for position, (number, moments) in enumerate(changes):
        past = [moment for moment in moments if moment <= now]
        if past:
            second = micros(past[-1]) // 1_000_000
            if since <= second <= until:
                rows.append((second, number, position))
    return [(second, position) for second, _, position in sorted(rows)]


@pytest.mark.parametrize("seed", range(25))
def test_pages_hold_each_record_where_it_stands(seed):
    dice = random.Random(seed)
    changes = records(dice, 40)
    timeline = Timeline(changes)
    now = START + timedelta(seconds=dice.randint(5, 30), milliseconds=dice.choice((0, 300, 900)))
    first = micros(START) // 1_000_000
    until, since = first + dice.randint(0, 35), first + dice.randint(0, 20)
    expected = reckoned(changes, now, until, since)
    assert timeline.page(micros(now), until, 1000, since=since) == expected
    # page by page from the last row seen, the same rows come
    seen, after = [], (since - 1, 2**62)
    while page := timeline.page(micros(now), until, 3, after=after):
        seen += page
        after = (page[-1][0], changes[page[-1][1]][0])
    assert seen == expected
    keep = np.array([number % 2 == 0 for number, _ in changes])
    kept = timeline.page(micros(now), until, 1000, since=since, keep=keep)
    assert kept == [entry for entry in expected if changes[entry[1]][0] % 2 == 0]


@pytest.mark.parametrize("seed", range(10))
def test_last_changes_are_those_of_the_past(seed):
    dice = random.Random(seed)
    changes = records(dice, 30)
    timeline = Timeline(changes)
    now = START + timedelta(seconds=dice.randint(0, 31))
    expected = [max([micros(moment) for moment in moments if moment <= now], default=0) for _, moments in changes]
    assert timeline.last_changes(micros(now)).tolist() == expected
    assert [timeline.last_change(position, micros(now)) for position in range(30)] == expected
    assert timeline.created.tolist() == [micros(moments[0]) for _, moments in changes]


def test_no_records_make_no_pages():
    timeline = Timeline([])
    assert timeline.page(micros(START), 2**33, 10) == []
    assert timeline.last_changes(micros(START)).tolist() == []


@pytest.mark.parametrize("seed", range(20))
def test_slices_by_time_end_with_a_second_and_reach_every_row(seed):
    dice = random.Random(seed)
    times = sorted(dice.choices(range(100, 100 + dice.randint(1, 12)), k=dice.randint(0, 60)))
    start, seen, asked = 0, set(), set()
    while True:
        assert start not in asked
        asked.add(start)
        page = slice_by_time(times, start, 5)
        seen |= set(range(page.first, page.last))
        if page.is_end:
            break
        assert times[page.last] != times[page.last - 1]
        start = times[page.last - 1]
    assert seen == set(range(len(times)))
