"""Expected effort by topic and complexity, and efficiency held against it."""

from __future__ import annotations

import random

import pytest

from touchstone.rubric import load_rubric
from touchstone.rubric.examples import conversation
from touchstone.scoring.baselines import COMPLEXITIES, Baseline, Effort, fit
from touchstone.scoring.context import Context
from touchstone.scoring.scorer import score_batch

RUBRIC = load_rubric()
SAYS = ["C: It broke.", "H +2m: Hi.", "C: Well?", "H +3m: Restart.", "C +1h: ok", "H +40m: Bye."]


def _first(topic: str, words: float) -> dict:
    return {"topic": topic, "channel": "chat", "words": words, "questions": 0.0, "personal_data": 0.0, "lines": 0.0}


def _cases(count: int = 600) -> list:
    """Long first messages take long; so does the topic `sync`."""
    rng = random.Random(4)
    cases = []
    for _ in range(count):
        topic, words = rng.choice(("sync", "login")), rng.uniform(1, 4)
        minutes = 2 * words + (10 if topic == "sync" else 0) + rng.random()
        cases.append((_first(topic, words), {"human_agent": Effort(minutes, 2 + round(words))}))
    return cases


def test_complexity_follows_what_is_known_at_the_first_contact() -> None:
    baseline = fit(_cases())
    assert [baseline.complexity(_first(topic, words)) for topic, words in (("login", 1), ("sync", 4))] == [
        "simple",
        "hard",
    ]
    shares = [0, 0, 0]
    for first, _ in _cases():
        shares[COMPLEXITIES.index(baseline.complexity(first))] += 1
    assert all(180 <= share <= 220 for share in shares), "terciles"


def test_a_small_cell_gives_way_to_a_wider_one() -> None:
    baseline = fit(_cases())
    narrow = baseline.expected("human_agent", "sync", "medium", 30)
    wide = baseline.expected("human_agent", "unheard of", "medium", 30)
    assert narrow.handle_minutes > 10
    assert narrow.n < wide.n < 600
    assert baseline.expected("human_agent", "sync", "medium", narrow.n + 1).n > narrow.n
    assert baseline.expected("human_agent", "sync", "hard", 601) is None
    assert baseline.expected("ai_agent", "sync", "hard", 1) is None


def test_a_definition_gives_the_same_baseline_again() -> None:
    baseline = fit(_cases())
    again = Baseline(baseline.definition)
    assert again.baseline_id == baseline.baseline_id == fit(_cases()).baseline_id
    assert again.expected("human_agent", "login", "simple", 1) == baseline.expected("human_agent", "login", "simple", 1)


def test_few_cases_tell_no_complexity() -> None:
    assert fit(_cases(20)).complexity(_first("sync", 4)) == "medium"
    assert fit([]).expected("human_agent", "sync", "medium", 1) is None


@pytest.mark.parametrize(("minutes", "turns", "n", "outcome"), [
    (12.0, 3.0, 50, "holds"),
    (9.0, 3.0, 50, "fails"),
    (12.0, 1.5, 50, "fails"),
    (9.0, 3.0, 29, "not_applicable"),
])  # fmt: skip
def test_effort_is_held_against_the_usual(minutes: float, turns: float, n: int, outcome: str) -> None:
    cells = [["human_agent", "unknown", "medium", minutes, turns, n]]
    baseline = Baseline({"weights": {}, "cuts": [], "cells": cells})
    frames = score_batch(*conversation(SAYS), RUBRIC, Context(baseline=baseline))
    assert frames.indicator_scores.set_index("indicator_id").loc["usual_effort", "outcome"] == outcome
    total = frames.interaction_scores.iloc[0]
    # 2 and 3 minutes, and the pause of 40 counts as 10
    assert (total["handle_minutes"], total["turn_count"]) == (15.0, 3)
    assert (total["complexity"], total["expected_handle_minutes"], total["expected_turn_count"]) == (
        "medium",
        minutes,
        turns,
    )
    assert (total["baseline_id"], total["baseline_n"]) == (baseline.baseline_id, n)


def test_without_a_baseline_nothing_is_expected() -> None:
    total = score_batch(*conversation(SAYS), RUBRIC).interaction_scores.iloc[0]
    assert (total["handle_minutes"], total["expected_handle_minutes"], total["baseline_n"]) == (15.0, None, None)
