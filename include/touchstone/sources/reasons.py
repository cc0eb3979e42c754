"""Why a record is refused: one code per kind of fault, each with what to do about it."""

from __future__ import annotations

from typing import Any

import orjson

from touchstone.sources.schema import ACTORS, CHANNELS, MAX_ID_LENGTH, MAX_STRING_LENGTH, STATUSES, TOOL_STATUSES

MAX_SHOWN_VALUE = 120
MAX_KEPT_PAYLOAD = 4096

_ISO = "Write it as ISO 8601 with a zone, such as 2026-03-01T09:00:00Z."

# code -> (what is wrong, said after the field's name; what to do)
REASONS: dict[str, tuple[str, str]] = {
    # the file
    "gzip_bad": ("is not a gzip file or its content is damaged", "Compress the file again and load it once more."),
    "gzip_truncated": ("ends in the middle of its compressed content", "Copy or export the whole file again."),
    "parquet_bad": ("cannot be read as Parquet", "Export the file again as Parquet, JSONL or CSV."),
    "file_is_utf16": ("is UTF-16, not UTF-8", "Save the file as UTF-8."),
    "csv_header_incomplete": ("lacks a required column", "Start the file with a line that names the columns."),
    "csv_header_duplicate": ("names a column twice", "Give every column a name of its own."),
    # the line
    "line_too_long": ("is longer than a record may be", "Split the conversation, or leave out what is not text."),
    "not_utf8": ("is not UTF-8", "Export the file as UTF-8."),
    "json_malformed": ("is not JSON", "Write one JSON object per line."),
    "json_truncated": ("ends in the middle of a JSON value", "Write the whole object on one line."),
    "json_not_an_object": ("is JSON but not an object", "Write one JSON object per line."),
    "json_duplicate_key": ("names a field twice", "Keep one value for each field."),
    "json_not_finite": ("is not a finite number", "Leave the field out where there is no value."),
    "json_number_too_large": ("is outside the range of 64-bit numbers", "Write long numbers as strings."),
    "json_too_deep": ("is nested too deeply", "Flatten the record."),
    "value_not_supported": ("has a type that JSON lacks", "Write it as a string, number, boolean, list or object."),
    "csv_column_count": ("has a wrong number of columns", "Quote values that hold a separator or a line break."),
    "csv_malformed": ("is not CSV", "Close every quote, and double the quotes inside a value."),
    # the conversation
    "interaction_id_missing": ("is missing or empty", "Give every record the id of its conversation."),
    "interaction_id_not_a_string": ("is not a string", "Write the id in quotes."),
    "interaction_id_too_long": (f"is longer than {MAX_ID_LENGTH} characters", "Use a shorter id."),
    "interaction_id_control_character": ("holds a control character", "Remove it from the id."),
    "channel_unknown": (f"is not one of {', '.join(CHANNELS)}", "Map it to one of these, or leave it out."),
    "status_unknown": (f"is not one of {', '.join(STATUSES)}", "Map it to one of these, or leave it out."),
    "closed_before_start": ("is before the start of its conversation", "Correct closed_at or started_at."),
    "deleted_before_start": ("is before the start of its conversation", "Correct deleted_at or started_at."),
    "rated_before_start": ("is before the start of its conversation", "Correct rated_at or started_at."),
    "rated_before_first_message": ("is before anything was said", "Correct rated_at or the messages' times."),
    "rating_not_a_number": ("is not a number", "Write it as a number, or leave it out."),
    "rating_not_finite": ("is not a finite number", "Leave it out where there is no rating."),
    "rating_outside_scale": ("is outside its own scale", "Correct the rating, or its scale's ends."),
    "rating_scale_not_a_number": ("is not a number", "Write it as a number, or leave it out."),
    "rating_scale_empty": ("is not below rating_scale_max", "Correct the ends of the scale."),
    "string_expected": ("is not a string", "Write it in quotes, or leave it out."),
    "string_too_long": (f"is longer than {MAX_STRING_LENGTH} characters", "Shorten it, or move it to the text."),
    "email_malformed": ("is not an e-mail address", "Correct it, or leave it out."),
    "language_malformed": ("is not a language tag", "Write a tag such as en or pt-BR, or leave it out."),
    "number_expected": ("is not a number", "Write it as a number, or leave it out."),
    "tags_not_a_list": ("is not a list", "Write a list of strings."),
    "tag_not_a_string": ("holds something that is not a string", "Write a list of strings."),
    "messages_not_a_list": ("is not a list", "Write the messages as a list of objects."),
    "attributes_not_an_object": ("is not an object", "Write it as an object, or leave it out."),
    # times, of the conversation or of a message
    "sent_at_missing": ("is missing or empty", f"Give every message its time. {_ISO}"),
    "time_not_a_string": ("is not a string", _ISO),
    "time_unparsable": ("is not a time", _ISO),
    "time_without_zone": ("has no zone", _ISO),
    "time_too_early": ("is before 1995", "Correct the time."),
    "time_in_future": ("lies in the future", "Correct the time."),
    "time_after_as_of": ("is after this run's as_of", "Load again with a later --as-of."),
    # the message
    "message_not_an_object": ("is not an object", "Write every message as an object."),
    "message_id_not_a_string": ("is not a string", "Write the id in quotes, or leave it out."),
    "message_id_too_long": (f"is longer than {MAX_ID_LENGTH} characters", "Use a shorter id."),
    "message_id_control_character": ("holds a control character", "Remove it from the id."),
    "message_id_duplicate": ("is the id of an earlier message of this conversation", "Give each message its own id."),
    "message_before_start": ("is before the stated start of its conversation", "Correct sent_at or started_at."),
    "reply_before_start": (
        "is the time of a reply before anything was said: it is before the stated start of its conversation",
        "Correct sent_at or started_at.",
    ),
    "actor_missing": ("is missing or empty", f"State who speaks: {', '.join(ACTORS)}."),
    "actor_unknown": (f"is not one of {', '.join(ACTORS)}", "Map it to one of these."),
    "text_missing": ("is missing", "Give every message its text; it may be empty."),
    "text_not_a_string": ("is not a string", "Write the text in quotes."),
    "text_too_long": ("is longer than 1 MiB", "Keep attachments out of the text."),
    "is_internal_not_a_boolean": ("is not true or false", "Write true or false, or leave it out."),
    "confidence_not_a_number": ("is not a number", "Write a number from 0 to 1, or leave it out."),
    "confidence_outside_0_1": ("is outside 0 to 1", "Write a number from 0 to 1, or leave it out."),
    "sources_not_a_list": ("is not a list", "Write a list, or leave it out."),
    "feedback_not_a_list": ("is not a list", "Write a list, or leave it out."),
    "tool_calls_not_a_list": ("is not a list", "Write a list of objects, or leave it out."),
    "tool_call_not_an_object": ("holds something that is not an object", "Write each call as an object."),
    "tool_call_name_missing": ("holds a call without a name", "Give every call the name of its tool."),
    "tool_call_status_unknown": (
        f"holds a status that is not one of {', '.join(TOOL_STATUSES)}",
        "Map it to one of these, or leave it out.",
    ),
    # rows of a database
    "field_missing": ("is missing or empty", "Map a column that always says it, or give the field a `default:`."),
    "row_key_missing": ("is null", "Name columns that are never null; `cursor` takes several."),
    # foreign layouts
    "dialect_malformed": ("does not follow the layout that its keys announce", "Correct the record, or convert it."),
}


