"""When a gap opens, what closes it, and what opens it again: worked by hand on counts of a few days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from touchstone.gaps import life as life_module
from touchstone.gaps.counts import Counts, Part
from touchstone.gaps.life import Event, Rules, live
from touchstone.gaps.rates import by_chance, difference, excess, lows, wilson
from touchstone.settings import get_settings

FIRST = date(2026, 1, 1)
DAYS = 120


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules.of(get_settings().parameters)


DESK = Part("zendesk", "main", None)
OLD, NEW, NEXT = (DESK._replace(agent_version=version) for version in ("1", "2", "3"))
OTHER_DESK = Part("hubspot", "main", None)

Days = dict[range, float]


def _series(of: Days) -> np.ndarray:
    found = np.zeros(DAYS)
    for days, count in of.items():
        found[list(days)] = count
    return found


def _of_parts(parts: dict[Part, tuple[Days, ...]]) -> Counts:
    """Daily counts of each part: asked, failed, lacking, sure in vain; a failed question shows two signs on its day."""
    rows = [[*map(_series, of), *[np.zeros(DAYS)] * (4 - len(of))] for of in parts.values()]
    asked, failed, lacking, misled = (np.array(column) for column in zip(*rows, strict=True))
    return Counts(asked, failed, failed, lacking, np.zeros_like(asked), misled, 2 * failed, list(parts))


def _counts(asked: Days, failed: Days, lacking: Days | None = None) -> Counts:
    return _of_parts({DESK: (asked, failed, lacking or {})})


ALL = range(DAYS)
OTHERS = _counts({ALL: 40}, {ALL: 12}, {ALL: 2})


def _moment(day: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)


def _statuses(counts: Counts, rules: Rules, *events: Event, days: int = DAYS) -> list[tuple[str, str, float]]:
    life = live(counts, OTHERS, events, FIRST, days, rules)
    return [(one.status, one.reason, (one.since - _moment(0)) / timedelta(days=1)) for one in life.statuses]


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe (1998), table II, row (a), method 10: 56/70 against 48/80
    assert difference(56, 70, 48, 80, 1.959963984540054) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert wilson(0, 0, 1.96) == (0.0, 1.0)


def test_nothing_opens_where_a_topic_always_fails_and_articles_are_found(rules) -> None:
    assert _statuses(_counts({ALL: 5}, {ALL: 4}, {ALL: 1}), rules) == []


def test_a_topic_that_nothing_is_found_for_opens_with_its_tenth_sign(rules) -> None:
    # two questions a day, all failed, two signs each: ten signs at the end of the third day
    begins = range(50, DAYS)
    assert _statuses(_counts({begins: 2}, {begins: 2}, {begins: 2}), rules) == [("open", "lacking_knowledge", 53)]


def test_what_worked_before_and_fails_now_opens(rules) -> None:
    before, since = range(60), range(60, DAYS)
    counts = _counts({ALL: 4}, {before: 1, since: 3})
    (status,) = _statuses(counts, rules)
    assert status[:2] == ("open", "worse_than_before")
    assert 62 <= status[2] <= 68


def test_a_handful_of_failures_in_a_week_is_chance(rules) -> None:
    # seven of eight questions of one week, with two signs each, where a fifth failed before
    bad = range(60, 64)
    few = _counts({ALL: 1, bad: 2}, {ALL: 0.2, bad: 1.75})
    assert _statuses(few, rules) == []
    more = _counts({ALL: 1, bad: 4}, {ALL: 0.2, bad: 3.5})
    assert [one[:2] for one in _statuses(more, rules)] == [("open", "worse_than_before")]


SURE_BEFORE, SURE_SINCE = range(60), range(60, DAYS)


def test_what_fails_although_the_agent_is_sure_opens_after_a_handful(rules) -> None:
    # a third of four questions a day fails before and after; from the 60th day on the AI agent is sure of them
    counts = _of_parts({DESK: ({ALL: 4}, {ALL: 1.25}, {}, {SURE_SINCE: 1})})
    (status,) = _statuses(counts, rules)
    # in the seven days 28 questions, beside at least 216 before: three of them come by chance in 1.4 of 1,000 cases, four in 0.1
    assert status == ("open", "sure_but_unhelpful", 64)


def test_another_mix_of_desks_is_no_worsening(rules) -> None:
    """The AI agent of one desk always fails; a fortnight in which that desk brings most questions fails as a whole."""
    rush = range(70, 84)
    desks = {DESK: ({ALL: 3, rush: 1}, {ALL: 1, rush: 1 / 3}), OTHER_DESK: ({ALL: 0.5, rush: 3}, {ALL: 0.5, rush: 3})}
    assert _statuses(_of_parts(desks), rules) == []
    together = [sum(_series(of[number]) for of in desks.values()) for number in (0, 1)]
    mixed = Counts(
        *(one[None] for one in (together[0], together[1], together[1])),
        *np.zeros((3, 1, DAYS)),
        2 * together[1][None],
        [DESK],
    )
    assert [one[:2] for one in _statuses(mixed, rules)] == [("open", "worse_than_before")]


V1, V2, V3 = range(50), range(50, 90), range(90, DAYS)


def _versions(failed: Days) -> Counts:
    """Four questions a day; the second version begins on day 50, the third on day 90."""

    def within(of: Days, days: range) -> Days:
        return {range(max(one[0], days[0]), min(one[-1], days[-1]) + 1): count for one, count in of.items()}

    return _of_parts({part: ({days: 4}, within(failed, days)) for part, days in ((OLD, V1), (NEW, V2), (NEXT, V3))})


def test_what_began_with_a_version_is_its_doing(rules) -> None:
    assert _statuses(_versions({V1: 1, V2: 3, V3: 1}), rules) == []


def test_a_desk_that_always_fails_does_not_hide_a_version(rules) -> None:
    """Most of what fails fails at the other desk, as it did before; what is more came with the version."""
    parts = {
        OTHER_DESK: ({ALL: 4}, {ALL: 4}),
        OLD: ({V1: 4}, {V1: 1}),
        NEW: ({range(50, DAYS): 4}, {range(50, DAYS): 3}),
    }
    assert _statuses(_of_parts(parts), rules) == []


def test_what_a_version_did_better_at_first_is_a_gap(rules) -> None:
    (status,) = _statuses(_versions({range(62): 1, range(62, DAYS): 3}), rules)
    assert status[:2] == ("open", "worse_than_before")
    assert 64 <= status[2] <= 72


def test_what_the_next_version_fails_too_is_a_gap(rules) -> None:
    (status,) = _statuses(_versions({V1: 1, range(50, DAYS): 3}), rules)
    assert status[:2] == ("open", "worse_than_before")
    assert 90 < status[2] <= 100


def test_versions_that_follow_each_other_do_not_swallow_a_gap_in_turn(rules) -> None:
    """The second version runs for ten days only: the third one would lead its first windows, and is not suspected too."""
    parts = {
        OLD: ({V1: 3}, {V1: 0.6}),
        NEW: ({range(50, 60): 3}, {range(50, 60): 2}),
        NEXT: ({range(60, DAYS): 3}, {range(60, DAYS): 2}),
    }
    (status,) = _statuses(_of_parts(parts), rules)
    assert status[:2] == ("open", "worse_than_before")
    assert 60 < status[2] <= 66


def test_a_week_without_a_fitting_article_is_chance_where_one_is_mostly_found(rules) -> None:
    """Five of six questions of a week; of the topic's questions a quarter is usual, and nine of 35 were so before."""
    bad = range(60, 65)
    usual, week = {ALL: 0.6, bad: 1}, {ALL: 0.15, bad: 1}
    assert _statuses(_counts(usual, week, week), rules) == []
    # of a topic that nobody has asked about before, the same week says more
    only = {bad: 1}
    assert [one[:2] for one in _statuses(_counts(only, only, only), rules)] == [("open", "lacking_knowledge")]


