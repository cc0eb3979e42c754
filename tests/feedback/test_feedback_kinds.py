"""What a row of feedback may hold, kind by kind, and why others are refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from touchstone.errors import ConfigurationError
from touchstone.feedback.kinds import KINDS, UnusableRecord, find_kind, parse

ACTION = {
    "action_id": "a-1",
    "issue": "plan changes are refused",
    "priority": "high",
    "recommended_action": "restore the tool's permission",
    "owner": "ai-team",
    "fix_type": "workflow",
    "workflow_fix_category": "routing",
    "target_metric": "resolution",
    "done_at": "2026-03-02",
}
CHANGE = {
    "change_id": "c-1",
    "change_type": "prompt",
    "changed": "tone",
    "changed_at": "2026-03-01T10:00:00+02:00",
}
DECISION = {
    "gap_id": "g0123456789ab",
    "decision": "split",
    "decided_by": "ann",
    "decided_at": "2026-03-02T10:00:00Z",
    "reason": "two questions",
    "message_keys": f"{'b' * 32};{'a' * 32}, {'b' * 32}",
}
AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
RESULT = {
    "suite": "refunds",
    "case_id": "7",
    "case_type": "edge",
    "metric": "groundedness",
    "agent_version": "2.4",
    "passed": "yes",
    "ran_at": "2026-03-01T00:00:00Z",
    "value": "0.5",
}


def test_every_kind_has_a_key_of_its_own_columns():
    for kind in KINDS.values():
        assert kind.key, kind.name
        for column in kind.columns:
            assert column.only_with is None or column.only_with[0] in kind.names


def test_values_take_their_types_and_an_empty_one_is_none():
    row = parse(KINDS["regression_results"], RESULT, AS_OF)
    assert (row["value"], row["passed"], row["ran_at"]) == (0.5, True, datetime(2026, 3, 1, tzinfo=UTC))
    row = parse(KINDS["change_log"], CHANGE | {"topic": " "}, AS_OF)
    assert (row["changed_at"], row["topic"], row["reason"]) == (datetime(2026, 3, 1, 8, tzinfo=UTC), None, None)


def test_keys_are_a_set_however_they_are_set_apart():
    assert parse(KINDS["gap_decisions"], DECISION, AS_OF)["message_keys"] == f"{'a' * 32} {'b' * 32}"


@pytest.mark.parametrize(
    ("kind", "record", "code", "hint"),
    [
        ("change_log", CHANGE | {"change_type": "promt"}, "unknown_value", "Did you mean 'prompt'?"),
        ("change_log", CHANGE | {"topik": "x"}, "unknown_column", "Did you mean 'topic'?"),
        ("change_log", {**CHANGE, "changed": ""}, "missing_value", "needs change_id"),
        ("change_log", CHANGE | {"changed_at": "2026-03-01T10:00"}, "wrong_type", "2026-03-01T09:00:00Z"),
        ("change_log", CHANGE | {"changed_at": "yesterday"}, "wrong_type", "2026-03-01T09:00:00Z"),
        ("change_log", CHANGE | {"changed": "x" * 257}, "wrong_type", "Correct"),
        ("improvement_actions", ACTION | {"fix_type": "prompt"}, "contradiction", "fix_type 'workflow'"),
        ("improvement_actions", ACTION | {"triaged_at": "2026-03-05"}, "contradiction", "Correct one"),
        ("improvement_actions", ACTION | {"target_metric": "happiness"}, "unknown_value", "Write one of"),
        ("gap_decisions", DECISION | {"into_gap_id": "g1"}, "contradiction", "decision 'merge'"),
        ("gap_decisions", DECISION | {"message_keys": None}, "missing_value", "Fill in message_keys"),
        ("gap_decisions", DECISION | {"message_keys": "m1"}, "wrong_type", "32 hexadecimal"),
        ("gap_decisions", DECISION | {"decided_at": "2026-04-02T00:00:01Z"}, "in_the_future", "on its day"),
        (
            "gap_decisions",
            DECISION | {"decision": "assign", "message_keys": "", "owner_team": "sales"},
            "unknown_value",
            "content",
        ),
        ("regression_results", RESULT | {"passed": "maybe"}, "wrong_type", "true or false"),
        ("regression_results", RESULT | {"value": "nan"}, "wrong_type", "finite"),
        (
            "factuality_checks",
            {
                "interaction_id": "1",
                "message_id": "2",
                "verdict": "supported",
                "checked_by": "ann",
                "checked_at": "2026-03-01",
                "claim_number": "1.5",
            },
            "wrong_type",
            "whole",
        ),
    ],
)
def test_a_row_that_cannot_be_used_says_why_and_what_to_do(kind, record, code, hint):
    with pytest.raises(UnusableRecord) as fault:
        parse(KINDS[kind], record, AS_OF)
    assert fault.value.code == code
    assert hint in fault.value.remedy


def test_an_unknown_kind_names_the_one_that_was_meant():
    with pytest.raises(ConfigurationError, match="change_log"):
        find_kind("changelog")
