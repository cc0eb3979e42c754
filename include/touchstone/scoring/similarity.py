"""Likeness of a sentence to examples: cosine of static word vectors.

The vectors come with their package, need no network, and cost about as much per word as a look-up. Sentences without a known
word have no direction: they are like nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from touchstone.text.phrases import lower_in_place

_BLOCK = 512


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
