"""Sentence vectors of questions: static ones, which cost a look-up per word, or transformer ones where they pay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from touchstone.errors import ConfigurationError
from touchstone.scoring import similarity
from touchstone.text import transformer
from touchstone.text.phrases import lower_in_place

STATIC, TRANSFORMER = "static", "transformer"
KINDS = (STATIC, TRANSFORMER)
WIDTHS = {STATIC: 256, TRANSFORMER: transformer.WIDTH}
VECTORS_VERSION = f"wordllama-l2-256+{transformer.TRANSFORMER_VERSION}"
MAX_CHARACTERS = 2_000
"""Code points of a text that are read; the question stands at the beginning, what follows is history and signature."""


def folded(text: str) -> str:
    """The text as it is read and compared: small letters, single blanks, no accents that people leave out."""
    return " ".join(lower_in_place(text[:MAX_CHARACTERS]).split())


def embed(texts: Sequence[str], kind: str, progress: Callable[[int], None] | None = None) -> np.ndarray:
    """Unit vectors of texts; texts that fold alike are read once.

    Args:
        kind: `STATIC` or `TRANSFORMER`.
        progress: Told how many distinct texts the transformer has read, every thousand.

    Returns:
        float32 of shape (len(texts), WIDTHS[kind]); zeros for a text without a known word.

    Raises:
        ConfigurationError: The packages of the transformer are absent, or `kind` is unknown.
    """
    if kind not in KINDS:
        raise ConfigurationError("there are no such vectors", kind, f"Use {' or '.join(KINDS)}.")
    read = [folded(text) for text in texts]
    place = {text: at for at, text in enumerate(dict.fromkeys(read))}
    if not place:
        return np.zeros((0, WIDTHS[kind]), dtype=np.float32)
    distinct = list(place)
    found = similarity.embed(distinct) if kind == STATIC else transformer.embed(distinct, progress)
    return found[[place[text] for text in read]]