def test_the_chance_of_counts_in_parts_is_fishers() -> None:
    # the lady tasting tea: three or four of four cups, 17 of 70 ways
    one = [np.array([value]) for value in (3, 4, 1, 4)]
    assert by_chance(*one) == pytest.approx(17 / 70)
    # two such parts, six hits of eight: (2 * 16 * 1 + 1 * 1 + 16 * 16 + 2 * 36 * 1) / 70 ^ 2
    two = [np.array([value, value]) for value in (3, 4, 1, 4)]
    assert by_chance(*two) == pytest.approx((1 + 2 * 16 + 16 * 16 + 2 * 36) / 70**2)
    # a part that always fails, and one that was not asked before, say nothing
    assert by_chance(*(np.append(mine, more) for mine, more in zip(one, (7, 7, 30, 30), strict=True))) == pytest.approx(
        17 / 70
    )
    assert by_chance(*(np.append(mine, more) for mine, more in zip(one, (5, 7, 0, 0), strict=True))) == pytest.approx(
        17 / 70
    )


def test_the_fast_excess_lies_near_the_exact_one() -> None:
    """What the screen leaves out, the exact test would not have let in."""
    from statistics import NormalDist

    rng = np.random.default_rng(4)
    n, other_n = rng.integers(1, 60, (2, 400)), rng.integers(1, 300, (2, 400))
    share = rng.random((2, 400))
    counts = [
        one.astype(float)
        for one in (rng.binomial(n, np.minimum(1, share * 1.5)), n, rng.binomial(other_n, share), other_n)
    ]
    fast = excess(*counts)
    for day in range(400):
        chance = by_chance(*(one[:, day] for one in counts))
        if chance < 0.0006:
            assert fast[day] > -NormalDist().inv_cdf(max(chance, 0.0001)) - 1


