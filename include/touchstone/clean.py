"""The clean step: personal data out of every message before core reads it.

A message is redacted with its conversation: what an agent asked for decides how the answer is read. So a message is redacted
again when its text, a message before it, their order or the redactor differs from what `clean.messages` was made with. A
killed run continues where it stopped, and a run without changes writes nothing. Each batch is one transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from touchstone.scoring.rows import copy_new_rows
from touchstone.settings import Settings
from touchstone.text.redact import REDACTOR_VERSION, Conversation, replaced
from touchstone.warehouse import changes, ledger
from touchstone.warehouse.engine import connect

_COLUMNS = ("message_key", "interaction_key", "body_hash", "redactor_version", "text", "pii", "context")
_UPSERT = """(message_key) do update set interaction_key = excluded.interaction_key, body_hash = excluded.body_hash,
    redactor_version = excluded.redactor_version, text = excluded.text, pii = excluded.pii, context = excluded.context"""

# Typed rows only: a message whose values do not fit their types is in quarantine and does not reach core. A conversation of which
# anything differs is read whole and in order; `is_due` says which of its rows differ. The context is a sum, so that one pass makes it.
_DUE = """
    with said as (
        select
            message_key, interaction_key, body_hash, text, actor, is_internal,
            row_number() over conversation as ordinal
        from staging.int_messages__unioned as messages
        where cardinality(_cast_errors) = 0
            and {chosen}
        window conversation as (partition by interaction_key order by sent_at, position, message_key)
    ),
    read_with as (
        select
            *,
            sum(hashtextextended(concat_ws(':', actor, is_internal, body_hash), ordinal)) over (
                partition by interaction_key order by ordinal
            ) as context
        from said
    ),
    compared as (
        select
            read_with.*,
            {compared} as is_due
        from read_with
        left join clean.messages as cleaned on read_with.message_key = cleaned.message_key
    ),
    chosen as (
        select *, bool_or(is_due) over (partition by interaction_key) as is_chosen from compared
    )
    select
        message_key, interaction_key, body_hash::text, text, context::text,
        case when is_internal then 'note' else actor end as actor, is_due
    from chosen
    where is_chosen
    order by interaction_key, ordinal
    """
_IS_PENDING = """exists (
                select from staging.pending_interactions as pending where pending.interaction_key = messages.interaction_key
            )"""
_OTHER_VERSIONS = "(select interaction_key from clean.messages where redactor_version <> %(version)s)"
_OF_PENDING = _DUE.format(
    chosen=_IS_PENDING,
    compared="""cleaned.message_key is null or cleaned.body_hash <> read_with.body_hash or cleaned.redactor_version <> %(version)s
                or cleaned.interaction_key <> read_with.interaction_key or cleaned.context is distinct from read_with.context""",
)
_OF_OTHERS = _DUE.format(
    chosen=f"not {_IS_PENDING} and interaction_key in {_OTHER_VERSIONS}",
    compared="cleaned.redactor_version is not null and cleaned.redactor_version <> %(version)s",
)


@dataclass(frozen=True)
class CleanResult:
    """What a run did.

    Attributes:
        redacted: Messages whose text was worked out (again) and written.
        removed: Messages that their source no longer has, or whose values no longer fit.
        interactions_redacted_again: Interactions without other changes that another redactor version touched.
        pii_count: Placeholders in the messages redacted by this run, by type.
    """

    redactor_version: str
    redacted: int
    removed: int
    interactions_redacted_again: int
    pii_count: dict[str, int]


def clean(as_of: datetime, settings: Settings | None = None, batch_messages: int = 20_000) -> CleanResult:
    """Redact what changed. The caller holds the pipeline lock.

    Args:
        as_of: End of the ledger day, UTC.
        batch_messages: Most messages of one transaction.
    """
    pii_count: dict[str, int] = {}
    redacted = 0
    again: set[str] = set()
    with (
        ledger.step("clean", as_of=as_of, settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone clean") as connection,
    ):
        run.versions["redactor"] = REDACTOR_VERSION
        removed = _remove_absent(connection)
        connection.commit()
        for query, is_pending in ((_OF_PENDING, True), (_OF_OTHERS, False)):
            redactor = _Redactor(pii_count)
            for batch in _read(query, batch_messages, settings):
                rows = [row for row in map(redactor, batch) if row is not None]
                run.rows_in += len(rows)
                copy_new_rows(connection, "clean", "messages", _COLUMNS, rows, on_conflict=_UPSERT)
                if not is_pending:
                    again |= _record_changes(connection, {row[1] for row in rows} - again, run.run_id)
                connection.commit()
                redacted += len(rows)
                run.rows_out += len(rows)
        run.detail |= {"removed": removed, "interactions_redacted_again": len(again), "pii": pii_count}
    return CleanResult(REDACTOR_VERSION, redacted, removed, len(again), pii_count)


def _read(query: str, size: int, settings: Settings | None) -> Iterator[list[tuple[Any, ...]]]:
    """Batches of one snapshot through a cursor on the server: memory holds one batch."""
    with (
        contextlib.closing(
            connect("transformer", settings=settings, application_name="touchstone clean reader")
        ) as reader,
        reader.cursor(name="messages_to_redact") as cursor,
    ):
        cursor.execute(query, {"version": REDACTOR_VERSION})
        while batch := cursor.fetchmany(size):
            yield batch


class _Redactor:
    """Makes rows of `clean.messages` of messages that come conversation by conversation, in order, over batches."""

    def __init__(self, pii_count: dict[str, int]) -> None:
        self._pii_count = pii_count
        self._interaction_key: str | None = None
        self._conversation = Conversation()

    def __call__(self, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The row to write; None for a message that is read for those after it only."""
        message_key, interaction_key, body_hash, text, context, actor, is_due = row
        if interaction_key != self._interaction_key:
            self._interaction_key = interaction_key
            self._conversation = Conversation()
        spans = self._conversation.find(actor, text)
        if not is_due:
            return None
        clean_text, pii = replaced(text, spans)
        for entry in pii:
            self._pii_count[entry["type"]] = self._pii_count.get(entry["type"], 0) + 1
        return message_key, interaction_key, body_hash, REDACTOR_VERSION, clean_text, pii, context


def _remove_absent(connection: psycopg.Connection) -> int:
    """Messages of pending interactions that staging no longer holds as typed rows."""
    return connection.execute(
        """
        delete from clean.messages as cleaned
        using staging.pending_interactions as pending
        where cleaned.interaction_key = pending.interaction_key
            and not exists (
                select from staging.int_messages__unioned as messages
                where messages.message_key = cleaned.message_key and messages.interaction_key = pending.interaction_key
                    and cardinality(messages._cast_errors) = 0
            )
        """
    ).rowcount


def _record_changes(connection: psycopg.Connection, keys: set[str], run_id: int) -> set[str]:
    """Have core take up interactions of which nothing but the redaction changed.

    They join the pending interactions of this run as well: core moves its watermark past every change that is there when
    it starts, so a change alone would be passed over.
    """
    changes.announce(connection, keys, run_id, "redacted_again")
    connection.execute(
        """
        insert into staging.pending_interactions (interaction_key)
        select key from unnest(%s::text[]) as key
        where not exists (select from staging.pending_interactions as pending where pending.interaction_key = key)
        """,
        [sorted(keys)],
    )
    return keys
