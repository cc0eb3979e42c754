"""What a scoring run reads from the warehouse beside conversations: articles, the week's baseline, rows that stand already."""

from __future__ import annotations

from datetime import datetime, timedelta
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
"""Days before the week from which a baseline is made."""
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


def weekly_baseline(connection: psycopg.Connection, as_of: datetime, languages: tuple[str, ...]) -> Baseline:
    """The baseline of the ledger's week; made from the 90 days before that week when it is asked for first."""
    week = (as_of - timedelta(microseconds=1)).date()
    week -= timedelta(days=week.weekday())
    row = connection.execute("select definition from scores.baselines where week_starts_on = %s", [week]).fetchone()
    if row is not None:
        return Baseline(row[0])
    cases = _cases(connection, week, languages)
    made = fit(cases)
    connection.execute(
        """
        insert into scores.baselines (week_starts_on, baseline_id, interaction_count, definition) values (%s, %s, %s, %s)
        on conflict do nothing
        """,
        [week, made.baseline_id, len(cases), Jsonb(made.definition)],
    )
    return made


def _cases(connection: psycopg.Connection, week: Any, languages: tuple[str, ...]) -> list[tuple[Any, Any]]:
    rows = connection.execute(
        """
        with chosen as (
            select interaction_key, started_at, channel, language, topic
            from core.interactions
            where is_eligible and started_at >= %(week)s::date - %(days)s and started_at < %(week)s::date
            order by md5(interaction_key)
            limit %(most)s
        )
        select chosen.interaction_key, chosen.channel, chosen.language, chosen.topic,
            messages.actor, messages.agent_key, messages.sent_at, messages.text, messages.pii, messages.ordinal
        from chosen
        inner join core.messages as messages
            on chosen.interaction_key = messages.interaction_key and chosen.started_at = messages.interaction_started_at
        where not messages.is_internal and not messages.is_automation
            and messages.actor in ('customer', 'human_agent', 'ai_agent')
        order by chosen.interaction_key, messages.ordinal, messages.message_key
        """,
        {"week": week, "days": BASELINE_DAYS, "most": BASELINE_CASES},
    ).fetchall()
    read = feature_reader(PhraseMatcher({}))
    by_key: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_key.setdefault(row[0], []).append(row)
    cases = []
    for said in by_key.values():
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
        cases.append((first_contact(conversation), efforts))
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
