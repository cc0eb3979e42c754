"""Which interactions people are asked to judge: samples that look like the whole, and say how much.

A draw is stratified by topic, channel, complexity and outcome at once: it first takes a few of every value that is not
negligible, then walks the rest in the order of the strata in equal steps (systematic sampling with implicit stratification), so
that every share is kept. The order within a stratum is a digest of seed and key: the same seed draws the same interactions.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

from touchstone.errors import ConfigurationError
from touchstone.reviews.intake import digest
from touchstone.settings import Settings, get_settings

STRATA = ("topic", "channel", "complexity", "outcome")
GOLD, INTER_RATER, MONTHLY = "gold_sample", "inter_rater", "monthly_sample"
INTER_RATER_COUNT = range(20, 31)
"""Interactions of an inter-rater session: fewer tell little, more tire the raters."""
LEAST_OF_A_VALUE = 5
NEGLIGIBLE = 0.01
"""A value with a smaller share of the population is drawn as it comes."""
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Candidate:
    """One side of one scored interaction, with its strata."""

    interaction_key: str
    subject: str
    started_at: datetime
    input_hash: str
    rubric_version: str
    raised_at: datetime
    strata: Mapping[str, str]

    @property
    def id(self) -> str:
        return f"{self.interaction_key}:{self.subject}"


@dataclass(frozen=True)
class Balance:
    """Share of one value in the sample and in the population."""

    stratum: str
    value: str
    population: int
    population_share: float
    sample: int
    sample_share: float


@dataclass(frozen=True)
class Session:
    """What was drawn. `is_new` is false where the session was there already: nothing was drawn then."""

    session_id: str
    session_type: str
    drawn: int
    population: int
    raters: int
    balance: tuple[Balance, ...]
    is_new: bool


def draw(population: Sequence[Candidate], count: int, seed: str) -> list[Candidate]:
    """`count` candidates, or all when there are fewer; the same for the same population, count and seed."""
    order = sorted(population, key=lambda one: hashlib.sha256(f"{seed}:{one.id}".encode()).hexdigest())
    if count >= len(order):
        return order
    chosen: dict[str, Candidate] = {}
    values = Counter((name, one.strata[name]) for one in order for name in STRATA)
    floor = min(LEAST_OF_A_VALUE, max(1, count // (2 * max(1, len(values)))))
    for (name, value), size in sorted(values.items(), key=lambda item: (item[1], item[0])):
        if size < NEGLIGIBLE * len(order):
            continue
        have = sum(one.strata[name] == value for one in chosen.values())
        for one in order:
            if have >= floor or len(chosen) >= count:
                break
            if one.strata[name] == value and one.id not in chosen:
                chosen[one.id] = one
                have += 1
    # the sort is stable: candidates of one stratum stay in the order of the seed
    rest = sorted((one for one in order if one.id not in chosen), key=lambda one: [one.strata[name] for name in STRATA])
    wanted = count - len(chosen)
    for place in range(wanted):
        one = rest[(2 * place + 1) * len(rest) // (2 * wanted)]
        chosen[one.id] = one
    return sorted(chosen.values(), key=lambda one: one.id)


def balance(population: Iterable[Candidate], sample: Iterable[Candidate]) -> tuple[Balance, ...]:
    """Shares of every value of every stratum, the most frequent first."""
    population, sample = list(population), list(sample)
    found = []
    for name in STRATA:
        whole = Counter(one.strata[name] for one in population)
        part = Counter(one.strata[name] for one in sample)
        for value, size in sorted(whole.items(), key=lambda item: (-item[1], item[0])):
            found.append(
                Balance(
                    name,
                    value,
                    size,
                    size / len(population),
                    part[value],
                    part[value] / len(sample) if sample else 0.0,
                )
            )
    return tuple(found)


def candidates(connection: psycopg.Connection, first: datetime, last: datetime) -> list[Candidate]:
    """Scored sides of eligible interactions whose last message lies after `first` and up to `last`."""
    rows = connection.execute(
        """
        select interactions.interaction_key, scored.subject, interactions.started_at, interactions.input_hash,
            scored.rubric_version, interactions.last_message_at, interactions.topic, interactions.channel,
            to_jsonb(scored) ->> 'complexity',
            case
                when interactions.handled_by in ('ai_then_human', 'human_then_ai') then 'handed_over'
                when interactions.solved_at is not null then 'solved'
                else 'unsolved'
            end
        from core.interactions as interactions
        inner join staging.stg_scores__interaction_scores as scored
            on scored.interaction_started_at = interactions.started_at
            and scored.interaction_key = interactions.interaction_key and scored.input_hash = interactions.input_hash
        where interactions.is_eligible and scored.total_score is not null
            and interactions.last_message_at > %s and interactions.last_message_at <= %s
        """,
        [first, last],
    ).fetchall()
    return [
        Candidate(*row[:6], {name: value or UNKNOWN for name, value in zip(STRATA, row[6:], strict=True)})
        for row in rows
    ]


def gold(connection: psycopg.Connection, as_of: datetime, run_id: int, *, count: int, days: int, seed: str) -> Session:
    """Draw interactions for the gold set; those that have been reviewed, or wait in another sample, are passed over.

    Raises:
        ConfigurationError: There is nothing to draw from.
    """
    session_id = f"gold-{as_of:%Y-%m-%d}-{seed}"
    return _session(connection, GOLD, session_id, as_of, run_id, count=count, raters=1, days=days, seed=seed)


def inter_rater(
    connection: psycopg.Connection, as_of: datetime, run_id: int, *, count: int, days: int, seed: str, raters: int = 2
) -> Session:
    """Draw interactions that several people judge blind, so that it shows which criteria they read differently.

    Raises:
        ConfigurationError: `count` is outside 20 to 30, fewer than two raters, or there is nothing to draw from.
    """
    if count not in INTER_RATER_COUNT:
        raise ConfigurationError("an inter-rater session has 20 to 30 interactions", count, "Give --count 25.")
    if raters < 2:
        raise ConfigurationError("an inter-rater session needs several raters", raters, "Give --raters 2 or more.")
    session_id = f"inter-rater-{as_of:%Y-%m-%d}-{seed}"
    return _session(
        connection, INTER_RATER, session_id, as_of, run_id, count=count, raters=raters, days=days, seed=seed
    )


def monthly(
    connection: psycopg.Connection, as_of: datetime, run_id: int, settings: Settings | None = None
) -> Session | None:
    """The spot check of the month before that of `as_of`'s last moment; once per month, None where nothing was scored in it.

    It has `review_monthly_count` interactions, or as many as bring the month to `review_share_floor` of what was scored.
    """
    parameters = (settings or get_settings()).parameters
    present = (as_of - timedelta(microseconds=1)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    first = (present - timedelta(days=1)).replace(day=1)
    session_id = f"monthly-{first:%Y-%m}"
    if connection.execute("select 1 from feedback.review_sessions where session_id = %s", [session_id]).fetchone():
        return None
    before = present - timedelta(microseconds=1)
    population = candidates(connection, first - timedelta(microseconds=1), before)
    taken = _taken(connection)
    reviewed = sum(one.id in taken for one in population)
    floor = math.ceil(parameters["review_share_floor"] * len(population)) - reviewed
    count = max(parameters["review_monthly_count"], floor)
    if not population:
        return None
    return _draw_session(connection, MONTHLY, session_id, as_of, run_id, population, taken, count, 1, session_id)


def _session(
    connection: psycopg.Connection,
    session_type: str,
    session_id: str,
    as_of: datetime,
    run_id: int,
    *,
    count: int,
    raters: int,
    days: int,
    seed: str,
) -> Session:
    held = connection.execute(
        "select drawn_count, raters_per_interaction, strata from feedback.review_sessions where session_id = %s",
        [session_id],
    ).fetchone()
    if held:
        drawn, raters, strata = held
        shares = tuple(Balance(**one) for one in strata)
        population = sum(one.population for one in shares if one.stratum == STRATA[0])
        return Session(session_id, session_type, drawn, population, raters, shares, False)
    if count < 1:
        raise ConfigurationError("a sample has at least one interaction", count, "Give --count 250.")
    population = candidates(connection, as_of - timedelta(days=days), as_of)
    if not population:
        raise ConfigurationError(
            f"nothing was scored in the {days} days before {as_of:%Y-%m-%d}",
            None,
            "Run the cycle first, or give --days.",
        )
    return _draw_session(
        connection, session_type, session_id, as_of, run_id, population, _taken(connection), count, raters, seed
    )


def _taken(connection: psycopg.Connection) -> set[str]:
    """Sides that have been reviewed as a whole, or wait in a sample."""
    return {
        row[0]
        for row in connection.execute(
            """
            select interaction_key || ':' || subject from feedback.human_reviews
            where superseded_by is null and message_key is null
            union
            select interaction_key || ':' || subject from feedback.review_queue
            where status = 'open' and session_id is not null
            """
        )
    }


def _draw_session(
    connection: psycopg.Connection,
    session_type: str,
    session_id: str,
    as_of: datetime,
    run_id: int,
    population: list[Candidate],
    taken: set[str],
    count: int,
    raters: int,
    seed: str,
) -> Session:
    sample = draw([one for one in population if one.id not in taken], count, seed)
    shares = balance(population, sample)
    connection.execute(
        """
        insert into feedback.review_sessions
            (session_id, session_type, as_of, seed, drawn_count, raters_per_interaction, strata, run_id)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [session_id, session_type, as_of, seed, len(sample), raters, Jsonb([vars(one) for one in shares]), run_id],
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into feedback.review_queue (task_key, interaction_started_at, interaction_key, input_hash, subject,
                task_type, session_id, slot, rubric_version, priority, is_blind, raised_at, created_as_of, run_id)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1, true, %s, %s, %s)
            """,
            [
                (
                    digest([session_id, one.id, slot]),
                    one.started_at,
                    one.interaction_key,
                    one.input_hash,
                    one.subject,
                    session_type,
                    session_id,
                    slot,
                    one.rubric_version,
                    one.raised_at,
                    as_of,
                    run_id,
                )
                for one in sample
                for slot in range(1, raters + 1)
            ],
        )
    return Session(session_id, session_type, len(sample), len(population), raters, shares, True)
