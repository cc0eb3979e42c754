"""The score step: every eligible interaction that has no score of the active scorer for its present content.

What is missing is found by looking, not remembered: an interaction is missing when `scores.interaction_scores` has no row of
its present `input_hash` and this scorer's version. Each batch is one transaction, so a killed run leaves whole batches, and
the next run scores the rest. A version that is new to readers looks at all interactions and becomes the active one when all
of them are scored; an active one looks only at what changed since its watermark.

A new version makes again only what it changes: rows of indicator versions and readings that stand for the same content are
added up, not made again. After a change of weights no message is read; after a change of one indicator or behaviour, only
its rows and the totals are made.

Comparisons of runs leave out `scored_at`, the one column that holds the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import psycopg

from touchstone.errors import WarehouseError
from touchstone.reviews.apply import apply_models
from touchstone.rubric import Rubric, load_rubric
from touchstone.scoring import registry
from touchstone.scoring.context import Context, resolved
from touchstone.scoring.rows import copy_new_rows
from touchstone.scoring.scorer import COLUMNS, SENTIMENT_VERSION, ScoreFrames, Stored, score_batch, wanted_indicators
from touchstone.scoring.warehouse import Baselines, library, stored_rows
from touchstone.settings import Settings, get_settings
from touchstone.warehouse import changes, ledger
from touchstone.warehouse.engine import connect

STEP = "score"
BATCH_MESSAGES = 20_000
"""A batch ends early when it holds this many messages; one interaction is never split."""

_INTERACTION_COLUMNS = (
    "interaction_key",
    "interaction_started_at",
    "input_hash",
    "channel",
    "language",
    "topic",
    "product_area",
    "handled_by",
    "is_repeat_contact",
)
_MESSAGE_COLUMNS = (
    "interaction_key",
    "message_key",
    "ordinal",
    "actor",
    "agent_key",
    "agent_version",
    "sent_at",
    "text",
    "pii",
    "is_internal",
    "is_automation",
    "word_count",
)


@dataclass(frozen=True)
class ScoreResult:
    """What a run did.

    Attributes:
        scorer_version: The version that readers see after the run.
        rubric_version: The rubric's stored version.
        interactions: Interactions scored by this run.
        interactions_read: Those of them whose messages had to be read.
        batches: Transactions that they took.
        rows: Rows written, by table of `scores`.
        is_new_version: Whether this run made the version the active one.
    """

    scorer_version: str
    rubric_version: str
    interactions: int
    interactions_read: int
    batches: int
    rows: dict[str, int]
    is_new_version: bool


def score(
    as_of: datetime,
    settings: Settings | None = None,
    batch_interactions: int = 500,
    progress: Callable[[int, int], None] | None = None,
    rubric: Rubric | None = None,
    context: Context | None = None,
) -> ScoreResult:
    """Score what is missing. The caller holds the pipeline lock.

    Args:
        as_of: End of the ledger day, UTC; stored as `scored_as_of`.
        batch_interactions: Most interactions of one transaction.
        progress: Called after each batch with (interactions done, interactions to do).
        rubric: What to score by; None is the shipped one.
        context: Canned texts, models and judge; articles and baselines are read from the warehouse where it has none, and a
            judge is the environment's.

    Raises:
        ConfigurationError: The rubric is not approved.
        WarehouseError: Core has not been built.
        TouchstoneError: An interaction cannot be judged; its key is named, and nothing of its batch is written.
    """
    stated = rubric or load_rubric()
    stated.require_approved()
    with (
        ledger.step(STEP, as_of=as_of, settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone score") as connection,
        _with_judge(context or Context(), stated, str(run.run_id), settings) as context,
    ):
        rubric = resolved(stated, context)
        wanted = wanted_indicators(rubric)
        newest = _core_watermark(connection)
        version = registry.register(connection, rubric)
        is_new = not registry.is_active(connection, version)
        total = _find_missing(connection, version, newest, everything=is_new)
        connection.commit()
        run.rows_in = total
        run.versions |= {"scorer": version, "rubric": rubric.full_version, "sentiment": SENTIMENT_VERSION}
        if total:
            context = _completed(connection, context, rubric)
        baselines = Baselines(connection, rubric.languages) if context.baseline is None else None
        rows = dict.fromkeys(COLUMNS, 0)
        done = batches = read = 0
        for first, last, week in _batches(connection, batch_interactions):
            if baselines is not None:
                context = replace(context, baseline=baselines.of(week))
            stored = stored_rows(connection, first, last, rubric) if is_new else Stored()
            interactions = _interactions(connection, first, last)
            unread = [key for key in interactions["interaction_key"] if not stored.is_complete(key, wanted)]
            messages = _messages(connection, first, last, interactions, unread)
            frames = score_batch(interactions, messages, stated, context, stored)
            for table, count in _write(connection, frames, as_of, run.run_id).items():
                rows[table] += count
            connection.commit()
            batches += 1
            done += len(interactions)
            read += len(unread)
            run.rows_out = done
            if progress:
                progress(done, total)
        if is_new:
            _announce_all(connection, version, run.run_id)
            registry.activate(connection, version)
            connection.commit()
        run.detail["models"] = apply_models(connection, as_of, run.run_id)
        _move_watermark(connection, newest, run.run_id, as_of)
        connection.commit()
        run.detail |= {"batches": batches, "rows": rows, "interactions_read": read}
        return ScoreResult(version, rubric.full_version, done, read, batches, rows, is_new)


@contextmanager
def _with_judge(context: Context, rubric: Rubric, run_id: str, settings: Settings | None) -> Iterator[Context]:
    """The context with the judge that the environment asks for, where the rubric has a question for it and it has none."""
    if context.judge is not None or all(one.evaluator != "llm" for one in rubric.indicators):
        yield context
        return
    from touchstone.judge.settings import judge_settings

    asked = judge_settings()
    if not asked.enabled:
        yield context
        return
    from touchstone.judge.judge import open_judge
    from touchstone.judge.store import Store

    with Store(settings=settings) as store, open_judge(asked, store, run_id) as judge:
        # whose verdict counts decides outcomes, so rows of either have versions of their own
        version = judge.version if asked.on_disagreement == "rule" else f"{judge.version}+counts"
        yield replace(context, judge=judge, evaluator_versions={**context.evaluator_versions, "llm": version})


def _core_watermark(connection: psycopg.Connection) -> int:
    """The last change that core has taken up: what came later is not in core yet, and stays for the next run."""
    row = connection.execute("select change_id from ops.watermarks where step = 'core'").fetchone()
    if row is None:
        raise WarehouseError(
            "core has not been built", None, "Run the core step first, or the whole cycle: `touchstone run`."
        )
    return row[0]


def _find_missing(connection: psycopg.Connection, version: str, newest: int, *, everything: bool) -> int:
    """Number the interactions to score in a temporary table, oldest first."""
    connection.execute(
        """
        create temporary table score_queue (
            place bigint primary key, interaction_key text not null, started_at timestamptz not null, message_count int not null
        )
        """
    )
    changed = """
        and interactions.interaction_key in (
            select changes.interaction_key from ops.interaction_changes as changes
            where changes.change_id > coalesce((select change_id from ops.watermarks where step = %(step)s), 0)
                and changes.change_id <= %(newest)s and changes.reason <> 'scored'
        )
        """
    connection.execute(
        f"""
        insert into score_queue
        select
            row_number() over (order by interactions.started_at, interactions.interaction_key),
            interactions.interaction_key,
            interactions.started_at,
            interactions.customer_message_count + interactions.human_message_count + interactions.ai_message_count
        from core.interactions as interactions
        where interactions.is_eligible
            and not exists (
                select from scores.interaction_scores as scored
                where scored.interaction_started_at = interactions.started_at
                    and scored.interaction_key = interactions.interaction_key
                    and scored.input_hash = interactions.input_hash
                    and scored.scorer_version = %(version)s
            )
            {"" if everything else changed}
        """,  # noqa: S608 - the inserted text is one of two constants
        {"version": version, "step": STEP, "newest": newest},
    )
    connection.execute("analyze score_queue")
    return connection.execute("select count(*) from score_queue").fetchone()[0]


def _batches(connection: psycopg.Connection, size: int) -> Iterator[tuple[int, int, date]]:
    """(first, last) places of each batch, and the Monday (UTC) of the week in which all of its interactions started."""
    queue = connection.execute(
        "select message_count, date_trunc('week', started_at, 'UTC')::date from score_queue order by place"
    ).fetchall()
    first = 1
    messages = 0
    for place, (count, week) in enumerate(queue, 1):
        if place > first:
            week_before = queue[place - 2][1]
            if place - first >= size or messages + count > BATCH_MESSAGES or week != week_before:
                yield first, place - 1, week_before
                first, messages = place, 0
        messages += count
    if queue:
        yield first, len(queue), queue[-1][1]


def _completed(connection: psycopg.Connection, context: Context, rubric: Rubric) -> Context:
    """The context with what the warehouse has, as far as the rubric asks for it."""
    detectors = {one.detector for one in rubric.indicators}
    if context.library is None and "grounded" in detectors:
        context = replace(context, library=library(connection))
    return context


def _interactions(connection: psycopg.Connection, first: int, last: int) -> pd.DataFrame:
    rows = connection.execute(
        """
        select interactions.interaction_key, interactions.started_at, interactions.input_hash, interactions.channel,
            interactions.language, interactions.topic, interactions.product_area, interactions.handled_by,
            case when interactions.customer_key is not null then exists (
                select from core.interactions as earlier
                where earlier.customer_key = interactions.customer_key and earlier.topic = interactions.topic
                    and earlier.topic <> 'unknown' and earlier.interaction_key <> interactions.interaction_key
                    and earlier.is_eligible and earlier.started_at < interactions.started_at
                    and earlier.started_at >= interactions.started_at - make_interval(days => %(gap)s)
            ) end as is_repeat_contact
        from score_queue as queue
        inner join core.interactions as interactions on queue.interaction_key = interactions.interaction_key
        where queue.place between %(first)s and %(last)s
        order by queue.place
        """,
        {"first": first, "last": last, "gap": get_settings().parameters["issue_gap_days"]},
    ).fetchall()
    return _frame(_INTERACTION_COLUMNS, rows)


def _messages(
    connection: psycopg.Connection, first: int, last: int, interactions: pd.DataFrame, keys: list[str]
) -> pd.DataFrame:
    if not keys:
        return _frame(_MESSAGE_COLUMNS, [])
    started = interactions["interaction_started_at"]
    messages = connection.execute(
        """
        select messages.interaction_key, messages.message_key, messages.ordinal, messages.actor, messages.agent_key,
            messages.agent_version, messages.sent_at, messages.text, messages.pii, messages.is_internal,
            messages.is_automation, messages.word_count
        from core.messages as messages
        inner join score_queue as queue
            on messages.interaction_key = queue.interaction_key and messages.interaction_started_at = queue.started_at
        where queue.place between %s and %s and messages.interaction_started_at between %s and %s
            and messages.interaction_key = any(%s)
        """,
        [first, last, started.min(), started.max(), keys],
    ).fetchall()
    return _frame(_MESSAGE_COLUMNS, messages)


def _frame(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    values = zip(*rows, strict=True) if rows else ((),) * len(columns)
    return pd.DataFrame(
        {name: pd.Series(list(column), dtype=object) for name, column in zip(columns, values, strict=True)}
    )


def _write(connection: psycopg.Connection, frames: ScoreFrames, as_of: datetime, run_id: int) -> dict[str, int]:
    """All rows of a batch and its changes; months that are new get their partitions first."""
    written: dict[str, int] = {}
    scored = frames.interaction_scores
    moments = set(scored["interaction_started_at"].tolist())
    for table, frame in frames.items():
        changes.ensure_months(connection, f"scores.{table}", moments)
        columns, rows = COLUMNS[table], zip(*(frame[name].tolist() for name in frame.columns), strict=True)
        if table == "interaction_scores":
            stamp = (as_of, datetime.now(UTC))
            columns, rows = (*columns, "scored_as_of", "scored_at"), ((*row, *stamp) for row in rows)
        written[table] = copy_new_rows(connection, "scores", table, columns, rows)
    changes.announce(connection, scored["interaction_key"].tolist(), run_id)
    return written


def _announce_all(connection: psycopg.Connection, version: str, run_id: int) -> None:
    """Readers are about to see another version: what it scored before this run has changed for them too."""
    connection.execute(
        """
        insert into ops.interaction_changes (interaction_key, reason, run_id)
        select interactions.interaction_key, 'scored', %(run)s
        from core.interactions as interactions
        where interactions.is_eligible
            and interactions.interaction_key not in (select interaction_key from score_queue)
            and exists (
                select from scores.interaction_scores as scored
                where scored.interaction_started_at = interactions.started_at
                    and scored.interaction_key = interactions.interaction_key
                    and scored.input_hash = interactions.input_hash
                    and scored.scorer_version = %(version)s
            )
        order by interactions.interaction_key
        """,
        {"run": run_id, "version": version},
    )


def _move_watermark(connection: psycopg.Connection, change_id: int, run_id: int, as_of: datetime) -> None:
    connection.execute(
        """
        insert into ops.watermarks (step, change_id, run_id, as_of) values (%s, %s, %s, %s)
        on conflict (step) do update
        set change_id = excluded.change_id, run_id = excluded.run_id, as_of = greatest(watermarks.as_of, excluded.as_of),
            updated_at = clock_timestamp()
        """,
        [STEP, change_id, run_id, as_of],
    )
