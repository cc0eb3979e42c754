"""What an interaction of a topic and a complexity usually takes: the measure that efficiency is held against.

Complexity is known before anybody has worked on a case: a ridge regression (Hoerl and Kennard, 1970) gives the expected log
handle time from topic, channel and the customer's first words; its terciles are simple, medium and hard. The actual handle
time never enters. Expected values are medians of the cell; a cell with few interactions gives way to a wider one, and the n
that is stored is that of the cell that was used. A week's baseline is made once and stays as it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log1p
from typing import Any

import numpy as np
import pandas as pd

from touchstone.rubric.words import digest
from touchstone.scoring.conversation import Conversation

COMPLEXITIES = ("simple", "medium", "hard")
LEAST_FOR_COMPLEXITY = 60
"""Fewer interactions than this tell no terciles; all of them are medium then."""
_GAP_CAP_MINUTES = 10.0  # a longer pause between two messages is waiting, not handling
_PENALTY = 5.0
_LEAST_OF_A_NAME = 5
_NUMBERS = ("words", "questions", "personal_data", "lines")


@dataclass(frozen=True, slots=True)
class Effort:
    """What one side spent on an interaction.

    Attributes:
        handle_minutes: Sum over its replies of the time since the message before, at most 10 minutes each.
        turns: How often the customer spoke and this side answered.
    """

    handle_minutes: float
    turns: int


@dataclass(frozen=True, slots=True)
class Expected:
    """Medians of the cell that was used, and its number of interactions."""

    handle_minutes: float
    turns: float
    n: int


def effort(conversation: Conversation, subject: str) -> Effort:
    """The effort of a side that replied."""
    minutes = 0.0
    turns = conversation.turns
    for reply in conversation.replies[subject]:
        if reply.position:
            gap = (reply.sent_at - turns[reply.position - 1].sent_at) / 60
            minutes += min(max(gap, 0.0), _GAP_CAP_MINUTES)
    return Effort(round(minutes, 4), sum(1 for _, reply in conversation.waits if reply.subject == subject))


def first_contact(conversation: Conversation) -> dict[str, Any]:
    """What is known of a case before the first reply."""
    words = questions = personal = lines = 0
    for turn in conversation.customers:
        if turn.reply_before is not None:
            break
        words += len(turn.features.words)
        questions += len(turn.features.questions(conversation.lists))
        personal += len(turn.pii)
        lines += turn.features.lower.count("\n")
    return {
        "topic": conversation.about.get("topic") or "unknown",
        "channel": conversation.channel,
        "words": log1p(words),
        "questions": log1p(questions),
        "personal_data": log1p(personal),
        "lines": log1p(lines),
    }


class Baseline:
    """Expected effort by side, topic and complexity, and the regression behind complexity.

    Attributes:
        definition: All of it as JSON-like values; `Baseline(definition)` gives the same baseline again.
        baseline_id: Names the definition.
    """

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = dict(definition)
        self.baseline_id: str = digest(self.definition)
        self._weights: dict[str, float] = dict(definition["weights"])
        self._cuts: list[float] = list(definition["cuts"])
        self._cells = {
            (subject, topic, complexity): Expected(minutes, turns, n)
            for subject, topic, complexity, minutes, turns, n in definition["cells"]
        }

    def complexity(self, first: Mapping[str, Any]) -> str:
        """simple, medium or hard, from the first contact."""
        if not self._cuts:
            return COMPLEXITIES[1]
        expected = sum(self._weights.get(name, 0.0) * value for name, value in _vector(first).items())
        return COMPLEXITIES[sum(expected > cut for cut in self._cuts)]

    def expected(self, subject: str, topic: str | None, complexity: str, min_n: int) -> Expected | None:
        """Of the narrowest cell with `min_n` interactions; None where even the widest has fewer."""
        topic = topic or "unknown"
        for cell in (
            (subject, topic, complexity),
            (subject, topic, None),
            (subject, None, complexity),
            (subject, None, None),
        ):
            found = self._cells.get(cell)
            if found is not None and found.n >= min_n:
                return found
        return None


def fit(cases: Sequence[tuple[Mapping[str, Any], Mapping[str, Effort]]]) -> Baseline:
    """A baseline from finished interactions.

    Args:
        cases: (first contact, effort by side) of each.
    """
    cases = [case for case in cases if case[1]]
    weights, cuts = _regression(cases) if len(cases) >= LEAST_FOR_COMPLEXITY else ({}, [])
    draft = Baseline({"weights": weights, "cuts": cuts, "cells": []})
    rows = [
        (subject, first["topic"], draft.complexity(first), spent.handle_minutes, spent.turns)
        for first, efforts in cases
        for subject, spent in efforts.items()
    ]
    frame = pd.DataFrame(rows, columns=["subject", "topic", "complexity", "minutes", "turns"])
    cells: list[list[Any]] = []
    for keys in (["subject", "topic", "complexity"], ["subject", "topic"], ["subject", "complexity"], ["subject"]):
        if frame.empty:
            break
        for values, part in frame.groupby(keys, sort=True):
            named = dict(zip(keys, values, strict=True))
            cells.append(
                [
                    named["subject"],
                    named.get("topic"),
                    named.get("complexity"),
                    round(float(part["minutes"].median()), 4),
                    round(float(part["turns"].median()), 4),
                    len(part),
                ]
            )
    return Baseline({"weights": weights, "cuts": cuts, "cells": cells})


def _vector(first: Mapping[str, Any]) -> dict[str, float]:
    named = {f"topic:{first['topic']}": 1.0, f"channel:{first['channel']}": 1.0}
    return {"": 1.0, **{name: float(first[name]) for name in _NUMBERS}, **named}


def _regression(
    cases: Sequence[tuple[Mapping[str, Any], Mapping[str, Effort]]],
) -> tuple[dict[str, float], list[float]]:
    vectors = [_vector(first) for first, _ in cases]
    count: dict[str, int] = {}
    for vector in vectors:
        for name in vector:
            count[name] = count.get(name, 0) + 1
    names = sorted(name for name, n in count.items() if n >= _LEAST_OF_A_NAME)
    matrix = np.array([[vector.get(name, 0.0) for name in names] for vector in vectors])
    target = np.array([log1p(sum(one.handle_minutes for one in efforts.values())) for _, efforts in cases])
    penalty = np.diag([0.0 if name == "" else _PENALTY for name in names])
    solution = np.linalg.solve(matrix.T @ matrix + penalty, matrix.T @ target)
    # a weight that rounds to minus nought would come back from the warehouse as nought, under another name of the baseline
    weights = {name: round(float(value), 6) + 0.0 for name, value in zip(names, solution, strict=True)}
    expected = [sum(weights.get(name, 0.0) * value for name, value in vector.items()) for vector in vectors]
    return weights, [round(float(cut), 6) + 0.0 for cut in np.quantile(expected, [1 / 3, 2 / 3])]
