"""The clean step: personal data is found and redacted before any later step reads a text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from touchstone.settings import Settings
from touchstone.text.redact import REDACTOR_VERSION, redact
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect

_OUTDATED = """
    select messages.message_key, messages.interaction_key, messages.body_hash, messages.text
    from staging.int_messages__unioned as messages
    left join clean.messages as known on known.message_key = messages.message_key
    where cardinality(messages._cast_errors) = 0
        and (known.body_hash, known.redactor_version) is distinct from (messages.body_hash, %s)
"""
_UPSERT = """
    insert into clean.messages (message_key, interaction_key, body_hash, redactor_version, text, pii)
    select message_key, interaction_key, body_hash, redactor_version, text, pii from incoming
    on conflict (message_key) do update
    set interaction_key = excluded.interaction_key, body_hash = excluded.body_hash,
        redactor_version = excluded.redactor_version, text = excluded.text, pii = excluded.pii
"""


@dataclass(frozen=True)
class CleanResult:
    """What one clean step did.

    Attributes:
        messages: Messages of the interactions in scope.
        redacted: Messages that were redacted in this run; the others had not changed.
        removed: Texts of messages that no longer exist at their source.
    """

    messages: int
    redacted: int
    removed: int


def clean(as_of: datetime, settings: Settings | None = None, batch_messages: int = 20_000) -> CleanResult:
    """Redact what changed, batch by batch, each batch in one transaction.

    Running it again after a kill redacts what is missing. The stage step notes interactions whose text an older redactor
    has seen, so a new REDACTOR_VERSION reaches every text.
    """
    with (
        ledger.step("clean", as_of=as_of, settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone clean reader") as reader,
        connect("transformer", settings=settings, application_name="touchstone clean") as writer,
    ):
        run.versions["redactor"] = REDACTOR_VERSION
        redacted = 0
        with reader.cursor(name="outdated") as cursor:
            cursor.execute(_OUTDATED, [REDACTOR_VERSION])
            while rows := cursor.fetchmany(batch_messages):
                _write(writer, rows)
                writer.commit()
                redacted += len(rows)
        removed = reader.execute(
            """
            delete from clean.messages as known using staging.pending_interactions as pending
            where known.interaction_key = pending.interaction_key and not exists (
                select 1 from staging.int_messages__unioned as messages where messages.message_key = known.message_key
            )
            """
        ).rowcount
        reader.commit()
        total = reader.execute(
            "select count(*) from staging.pending_interactions inner join clean.messages using (interaction_key)"
        ).fetchone()[0]
        run.rows_in = run.rows_out = total
        run.detail = {"redacted": redacted, "removed": removed}
    return CleanResult(messages=total, redacted=redacted, removed=removed)


def _write(connection: psycopg.Connection, rows: list[tuple[Any, ...]]) -> None:
    connection.execute("create temporary table incoming (like clean.messages) on commit drop")
    with connection.cursor().copy(
        "copy incoming (message_key, interaction_key, body_hash, redactor_version, text, pii) from stdin"
    ) as copy:
        for message_key, interaction_key, body_hash, text in rows:
            redacted, pii = redact(text)
            copy.write_row((message_key, interaction_key, body_hash, REDACTOR_VERSION, redacted, Jsonb(pii)))
    connection.execute(_UPSERT)