def test_a_day_looks_at_nothing_that_comes_after_it(rules) -> None:
    before, since = range(60), range(60, DAYS)
    counts = _counts({ALL: 4}, {before: 1, since: 3})
    (status,) = _statuses(counts, rules)
    opened = int(status[2])
    assert _statuses(counts, rules, days=opened) == [status]
    assert _statuses(counts, rules, days=opened - 1) == []


def test_an_edit_after_which_fewer_fail_verifies(rules) -> None:
    gap, after = range(40, 70), range(70, DAYS)
    counts = _counts({ALL: 3}, {range(40): 0.5, gap: 3, after: 0.5}, {gap: 3})
    edit = Event(_moment(69.5), "article", None, "a", True)
    life = live(counts, OTHERS, [edit], FIRST, DAYS, rules)
    assert [(one.status, one.reason) for one in life.statuses] == [
        ("open", "worse_than_before"),
        ("published", "article_edited"),
        ("verified", "failures_fell"),
    ]
    (fix,) = life.fixes
    assert fix.verdict == "worked"
    assert fix.after[1] / fix.after[0] < fix.before[1] / fix.before[0] == 1
    # the window of seven days in which it opened began before it
    assert fix.first_sign < 40


def test_an_edit_that_changes_nothing_gives_the_gap_back(rules) -> None:
    gap = range(40, DAYS)
    counts = _counts({ALL: 3}, {gap: 3}, {gap: 3})
    edit = Event(_moment(75.5), "article", None, "a", False)
    life = live(counts, OTHERS, [edit], FIRST, DAYS, rules)
    assert [(one.status, one.reason) for one in life.statuses] == [
        ("open", "worse_than_before"),
        ("published", "article_edited"),
        ("open", "fix_without_effect"),
    ]
    assert life.fixes[0].verdict == "no_effect"
    returned = life.statuses[-1].since
    assert returned == _moment(75 + rules.fix_days + rules.settle_days + 1)


def test_of_few_questions_it_is_too_early_to_say(rules) -> None:
    gap = range(40, 64)
    counts = _counts({gap: 3, range(64, DAYS): 0.05}, {gap: 3}, {gap: 3})
    edit = Event(_moment(63.5), "article", None, "a", True)
    life = live(counts, OTHERS, [edit], FIRST, DAYS, rules)
    assert life.statuses[-1].status == "published"
    assert life.fixes[0].verdict == "too_early"


def test_an_edit_before_the_opening_is_no_fix(rules) -> None:
    gap = range(40, DAYS)
    edit = Event(_moment(39.5), "article", None, "a", False)
    life = live(_counts({ALL: 3}, {gap: 3}, {gap: 3}), OTHERS, [edit], FIRST, DAYS, rules)
    assert life.fixes == []


