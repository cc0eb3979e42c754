"""From a value to probabilities that hold, and how well they hold.

Scales: for each cut between tiers, a logistic regression of "the person's value lies below the cut" on the predicted value
(Platt, 1999), made monotone over the cuts. Words: multinomial logistic regression on the predicted values. Both are fitted on
out-of-fold values, so that what is calibrated is what unseen data will get.

Expected calibration error (Naeini, Cooper and Hauskrecht, 2015): mean of |stated - realised| over 10 bins of equal width,
weighted by their share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

BINS = 10
_PENALTY = 1e-3


@dataclass
class Calibration:
    """Coefficients of the probabilities.

    Attributes:
        coefficients: Of a scale (cuts, 3): intercept, slope of the predicted mean, slope of what was learned for the cut
            itself. Of words (classes, 1 + classes).
        is_ordinal: Whether the outputs are tiers of a scale.
        exponent: Words only: the class with the largest probability / share ** exponent is chosen, which trades accuracy for
            the recall of rare classes; chosen for macro-F1 in cross-validation.
        shares: Words only: share of each class in training.
    """

    coefficients: np.ndarray
    is_ordinal: bool
    exponent: float = 0.0
    shares: np.ndarray | None = None

    def probabilities(self, predicted: np.ndarray) -> np.ndarray:
        """(n, tiers or classes); rows sum to 1."""
        if self.is_ordinal:
            own = _of_cuts(predicted, len(self.coefficients))
            logits = (
                self.coefficients[:, 0] + predicted[:, :1] * self.coefficients[:, 1] + own * self.coefficients[:, 2]
            )
            below = _sigmoid(logits)
            below = np.maximum.accumulate(below, axis=1)
            edges = np.hstack([np.zeros((len(below), 1)), below, np.ones((len(below), 1))])
            return np.diff(edges, axis=1)
        design = np.hstack([np.ones((len(predicted), 1)), predicted])
        logits = design @ self.coefficients.T
        logits -= logits.max(axis=1, keepdims=True)
        raised = np.exp(logits)
        return raised / raised.sum(axis=1, keepdims=True)

    def choose(self, probabilities: np.ndarray) -> np.ndarray:
        """Number of the tier or class that is stated for each row."""
        if self.is_ordinal or self.shares is None:
            return probabilities.argmax(axis=1)
        return (probabilities / np.maximum(self.shares, 1e-6) ** self.exponent).argmax(axis=1)


def _of_cuts(predicted: np.ndarray, cuts: int) -> np.ndarray:
    """What was learned for each cut, (n, cuts); zeros where the mean alone was learned."""
    return predicted[:, 1:] if predicted.shape[1] == 1 + cuts else np.zeros((len(predicted), cuts))


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -35, 35)))


def fit_ordinal(predicted: np.ndarray, tiers: np.ndarray, count: int, weights: np.ndarray) -> Calibration:
    """Calibration of a scale.

    Args:
        predicted: Out-of-fold values, (n, 1 or 1 + cuts).
        tiers: What people gave, 0 to count - 1.
    """
    own = _of_cuts(predicted, count - 1)
    rows = []
    for cut in range(1, count):
        below = (tiers < cut).astype(np.float64)
        # Platt's targets keep the fit finite where one side is empty or the classes part cleanly
        high = (below.sum() + 1) / (below.sum() + 2)
        low = 1 / ((1 - below).sum() + 2)
        rows.append(_logistic(np.stack([predicted[:, 0], own[:, cut - 1]], 1), np.where(below > 0, high, low), weights))
    return Calibration(np.array(rows), True)


def _logistic(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Intercept and slopes; no slope is positive: a higher value never makes "below the cut" more likely."""
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    z = (x - centre) / spread

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        p = _sigmoid(theta[0] + z @ theta[1:])
        error = weights * (p - y)
        entropy = -weights * (y * np.log(p) + (1 - y) * np.log1p(-p))
        gradient = np.concatenate([[error.sum()], z.T @ error + _PENALTY * theta[1:]])
        return float(entropy.sum() + 0.5 * _PENALTY * theta[1:] @ theta[1:]), gradient

    mean = np.average(y, weights=weights)
    start = np.concatenate([[math.log(mean / (1 - mean))], np.zeros(x.shape[1])])
    bounds = [(-30, 30), *[(-30, 0)] * x.shape[1]]
    best = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    slopes = best[1:] / spread
    return np.concatenate([[best[0] - slopes @ centre], slopes])


