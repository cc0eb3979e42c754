"""The published JSON Schema and the hand-written checks say the same of a record."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import jsonschema
import pytest

from touchstone.sources.reasons import Refused
from touchstone.sources.schema import conversation_schema
from touchstone.sources.validate import Checker, Ties

VALIDATOR = jsonschema.Draft202012Validator(conversation_schema())
MESSAGE = {"message_id": "m1", "sent_at": "2026-03-01T09:00:00Z", "actor": "customer", "text": "Hello"}
ROW = {"interaction_id": "c1", **MESSAGE}

LEGAL = {
    "message_id": [None, "", "x" * 256, "ünïcode", "a b"],
    "sent_at": [
        "2026-03-01T09:00:00.5Z",
        "2026-03-01t09:00:00z",
        "2026-03-01 09:00+01:00",
        "2026-03-01T09:00:00,123456+0530",
        "2026-03-01T09:00:00-03",
    ],
    "actor": ["customer", "human_agent", "ai_agent", "system"],
    "actor_id": [None, "", "u-1"],
    "text": ["", "x" * 1000],
    "is_internal": [True, False, None],
    "confidence": [0, 1, 0.5, None],
    "sources": [[], ["a", {"title": "b"}], None],
    "tool_calls": [[], [{"name": "find"}], [{"name": "find", "status": "timeout", "duration": 3}], None],
    "feedback": [[], [1]],
    "attributes": [{}, {"a": 1}, None],
    "channel": ["chat", "other", "", None],
    "status": ["on_hold", "", None],
    "started_at": ["2026-03-01T08:59:59Z", "", None],
    "language": ["en", "pt-BR", "zh_Hant", "", None],
    "customer_email": ["a@b.c", "", None],
    "tags": [[], ["a"], None],
    "rating": [1, 4.5, None],
    "topic": ["billing", "", None],
    "updated_at": ["2026-03-02T00:00:00Z", None],
    "anything_else": [{"a": [1]}, None, 7],
}
ILLEGAL = {
    "interaction_id": [None, "", 7, "x" * 257, "a\nb", "a\u0085b", ["c1"]],
    "message_id": [5, "x" * 257, "a\x1fb", True],
    "sent_at": [
        None,
        "",
        1772355600,
        "yesterday",
        "2026-03-01",
        "2026-03-01T09:00:00",
        "2026-13-01T09:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T09:00:60Z",
        "0000-03-01T09:00:00Z",
        "20260301T090000Z",
        "2026-W10-1T09:00:00Z",
        "2026-03-01T09:00:00 Z",
        "2026-03-01T09:00:00+24:00",
    ],
    "actor": [None, "", "robot", 1, ["customer"]],
    "actor_id": [5, "x" * 4097],
    "text": [None, 5, ["a"], "x" * (1024 * 1024 + 1)],
    "is_internal": ["true", 1],
    "confidence": ["0.5", 1.01, -0.01, True],
    "sources": ["a", {}],
    "tool_calls": [{}, ["find"], [{"status": "ok"}], [{"name": ""}], [{"name": "a", "status": "bad"}], [{"name": 3}]],
    "feedback": ["good"],
    "attributes": [[], "a"],
    "channel": ["fax", 1, []],
    "status": ["done", {}],
    "started_at": ["2026-03-01", 5],
    "language": ["english!", "e", 5],
    "customer_email": ["nobody", "a @b", 5],
    "tags": ["a,b", [1], ["x" * 4097]],
    "rating": ["5", True],
    "rating_scale_max": ["5"],
    "topic": [5],
    "updated_at": ["now"],
}


def says_schema(record: dict) -> bool:
    return VALIDATOR.is_valid(record)


def say_checks(record: dict) -> bool:
    checker = Checker(None, datetime(2027, 1, 1, tzinfo=UTC))
    try:
        if record.get("messages") is not None:
            return not checker.document(record).refused
        checker.row(record, 1, Ties())
    except Refused:
        return False
    return True


def in_both_shapes(field: str, value: object) -> list[dict]:
    row = {**ROW, field: value}
    document = {"interaction_id": "c1", "messages": [copy.deepcopy(MESSAGE)]}
    of_message = field in {*MESSAGE, "actor_id", "is_internal", "confidence", "sources", "tool_calls", "feedback"}
    (document["messages"][0] if of_message else document)[field] = value
    return [row, document]


def cases(table: dict) -> list:
    return [
        pytest.param(record, id=f"{field}={str(value)[:30]!r}-{shape}")
        for field, values in table.items()
        for value in values
        for shape, record in zip(("row", "document"), in_both_shapes(field, value), strict=True)
    ]


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(conversation_schema())


@pytest.mark.parametrize("record", cases(LEGAL))
def test_both_accept(record):
    assert says_schema(record)
    assert say_checks(record)


@pytest.mark.parametrize("record", cases(ILLEGAL))
def test_both_refuse(record):
    assert not says_schema(record)
    assert not say_checks(record)


@pytest.mark.parametrize("field", ["interaction_id", "sent_at", "actor", "text"])
def test_both_miss_a_required_field_of_a_row(field):
    record = {name: value for name, value in ROW.items() if name != field}
    assert not says_schema(record)
    assert not say_checks(record)


@pytest.mark.parametrize("messages", ["none", {}, ["hello"], [5], [[MESSAGE]], [{}]])
def test_both_refuse_what_are_no_messages(messages):
    record = {"interaction_id": "c1", "messages": messages}
    assert not says_schema(record)
    assert not say_checks(record)


def test_both_accept_a_document_without_messages():
    record = {"interaction_id": "c1", "messages": []}
    assert says_schema(record)
    assert say_checks(record)


def test_every_field_of_the_tables_is_in_the_battery_or_of_a_kind_that_is():
    kinds = {field.name: field.kind for field in (*_fields(),)}
    covered = {kinds[name] for name in (*LEGAL, *ILLEGAL) if name in kinds}
    assert covered == set(kinds.values())


def _fields():
    from touchstone.sources.schema import CONVERSATION_FIELDS, MESSAGE_FIELDS

    return (*CONVERSATION_FIELDS, *MESSAGE_FIELDS)
