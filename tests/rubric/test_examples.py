"""Every indicator of the shipped rubric does to its examples what they claim, and quotes what they quote."""

from __future__ import annotations

import pytest

from touchstone.rubric import Example, Indicator, load_rubric
from touchstone.rubric.examples import conversation, judged_subject
from touchstone.scoring.scorer import score_batch

RUBRIC = load_rubric()
CASES = [
    pytest.param(indicator, example, id=f"{indicator.id}-{number}-{example.outcome}")
    for indicator in RUBRIC.indicators
    for number, example in enumerate(indicator.examples, 1)
]


@pytest.mark.parametrize(("indicator", "example"), CASES)
def test_an_example_has_the_outcome_that_it_claims(indicator: Indicator, example: Example) -> None:
    interactions, messages = conversation(example.says, example.channel)
    frames = score_batch(interactions, messages, RUBRIC)
    subject = judged_subject(example, indicator)
    scores = frames.indicator_scores
    outcome = scores[(scores["indicator_id"] == indicator.id) & (scores["subject"] == subject)]["outcome"].item()
    evidence = frames.evidence
    evidence = evidence[(evidence["indicator_id"] == indicator.id) & (evidence["subject"] == subject)]
    texts = dict(zip(messages["message_key"], messages["text"], strict=True))
    quotes = [texts[row.message_key][row.start_offset : row.end_offset] for row in evidence.itertuples()]
    assert outcome == example.outcome, quotes
    if example.quotes:
        assert quotes == list(example.quotes)
    if example.outcome == "not_applicable":
        assert quotes == []


@pytest.mark.parametrize("indicator", RUBRIC.indicators, ids=lambda one: one.id)
def test_an_indicator_shows_both_sides(indicator: Indicator) -> None:
    assert {example.outcome for example in indicator.examples} >= {"holds", "fails"}
