"""Classes and levels as the metric dictionary defines them."""

from __future__ import annotations

import pytest

from touchstone.rubric import load_rubric
from touchstone.scoring.trajectory import CLASSES, LEVELS, trajectory

RULES = load_rubric().sentiment


@pytest.mark.parametrize(
    ("polarity", "expected"),
    [
        ([], "too_short"),
        ([0.5, 0.5], "too_short"),
        ([-0.5, 0.0, 0.5], "recovered"),
        ([0.0, -0.3, 0.2], "recovered"),
        ([-0.2, 0.0, 0.2], "improving"),
        ([0.5, 0.2, 0.1], "declining"),
        ([0.6, 0.7, 0.8], "stable_positive"),
        ([0.6, 0.5, 0.8], "stable_positive"),
        ([0.0, 0.1, 0.0], "stable_neutral"),
        ([0.1, 0.1, 0.1], "stable_neutral"),
        ([-0.15, -0.2, -0.15], "stable_negative"),
        ([-0.5, -0.4, -0.5], "stable_negative"),
    ],
)
def test_classes(polarity: list[float], expected: str) -> None:
    found = trajectory(polarity, set(), RULES)
    assert found.trajectory_class == expected
    assert found.trajectory_class in CLASSES


@pytest.mark.parametrize(
    ("polarity", "markers", "expected"),
    [
        ([], set(), ("none", "none")),
        ([0.1, -0.2, 0.0], {"gratitude", "frustration"}, ("none", "none")),
        ([0.0, -0.21, 0.0], set(), ("monitor", "negative_message")),
        ([0.5, 0.2, 0.1], set(), ("monitor", "declining")),
        ([-0.3, -0.3, -0.3], set(), ("supervisor", "sustained_negative")),
        ([-0.3, -0.3, 0.0, -0.3], set(), ("monitor", "negative_message")),
        ([0.3, -0.3, 0.0], set(), ("escalate", "sharp_drop")),
        ([0.8, 0.2], set(), ("escalate", "sharp_drop")),
        ([0.3, 0.0, -0.3], set(), ("monitor", "declining")),
        ([0.0], {"churn_threat"}, ("escalate", "churn_threat")),
        ([-0.3] * 3, {"legal_threat"}, ("escalate", "legal_threat")),
        ([0.9], {"threat", "churn_threat"}, ("escalate", "threat")),
    ],
)
def test_levels(polarity: list[float], markers: set[str], expected: tuple[str, str]) -> None:
    found = trajectory(polarity, markers, RULES)
    assert (found.level, found.level_rule) == expected
    assert found.level in LEVELS


def test_figures() -> None:
    found = trajectory([0.4, 0.2, 0.0, -0.2, 0.6, 0.8, 1.0], set(), RULES)
    assert found.start == pytest.approx(0.3), "the mean of the first two of seven"
    assert found.end == pytest.approx(0.9)
    assert found.mean == pytest.approx(0.4)
    assert found.minimum == -0.2
    assert found.largest_drop == pytest.approx(0.2)
    assert found.slope == pytest.approx(3.6 / 28)


def test_what_is_too_short_keeps_what_can_be_said() -> None:
    found = trajectory([0.5, 0.1], set(), RULES)
    assert (found.start, found.end, found.slope) == (None, None, None)
    assert (found.mean, found.minimum) == (pytest.approx(0.3), 0.1)
    assert found.largest_drop == pytest.approx(0.4)
    one = trajectory([0.5], set(), RULES)
    assert (one.mean, one.largest_drop) == (0.5, None)
    none = trajectory([], set(), RULES)
    assert (none.mean, none.minimum) == (None, None)
