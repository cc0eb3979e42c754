"""What a reviewer needs, as a file: the conversation with personal data replaced, and rows to fill in.

CSV has one row per task and dimension with the columns of a review file: filled in, it is imported as it is; rows that stay
empty are passed over. JSONL has one object per task. Text that a spreadsheet would take for a formula is neutralised.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg

from touchstone.errors import ConfigurationError
from touchstone.exports import safe_cell
from touchstone.learning.reviews import OVERALL
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

FORMATS = (".csv", ".jsonl")
MOST_CELL = 32_000
"""A spreadsheet's cell holds 32,767 characters; a longer conversation is cut there, and whole in JSONL."""
SCALE = (1, 5)
_COLUMNS = (
    "interaction_id",
    "subject",
    "reviewer",
    "dimension",
    "value",
    "scale_min",
    "scale_max",
    "reviewed_at",
    "rubric_version",
    "blind",
    "tier",
    "title",
    "task_type",
    "session_id",
    "slot",
    "source_interaction_id",
    "channel",
    "topic",
    "started_at",
    "reasons",
    "conversation",
)


@dataclass(frozen=True)
class Export:
    """What was written."""

    path: Path
    tasks: int
    rows: int


def export(
    path: str | Path,
    settings: Settings | None = None,
    *,
    task_type: str | None = None,
    session_id: str | None = None,
    slot: int | None = None,
    limit: int | None = None,
) -> Export:
    """Write open tasks, the most urgent first.

    Args:
        path: Ends in .csv or .jsonl.
        slot: Of an inter-rater session: each rater gets a slot of their own.

    Raises:
        ConfigurationError: The name of the file says no known format, or no task is open.
    """
    target = Path(path)
    if target.suffix not in FORMATS:
        raise ConfigurationError(
            "a file of an unknown format", str(path), f"Its name must end in {' or '.join(FORMATS)}."
        )
    with connect("transformer", settings=settings, application_name="touchstone reviews export") as connection:
        tasks = list(_tasks(connection, task_type, session_id, slot, limit))
        if not tasks:
            raise ConfigurationError(
                "no such task is open", session_id or task_type, "`touchstone reviews queue` shows what is."
            )
        dimensions = _dimensions(connection)
    target.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    if target.suffix == ".jsonl":
        with target.open("wb") as file:
            for task in tasks:
                file.write(orjson.dumps(task | {"dimensions": dimensions.get(task["rubric_version"], [])}) + b"\n")
        rows = len(tasks)
    else:
        with target.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for task in tasks:
                for row in _sheet(task, dimensions.get(task["rubric_version"], [])):
                    writer.writerow([safe_cell(row[name]) for name in _COLUMNS])
                    rows += 1
    return Export(target, len(tasks), rows)


def _sheet(task: dict[str, Any], dimensions: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    """Rows to fill in; the conversation stands in the first of each task."""
    transcript = "\n".join(f"[{one['sent_at']}] {one['actor']}: {one['text']}" for one in task["messages"])
    for number, dimension in enumerate([*dimensions, {"dimension": OVERALL, "title": "Overall"}]):
        row = dict.fromkeys(_COLUMNS, "")
        row |= {name: task[name] for name in _COLUMNS if task.get(name) is not None}
        yield row | {
            "interaction_id": task["interaction_key"],
            "dimension": dimension["dimension"],
            "title": dimension["title"],
            "scale_min": SCALE[0],
            "scale_max": SCALE[1],
            "blind": "true" if task["blind"] else "false",
            "reasons": " ".join(task["metrics"]),
            "conversation": transcript[:MOST_CELL] if number == 0 else "",
        }


def _dimensions(connection: psycopg.Connection) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for version, dimension, title in connection.execute(
        "select rubric_version, dimension_id, title from scores.rubric_dimensions order by rubric_version, ordinal"
    ):
        found.setdefault(version, []).append({"dimension": dimension, "title": title})
    return found


def _tasks(
    connection: psycopg.Connection, task_type: str | None, session_id: str | None, slot: int | None, limit: int | None
) -> Iterator[dict[str, Any]]:
    rows = connection.execute(
        """
        select queue.task_key, queue.interaction_key, queue.subject, queue.task_type, queue.session_id, queue.slot,
            queue.rubric_version, queue.is_blind, queue.metrics, interactions.source, interactions.instance,
            interactions.interaction_id, interactions.channel, interactions.topic, interactions.started_at,
            (
                select coalesce(jsonb_agg(jsonb_build_object('actor', messages.actor, 'message_id', messages.message_id,
                    'sent_at', to_char(messages.sent_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                    'text', messages.text) order by messages.ordinal), '[]')
                from core.messages as messages
                where messages.interaction_key = interactions.interaction_key
                    and messages.interaction_started_at = interactions.started_at and not messages.is_internal
            )
        from feedback.review_queue as queue
        inner join core.interactions as interactions on queue.interaction_key = interactions.interaction_key
        where queue.status = 'open' and (%(type)s::text is null or queue.task_type = %(type)s)
            and (%(session)s::text is null or queue.session_id = %(session)s) and (%(slot)s::int is null or queue.slot = %(slot)s)
        order by queue.priority desc, queue.raised_at, queue.task_key
        limit %(limit)s
        """,
        {"type": task_type, "session": session_id, "slot": slot, "limit": limit},
    )
    for row in rows:
        names = ("task_key", "interaction_key", "subject", "task_type", "session_id", "slot", "rubric_version", "blind")
        task = dict(zip(names, row[:8], strict=True))
        yield task | {
            # the metrics that raised a task would tell a blind reviewer what the machine thinks
            "metrics": [] if row[7] else row[8],
            "source": row[9],
            "instance": row[10],
            "source_interaction_id": row[11],
            "channel": row[12],
            "topic": row[13],
            "started_at": row[14].isoformat(),
            "messages": row[15],
        }
