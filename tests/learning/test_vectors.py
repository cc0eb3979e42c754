"""Terms of texts against a plain reading of the same texts."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from touchstone.learning.vectors import BITS, CHARACTERS, KINDS, WORDS, Weights, counts

TEXTS = ["Where is my order?", "where  IS my\norder 12", "Don't!!", "", "naïve café ✈ 你好", "a" * 20_000]


def test_equal_terms_meet_in_one_column_whatever_their_case_digits_and_blanks():
    first, second = counts(TEXTS[:2], WORDS)
    shared = set(first.indices) & set(second.indices)
    assert len(shared) == 7  # where, is, my, order and the three pairs
    digits = counts(["order 12", "order 99"], WORDS)
    assert set(digits[0].indices) == set(digits[1].indices)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_has_the_same_terms_alone_and_in_a_batch(kind):
    together = counts(TEXTS, kind)
    assert together.shape == (len(TEXTS), 1 << BITS)
    for row, text in zip(together, TEXTS, strict=True):
        alone = counts([text], kind)
        assert (alone != row).nnz == 0


def test_numbers_of_terms_are_those_of_a_plain_reading():
    text = "the cat saw the cat"
    words = counts([text], WORDS)
    tokens = text.split()
    pairs = list(pairwise(tokens))
    assert words.sum() == len(tokens) + len(pairs)
    assert words.nnz == len(set(tokens)) + len(set(pairs))
    padded = f" {text} "
    grams = [padded[at : at + size] for size in (3, 4, 5) for at in range(len(padded) - size + 1)]
    characters = counts([text], CHARACTERS)
    assert characters.sum() == len(grams)
    assert characters.nnz == len(set(grams))


def test_signs_and_apostrophes():
    assert counts(["don't"], WORDS).nnz == 1
    assert counts(["no!!"], WORDS).nnz == 3  # no, !!, and the pair
    assert counts([""], WORDS).nnz == 0


def test_rows_have_length_one_and_rare_terms_weigh_more():
    texts = ["refund please", "refund now", "refund later", "parcel lost", "parcel lost"]
    matrix = counts(texts, WORDS)
    weighted = Weights.fit(matrix, 2).apply(matrix)
    lengths = (
        np.sqrt(weighted.multiply(weighted).sum(axis=1)).A1
        if hasattr(weighted, "A1")
        else np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    )
    assert lengths == pytest.approx(np.ones(len(texts)))
    assert weighted[0].nnz == 1, "a term of one text alone weighs nothing"
    inverse = Weights.fit(matrix, 1).inverse
    common, rare = (counts([word], WORDS).indices[0] for word in ("refund", "please"))
    assert inverse[common] < inverse[rare]


def test_time_is_linear_in_the_text():
    assert counts(["x" * 10_000_000], CHARACTERS).sum() < 3 * 8_001
    assert not re.search("object", str(counts(["a"], WORDS).dtype))
