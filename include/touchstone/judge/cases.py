"""What a scorer hands to a judge, and what it gets back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from touchstone.errors import TouchstoneError

HOLDS, FAILS, NOT_APPLICABLE = "holds", "fails", "not_applicable"
SIDES = {"human_agent": "human agent", "ai_agent": "AI agent"}

Outcome = str | float

Why = Literal[
    "off",  # the judge is not switched on
    "not_redacted",  # the text is not what the present redactor gives: it did not leave
    "too_long",  # for the setting or for the endpoint
    "budget_spent",
    "unavailable",  # no answer in spite of repeats, or an endpoint that is given up for this run
    "rejected",  # credentials, model or request are not accepted
    "refused",  # the model will not answer
    "unreadable",  # the answer breaks the schema
    "quote_not_found",  # the quote is in no message that it may come from
    "disagreement",  # rule and judge differ: the rule counts until a person has looked
]


@dataclass(frozen=True, slots=True)
class Message:
    """A public message as `clean.messages` holds it.

    Attributes:
        actor: customer, human_agent, ai_agent or system.
        pii: Placeholders in `text`: {type, start, end}, in code points.
        redactor_version: Of the redactor that made `text`.
    """

    message_key: str
    actor: str
    text: str
    pii: Sequence[Mapping[str, Any]]
    redactor_version: str


@dataclass(frozen=True, slots=True)
class Tier:
    id: str
    description: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about the judged side: an indicator or behaviour, or with `tiers` or `scale` a dimension.

    Attributes:
        statement: True or not of the judged side, such as "Restates the customer's problem before solving it."
        tiers: Lowest first; the outcome is one's id.
        scale: Lowest and highest score; the outcome is a number between them.
        examples: Wordings that fulfil the statement.
        evidence_from: Whose words may prove an outcome; failing may be shown by anyone's.
    """

    id: str
    statement: str
    tiers: tuple[Tier, ...] = ()
    scale: tuple[float, float] | None = None
    examples: tuple[str, ...] = ()
    evidence_from: Literal["judged_side", "customer", "anyone"] = "judged_side"

    def __post_init__(self) -> None:
        names = [tier.id for tier in self.tiers]
        if (self.tiers and self.scale) or len({*names, NOT_APPLICABLE}) <= len(names) or len(names) == 1:
            raise TouchstoneError(
                f"question {self.id}", names, "Give it two or more tiers of different names, or a scale, or neither."
            )
        if self.scale and not self.scale[0] < self.scale[1]:
            raise TouchstoneError(f"question {self.id}: scale", self.scale, "Write the lowest score, then the highest.")

    @property
    def choices(self) -> tuple[str, ...] | None:
        """The possible outcomes; None for a scale, whose numbers are beside `not_applicable`."""
        if self.scale:
            return None
        return (*(tier.id for tier in self.tiers), NOT_APPLICABLE) if self.tiers else (HOLDS, FAILS, NOT_APPLICABLE)

    @property
    def digest(self) -> str:
        return sha256(asdict(self))

    def share(self, outcome: Outcome | None) -> float | None:
        """An outcome as a share of the best one, 0 to 1; None for what does not apply or was not judged."""
        if outcome is None or outcome == NOT_APPLICABLE:
            return None
        if self.scale:
            low, high = self.scale
            return (float(outcome) - low) / (high - low)
        order = [tier.id for tier in self.tiers] or [FAILS, HOLDS]
        return order.index(str(outcome)) / (len(order) - 1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome and who came to it.

    Attributes:
        confidence: 0 to 1; of a model, what it says of itself, which is not calibrated.
        start, end: Code points, half-open, in the text of `message_key`; `quote` is that slice.
    """

    outcome: Outcome
    confidence: float
    evaluator_type: str
    evaluator_version: str
    message_key: str | None = None
    start: int | None = None
    end: int | None = None
    quote: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One interaction, one judged side, and the questions about it.

    Attributes:
        subject: human_agent or ai_agent.
        messages: Public ones in order; internal notes are not for a judge.
        rules: What the offline scorer makes of the questions, by question id; a question may be for the judge alone.
    """

    interaction_key: str
    subject: str
    messages: tuple[Message, ...]
    questions: tuple[Question, ...]
    rules: Mapping[str, Verdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = {question.id for question in self.questions}
        if self.subject not in SIDES or len(ids) < len(self.questions) or not self.rules.keys() <= ids:
            raise TouchstoneError(
                f"case of interaction {self.interaction_key}",
                self.subject,
                f"The judged side is one of {', '.join(SIDES)}; ids of questions are unique, and rules are of questions.",
            )

    @property
    def digest(self) -> str:
        """Of everything about the interaction that a judge sees."""
        return sha256([self.subject, [[message.actor, message.text] for message in self.messages]])


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer to one question.

    Attributes:
        verdict: What counts; None where neither judge nor rule has one.
        judge, rule: Both, side by side, where there are both.
        disagrees: Whether they differ; None where one is missing.
        why: Why `verdict` is not the judge's; None where it is.
        detail: The same in words; holds neither customer text nor secrets.
    """

    interaction_key: str
    subject: str
    question_id: str
    verdict: Verdict | None
    judge: Verdict | None
    rule: Verdict | None
    disagrees: bool | None
    why: Why | None
    detail: str | None
    is_cached: bool = False

    def row(self) -> dict[str, Any]:
        """Flat: the verdict's columns under their names, outcome and version of judge and rule under theirs."""
        parts = asdict(self)
        verdict = parts.pop("verdict") or dict.fromkeys(Verdict.__slots__)
        for who in ("judge", "rule"):
            held = parts.pop(who) or {}
            parts |= {f"{who}_{name}": held.get(name) for name in ("outcome", "confidence", "evaluator_version")}
        return parts | verdict


class Judge(Protocol):
    """What a scorer calls.

    Attributes:
        version: Of what gives the verdicts; rows state it.
    """

    version: str

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        """One judgement per case and question, in their order."""


def sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
