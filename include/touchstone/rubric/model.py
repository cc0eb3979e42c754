"""A rubric as the scorer reads it: frozen, validated, with versions that name its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from touchstone.errors import ConfigurationError

SUBJECTS = ("human_agent", "ai_agent")
TIERS = ("needs_improvement", "acceptable", "excellent")


@dataclass(frozen=True)
class Tier:
    """What a tier of a dimension looks like, with an example."""

    tier: str
    description: str
    example: str


@dataclass(frozen=True)
class Dimension:
    """One of the five to seven things that are judged."""

    id: str
    ordinal: int
    title: str
    weight: float
    owner: str
    purpose: str
    target_kpi: str
    tiers: tuple[Tier, ...]

    @property
    def definition(self) -> dict[str, Any]:
        """The part that has no column of its own in `scores.rubric_dimensions`."""
        return {
            "owner": self.owner,
            "purpose": self.purpose,
            "target_kpi": self.target_kpi,
            "tiers": [vars(tier) for tier in self.tiers],
        }


@dataclass(frozen=True)
class Example:
    """A conversation and what an indicator makes of it; the tests run every one."""

    outcome: str
    says: tuple[str, ...]
    subject: str | None
    channel: str
    quotes: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Indicator:
    """An observable behaviour.

    Attributes:
        version: The author's version and a digest of everything that decides the outcome: definition, phrases, detector and
            sentiment versions. A changed outcome therefore has another version, and rows of both can stand side by side.
        parameters: Complete: the detector's defaults are filled in.
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

    @property
    def definition(self) -> dict[str, Any]:
        """The part that has no column of its own in `scores.rubric_indicators`."""
        return {"description": self.description, "detector": self.detector, "parameters": dict(self.parameters)}


@dataclass(frozen=True)
class SentimentRules:
    """Thresholds of trajectory class and level, from the metric dictionary; polarity is -1 to 1."""

    recovered_minimum: float
    recovered_end: float
    change: float
    neutral_band: float
    negative: float
    sustained_messages: int
    sharp_drop: float
    response_gap_minutes: Mapping[str, float]


@dataclass(frozen=True)
class Rubric:
    """One approved set of dimensions and indicators.

    Attributes:
        version: The author's version.
        full_version: The version that scores are stored under: the author's plus a digest of the content and of the code
            behind it (`rubric_version` in `scores.*`).
        languages: Primary subtags of the languages that the phrase lists cover; interactions that state another one are
            excluded from scoring.
        acceptable_from, excellent_from: Lowest score (0-100) of the two upper tiers.
        phrase_lists: Name -> phrases.
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
    phrase_lists: Mapping[str, tuple[str, ...]]

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
        """Whether interactions of a stated language can be judged; an unstated one is taken for a declared one."""
        if not language:
            return True
        return language.replace("_", "-").split("-")[0].lower() in self.languages

    def tier(self, score: float | None) -> str | None:
        """Tier of a score of 0-100; None for what is not rated."""
        if score is None:
            return None
        if score < self.acceptable_from:
            return TIERS[0]
        return TIERS[1] if score < self.excellent_from else TIERS[2]