def test_what_was_dismissed_stays_so_until_new_signs_come(rules) -> None:
    gap, again = range(40, 50), range(80, DAYS)
    counts = _counts({gap: 3, again: 3}, {gap: 3, again: 3}, {gap: 3, again: 3})
    dismissal = Event(_moment(49.5), "dismiss", "kim")
    statuses = _statuses(counts, rules, dismissal)
    assert [one[:2] for one in statuses] == [
        ("open", "lacking_knowledge"),
        ("dismissed", "decision"),
        ("open", "lacking_knowledge"),
    ]
    # six signs a day: the tenth new one comes on the second day
    assert statuses[-1][2] == 82
    assert _statuses(counts, rules, dismissal, days=81)[-1][0] == "dismissed"


def test_a_dismissal_before_any_rule_spoke_holds_too(rules) -> None:
    gap = range(40, 43)
    statuses = _statuses(_counts({gap: 3}, {gap: 3}, {gap: 3}), rules, Event(_moment(40.5), "dismiss", "kim"))
    assert [one[0] for one in statuses] == ["dismissed", "open"]


def test_people_open_draft_and_publish(rules) -> None:
    counts = _counts({ALL: 3}, {ALL: 1})
    events = [
        Event(_moment(60), "draft", "kim"),
        Event(_moment(61), "draft", "kim"),
        Event(_moment(70), "publish", "kim", "a"),
    ]
    life = live(counts, OTHERS, events, FIRST, DAYS, rules)
    assert [(one.status, one.by) for one in life.statuses[:3]] == [
        ("open", "kim"),
        ("drafting", "kim"),
        ("published", "kim"),
    ]
    assert life.measure is not None
    assert life.measure.opened_by == "decision"


def test_what_was_verified_opens_again_when_it_fails_again(rules) -> None:
    gap, good, again = range(30, 50), range(50, 80), range(80, DAYS)
    counts = _counts({ALL: 3}, {gap: 3, good: 0.2, again: 3}, {gap: 3, again: 3})
    edit = Event(_moment(49.5), "article", None, "a", True)
    statuses = _statuses(counts, rules, edit)
    assert [one[0] for one in statuses] == ["open", "published", "verified", "open"]
    assert 81 <= statuses[-1][2] <= 90


def test_statuses_follow_each_other_without_a_hole(rules) -> None:
    gap = range(40, DAYS)
    edit = Event(_moment(60.5), "article", None, "a", False)
    life = live(_counts({ALL: 3}, {gap: 3}, {gap: 3}), OTHERS, [edit], FIRST, DAYS, rules)
    assert [one.until for one in life.statuses] == [*(one.since for one in life.statuses[1:]), None]


def test_many_differences_at_once_are_the_same_as_one_by_one() -> None:
    rng = np.random.default_rng(5)
    n, other_n = rng.integers(0, 40, 500).astype(float), rng.integers(0, 400, 500).astype(float)
    hits, other_hits = np.floor(n * rng.random(500)), np.floor(other_n * rng.random(500))
    one_by_one = [difference(*row, 3)[1] for row in zip(hits, n, other_hits, other_n, strict=True)]
    assert lows(hits, n, other_hits, other_n, 3) == pytest.approx(one_by_one, abs=1e-12)


def test_days_that_are_passed_over_open_nothing(rules, monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen is a saving: without it every life comes out the same."""
    rng = np.random.default_rng(9)
    lives = []
    for screened in (True, False):
        if not screened:
            monkeypatch.setattr(life_module._Walk, "_screen", lambda self: np.ones(self._days, dtype=bool))
        rng = np.random.default_rng(9)
        for number in range(40):
            asked = rng.poisson(5, DAYS).astype(float)
            share = np.where(np.arange(DAYS) > 60, 0.3 + 0.015 * number, 0.3)
            failed = rng.binomial(asked.astype(int), share).astype(float)
            lacking = rng.binomial(failed.astype(int), min(1, 0.02 * number)).astype(float)
            counts = Counts(
                *(one[None] for one in (asked, failed, failed, lacking, lacking, lacking, 2 * failed)), [DESK]
            )
            lives.append(live(counts, OTHERS, [Event(_moment(90.5), "article", None, "a")], FIRST, DAYS, rules))
    assert lives[:40] == lives[40:]
    assert 5 < sum(bool(one.statuses) for one in lives[:40]) < 40