def fit_words(predicted: np.ndarray, classes: np.ndarray, count: int, weights: np.ndarray) -> Calibration:
    """Calibration of classes; `predicted` is (n, count) out-of-fold values."""
    mean, spread = predicted.mean(axis=0), predicted.std(axis=0) + 1e-9
    design = np.hstack([np.ones((len(predicted), 1)), (predicted - mean) / spread])
    truth = np.eye(count)[classes]
    penalty = np.full((count, count + 1), 1.0)
    penalty[:, 0] = 0

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        table = theta.reshape(count, -1)
        logits = design @ table.T
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        p /= p.sum(axis=1, keepdims=True)
        value = -(weights[:, None] * truth * np.log(np.maximum(p, 1e-12))).sum() + 0.5 * (penalty * table**2).sum()
        gradient = (weights[:, None] * (p - truth)).T @ design + penalty * table
        return float(value), gradient.ravel()

    best = optimize.minimize(loss, np.zeros(count * (count + 1)), jac=True, method="L-BFGS-B").x.reshape(count, -1)
    coefficients = best.copy()
    coefficients[:, 1:] = best[:, 1:] / spread
    coefficients[:, 0] = best[:, 0] - coefficients[:, 1:] @ mean
    shares = np.bincount(classes, minlength=count) / len(classes)
    found = Calibration(coefficients, False, 0.0, shares)
    probabilities = found.probabilities(predicted)
    scores = []
    for exponent in np.arange(0, 1.01, 0.1):
        found.exponent = float(exponent)
        scores.append((macro_f1(classes, found.choose(probabilities), count), -float(exponent)))
    found.exponent = -max(scores)[1]
    return found


def macro_f1(truth: np.ndarray, said: np.ndarray, count: int) -> float:
    """Mean over the classes of 2 * hits / (said + true); a class that neither holds counts 0."""
    scores = []
    for one in range(count):
        hits = np.sum((truth == one) & (said == one))
        total = np.sum(truth == one) + np.sum(said == one)
        scores.append(2 * hits / total if total else 0.0)
    return float(np.mean(scores))


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram."""

    low: float
    high: float
    n: int
    stated: float
    realised: float


def reliability(confidence: np.ndarray, is_right: np.ndarray) -> list[Bin]:
    """Bins that hold anything, from low to high."""
    at = np.minimum((confidence * BINS).astype(int), BINS - 1)
    found = []
    for number in range(BINS):
        inside = at == number
        if inside.any():
            found.append(
                Bin(
                    number / BINS,
                    (number + 1) / BINS,
                    int(inside.sum()),
                    float(confidence[inside].mean()),
                    float(is_right[inside].mean()),
                )
            )
    return found


def calibration_error(confidence: np.ndarray, is_right: np.ndarray) -> float:
    """Expected calibration error, 0 to 1; lower is better."""
    total = len(confidence)
    return sum(one.n / total * abs(one.stated - one.realised) for one in reliability(confidence, is_right))


def halves(confidence: np.ndarray, is_right: np.ndarray) -> tuple[float, float]:
    """Error rate among the more confident half, and among the rest."""
    order = np.argsort(-confidence, kind="stable")
    half = len(order) // 2
    wrong = ~is_right.astype(bool)
    return float(wrong[order[:half]].mean()), float(wrong[order[half:]].mean())
