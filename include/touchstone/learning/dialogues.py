"""Conversation files without a warehouse: the same readers and checks as landing, the same redaction as the clean step."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from touchstone.errors import SourceError
from touchstone.sources.readers import FORMATS, file_format, read_file
from touchstone.sources.reasons import Refused
from touchstone.sources.validate import Checker, Document, Row, Ties
from touchstone.text.redact import redact

MOST_KEYS = 40
CUSTOMER, AGENT, OTHER = "customer", "agent", "other"
SIDES = {"customer": CUSTOMER, "human_agent": AGENT, "ai_agent": AGENT}


@dataclass(slots=True)
class Message:
    """One message with personal data replaced.

    Attributes:
        side: customer, agent, or other (system messages and internal notes, which are no turns of the talk).
        sent_at: Time with zone.
        pii: Placeholders in `text`: {type, start, end}, code points, half-open.
        tools: What was called and came back, as one text; empty where nothing was.
        tool_names: Of the tools, in order.
        tool_keys: Names of the fields in arguments and results.
    """

    message_id: str
    actor: str
    side: str
    actor_id: str | None
    sent_at: datetime
    text: str
    pii: list[dict[str, Any]]
    is_internal: bool
    tools: str
    tool_statuses: tuple[str, ...]
    tool_names: tuple[str, ...]
    tool_keys: tuple[str, ...]


@dataclass(slots=True)
class Dialogue:
    """One conversation.

    Attributes:
        customer_id: As the file states it; messages of one customer never stand on both sides of a cross-validation.
        group: What keeps related conversations together: the customer where known, else the conversation.
        input_hash: Digest of everything that a score depends on.
    """

    interaction_id: str
    started_at: datetime
    channel: str | None
    language: str | None
    customer_id: str | None
    topic: str | None
    messages: list[Message]
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        return self.customer_id or self.interaction_id

    @property
    def input_hash(self) -> str:
        content = [
            self.interaction_id,
            self.channel,
            self.language,
            [(one.message_id, one.actor, one.sent_at.timestamp(), one.text, one.tools) for one in self.messages],
        ]
        return hashlib.sha256(orjson.dumps(content)).hexdigest()[:32]


@dataclass(frozen=True)
class RefusedRecord:
    """A record or a message that stays out, with the reason."""

    file: str
    line: int
    record_id: str | None
    reason: str
    remedy: str


@dataclass
class Reading:
    """What reading conversation files gave.

    `rows_in` counts a conversation and each of its messages, and a record that is refused as a whole, as one row each:
    rows_in = rows_out + len(refused).
    """

    rows_in: int = 0
    rows_out: int = 0
    refused: list[RefusedRecord] = field(default_factory=list)


def conversation_files(paths: Iterable[str | Path]) -> list[Path]:
    """The conversation files among files and folders, in a fixed order.

    Raises:
        SourceError: A path is absent, has no known format, or a folder holds no such file.
    """
    known = ", ".join(FORMATS)
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file() and file_format(one))
            if not inside:
                raise SourceError("a folder without conversation files", str(path), f"Put files into it: {known}.")
            found += inside
        elif not path.is_file():
            raise SourceError("there is no such file", str(path), "Give the path of a conversation file or folder.")
        elif file_format(path) is None:
            raise SourceError(
                "a file of an unknown format", str(path), f"Its name must end in {known}, or those + .gz."
            )
        else:
            found.append(path)
    return found


def read_dialogues(
    paths: Iterable[str | Path], reading: Reading | None = None, *, now: datetime | None = None
) -> Iterator[Dialogue]:
    """Conversations of files and folders, redacted; what cannot be used is kept in `reading.refused` with its reason.

    Documents are yielded as they are read. Rows (one message each) are gathered per file, since their conversations may be
    interleaved, and follow its documents; a conversation in two files is two conversations here, and the later one is refused.

    Args:
        reading: Filled with counts and refusals.
        now: The present time, which tells times of the future.

    Raises:
        SourceError: See `conversation_files`.
    """
    reading = reading if reading is not None else Reading()
    checker = Checker(None, now or datetime.now(UTC))
    seen: set[str] = set()
    for path in conversation_files(paths):
        merged: dict[str, tuple[dict[str, Any], dict[str, dict[str, Any]]]] = {}
        ties = Ties()
        for read in read_file(path):
            name = str(path)
            try:
                if isinstance(read.record, Refused):
                    raise read.record
                if "messages" in read.record and read.record["messages"] is not None:
                    document = checker.document(read.record)
                    _note_refused(reading, name, read.line, document)
                    yield from _once(seen, reading, name, read.line, document.header, [m for _, m in document.messages])
                else:
                    row: Row = checker.row(read.record, read.line, ties)
                    reading.rows_in += 1
                    header, messages = merged.setdefault(row.interaction_id, ({}, {}))
                    reading.rows_in += not messages
                    header.update(row.header)
                    if row.message_id in messages:
                        raise Refused("message_id_duplicate", "message_id", row.message_id)
                    messages[row.message_id] = row.message
            except Refused as refusal:
                duplicate = refusal.code == "message_id_duplicate"
                reading.rows_in += not duplicate
                reading.refused.append(
                    RefusedRecord(name, read.line, refusal.interaction_id, refusal.reason, refusal.remedy)
                )
        for header, messages in merged.values():
            yield from _once(seen, reading, str(path), 0, header, list(messages.values()), counted=True)


def _note_refused(reading: Reading, file: str, line: int, document: Document) -> None:
    reading.rows_in += document.row_count
    for one in document.refused:
        record_id = f"{document.interaction_id}/{one.record_id}"
        reading.refused.append(RefusedRecord(file, line, record_id, one.refusal.reason, one.refusal.remedy))


def _once(
    seen: set[str],
    reading: Reading,
    file: str,
    line: int,
    header: dict[str, Any],
    messages: list[dict[str, Any]],
    counted: bool = False,
) -> Iterator[Dialogue]:
    interaction_id = header["interaction_id"]
    rows = 1 + len(messages)
    if interaction_id in seen:
        reason = f"interaction_id {interaction_id!r} was read before"
        remedy = "Keep one record of each conversation."
        reading.refused += [RefusedRecord(file, line, interaction_id, reason, remedy)] * rows
        return
    if not messages:
        reason, remedy = f"interaction_id {interaction_id!r} has no message that can be used", "Give its messages."
        reading.refused.append(RefusedRecord(file, line, interaction_id, reason, remedy))
        return
    seen.add(interaction_id)
    reading.rows_out += rows
    yield dialogue(header, messages)


def from_records(records: Iterable[dict[str, Any]], *, now: datetime | None = None) -> list[Dialogue]:
    """Conversations from documents of the conversation file that are in memory.

    Raises:
        SourceError: A document or one of its messages cannot be used.
    """
    checker = Checker(None, now or datetime.now(UTC))
    found = []
    for record in records:
        try:
            document = checker.document(record)
            if document.refused:
                raise document.refused[0].refusal
        except Refused as refusal:
            raise SourceError(refusal.reason, str(record.get("interaction_id")), refusal.remedy) from refusal
        if document.messages:
            found.append(dialogue(document.header, [message for _, message in document.messages]))
    return found


def dialogue(header: dict[str, Any], messages: list[dict[str, Any]]) -> Dialogue:
    """A conversation from checked payloads, its messages in order of time and redacted."""
    ordered = sorted(messages, key=lambda one: (one["sent_at"], one.get("position", 0)))
    told = [_message(one) for one in ordered]
    started_at = header.get("started_at")
    return Dialogue(
        interaction_id=header["interaction_id"],
        started_at=_moment(started_at) if started_at else told[0].sent_at,
        channel=header.get("channel"),
        language=header.get("language"),
        customer_id=header.get("customer_id"),
        topic=header.get("topic"),
        messages=told,
        fields={
            name: header[name] for name in ("tier", "priority", "product_area", "status", "rating") if name in header
        },
    )


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value.replace("Z", "+00:00"))


def _message(payload: dict[str, Any]) -> Message:
    text, pii = redact(payload["text"])
    is_internal = bool(payload.get("is_internal", False))
    calls = payload.get("tool_calls") or []
    side = OTHER if is_internal else SIDES.get(payload["actor"], OTHER)
    return Message(
        message_id=payload["message_id"],
        actor=payload["actor"],
        side=side,
        actor_id=payload.get("actor_id"),
        sent_at=_moment(payload["sent_at"]),
        text=text,
        pii=pii,
        is_internal=is_internal,
        **tool_fields(calls),
    )


def tool_fields(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Tool calls as the fields of a `Message`."""
    return {
        "tools": tool_text(calls),
        "tool_statuses": tuple(call.get("status") or "" for call in calls),
        "tool_names": tuple(call["name"] for call in calls),
        "tool_keys": _keys(calls),
    }


def tool_text(calls: list[dict[str, Any]]) -> str:
    """Tool calls as words: names, keys and values in the order of the file, redacted like any text."""
    if not calls:
        return ""
    parts: list[str] = []
    for call in calls:
        parts.append("call")
        _flatten(call, parts)
    return redact(" ".join(parts))[0]


def _keys(calls: list[dict[str, Any]]) -> tuple[str, ...]:
    """Distinct names of fields in calls and results, at most `MOST_KEYS`, in the order of the file."""
    found: dict[str, None] = {}
    waiting: list[Any] = list(calls)
    while waiting and len(found) < MOST_KEYS:
        value = waiting.pop(0)
        if isinstance(value, dict):
            found |= dict.fromkeys(map(str, value))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value[:MOST_KEYS]
    return tuple(found)[:MOST_KEYS]


def _flatten(value: Any, parts: list[str], depth: int = 0) -> None:
    if depth > 20:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            parts.append(str(key))
            _flatten(item, parts, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _flatten(item, parts, depth + 1)
    elif value is not None:
        parts.append(str(value))
