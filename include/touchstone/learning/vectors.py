"""Texts as sparse TF-IDF rows: words, pairs of words and character n-grams of a whole batch, hashed by array operations.

All texts of a batch become one array of code points; every step is an operation on that array, so that a message costs a few
microseconds and time is linear in its length. A term's column is a 64-bit hash of its characters, cut to the width of the
space: no vocabulary has to be kept or trusted, a model file holds numbers only, and unseen words cost nothing.

Weights (Salton and Buckley, 1988): (1 + ln tf) * idf, idf = ln((1 + n) / (1 + df)) + 1 over the documents of the fit, each
row scaled to length 1 per kind of term.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import sparse

VECTORS_VERSION = "1"
BITS = 18
"""Columns of one kind of term: 2 ** BITS."""
WORDS, CHARACTERS = "words", "characters"
KINDS = (WORDS, CHARACTERS)
MAX_TERM_TEXT = 8_000
"""Code points of a text that are read, from its beginning; a longer message is a document, not talk."""

_SPACE, _LETTER, _DIGIT, _SIGN = range(4)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_BLOCK = 1_000_000  # code points of one pass
_LONGEST_GRAM = 5
_SHORTEST_GRAM = 3


@cache
def _classes() -> np.ndarray:
    """Class of each code point of the Basic Multilingual Plane; a character beyond it is a sign (mostly emoji)."""
    table = np.full(0x10000, _SIGN, dtype=np.uint8)
    for code in range(0x10000):
        char = chr(code)
        if char.isspace() or not char.isprintable():
            table[code] = _SPACE
        elif char.isdigit():
            table[code] = _DIGIT
        elif char.isalpha():
            table[code] = _LETTER
    return table


def _mixed(values: np.ndarray, salt: int) -> np.ndarray:
    """Columns of 64-bit hashes: the upper bits after a multiply and a shift (finaliser of MurmurHash3)."""
    values = values + np.uint64((salt * int(_PRIME)) % (1 << 64))
    values ^= values >> np.uint64(33)
    values *= _MIX
    values ^= values >> np.uint64(29)
    values *= _PRIME
    return (values >> np.uint64(64 - BITS)).astype(np.int32)


def _prepared(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Code points with digits alike and white space as blanks, their class, and the text that each belongs to."""
    lowered = [text[:MAX_TERM_TEXT].lower() for text in texts]
    joined = " ".join(["", *lowered, ""])
    codes = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    table = _classes()
    kinds = np.where(codes < 0x10000, table[np.minimum(codes, 0xFFFF)], _SIGN)
    codes[kinds == _DIGIT] = ord("0")
    codes[kinds == _SPACE] = ord(" ")
    lengths = np.fromiter(map(len, lowered), dtype=np.int64, count=len(lowered))
    owners = np.repeat(np.arange(len(lowered)), lengths + 1)
    return codes, kinds, np.concatenate([owners, [len(lowered) - 1]])


def _character_terms(codes: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """N-grams of 3 to 5 code points, across words but never across texts."""
    rows, columns = [], []
    grams = codes.copy()
    for length in range(2, _LONGEST_GRAM + 1):
        grams = grams[:-1] * _PRIME + codes[length - 1 :]
        if length >= _SHORTEST_GRAM:
            # a text begins with the blank that precedes it, so it may run into the blank of the next one, not beyond
            inside = owners[: len(grams)] == owners[length - 2 : length - 2 + len(grams)]
            rows.append(owners[: len(grams)][inside])
            columns.append(_mixed(grams[inside], length))
    return np.concatenate(rows), np.concatenate(columns)


def _word_terms(codes: np.ndarray, kinds: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Words and runs of signs, and pairs of neighbours of one text."""
    groups = np.where(kinds == _DIGIT, _LETTER, kinds)
    # an apostrophe between letters belongs to the word
    quotes = np.flatnonzero((codes == ord("'")) | (codes == 0x2019))
    quotes = quotes[(quotes > 0) & (quotes < len(codes) - 1)]
    quotes = quotes[(groups[quotes - 1] == _LETTER) & (groups[quotes + 1] == _LETTER)]
    groups[quotes] = _LETTER
    codes[quotes] = ord("'")
    changes = np.flatnonzero(groups[1:] != groups[:-1]) + 1
    starts = np.concatenate([[0], changes])
    lengths = np.diff(np.concatenate([starts, [len(codes)]]))
    inside = groups[starts] != _SPACE
    places = np.arange(len(codes)) - np.repeat(starts, lengths)
    # a word is the sum of its characters times a power of an odd number for their place in it
    powers = np.cumprod(np.full(int(lengths.max(initial=1)), _PRIME, dtype=np.uint64))
    totals = np.add.reduceat(codes * powers[places], starts)
    words, whose = totals[inside], owners[starts][inside]
    pairs = whose[1:] == whose[:-1]
    rows = np.concatenate([whose, whose[1:][pairs]])
    columns = np.concatenate([_mixed(words, 1), _mixed((words[:-1] * _MIX + words[1:])[pairs], 2)])
    return rows, columns


def counts(texts: Sequence[str], kind: str) -> sparse.csr_matrix:
    """How often each term stands in each text.

    Args:
        texts: Any characters; of a long text the first `MAX_TERM_TEXT` code points are read.
        kind: `WORDS` (words and pairs) or `CHARACTERS` (n-grams of 3 to 5).

    Returns:
        float32 matrix of shape (len(texts), 2 ** BITS) with sorted columns and no duplicates.
    """
    parts = []
    first = 0
    while first < len(texts):
        last, size = first, 0
        while last < len(texts) and (size < _BLOCK or last == first):
            size += min(len(texts[last]), MAX_TERM_TEXT)
            last += 1
        block = texts[first:last]
        codes, kinds, owners = _prepared(block)
        rows, columns = _word_terms(codes, kinds, owners) if kind == WORDS else _character_terms(codes, owners)
        ones = np.ones(len(rows), dtype=np.float32)
        parts.append(sparse.coo_matrix((ones, (rows, columns)), shape=(len(block), 1 << BITS)).tocsr())
        first = last
    if not parts:
        return sparse.csr_matrix((0, 1 << BITS), dtype=np.float32)
    return sparse.vstack(parts, format="csr") if len(parts) > 1 else parts[0]


class Weights:
    """Inverse document frequencies of one kind of term; a term that too few documents hold weighs nothing.

    Args:
        inverse: float32 of shape (2 ** BITS,).
    """

    def __init__(self, inverse: np.ndarray) -> None:
        self.inverse = inverse

    @classmethod
    def fit(cls, matrix: sparse.csr_matrix, least: int) -> Weights:
        """Weights over the rows of a matrix of counts; terms in fewer than `least` rows weigh 0."""
        frequency = np.bincount(matrix.indices, minlength=1 << BITS)
        inverse = np.log((1 + matrix.shape[0]) / (1 + frequency)) + 1
        inverse[frequency < least] = 0
        return cls(inverse.astype(np.float32))

    def apply(self, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        """Counts -> TF-IDF rows of length 1; a row without a known term is empty."""
        weighted = matrix.copy()
        weighted.data = (1 + np.log(weighted.data)) * self.inverse[weighted.indices]
        lengths = np.sqrt(np.add.reduceat(np.append(weighted.data**2, 0), weighted.indptr[:-1]))
        lengths[np.diff(weighted.indptr) == 0] = 0
        weighted.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(weighted.indptr)).astype(np.float32)
        weighted.eliminate_zeros()
        return weighted
