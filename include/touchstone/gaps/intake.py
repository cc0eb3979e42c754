"""Decisions about gaps that people sent in, into `feedback.gap_decisions`; what cannot be applied goes to quarantine with the reason.

They arrive as feedback of the kind `gap_decisions`, by file or by table, where their columns were checked. Here they are held
against the gaps: which gap is meant, and whether what is to happen to it can.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg

KIND = "gap_decisions"
SOURCE = "feedback"
_SEPARATOR = re.compile(r"[\s,;]+")
_NEEDED = {"merge": "into_gap_id", "split": "message_keys", "assign": "owner_team", "publish": "article_id"}


class Refused(Exception):
    """A decision that cannot be applied: a code for counting, why, and what to do."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy


@dataclass(frozen=True)
class Intake:
    """How many decisions were new, and how many could not be applied."""

    new: int
    refused: int


def take_up(connection: psycopg.Connection, as_of: datetime, run_id: int) -> Intake:
    """Decisions that wait, in the caller's transaction."""
    waiting = connection.execute(
        """
        select records.record_id, records.record, records.arrived_by, records.file from feedback.records as records
        where records.kind = %s and records.superseded_by is null
            and not exists (
                select 1 from feedback.gap_decisions as taken where taken.decision_id = records.record_id
            )
            and not exists (
                select 1 from ops.quarantine as refused
                where refused.source = %s and refused.stream = %s and refused.record_id = records.record_id::text
            )
        order by records.record_id
        """,
        [KIND, SOURCE, KIND],
    ).fetchall()
    new = refused = 0
    for number, record, arrived_by, file in waiting:
        try:
            row = checked(connection, record)
        except Refused as fault:
            _quarantine(connection, number, record, fault, as_of, run_id)
            refused += 1
            continue
        new += connection.execute(
            """
            insert into feedback.gap_decisions (decision_id, decision_key, gap_id, decision, into_gap_id, message_keys, owner_team,
                owner, article_id, decided_by, reason, decided_at, arrived_by, file, taken_up_as_of, run_id)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            on conflict do nothing
            """,
            [number, decision_key(row), *row.values(), arrived_by, file, as_of, run_id],
        ).rowcount
    return Intake(new, refused)


def checked(connection: psycopg.Connection, record: dict[str, Any]) -> dict[str, Any]:
    """Columns of a decision, in the order of the table.

    Raises:
        Refused: It lacks something, or speaks of a gap or of questions that are not there.
    """
    decision = record["decision"]
    needed = _NEEDED.get(decision)
    if needed and not record.get(needed):
        raise Refused("missing_column", f"a decision {decision!r} without {needed}", f"Fill {needed}.")
    known = {
        gap
        for (gap,) in connection.execute(
            "select gap_id from derived.gap_candidates where gap_id = any(%s)",
            [[record["gap_id"], record.get("into_gap_id")]],
        )
    }
    for name in ("gap_id", "into_gap_id"):
        if record.get(name) and record[name] not in known:
            raise Refused(
                "unknown_gap", f"there is no gap {record[name]!r}", "Take gap_id from marts.fct_knowledge_gaps."
            )
    if decision == "merge" and record["into_gap_id"] == record["gap_id"]:
        raise Refused("same_gap", "a gap is to be merged into itself", "Name the gap that takes its questions over.")
    keys = sorted({key for key in _SEPARATOR.split(record.get("message_keys") or "") if key})
    if decision == "split":
        own = {
            key
            for (key,) in connection.execute(
                "select message_key from derived.gap_questions where message_key = any(%s) and gap_id = %s",
                [keys, record["gap_id"]],
            )
        }
        if set(keys) - own:
            raise Refused(
                "question_of_another_gap",
                f"not of gap {record['gap_id']}: {', '.join(sorted(set(keys) - own)[:5])}",
                "Take message_key from marts.fct_knowledge_gap_signals.",
            )
    return {
        "gap_id": record["gap_id"],
        "decision": decision,
        "into_gap_id": record.get("into_gap_id"),
        "message_keys": keys,
        "owner_team": record.get("owner_team"),
        "owner": record.get("owner"),
        "article_id": record.get("article_id"),
        "decided_by": record["decided_by"],
        "reason": record["reason"],
        "decided_at": datetime.fromisoformat(record["decided_at"]).astimezone(UTC),
    }


def decision_key(row: dict[str, Any]) -> str:
    """What tells a decision from others: the same one given twice is one."""
    told = [str(value) for name, value in row.items() if name != "reason"]
    return hashlib.md5("|".join(told).encode(), usedforsecurity=False).hexdigest()


def _quarantine(
    connection: psycopg.Connection, number: int, record: dict[str, Any], fault: Refused, as_of: datetime, run_id: int
) -> None:
    identity = uuid.UUID(hashlib.md5(f"{KIND}:{number}".encode(), usedforsecurity=False).hexdigest())
    connection.execute(
        """
        insert into ops.quarantine (quarantine_id, source, instance, stream, record_id, reason_code, reason, remedy, payload,
            run_id, as_of)
        values (%s, %s, 'gaps', %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict do nothing
        """,
        [
            identity,
            SOURCE,
            KIND,
            str(number),
            fault.code,
            fault.reason,
            fault.remedy,
            orjson.dumps(
                {name: record.get(name) for name in ("gap_id", "decision", "into_gap_id", "decided_at")}
            ).decode(),
            run_id,
            as_of,
        ],
    )
