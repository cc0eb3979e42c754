"""A rubric as the scorer reads it: frozen, validated, with versions that name its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from touchstone.errors import ConfigurationError

SUBJECTS = ("human_agent", "ai_agent")
TIERS = ("needs_improvement", "acceptable", "excellent")
ROLES = ("resolution", "script")


@dataclass(frozen=True)
class TierExample:
    """What somebody wrote that belongs to a tier.

    Attributes:
        interaction_id: The conversation that it was said in, in its source; None for a made-up one.
    """

    quote: str
    interaction_id: str | None = None


@dataclass(frozen=True)
class Tier:
    """What a tier of a dimension looks like, with examples."""

    tier: str
    description: str
    examples: tuple[TierExample, ...]

    @property
    def definition(self) -> dict[str, Any]:
        return {
            "tier": self.tier,
            "description": self.description,
            "examples": [vars(example) for example in self.examples],
        }


@dataclass(frozen=True)
class Dimension:
    """One of the five to seven things that are judged.

    Attributes:
        weight: The present one; `Rubric.weights_on` gives that of a day.
        role: resolution or script for the two whose weights are compared; else None.
    """

    id: str
    ordinal: int
    title: str
    weight: float
    owner: str
    purpose: str
    target_kpi: str
    tiers: tuple[Tier, ...]
    role: str | None = None

    @property
    def definition(self) -> dict[str, Any]:
        """The part that has no column of its own in `scores.rubric_dimensions`."""
        return {
            "owner": self.owner,
            "purpose": self.purpose,
            "target_kpi": self.target_kpi,
            "role": self.role,
            "tiers": [tier.definition for tier in self.tiers],
        }


@dataclass(frozen=True)
class Example:
    """A conversation and what an indicator makes of it; `touchstone rubric test` runs every one."""

    outcome: str
    says: tuple[str, ...]
    subject: str | None
    channel: str
    language: str
    quotes: tuple[str, ...]
    path: Path
    line: int


@dataclass(frozen=True)
class Applies:
    """Conversations that something is for; an empty entry means all of them."""

    channels: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    handled_by: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        return not any(vars(self).values())

    def matches(
        self, channel: str | None, product: str | None, topic: str | None, language: str, by: str | None
    ) -> bool:
        stated = (channel, product, topic, language, by)
        return all(not wanted or value in wanted for wanted, value in zip(vars(self).values(), stated, strict=True))


@dataclass(frozen=True)
class Indicator:
    """An observable behaviour.

    Attributes:
        version: The author's version and a digest of everything that decides the outcome: definition, phrases, versions of
            the detector and of what it reads. A changed outcome therefore has another version, and rows of both can stand
            side by side; the weight is no part of it.
        weight: Its share within the dimension; 0 for one that is followed without counting.
        evaluator: rule, model (a learned classifier decides) or llm.
        parameters: Complete: the detector's defaults are filled in.
        languages: Those in which its wordings exist; elsewhere it does not apply.
        better: By language, a wording that passes; shown beside a failure.
        is_template: Whether it is a behaviour template of the user's.
    """

    id: str
    version: str
    dimension: str
    title: str
    description: str
    weight: float
    critical: bool
    subjects: tuple[str, ...]
    evaluator: str
    detector: str
    parameters: Mapping[str, Any]
    examples: tuple[Example, ...]
    applies: Applies = Applies()
    languages: tuple[str, ...] = ("en",)
    better: Mapping[str, str] = field(default_factory=dict)
    is_template: bool = False

    @property
    def definition(self) -> dict[str, Any]:
        """The part that has no column of its own in `scores.rubric_indicators`."""
        return {
            "description": self.description,
            "detector": self.detector,
            "parameters": dict(self.parameters),
            "applies": vars(self.applies),
            "languages": list(self.languages),
            "better": dict(self.better),
            "is_template": self.is_template,
        }


@dataclass(frozen=True)
class Pattern:
    """A part of a behaviour that is looked for in all texts of a batch at once.

    Attributes:
        name: Under which its hits are filed.
        side: agent or customer.
        kind: regex, similar, classifier or judge.
        spec: The expression; the examples; the model's name; the question.
        at_least: Similarity or probability, 0 to 1, from which it is a hit.
    """

    name: str
    side: str
    kind: str
    spec: tuple[str, ...]
    at_least: float | None = None


@dataclass(frozen=True)
class SentimentRules:
    """Thresholds of trajectory class and level, from the metric dictionary; polarity is -1 to 1.

    Attributes:
        supervisor_markers, monitor_markers: Contextual markers that raise the level to at least this one.
    """

    recovered_minimum: float
    recovered_end: float
    change: float
    neutral_band: float
    negative: float
    sustained_messages: int
    sharp_drop: float
    supervisor_markers: tuple[str, ...]
    monitor_markers: tuple[str, ...]
    response_gap_minutes: Mapping[str, float]


@dataclass(frozen=True)
class WeightPeriod:
    """Weights of the dimensions for the interactions that start from `valid_from` until before `valid_to`."""

    valid_from: date
    valid_to: date | None
    weights: Mapping[str, float]


@dataclass(frozen=True)
class Profile:
    """Weights for a goal, a channel or a product.

    Attributes:
        goal: What they serve, such as handle time or satisfaction.
        applies: Interactions whose total is made with these weights; None for a profile that is only reported beside it.
    """

    id: str
    title: str
    goal: str
    weights: Mapping[str, float]
    applies: Applies | None


@dataclass(frozen=True)
class Facet:
    """A group of indicators that is reported beside the dimensions, such as the AI rubric's correctness."""

    id: str
    title: str
    subject: str
    indicators: tuple[str, ...]


