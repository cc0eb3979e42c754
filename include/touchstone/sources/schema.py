"""The conversation file: its fields, their limits, and the JSON Schema printed by `touchstone schema`.

The two tables of fields below are the one home of the rules. `conversation_schema` prints them, and
`touchstone.sources.validate` turns each of them into a checking function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

CHANNELS = ("chat", "email", "ticket", "voice", "social", "other")
STATUSES = ("new", "open", "pending", "on_hold", "solved", "closed")
ACTORS = ("customer", "human_agent", "ai_agent", "system")
TOOL_STATUSES = ("ok", "failed", "timeout", "partial")

MAX_ID_LENGTH = 256
MAX_STRING_LENGTH = 4096
MAX_TEXT_BYTES = 1024 * 1024
MAX_EMAIL_LENGTH = 320
EARLIEST_TIME = "1995-01-01T00:00:00.000000Z"

# An id is part of keys and of file names in reports: no control characters.
ID_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]*$"
LANGUAGE_PATTERN = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$"
EMAIL_PATTERN = r"^[^@\s]+@[^@\s]+$"
_DATE = r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?"
_ZONE = r"([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)"
LOCAL_TIME_PATTERN = rf"^{_DATE}([Tt ]{_CLOCK})?$"
TIME_PATTERN = rf"^{_DATE}[Tt ]{_CLOCK}{_ZONE}$"

Kind = Literal[
    "id",
    "channel",
    "status",
    "actor",
    "time",
    "string",
    "email",
    "language",
    "text",
    "number",
    "share",
    "boolean",
    "tags",
    "list",
    "tool_calls",
    "object",
]


@dataclass(frozen=True)
class Field:
    """One field: its kind decides both the JSON Schema and the check."""

    name: str
    kind: Kind
    meaning: str
    is_required: bool = False


CONVERSATION_FIELDS: tuple[Field, ...] = (
    Field("interaction_id", "id", "Native id of the conversation.", is_required=True),
    Field("channel", "channel", "Where the conversation took place; null if unknown."),
    Field("started_at", "time", "Start; the first message's time unless stated."),
    Field("closed_at", "time", "End; never before the start."),
    Field("deleted_at", "time", "Deletion at the source; the only statement that deletes."),
    Field("status", "status", "State of the conversation at the source."),
    Field("customer_id", "string", "Native id of the customer."),
    Field("customer_email", "email", "The customer's e-mail address."),
    Field("account_id", "string", "Native id of the customer's company."),
    Field("tier", "string", "Support tier of the customer, in the source's words."),
    Field("language", "language", "Language tag such as en or pt-BR."),
    Field("topic", "string", "The source's own topic."),
    Field("priority", "string", "Priority, in the source's words."),
    Field("tags", "tags", "The source's own tags."),
    Field("product_area", "string", "Part of the product that the conversation is about."),
    Field("rating", "number", "The customer's rating, on the scale below where one is given."),
    Field("rating_scale_min", "number", "Lowest possible rating."),
    Field("rating_scale_max", "number", "Highest possible rating."),
    Field("rated_at", "time", "Time of the rating; never before the start."),
    Field("updated_at", "time", "Version of this statement: an older one never replaces a newer one."),
)

MESSAGE_FIELDS: tuple[Field, ...] = (
    Field("message_id", "id", "Native id; else a hash of interaction_id, sent_at, actor_id and ordinal."),
    Field("sent_at", "time", "Time of the message.", is_required=True),
    Field("actor", "actor", "Who speaks.", is_required=True),
    Field("actor_id", "string", "Native id of the speaker."),
    Field("actor_name", "string", "Name of the speaker."),
    Field("agent_version", "string", "Version of the AI agent."),
    Field("team", "string", "Team of the agent."),
    Field("text", "text", "What was said; may be empty, at most 1 MiB in UTF-8.", is_required=True),
    Field("is_internal", "boolean", "An internal note, which is never a reply; false unless stated."),
    Field("confidence", "share", "The AI agent's stated confidence, 0 to 1."),
    Field("intent", "string", "The intent that the AI agent states."),
    Field("sources", "list", "What the AI agent's answer cites."),
    Field("tool_calls", "tool_calls", "Tools that were called for this message."),
    Field("feedback", "list", "Feedback given on this message."),
    Field("attributes", "object", "Anything else; unknown fields are moved here."),
)


def conversation_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of one record of the conversation file, in either shape.

    A record with `messages` is a document, any other is a row. The schema states what can be said about one record
    by itself. Landing also refuses impossible calendar days, times outside 1995..as_of, an end before its start, a
    rating outside its own scale, text over 1 MiB in UTF-8, duplicate keys and duplicate message ids.
    """
    conversation = {field.name: _property(field) for field in CONVERSATION_FIELDS}
    message = {field.name: _property(field) for field in MESSAGE_FIELDS}
    required_conversation = [field.name for field in CONVERSATION_FIELDS if field.is_required]
    required_message = [field.name for field in MESSAGE_FIELDS if field.is_required]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Conversation file: one record",
        "description": "One conversation with its messages (document), or one message with its conversation's fields"
        " (row). Unknown fields are kept under attributes.",
        "type": "object",
        "if": {"required": ["messages"], "properties": {"messages": {"not": {"type": "null"}}}},
        "then": {"$ref": "#/$defs/document"},
        "else": {"$ref": "#/$defs/row"},
        "$defs": {
            "document": {
                "description": "Replaces its conversation. A message that fails is refused by itself.",
                "type": "object",
                "required": [*required_conversation, "messages"],
                "properties": {
                    **conversation,
                    "attributes": message["attributes"],
                    "messages": {"type": "array", "items": {"$ref": "#/$defs/message"}},
                },
            },
            "message": {"type": "object", "required": required_message, "properties": message},
            "row": {
                "description": "Adds or replaces its message; the conversation's fields may be absent or repeated.",
                "type": "object",
                "required": [*required_conversation, *required_message],
                "properties": {**conversation, **message},
            },
        },
    }


