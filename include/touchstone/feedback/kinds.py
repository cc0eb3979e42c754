"""The kinds of feedback, as data: which columns a row has, what they may hold, and which of them say what the row is about.

A new kind is a new entry of `KINDS`; files, the inbox, corrections and quarantine follow from it.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from touchstone.errors import ConfigurationError

MAX_TEXT = 2_000
_CLOCKS = timedelta(days=1)
MAX_ID = 256
_SEPARATOR, _KEY = re.compile(r"[\s,;]+"), re.compile(r"[0-9a-f]{32}")
_TRUE, _FALSE = frozenset(("true", "t", "1", "yes")), frozenset(("false", "f", "0", "no"))


class UnusableRecord(Exception):
    """A row that cannot be used: a code for counting, why, and what to do."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy


@dataclass(frozen=True)
class Column:
    """One column of a kind.

    Attributes:
        type: id (a short text), text (free words, stored with personal data replaced), number, integer, boolean, moment, or keys
            (surrogate keys, apart by blanks, commas or semicolons).
        accepted: Values that an id may have; empty: any.
        is_key: Whether it is part of what tells a row from others; an empty one counts as a value.
        only_with: (column, value) that a row must hold for this column to be filled.
        is_needed: Whether it must be filled in such a row.
        is_past: Whether a moment may not lie after the ledger day (and a day, for clocks and zones).
    """

    name: str
    type: str = "id"
    required: bool = False
    accepted: tuple[str, ...] = ()
    is_key: bool = False
    only_with: tuple[str, str] | None = None
    is_needed: bool = False
    is_past: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of feedback.

    Attributes:
        about: `interaction` or `message` where rows speak of one, by `interaction_id` and `message_id`; None otherwise.
        in_order: Moments that may not precede the ones before them.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    about: str | None = None
    in_order: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_key)


