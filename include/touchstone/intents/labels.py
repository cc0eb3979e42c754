"""Labelled questions out of the warehouse, as `touchstone intents train` reads them.

What a person said a conversation is about comes first, then what a cluster of new questions was promoted to, then the topic that the
helpdesk states. The text is the one that the step `intents` reads, redacted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from touchstone.errors import TouchstoneError
from touchstone.intents.files import require_format, write_rows
from touchstone.intents.questions import openings
from touchstone.settings import Settings, get_settings
from touchstone.warehouse.engine import connect

LABEL, PROMOTED, TOPIC = "label", "promoted", "topic"
COLUMNS = ("id", "text", "intent", "language", "channel", "source")
PER_INTENT = 500
_READ_AT_ONCE = 5_000

_LABELLED = """
    select distinct on (records.interaction_key, records.message_key)
        records.interaction_key, interactions.started_at, records.message_key, records.record ->> 'true_intent',
        interactions.language, interactions.channel
    from feedback.records as records
    inner join core.interactions as interactions on interactions.interaction_key = records.interaction_key
    where records.kind = 'intent_labels' and records.superseded_by is null and interactions.is_eligible
    order by records.interaction_key, records.message_key,
        (records.record ->> 'labelled_at')::timestamptz desc nulls last, records.record_id desc
    """
_PROMOTED = """
    select questions.interaction_key, interactions.started_at, null, clusters.intent, interactions.language, interactions.channel
    from derived.novel_questions as questions
    inner join derived.novel_intents as clusters
        on clusters.cluster_id = questions.cluster_id and clusters.status = 'promoted'
    inner join core.interactions as interactions
        on interactions.interaction_key = questions.interaction_key and interactions.is_eligible
    where not questions.interaction_key = any(%s)
    order by questions.interaction_key
    """
_TOPICS = """
    select interaction_key, started_at, null, topic, language, channel
    from (
        select *, row_number() over (partition by topic order by started_at desc, interaction_key) as place
        from core.interactions
        where is_eligible and topic <> 'unknown' and not interaction_key = any(%s)
    ) as interactions
    where place <= %s
    order by interaction_key
    """
_MESSAGES = """
    select messages.message_key, messages.text
    from unnest(%s::text[], %s::timestamptz[]) as wanted (message_key, started_at)
    inner join core.messages as messages
        on messages.interaction_started_at = wanted.started_at and messages.message_key = wanted.message_key
    """


@dataclass
class Exported:
    """What was written: rows by source, and how many labelled places had nothing to read."""

    rows: Counter[str] = field(default_factory=Counter)
    intents: int = 0
    unreadable: int = 0


def export_labels(
    path: str | Path, settings: Settings | None = None, *, with_topics: bool = True, per_intent: int = PER_INTENT
) -> Exported:
    """Write labelled questions to a file.

    Args:
        with_topics: Whether topics of the helpdesk stand in where nobody has labelled.
        per_intent: Most questions of one topic, the newest.

    Raises:
        ConfigurationError: The file is of an unknown format.
        TouchstoneError: Nothing is labelled.
    """
    require_format(path)
    done = Exported()
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    with connect("transformer", settings=settings, application_name="touchstone intents labels") as connection:
        labelled = connection.execute(_LABELLED).fetchall()
        taken = {row[0] for row in labelled}
        _add(connection, labelled, LABEL, columns, done, settings)
        promoted = connection.execute(_PROMOTED, [sorted(taken)]).fetchall()
        taken |= {row[0] for row in promoted}
        _add(connection, promoted, PROMOTED, columns, done, settings)
        if with_topics:
            _add(
                connection,
                connection.execute(_TOPICS, [sorted(taken), per_intent]).fetchall(),
                TOPIC,
                columns,
                done,
                settings,
            )
    if not columns["id"]:
        raise TouchstoneError(
            "no question of the warehouse is labelled",
            None,
            "Import labels with `touchstone feedback import intent_labels FILE`, or group questions with `touchstone intents discover`.",
        )
    done.intents = len(set(columns["intent"]))
    write_rows(path, columns)
    return done


def _add(
    connection: psycopg.Connection,
    rows: list[tuple[Any, ...]],
    source: str,
    columns: Mapping[str, list[Any]],
    done: Exported,
    settings: Settings | None,
) -> None:
    least = (settings or get_settings()).parameters["intent_least_words"]
    for first in range(0, len(rows), _READ_AT_ONCE):
        part = rows[first : first + _READ_AT_ONCE]
        asked = openings(connection, [(row[0], row[1]) for row in part if row[2] is None], least)
        messages = [(row[2], row[1]) for row in part if row[2] is not None]
        said = dict(
            connection.execute(_MESSAGES, [[key for key, _ in messages], [moment for _, moment in messages]]).fetchall()
        )
        for interaction, _, message, intent, language, channel in part:
            text = said.get(message) if message else (asked[interaction].text if interaction in asked else None)
            if not text or not text.strip():
                done.unreadable += 1
                continue
            values = (message or interaction, text, intent, language, channel, source)
            for name, value in zip(COLUMNS, values, strict=True):
                columns[name].append(value)
            done.rows[source] += 1
