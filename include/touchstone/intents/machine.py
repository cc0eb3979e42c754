"""The learned part of a model of intents: kernel ridge regression on what a question says, and how known it looks.

**Intent.** One regression per intent (1 for its questions, -1/k for others) in the space of a sum of kernels:

    K = [ words + characters + 2 exp(4 (static - 1)) + 6 exp(4 (transformer - 1)) ] / sum of weights

where each name is the cosine of two questions in that view: TF-IDF of words and pairs, TF-IDF of character n-grams, static
sentence vectors, transformer sentence vectors (left out of a static model). The Gaussian kernels on unit vectors let an intent
consist of several islands, which one direction per intent cannot. Everything about unseen questions comes from one inverse
G = (K + ridge I)^-1: what the model would have said of a set R of rows, had it been trained without R, is

    f(R) = Y(R) - G(R,R)^-1 (G Y)(R)                         (Rasmussen and Williams, 2006, section 5.3, for sets of rows)

exactly, so cross-validation and the test with whole intents left out need no second training.

**Confidence.** Softmax of the scores, with a temperature that fits held-out rows best (Guo et al., 2017); then the largest one
through a logistic curve of its log odds that fits how often held-out rows are right (Platt, 1999).

**Novelty.** How low the best score is and how far the tenth nearest known question (Sun et al., 2022), each in standard
deviations of held-out known questions; their mean. The threshold is the quantile of held-out known questions that leaves the
wished share above it (split conformal: the ceil((n + 1)(1 - share))-th smallest of n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize, sparse

from touchstone.errors import TouchstoneError
from touchstone.intents.vectors import STATIC, TRANSFORMER
from touchstone.learning.vectors import BITS, CHARACTERS, WORDS, Weights, counts

RIDGE = 0.2
SHARPNESS = 4.0
SHARES = {WORDS: 1.0, CHARACTERS: 1.0, STATIC: 2.0, TRANSFORMER: 6.0}
LEAST_DOCUMENTS = {WORDS: 1, CHARACTERS: 2}
"""Questions that must hold a term for it to count."""
NEIGHBOURS = 10
FOLDS = 5
MOST_ROWS = 15_000
"""Rows that the regression learns from; of more, a sample balanced over the intents: memory grows with their square."""
_BLOCK = 1_000


@dataclass
class Views:
    """What questions look like to the model: TF-IDF rows by kind of term, sentence vectors by kind."""

    terms: dict[str, sparse.csr_matrix]
    vectors: dict[str, np.ndarray]

    def __len__(self) -> int:
        return self.terms[WORDS].shape[0]

    def take(self, at: np.ndarray | slice) -> Views:
        return Views(
            {name: rows[at] for name, rows in self.terms.items()},
            {name: rows[at] for name, rows in self.vectors.items()},
        )


def rounded(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors as they are stored: bytes and the length of each row in them.

    Returns:
        (int8 of shape (n, width), float32 of shape (n,)); a row is bytes / length.
    """
    peaks = np.abs(vectors).max(axis=1, keepdims=True)
    held = np.rint(vectors * (127 / np.maximum(peaks, 1e-9))).astype(np.int8)
    lengths = np.linalg.norm(held.astype(np.float32), axis=1)
    return held, np.maximum(lengths, 1.0).astype(np.float32)


