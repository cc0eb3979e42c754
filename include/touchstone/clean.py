"""The clean step: personal data out of every message before core reads it.

A message is redacted when its text or the redactor differs from what `clean.messages` was made with, so that a killed run
continues where it stopped, and a run without changes writes nothing. Each batch is one transaction.
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
from touchstone.text.redact import REDACTOR_VERSION, redact
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect

_COLUMNS = ("message_key", "interaction_key", "body_hash", "redactor_version", "text", "pii")
_UPSERT = """(message_key) do update set interaction_key = excluded.interaction_key, body_hash = excluded.body_hash,
    redactor_version = excluded.redactor_version, text = excluded.text, pii = excluded.pii"""

# Both read typed rows only: a message whose values do not fit their types is in quarantine and does not reach core.
_OF_PENDING = """
    select messages.message_key, messages.interaction_key, messages.body_hash::text, messages.text
    from staging.int_messages__unioned as messages
    inner join staging.pending_interactions as pending on messages.interaction_key = pending.interaction_key
    left join clean.messages as cleaned on messages.message_key = cleaned.message_key
    where cardinality(messages._cast_errors) = 0
        and (cleaned.message_key is null or cleaned.body_hash <> messages.body_hash or cleaned.redactor_version <> %s)
    """
_OF_OTHERS = """
    select messages.message_key, messages.interaction_key, messages.body_hash::text, messages.text
    from staging.int_messages__unioned as messages
    inner join clean.messages as cleaned on messages.message_key = cleaned.message_key
    where cardinality(messages._cast_errors) = 0 and cleaned.redactor_version <> %s
        and not exists (
            select from staging.pending_interactions as pending where pending.interaction_key = messages.interaction_key
        )
    """


@dataclass(frozen=True)
class CleanResult:
    """What a run did.

    Attributes:
        redacted: Messages whose text was worked out (again).
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
            for batch in _read(query, batch_messages, settings):
                run.rows_in += len(batch)
                rows = [_redacted(row, pii_count) for row in batch]
                copy_new_rows(connection, "clean", "messages", _COLUMNS, rows, on_conflict=_UPSERT)
                if not is_pending:
                    again |= _record_changes(connection, {row[1] for row in batch} - again, run.run_id)
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
        cursor.execute(query, [REDACTOR_VERSION])
        while batch := cursor.fetchmany(size):
            yield batch


def _redacted(row: tuple[Any, ...], pii_count: dict[str, int]) -> tuple[Any, ...]:
    message_key, interaction_key, body_hash, text = row
    clean_text, pii = redact(text)
    for entry in pii:
        pii_count[entry["type"]] = pii_count.get(entry["type"], 0) + 1
    return message_key, interaction_key, body_hash, REDACTOR_VERSION, clean_text, pii


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
    ordered = sorted(keys)
    connection.execute(
        """
        insert into ops.interaction_changes (interaction_key, reason, run_id)
        select key, 'redacted_again', %s from unnest(%s::text[]) as key order by key
        """,
        [run_id, ordered],
    )
    connection.execute(
        """
        insert into staging.pending_interactions (interaction_key)
        select key from unnest(%s::text[]) as key
        where not exists (select from staging.pending_interactions as pending where pending.interaction_key = key)
        """,
        [ordered],
    )
    return keys
