"""The step `gaps` of the daily cycle, between facts and marts, in one transaction.

It reads the questions of the interactions that facts were built for, puts each into a gap, applies what people decided, and works
out the life of every gap from daily counts. A run that is killed leaves nothing; the next one finds the same work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from touchstone.errors import WarehouseError
from touchstone.gaps import articles, consistency, decisions, grouping, intake, questions
from touchstone.gaps.counts import Counts, Part
from touchstone.gaps.decisions import Applied
from touchstone.gaps.life import BACKLOG, Life, Measure, Rules, live
from touchstone.settings import Settings, get_settings
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect

STEP = "gaps"
_ROWS = """
    select questions.gap_id, interactions.source, interactions.instance, nullif(asked.agent_version, ''),
        questions.topic = any(%(broad)s), least(questions.asked_date, %(last)s),
        least((questions.signalled_at at time zone 'UTC')::date, case when questions.signalled_at is not null then %(last)s::date end),
        least((questions.failed_at at time zone 'UTC')::date, case when questions.failed_at is not null then %(last)s::date end),
        least((questions.lacking_at at time zone 'UTC')::date, case when questions.lacking_at is not null then %(last)s::date end),
        least((questions.unsure_at at time zone 'UTC')::date, case when questions.unsure_at is not null then %(last)s::date end),
        least((questions.misled_at at time zone 'UTC')::date, case when questions.misled_at is not null then %(last)s::date end),
        count(*), sum(questions.signal_count)
    from derived.gap_questions as questions
    inner join facts.ai_questions as asked
        on asked.interaction_key = questions.interaction_key and asked.message_key = questions.message_key
    inner join core.interactions as interactions on interactions.interaction_key = questions.interaction_key
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    """


@dataclass(frozen=True)
class GapStep:
    """What a run did: rows of questions that changed or went, questions that were read, and gaps as they stand."""

    changed: int
    gone: int
    read: int
    open: int
    gaps: int


@dataclass
class Candidate:
    """A gap, or what may become one.

    Attributes:
        topics: Whose questions are asked of it; of a part that was split off, those of the whole.
    """

    gap_id: str
    kind: str
    title: str
    topic: str | None
    topics: frozenset[str]
    parent: str | None = None
    merged_into: str | None = None


def gaps(as_of: datetime, settings: Settings | None = None) -> GapStep:
    """One transaction; the caller holds the pipeline lock.

    Args:
        as_of: End of the ledger day, UTC.

    Raises:
        WarehouseError: Facts have not been built as of this moment.
    """
    parameters = (settings or get_settings()).parameters
    with (
        ledger.step(STEP, as_of=as_of, settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone gaps") as connection,
    ):
        change = _require_facts(connection, as_of)
        state = grouping.load(connection)
        if state is None:
            state = grouping.State(kind=grouping.preferred_kind())
            # groups of another version: the questions are read again
            connection.execute(
                "update derived.gap_questions set text_hash = null, first_gap_id = null where text_hash is not null"
            )
        kept = questions.keep(connection, state, parameters)
        grouping.save(connection, state, run.run_id)
        told = intake.take_up(connection, as_of, run.run_id)
        applied = decisions.apply(decisions.read(connection, as_of))
        moved = questions.move(connection, applied)
        questions.note_scope(connection, moved, run.run_id)
        topics = articles.topics_of(connection)
        compared = articles.refresh_conflicts(connection, topics)
        answers = consistency.judge(connection)
        found = _candidates(connection, state, applied)
        lives = _lives(connection, as_of, found, applied, topics, parameters)
        _write(connection, found, lives, as_of)
        connection.execute(
            """
            insert into ops.watermarks (step, change_id, run_id, as_of) values (%s, %s, %s, %s)
            on conflict (step) do update
            set change_id = excluded.change_id, run_id = excluded.run_id, as_of = excluded.as_of,
                updated_at = clock_timestamp()
            """,
            [STEP, change, run.run_id, as_of],
        )
        connection.commit()
        is_open = sum(1 for life in lives.values() if life.statuses and life.statuses[-1].status in BACKLOG)
        run.rows_out, run.rows_quarantined = kept.changed + kept.gone + told.new, told.refused
        run.rows_in = run.rows_out + run.rows_quarantined
        run.versions["groups"] = grouping.VERSIONS
        run.detail |= {
            "read": kept.read,
            "moved": len(moved),
            "compared_topics": compared,
            "compared_answers": answers,
            "open": is_open,
        }
        return GapStep(kept.changed, kept.gone, kept.read, is_open, sum(1 for life in lives.values() if life.statuses))


def _require_facts(connection: psycopg.Connection, as_of: datetime) -> int:
    row = connection.execute("select change_id, as_of from ops.watermarks where step = 'facts'").fetchone()
    if row is None or row[1] != as_of:
        raise WarehouseError(
            "facts have not been built as of this moment",
            as_of.isoformat(),
            "Run `touchstone facts` with the same --as-of first.",
        )
    return row[0]


def require_gaps(connection: psycopg.Connection, as_of: datetime) -> int:
    """Newest change that facts took up, where the step has followed them.

    Raises:
        WarehouseError: They, or the gaps among them, were built as of another moment, or before the stage of another cycle.
    """
    row = connection.execute(
        """
        select facts.change_id from ops.watermarks as facts
        inner join ops.watermarks as gaps on gaps.step = 'gaps' and gaps.run_id > facts.run_id and gaps.as_of = facts.as_of
        where facts.step = 'facts' and facts.as_of = %s
            and not exists (select 1 from ops.runs where runs.step in ('stage', 'facts') and runs.run_id > gaps.run_id)
        """,
        [as_of],
    ).fetchone()
    if row is None:
        raise WarehouseError(
            "facts and gaps have not been built as of this moment",
            as_of.isoformat(),
            "Run `touchstone facts` and `touchstone gaps` with the same --as-of first.",
        )
    return row[0]


def _candidates(connection: psycopg.Connection, state: grouping.State, applied: Applied) -> dict[str, Candidate]:
    found: dict[str, Candidate] = {}
    for (topic,) in connection.execute("select distinct topic from facts.ai_question_days order by topic"):
        one = questions.topic_gap(topic)
        found[one] = Candidate(one, "topic", topic.replace("_", " "), topic, frozenset({topic}))
    for number, name in enumerate(state.names):
        one = questions.group_gap(number)
        found[one] = Candidate(one, "group", name, None, frozenset())
    for new, parent in applied.parents.items():
        whole = found.get(parent)
        if whole is not None:
            found[new] = Candidate(
                new, "split", f"{whole.title} (part {new[1:5]})", whole.topic, whole.topics, parent=whole.gap_id
            )
    for gap, into in applied.into.items():
        if gap in found and into in found:
            found[gap].merged_into = into
            found[into].topics |= found[gap].topics
    return found


def _lives(
    connection: psycopg.Connection,
    as_of: datetime,
    found: dict[str, Candidate],
    applied: Applied,
    topics: dict[str, set[str]],
    parameters: dict[str, Any],
) -> dict[str, Life]:
    last = (as_of - timedelta(microseconds=1)).astimezone(UTC).date()
    first = connection.execute(
        """
        select least((select min(interaction_date) from facts.ai_question_days), (select min(asked_date) from derived.gap_questions))
        """
    ).fetchone()[0]
    # all of it after the ledger day: there is nothing to count yet
    if first is None or first > last:
        return {}
    days = (last - first).days + 1
    asked, everything = _asked(connection, first, last), _Tally(days)
    tallies: dict[str, _Tally] = defaultdict(lambda: _Tally(days))
    for gap, source, instance, version, *rest in connection.execute(
        _ROWS, {"last": last, "broad": list(parameters["gap_broad_topics"])}
    ):
        for one in (everything, tallies[gap]) if gap else (everything,):
            one.add(first, parameters["gap_sample_share"], Part(source, instance, version), *rest)
    rules, edits = Rules.of(parameters), articles.edits(connection, as_of)
    whole = everything.counts(list(asked.values()))
    lives = {}
    for gap, one in found.items():
        events = list(applied.events.get(gap, []))
        if one.merged_into or (gap not in tallies and not events):
            continue
        for article in sorted({name for topic in one.topics for name in topics.get(topic, ())}):
            events += edits.get(article, [])
        own = tallies[gap]
        base = [asked[topic] for topic in one.topics if topic in asked]
        # a part that was split off is held against the whole
        base += [tallies[parent].asked for parent in (one.parent, gap) if parent in tallies]
        counts = own.counts(base)
        if counts.signals.sum() >= rules.least_signals or gap in applied.events:
            lives[gap] = live(counts, whole, events, first, days, rules)
    return lives


_Series = dict[Part, np.ndarray]
"""Daily counts by part."""


def _asked(connection: psycopg.Connection, first: date, last: date) -> dict[str, _Series]:
    found: dict[str, _Series] = {}
    for topic, source, instance, version, on, count in connection.execute(
        """
        select topic, source, instance, nullif(agent_version, ''), interaction_date, question_count
        from facts.ai_question_days
        """
    ):
        part = Part(source, instance, version)
        series = found.setdefault(topic, {}).setdefault(part, np.zeros((last - first).days + 1))
        series[(min(on, last) - first).days] += count
    return found


class _Tally:
    """Daily counts by part while they are added up; `asked` of broad topics alone, other topics are counted whole elsewhere."""

    def __init__(self, days: int) -> None:
        self._days = days
        self._series: dict[str, _Series] = {
            name: {} for name in ("asked", "failed", "known", "lacking", "unsure", "misled", "signals")
        }

    @property
    def asked(self) -> _Series:
        return self._series["asked"]

    def _count(self, name: str, part: Part, day: int, count: float) -> None:
        self._series[name].setdefault(part, np.zeros(self._days))[max(0, day)] += count

    def add(
        self,
        first: date,
        share: float,
        part: Part,
        is_broad: bool,
        asked_on: date,
        known_on: date | None,
        failed_on: date | None,
        lacking_on: date | None,
        unsure_on: date | None,
        misled_on: date | None,
        count: int,
        signals: int,
    ) -> None:
        if is_broad:
            # of questions without a sign a sample is known
            self._count("asked", part, (asked_on - first).days, count / (share if known_on is None else 1))
        if known_on is None:
            return
        if failed_on is not None:
            self._count("failed", part, (asked_on - first).days, count)
        self._count("signals", part, (known_on - first).days, signals)
        for name, on in (("known", failed_on), ("lacking", lacking_on), ("unsure", unsure_on), ("misled", misled_on)):
            if on is not None:
                self._count(name, part, (on - first).days, count)

    def counts(self, asked: Sequence[_Series]) -> Counts:
        """The daily counts, with these questions; at least one part, so that nothing is asked of no rows."""
        series = self._series | {"asked": {}}
        for one in asked:
            for part, of in one.items():
                series["asked"][part] = series["asked"].get(part, 0) + of
        parts = sorted({part for one in series.values() for part in one}, key=lambda one: tuple(map(str, one)))
        parts = parts or [Part("", "", None)]
        return Counts(
            **{name: np.array([of.get(part, np.zeros(self._days)) for part in parts]) for name, of in series.items()},
            parts=parts,
        )


def _write(
    connection: psycopg.Connection, found: dict[str, Candidate], lives: dict[str, Life], as_of: datetime
) -> None:
    for table in ("gap_candidates", "gap_statuses", "gap_measures", "gap_fixes"):
        connection.execute(sql.SQL("delete from derived.{}").format(sql.Identifier(table)))
    counted = {
        gap: rest
        for gap, *rest in connection.execute(
            """
            select gap_id, min(asked_at), max(asked_at), count(*), sum(signal_count)
            from derived.gap_questions where signal_count > 0 and gap_id is not null group by gap_id
            """
        )
    }
    first = None
    with connection.cursor() as cursor:
        with cursor.copy(
            """
            copy derived.gap_candidates (gap_id, gap_kind, title, topic, parent_gap_id, merged_into_gap_id, first_seen_at,
                last_seen_at, question_count, signal_count) from stdin
            """
        ) as copy:
            for gap, one in sorted(found.items()):
                if gap in counted or gap in lives or one.merged_into:
                    copy.write_row(
                        (
                            gap,
                            one.kind,
                            one.title,
                            one.topic,
                            one.parent,
                            one.merged_into,
                            *counted.get(gap, (None, None, 0, 0)),
                        )
                    )
        first = connection.execute(
            "select least((select min(interaction_date) from facts.ai_question_days), (select min(asked_date) from derived.gap_questions))"
        ).fetchone()[0]
        with cursor.copy(
            "copy derived.gap_statuses (gap_id, status_number, status, reason, decided_by, since, until) from stdin"
        ) as copy:
            for gap, life in sorted(lives.items()):
                for number, status in enumerate(life.statuses, start=1):
                    copy.write_row((gap, number, status.status, status.reason, status.by, status.since, status.until))
        with cursor.copy(
            """
            copy derived.gap_measures (gap_id, opened_by, window_days, window_end, asked_count, failed_count, lacking_count,
                unsure_count, misled_count, reference_asked_count, reference_count) from stdin
            """
        ) as copy:
            for gap, life in sorted(lives.items()):
                if life.measure is not None:
                    copy.write_row((gap, *_measure_row(life.measure, first)))
        with cursor.copy(
            """
            copy derived.gap_fixes (gap_id, fix_number, source, article_key, is_new_article, fixed_at, first_sign_on, before_asked_count,
                before_failed_count, after_asked_count, after_failed_count, measured_until, verdict) from stdin
            """
        ) as copy:
            for gap, life in sorted(lives.items()):
                for number, fix in enumerate(life.fixes, start=1):
                    source = "article" if fix.event.kind == "article" else "decision"
                    measured = min(first + timedelta(days=fix.measured_until), as_of.date())
                    copy.write_row(
                        (gap, number, source, fix.event.article_key, fix.event.is_new_article, fix.event.at,
                         first + timedelta(days=fix.first_sign),
                         *fix.before, *fix.after, measured, fix.verdict)
                    )  # fmt: skip


def _measure_row(one: Measure, first: date) -> tuple[Any, ...]:
    return (
        one.opened_by,
        one.days,
        first + timedelta(days=one.last),
        one.asked,
        round(one.failed),
        round(one.lacking),
        round(one.unsure),
        round(one.misled),
        one.reference_asked,
        one.reference,
    )
