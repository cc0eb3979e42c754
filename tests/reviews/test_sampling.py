"""What is drawn for people looks like the whole, and is the same for the same seed."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime

from touchstone.reviews.sampling import STRATA, Candidate, balance, draw

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


def population(count: int = 4_000) -> list[Candidate]:
    rng = random.Random(5)
    found = []
    for number in range(count):
        strata = {
            "topic": rng.choices(("billing", "login", "export", "rare"), (60, 30, 9, 1))[0],
            "channel": rng.choices(("chat", "email"), (80, 20))[0],
            "complexity": rng.choice(("simple", "medium", "hard")),
            "outcome": rng.choices(("solved", "unsolved"), (90, 10))[0],
        }
        found.append(Candidate(f"{number:032x}", "human_agent", MOMENT, "h", "r", MOMENT, strata))
    return found


def test_every_share_of_the_sample_is_near_that_of_the_whole():
    whole = population()
    for one in balance(whole, draw(whole, 250, "1")):
        assert abs(one.sample_share - one.population_share) < 0.05, one
        assert one.sample >= 5 or one.population_share < 0.01, one


def test_the_same_seed_draws_the_same_and_another_draws_others():
    whole = population()
    first = {one.id for one in draw(whole, 100, "1")}
    assert {one.id for one in draw(list(reversed(whole)), 100, "1")} == first
    assert len(first & {one.id for one in draw(whole, 100, "2")}) < 30


def test_nobody_is_drawn_twice_and_a_small_population_is_drawn_whole():
    whole = population(40)
    assert len({one.id for one in draw(whole, 39, "1")}) == 39
    assert {one.id for one in draw(whole, 500, "1")} == {one.id for one in whole}


def test_a_balance_counts_every_interaction_once_per_stratum():
    whole = population(300)
    counted = Counter()
    for one in balance(whole, whole[:50]):
        counted[one.stratum] += one.population
    assert counted == dict.fromkeys(STRATA, 300)
