"""`feedback.review_queue`: what people are asked to judge, and which of their reviews answered it.

Two rules put interactions here by themselves: a certainty below `review_confidence`, and a shown score below `review_low_score` in
any one metric (of the total: below the tier acceptable). They hold for present content alone, so a task leaves when its rule no longer holds (withdrawn) or when
nobody took it for `review_recent_days` (expired). Samples and sessions put tasks here too and stay until they are done.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from touchstone.settings import Settings, get_settings

UNCERTAIN, LOW_SCORE = "uncertain", "low_score"
# Which of several open tasks a review is said to come from: the one that was asked for most deliberately.
PRECEDENCE = ("inter_rater", "gold_sample", "monthly_sample", UNCERTAIN, LOW_SCORE)

# What readers see of recent interactions, a row per side and metric; a null score is not rated and flags nothing. The views of
# staging know which scorer and which model are active.
_FLAGGED = """
    with recent as (
        select interaction_key, started_at, input_hash, handled_by, last_message_at
        from core.interactions
        where is_eligible and last_message_at > %(oldest)s and last_message_at <= %(as_of)s
    ),
    models as (
        select * from staging.stg_scores__model_scores
    ),
    judged as (
        select interaction_key, subject, dimension_id, input_hash, interaction_started_at, raw_score as score, confidence
        from staging.stg_scores__dimension_scores
        union all
        select interaction_key, subject, 'overall', input_hash, interaction_started_at, total_score, confidence
        from staging.stg_scores__interaction_scores
    ),
    shown as (
        select recent.interaction_key, recent.started_at, recent.input_hash, recent.handled_by, recent.last_message_at,
            judged.subject, judged.dimension_id,
            coalesce(models.score, judged.score) as score,
            coalesce(models.confidence, judged.confidence) as confidence
        from recent
        inner join judged on judged.interaction_started_at = recent.started_at
            and judged.interaction_key = recent.interaction_key and judged.input_hash = recent.input_hash
        left join models on models.interaction_started_at = recent.started_at
            and models.interaction_key = recent.interaction_key and models.input_hash = recent.input_hash
            and models.subject = judged.subject and models.dimension_id = judged.dimension_id
    ),
    sides as (
        select interaction_key, subject, started_at, input_hash, handled_by, last_message_at,
            array_agg(dimension_id order by dimension_id) filter (
                where score < case when dimension_id = 'overall' then %(low_total)s else %(low)s end
            ) as low,
            array_agg(dimension_id order by dimension_id) filter (where confidence < %(certain)s) as uncertain,
            min(score) filter (where dimension_id = 'overall') as total_score,
            min(confidence) as confidence
        from shown
        group by interaction_key, subject, started_at, input_hash, handled_by, last_message_at
    )
    select sides.*, totals.is_critical_failure, trajectories.sentiment_level, totals.rubric_version
    from sides
    inner join staging.stg_scores__interaction_scores as totals on totals.interaction_started_at = sides.started_at
        and totals.interaction_key = sides.interaction_key and totals.input_hash = sides.input_hash
        and totals.subject = sides.subject
    left join staging.stg_scores__trajectories as trajectories on trajectories.interaction_started_at = sides.started_at
        and trajectories.interaction_key = sides.interaction_key and trajectories.input_hash = sides.input_hash
    where sides.low is not null or sides.uncertain is not null
    order by sides.last_message_at, sides.interaction_key, sides.subject
    """

_PUT = """
    insert into feedback.review_queue (task_key, interaction_started_at, interaction_key, input_hash, subject, task_type,
        rubric_version, metrics, priority, priority_parts, is_blind, raised_at, created_as_of, run_id)
    values (md5(concat_ws(':', %(task_type)s::text, %(interaction_key)s::text, %(subject)s::text)), %(started_at)s,
        %(interaction_key)s, %(input_hash)s, %(subject)s, %(task_type)s, %(rubric_version)s, %(metrics)s, %(priority)s, %(parts)s,
        %(is_blind)s, %(raised_at)s, %(as_of)s, %(run_id)s)
    on conflict (task_key) do update
    set status = 'open', input_hash = excluded.input_hash, rubric_version = excluded.rubric_version, metrics = excluded.metrics,
        priority = excluded.priority, priority_parts = excluded.priority_parts, raised_at = excluded.raised_at,
        closed_as_of = null, run_id = excluded.run_id
    where review_queue.status <> 'done' and (review_queue.status, review_queue.input_hash, review_queue.rubric_version,
        review_queue.metrics, review_queue.priority_parts, review_queue.raised_at)
        is distinct from ('open', excluded.input_hash, excluded.rubric_version, excluded.metrics, excluded.priority_parts,
        excluded.raised_at)
    """


def apply_rules(connection: psycopg.Connection, as_of: datetime, run_id: int, settings: Settings | None = None) -> int:
    """Bring the tasks of the rules to what they say of the present scores, in the caller's transaction.

    Returns:
        Open tasks of the rules.
    """
    parameters = (settings or get_settings()).parameters
    oldest = as_of - timedelta(days=parameters["review_recent_days"])
    cursor = connection.execute(
        _FLAGGED,
        {
            "oldest": oldest,
            "as_of": as_of,
            "low": parameters["review_low_score"],
            "low_total": parameters["tier_acceptable"],
            "certain": parameters["review_confidence"],
        },
    )
    names = [column.name for column in cursor.description or ()]
    tasks: list[dict[str, Any]] = []
    for values in cursor:
        side = dict(zip(names, values, strict=True))
        parts = priority_parts(side, parameters["review_priority"])
        for task_type, metrics in ((UNCERTAIN, side["uncertain"]), (LOW_SCORE, side["low"])):
            if metrics:
                tasks.append(
                    {
                        "task_type": task_type,
                        "metrics": metrics,
                        "parts": Jsonb(parts),
                        "priority": round(sum(parts.values()), 4),
                        "is_blind": task_type == UNCERTAIN,
                        "raised_at": side["last_message_at"],
                        "as_of": as_of,
                        "run_id": run_id,
                        **{
                            name: side[name]
                            for name in ("interaction_key", "started_at", "input_hash", "subject", "rubric_version")
                        },
                    }
                )
    with connection.cursor() as writer:
        writer.executemany(_PUT, tasks)
    wanted = [(task["task_type"], task["interaction_key"], task["subject"]) for task in tasks]
    connection.execute(
        """
        update feedback.review_queue as queue
        set status = case when queue.raised_at <= %(oldest)s then 'expired' else 'withdrawn' end,
            closed_as_of = %(as_of)s, run_id = %(run)s
        where queue.status = 'open' and queue.task_type = any(%(types)s)
            and not exists (
                select from unnest(%(task_types)s::text[], %(keys)s::text[], %(subjects)s::text[])
                    as wanted (task_type, interaction_key, subject)
                where wanted.task_type = queue.task_type and wanted.interaction_key = queue.interaction_key
                    and wanted.subject = queue.subject
            )
        """,
        {
            "oldest": oldest,
            "as_of": as_of,
            "run": run_id,
            "types": [UNCERTAIN, LOW_SCORE],
            "task_types": [task_type for task_type, _, _ in wanted],
            "keys": [key for _, key, _ in wanted],
            "subjects": [subject for _, _, subject in wanted],
        },
    )
    withdraw_absent(connection, as_of, run_id)
    return len(tasks)


def priority_parts(side: dict[str, Any], weights: dict[str, float]) -> dict[str, float]:
    """What makes a task urgent, each part with its share: flags times their weights, and 1 - certainty."""
    parts = {
        "critical_failure": weights["critical_failure"] * bool(side["is_critical_failure"]),
        "low_total": weights["low_total"] * ("overall" in (side["low"] or ())),
        "low_metrics": weights["low_metric"] * sum(one != "overall" for one in side["low"] or ()),
        "sentiment": weights["sentiment"].get(side["sentiment_level"], 0.0),
        "handed_over": weights["handed_over"] * (side["handled_by"] == "ai_then_human"),
        "uncertainty": 0.0 if side["confidence"] is None else round(1 - side["confidence"], 4),
    }
    return {name: float(value) for name, value in parts.items() if value}


def withdraw_absent(connection: psycopg.Connection, as_of: datetime, run_id: int) -> None:
    """Nobody is asked about an interaction that its source has deleted or that is no longer eligible."""
    connection.execute(
        """
        update feedback.review_queue as queue set status = 'withdrawn', closed_as_of = %s, run_id = %s
        where queue.status = 'open' and not exists (
            select from core.interactions as interactions
            where interactions.interaction_key = queue.interaction_key and interactions.is_eligible
        )
        """,
        [as_of, run_id],
    )


def answer(connection: psycopg.Connection, rows: list[dict[str, Any]], as_of: datetime) -> None:
    """Find the tasks that reviews answer, close them, and give each row its `source` and `task_key`.

    A review answers every open task about its interaction and side that was made before it. Of an inter-rater session it
    answers one slot, and only where the reviewer holds no other slot of the same interaction. A row of an interaction whose
    task the same reviewer has answered belongs to that task too.

    Args:
        rows: Rows of `feedback.human_reviews`; `source` and `task_key` are set.
    """
    tasks: dict[tuple[str, str], list[dict[str, Any]]] = {}
    names = (
        "task_key",
        "interaction_key",
        "subject",
        "task_type",
        "session_id",
        "slot",
        "status",
        "reviewer",
        "created_as_of",
    )
    for values in connection.execute(
        f"""
        select {", ".join(names)} from feedback.review_queue
        where interaction_key = any(%s) and status in ('open', 'done') order by task_type, session_id, slot, task_key
        """,  # noqa: S608 - names of columns
        [sorted({row["interaction_key"] for row in rows})],
    ):
        task = dict(zip(names, values, strict=True))
        tasks.setdefault((task["interaction_key"], task["subject"]), []).append(task)
    closed: list[dict[str, Any]] = []
    for row in rows:
        mine = [
            task
            for task in tasks.get((row["interaction_key"], row["subject"]), ())
            if _answers(row["reviewed_at"], task["created_as_of"])
        ]
        held = {task["session_id"] for task in mine if task["session_id"] and task["reviewer"] == row["reviewer"]}
        for task in mine:
            if task["status"] == "open" and not (task["session_id"] and task["session_id"] in held):
                task |= {"status": "done", "reviewer": row["reviewer"]}
                held.add(task["session_id"])
                closed.append(task)
        own = [task for task in mine if task["reviewer"] == row["reviewer"]]
        own.sort(key=lambda task: PRECEDENCE.index(task["task_type"]))
        row["source"] = own[0]["task_type"] if own else row["arrived_by"]
        row["task_key"] = own[0]["task_key"] if own else None
    with connection.cursor() as cursor:
        cursor.executemany(
            "update feedback.review_queue set status = 'done', reviewer = %s, closed_as_of = %s where task_key = %s",
            [(task["reviewer"], as_of, task["task_key"]) for task in closed],
        )


def _answers(reviewed_at: datetime | None, created_as_of: datetime) -> bool:
    """A review that was given before the ledger day on which the task was made answers something else."""
    return reviewed_at is None or reviewed_at >= created_as_of - timedelta(days=1)
