"""The simulated company as the owner of a database of its own: a writer that moves its tables on, some rows committed late."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from touchstone.sandbox.model import Company, Conversation
from touchstone.sandbox.state import fold, moments, shown_at

HELD_BACK = timedelta(minutes=50)
"""How much older than its commit a row may be; less than the overlap of a run."""


@dataclass(frozen=True)
class Layout:
    """How one database writes what the company knows.

    Attributes:
        actors: Its words for who speaks.
        moment: A time as it stores it.
    """

    conversations: sa.Table
    messages: sa.Table
    changes: sa.Table | None
    actors: dict[str, Any]
    moment: Callable[[datetime | None], Any]


def chatbot(metadata: sa.MetaData) -> Layout:
    """A chatbot's tables in PostgreSQL: chats of users with bots, with a schema and words of its own."""
    time = sa.DateTime(timezone=True)
    return Layout(
        sa.Table(
            "chats",
            metadata,
            sa.Column("no", sa.BigInteger, sa.Identity(), primary_key=True),
            sa.Column("ref", sa.Text, unique=True, nullable=False),
            sa.Column("user_ref", sa.Text),
            sa.Column("state", sa.Text),
            sa.Column("began", time, nullable=False),
            sa.Column("removed", time),
            sa.Column("went_into", sa.Text),
            sa.Column("changed", time, nullable=False, index=True),
            schema="Bot",
        ),
        sa.Table(
            "chat lines",  # a name that has to be quoted
            metadata,
            sa.Column("uid", sa.Uuid, primary_key=True),
            sa.Column("ref", sa.Text, nullable=False),
            sa.Column("chat", sa.Text, nullable=False),
            sa.Column("by", sa.Text, nullable=False),
            sa.Column("speaker", sa.Text),
            sa.Column("private", sa.Boolean, nullable=False),
            sa.Column("body", sa.Text, nullable=False),
            sa.Column("said", time, nullable=False),
            sa.Column("changed", time),
            sa.Column("mood", sa.Text),
            schema="Bot",
        ),
        sa.Table(
            "state_log",
            metadata,
            sa.Column("n", sa.BigInteger, sa.Identity(), primary_key=True),
            sa.Column("chat", sa.Text),
            sa.Column("state", sa.Text),
            sa.Column("at", time),
            schema="Bot",
        ),
        {"customer": "user", "ai_agent": "bot", "human_agent": "staff", "system": "machine"},
        lambda moment: moment,
    )


def helpdesk(metadata: sa.MetaData) -> Layout:
    """A homegrown helpdesk in SQLite: times are text without a zone, truth is 0 or 1, numbers stand for words."""

    def moment(value: datetime | None) -> str | None:
        return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

    return Layout(
        sa.Table(
            "tickets",
            metadata,
            sa.Column("no", sa.Integer, primary_key=True),
            sa.Column("ref", sa.Text, unique=True, nullable=False),
            sa.Column("user_ref", sa.Text),
            sa.Column("state", sa.Text),
            sa.Column("began", sa.Text),
            sa.Column("removed", sa.Text),
            sa.Column("went_into", sa.Text),
            sa.Column("changed", sa.Text, nullable=False, index=True),
        ),
        sa.Table(
            "posts",
            metadata,
            sa.Column("uid", sa.Text, primary_key=True),
            sa.Column("ref", sa.Text, nullable=False),
            sa.Column("chat", sa.Text, nullable=False),
            sa.Column("by", sa.Integer, nullable=False),
            sa.Column("speaker", sa.Text),
            sa.Column("private", sa.Integer, nullable=False),
            sa.Column("body", sa.Text, nullable=False),
            sa.Column("said", sa.Text, nullable=False),
            sa.Column("changed", sa.Text),
            sa.Column("mood", sa.Text),
        ),
        None,
        {"customer": 1, "ai_agent": 2, "human_agent": 3, "system": 4},
        moment,
    )


class Writer:
    """Brings the tables from moment to moment.

    Args:
        late: Share of changed rows that are committed with the next step only, under their own time.
    """

    def __init__(self, engine: sa.Engine, layout: Layout, company: Company, late: float, desk: str = "zendesk") -> None:
        self._engine = engine
        self._layout = layout
        self._conversations = [one for one in company.conversations if one.desk == desk]
        self._dice = random.Random(3)
        self._late = late
        self._waiting: list[tuple[sa.Table, dict[str, Any]]] = []
        self._present = datetime.min.replace(tzinfo=UTC)
        self.late_rows = 0

    def move_on(self, now: datetime) -> None:
        """Commit what was held back, and what happened since the last step."""
        changed: list[tuple[sa.Table, dict[str, Any]]] = []
        for one in self._conversations:
            if one.created_at <= now and any(self._present < moment <= now for moment in moments(one)):
                changed += self._rows(one, now)
        rows = self._waiting
        self._waiting = []
        for table, row in changed:
            moment = row.pop("_moment")
            is_late = (
                table is not self._layout.changes and now - moment < HELD_BACK and self._dice.random() < self._late
            )
            (self._waiting if is_late else rows).append((table, row))
        self.late_rows += len(self._waiting)
        with self._engine.begin() as connection:
            for table, row in rows:
                self._write(connection, table, row)
        self._present = now

    def _write(self, connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
        if table is self._layout.changes:
            connection.execute(table.insert().values(**row))
            return
        updated = connection.execute(table.update().where(table.c.ref == row["ref"]).values(**row))
        if not updated.rowcount:
            connection.execute(table.insert().values(**row))

    def _rows(self, one: Conversation, now: datetime) -> list[tuple[sa.Table, dict[str, Any]]]:
        layout, state = self._layout, fold(one, now)
        moment = layout.moment
        shown = {event.message_id: shown_at(event) for event in one.events if event.kind == "message"}
        rows = [
            (
                layout.conversations,
                {
                    "ref": one.conversation_id,
                    "user_ref": one.customer_id,
                    "state": state.status,
                    "began": moment(one.created_at),
                    "removed": moment(state.deleted_at),
                    "went_into": state.merged_into,
                    "changed": moment(state.stated_at),
                    "_moment": state.stated_at,
                },
            )
        ]
        for message in state.messages:
            changed = max(shown[message.message_id], message.redacted_at or message.sent_at)
            if changed <= self._present:
                continue
            is_first = message.redacted_at is None
            rows.append(
                (
                    layout.messages,
                    {
                        "uid": _uid(layout, message.message_id),
                        "ref": message.message_id,
                        "chat": one.conversation_id,
                        "by": layout.actors[message.actor],
                        "speaker": message.actor_id or None,
                        "private": message.is_internal if layout.changes is not None else int(message.is_internal),
                        "body": message.text,
                        "said": moment(message.sent_at),
                        # as many tables have it: null until the first change, unless it came to light later
                        "changed": None if is_first and changed == message.sent_at else moment(changed),
                        "_moment": changed,
                    },
                )
            )
        if layout.changes is not None:
            for event in one.events:
                if event.kind == "status" and self._present < event.at <= now:
                    row = {"chat": one.conversation_id, "state": event.value, "at": event.at, "_moment": event.at}
                    rows.append((layout.changes, row))
        return rows


def _uid(layout: Layout, message_id: str) -> Any:
    import uuid

    made = uuid.uuid5(uuid.NAMESPACE_OID, message_id)
    return made if layout.changes is not None else str(made)
