"""What a score may read beside the conversation: the library, baselines, canned texts, learned models and a judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from touchstone.judge.cases import Judge
from touchstone.rubric.model import Indicator, Rubric
from touchstone.rubric.words import digest
from touchstone.scoring.baselines import Baseline, Effort, Expected, effort, first_contact
from touchstone.scoring.conversation import Conversation
from touchstone.scoring.judging import patterns_of, questions_of
from touchstone.scoring.knowledge import Library
from touchstone.scoring.regions import Templates

Classifier = Callable[[Sequence[str]], Sequence[float]]
"""Texts in, the probability of the behaviour for each out."""


@dataclass(frozen=True)
class Context:
    """Everything optional. What a rubric asks for and is not here does not apply, except a named model, which must be.

    Attributes:
        library: Articles and policies of all versions.
        baseline: Expected effort by topic and complexity.
        templates: The helpdesk's canned texts.
        classifiers: Learned models by the name that behaviours use.
        judge: The optional LLM judge; without one a behaviour is judged by its other parts, or does not apply.
        evaluator_versions: By `model:<name>` or `llm`, the version that rows state.
    """

    library: Library | None = None
    baseline: Baseline | None = None
    templates: Templates | None = None
    classifiers: Mapping[str, Classifier] = field(default_factory=dict)
    judge: Judge | None = None
    evaluator_versions: Mapping[str, str] = field(default_factory=dict)

    def usual(self, conversation: Conversation, subject: str, min_n: int) -> tuple[Effort, Expected] | None:
        """What a side spent, and what such a case usually takes; None without a baseline for it."""
        if self.baseline is None:
            return None
        complexity = self.baseline.complexity(first_contact(conversation))
        expected = self.baseline.expected(subject, conversation.about.get("topic"), complexity, min_n)
        return (effort(conversation, subject), expected) if expected else None


def resolved(rubric: Rubric, context: Context) -> Rubric:
    """The rubric with the versions of the learned models and the judge in the versions of what they decide.

    A model that is trained again under its name thereby re-scores the behaviours that use it, and nothing else.
    """
    if all(one.evaluator == "rule" for one in rubric.indicators):
        return rubric
    indicators = tuple(_resolved(one, rubric, context) for one in rubric.indicators)
    versions = [one.version for one, before in zip(indicators, rubric.indicators, strict=True) if one is not before]
    return replace(rubric, indicators=indicators, full_version=f"{rubric.full_version}.{digest(versions)}")


def evaluator_names(indicator: Indicator, rubric: Rubric) -> list[str]:
    """Keys of `evaluator_versions` of what decides an indicator beside rules."""
    asked = patterns_of(indicator, rubric)
    judges = ["llm"] if indicator.evaluator == "llm" else []
    return judges + [f"model:{one.spec[0]}" for one in asked if one.kind == "classifier"]


def needs_judge(indicator: Indicator, rubric: Rubric) -> bool:
    """Whether nothing can be said of a behaviour without the judge: no other part of it could show it."""
    if indicator.evaluator != "llm":
        return False
    judged = {one.name for one in patterns_of(indicator, rubric) if one.kind == "judge"}
    is_judged = [not judged.isdisjoint(part["names"]) for part in indicator.parameters["parts"]]
    is_due_by_judge = any(not judged.isdisjoint(part["names"]) for part in indicator.parameters["when"])
    return is_due_by_judge or all(is_judged) or (any(is_judged) and indicator.parameters["needs"] != "any")


def _resolved(indicator: Indicator, rubric: Rubric, context: Context) -> Indicator:
    if indicator.evaluator == "rule":
        return indicator
    if indicator.evaluator == "llm" and context.judge is None and not needs_judge(indicator, rubric):
        is_learned = any(one.kind == "classifier" for one in patterns_of(indicator, rubric))
        indicator = replace(
            indicator, evaluator="model" if is_learned else "rule", version=f"{indicator.version}.offline"
        )
    versions = [context.evaluator_versions.get(name, "unstated") for name in evaluator_names(indicator, rubric)]
    if indicator.evaluator == "llm":
        versions += [one.digest for one in questions_of(indicator, rubric)]
    return replace(indicator, version=f"{indicator.version}.{digest(versions)}")
