"""What an estimator looks at, in words: terms and figures that raise and lower its scores."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np

from touchstone.learning.design import Design
from touchstone.learning.estimator import Blocks, Estimator
from touchstone.learning.labels import MESSAGE, Target
from touchstone.learning.vectors import MAX_TERM_TEXT, WORDS, counts

TERMS = 12
FIGURES = 15
_NAMED = 4_000
"""Most frequent words and pairs of the judged texts that terms are named from."""
_TOKEN_TEXTS = 5_000
_DIGIT = re.compile(r"\d")
VIEW_NAMES = {
    "own": "the message",
    "own_tools": "its tool calls",
    "before": "what came before it",
    "own_before": "the speaker's previous message",
    "after": "the answer to it",
    "tools_before": "the tool calls before it",
    "customer": "the customer's words",
    "agent": "the agent's words",
    "customer_last": "the customer's last message",
    "agent_last": "the agent's last message",
    "customer_first": "the customer's first message",
    "tools": "tool calls",
    "acts": "what happened when",
}


def influences(
    fitted: Estimator, blocks: Blocks, predicted: np.ndarray, design: Design, at: np.ndarray, target: Target
) -> dict[str, Any]:
    """Terms by their weight times how much they vary, and figures by their correlation with the prediction.

    Terms are named from the words and pairs of the judged texts: a model's file holds no vocabulary.
    """
    owners = at if target.grain != MESSAGE else design.corpus.owner[at]
    named = _vocabulary(design, np.unique(owners)[:_TOKEN_TEXTS])
    columns = np.array(list(named.values()), dtype=np.int64)
    names = list(named)
    terms: list[dict[str, Any]] = []
    for (view, kind), coefficients in fitted.linear.text.items():
        if kind != WORDS or not len(columns):
            continue
        matrix = blocks.rows[view, kind]
        used = matrix[:, columns]
        mean = np.asarray(used.mean(axis=0)).ravel()
        spread = np.sqrt(np.maximum(np.asarray(used.multiply(used).mean(axis=0)).ravel() - mean**2, 0))
        for output in range(coefficients.shape[1] if target.classes else 1):
            effect = coefficients[columns, output] * spread
            for one in np.argsort(-np.abs(effect), kind="stable")[: 3 * TERMS]:
                if effect[one]:
                    label = target.classes[output] if target.classes else target.name
                    terms.append(
                        {"of": label, "where": VIEW_NAMES[view], "term": names[one], "effect": float(effect[one])}
                    )
    kept: list[dict[str, Any]] = []
    for label in dict.fromkeys(one["of"] for one in terms):
        mine = sorted((one for one in terms if one["of"] == label), key=lambda one: -one["effect"])
        kept += [one for one in mine[:TERMS] if one["effect"] > 0]
        kept += [one for one in mine[::-1][:TERMS] if one["effect"] < 0]
    return {"terms": kept, "figures": _figures(fitted, blocks, predicted, target)}


def _figures(fitted: Estimator, blocks: Blocks, predicted: np.ndarray, target: Target) -> list[dict[str, Any]]:
    figures = blocks.figures.astype(np.float64)
    figures = figures - figures.mean(axis=0)
    scale = np.sqrt((figures**2).sum(axis=0))
    found = []
    for output in range(predicted.shape[1] if target.classes else 1):
        values = predicted[:, output] - predicted[:, output].mean()
        length = float(np.sqrt(values @ values))
        related = figures.T @ values / np.maximum(scale * length, 1e-12)
        related[scale < 1e-6] = 0
        label = target.classes[output] if target.classes else target.name
        for at in np.argsort(-np.abs(related), kind="stable")[:FIGURES]:
            found.append({"of": label, "figure": fitted.names[at], "correlation": float(related[at])})
    return found


def _vocabulary(design: Design, owners: np.ndarray) -> dict[str, int]:
    """Word or pair -> column, of the most frequent ones in some conversations."""
    found: Counter[str] = Counter()
    inside = np.zeros(len(design.dialogues), dtype=bool)
    inside[owners] = True
    for turn in np.flatnonzero(inside[design.corpus.owner]).tolist():
        for text in (design.texts.texts[design.corpus.text_of[turn]], design.texts.texts[design.corpus.tool_of[turn]]):
            # digits share a column, so they share a name
            words = _DIGIT.sub("0", text[:MAX_TERM_TEXT].lower()).split()
            clean = [word.strip(".,!?:;()\"'") for word in words]
            found.update(word for word in clean if word)
            found.update(f"{one} {two}" for one, two in pairwise(words) if one.isalnum() and two.isalnum())
    names = [name for name, count in found.most_common(_NAMED) if count > 1]
    single = [name for name in names if " " not in name]
    pairs = [name for name in names if " " in name]
    columns: dict[str, int] = {}
    for name, row in zip(single, counts(single, WORDS), strict=True):
        if row.nnz == 1:
            columns[name] = int(row.indices[0])
    parts = [part for name in pairs for part in name.split(" ")]
    alone = counts(parts, WORDS)
    for at, (name, row) in enumerate(zip(pairs, counts(pairs, WORDS), strict=True)):
        rest = set(row.indices.tolist()) - set(alone[2 * at].indices.tolist()) - set(alone[2 * at + 1].indices.tolist())
        if len(rest) == 1:
            columns[name] = rest.pop()
    return columns