_INTERACTION = (
    Column("interaction_id", required=True, is_key=True),
    Column("source"),
    Column("instance"),
)
_SLICE = (Column("topic"), Column("channel"), Column("agent_version"))
METRICS = (
    "containment_quality",
    "resolution",
    "escalation",
    "confidently_wrong",
    "policy_violation",
    "clarification",
    "tool_failure",
    "negative_feedback",
    "csat",
    "effort",
    "turns_per_resolution",
)
"""Metrics of `marts.rpt_ai_daily` that an action may aim at, or a follow-up look at."""

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "change_log",
            "what was changed, when, by whom and why",
            (
                Column("change_id", required=True, is_key=True),
                Column(
                    "change_type",
                    required=True,
                    accepted=("agent_version", "prompt", "article", "workflow", "policy", "routing"),
                ),
                Column("changed", required=True),
                *_SLICE,
                Column("changed_at", "moment", required=True),
                Column("changed_by"),
                Column("reason", "text"),
            ),
        ),
        Kind(
            "improvement_actions",
            "what is to be done about an issue, who owns it, and how its effect is followed up",
            (
                Column("action_id", required=True, is_key=True),
                Column("issue", "text", required=True),
                Column("priority", required=True, accepted=("critical", "high", "medium", "low")),
                Column("recommended_action", "text", required=True),
                Column("owner", required=True),
                Column("fix_type", required=True, accepted=("content", "guardrail", "workflow", "prompt")),
                Column(
                    "workflow_fix_category",
                    accepted=("routing", "guardrail", "handoff"),
                    only_with=("fix_type", "workflow"),
                ),
                Column("target_metric", required=True, accepted=METRICS),
                *_SLICE,
                Column("change_id"),
                Column("reported_at", "moment"),
                Column("triaged_at", "moment"),
                Column("done_at", "moment"),
                Column("deployed_at", "moment"),
                Column("follow_up_metric", accepted=METRICS),
                Column("follow_up_at", "moment"),
                Column("offline_test_result", accepted=("passed", "failed", "not_run")),
            ),
            in_order=("reported_at", "triaged_at", "done_at", "deployed_at"),
        ),
        Kind(
            "factuality_checks",
            "whether an answer of an AI agent says what the article of its day says",
            (
                *_INTERACTION,
                Column("message_id", required=True, is_key=True),
                Column("claim_number", "integer", is_key=True),
                Column("article_id"),
                Column("article_version"),
                Column(
                    "verdict", required=True, accepted=("supported", "unsupported", "contradicted", "not_checkable")
                ),
                Column("checked_by", required=True, is_key=True),
                Column("checked_at", "moment", required=True, is_past=True),
            ),
            about="message",
        ),
        Kind(
            "regression_results",
            "results of test suites, case by case, for a version of an AI agent",
            (
                Column("suite", required=True, is_key=True),
                Column("case_id", required=True, is_key=True),
                Column("case_type", required=True, accepted=("typical", "edge", "non_target")),
                Column("metric", required=True, is_key=True),
                Column("agent_version", required=True, is_key=True),
                Column("value", "number"),
                Column("passed", "boolean", required=True),
                Column("ran_at", "moment", required=True, is_key=True, is_past=True),
            ),
        ),
        Kind(
            "intent_labels",
            "what a conversation, or a message of it, is truly about",
            (
                *_INTERACTION,
                Column("message_id", is_key=True),
                Column("true_intent", required=True),
                Column("labelled_by", required=True, is_key=True),
                Column("labelled_at", "moment", is_past=True),
            ),
            about="interaction",
        ),
        Kind(
            "gap_decisions",
            "what people decided about a knowledge gap; a decision is an event, and the same one given twice is one",
            (
                Column("gap_id", required=True, is_key=True),
                Column(
                    "decision",
                    required=True,
                    accepted=("dismiss", "reopen", "merge", "split", "assign", "draft", "publish"),
                    is_key=True,
                ),
                Column("decided_by", required=True, is_key=True),
                Column("decided_at", "moment", required=True, is_key=True, is_past=True),
                Column("reason", "text", required=True),
                Column("into_gap_id", is_key=True, only_with=("decision", "merge"), is_needed=True),
                Column("message_keys", "keys", is_key=True, only_with=("decision", "split"), is_needed=True),
                Column(
                    "owner_team",
                    accepted=("product", "engineering", "content", "marketing"),
                    is_key=True,
                    only_with=("decision", "assign"),
                    is_needed=True,
                ),
                Column("owner", is_key=True, only_with=("decision", "assign")),
                Column("article_id", is_key=True, only_with=("decision", "publish"), is_needed=True),
            ),
        ),
        Kind(
            "intent_decisions",
            "what becomes of a cluster of new questions",
            (
                Column("cluster_id", required=True, is_key=True),
                Column("decision", required=True, accepted=("promote", "dismiss", "merge", "reopen"), is_key=True),
                Column("intent", only_with=("decision", "promote"), is_needed=True),
                Column("into_cluster_id", only_with=("decision", "merge"), is_needed=True),
                Column("owner_team"),
                Column("decided_by", required=True),
                Column("decided_at", "moment", required=True, is_key=True),
                Column("reason", "text", required=True),
            ),
        ),
    )
}


def find_kind(name: str) -> Kind:
    """The kind of this name.

    Raises:
        ConfigurationError: There is none.
    """
    if name not in KINDS:
        raise ConfigurationError("there is no such kind of feedback", name, near(name, KINDS))
    return KINDS[name]


def near(value: str, known: Any) -> str:
    """A remedy that names the value that was probably meant."""
    match = difflib.get_close_matches(value, sorted(known), 1)
    listed = ", ".join(sorted(known)) or "nothing"
    return f"Did you mean {match[0]!r}? Known: {listed}." if match else f"Write one of {listed}."


