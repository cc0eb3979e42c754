"""The choice, the average and the blend of an estimator."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from touchstone.learning import estimator
from touchstone.learning.estimator import Blocks, Choice, fit_linear, search
from touchstone.learning.vectors import BITS


def _blocks(count: int, seed: int = 0) -> tuple[Blocks, np.ndarray]:
    """Items whose value follows their figures, not their terms."""
    generator = np.random.default_rng(seed)
    figures = generator.normal(size=(count, 6)).astype(np.float32)
    columns = generator.integers(1 << BITS, size=(count, 40))
    terms = sparse.csr_matrix(
        (np.ones(count * 40, dtype=np.float32), (np.repeat(np.arange(count), 40), columns.ravel())), (count, 1 << BITS)
    )
    y = (0.5 + 0.1 * figures[:, :2].sum(axis=1) + 0.1 * generator.normal(size=count))[:, None]
    return Blocks({("own", "words"): terms, ("before", "words"): sparse.csr_matrix(terms.shape)}, figures), y


def _searched(count: int) -> tuple[list[Choice], list[dict]]:
    blocks, y = _blocks(count)
    return search(blocks, y, np.ones(count), np.arange(count), 1)


def test_few_labels_average_several_choices_and_many_take_the_best(monkeypatch):
    choices, tried = _searched(120)
    assert 1 < len(choices) <= estimator.MOST_CHOICES
    assert sum(one.weight for one in choices) == pytest.approx(1)
    assert (choices[0].mix, choices[0].alpha) == (tried[0]["mix"], tried[0]["alpha"])
    monkeypatch.setattr(estimator, "DUAL_ROWS", 100)
    alone, _ = _searched(120)
    assert [(one.mix, one.weight) for one in alone] == [(tried[0]["mix"], 1.0)]


def test_a_choice_that_did_worse_counts_less(monkeypatch):
    monkeypatch.setattr(estimator, "MIXES", ((1.0, 0.0, 0.0), (1.0, 0.0, 1.0)))
    choices, _ = _searched(400)
    assert choices[0].mix == (1.0, 0.0, 1.0)
    assert choices[0].weight > 0.9


def test_mixes_that_differ_by_context_alone_are_one_without_context():
    blocks, _ = _blocks(30)
    kept = blocks.mixes()
    shares = {round(mix[2] / mix[0], 6) for mix in kept}
    assert len(kept) == len(shares) < len(estimator.MIXES)


def test_an_average_of_choices_says_the_average():
    blocks, y = _blocks(60)
    weights = np.ones(60)
    choices = [Choice((1.0, 0.0, 0.0), 1.0, 0.25), Choice((1.0, 0.0, 1.0), 10.0, 0.75)]
    alone = [fit_linear(blocks, y, weights, [Choice(one.mix, one.alpha, 1.0)]).predict(blocks) for one in choices]
    together = fit_linear(blocks, y, weights, choices).predict(blocks)
    assert together == pytest.approx(0.25 * alone[0] + 0.75 * alone[1], abs=1e-5)


@pytest.mark.parametrize(("count", "forest"), [(60, True), (20_000, False)])
def test_a_forest_that_gives_nothing_keeps_its_usual_share_only_of_few_labels(count, forest):
    generator = np.random.default_rng(3)
    linear = generator.normal(size=count)
    y = linear + generator.normal(size=count)
    y -= y.mean()
    # what the forest says speaks against what people say: least squares alone gives it nothing
    parts = np.stack([linear, -linear + 3 * generator.normal(size=count)], 1)
    blend = estimator._blend(parts, y, np.ones(count))
    assert blend[0] > 0
    assert (blend[1] > 0) == forest


def test_the_level_of_a_blend_is_that_of_least_squares():
    generator = np.random.default_rng(4)
    linear = generator.normal(size=500)
    parts = np.stack([linear, linear + generator.normal(size=500)], 1)
    y = 0.3 * linear + 0.1 * generator.normal(size=500)
    together = parts @ estimator._blend(parts, y, np.ones(500))
    assert np.polyfit(together, y, 1)[0] == pytest.approx(1, abs=0.05)
