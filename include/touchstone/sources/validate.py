"""Checks of one record against the tables of `touchstone.sources.schema`, written by hand for speed.

A record becomes payloads that are ready to land, or a `Refused` that says why not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from touchstone.sources.reasons import Refused
from touchstone.sources.rules import CONTROL, Rule, field_rule, microseconds, normalised, stated_object
from touchstone.sources.schema import CONVERSATION_FIELDS, MAX_ID_LENGTH, MESSAGE_FIELDS

SEPARATOR = "\x1f"  # between the parts of a raw message id; ids hold no control characters
START_TOLERANCE_SECONDS = 60  # clocks that round: a message may seem to precede its conversation by less than this


@dataclass(slots=True)
class RefusedMessage:
    """A message that stays out while its conversation lands."""

    record_id: str
    refusal: Refused
    raw: Any


@dataclass(slots=True)
class Document:
    """One conversation with the messages that may land.

    Attributes:
        version: `updated_at` in microseconds of the epoch; None when not stated.
        header: Payload of the conversation, without its quarantined messages.
        messages: (message id, payload) in the order of the document.
        newest: Normalised time of the newest accepted message, empty without one.
    """

    interaction_id: str
    version: int | None
    header: dict[str, Any]
    messages: list[tuple[str, dict[str, Any]]]
    refused: list[RefusedMessage]
    newest: str

    @property
    def row_count(self) -> int:
        """The header and every message, refused ones included."""
        return 1 + len(self.messages) + len(self.refused)


@dataclass(slots=True)
class Row:
    """One message with the fields of its conversation that the row states."""

    interaction_id: str
    version: int | None
    header: dict[str, Any]
    message_id: str
    message: dict[str, Any]


@dataclass
class Ties:
    """Numbers of equals: the k-th message of a conversation with the same time gets k - 1.

    Rows of one file may interleave conversations, so a table of what was seen is needed; two generations bound it.
    Equals further apart than `window` rows are not recognised as such.
    """

    window: int = 250_000
    _young: dict[Any, int] = field(default_factory=dict)
    _old: dict[Any, int] = field(default_factory=dict)

    def number(self, *key: str) -> int:
        seen = self._young.get(key)
        if seen is None:
            seen = self._old.get(key, -1)
            if len(self._young) >= self.window:
                self._old, self._young = self._young, {}
        self._young[key] = seen + 1
        return seen + 1


class Checker:
    """The checks of one run.

    Args:
        as_of: Nothing that happened later lands; None sets the limit one day after `now`.
        now: The present time, which tells an impossible time from one that a later run will take.
    """

    def __init__(self, as_of: datetime | None, now: datetime) -> None:
        day_ahead = normalised(datetime.fromtimestamp(now.timestamp() + 86400, UTC))
        self.latest = normalised(as_of) if as_of else day_ahead
        self._impossible = max(day_ahead, self.latest)
        self._conversation = {
            spec.name: field_rule(spec, self.latest, self._impossible) for spec in CONVERSATION_FIELDS
        }
        self._message = {spec.name: field_rule(spec, self.latest, self._impossible) for spec in MESSAGE_FIELDS}
        self._sent_at = self._message["sent_at"]

    # --- documents

    def document(self, record: dict[str, Any]) -> Document:
        """Check a conversation with its messages.

        Raises:
            Refused: The header is at fault, and with it the whole document.
        """
        try:
            messages = record["messages"]
            header: dict[str, Any] = {}
            attributes = self._fields(record, self._conversation, header, "messages")
            interaction_id = self._interaction_id(header)
            if type(messages) is not list:
                raise Refused("messages_not_a_list", "messages", messages)
            self.consistent(header)
            if attributes:
                header["attributes"] = attributes
            version = _version(header)
            accepted, refused, newest = self._messages(interaction_id, header.get("started_at"), messages)
            _after_first_message(header, accepted)
        except Refused as refusal:
            refusal.interaction_id = known_id(record.get("interaction_id"))
            raise
        return Document(interaction_id, version, header, accepted, refused, newest)

    def _messages(
        self, interaction_id: str, started_at: str | None, messages: list[Any]
    ) -> tuple[list[tuple[str, dict[str, Any]]], list[RefusedMessage], str]:
        accepted: list[tuple[str, dict[str, Any]]] = []
        refused: list[RefusedMessage] = []
        ties = Ties()
        seen: set[str] = set()
        taken: set[str] = set()
        newest = ""
        for position, record in enumerate(messages):
            payload: dict[str, Any] = {}
            try:
                if type(record) is not dict:
                    raise Refused("message_not_an_object", f"messages[{position}]", record)
                attributes = self._fields(record, self._message, payload)
                if attributes.get("interaction_id") == interaction_id:
                    del attributes["interaction_id"]
                message_id = self._complete(interaction_id, payload, attributes, ties)
                if started_at:
                    _not_before(started_at, payload)
                if message_id in seen:
                    raise Refused("message_id_duplicate", "message_id", message_id)
            except Refused as refusal:
                record_id = payload.get("message_id") or self._record_id(interaction_id, record, position, ties)
                refusal.interaction_id = interaction_id
                refusal.record_id = f"{record_id}#{position}" if record_id in taken else record_id
                taken.add(refusal.record_id)
                refused.append(RefusedMessage(refusal.record_id, refusal, record))
                continue
            seen.add(message_id)
            taken.add(message_id)
            accepted.append((message_id, payload))
            if payload["sent_at"] > newest:
                newest = payload["sent_at"]
        return accepted, refused, newest

    # --- rows

    def row(self, record: dict[str, Any], line: int, ties: Ties) -> Row:
        """Check one message with its conversation's fields.

        Raises:
            Refused: Any of its fields is at fault.
        """
        conversation, rules = self._conversation, self._message
        header: dict[str, Any] = {}
        message: dict[str, Any] = {}
        attributes: dict[str, Any] = {}
        try:
            for name, value in record.items():
                if value is None:
                    continue
                if (rule := rules.get(name)) is not None:
                    if (stored := rule(value)) is not None:
                        message[name] = stored
                elif (rule := conversation.get(name)) is not None:
                    if (stored := rule(value)) is not None:
                        header[name] = stored
                elif name != "messages":
                    attributes[name] = value
            interaction_id = self._interaction_id(header)
            message_id = self._complete(interaction_id, message, _merged(attributes, message), ties)
            self.consistent(header)
            if started_at := header.get("started_at"):
                _not_before(started_at, message)
        except Refused as refusal:
            if interaction_id := known_id(record.get("interaction_id")):
                refusal.interaction_id = interaction_id
                refusal.record_id = message.get("message_id") or self._record_id(interaction_id, record, line, ties)
            raise
        return Row(interaction_id, _version(header), header, message_id, message)

    # --- shared

    def _fields(
        self, record: dict[str, Any], rules: dict[str, Rule], payload: dict[str, Any], other: str = ""
    ) -> dict[str, Any]:
        """Fill `payload` with the known fields and return the others."""
        attributes: dict[str, Any] = {}
        for name, value in record.items():
            if value is None:
                continue
            rule = rules.get(name)
            if rule is not None:
                stored = rule(value)
                if stored is not None:
                    payload[name] = stored
            elif name == "attributes":
                payload[name] = stated_object(value)
            elif name != other:
                attributes[name] = value
        return _merged(attributes, payload)

    @staticmethod
    def _interaction_id(header: dict[str, Any]) -> str:
        interaction_id = header.get("interaction_id")
        if not interaction_id:
            raise Refused("interaction_id_missing", "interaction_id")
        return interaction_id

    def _complete(self, interaction_id: str, payload: dict[str, Any], attributes: dict[str, Any], ties: Ties) -> str:
        """Set the identity of a message; its id is returned."""
        sent_at = payload.get("sent_at")
        if not sent_at:
            raise Refused("sent_at_missing", "sent_at")
        if "actor" not in payload:
            raise Refused("actor_missing", "actor")
        if "text" not in payload:
            raise Refused("text_missing", "text")
        if attributes:
            payload["attributes"] = attributes
        message_id = payload.get("message_id")
        if not message_id:
            message_id = _default_id(interaction_id, sent_at, payload.get("actor_id"), ties)
            payload["message_id"] = message_id
        payload["interaction_id"] = interaction_id
        payload["position"] = ties.number(interaction_id, sent_at)
        return message_id

    def _record_id(self, interaction_id: str, record: Any, position: int, ties: Ties) -> str:
        """The id of a refused message: its own, the one that it would get, or its place."""
        if type(record) is dict:
            if stated := known_id(record.get("message_id")):
                return stated
            try:
                sent_at = self._sent_at(record.get("sent_at"))
            except Refused as refusal:
                sent_at = refusal.held_until
            actor_id = record.get("actor_id")
            if sent_at and (actor_id is None or type(actor_id) is str):
                return _default_id(interaction_id, sent_at, actor_id, ties)
        return f"#{position}"

    @staticmethod
    def consistent(header: dict[str, Any]) -> None:
        """Check a conversation's fields against each other.

        Raises:
            Refused: A rating lies outside its scale, or an end before its start.
        """
        low, high = header.get("rating_scale_min"), header.get("rating_scale_max")
        if low is not None and high is not None and low >= high:
            raise Refused("rating_scale_empty", "rating_scale_min", low, f"rating_scale_max is {high}")
        rating = header.get("rating")
        if rating is not None and ((low is not None and rating < low) or (high is not None and rating > high)):
            raise Refused("rating_outside_scale", "rating", rating, f"the scale is {low} to {high}")
        started_at = header.get("started_at")
        if started_at:
            _not_ended_before(started_at, header, "started_at")


def known_id(value: Any) -> str | None:
    """The value if it may stand as an id, else None."""
    if type(value) is str and value and len(value) <= MAX_ID_LENGTH and not CONTROL.search(value):
        return value
    return None


def encoded(payload: dict[str, Any]) -> bytes:
    """Canonical JSON of a payload.

    Raises:
        Refused: It holds a number outside 64 bits.
    """
    try:
        return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        deep = "ecursion" in str(error)
        raise Refused("json_too_deep" if deep else "json_number_too_large", "record", None, str(error)) from error


def _version(header: dict[str, Any]) -> int | None:
    updated_at = header.pop("updated_at", None)
    return None if updated_at is None else microseconds(updated_at)


def _merged(unknown: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """Unknown fields beside the stated attributes, which win."""
    stated = payload.pop("attributes", None)
    return {**unknown, **stated} if stated else unknown


def _default_id(interaction_id: str, sent_at: str, actor_id: str | None, ties: Ties) -> str:
    ordinal = ties.number(interaction_id, sent_at, actor_id or "")
    text = SEPARATOR.join((interaction_id, sent_at, actor_id or "", str(ordinal)))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _is_earlier(moment: str, start: str) -> bool:
    return moment < start and microseconds(start) - microseconds(moment) > START_TOLERANCE_SECONDS * 1_000_000


def _not_before(started_at: str, message: dict[str, Any]) -> None:
    sent_at = message["sent_at"]
    if sent_at < started_at and _is_earlier(sent_at, started_at):
        code = "reply_before_start" if message["actor"] in ("human_agent", "ai_agent") else "message_before_start"
        raise Refused(code, "sent_at", sent_at, f"started_at is {started_at}")


def _not_ended_before(start: str, header: dict[str, Any], name: str) -> None:
    for field_name, code in (
        ("closed_at", "closed_before_start"),
        ("deleted_at", "deleted_before_start"),
        ("rated_at", "rated_before_start"),
    ):
        moment = header.get(field_name)
        if moment and _is_earlier(moment, start):
            raise Refused(code, field_name, moment, f"{name} is {start}")


def _after_first_message(header: dict[str, Any], accepted: list[tuple[str, dict[str, Any]]]) -> None:
    """An end or a rating before the first message, which is the start where none is stated."""
    if not accepted or not ("rated_at" in header or ("closed_at" in header and "started_at" not in header)):
        return
    first = min(payload["sent_at"] for _, payload in accepted)
    rated_at = header.get("rated_at")
    if rated_at and _is_earlier(rated_at, first):
        raise Refused("rated_before_first_message", "rated_at", rated_at, f"the first message is of {first}")
    if "started_at" not in header:
        _not_ended_before(first, header, "the first message's time")
