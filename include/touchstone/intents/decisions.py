"""What people decided about clusters of new questions (feedback kind `intent_decisions`), and `derived.novel_intents`, which shows it.

Decisions are events: they apply in the order in which they were made. Of a cluster that went into another one, a later decision is
about that other one. None of them touches a question: a promoted cluster gives labels for the next training, and questions are taken
for known once a model that has learned from them is active.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from touchstone.scoring.rows import copy_new_rows

OPEN, PROMOTED, DISMISSED, MERGED = "open", "promoted", "dismissed", "merged"
PROMOTE, DISMISS, MERGE, REOPEN = DECISIONS = ("promote", "dismiss", "merge", "reopen")
_COLUMNS = (
    "cluster_id",
    "name",
    "status",
    "into_cluster_id",
    "intent",
    "owner_team",
    "decided_by",
    "decided_at",
    "promoted_at",
    "question_count",
    "novel_count",
    "first_seen_at",
    "last_seen_at",
    "is_learned",
)


@dataclass(frozen=True)
class Decision:
    """A record of feedback."""

    record_id: int
    cluster_id: str
    decision: str
    intent: str | None
    into_cluster_id: str | None
    owner_team: str | None
    by: str
    at: datetime


@dataclass(frozen=True)
class Standing:
    """What holds for a cluster after all decisions; `last` is the one that made it so."""

    status: str
    last: Decision


@dataclass
class Applied:
    """All decisions, in their order.

    Attributes:
        standings: By cluster, where anything was decided.
        into: Cluster that took each merged one over, the last in the chain.
        without_effect: Numbers of the records that name a cluster that there is not, or merge one into itself.
    """

    standings: dict[str, Standing] = field(default_factory=dict)
    into: dict[str, str] = field(default_factory=dict)
    without_effect: list[int] = field(default_factory=list)


def read(connection: psycopg.Connection, as_of: datetime) -> list[Decision]:
    """Decisions that were made by the end of the ledger day, in their order."""
    return [
        Decision(*row)
        for row in connection.execute(
            """
            select record_id, record ->> 'cluster_id', record ->> 'decision', record ->> 'intent', record ->> 'into_cluster_id',
                record ->> 'owner_team', record ->> 'decided_by', (record ->> 'decided_at')::timestamptz
            from feedback.records
            where kind = 'intent_decisions' and superseded_by is null and (record ->> 'decided_at')::timestamptz < %s
            order by (record ->> 'decided_at')::timestamptz, record_id
            """,
            [as_of],
        )
    ]


def apply(decisions: list[Decision], clusters: Collection[str]) -> Applied:
    """What holds after all of them.

    Args:
        clusters: Ids of all clusters.
    """
    found = Applied()
    for one in decisions:
        cluster = found.into.get(one.cluster_id, one.cluster_id)
        if cluster not in clusters:
            found.without_effect.append(one.record_id)
        elif one.decision == MERGE:
            into = found.into.get(one.into_cluster_id or "", one.into_cluster_id)
            if into not in clusters or into == cluster:
                found.without_effect.append(one.record_id)
                continue
            for name in [name for name, target in found.into.items() if target == cluster]:
                found.into[name] = into
            found.into[cluster] = into
            found.standings[cluster] = Standing(MERGED, one)
        else:
            status = {PROMOTE: PROMOTED, DISMISS: DISMISSED, REOPEN: OPEN}[one.decision]
            found.standings[cluster] = Standing(status, one)
    return found


def write(connection: psycopg.Connection, names: Mapping[str, str], applied: Applied, learned: Collection[str]) -> None:
    """Bring `derived.novel_intents` up to date, in the caller's transaction.

    Args:
        names: Of all clusters, by id.
        learned: Intents of the active model.
    """
    counted = {
        row[0]: row[1:]
        for row in connection.execute(
            """
            select cluster_id, count(*)::int, count(*) filter (where is_novel)::int, min(asked_at), max(asked_at)
            from derived.novel_questions where cluster_id is not null group by cluster_id
            """
        )
    }
    rows = []
    for cluster, name in names.items():
        standing = applied.standings.get(cluster)
        status = standing.status if standing else OPEN
        last = standing.last if standing else None
        intent = last.intent if last and status == PROMOTED else None
        count, novel, first, newest = counted.get(cluster, (0, 0, None, None))
        rows.append(
            (
                cluster,
                name,
                status,
                applied.into.get(cluster),
                intent,
                last.owner_team if last else None,
                last.by if last else None,
                last.at if last else None,
                last.at if last and status == PROMOTED else None,
                count,
                novel,
                first,
                newest,
                intent in learned,
            )
        )
    changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
    copy_new_rows(
        connection, "derived", "novel_intents", _COLUMNS, rows, on_conflict=f"(cluster_id) do update set {changes}"
    )
