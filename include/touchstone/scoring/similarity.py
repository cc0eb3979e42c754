"""Likeness of a sentence to examples, and of two questions to each other: cosines of sentence vectors.

Static vectors come with their package, need no network, and cost about as much per word as a look-up. Sentences without a known
word have no direction: they are like nothing. Whether two questions are the same is asked of few pairs (a customer's own messages,
questions of one customer within days); it reads transformer vectors, too.

Measured on pairs drawn from labelled training questions, 6,000 of one intent and 30,000 of two (AUROC; share of pairs of two
intents, and of one intent, at or above the threshold):

| set | static | transformer | both, 0.3 : 0.7 | above `SAME_QUESTION` |
|---|---:|---:|---:|---|
| banking77, one domain | .920 | .940 | .942 | 0.9 % / 49 % |
| clinc150, ten domains | .949 | .977 | .979 | 0.1 % / 34 % |
| hwu64, 18 domains | .895 | .927 | .934 | 0.1 % / 20 % |

The threshold leaves 1 % of the pairs of different intents of one domain; what it misses says the same with other words.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from touchstone.errors import ConfigurationError
from touchstone.text import transformer
from touchstone.text.phrases import lower_in_place

SAME_QUESTION = 0.57
"""Score from which two questions count as the same (`same_question_similarity`, `rephrase_similarity`)."""
SAME_QUESTION_STATIC = 0.53
"""The same for scores of static vectors alone."""
_BLOCK = 512
_SHARE_STATIC, _SHARE_TRANSFORMER = 0.3, 0.7
_MAX_CHARACTERS = 2_000


@cache
def _model() -> Any:
    import wordllama

    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)


def embed(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors, one row per text; zeros for a text without a known word."""
    found = [_model().embed(list(texts[first : first + _BLOCK])) for first in range(0, len(texts), _BLOCK)]
    vectors = np.nan_to_num(np.vstack(found)).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


class Examples:
    """Wordings that a sentence is compared with.

    Args:
        texts: At least one.
    """

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._vectors = _example_vectors(texts)

    def similarity(self, vectors: np.ndarray) -> np.ndarray:
        """For each row, the cosine with the nearest example, -1 to 1."""
        return (vectors @ self._vectors.T).max(axis=1)


@lru_cache(maxsize=1024)
def _example_vectors(texts: tuple[str, ...]) -> np.ndarray:
    return embed([lower_in_place(text) for text in texts])


def same_question(first: str, second: str, *, static_only: bool = False) -> float:
    """How far two questions ask the same, 0 to 1; compare it with `SAME_QUESTION` (or `SAME_QUESTION_STATIC`).

    Args:
        static_only: Leave the transformer out: 100 times as fast, and less certain.
    """
    return float(same_questions([first], [second], static_only=static_only)[0])


def same_questions(first: Sequence[str], second: Sequence[str], *, static_only: bool = False) -> np.ndarray:
    """`same_question` of pairs; every distinct text is read once.

    Args:
        first, second: Texts of the pairs, n each; of a text the first 2,000 code points are read.

    Returns:
        float64 of shape (n,); 1 for texts that differ in case, accents and blanks alone, 0 beside a text without words.

    Raises:
        ConfigurationError: The lists differ in length, or the packages of the transformer are absent.
    """
    if len(first) != len(second):
        raise ConfigurationError(
            "pairs of questions without a partner", f"{len(first)} and {len(second)}", "Pass lists of one length."
        )
    folded = [" ".join(lower_in_place(text[:_MAX_CHARACTERS]).split()) for text in (*first, *second)]
    place = {text: at for at, text in enumerate(dict.fromkeys(folded))}
    if not place:
        return np.zeros(0)
    at = np.array([place[text] for text in folded])
    left, right = at[: len(first)], at[len(first) :]
    texts = list(place)
    vectors = embed(texts)
    found = np.einsum("ij,ij->i", vectors[left], vectors[right]).astype(np.float64)
    if not static_only:
        deep = transformer.embed(texts)
        found = _SHARE_STATIC * found + _SHARE_TRANSFORMER * np.einsum("ij,ij->i", deep[left], deep[right])
    found = np.clip(found, 0, 1)
    speaks = np.any(vectors != 0, axis=1)
    return np.where(speaks[left] & speaks[right], np.where(left == right, 1.0, found), 0.0)
