"""Figures of a training: how good the model is on questions that it had not seen, and how good the labels are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from touchstone.intents.files import Labelled, Labels
from touchstone.learning.calibration import calibration_error, reliability

if TYPE_CHECKING:
    from touchstone.intents.machine import Fitted, Machine

MOST_PAIRS = 30
_Z = 1.959964


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927); (0, 1) of nothing."""
    if not n:
        return 0.0, 1.0
    share, spread = hits / n, _Z * _Z / n
    middle = share + spread / 2
    half = _Z * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def share(hits: int, n: int) -> dict[str, Any]:
    """A rate with its numerator, denominator and interval; null of nothing."""
    low, high = wilson(hits, n)
    return {"value": hits / n if n else None, "hits": int(hits), "n": int(n), "low": low, "high": high}


def entropy(values: Sequence[Any]) -> float:
    """Shannon entropy of the shares divided by its maximum over the values that occur, 0 to 1; 0 of a single value."""
    sizes = np.array(list(Counter(values).values()), dtype=float)
    if len(sizes) < 2:
        return 0.0
    shares = sizes / sizes.sum()
    return float(-(shares * np.log(shares)).sum() / math.log(len(sizes)))


def label_quality(labels: Labels) -> dict[str, Any]:
    """How suitable the rows are for training.

    suitable = labelled, no duplicate, no conflicting label, enough examples of the intent / rows in. Diversity is the
    normalised entropy over intent x language x channel (metrics: training data).
    """
    rows = labels.rows
    return {
        "rows_in": labels.rows_in,
        "suitable": share(len(rows), labels.rows_in),
        "duplicates": labels.duplicates,
        "conflicting_labels": labels.conflicts,
        "unusable": len(labels.refused) - labels.duplicates - labels.conflicts,
        "diversity": entropy([(row.intent, row.language, row.channel) for row in rows]),
        "diversity_of": {
            name: {"entropy": entropy([getattr(row, name) for row in rows]), "values": len({getattr(row, name) for row in rows})}
            for name in ("intent", "language", "channel")
        },
        "fewest_examples": [[name, n] for name, n in sorted(Counter(row.intent for row in rows).items(), key=lambda one: (one[1], one[0]))[:10]],
    }  # fmt: skip


def of_training(
    intents: Sequence[str],
    rows: Sequence[Labelled],
    y: np.ndarray,
    machine: Machine,
    held_out: Fitted,
    labels: Labels,
    strange: np.ndarray | None,
    false_novel: float,
) -> dict[str, Any]:
    """Everything of a training report, of rows held out of the fit.

    Args:
        strange: Novelty of questions that the labels call new, ascending; None without such rows.
        false_novel: The wished false-novel rate.
    """
    said = held_out.scores.argmax(axis=1)
    right = said == y
    confidence = _held_out_confidence(held_out, y)
    found = []
    for at, name in enumerate(intents):
        own = y == at
        as_said = said == at
        found.append(
            {
                "intent": name,
                "recall": share(int(right[own].sum()), int(own.sum())),
                "precision": share(int(right[as_said].sum()), int(as_said.sum())),
                "found_new_without_it": share(int((held_out.unknown[own] > machine.threshold).sum()), int(own.sum())),
            }
        )
    pairs = Counter(zip(y[~right].tolist(), said[~right].tolist(), strict=True))
    taken_for_new = int((_held_out_novel(held_out, false_novel)).sum())
    missed = int((held_out.unknown <= machine.threshold).sum())
    novelty: dict[str, Any] = {
        "threshold": machine.threshold,
        "wished_false_novel_rate": false_novel,
        "false_novel_rate": share(taken_for_new, len(y)),
        "miss_rate_of_left_out_intents": share(missed, len(y)),
        "auroc_of_left_out_intents": auroc(held_out.novelty, held_out.unknown),
    }
    if strange is not None:
        novelty["miss_rate_of_labelled"] = share(int((strange <= machine.threshold).sum()), len(strange))
        novelty["auroc_of_labelled"] = auroc(held_out.novelty, strange)
    return {
        "accuracy": share(int(right.sum()), len(y)),
        "folds": int(held_out.fold.max()) + 1,
        "macro_recall": float(np.mean([one["recall"]["value"] for one in found if one["recall"]["n"]])),
        "by_intent": found,
        "confusions": [
            {"intent": intents[true], "said": intents[wrong], "n": n, "of": int((y == true).sum())}
            for (true, wrong), n in sorted(pairs.items(), key=lambda one: (-one[1], one[0]))[:MOST_PAIRS]
        ],
        "confusion_pairs": len(pairs),
        "calibration": {
            "expected_calibration_error": calibration_error(confidence, right),
            "brier": float(np.mean((confidence - right) ** 2)),
            "reliability": [asdict(one) for one in reliability(confidence, right)],
            "temperature": machine.temperature,
        },
        "novelty": novelty,
        "labels": label_quality(labels),
        "rows": len(rows),
    }


def _held_out_confidence(held_out: Fitted, y: np.ndarray) -> np.ndarray:
    """Confidence of each row, calibrated on the other folds."""
    from touchstone.intents.machine import confidence_of, curve_of, temperature_of

    found = np.zeros(len(y))
    for number in np.unique(held_out.fold):
        rows = held_out.fold == number
        factor = temperature_of(held_out.scores[~rows], y[~rows])
        curve = curve_of(held_out.scores[~rows], y[~rows], factor)
        found[rows] = confidence_of(held_out.scores[rows], factor, curve)
    return found


def _held_out_novel(held_out: Fitted, false_novel: float) -> np.ndarray:
    """Whether each row is taken for new under a threshold that was set on the other folds."""
    from touchstone.intents.machine import threshold_of

    found = np.zeros(len(held_out.fold), dtype=bool)
    for number in np.unique(held_out.fold):
        rows = held_out.fold == number
        found[rows] = held_out.novelty[rows] > threshold_of(np.sort(held_out.novelty[~rows]), false_novel)
    return found


def auroc(known: np.ndarray, new: np.ndarray) -> float | None:
    """Probability that a new question looks newer than a known one (Mann-Whitney); None where one side is empty."""
    from scipy.stats import rankdata

    if not len(known) or not len(new):
        return None
    ranks = rankdata(np.concatenate([known, new]))[len(known) :].sum()
    return float((ranks - len(new) * (len(new) + 1) / 2) / (len(known) * len(new)))