@dataclass(frozen=True)
class Rubric:
    """One approved set of dimensions and indicators.

    Attributes:
        version: The author's version.
        full_version: The version that scores are stored under: the author's plus a digest of the content and of the code
            behind it (`rubric_version` in `scores.*`).
        languages: Primary subtags of the languages that the phrase lists cover, the main one first; interactions in another
            one are not rated.
        acceptable_from, excellent_from: Lowest score (0-100) of the two upper tiers.
        phrases: Language -> name of a list -> phrases.
        patterns: What behaviours look for beside phrases.
        weight_periods: In order of time; the last one is the present.
        review_by: The day by which the weights are to be looked at again.
        profiles, facets: Reported beside dimensions and total.
    """

    id: str
    version: str
    full_version: str
    title: str
    path: Path
    status: str
    approved_by: str | None
    approved_at: date | None
    languages: tuple[str, ...]
    acceptable_from: float
    excellent_from: float
    sentiment: SentimentRules
    dimensions: tuple[Dimension, ...]
    indicators: tuple[Indicator, ...]
    phrases: Mapping[str, Mapping[str, tuple[str, ...]]]
    patterns: tuple[Pattern, ...]
    weight_periods: tuple[WeightPeriod, ...]
    review_by: date
    profiles: tuple[Profile, ...]
    facets: tuple[Facet, ...]

    @property
    def phrase_lists(self) -> Mapping[str, tuple[str, ...]]:
        """The lists of the main language."""
        return self.phrases[self.languages[0]]

    def require_approved(self) -> None:
        """Refuse to score with a rubric that nobody has approved.

        Raises:
            ConfigurationError: Status is not `approved`, or approver or date are missing.
        """
        if self.status != "approved" or not self.approved_by or not self.approved_at:
            raise ConfigurationError(
                f"rubric {self.id} {self.version} in {self.path} is not approved",
                self.status,
                "Have its dimensions agreed on, then set `approval` to status approved, approved_by and approved_at.",
            )

    def supports(self, language: str | None) -> bool:
        """Whether interactions of a stated language can be judged; an unstated one is found out from the text."""
        if not language:
            return True
        return primary(language) in self.languages

    def tier(self, score: float | None) -> str | None:
        """Tier of a score of 0-100; None for what is not rated."""
        if score is None:
            return None
        if score < self.acceptable_from:
            return TIERS[0]
        return TIERS[1] if score < self.excellent_from else TIERS[2]

    def weights_on(self, day: date) -> Mapping[str, float]:
        """Weights of the dimensions for interactions of a day (UTC); before the first period, those of the first."""
        for period in reversed(self.weight_periods):
            if period.valid_from <= day:
                return period.weights
        return self.weight_periods[0].weights


def primary(language: str) -> str:
    """The primary subtag of a language tag: `en` of `en-US`."""
    return language.replace("_", "-").split("-")[0].lower()
