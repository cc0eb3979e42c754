"""Do the answers to similar questions contradict each other: pairs of one week, of one version of an AI agent, from the same articles.

`facts.answer_pairs` says which answers are compared; a pair is compared once, and again when a text of it has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
import psycopg

from touchstone.gaps.articles import LEAST_OVERLAP
from touchstone.rubric.model import primary
from touchstone.scoring.knowledge import Library, claims, contradictions
from touchstone.text.markers import MARKER_LANGUAGES
from touchstone.text.phrases import lower_in_place

_PAIRS = """
    select pairs.message_key, pairs.other_message_key, pairs.week_start, pairs.language, pairs.answer_keys, pairs.other_answer_keys,
        verdicts.digest
    from facts.answer_pairs as pairs
    inner join facts.affected_question_weeks as weeks on pairs.week_start = weeks.week_start
    left join derived.answer_verdicts as verdicts
        on pairs.message_key = verdicts.message_key and pairs.other_message_key = verdicts.other_message_key
    """
_DELETE = """
    delete from derived.answer_verdicts as verdicts
    using facts.affected_question_weeks as weeks
    where verdicts.week_start = weeks.week_start
        and not exists (
            select 1 from facts.answer_pairs as pairs
            where pairs.message_key = verdicts.message_key and pairs.other_message_key = verdicts.other_message_key
                and pairs.week_start = verdicts.week_start
        )
    """


@dataclass(frozen=True)
class Exchange:
    """A question and what was answered, redacted."""

    question: str
    answer: str


def judge(connection: psycopg.Connection) -> int:
    """Compare the answers of the pairs that are new or have changed; returns how many these were."""
    connection.execute(_DELETE)
    pairs = connection.execute(_PAIRS).fetchall()
    digests = _digests(connection, {key for pair in pairs for keys in _sides(pair) for key in keys})
    waiting = []
    for pair in pairs:
        digest = hashlib.sha256("".join(digests[key] for keys in _sides(pair) for key in keys).encode()).hexdigest()
        if digest != pair[-1]:
            waiting.append((pair, digest))
    texts = _texts(connection, {key for pair, _ in waiting for keys in _sides(pair) for key in keys})
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into derived.answer_verdicts (message_key, other_message_key, week_start, digest, claim_kinds)
            values (%s, %s, %s, %s, %s)
            on conflict (message_key, other_message_key) do update
            set week_start = excluded.week_start, digest = excluded.digest, claim_kinds = excluded.claim_kinds
            """,
            [
                (*pair[:3], digest, contradicted(*(_exchange(keys, texts) for keys in _sides(pair)), pair[3]))
                for pair, digest in waiting
            ],
        )
    return len(waiting)


def contradicted(one: Exchange, other: Exchange, language: str | None) -> list[str]:
    """Kinds of claim in which each answer states something else than the other does about the same matter.

    Claims that a customer brought along (their order, their amount) are theirs, and contradict nothing.

    Args:
        language: Of the conversation; languages without markers are not read, and nothing contradicts in them.
    """
    spoken = primary(language) if language else "en"
    if spoken not in MARKER_LANGUAGES or one.answer == other.answer:
        return []
    if not all(claims(lower_in_place(exchange.answer)) for exchange in (one, other)):
        return []
    kinds: set[str] | None = None
    for first, second in ((one, other), (other, one)):
        known = frozenset((claim.kind, claim.value) for claim in claims(lower_in_place(first.question)))
        library = Library(
            pd.DataFrame([{"article_key": "answer", "title": "", "body": second.answer, "language": spoken}])
        )
        found = {claim.kind for claim in contradictions("", first.answer, library, spoken, LEAST_OVERLAP, known)}
        kinds = found if kinds is None else kinds & found
    return sorted(kinds or ())


def _sides(pair: Sequence) -> tuple[list[str], list[str]]:
    """Messages of either side: the question, then its answers."""
    return [pair[0], *pair[4]], [pair[1], *pair[5]]


def _exchange(keys: Sequence[str], texts: dict[str, str]) -> Exchange:
    return Exchange(texts[keys[0]], "\n".join(texts[key] for key in keys[1:]))


def _digests(connection: psycopg.Connection, keys: Iterable[str]) -> dict[str, str]:
    return dict(
        connection.execute(
            "select message_key, body_hash::text || redactor_version from clean.messages where message_key = any(%s)",
            [sorted(keys)],
        ).fetchall()
    )


def _texts(connection: psycopg.Connection, keys: Iterable[str]) -> dict[str, str]:
    return dict(
        connection.execute(
            "select message_key, text from clean.messages where message_key = any(%s)", [sorted(keys)]
        ).fetchall()
    )
