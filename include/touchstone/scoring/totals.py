"""From the outcomes of indicators to dimensions, facets, profiles and totals; reads no text.

Formulas (metric dictionary, Quality scores): a dimension is the weighted mean of its applicable indicators times 100; the
total is sum(weight x dimension) / sum(weight) over the rated dimensions, and 0 when a critical indicator fails; what is not
rated is null. The weights are those that were valid on the day (UTC) on which the interaction started, or those of the first
profile that applies to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from touchstone.rubric.model import Facet, Indicator, Profile, Rubric

HOLDS, FAILS = "holds", "fails"


class DimensionScore(NamedTuple):
    dimension_id: str
    score: float | None
    tier: str | None
    applicable_indicator_count: int


class FacetScore(NamedTuple):
    facet_id: str
    score: float | None
    tier: str | None
    applicable_indicator_count: int
    is_critical_failure: bool


class ProfileScore(NamedTuple):
    profile_id: str
    score: float | None
    tier: str | None


class Totals(NamedTuple):
    """Scores of one side of one interaction, 0 to 100.

    Attributes:
        profile_id: Whose weights made the total; None for the rubric's own.
        weighted_score: Before the rule that a failed critical indicator makes the total 0.
    """

    profile_id: str | None
    weighted_score: float | None
    total_score: float | None
    tier: str | None
    is_critical_failure: bool
    rated_dimension_count: int
    dimensions: list[DimensionScore]
    facets: list[FacetScore]
    profiles: list[ProfileScore]


class Totaller:
    """A rubric made ready to add up outcomes."""

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self._indicators: dict[str, Indicator] = {one.id: one for one in rubric.indicators}
        self._facets: dict[str, list[tuple[Facet, list[Indicator]]]] = {}
        for facet in rubric.facets:
            judged = [self._indicators[name] for name in facet.indicators if name in self._indicators]
            self._facets.setdefault(facet.subject, []).append((facet, judged))
        self._ids = [one.id for one in rubric.dimensions]

    def totals(
        self,
        subject: str,
        outcomes: Iterable[tuple[str, str]],
        about: Mapping[str, Any],
        language: str,
        started_at: datetime,
    ) -> Totals:
        """Scores from (indicator id, outcome) pairs.

        Args:
            about: The interaction's header: channel, product_area, topic, handled_by.
        """
        rubric, indicators = self.rubric, self._indicators
        held: dict[str, float] = {}
        possible: dict[str, float] = {}
        counts: dict[str, int] = {}
        judged: dict[str, str] = {}
        is_critical = False
        for name, outcome in outcomes:
            if outcome != HOLDS and outcome != FAILS:
                continue
            judged[name] = outcome
            indicator = indicators[name]
            weight = indicator.weight
            if outcome == FAILS and indicator.critical:
                is_critical = True
            if not weight:
                continue
            dimension = indicator.dimension
            possible[dimension] = possible.get(dimension, 0.0) + weight
            counts[dimension] = counts.get(dimension, 0) + 1
            if outcome == HOLDS:
                held[dimension] = held.get(dimension, 0.0) + weight
        scores = {
            name: min(100.0, 100.0 * held.get(name, 0.0) / possible[name]) for name in self._ids if name in possible
        }
        profile = self._profile(about, language)
        weights = profile.weights if profile else rubric.weights_on(_day(started_at))
        weighted = _mean(scores, weights)
        total = 0.0 if is_critical else weighted
        tier = rubric.tier
        return Totals(
            profile.id if profile else None,
            weighted,
            total,
            tier(total),
            is_critical,
            len(scores),
            [DimensionScore(name, score := scores.get(name), tier(score), counts.get(name, 0)) for name in self._ids],
            self._facet_scores(subject, judged),
            [
                ProfileScore(one.id, score := 0.0 if is_critical else _mean(scores, one.weights), tier(score))
                for one in rubric.profiles
            ],
        )

    def _profile(self, about: Mapping[str, Any], language: str) -> Profile | None:
        for profile in self.rubric.profiles:
            if profile.applies is not None and profile.applies.matches(
                about.get("channel"), about.get("product_area"), about.get("topic"), language, about.get("handled_by")
            ):
                return profile
        return None

    def _facet_scores(self, subject: str, judged: Mapping[str, str]) -> list[FacetScore]:
        found = []
        for facet, indicators in self._facets.get(subject, ()):
            held = possible = 0.0
            count = 0
            is_critical = False
            for indicator in indicators:
                outcome = judged.get(indicator.id)
                if outcome is None:
                    continue
                weight = indicator.weight or 1.0  # a followed behaviour counts here, if it is named here
                possible += weight
                count += 1
                held += weight * (outcome == HOLDS)
                is_critical = is_critical or (outcome == FAILS and indicator.critical)
            score = min(100.0, 100.0 * held / possible) if possible else None
            found.append(FacetScore(facet.id, score, self.rubric.tier(score), count, is_critical))
        return found


def _mean(scores: Mapping[str, float], weights: Mapping[str, float]) -> float | None:
    if not scores:
        return None
    total = sum(weights[name] for name in scores)
    return min(100.0, sum(weights[name] * score for name, score in scores.items()) / total)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
