"""How a customer's sentiment moves through an interaction, what class that is, and which level of attention it asks for.

Formulas and order of the rules are those of the metric dictionary, section Sentiment; thresholds come from the rubric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

from touchstone.rubric.model import SentimentRules

TOO_SHORT = 3
"""Fewer customer messages than this have no trajectory."""

CLASSES = (
    "recovered", "improving", "declining", "stable_positive", "stable_neutral", "stable_negative", "too_short", "not_rated",
)  # fmt: skip
LEVELS = ("none", "monitor", "supervisor", "escalate")
_DECIMALS = 12  # differences are compared with thresholds after rounding: 0.8 - 0.6 is no more than 0.2
_ESCALATING = ("threat", "legal_threat", "churn_threat")


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Figures over polarity (-1 to 1) in message order; None where there are too few messages to have them.

    Attributes:
        start, end: Mean of the first and of the last max(1, floor(n / 3)) messages; None when too short.
        mean, minimum: Over all messages; None without a message.
        slope: Least squares, polarity per message; None when too short.
        largest_drop: Largest fall from one message to the next, 0 when it never falls; None below two messages.
        trajectory_class: One of CLASSES; not_rated in a language without a lexicon.
        level: One of LEVELS, in rising order.
        level_rule: Name of the rule that set the level; `none` for none.
    """

    start: float | None
    end: float | None
    mean: float | None
    slope: float | None
    minimum: float | None
    largest_drop: float | None
    trajectory_class: str
    level: str
    level_rule: str


def trajectory(polarity: Sequence[float] | None, markers: set[str], rules: SentimentRules) -> Trajectory:
    """The trajectory of one interaction.

    Args:
        polarity: Of each customer message, in order; None in a language without a lexicon, where markers alone decide.
        markers: Names of the markers in those messages, and `repeat_contact` where the customer had to come back.
        rules: Thresholds.
    """
    if polarity is None:
        return Trajectory(*[None] * 6, "not_rated", *_level((), None, "not_rated", markers, rules))
    count = len(polarity)
    mean = fsum(polarity) / count if count else None
    minimum = min(polarity) if count else None
    drop = max(0.0, *(before - after for before, after in pairwise(polarity))) if count > 1 else None
    if count < TOO_SHORT:
        start = end = slope = None
        kind = "too_short"
    else:
        third = max(1, count // 3)
        start = fsum(polarity[:third]) / third
        end = fsum(polarity[-third:]) / third
        slope = _slope(polarity)
        kind = _class(start, end, mean, minimum, rules)
    level, rule = _level(polarity, drop, kind, markers, rules)
    return Trajectory(start, end, mean, slope, minimum, drop, kind, level, rule)


def _slope(polarity: Sequence[float]) -> float:
    count = len(polarity)
    middle = (count - 1) / 2
    mean = fsum(polarity) / count
    covariance = fsum((place - middle) * (value - mean) for place, value in enumerate(polarity))
    return covariance / (count * (count * count - 1) / 12)


def _class(start: float, end: float, mean: float, minimum: float, rules: SentimentRules) -> str:
    if minimum < rules.recovered_minimum and end > rules.recovered_end:
        return "recovered"
    change = round(end - start, _DECIMALS)
    if change > rules.change:
        return "improving"
    if change < -rules.change:
        return "declining"
    level = round(mean, _DECIMALS)
    if level > rules.neutral_band:
        return "stable_positive"
    return "stable_negative" if level < -rules.neutral_band else "stable_neutral"


def _level(
    polarity: Sequence[float], drop: float | None, kind: str, markers: set[str], rules: SentimentRules
) -> tuple[str, str]:
    for marker in _ESCALATING:
        if marker in markers:
            return "escalate", marker
    if drop is not None and round(drop, _DECIMALS) >= rules.sharp_drop:
        return "escalate", "sharp_drop"
    run = longest = 0
    for value in polarity:
        run = run + 1 if value < rules.negative else 0
        longest = max(longest, run)
    if longest >= rules.sustained_messages:
        return "supervisor", "sustained_negative"
    for marker in rules.supervisor_markers:
        if marker in markers:
            return "supervisor", marker
    if kind == "declining":
        return "monitor", "declining"
    if longest:
        return "monitor", "negative_message"
    for marker in rules.monitor_markers:
        if marker in markers:
            return "monitor", marker
    return "none", "none"
