"""Which questions failed, and which gap each belongs to: `derived.gap_questions`, kept by what the facts worked out anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from touchstone.gaps import grouping
from touchstone.gaps.decisions import Applied

_CHANGED = """
    create temporary table gap_changed on commit drop as
    with signals as (
        select signals.message_key, count(*)::int as signal_count, min(signals.signalled_at) as signalled_at,
            min(signals.signalled_at) filter (where signals.signal_type = any(%(failure)s)) as failed_at,
            min(signals.signalled_at) filter (where signals.signal_type = any(%(lacking)s)) as lacking_at,
            min(signals.signalled_at) filter (where signals.signal_type = 'low_confidence') as unsure_at
        from facts.gap_signals as signals
        inner join facts.affected_interactions as affected using (interaction_key)
        group by signals.message_key
    ),
    -- a question failed although the AI agent was sure of an answer
    misled as (
        select signals.message_key, greatest(min(signals.failed_at), min(answers.sent_at)) as misled_at
        from facts.ai_questions as questions
        inner join facts.affected_interactions as affected using (interaction_key)
        inner join signals on signals.message_key = questions.message_key
        cross join lateral unnest(questions.answer_keys) as given (answer_key)
        inner join facts.answer_feedback as answers
            on answers.interaction_key = questions.interaction_key and answers.message_key = given.answer_key
        where signals.failed_at is not null and answers.stated_confidence >= %(sure)s and not answers.is_useful
        group by signals.message_key
    )
    select questions.message_key, questions.interaction_key, questions.topic,
        signals.failed_at is not null as is_failed, coalesce(signals.signal_count, 0) as signal_count,
        questions.topic = any(%(broad)s) as is_broad,
        questions.interaction_date as asked_date, questions.asked_at, signals.signalled_at, signals.failed_at, signals.lacking_at,
        signals.unsure_at, misled.misled_at
    from facts.ai_questions as questions
    inner join facts.affected_interactions as affected using (interaction_key)
    left join signals on signals.message_key = questions.message_key
    left join misled on misled.message_key = questions.message_key
    where signals.message_key is not null
        or (questions.topic = any(%(broad)s)
            and ('x' || left(questions.message_key, 8))::bit(32)::bigint < %(share)s * 4294967296)
    """
_GONE = """
    delete from derived.gap_questions as held
    where held.interaction_key in (select interaction_key from facts.affected_interactions)
        and not exists (select 1 from gap_changed as changed where changed.message_key = held.message_key)
    returning held.message_key
    """
# A question that is no longer of a broad topic has waited for nothing; one of a topic that has become broad is read.
_KEEP = """
    insert into derived.gap_questions as held (message_key, interaction_key, first_gap_id, topic, is_failed, signal_count,
        asked_date, asked_at, signalled_at, failed_at, lacking_at, unsure_at, misled_at)
    select message_key, interaction_key, case when not is_broad then 'g' || left(md5('topic:' || topic), 12) end, topic,
        is_failed, signal_count, asked_date, asked_at, signalled_at, failed_at, lacking_at, unsure_at, misled_at
    from gap_changed
    on conflict (message_key) do update
    set interaction_key = excluded.interaction_key,
        first_gap_id = case when excluded.first_gap_id is not null then excluded.first_gap_id
            when held.text_hash is not null then held.first_gap_id end,
        text_hash = case when excluded.first_gap_id is null then held.text_hash end,
        similarity = case when excluded.first_gap_id is null then held.similarity end,
        topic = excluded.topic, is_failed = excluded.is_failed, signal_count = excluded.signal_count,
        asked_date = excluded.asked_date, asked_at = excluded.asked_at, signalled_at = excluded.signalled_at,
        failed_at = excluded.failed_at, lacking_at = excluded.lacking_at, unsure_at = excluded.unsure_at,
        misled_at = excluded.misled_at
    where (held.interaction_key, held.topic, held.is_failed, held.signal_count, held.asked_date, held.asked_at,
        held.signalled_at, held.failed_at, held.lacking_at, held.unsure_at, held.misled_at, held.text_hash is null) is distinct from
        (excluded.interaction_key, excluded.topic, excluded.is_failed, excluded.signal_count, excluded.asked_date,
        excluded.asked_at, excluded.signalled_at, excluded.failed_at, excluded.lacking_at, excluded.unsure_at, excluded.misled_at,
        excluded.first_gap_id is not null)
    """
_UNREAD = """
    select changed.message_key, messages.text, md5(messages.text),
        (coalesce(changed.signalled_at, changed.asked_at) at time zone 'UTC')::date, changed.signal_count > 0
    from gap_changed as changed
    inner join derived.gap_questions as held on held.message_key = changed.message_key
    inner join core.interactions as interactions on interactions.interaction_key = changed.interaction_key
    inner join core.messages as messages
        on messages.interaction_started_at = interactions.started_at and messages.message_key = changed.message_key
    where changed.is_broad and held.text_hash is distinct from md5(messages.text)
    """


@dataclass(frozen=True)
class Kept:
    """What a run did to the questions."""

    changed: int
    gone: int
    read: int


def topic_gap(topic: str) -> str:
    """Id of the gap that the questions of a topic belong to."""
    return "g" + hashlib.md5(f"topic:{topic}".encode(), usedforsecurity=False).hexdigest()[:12]


def group_gap(number: int) -> str:
    """Id of the gap of a group of questions of broad topics."""
    return "g" + hashlib.md5(f"group:{number}".encode(), usedforsecurity=False).hexdigest()[:12]


def keep(connection: psycopg.Connection, state: grouping.State, parameters: Mapping[str, Any]) -> Kept:
    """Bring the questions of the affected interactions up to date, and give each its first gap."""
    connection.execute(
        _CHANGED,
        {
            "broad": list(parameters["gap_broad_topics"]),
            "share": parameters["gap_sample_share"],
            "failure": list(parameters["gap_failure_signals"]),
            "lacking": list(parameters["gap_lacking_signals"]),
            "sure": parameters["sure_confidence"],
        },
    )
    connection.execute("analyze gap_changed")
    gone = {key for (key,) in connection.execute(_GONE)}
    changed = connection.execute(_KEEP).rowcount
    unread = [grouping.Question(*row[:2], *row[3:]) for row in connection.execute(_UNREAD)]
    named = {key for (key,) in connection.execute("select message_key from gap_changed where not is_broad")}
    grouping.leave(state, gone | named | {one.key for one in unread})
    waiting = [key for key, _ in state.waiting]
    failed = {
        key
        for (key,) in connection.execute(
            "select message_key from derived.gap_questions where signal_count > 0 and message_key = any(%s)", [waiting]
        )
    }
    found = grouping.place(state, unread, failed, parameters["gap_first_questions"])
    connection.execute(
        """
        update derived.gap_questions as held
        set first_gap_id = null, similarity = null, text_hash = read.text_hash
        from unnest(%s::text[], %s::text[]) as read (message_key, text_hash)
        where held.message_key = read.message_key
        """,
        [[one.key for one in unread], [_digest(one.text) for one in unread]],
    )
    connection.execute(
        """
        update derived.gap_questions as held
        set first_gap_id = placed.gap_id, similarity = placed.similarity
        from unnest(%s::text[], %s::text[], %s::double precision[]) as placed (message_key, gap_id, similarity)
        where held.message_key = placed.message_key
        """,
        [
            list(found.groups),
            [group_gap(number) for number, _ in found.groups.values()],
            [similarity for _, similarity in found.groups.values()],
        ],
    )
    return Kept(changed, len(gone), len(unread))


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def move(connection: psycopg.Connection, applied: Applied) -> set[str]:
    """Put every question where the decisions say it belongs; returns interactions whose questions moved."""
    return {
        key
        for (key,) in connection.execute(
            """
            with placed as (
                select questions.message_key,
                    coalesce(last.into_gap_id, split.gap_id, merged.into_gap_id, questions.first_gap_id) as gap_id
                from derived.gap_questions as questions
                left join unnest(%(keys)s::text[], %(splits)s::text[]) as split (message_key, gap_id)
                    on split.message_key = questions.message_key
                left join unnest(%(gaps)s::text[], %(into)s::text[]) as merged (gap_id, into_gap_id)
                    on merged.gap_id = questions.first_gap_id
                left join unnest(%(gaps)s::text[], %(into)s::text[]) as last (gap_id, into_gap_id)
                    on last.gap_id = split.gap_id
            )
            update derived.gap_questions as questions set gap_id = placed.gap_id
            from placed
            where placed.message_key = questions.message_key and questions.gap_id is distinct from placed.gap_id
            returning questions.interaction_key
            """,
            {**_pairs(applied.split, "keys", "splits"), **_pairs(applied.into, "gaps", "into")},
        )
    }


def _pairs(values: Mapping[str, str], one: str, other: str) -> dict[str, Sequence[str]]:
    return {one: list(values), other: list(values.values())}


def note_scope(connection: psycopg.Connection, moved: Iterable[str], run_id: int) -> None:
    """Interactions whose gap marts are worked out again: until a build of the marts has succeeded they stay noted."""
    connection.execute(
        """
        delete from derived.gap_scope
        where run_id < (select max(run_id) from ops.runs where step = 'marts' and status = 'succeeded')
        """
    )
    connection.execute(
        """
        insert into derived.gap_scope (interaction_key, run_id)
        select interaction_key, %(run)s from facts.affected_interactions
        union
        select interaction_key, %(run)s from unnest(%(moved)s::text[]) as moved (interaction_key)
        on conflict (interaction_key) do update set run_id = excluded.run_id
        """,
        {"run": run_id, "moved": sorted(moved)},
    )
    connection.execute("analyze derived.gap_scope")
