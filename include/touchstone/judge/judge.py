"""Judges: the one that asks a model, and the one that leaves every verdict to the rules."""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache

from touchstone.judge.answers import Answer, read
from touchstone.judge.cases import Case, Judge, Judgement, Question, Verdict, Why
from touchstone.judge.endpoint import Endpoint, EndpointFault
from touchstone.judge.prompt import build, prompt_digest
from touchstone.judge.settings import JudgeSettings
from touchstone.judge.store import Store
from touchstone.text.redact import REDACTOR_VERSION, redact

log = logging.getLogger(__name__)

ASKED = 2
"""Times that a question is asked whose answer cannot be used."""
FAULTS = 3
"""Interactions in a row without an answer after which the endpoint is left alone for the rest of the run."""
DISAGREEMENT = 0.1
"""Share of a scale by which two scores must differ to disagree."""

_PLACEHOLDER = re.compile(r"\[[A-Z0-9_]+\]")

Reason = tuple[Why, str]


@contextmanager
def open_judge(settings: JudgeSettings, store: Store, run_id: str) -> Iterator[Judge]:
    """The judge that the settings ask for.

    Args:
        store: The warehouse's, or a file's.
        run_id: Whose cap counts; parallel tasks of one run state the same.
    """
    if not settings.enabled:
        yield RulesOnly()
        return
    with Endpoint(settings, store, run_id) as endpoint:
        yield ModelJudge(settings, store, endpoint)


class RulesOnly:
    """The judge that is switched off."""

    version = "off"

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        return [
            _fallback(case, question, ("off", "the judge is switched off"))
            for case in cases
            for question in case.questions
        ]


class ModelJudge:
    """A judge that asks a model, several interactions at once; what has no answer falls back to the rules and says why."""

    def __init__(self, settings: JudgeSettings, store: Store, endpoint: Endpoint) -> None:
        self._settings = settings
        self._store = store
        self._endpoint = endpoint
        self._digest = prompt_digest(settings)
        self.version = f"{settings.model}+{self._digest}"
        self._lock = threading.Lock()
        self._over: Reason | None = None
        self._faults = 0

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        with ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="judge") as pool:
            return [judgement for judged in pool.map(self._case, cases) for judgement in judged]

    def _case(self, case: Case) -> list[Judgement]:
        reason = self._must_stay(case)
        if reason:
            return [_fallback(case, question, reason) for question in case.questions]
        text_digest = case.digest
        cached = self._store.answers(self._settings.model, self._digest, text_digest)
        known = {question.id: cached.get(question.digest) for question in case.questions}
        reasons: dict[str, Reason] = {}
        missing = []
        for question in case.questions:
            if known[question.id] is None and _holds_personal_data(question):
                reasons[question.id] = "not_redacted", "an example of the question holds personal data"
            elif known[question.id] is None:
                missing.append(question)
        size = self._settings.questions_per_request
        for first in range(0, len(missing), size):
            part = missing[first : first + size]
            answers, left = self._ask(case, part)
            fresh = {question.digest: answers[question.id] for question in part if question.id in answers}
            self._store.keep(self._settings.model, self._digest, text_digest, fresh)
            known |= answers
            reasons |= left
        fresh_ids = {question.id for question in missing}
        return [
            _fallback(case, question, reasons[question.id])
            if known[question.id] is None
            else self._judgement(case, question, known[question.id], question.id not in fresh_ids)
            for question in case.questions
        ]

    def _must_stay(self, case: Case) -> Reason | None:
        """Why the text of a case may not leave."""
        length = sum(len(message.text) for message in case.messages)
        if length > self._settings.longest_interaction:
            return "too_long", f"{length:,} characters, {self._settings.longest_interaction:,} may leave"
        for number, message in enumerate(case.messages):
            if message.redactor_version != REDACTOR_VERSION:
                return "not_redacted", f"message {number} was not redacted by {REDACTOR_VERSION}"
            marks = (message.text[entry["start"] : entry["end"]] for entry in message.pii)
            # a second reading finds nothing in what the redactor gives
            if not all(map(_PLACEHOLDER.fullmatch, marks)) or redact(message.text)[1]:
                return "not_redacted", f"message {number} holds personal data"
        return None

    def _ask(self, case: Case, questions: Sequence[Question]) -> tuple[dict[str, Answer], dict[str, Reason]]:
        """Answers by question id, and why the others have none."""
        accepted: dict[str, Answer] = {}
        reasons: dict[str, Reason] = {}
        left = list(questions)
        for _ in range(ASKED):
            if self._over:
                return accepted, {question.id: reasons.get(question.id, self._over) for question in left}
            prompt = build(case, left, secrets.token_hex(16), self._settings.response_format)
            try:
                reply = self._endpoint.complete(prompt)
            except EndpointFault as fault:
                self._count(fault)
                return accepted, {question.id: (fault.why, str(fault)) for question in left}
            self._count(None)
            answers, reasons = read(reply.content, case, left)
            accepted |= answers
            left = [question for question in left if question.id in reasons]
            if not left:
                break
        return accepted, reasons

    def _count(self, fault: EndpointFault | None) -> None:
        """End the run's requests where no further one can succeed, and say so once."""
        with self._lock:
            passes = fault is None or fault.why in ("refused", "unreadable", "too_long")
            self._faults = 0 if passes else self._faults + 1
            if self._over is None and fault and (fault.ends_run or self._faults >= FAULTS):
                self._over = fault.why, str(fault)
                log.warning("judge: stops for this run, the rules score alone: %s: %s", fault.why, fault)

    def _judgement(self, case: Case, question: Question, answer: Answer, is_cached: bool) -> Judgement:
        verdict = Verdict(answer.outcome, answer.confidence, "llm", self.version)
        if answer.message is not None:
            message = case.messages[answer.message]
            verdict = Verdict(
                *(answer.outcome, answer.confidence, "llm", self.version),
                *(message.message_key, answer.start, answer.end, message.text[answer.start : answer.end]),
            )
        rule = case.rules.get(question.id)
        differs = rule is not None and _differ(question, verdict, rule)
        rule_counts = differs and self._settings.on_disagreement == "rule"
        return Judgement(
            interaction_key=case.interaction_key,
            subject=case.subject,
            question_id=question.id,
            verdict=rule if rule_counts else verdict,
            judge=verdict,
            rule=rule,
            disagrees=None if rule is None else differs,
            why="disagreement" if rule_counts else None,
            detail="rule and judge differ: the rule counts until a person has looked" if rule_counts else None,
            is_cached=is_cached,
        )


@lru_cache(maxsize=1024)
def _holds_personal_data(question: Question) -> bool:
    """Whether the rubric's author quoted a customer as the customer wrote it."""
    examples = [*question.examples, *(example for tier in question.tiers for example in tier.examples)]
    return any(redact(example)[1] for example in examples)


def _differ(question: Question, one: Verdict, other: Verdict) -> bool:
    if question.scale is None:
        return one.outcome != other.outcome
    share, another = question.share(one.outcome), question.share(other.outcome)
    if share is None or another is None:
        return share is not another
    return abs(share - another) > DISAGREEMENT


def _fallback(case: Case, question: Question, reason: Reason) -> Judgement:
    rule = case.rules.get(question.id)
    return Judgement(case.interaction_key, case.subject, question.id, rule, None, rule, None, *reason)