def restored(held: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return held.astype(np.float32) / lengths[:, None]


@dataclass
class Fitted:
    """What training found out beside the machine: figures of rows that were held out.

    Attributes:
        scores: (n, intents), of each row by the model without its fold.
        novelty: (n,), of each row without its fold: known questions.
        unknown: (n,), of each row without its whole intent: new questions.
        fold: (n,).
    """

    scores: np.ndarray
    novelty: np.ndarray
    unknown: np.ndarray
    fold: np.ndarray


@dataclass
class Machine:
    """Coefficients.

    Attributes:
        weights: Inverse document frequencies by kind of term.
        terms: By kind, coefficients of terms, float32 of shape (2 ** BITS, intents).
        kernel: float32 of shape (n, intents): coefficients of the known questions in the Gaussian kernels.
        vectors: By kind, (int8 rows, lengths) of the known questions.
        temperature: Of the softmax.
        curve: Intercept and slope of the confidence over the log odds of the largest probability.
        moments: ((mean, spread) of minus the best score, (mean, spread) of the distance), of known questions.
        known: Novelty of held-out known questions, ascending.
        threshold: Novelty from which a question counts as new.
    """

    kinds: tuple[str, ...]
    neighbours: int
    weights: dict[str, Weights]
    terms: dict[str, np.ndarray]
    kernel: np.ndarray
    vectors: dict[str, tuple[np.ndarray, np.ndarray]]
    temperature: float
    curve: tuple[float, float]
    moments: np.ndarray
    known: np.ndarray
    threshold: float

    def __post_init__(self) -> None:
        self._vectors = {name: restored(*rows) for name, rows in self.vectors.items()}

    def known_vectors(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of the questions that were learned from, and the intent that each speaks for most."""
        return self._vectors[kind], self.kernel.argmax(axis=1)

    def views(self, texts: Sequence[str], vectors: dict[str, np.ndarray]) -> Views:
        return Views({kind: self.weights[kind].apply(counts(texts, kind)) for kind in (WORDS, CHARACTERS)}, vectors)

    def scores(self, views: Views) -> tuple[np.ndarray, np.ndarray]:
        """Scores of the intents, (n, intents), and novelty, (n,)."""
        scores = np.zeros((len(views), self.kernel.shape[1]), dtype=np.float32)
        novelty = np.zeros(len(views))
        for first in range(0, len(views), _BLOCK):
            part = views.take(slice(first, first + _BLOCK))
            found = np.asarray(sum(part.terms[kind] @ self.terms[kind] for kind in self.terms))
            cosines = {name: part.vectors[name] @ self._vectors[name].T for name in self.kinds}
            found += _gaussian(cosines, self.kinds) @ self.kernel
            away = _distance(cosines[self.kinds[-1]], self.neighbours)
            scores[first : first + _BLOCK] = found
            novelty[first : first + _BLOCK] = _novelty(found, away, self.moments)
        return scores, novelty

    def confidence(self, scores: np.ndarray) -> np.ndarray:
        """Probability that the intent with the best score is right, (n,)."""
        return confidence_of(scores, self.temperature, self.curve)

    def percentile(self, novelty: np.ndarray) -> np.ndarray:
        """Share of held-out known questions that look at least as new, 0 to 1: small for new questions."""
        above = len(self.known) - np.searchsorted(self.known, novelty, side="left")
        return (above + 1) / (len(self.known) + 1)


def threshold_of(known: np.ndarray, share: float) -> float:
    """Novelty that at most `share` of unseen known questions exceed (split conformal)."""
    place = int(np.ceil((len(known) + 1) * (1 - share)))
    return float(known[min(place, len(known)) - 1])


def sample(y: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most `most` rows, the same number of each intent as far as they reach."""
    if len(y) <= most:
        return np.arange(len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    turn = np.zeros(len(y), dtype=np.int64)
    seen: dict[int, int] = {}
    for at in order:
        turn[at] = seen[y[at]] = seen.get(y[at], 0) + 1
    return np.sort(order[np.argsort(turn[order], kind="stable")[:most]])


def fit(
    texts: Sequence[str], vectors: dict[str, np.ndarray], y: np.ndarray, share: float, seed: int
) -> tuple[Machine, Fitted]:
    """Learn intents.

    Args:
        texts: n questions.
        vectors: Their sentence vectors, by kind; static ones always, transformer ones last.
        y: (n,), number of the intent, 0 to k - 1; every one at least twice.
        share: Wished share of known questions that are taken for new.
        seed: Of the folds.

    Raises:
        TouchstoneError: There is only one intent.
    """
    count = int(y.max()) + 1
    if count < 2:
        raise TouchstoneError("one intent cannot be told from others", None, "Label questions of at least two.")
    kinds = tuple(name for name in (STATIC, TRANSFORMER) if name in vectors)
    weights, terms = {}, {}
    for kind in (WORDS, CHARACTERS):
        matrix = counts(texts, kind)
        weights[kind] = Weights.fit(matrix, min(LEAST_DOCUMENTS[kind], len(texts)))
        terms[kind] = weights[kind].apply(matrix)
    # what is learned from is what is stored
    held = {name: rounded(vectors[name]) for name in kinds}
    views = Views(terms, {name: restored(*held[name]) for name in kinds})
    total = _total(kinds)
    kernel = _gram(views, kinds)
    kernel[np.diag_indices_from(kernel)] += RIDGE
    inverse = _inverse(kernel)
    targets = np.full((len(y), count), -1 / count, dtype=np.float32)
    targets[np.arange(len(y)), y] = 1
    # rounded as they are stored
    coefficients = (inverse @ targets).astype(np.float16).astype(np.float32)
    fold = folds(y, FOLDS, seed)
    neighbours = int(min(NEIGHBOURS, max(1, np.median(np.bincount(y)) // 2)))
    last = views.vectors[kinds[-1]]
    scores, away = _without_folds(inverse, coefficients, targets, fold, last, neighbours)
    moments = np.array([[np.mean(one), max(float(np.std(one)), 1e-6)] for one in (-scores.max(axis=1), away)])
    novelty = _novelty(scores, away, moments)
    unknown = _without_intents(inverse, coefficients, targets, y, last, neighbours, moments)
    known = np.sort(novelty)
    temperature = temperature_of(scores, y)
    machine = Machine(
        kinds=kinds,
        neighbours=neighbours,
        weights=weights,
        terms={kind: _of_terms(terms[kind], coefficients, SHARES[kind] / total) for kind in terms},
        kernel=coefficients,
        vectors=held,
        temperature=temperature,
        curve=curve_of(scores, y, temperature),
        moments=moments,
        known=known,
        threshold=threshold_of(known, share),
    )
    return machine, Fitted(scores, novelty, unknown, fold)


def folds(y: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Fold of each row: every intent is dealt evenly, as far as it reaches."""
    order = np.random.default_rng(seed).permutation(len(y))
    fold = np.zeros(len(y), dtype=np.int64)
    for one in np.unique(y):
        rows = order[y[order] == one]
        fold[rows] = (np.arange(len(rows)) + one) % count
    return fold


def _total(kinds: Sequence[str]) -> float:
    return SHARES[WORDS] + SHARES[CHARACTERS] + sum(SHARES[name] for name in kinds)


def _gaussian(cosines: dict[str, np.ndarray], kinds: Sequence[str]) -> np.ndarray:
    """The Gaussian part of the kernel from the cosines of each kind of vectors."""
    total = _total(kinds)
    found = np.zeros_like(cosines[kinds[0]])
    for name in kinds:
        found += np.float32(SHARES[name] / total) * np.exp(np.float32(SHARPNESS) * (cosines[name] - 1))
    return found


def _gram(views: Views, kinds: Sequence[str]) -> np.ndarray:
    """The kernel of all rows with each other, float32, block by block: at most one such matrix stands in memory."""
    total = _total(kinds)
    kernel = np.empty((len(views), len(views)), dtype=np.float32)
    for first in range(0, len(views), _BLOCK):
        part = views.take(slice(first, first + _BLOCK))
        rows = _gaussian({name: part.vectors[name] @ views.vectors[name].T for name in kinds}, kinds)
        for kind, matrix in views.terms.items():
            rows += np.float32(SHARES[kind] / total) * (part.terms[kind] @ matrix.T).toarray()
        kernel[first : first + _BLOCK] = rows
    return kernel


def _inverse(kernel: np.ndarray) -> np.ndarray:
    """Inverse of a positive definite matrix, in its place."""
    factor, status = linalg.lapack.spotrf(kernel.T, lower=True, overwrite_a=True)
    if status == 0:
        factor, status = linalg.lapack.spotri(factor, lower=True, overwrite_c=True)
    if status != 0:
        raise TouchstoneError("the questions cannot be told apart", f"LAPACK {status}", "Remove repeated questions.")
    for first in range(0, len(factor), _BLOCK):
        last = min(first + _BLOCK, len(factor))
        block = np.tril(factor[first:last, first:last])
        factor[first:last, first:last] = block + np.tril(block, -1).T
        factor[first:last, last:] = factor[last:, first:last].T
    return factor


def _left_out(inverse: np.ndarray, coefficients: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """What a model without these rows says of them."""
    block = inverse[np.ix_(rows, rows)].astype(np.float64)
    return targets[rows] - linalg.solve(block, coefficients[rows].astype(np.float64), assume_a="pos")


def _without_folds(
    inverse: np.ndarray,
    coefficients: np.ndarray,
    targets: np.ndarray,
    fold: np.ndarray,
    vectors: np.ndarray,
    neighbours: int,
) -> tuple[np.ndarray, np.ndarray]:
    scores, away = np.zeros(targets.shape), np.zeros(len(fold))
    for number in np.unique(fold):
        rows, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        scores[rows] = _left_out(inverse, coefficients, targets, rows)
        away[rows] = _distance(vectors[rows] @ vectors[others].T, neighbours)
    return scores, away


def _without_intents(
    inverse: np.ndarray,
    coefficients: np.ndarray,
    targets: np.ndarray,
    y: np.ndarray,
    vectors: np.ndarray,
    neighbours: int,
    moments: np.ndarray,
) -> np.ndarray:
    """Novelty of each row to a model that has never seen its intent."""
    found = np.zeros(len(y))
    for one in np.unique(y):
        rows, others = np.flatnonzero(y == one), np.flatnonzero(y != one)
        scores = _left_out(inverse, coefficients, targets, rows)
        scores[:, one] = -np.inf
        found[rows] = _novelty(scores, _distance(vectors[rows] @ vectors[others].T, neighbours), moments)
    return found


def _distance(cosines: np.ndarray, neighbours: int) -> np.ndarray:
    """1 - cosine of the nearest known question but `neighbours` - 1."""
    neighbours = min(neighbours, cosines.shape[1])
    return 1 - np.partition(cosines, -neighbours, axis=1)[:, -neighbours].astype(np.float64)


def _novelty(scores: np.ndarray, away: np.ndarray, moments: np.ndarray) -> np.ndarray:
    parts = (-scores.max(axis=1), away)
    return sum((part - mean) / spread for part, (mean, spread) in zip(parts, moments, strict=True)) / len(parts)


def as_bytes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of coefficients as they are stored: bytes, and the factor of each row."""
    peaks = np.abs(values).max(axis=1) / 127
    return np.rint(values / np.maximum(peaks, 1e-12)[:, None]).astype(np.int8), peaks.astype(np.float32)


def _of_terms(rows: sparse.csr_matrix, coefficients: np.ndarray, share: float) -> np.ndarray:
    """Coefficients of the terms, rounded as they are stored: a model answers alike before and after it was written."""
    found = np.asarray(rows.T @ coefficients) * np.float32(share)
    held, peaks = as_bytes(found)
    return held * peaks[:, None]


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def temperature_of(scores: np.ndarray, y: np.ndarray) -> float:
    """The factor of the scores under which the held-out rows are most likely."""

    def loss(log_factor: float) -> float:
        p = softmax(scores * np.exp(log_factor))[np.arange(len(y)), y]
        return float(-np.log(np.maximum(p, 1e-12)).mean())

    return float(np.exp(optimize.minimize_scalar(loss, bounds=(-2, 6), method="bounded").x))


def confidence_of(scores: np.ndarray, temperature: float, curve: tuple[float, float]) -> np.ndarray:
    best = np.clip(softmax(scores.astype(np.float64) * temperature).max(axis=1), 1e-6, 1 - 1e-6)
    return 1 / (1 + np.exp(-np.clip(curve[0] + curve[1] * np.log(best / (1 - best)), -35, 35)))


def curve_of(scores: np.ndarray, y: np.ndarray, temperature: float) -> tuple[float, float]:
    """Intercept and slope of the log odds of being right over those of the largest probability; the slope is not negative."""
    best = np.clip(softmax(scores * temperature).max(axis=1), 1e-6, 1 - 1e-6)
    odds, right = np.log(best / (1 - best)), (scores.argmax(axis=1) == y).astype(float)
    # Platt's targets keep the fit finite where every row is right
    goal = np.where(right > 0, (right.sum() + 1) / (right.sum() + 2), 1 / (len(y) - right.sum() + 2))

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        p = 1 / (1 + np.exp(-np.clip(theta[0] + theta[1] * odds, -35, 35)))
        entropy = -(goal * np.log(p) + (1 - goal) * np.log1p(-p)).mean()
        return float(entropy), np.array([(p - goal).mean(), ((p - goal) * odds).mean()])

    bounds = [(-30, 30), (0, 30)]
    found = optimize.minimize(loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(found[0]), float(found[1])


__all__ = ["BITS", "Fitted", "Machine", "Views", "fit", "folds", "sample", "threshold_of"]
