"""What the simulated company planted is found again: who is good, in every language, and people and AI agents alike."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy.stats import spearmanr

from touchstone.sandbox import quality


@pytest.fixture(scope="module")
def compared() -> pd.DataFrame:
    return quality.compared()


def test_good_agents_are_told_from_others(compared: pd.DataFrame) -> None:
    value, agents = quality.agents_spearman(compared)
    assert agents >= 15
    assert value >= quality.LEAST_SPEARMAN


def test_equal_quality_is_scored_equally_whoever_answers(compared: pd.DataFrame) -> None:
    difference, pairs = quality.treatment_difference(compared)
    assert pairs >= 500
    assert abs(difference) <= quality.MOST_DIFFERENCE


@pytest.mark.parametrize("language", ["en", "es", "de"])
def test_every_language_tells_good_conversations_from_poor_ones(compared: pd.DataFrame, language: str) -> None:
    part = compared[compared["language"] == language]
    assert len(part) >= 100
    assert spearmanr(part["true"], part["scored"])[0] >= 0.45


def test_no_conversation_is_left_unrated(compared: pd.DataFrame) -> None:
    assert compared["unrated_reason"].isna().all()
