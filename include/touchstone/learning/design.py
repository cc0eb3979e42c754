"""Features of a batch of conversations as an estimator reads them, computed once and shared by all targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from touchstone.errors import ConfigurationError
from touchstone.learning.corpus import SIDE_CODES, Corpus
from touchstone.learning.dialogues import AGENT, CUSTOMER, Dialogue
from touchstone.learning.estimator import Blocks, Picked
from touchstone.learning.features import Phrases, Seen, Texts, message_features, whole_features
from touchstone.learning.vectors import KINDS, Weights
from touchstone.rubric.model import Rubric
from touchstone.scoring.detectors import FAILS, HOLDS
from touchstone.scoring.scorer import ScoreFrames, score_batch

JOINED = ("customer", "agent")
"""Views of whole conversations whose texts are read as one document."""
_TRAJECTORY = ("start_polarity", "end_polarity", "mean_polarity", "slope", "minimum_polarity", "largest_drop")
_LEVELS = {"none": 0, "monitor": 1, "supervisor": 2, "escalate": 3}
_RULE_BATCH = 2_000


def is_judged(dialogue: Dialogue, rubric: Rubric) -> bool:
    """Whether the rule scorer can judge a conversation: both sides speak, in a language of the rubric."""
    sides = {message.side for message in dialogue.messages if not message.is_internal}
    return CUSTOMER in sides and AGENT in sides and rubric.supports(dialogue.language)


def score_by_rules(dialogues: Sequence[Dialogue], rubric: Rubric) -> ScoreFrames | None:
    """What the rule scorer says about the conversations that it can judge; keys are `interaction_id` and its message ids.

    None where it can judge none of them.
    """
    judged = [one for one in dialogues if is_judged(one, rubric)]
    if not judged:
        return None
    headers = [(one.interaction_id, one.started_at, one.input_hash, one.channel, one.language) for one in judged]
    rows = [
        (
            one.interaction_id,
            message_key(one.interaction_id, message.message_id),
            ordinal,
            message.actor,
            message.sent_at,
            message.text,
            message.pii,
            message.is_internal,
            False,
        )
        for one in judged
        for ordinal, message in enumerate(one.messages, 1)
    ]
    interactions = pd.DataFrame(
        headers, columns=["interaction_key", "interaction_started_at", "input_hash", "channel", "language"]
    )
    names = [
        "interaction_key",
        "message_key",
        "ordinal",
        "actor",
        "sent_at",
        "text",
        "pii",
        "is_internal",
        "is_automation",
    ]
    return score_batch(interactions, pd.DataFrame(rows, columns=names).astype({"sent_at": object}), rubric)


def message_key(interaction_id: str, message_id: str) -> str:
    """Key of a message among all conversations; ids hold no control characters."""
    return f"{interaction_id}\x1f{message_id}"


class Rules:
    """Outcomes of the rule scorer as figures of whole conversations.

    Args:
        indicators: Indicator -> version, as the model was trained with; None takes the rubric's.
    """

    def __init__(self, rubric: Rubric, indicators: Mapping[str, str] | None = None) -> None:
        self.rubric = rubric
        present = {one.id: one.version for one in rubric.indicators}
        self.indicators = dict(present if indicators is None else indicators)
        changed = [name for name, version in self.indicators.items() if present.get(name) != version]
        if changed:
            raise ConfigurationError(
                "the model was trained with another version of an indicator",
                changed[0],
                "Train it again under the present rubric: `touchstone train`.",
            )
        self.names = [
            "rules_apply",
            *(f"rule_{name}" for name in sorted(self.indicators)),
            *(f"trajectory_{name}" for name in _TRAJECTORY),
            "sentiment_level",
        ]

    def figures(self, dialogues: Sequence[Dialogue], frames: ScoreFrames | None) -> np.ndarray:
        """float32 of shape (len(dialogues), len(names)); an indicator is 1 where it holds, -1 where it fails, else 0."""
        found = np.zeros((len(dialogues), len(self.names)), dtype=np.float32)
        if frames is None:
            return found
        row_of = {one.interaction_id: at for at, one in enumerate(dialogues)}
        column_of = {name: at for at, name in enumerate(self.names)}
        outcome = {HOLDS: 1.0, FAILS: -1.0}
        table = frames.indicator_scores
        for key, indicator, said in zip(table["interaction_key"], table["indicator_id"], table["outcome"], strict=True):
            column = column_of.get(f"rule_{indicator}")
            if column is not None:
                found[row_of[key], column] += outcome.get(said, 0.0)
        moved = frames.trajectories
        for at, key in enumerate(moved["interaction_key"]):
            found[row_of[key], 0] = 1
            found[row_of[key], column_of["sentiment_level"]] = _LEVELS[moved["sentiment_level"].iat[at]]
        for name in _TRAJECTORY:
            column = column_of[f"trajectory_{name}"]
            for key, value in zip(moved["interaction_key"], moved[name], strict=True):
                found[row_of[key], column] = 0.0 if value is None else value
        return np.clip(found, -2, 3)


class Design:
    """Lazy features of one batch.

    Args:
        dialogues: Whole conversations.
        phrases: Phrase lists of the model.
        weights: Weights of the model; None fits them on this batch, unlabelled conversations included.
        rules: Reads outcomes of the rule scorer; None leaves them out.
        frames: Outcomes, where they are known already.
    """

    def __init__(
        self,
        dialogues: Sequence[Dialogue],
        phrases: Phrases,
        weights: dict[str, Weights] | None = None,
        rules: Rules | None = None,
        frames: ScoreFrames | None = None,
    ) -> None:
        self.dialogues = dialogues
        self.corpus = Corpus.of(dialogues)
        self.texts = Texts(self.corpus.texts, phrases)
        self.rules = rules
        self._frames = frames
        self.weights = weights if weights is not None else self._fit_weights()

    def _fit_weights(self) -> dict[str, Weights]:
        found = {}
        least = 2 if len(self.texts.texts) < 50_000 else 3
        for kind in KINDS:
            matrix = self.texts.counts(kind)
            found[f"text.{kind}"] = Weights.fit(matrix, least)
            for view in JOINED:
                found[f"{view}.{kind}"] = Weights.fit(self._said_by(view) @ matrix, least)
        return found

    def _said_by(self, view: str) -> sparse.csr_matrix:
        """Matrix (conversations x texts) that counts the texts of one side."""
        turns = np.flatnonzero(self.corpus.side == SIDE_CODES[view])
        ones = np.ones(len(turns), dtype=np.float32)
        shape = (len(self.dialogues), len(self.corpus.texts))
        return sparse.csr_matrix((ones, (self.corpus.owner[turns], self.corpus.text_of[turns])), shape=shape)

    @cached_property
    def _plain(self) -> dict[str, Weights]:
        return {kind: self.weights[f"text.{kind}"] for kind in KINDS}

    @cached_property
    def rows(self) -> dict[str, sparse.csr_matrix]:
        """TF-IDF row of each distinct text, by kind."""
        return {kind: weights.apply(self.texts.counts(kind)) for kind, weights in self._plain.items()}

    @cached_property
    def turn_of(self) -> dict[tuple[str, str], int]:
        """(interaction, message) -> turn."""
        corpus = self.corpus
        return {
            (self.dialogues[owner].interaction_id, message.message_id): turn
            for turn, (message, owner) in enumerate(zip(corpus.messages, corpus.owner.tolist(), strict=True))
        }

    def turns_of(self, sides: Sequence[int]) -> np.ndarray:
        """All turns of some sides."""
        return np.flatnonzero(np.isin(self.corpus.side, list(sides)))

    def messages(self, turns: np.ndarray, needed: set[tuple[str, str]] | None = None) -> tuple[Blocks, list[str]]:
        """Blocks of single messages, and the names of their figures.

        Args:
            needed: (view, kind) that an estimator reads, for prediction; None gives all, to fit.
        """
        seen = message_features(self.corpus, self.texts, self.rows, turns)
        return self._blocks(seen, needed, {}), seen.names

    def wholes(self, needed: set[tuple[str, str]] | None = None) -> tuple[Blocks, list[str]]:
        """Blocks of whole conversations, one row per conversation."""
        seen = whole_features(self.corpus, self.texts, self.rows)
        if self.rules is not None:
            figures = self.rules.figures(self.dialogues, self.frames)
            seen.figures = np.hstack([seen.figures, figures])
            seen.names = [*seen.names, *self.rules.names]
        joined: dict[tuple[str, str], sparse.csr_matrix] = {}
        for view in JOINED:
            for kind in KINDS:
                if needed is None or (view, kind) in needed:
                    counted = (self._said_by(view) @ self.texts.counts(kind)).tocsr()
                    joined[view, kind] = self.weights[f"{view}.{kind}"].apply(counted)
        return self._blocks(seen, needed, joined), seen.names

    @cached_property
    def frames(self) -> ScoreFrames | None:
        """Outcomes of the rule scorer."""
        return self._frames or (score_by_rules(self.dialogues, self.rules.rubric) if self.rules else None)

    def _blocks(
        self, seen: Seen, needed: set[tuple[str, str]] | None, joined: dict[tuple[str, str], sparse.csr_matrix]
    ) -> Blocks:
        found: dict[tuple[str, str], Any] = {}
        for view, selector in seen.selectors.items():
            for kind in KINDS:
                if needed is not None and (view, kind) not in needed:
                    continue
                if (view, kind) in joined:
                    found[view, kind] = joined[view, kind]
                elif needed is None:
                    found[view, kind] = selector @ self.rows[kind]
                else:
                    found[view, kind] = Picked(selector, self.rows[kind])
        return Blocks(found, seen.figures)