def parse(kind: Kind, record: dict[str, Any], as_of: datetime) -> dict[str, Any]:
    """A checked row: every column of the kind in its type, None where it is empty.

    Args:
        as_of: End of the ledger day.

    Raises:
        UnusableRecord: A column is unknown, missing, or holds what it may not.
    """
    for name in record:
        if name not in kind.names:
            raise UnusableRecord("unknown_column", f"{kind.name} has no column {name!r}", near(name, kind.names))
    row: dict[str, Any] = {}
    for column in kind.columns:
        value = record.get(column.name)
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "":
            if column.required:
                raise UnusableRecord(
                    "missing_value",
                    f"{column.name} is missing or empty",
                    f"A row of {kind.name} needs {', '.join(kind.required)}.",
                )
            row[column.name] = None
            continue
        row[column.name] = _PARSERS[column.type](column.name, value)
        if column.accepted and row[column.name] not in column.accepted:
            raise UnusableRecord(
                "unknown_value",
                f"{column.name} {row[column.name]!r} is unknown",
                near(row[column.name], column.accepted),
            )
        if column.is_past and row[column.name] > as_of + _CLOCKS:
            raise UnusableRecord(
                "in_the_future", f"{column.name} lies after the ledger day", "Correct it, or send the row on its day."
            )
    _check_whole(kind, row)
    return row


def _check_whole(kind: Kind, row: dict[str, Any]) -> None:
    for column in kind.columns:
        if column.only_with is None:
            continue
        other, value = column.only_with
        if row[column.name] is not None and row[other] != value:
            raise UnusableRecord(
                "contradiction",
                f"{column.name} is given where {other} is {row[other]!r}",
                f"Leave it out, or write {other} {value!r}.",
            )
        if column.is_needed and row[column.name] is None and row[other] == value:
            raise UnusableRecord(
                "missing_value", f"{column.name} is missing where {other} is {value!r}", f"Fill in {column.name}."
            )
    given = [(name, row[name]) for name in kind.in_order if row[name] is not None]
    for (earlier, first), (later, second) in itertools.pairwise(given):
        if second < first:
            raise UnusableRecord("contradiction", f"{later} is before {earlier}", "Correct one of the two times.")


def _text(name: str, value: Any, limit: int) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UnusableRecord("wrong_type", f"{name} {value!r} is not a text", "Write it in quotes.")
    text = str(value)
    if len(text) > limit or any(ord(char) < 32 and char not in "\n\t" for char in text):
        raise UnusableRecord(
            "wrong_type", f"{name} is longer than {limit:,} characters or holds a control character", "Correct it."
        )
    return text


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UnusableRecord("wrong_type", f"{name} {value!r} is not a number", "Write a number.") from None
    if not math.isfinite(number):
        raise UnusableRecord("wrong_type", f"{name} {value!r} is not finite", "Write a finite number.")
    return number


def _integer(name: str, value: Any) -> int:
    number = _number(name, value)
    if isinstance(value, bool) or number != int(number) or abs(number) > 2**31 - 1:
        raise UnusableRecord("wrong_type", f"{name} {value!r} is not a whole number", "Write a whole number.")
    return int(number)


def _boolean(name: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in _TRUE | _FALSE:
        raise UnusableRecord("wrong_type", f"{name} {value!r} is not true or false", "Write true or false.")
    return text in _TRUE


def _moment(name: str, value: Any) -> datetime:
    remedy = "Write it as 2026-03-01T09:00:00Z, or a day in UTC as 2026-03-01."
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise UnusableRecord("wrong_type", f"{name} {value!r} is not a time", remedy) from None
    if moment.tzinfo is None:
        if len(str(value)) > 10:
            raise UnusableRecord("wrong_type", f"{name} {value!r} has no zone", remedy)
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _keys(name: str, value: Any) -> str:
    keys = sorted({key for key in _SEPARATOR.split(str(value)) if key})
    if wrong := [key for key in keys if not _KEY.fullmatch(key)]:
        raise UnusableRecord(
            "wrong_type", f"{name} holds {wrong[0]!r}, which is no key", "Give keys of 32 hexadecimal digits."
        )
    return " ".join(keys)


_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "id": lambda name, value: _text(name, value, MAX_ID),
    "text": lambda name, value: _text(name, value, MAX_TEXT),
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "moment": _moment,
    "keys": _keys,
}
