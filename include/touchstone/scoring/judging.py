"""What the optional judge is asked about a side of a conversation, and what its verdicts give.

A behaviour's question is a part like any other: a verdict that holds is a hit where its quote stands, and `needs`, `at_least`,
`window` and `when` decide what hits give. Where the other parts could show the behaviour alone, what they find is the rule's
verdict on each question; where they could not, there is none beside the judge's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import NamedTuple

from touchstone.judge.cases import FAILS, HOLDS, Case, Judgement, Message, Question, Verdict
from touchstone.rubric.model import Indicator, Pattern, Rubric
from touchstone.scoring.behaviour import behaviour_hits
from touchstone.scoring.conversation import Conversation, Evidence


class Ask(NamedTuple):
    """How an indicator asks.

    Attributes:
        patterns: Its questions' patterns, in their order.
        is_due_by_rule: Whether the judge has no say in when the behaviour is due.
        judged: Its parameters with the judged parts alone.
        offline: Evaluator of the other parts; None where they cannot show the behaviour alone.
    """

    questions: tuple[Question, ...]
    patterns: tuple[Pattern, ...]
    is_due_by_rule: bool
    judged: SimpleNamespace
    offline: tuple[str, str] | None


def patterns_of(indicator: Indicator, rubric: Rubric) -> list[Pattern]:
    """The patterns of a behaviour's parts."""
    names = {name for part in (*indicator.parameters["parts"], *indicator.parameters["when"]) for name in part["names"]}
    return [one for one in rubric.patterns if one.name in names]


def questions_of(indicator: Indicator, rubric: Rubric) -> tuple[Question, ...]:
    """One question per judged part; what the indicator's examples quote is the example of a part that suffices alone."""
    shown = HOLDS if indicator.parameters["expect"] == "present" else FAILS
    suffices = {name for part in indicator.parameters["parts"] for name in part["names"]}
    if indicator.parameters["needs"] != "any":
        suffices = set()
    return tuple(
        Question(
            id=one.name,
            statement=one.spec[0],
            examples=tuple(
                quote
                for example in indicator.examples
                if one.name in suffices and example.outcome == shown
                for quote in example.quotes
                if any(quote in says and says.startswith("C") == (one.side == "customer") for says in example.says)
            ),
            evidence_from="customer" if one.side == "customer" else "judged_side",
        )
        for one in patterns_of(indicator, rubric)
        if one.kind == "judge"
    )


def ask_of(indicator: Indicator, rubric: Rubric, offline: tuple[str, str] | None) -> Ask:
    patterns = tuple(one for one in patterns_of(indicator, rubric) if one.kind == "judge")
    names = {one.name for one in patterns}
    parameters = indicator.parameters
    return Ask(
        questions_of(indicator, rubric),
        patterns,
        names.isdisjoint(name for part in parameters["when"] for name in part["names"]),
        SimpleNamespace(
            **{**parameters, "parts": tuple(one for one in parameters["parts"] if not names.isdisjoint(one["names"]))}
        ),
        offline,
    )


def case_of(
    conversation: Conversation, key: str, subject: str, asks: Iterable[tuple[Ask, SimpleNamespace]]
) -> Case | None:
    """What is asked about a side at once; None where nothing of it is due.

    Only the authors' own words are shown: what a reply quotes of the customer's is no proof of the reply.

    Args:
        asks: With the parameters of each one's indicator.
    """
    from touchstone.text.redact import REDACTOR_VERSION  # loaded for a judge only

    questions: list[Question] = []
    rules: dict[str, Verdict] = {}
    for ask, parameters in asks:
        is_due, found, _ = behaviour_hits(conversation, subject, parameters)
        if not is_due and ask.is_due_by_rule:
            continue
        questions += ask.questions
        if ask.offline:
            rules |= dict.fromkeys((one.id for one in ask.questions), _rule(found, ask.offline))
    if not questions:
        return None
    messages = []
    for turn in conversation.turns:
        own = turn.features.own.rstrip()
        spans = [(entry, slice(entry["start"], entry["end"])) for entry in turn.pii]
        pii = [entry for entry, span in spans if own[span] == turn.text[span]]
        messages.append(Message(turn.message_key, turn.subject or "customer", own, pii, REDACTOR_VERSION))
    return Case(key, subject, tuple(messages), tuple(questions), rules)


def _rule(found: list[Evidence], evaluator: tuple[str, str]) -> Verdict:
    if not found:
        return Verdict(FAILS, 0.5, *evaluator)
    turn, start, end = found[0]
    return Verdict(HOLDS, 1.0, *evaluator, turn.message_key, start, end, turn.text[start:end])


def hits_of(
    conversation: Conversation, ask: Ask, judgements: Mapping[str, Judgement]
) -> tuple[dict[str, list[Evidence]], bool]:
    """Hits by pattern of what the judge says and counts, and whether it leaves anything open.

    Open is a question without a verdict, one that does not apply, and one that holds with less confidence than `at_least`.
    """
    hits: dict[str, list[Evidence]] = {}
    is_open = False
    for pattern in ask.patterns:
        judgement = judgements[pattern.name]
        held = judgement.verdict
        if held is not None and (judgement.why or held.outcome == FAILS):
            continue  # the rule's, which the other parts find again, or no hit
        turn = next((one for one in conversation.turns if held and one.message_key == held.message_key), None)
        is_hit = (
            turn is not None
            and held.outcome == HOLDS
            and held.confidence >= pattern.at_least
            and turn.text[held.start : held.end] == held.quote
        )
        if is_hit:
            hits[pattern.name] = [(turn, held.start, held.end)]
        is_open |= not is_hit
    return hits, is_open


def is_overruled(judgements: Iterable[Judgement]) -> bool:
    """Whether the judge says against the rule that a behaviour is not shown, and counts."""
    return any(one.why is None and one.disagrees and one.rule.outcome == HOLDS for one in judgements)
