"""The life of a gap: opened, drafted, published, verified or dismissed, and opened again, worked out day by day.

All of it follows from daily counts, decisions and edits of articles, so that it comes out the same whether every day was a run
or one run saw them all. A day's verdict is known at the midnight that ends it; what people decide counts from its own moment.

A gap opens on a day on which enough signs have come and, over one of several windows that end there, either

- for most of its questions nothing fitting was found, and for more than elsewhere, or
- the AI agent was unsure of most of its questions, and of more than elsewhere, over the longest window, or
- enough of its questions fail although the AI agent was sure of an answer, and more often than before the window, or
- enough of its questions fail, and more often than they did before the window.

"Most" and "more" are surely so: by a lower bound, or because chance hardly brings as much. What is held against the time before is
held against it within each source, so that another mix of sources is no change. A high rate of failures alone opens nothing: some
matters need a person whatever is written about them.

A topic that has become worse with a version of the AI agent is that version's doing, unless the version did better at first, or other
versions fail it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np

from touchstone.gaps.counts import Counts
from touchstone.gaps.rates import by_chance, difference, excess, lows, wilson

OPEN, DRAFTING, PUBLISHED, VERIFIED, DISMISSED = "open", "drafting", "published", "verified", "dismissed"
BACKLOG = frozenset({OPEN, DRAFTING, PUBLISHED})
LACKING, UNSURE, DECIDED = "lacking_knowledge", "low_confidence", "decision"
MISLED, WORSE = "sure_but_unhelpful", "worse_than_before"
_COUNTED = {LACKING: "lacking", UNSURE: "unsure", MISLED: "misled", WORSE: "known", DECIDED: "known"}
_OVER_TIME = (MISLED, WORSE)
_SCREEN = 1.0
"""Standard deviations by which the fast count of what chance brings may fall short of the exact one."""
WORKED, NO_EFFECT, MADE_WORSE, TOO_EARLY = "worked", "no_effect", "worse", "too_early"


@dataclass(frozen=True)
class Rules:
    """The parameters `gap_*` of dbt_project.yml, which says what they mean."""

    window_days: Sequence[int]
    least_signals: int
    least_failed: int
    least_lacking: int
    least_misled: int
    z: float
    baseline_days: int
    baseline_min_n: int
    fix_days: int
    fix_min_n: int
    settle_days: int
    reopen_signals: int
    rollout_days: int
    fix_z: float
    lacking_most: float
    unsure_most: float
    lacking_z: float
    unsure_z: float
    version_chance: float

    @property
    def chance(self) -> float:
        """How rarely chance may bring what opens a gap."""
        return NormalDist().cdf(-self.z)

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Rules:
        return cls(
            window_days=tuple(sorted(parameters["gap_window_days"])),
            least_signals=parameters["gap_least_signals"],
            least_failed=parameters["gap_least_failed"],
            least_lacking=parameters["gap_least_lacking"],
            least_misled=parameters["gap_least_misled"],
            z=parameters["gap_z"],
            baseline_days=parameters["gap_baseline_days"],
            baseline_min_n=parameters["min_cell_n"],
            fix_days=parameters["gap_fix_days"],
            fix_min_n=parameters["gap_fix_min_n"],
            settle_days=parameters["gap_settle_days"],
            reopen_signals=parameters["gap_reopen_signals"],
            rollout_days=parameters["gap_rollout_days"],
            fix_z=parameters["z_95"],
            lacking_most=parameters["gap_lacking_most"],
            unsure_most=parameters["gap_unsure_most"],
            lacking_z=parameters["gap_lacking_z"],
            unsure_z=parameters["gap_unsure_z"],
            version_chance=parameters["gap_version_chance"],
        )


@dataclass(frozen=True)
class Event:
    """Something that happens to a gap: a decision of a person, or an edit of one of its articles.

    Attributes:
        kind: dismiss, reopen, draft, publish or split; or `article`.
        by: Who decided; None for an edit.
    """

    at: datetime
    kind: str
    by: str | None = None
    article_key: str | None = None
    is_new_article: bool | None = None


@dataclass
class Status:
    status: str
    reason: str
    since: datetime
    by: str | None = None
    until: datetime | None = None


@dataclass
class Fix:
    """An attempt to close the gap, and what the counts said of it up to `measured_until`.

    Attributes:
        first_sign: Day of the first sign in the window in which the gap opened.
    """

    event: Event
    day: int
    first_sign: int = 0
    before: tuple[float, int] = (0.0, 0)
    after: tuple[float, int] = (0.0, 0)
    measured_until: int = 0
    verdict: str = TOO_EARLY


@dataclass
class Measure:
    """Why a gap is one: its counts over a window beside those it is held against."""

    opened_by: str
    days: int
    last: int
    asked: float
    failed: float
    lacking: float
    unsure: float
    misled: float
    reference_asked: float
    reference: float


@dataclass
class Life:
    """What became of a gap; without a status nothing ever opened it."""

    statuses: list[Status] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)
    measure: Measure | None = None


def live(own: Counts, everything: Counts, events: Iterable[Event], first: date, days: int, rules: Rules) -> Life:
    """The life of one gap.

    Args:
        everything: Counts of all questions, those of this gap among them.
        events: In any order.
        first: Day 0 of the counts.
        days: How many days there are; the last one is the ledger day of the run.
    """
    return _Walk(own, everything, first, days, rules).through(sorted(events, key=lambda one: (one.at, one.kind)))


class _Walk:
    def __init__(self, own: Counts, everything: Counts, first: date, days: int, rules: Rules) -> None:
        self._own, self._all, self._rules = own, everything, rules
        self._first, self._days = first, days
        self._life = Life()
        self._open_days: list[tuple[int, int]] = []  # of earlier openings
        self._since = 0  # first day that may speak for the next opening
        self._opened: Measure | None = None
        self._opened_day = 0
        self._least = rules.least_signals
        self._suspects = np.zeros(len(own.parts), dtype=bool)
        """Parts with whose version it became worse."""
        self._may_open = self._screen()

    def _screen(self) -> np.ndarray:
        """Days on which a gap that has never been open may open; all others are passed over."""
        rules, own, everything = self._rules, self._own, self._all
        found = np.zeros(self._days, dtype=bool)
        longest = max(rules.window_days)
        for length in rules.window_days:
            failed = own.totals("known", length, self._days)
            asked = np.maximum(own.totals("asked", length, self._days), failed)
            has_signs = own.totals("signals", length, self._days) >= rules.least_signals
            start = np.maximum(0, np.arange(self._days) - length + 1)
            for cause in (LACKING, UNSURE):
                name = _COUNTED[cause]
                others = everything.totals(name, longest, self._days) - own.totals(name, longest, self._days)
                other = np.maximum(0.0, others)
                other_asked = np.maximum(
                    other, everything.totals("asked", longest, self._days) - own.totals("asked", longest, self._days)
                )
                bound = lows(own.totals(name, length, self._days), asked, other, other_asked, rules.z)
                # the same bound as of a single day, but for the last digits
                found |= has_signs & (other_asked >= rules.baseline_min_n) & (bound > -1e-9)
            for cause in _OVER_TIME:
                name = _COUNTED[cause]
                hits = own.desk_totals(name, length, self._days)
                n = np.maximum(hits, own.desk_totals("asked", length, self._days))
                before = {}
                for one in ("asked", name):
                    totals = own.desk_totals(one, rules.baseline_days, self._days)
                    before[one] = np.where(start > 0, totals[:, start - 1], 0.0)
                over = excess(hits, n, before[name], np.maximum(before[name], before["asked"]))
                found |= has_signs & (hits.sum(axis=0) >= self._least_hits(cause)) & (over > rules.z - _SCREEN)
        return found

    def through(self, events: Sequence[Event]) -> Life:
        waiting = list(events)
        for day in self._days_of_interest(events):
            end = self._end(day)
            while waiting and waiting[0].at < end:
                self._take(waiting.pop(0), day)
            self._settle(day)
        self._life.measure = self._last_measure()
        return self._life

    def _days_of_interest(self, events: Sequence[Event]) -> Iterator[int]:
        """Days with a new sign, an event, or a fix that waits for its verdict; nothing can change on the others."""
        moved = {min(self._days - 1, max(0, (one.at.astimezone(UTC).date() - self._first).days)) for one in events}
        signs = set(np.flatnonzero(self._own.days_with_signals).tolist())
        for day in range(self._days):
            if day in signs or day in moved or self._status == PUBLISHED:
                yield day

    @property
    def _status(self) -> str | None:
        return self._life.statuses[-1].status if self._life.statuses else None

    def _end(self, day: int) -> datetime:
        return datetime.combine(self._first + timedelta(days=day + 1), time(), tzinfo=UTC)

    def _move(self, status: str, reason: str, at: datetime, by: str | None = None) -> None:
        if self._life.statuses:
            last = self._life.statuses[-1]
            last.until = max(at, last.since)
            at = last.until
        self._life.statuses.append(Status(status, reason, at, by))

    # --- events

    def _take(self, event: Event, day: int) -> None:
        was = self._status
        if event.kind == "article":
            if was in (OPEN, DRAFTING) or (
                was == PUBLISHED and day - self._life.fixes[-1].day > self._rules.rollout_days
            ):
                self._fix(event, day, "article_edited")
        elif event.kind == "dismiss":
            if was != DISMISSED:
                self._close(DISMISSED, "decision", event.at, day, event.by)
        elif event.kind in ("reopen", "split"):
            if was not in BACKLOG:
                self._open_by(event, day)
        elif event.kind == "draft":
            if was not in BACKLOG:
                self._open_by(event, day)
            if self._status != DRAFTING:
                self._move(DRAFTING, "decision", event.at, event.by)
        elif event.kind == "publish":
            if was not in BACKLOG:
                self._open_by(event, day)
            self._fix(event, day, "decision")

    def _opening_start(self) -> int:
        """First day of the window in which the gap opened."""
        return max(0, self._opened_day - (self._opened.days if self._opened else 1) + 1)

    def _open_by(self, event: Event, day: int) -> None:
        self._open(self._measured(DECIDED, day, max(self._rules.window_days)), "decision", event.at, day, event.by)

    def _fix(self, event: Event, day: int, reason: str) -> None:
        start = self._opening_start()
        signs = np.flatnonzero(self._own.days_with_signals[start : day + 1])
        self._life.fixes.append(Fix(event, day, start + int(signs[0]) if len(signs) else day))
        self._measure_fix(self._life.fixes[-1], day)
        if self._status != PUBLISHED:
            self._move(PUBLISHED, reason, event.at, event.by)

    def _open(self, measure: Measure, reason: str, at: datetime, day: int, by: str | None = None) -> None:
        self._opened, self._opened_day = measure, day
        self._move(OPEN, reason, at, by)

    def _close(self, status: str, reason: str, at: datetime, day: int, by: str | None = None) -> None:
        if self._status in BACKLOG:
            first = self._opened_day - self._opened.days + 1  # type: ignore[union-attr]
            # what an earlier gap has taken out is not taken out again
            self._open_days.append((max(self._since, first), day))
        self._since = day + 1
        self._least = self._rules.reopen_signals if status == DISMISSED else self._rules.least_signals
        self._move(status, reason, at, by)

    # --- the end of a day

    def _settle(self, day: int) -> None:
        if self._status == PUBLISHED:
            self._judge(day)
        elif self._status not in BACKLOG:
            measure = self._opens(day)
            if measure is not None:
                self._open(measure, measure.opened_by, self._end(day), day)

    def _opens(self, day: int) -> Measure | None:
        rules = self._rules
        if self._since == 0 and not self._may_open[day] and not self._suspects.any():
            return None
        if self._own.total("signals", self._since, day) < self._least:
            return None
        for length in rules.window_days:
            start = max(self._since, day - length + 1)
            days = day - start + 1
            if self._own.total("signals", start, day) < rules.least_signals:
                continue
            for cause in (LACKING, UNSURE, MISLED, WORSE):
                if self._is_worse(cause, start, day) if cause in _OVER_TIME else self._is_most(cause, day, days):
                    return self._measured(cause, day, days)
            if start == self._since and length > days:
                break
        return None

    def _is_most(self, cause: str, day: int, days: int) -> bool:
        """Whether it is so of most questions, and of more than elsewhere."""
        rules, found = self._rules, self._measured(cause, day, days)
        count = {LACKING: found.lacking, UNSURE: found.unsure}[found.opened_by]
        if found.reference_asked < rules.baseline_min_n or count < rules.least_lacking:
            return False
        if found.opened_by == LACKING and (
            wilson(count, found.asked, rules.lacking_z)[0] <= rules.lacking_most
            or self._was_found_before(day - found.days + 1, day)
        ):
            return False
        # an agent that is unsure for a week has met hard cases: that it stays unsure is a sign
        if found.opened_by == UNSURE and (
            found.days < max(rules.window_days)
            or found.asked < rules.baseline_min_n
            or wilson(count, found.asked, rules.unsure_z)[0] <= rules.unsure_most
        ):
            return False
        return difference(count, found.asked, found.reference, found.reference_asked, rules.z)[1] > 0

    def _was_found_before(self, start: int, day: int) -> bool:
        """Whether chance brings as many questions without a fitting article, where one was found for most of them before."""
        rules, name = self._rules, _COUNTED[LACKING]
        hits = self._own.by_part(name, start, day)
        asked = np.maximum(hits, self._own.by_part("asked", start, day))
        other_asked, other = self._parts_before(name, start)
        if other_asked.sum() < rules.baseline_min_n or other.sum() > rules.lacking_most * other_asked.sum():
            return False
        return by_chance(*(np.array([hits, asked, other, other_asked]) @ self._own.desks.T)) > rules.chance

    def _least_hits(self, cause: str) -> int:
        return self._rules.least_failed if cause == WORSE else self._rules.least_misled

    def _is_worse(self, cause: str, start: int, day: int) -> bool:
        """Whether more than before fail, and it is not the doing of one version of the AI agent."""
        own, name = self._own, _COUNTED[cause]
        hits = own.by_part(name, start, day)
        if hits.sum() < self._least_hits(cause):
            return False
        # what failed on a day may have been asked on the day before
        asked = np.maximum(hits, own.by_part("asked", start, day))
        other_asked, other = self._parts_before(name, start)
        counts = np.array([hits, asked, other, np.maximum(other_asked, other)])
        # a desk that always fails has many failures, but no more than before; of a desk without a before nothing can be said
        before, before_asked = counts[2:] @ own.desks.T
        excess = hits - asked * ((before / np.maximum(before_asked, 1)) @ own.desks)
        excess[(before_asked @ own.desks) == 0] = -np.inf
        # a version that was suspected before is asked again with all the others, and then left out
        asked_about = np.ones(len(own.parts), dtype=bool)
        while asked_about.any():
            if self._is_more(counts[:, asked_about], cause, asked_about):
                leading = int(np.argmax(np.where(asked_about, excess, -np.inf)))
                rivals = own.same_desk(leading) & self._suspects
                rivals[leading] = False
                # one version of a desk at most: where a second one fails too, it is no version's doing
                if rivals.any() or not self._is_by_version(leading, counts):
                    return True
                self._suspects[leading] = True
            elif not (asked_about & self._suspects).any():
                return False
            asked_about &= ~self._suspects
        return False

    def _is_by_version(self, part: int, counts: np.ndarray) -> bool:
        """Whether a version of an AI agent did no better before the window, or already worse than the others did before it."""
        own, chance = self._own, self._rules.version_chance
        if own.parts[part].agent_version is None:
            return False
        others = own.same_desk(part)
        others[part] = False
        began = counts[2:, [part]], counts[2:, others].sum(axis=1, keepdims=True)
        return by_chance(*counts[:, [part]]) > chance or by_chance(*began[0], *began[1]) <= chance

    def _is_more(self, counts: np.ndarray, cause: str, parts: np.ndarray | slice = slice(None)) -> bool:
        """Whether a window holds more failures than chance brings, within each instance; counts as `by_chance` takes them."""
        hits, asked, other, other_asked = counts @ self._own.desks[:, parts].T
        if hits.sum() < self._least_hits(cause) or other_asked.sum() < self._rules.baseline_min_n:
            return False
        return by_chance(hits, asked, other, other_asked) <= self._rules.chance

    def _measured(self, cause: str, day: int, days: int) -> Measure:
        own, start = self._own, max(0, day - days + 1)
        failed, lacking, unsure, misled = (
            own.total(name, start, day) for name in ("known", "lacking", "unsure", "misled")
        )
        asked = max(own.total("asked", start, day), failed)
        if cause in _OVER_TIME:
            reference_asked, reference = (one.sum() for one in self._parts_before(_COUNTED[cause], start))
        else:
            name = _COUNTED[cause]
            long = max(0, day - max(self._rules.window_days) + 1)
            reference = max(0.0, self._all.total(name, long, day) - own.total(name, long, day))
            reference_asked = max(reference, self._all.total("asked", long, day) - own.total("asked", long, day))
        return Measure(
            cause, day - start + 1, day, asked, failed, lacking, unsure, misled, max(0.0, reference_asked), reference
        )

    def _parts_before(self, name: str, start: int) -> tuple[np.ndarray, np.ndarray]:
        """Asked, and of what is counted, before a window, by part, without the days on which the gap was open."""
        lowest = max(0, start - self._rules.baseline_days)
        asked, hits = (self._own.by_part(one, lowest, start - 1) for one in ("asked", name))
        for first, last in self._open_days:
            one, other = max(first, lowest), min(last, start - 1)
            asked = asked - self._own.by_part("asked", one, other)
            hits = hits - self._own.by_part(name, one, other)
        return np.maximum(asked, hits), hits

    def _measure_fix(self, fix: Fix, day: int) -> None:
        """Counts by the day on which questions were asked; those of the last days may yet fail."""
        rules, own = self._rules, self._own
        first = max(self._opening_start(), fix.day - rules.fix_days)
        fix.before = own.total("asked", first, fix.day - 1), round(own.total("failed", first, fix.day - 1))
        last = min(fix.day + rules.fix_days, day - rules.settle_days)
        fix.after = own.total("asked", fix.day + 1, last), round(own.total("failed", fix.day + 1, last))
        fix.measured_until = max(fix.day, last)

    def _judge(self, day: int) -> None:
        rules = self._rules
        for fix in self._life.fixes:
            if fix.verdict != TOO_EARLY:
                continue
            self._measure_fix(fix, day)
            if fix.after[0] < rules.fix_min_n:
                continue
            _, low, high = difference(fix.after[1], fix.after[0], fix.before[1], fix.before[0], rules.fix_z)
            if high < 0:
                fix.verdict = WORKED
            elif day >= fix.day + rules.fix_days + rules.settle_days:
                fix.verdict = MADE_WORSE if low > 0 else NO_EFFECT
        if any(fix.verdict == WORKED for fix in self._life.fixes if fix.day >= self._opened_day):
            self._close(VERIFIED, "failures_fell", self._end(day), day)
        elif all(fix.verdict != TOO_EARLY for fix in self._life.fixes):
            self._move(OPEN, "fix_without_effect", self._end(day))

    def _last_measure(self) -> Measure | None:
        """Counts of the longest window before the gap was closed, or of the newest one."""
        if self._opened is None:
            return None
        last = self._days - 1 if self._status in BACKLOG else min(self._days - 1, max(0, self._since - 1))
        return self._measured(self._opened.opened_by, last, max(self._rules.window_days))
