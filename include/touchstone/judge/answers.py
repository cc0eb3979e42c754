"""A model's answer becomes a verdict only if it keeps to the schema and its quote is in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from jsonschema import Draft202012Validator

from touchstone.judge.cases import FAILS, NOT_APPLICABLE, Case, Outcome, Question, Why
from touchstone.judge.prompt import names_of, verdict_schema
from touchstone.scoring.conversation import EVIDENCE_LENGTH


@dataclass(frozen=True, slots=True)
class Answer:
    """An accepted answer; it holds no text, the quote is a slice of the message.

    Attributes:
        message: Number of the message in the case; None with `not_applicable`.
        start, end: Code points, half-open, at most `EVIDENCE_LENGTH` apart.
    """

    outcome: Outcome
    confidence: float
    message: int | None
    start: int | None
    end: int | None


def read(
    content: str, case: Case, questions: Sequence[Question]
) -> tuple[dict[str, Answer], dict[str, tuple[Why, str]]]:
    """Answers by question id, and why the other questions have none.

    One bad verdict costs its own question; an answer that is no JSON, or has keys that were not asked for beside the verdicts,
    costs all of them. Numbers beyond their range are clamped to it.
    """
    named = names_of(questions)
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}, _all(questions, "the answer is not JSON")
    verdicts = value.get("verdicts") if isinstance(value, dict) and value.keys() == {"verdicts"} else None
    if not isinstance(verdicts, dict) or not verdicts.keys() <= named.keys():
        return {}, _all(questions, "the answer has other keys than were asked for")
    accepted: dict[str, Answer] = {}
    rejected: dict[str, tuple[Why, str]] = {}
    for name, question in named.items():
        if name not in verdicts:
            rejected[question.id] = ("unreadable", "the answer leaves the question out")
        elif not Draft202012Validator(verdict_schema(question)).is_valid(verdicts[name]):
            rejected[question.id] = ("unreadable", "the verdict breaks the schema")
        else:
            answer = _answer(verdicts[name], case, question)
            if answer:
                accepted[question.id] = answer
            else:
                rejected[question.id] = ("quote_not_found", "the quote is in no message that it may come from")
    return accepted, rejected


def _all(questions: Sequence[Question], detail: str) -> dict[str, tuple[Why, str]]:
    return {question.id: ("unreadable", detail) for question in questions}


def _answer(verdict: dict[str, Any], case: Case, question: Question) -> Answer | None:
    outcome, confidence = verdict["outcome"], _clamped(verdict["confidence"], 0, 1)
    if outcome == NOT_APPLICABLE:
        return Answer(outcome, confidence, None, None, None)
    if question.scale:
        outcome = _clamped(outcome, *question.scale)
    quote = verdict["quote"]
    if quote is None or not quote["text"].strip() or not 0 <= quote["message"] < len(case.messages):
        return None
    message = case.messages[int(quote["message"])]
    whose = {"judged_side": case.subject, "customer": "customer"}.get(question.evidence_from)
    if whose and outcome != FAILS and message.actor != whose:
        return None
    start = message.text.find(quote["text"])
    if start < 0:
        return None
    return Answer(outcome, confidence, int(quote["message"]), start, start + min(len(quote["text"]), EVIDENCE_LENGTH))


def _clamped(value: float, low: float, high: float) -> float:
    return float(min(max(value, low), high))
