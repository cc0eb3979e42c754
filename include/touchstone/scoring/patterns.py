"""Finds what behaviours look for beside phrases, in all texts of a batch at once.

Regular expressions run in RE2 (through Arrow), whose time is linear in the text whatever the expression; groups of them are
tried as one first, so that expressions that match nothing cost next to nothing. Similarity and classifiers read sentences or
texts in one call for the whole batch. Questions to a judge are of whole conversations: `judging` asks them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from touchstone.errors import ConfigurationError
from touchstone.rubric.model import Pattern
from touchstone.scoring.context import Context
from touchstone.scoring.conversation import Features
from touchstone.scoring.similarity import Examples, embed
from touchstone.text.phrases import Span

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"  # no characters by the Unicode standard: they cannot be part of a text
_MARKS = str.maketrans({_OPEN: " ", _CLOSE: " "})
_GROUP = 64
_MOST_HITS = 50
"""Hits of one pattern in one text that are kept, from its beginning."""


def find_patterns(patterns: Iterable[Pattern], texts: Sequence[Features], context: Context) -> None:
    """File the hits of every pattern in the features of the texts, each of which is read once.

    Args:
        texts: Of the side that the patterns are about; equal ones given once.

    Raises:
        ConfigurationError: A behaviour names a learned model that is not there.
    """
    if not texts:
        return
    by_kind: dict[str, list[Pattern]] = {}
    for pattern in patterns:
        by_kind.setdefault(pattern.kind, []).append(pattern)
    if "regex" in by_kind:
        _regular_expressions(by_kind["regex"], texts)
    if "similar" in by_kind:
        _similar(by_kind["similar"], texts)
    for pattern in by_kind.get("classifier", ()):
        name = pattern.spec[0]
        if name not in context.classifiers:
            raise ConfigurationError(
                f"behaviour {pattern.name.rsplit('.', 1)[0]} names a model that is not there",
                name,
                f"Train it under this name; known: {', '.join(sorted(context.classifiers)) or 'none'}.",
            )
        _whole_texts(pattern, texts, context.classifiers[name]([one.own for one in texts]))


def _regular_expressions(patterns: Sequence[Pattern], texts: Sequence[Features]) -> None:
    written = [one.own.translate(_MARKS) for one in texts]
    column = pa.array(written, type=pa.string())
    expressions = [(pattern.name, expression) for pattern in patterns for expression in pattern.spec]
    for first in range(0, len(expressions), _GROUP):
        group = expressions[first : first + _GROUP]
        places = np.flatnonzero(_matches(column, "|".join(f"(?:{one})" for _, one in group)))
        if not len(places):
            continue
        subset = column.take(pa.array(places))
        for name, expression in group:
            marked = pc.replace_substring_regex(subset, pattern=f"({expression})", replacement=f"{_OPEN}\\1{_CLOSE}")
            for place, text in zip(places, marked.to_pylist(), strict=True):
                if _OPEN in text:
                    hits = texts[place].hits
                    hits[name] = sorted([*hits.get(name, []), *_spans(text)])


def _matches(column: pa.Array, expression: str) -> np.ndarray:
    return pc.match_substring_regex(column, pattern=expression).to_numpy(zero_copy_only=False)


def _spans(marked: str) -> list[Span]:
    """Spans in the text as it was before the marks were set around each match."""
    spans: list[Span] = []
    taken = at = 0  # marks passed so far
    while len(spans) < _MOST_HITS and (start := marked.find(_OPEN, at)) >= 0:
        end = marked.find(_CLOSE, start)
        spans.append((start - taken, end - taken - 1))
        taken += 2
        at = end + 1
    return spans


def _similar(patterns: Sequence[Pattern], texts: Sequence[Features]) -> None:
    owners: list[int] = []
    spans: list[Span] = []
    sentences: list[str] = []
    for place, features in enumerate(texts):
        for start, end in features.sentences:
            owners.append(place)
            spans.append((start, end))
            sentences.append(features.lower[start:end])
    if not sentences:
        return
    vectors = embed(sentences)
    for pattern in patterns:
        best = Examples(pattern.spec).similarity(vectors)
        for place in np.flatnonzero(best >= pattern.at_least):
            hits = texts[owners[place]].hits.setdefault(pattern.name, [])
            if len(hits) < _MOST_HITS:
                hits.append(spans[place])


def _whole_texts(pattern: Pattern, texts: Sequence[Features], values: Sequence[float]) -> None:
    if len(values) != len(texts):
        raise ConfigurationError(
            f"{pattern.kind} {pattern.spec[0]} answered for {len(values)} of {len(texts)} texts", None,
            "It has to give one value for each text.",
        )  # fmt: skip
    for features, value in zip(texts, values, strict=True):
        if value >= pattern.at_least and features.words:
            lower = features.lower
            start = len(lower) - len(lower.lstrip())
            features.hits[pattern.name] = [(start, len(lower.rstrip()))]
