"""One batch of the conversation file: collected in memory, landed in one transaction with its cursor."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from touchstone.sources.reasons import Refused, kept_payload
from touchstone.sources.validate import SEPARATOR, Document, RefusedMessage, Row, encoded
from touchstone.warehouse import landing, ledger
from touchstone.warehouse.landing import Landed, Load, RawRow

SOURCE = "files"
SCHEMA = "raw_files"
QUARANTINED = "quarantined_message_ids"
_NAMESPACE = uuid.UUID("6f9e2d1c-0b53-5e0c-9a43-3f4f6a7c1d20")


@dataclass(slots=True)
class _Statement:
    """A whole conversation, encoded."""

    version: int | None
    header: bytes
    messages: list[RawRow]
    refused: list[tuple[RefusedMessage, int]]

    @property
    def row_count(self) -> int:
        return 1 + len(self.messages) + len(self.refused)


@dataclass(slots=True)
class _Merge:
    """What the rows of one conversation state."""

    version: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    landed: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


@dataclass
class Counts:
    """Rows by what became of them: a conversation's header is one row, each of its messages one more.

    A record that is refused as a whole (a file, a line, a document, a row) is one row. rows_in is the sum of the others.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    conversations: int = 0
    messages: int = 0
    replaced_characters: int = 0

    @property
    def rows_in(self) -> int:
        return self.inserted + self.updated + self.unchanged + self.quarantined

    def add(self, other: Counts) -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True)
class Origin:
    """Where a batch comes from.

    Attributes:
        stream: Path relative to what was asked for; the cursor's key.
        file: The path as a person finds it.
        instance: Source instance.
        run_id: Run that lands the batch.
    """

    stream: str
    file: str
    instance: str
    run_id: int