def _property(field: Field) -> dict[str, Any]:
    rule = _rule(field)
    if not field.is_required:
        rule = {"anyOf": [rule, {"type": "null"}]}
    return {"description": field.meaning, **rule}


def _rule(field: Field) -> dict[str, Any]:
    match field.kind:
        case "id":
            smallest = {"minLength": 1} if field.is_required else {}
            return {"type": "string", **smallest, "maxLength": MAX_ID_LENGTH, "pattern": ID_PATTERN}
        case "channel" | "status" | "actor":
            values = {"channel": CHANNELS, "status": STATUSES, "actor": ACTORS}[field.kind]
            return {"enum": [*values] if field.is_required else [*values, ""]}
        case "time":
            pattern = TIME_PATTERN if field.is_required else rf"^$|{TIME_PATTERN}"
            return {"type": "string", "pattern": pattern, "examples": ["2026-03-01T09:00:00Z"]}
        case "string":
            return {"type": "string", "maxLength": MAX_STRING_LENGTH}
        case "email":
            return {"type": "string", "maxLength": MAX_EMAIL_LENGTH, "pattern": rf"^$|{EMAIL_PATTERN}"}
        case "language":
            return {"type": "string", "pattern": rf"^$|{LANGUAGE_PATTERN}"}
        case "text":
            return {"type": "string", "maxLength": MAX_TEXT_BYTES}
        case "number":
            return {"type": "number"}
        case "share":
            return {"type": "number", "minimum": 0, "maximum": 1}
        case "boolean":
            return {"type": "boolean"}
        case "tags":
            return {"type": "array", "items": {"type": "string", "maxLength": MAX_STRING_LENGTH}}
        case "list":
            return {"type": "array"}
        case "tool_calls":
            return {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "minLength": 1},
                        "status": {"anyOf": [{"enum": [*TOOL_STATUSES]}, {"type": "null"}]},
                    },
                },
            }
        case "object":
            return {"type": "object"}
