"""Figures of agreement against published or hand-worked values."""

from __future__ import annotations

import numpy as np
import pytest
from labelled_world import world

from touchstone.learning import agreement, gold
from touchstone.learning.dialogues import from_records
from touchstone.learning.reviews import from_records as reviews_from

# Krippendorff (2011), section C: four observers, twelve units, missing values
UNITS = [
    [1, 1, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [5, 5, 5],
    [1, 1],
    [3],
]


def test_alpha_is_the_published_one():
    assert agreement.alpha(UNITS, nominal=True) == pytest.approx(0.743, abs=5e-4)
    assert agreement.alpha(UNITS, nominal=False) == pytest.approx(0.849, abs=5e-4)


def test_kappa_is_scikit_learns():
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(1)
    one = rng.integers(1, 6, 300)
    two = np.clip(one + rng.integers(-1, 2, 300), 1, 5)
    assert agreement.kappa(one, two) == pytest.approx(cohen_kappa_score(one, two, weights="quadratic"))
    assert agreement.kappa(one, two, quadratic=False) == pytest.approx(cohen_kappa_score(one, two))
    assert agreement.kappa([1, 1], [1, 1]) is None


def test_intraclass_correlation_is_the_published_one():
    # Shrout and Fleiss (1979), table 2: ICC(1,1) = .17
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert agreement.intraclass(ratings) == pytest.approx(0.17, abs=5e-3)


def test_intervals_hold_the_value_and_narrow_with_more_conversations():
    widths = []
    for count in (40, 400):
        rng = np.random.default_rng(5)
        truth = rng.normal(size=count)
        said = truth + rng.normal(size=count)
        figure = agreement.bootstrap(
            "spearman",
            [f"c{one}" for one in range(count)],
            lambda at, t=truth, s=said: agreement.spearman(t[at], s[at]),
            n=count,
            seed=1,
            resamples=200,
        )
        assert figure.low < figure.value < figure.high
        widths.append(figure.high - figure.low)
    assert widths[1] < widths[0] / 2


def test_conversations_are_drawn_whole():
    """Ten copies of one conversation's turns are one observation: the interval does not narrow."""
    rng = np.random.default_rng(5)
    truth = rng.normal(size=40)
    said = truth + rng.normal(size=40)
    groups = [f"c{one}" for one in range(40)]

    def width(times: int) -> float:
        t, s = np.repeat(truth, times), np.repeat(said, times)
        found = agreement.bootstrap(
            "spearman",
            np.repeat(groups, times).tolist(),
            lambda at: agreement.spearman(t[at], s[at]),
            n=len(t),
            seed=1,
            resamples=200,
        )
        return found.high - found.low

    assert width(10) > 0.8 * width(1)


def test_a_machine_that_repeats_people_agrees_and_a_shifted_one_has_bias():
    people = [1.0, 2.0, 3.0, 4.0, 5.0] * 8
    groups = [f"c{one}" for one in range(40)]
    same = {one.name: one.value for one in agreement.with_machine(groups, people, people, span=4, seed=1, resamples=0)}
    assert same["weighted_kappa"] == same["spearman"] == same["exact"] == 1
    shifted = [value + 0.5 for value in people]
    moved = {
        one.name: one.value for one in agreement.with_machine(groups, people, shifted, span=4, seed=1, resamples=0)
    }
    assert moved["bias"] == moved["mae"] == 0.5
    assert moved["spearman"] == 1


def test_an_ambiguous_criterion_is_named_and_a_clear_one_is_not():
    rows = []
    rng = np.random.default_rng(2)
    for item in range(30):
        truth = int(rng.integers(1, 6))
        for reviewer in ("ann", "bob"):
            for name, value in (("clear", truth), ("vague", int(rng.integers(1, 6)))):
                rows.append(
                    {
                        "interaction_id": f"c{item}",
                        "reviewer": reviewer,
                        "dimension": name,
                        "value": value,
                        "scale_min": 1,
                        "scale_max": 5,
                    }
                )
    rows.append(
        {"interaction_id": "c0", "reviewer": "ann", "dimension": "new", "value": 1, "scale_min": 1, "scale_max": 5}
    )
    verdicts = {one.dimension: one.verdict for one in gold.ambiguity(reviews_from(rows).rows, resamples=0)}
    assert verdicts == {"clear": "clear", "vague": "ambiguous", "new": "too few"}


def test_the_sample_covers_rare_kinds_and_repeats_with_its_seed():
    documents, _ = world(200)
    for one in documents[:6]:
        one["channel"] = "voice"
    dialogues = from_records(documents)
    picked = gold.sample(dialogues, 60, double=20, exclude=["c0"], seed=5)
    assert len({one.interaction_id for one in picked}) == 60
    assert "c0" not in {one.interaction_id for one in picked}
    assert sum(one.is_double for one in picked) == 20
    voice = sum(one.stratum.startswith("voice") for one in picked)
    assert voice >= 3, "five of 199 conversations, yet seen"
    assert picked == gold.sample(dialogues, 60, double=20, exclude=["c0"], seed=5)
    assert picked != gold.sample(dialogues, 60, double=20, exclude=["c0"], seed=6)


def test_balance_shares_sum_to_one_and_name_what_nobody_judged():
    documents, _ = world(60)
    dialogues = from_records(documents)
    chats = {one["interaction_id"] for one in documents if one["channel"] == "chat"}
    channels = {one.stratum: one for one in gold.balance(dialogues, chats) if one.kind == "channel"}
    assert channels["email"].ratio == 0
    assert channels["chat"].judged_share == 1
    assert sum(one.population_share for one in channels.values()) == pytest.approx(1)