class Batch:
    """Records of one file that land together."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.size = 0
        self.bytes = 0
        self.newest = ""
        self.replaced_characters = 0
        self.conversation_count = 0
        self.message_count = 0
        self._rows_in = 0
        self._statements: dict[str, _Statement] = {}
        self._merges: dict[str, _Merge] = {}
        self._row_messages: dict[str, RawRow] = {}
        self._refused: list[tuple[Refused, int, Any]] = []
        self._superseded = 0

    # --- collecting

    def conflicts(self, interaction_id: str, *, is_document: bool) -> bool:
        """Whether this conversation is in the batch in the other shape: then the batch lands first."""
        return interaction_id in (self._merges if is_document else self._statements)

    def add_document(self, document: Document, line: int) -> None:
        """Take a document; an earlier one of the same conversation in this batch gives way unless it is newer."""
        statement = self._encoded(document, line)
        self.size += statement.row_count
        self._rows_in += statement.row_count
        self.newest = max(self.newest, document.newest)
        earlier = self._statements.get(document.interaction_id)
        if earlier is not None:
            if None not in (earlier.version, statement.version) and statement.version < earlier.version:
                earlier, statement = statement, earlier
            self._superseded += earlier.row_count
        else:
            self.conversation_count += 1
        self._statements[document.interaction_id] = statement
        self.message_count += len(document.messages)

    def _encoded(self, document: Document, line: int) -> _Statement:
        owner = document.interaction_id
        rows: list[RawRow] = []
        for message_id, payload in document.messages:
            try:
                body = encoded(payload)
            except Refused as refusal:
                refusal.interaction_id, refusal.record_id = owner, message_id
                document.refused.append(RefusedMessage(message_id, refusal, payload))
                continue
            self.bytes += len(body)
            row_id = f"{owner}{SEPARATOR}{message_id}"
            rows.append(RawRow(row_id, owner, body, landing.payload_hash(body), document.version))
        header = document.header
        if document.refused:
            header = {**header, QUARANTINED: sorted({message.record_id for message in document.refused})}
        body = encoded(header)
        self.bytes += len(body)
        return _Statement(document.version, body, rows, [(message, line) for message in document.refused])

    def add_row(self, row: Row) -> None:
        """Take a message with the fields of its conversation."""
        body = encoded(row.message)
        header = {name: value for name, value in row.header.items() if name != "interaction_id"}
        encoded(header)
        merge = self._merge(row.interaction_id)
        self._rows_in += 1
        self.size += 1
        self.bytes += len(body)
        self.message_count += 1
        if None in (merge.version, row.version) or row.version >= merge.version:
            merge.fields.update(header)
            merge.version = row.version if row.version is not None else merge.version
        merge.landed.add(row.message_id)
        merge.refused.discard(row.message_id)
        self.newest = max(self.newest, row.message["sent_at"])
        row_id = f"{row.interaction_id}{SEPARATOR}{row.message_id}"
        new = RawRow(row_id, row.interaction_id, body, landing.payload_hash(body), row.version)
        earlier = self._row_messages.get(row_id)
        if earlier is not None:
            self._superseded += 1
            if None not in (earlier.version, new.version) and new.version < earlier.version:
                new = earlier
        self._row_messages[row_id] = new

    def add_refused(self, refusal: Refused, line: int, raw: Any) -> None:
        """Take a record that cannot land; a row of a known conversation marks it as incomplete."""
        self._rows_in += 1
        self.size += 1
        self._refused.append((refusal, line, kept_payload(raw) if raw is not None else None))
        if refusal.interaction_id and refusal.record_id:
            merge = self._merge(refusal.interaction_id)
            merge.refused.add(refusal.record_id)
            merge.landed.discard(refusal.record_id)

    def _merge(self, interaction_id: str) -> _Merge:
        merge = self._merges.get(interaction_id)
        if merge is None:
            merge = self._merges[interaction_id] = _Merge(fields={"interaction_id": interaction_id})
            self._rows_in += 1
            self.conversation_count += 1
        return merge

    # --- landing

    def land(
        self, connection: psycopg.Connection, as_of: datetime, cursor: dict[str, Any] | None, *, pass_run_id: int | None
    ) -> Counts:
        """Rows, quarantine, ledger row and cursor, in one transaction.

        Args:
            as_of: Written to the rows of `ops.loads` and `ops.quarantine`.
            cursor: New state of the file; None for a source that cannot be taken up again.
            pass_run_id: Set when the file has been read to its end: what earlier readings of it refused, without
                an identity, and this one did not, is resolved.
        """
        origin = self.origin
        with connection.transaction():
            load = landing.begin_load(connection, origin.instance)
            documents, refused = self._land_documents(connection, load)
            rows = self._land_rows(connection, load)
            refused += self._refused
            self._resolve(connection, refused)
            self._quarantine(connection, load, as_of, refused)
            total = documents + rows
            rows_in = self._rows_in
            if pass_run_id is not None:
                finished = self._finish_pass(connection, load, pass_run_id)
                total += finished
                rows_in += finished.inserted + finished.updated + finished.unchanged
            counts = Counts(
                inserted=total.inserted,
                updated=total.updated,
                unchanged=total.unchanged + self._superseded,
                quarantined=len(refused),
                conversations=self.conversation_count,
                messages=self.message_count,
                replaced_characters=self.replaced_characters,
            )
            ledger.write_load(
                connection,
                load,
                run_id=origin.run_id,
                source=SOURCE,
                batch=origin.stream,
                as_of=as_of,
                rows_in=rows_in,
                inserted=counts.inserted,
                updated=counts.updated,
                unchanged=counts.unchanged,
                quarantined=counts.quarantined,
                newest_message_at=self.newest or None,
            )
            if cursor is not None:
                ledger.write_cursor(connection, load, SOURCE, origin.stream, cursor)
        return counts

    def _land_documents(
        self, connection: psycopg.Connection, load: Load
    ) -> tuple[Landed, list[tuple[Refused, int, Any]]]:
        if not self._statements:
            return Landed(), []
        landing.lock_stream(connection, SCHEMA, "conversations", load.instance)
        landing.lock_stream(connection, SCHEMA, "messages", load.instance)
        held = landing.existing_rows(connection, SCHEMA, "conversations", load.instance, ids=self._statements.keys())
        stale = Landed()
        headers: list[RawRow] = []
        messages: list[RawRow] = []
        refused: list[tuple[Refused, int, Any]] = []
        for interaction_id, statement in self._statements.items():
            before = held.get(interaction_id)
            if before and None not in (before.version, statement.version) and statement.version < before.version:
                stale.unchanged += statement.row_count
                continue
            header = statement.header
            headers.append(
                RawRow(interaction_id, interaction_id, header, landing.payload_hash(header), statement.version)
            )
            messages += statement.messages
            refused += [(message.refusal, line, kept_payload(message.raw)) for message, line in statement.refused]
        # every message's conversation has its header: what has no header yet has no messages to look up
        known = {row.id for row in headers if row.id in held}
        present = landing.existing_rows(connection, SCHEMA, "messages", load.instance, interactions=known)
        landed = landing.land(
            connection, SCHEMA, "messages", messages, load, existing=present, replaced_interactions=known
        )
        landed_headers = landing.land(
            connection, SCHEMA, "conversations", headers, load, existing=held, touched=landed.removed
        )
        return stale + landed + landed_headers, refused

    def _land_rows(self, connection: psycopg.Connection, load: Load) -> Landed:
        if not self._merges:
            return Landed()
        stated = {
            interaction_id: ({**merge.fields, "+": merge.refused, "-": merge.landed}, merge.version)
            for interaction_id, merge in self._merges.items()
        }
        headers = landing.land_merged(connection, SCHEMA, "conversations", stated, load, merge=_merged_header)
        return headers + landing.land(connection, SCHEMA, "messages", self._row_messages.values(), load)

    # --- quarantine

    def _quarantine(
        self,
        connection: psycopg.Connection,
        load: Load,
        as_of: datetime,
        refused: list[tuple[Refused, int, str | None]],
    ) -> None:
        origin = self.origin
        ledger.quarantine(
            connection,
            [
                ledger.QuarantineRow(
                    quarantine_id=quarantine_id(origin, refusal, line, payload),
                    source=SOURCE,
                    instance=origin.instance,
                    stream=origin.stream,
                    file=origin.file,
                    line=line or None,
                    interaction_id=refusal.interaction_id,
                    record_id=refusal.record_id,
                    reason_code=refusal.code,
                    reason=_storable(refusal.reason),
                    remedy=refusal.remedy,
                    payload=payload,
                    run_id=origin.run_id,
                    load_id=load.load_id,
                    as_of=as_of,
                )
                for refusal, line, payload in refused
            ],
        )

    def _resolve(self, connection: psycopg.Connection, refused: list[tuple[Refused, int, Any]]) -> None:
        """Mark what was refused earlier and has landed now.

        A document resolves whatever was refused of its conversation; a row resolves its own message.
        """
        touched = [*self._statements, *self._merges]
        if not touched:
            return
        still = {(refusal.interaction_id, refusal.record_id) for refusal, _, _ in refused}
        open_rows = connection.execute(
            "select quarantine_id, interaction_id, record_id from ops.quarantine where source = %s and instance = %s"
            " and interaction_id = any(%s) and resolved_at is null",
            [SOURCE, self.origin.instance, touched],
        ).fetchall()
        resolved = []
        for found, interaction_id, record_id in open_rows:
            if (interaction_id, record_id) in still:
                continue
            merge = self._merges.get(interaction_id)
            if interaction_id in self._statements or (merge and record_id in merge.landed):
                resolved.append(found)
        if resolved:
            connection.execute(
                "update ops.quarantine set resolved_at = clock_timestamp() where quarantine_id = any(%s)", [resolved]
            )

    def _finish_pass(self, connection: psycopg.Connection, load: Load, pass_run_id: int) -> Landed:
        """Resolve what an earlier reading of this file refused and this one, now complete, did not.

        That holds for what has no identity of its own (a line that was no JSON, a row that was known by its place
        alone). A record with an identity stays open until it lands: its absence from the file means nothing.
        """
        origin = self.origin
        open_rows = connection.execute(
            "select quarantine_id, interaction_id, record_id, run_id >= %s from ops.quarantine where source = %s"
            " and instance = %s and stream = %s and file = %s and resolved_at is null",
            [pass_run_id, SOURCE, origin.instance, origin.stream, origin.file],
        ).fetchall()
        present = {(owner, record_id) for _, owner, record_id, is_current in open_rows if is_current and owner}
        resolved = []
        dropped: dict[str, tuple[dict[str, Any], None]] = {}
        for found, owner, record_id, is_current in open_rows:
            by_place = record_id is not None and record_id.startswith("#")
            if is_current or not (owner is None or by_place or (owner, record_id) in present):
                continue
            resolved.append(found)
            if by_place and (owner, record_id) not in present:
                stated, _ = dropped.setdefault(owner, ({"+": set(), "-": set()}, None))
                stated["-"].add(record_id)
        if resolved:
            connection.execute(
                "update ops.quarantine set resolved_at = clock_timestamp() where quarantine_id = any(%s)", [resolved]
            )
        if not dropped:
            return Landed()
        return landing.land_merged(connection, SCHEMA, "conversations", dropped, load, merge=_merged_header)


def quarantine_id(origin: Origin, refusal: Refused, line: int, payload: str | None) -> uuid.UUID:
    """The same bad record, read twice in the same place, is one row of the quarantine."""
    parts = (
        SOURCE,
        origin.instance,
        origin.stream,
        str(line),
        refusal.record_id or "",
        refusal.code,
        payload or "",
    )
    return uuid.uuid5(_NAMESPACE, SEPARATOR.join(parts))


def _merged_header(held: dict[str, Any], stated: dict[str, Any]) -> dict[str, Any]:
    """What is held, overlaid with what rows state; `+` and `-` are message ids that were refused and that landed."""
    fields = {name: value for name, value in stated.items() if name not in ("+", "-")}
    missing = (set(held.get(QUARANTINED, ())) - stated["-"]) | stated["+"]
    payload = {**held, **fields}
    payload.pop(QUARANTINED, None)
    if missing:
        payload[QUARANTINED] = sorted(missing)
    return payload


def _storable(text: str) -> str:
    return text.encode("utf-8", errors="replace").decode().replace("\x00", "\ufffd")
