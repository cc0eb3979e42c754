"""What a scoring run reads from the warehouse beside conversations: articles, the week's baseline, rows that stand already."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import psycopg
from psycopg.types.json import Jsonb

from touchstone.rubric.model import SUBJECTS, Rubric, primary
from touchstone.scoring.baselines import Baseline, effort, first_contact, fit
from touchstone.scoring.conversation import Conversation, Turn, feature_reader
from touchstone.scoring.knowledge import Library
from touchstone.scoring.scorer import Facts, Stored, reading_version
from touchstone.text.markers import marker_lists
from touchstone.text.phrases import PhraseMatcher

BASELINE_DAYS = 90
"""Days from which a baseline is made."""
SETTLED_DAYS = 7
"""Days between the youngest of them and the week: what was said since may still go on."""
BASELINE_CASES = 5_000
"""Most interactions behind a baseline, chosen by the digest of their keys."""


def library(connection: psycopg.Connection) -> Library | None:
    """All versions of the articles that were ever visible; None where there are none. The label `policy` makes a policy."""
    if connection.execute("select to_regclass('core.article_versions')").fetchone()[0] is None:
        return None
    rows = connection.execute(
        """
        select article_key, version_number, title, body, locale,
            case when labels @> '["policy"]' then 'policy' else 'article' end as kind, valid_from, valid_to
        from core.article_versions
        where not coalesce(is_draft, false)
        order by article_key, version_number
        """
    ).fetchall()
    if not rows:
        return None
    names = ["article_key", "version", "title", "body", "language", "kind", "valid_from", "valid_to"]
    return Library(pd.DataFrame(rows, columns=names, dtype=object))


class Baselines:
    """Baselines of the weeks in which interactions started, each made when it is first asked for and kept as it was made.

    A week's baseline is made from interactions that started in the 90 days up to a week before it: what is that old has settled.
    Held against the week of its start, an interaction has the same baseline in a backfill as it had on its day.
    """

    def __init__(self, connection: psycopg.Connection, languages: tuple[str, ...]) -> None:
        self._connection, self._languages = connection, languages
        self._made: dict[date, Baseline] = {}
        self._cases: dict[str, tuple[Any, Any]] = {}

    def of(self, week: date) -> Baseline:
        """The baseline of the week (UTC) that starts on a Monday."""
        found = self._made.get(week)
        if found is None:
            row = self._connection.execute(
                "select definition from scores.baselines where week_starts_on = %s", [week]
            ).fetchone()
            found = self._made[week] = Baseline(row[0]) if row else self._make(week)
        return found

    def _make(self, week: date) -> Baseline:
        until = week - timedelta(days=SETTLED_DAYS)
        keys = [
            key
            for (key,) in self._connection.execute(
                """
                select interaction_key from core.interactions
                where is_eligible and started_at >= %s and started_at < %s
                order by md5(interaction_key), interaction_key limit %s
                """,
                [_midnight(until - timedelta(days=BASELINE_DAYS)), _midnight(until), BASELINE_CASES],
            )
        ]
        new = [key for key in keys if key not in self._cases]
        self._cases |= _cases(self._connection, new, self._languages)
        kept = [self._cases[key] for key in keys if key in self._cases]
        made = fit(kept)
        self._connection.execute(
            """
            insert into scores.baselines (week_starts_on, baseline_id, interaction_count, definition)
            values (%s, %s, %s, %s) on conflict do nothing
            """,
            [week, made.baseline_id, len(kept), Jsonb(made.definition)],
        )
        return made


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _cases(connection: psycopg.Connection, keys: list[str], languages: tuple[str, ...]) -> dict[str, tuple[Any, Any]]:
    """(first contact, effort by side) of interactions that anybody replied to."""
    if not keys:
        return {}
    rows = connection.execute(
        """
        select interactions.interaction_key, interactions.channel, interactions.language, interactions.topic,
            messages.actor, messages.agent_key, messages.sent_at, messages.text, messages.pii, messages.ordinal
        from core.interactions as interactions
        inner join core.messages as messages
            on interactions.interaction_key = messages.interaction_key
            and interactions.started_at = messages.interaction_started_at
        where interactions.interaction_key = any(%s) and not messages.is_internal and not messages.is_automation
            and messages.actor in ('customer', 'human_agent', 'ai_agent')
        order by interactions.interaction_key, messages.ordinal, messages.message_key
        """,
        [keys],
    ).fetchall()
    read = feature_reader(PhraseMatcher({}))
    by_key: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_key.setdefault(row[0], []).append(row)
    cases = {}
    for key, said in by_key.items():
        turns = [
            Turn(
                place,
                "",
                actor if actor in SUBJECTS else None,
                agent,
                text,
                sent_at.timestamp(),
                pii or (),
                read(text),
                0.0,
            )
            for place, (_, _, _, _, actor, agent, sent_at, text, pii, _) in enumerate(said)
        ]
        _, channel, language, topic, *_ = said[0]
        language = primary(language) if language and primary(language) in languages else languages[0]
        conversation = Conversation({"channel": channel, "topic": topic}, language, turns, marker_lists(language))
        efforts = {subject: effort(conversation, subject) for subject in conversation.replies}
        cases[key] = first_contact(conversation), efforts
    return cases


def stored_rows(connection: psycopg.Connection, first: int, last: int, rubric: Rubric) -> Stored:
    """Rows of the queue's interactions that stand for their present content and the rubric's indicator versions."""
    place = {"first": first, "last": last, "reading": reading_version(rubric)}
    present = """
        from score_queue as queue
        inner join core.interactions as interactions on queue.interaction_key = interactions.interaction_key
        inner join scores.{} as scored
            on scored.interaction_started_at = interactions.started_at
            and scored.interaction_key = interactions.interaction_key
            and scored.input_hash = interactions.input_hash
        """
    outcomes: dict[str, dict[str, dict[str, str]]] = {}
    for key, subject, indicator, outcome in connection.execute(
        f"""
        select scored.interaction_key, scored.subject, scored.indicator_id, scored.outcome
        {present.format("indicator_scores")}
        inner join unnest(%(ids)s::text[], %(versions)s::text[]) as wanted (indicator_id, indicator_version)
            on scored.indicator_id = wanted.indicator_id and scored.indicator_version = wanted.indicator_version
        where queue.place between %(first)s and %(last)s
        """,
        place | {"ids": [one.id for one in rubric.indicators], "versions": [one.version for one in rubric.indicators]},
    ):
        outcomes.setdefault(key, {}).setdefault(subject, {})[indicator] = outcome
    facts: dict[str, dict[str, Facts]] = {}
    for key, subject, *values in connection.execute(
        f"""
        select distinct on (scored.interaction_key, scored.subject)
            scored.interaction_key, scored.subject, scored.{", scored.".join(Facts._fields)}
        {present.format("interaction_scores")}
        where queue.place between %(first)s and %(last)s and scored.unrated_reason is null and scored.language is not null
        order by scored.interaction_key, scored.subject, scored.scored_as_of, scored.scorer_version
        """,
        place,
    ):
        facts.setdefault(key, {})[subject] = Facts(*values)
    read = connection.execute(
        f"""
        select scored.interaction_key {present.format("trajectories")}
        where queue.place between %(first)s and %(last)s and scored.reading_version = %(reading)s
        """,
        place,
    ).fetchall()
    return Stored(outcomes, facts, frozenset(key for (key,) in read))