class Refused(Exception):
    """A record that cannot land.

    Args:
        code: Key of `REASONS`.
        field: The field, line or file that is at fault.
        value: The offending value, shown shortened; None when there is none to show.
        detail: What else helps to find the fault.
        held_until: The as_of from which on the record can land, where only its time is at fault.
    """

    def __init__(
        self, code: str, field: str, value: Any = None, detail: str = "", *, held_until: str | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.value = value
        self.detail = detail
        self.interaction_id: str | None = None
        self.record_id: str | None = None
        self.held_until = held_until

    @property
    def reason(self) -> str:
        """One sentence with the field, its value and what is wrong with it."""
        shown = "" if self.value is None else f" {_shown(self.value)}"
        detail = f" ({self.detail[:300]})" if self.detail else ""
        return f"{self.field}{shown} {REASONS[self.code][0]}{detail}"

    @property
    def remedy(self) -> str:
        return REASONS[self.code][1]


def _shown(value: Any) -> str:
    text = repr(value[: MAX_SHOWN_VALUE + 1]) if isinstance(value, str) else kept_payload(value)
    return text if len(text) <= MAX_SHOWN_VALUE else text[: MAX_SHOWN_VALUE - 1] + "…"


def kept_payload(raw: Any) -> str:
    """The refused record as text that PostgreSQL can hold, cut to 4,096 characters."""
    if isinstance(raw, dict | list):
        try:
            raw = orjson.dumps(raw, default=repr)
        except TypeError:
            raw = repr(raw)
    if isinstance(raw, bytes):
        raw = raw[: 4 * MAX_KEPT_PAYLOAD].decode("utf-8", errors="replace")
    text = str(raw)[:MAX_KEPT_PAYLOAD]
    return text.encode("utf-8", errors="replace").decode().replace("\x00", "\ufffd")
