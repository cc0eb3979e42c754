"""One fitted estimator: ridge regression over views and figures, a forest over figures, blended and calibrated.

- The **linear part** is ridge regression on TF-IDF rows of the views and standardised figures. How much context and figures
  count and how strongly it is regularised is chosen by inner cross-validation; of few labels, whose cross-validation cannot
  tell the best choice from the next ones, several are averaged by how well they did.
- The **forest** sees figures alone: what depends on combinations (a question, not answered, near the end).
- The **blend** is the non-negative combination that predicts best what neither part has seen, drawn towards a usual one by
  as much as labels are few.
- The **calibration** turns the blended value into probabilities of the tiers (or classes) by logistic regression on
  out-of-fold values (Platt, 1999; one per cut, as in cumulative ordinal models).

Folds keep whatever belongs to one customer, or one conversation, on one side. Every random choice takes its seed from the
caller.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import linalg, optimize, sparse

from touchstone.learning.forest import Forest
from touchstone.learning.vectors import BITS

FOLDS = 5
SEARCH_FOLDS = 3
FEW_ROWS = 600
FEW_FOLDS, FEW_REPEATS = 5, 3
"""Up to `FEW_ROWS` rows the inner cross-validation has more folds and is repeated with other ones."""
SEARCH_ROWS = 1_800
"""Rows on which the inner cross-validation runs; more change the choice little and cost cubically."""
DUAL_ROWS = 2_500
"""Up to this many rows ridge is solved exactly in the dual; above, by conjugate gradients."""
ALPHAS = tuple(float(f"{10**power:.3g}") for power in np.arange(-1, 2.51, 0.5))
MIXES: tuple[tuple[float, float, float], ...] = (
    (1.0, 0.0, 0.0),
    (1.0, 0.0, 0.3),
    (1.0, 0.5, 0.3),
    (1.0, 0.5, 1.0),
    (1.0, 1.0, 0.3),
    (0.3, 1.0, 0.1),
    (0.3, 0.3, 1.0),
    (1.0, 0.0, 1.0),
    (1.0, 0.2, 0.6),
)
"""Weights of the judged text itself, of its context, and of the figures, in the inner product of the ridge."""
MOST_CHOICES = 5
TEMPERATURE = 0.6
"""In standard errors of a correlation: a choice that did worse by so much counts 1/e of the best one."""
TREES = 120
USUAL_FOREST, USUAL_ROWS = 0.2, 1_000
"""Share of the forest in the blend that is taken for usual, and the number of rows that this counts for."""
LEAST_FOREST = 0.05
"""Share below which the forest is left out: it would cost more than it gives."""
MAIN_VIEWS = frozenset(("own", "own_tools", "acts", "customer", "agent"))


@dataclass
class Picked:
    """Rows picked from a matrix without making them: a product costs one per distinct text instead of one per target."""

    selector: sparse.csr_matrix
    rows: sparse.csr_matrix

    def __matmul__(self, coefficients: np.ndarray) -> np.ndarray:
        return self.selector @ (self.rows @ coefficients)


@dataclass
class Blocks:
    """Design of the ridge: TF-IDF rows per view and kind, and figures.

    Rows are `Picked` where they are only predicted from.
    """

    rows: dict[tuple[str, str], Any]
    figures: np.ndarray

    def __len__(self) -> int:
        return len(self.figures)

    def take(self, at: np.ndarray) -> Blocks:
        return Blocks({key: matrix[at] for key, matrix in self.rows.items()}, self.figures[at])

    def shares(self, mix: tuple[float, float, float]) -> dict[tuple[str, str], float]:
        """Weight of each block under a mix."""
        filled = [key for key, matrix in self.rows.items() if matrix.nnz]
        main = [key for key in filled if key[0] in MAIN_VIEWS]
        context = [key for key in filled if key[0] not in MAIN_VIEWS]
        found = {key: mix[0] / len(main) for key in main}
        found |= {key: mix[1] / len(context) * 2 for key in context}
        return {key: share for key, share in found.items() if share > 0}

    def mixes(self) -> list[tuple[float, float, float]]:
        """Mixes that differ on these blocks: without context, how much it counts makes no difference."""
        found: dict[tuple[Any, ...], tuple[float, float, float]] = {}
        for mix in MIXES:
            shares = self.shares(mix)
            if shares:
                # a common factor changes alpha alone
                total = sum(shares.values())
                parts = tuple((key, round(share / total, 6)) for key, share in shares.items())
                found.setdefault((parts, round(mix[2] / total, 6)), mix)
        return list(found.values())


@dataclass
class Standard:
    """Mean and spread of the figures; a constant figure weighs nothing."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, figures: np.ndarray) -> Standard:
        spread = figures.std(axis=0, dtype=np.float64)
        scale = np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0)
        return cls(figures.mean(axis=0, dtype=np.float64).astype(np.float32), scale.astype(np.float32))

    def apply(self, figures: np.ndarray) -> np.ndarray:
        return np.clip((figures - self.mean) * self.scale, -5, 5)

    @property
    def width(self) -> int:
        return max(1, int(np.count_nonzero(self.scale)))


@dataclass(frozen=True)
class Choice:
    """One way to fit the linear part, and how much it counts among those that are averaged."""

    mix: tuple[float, float, float]
    alpha: float
    weight: float


@dataclass
class Linear:
    """Ridge coefficients by block, and of the figures.

    Attributes:
        choices: What was averaged.
        text: (view, kind) -> float32 of shape (2 ** BITS, outputs).
    """

    choices: tuple[Choice, ...]
    intercept: np.ndarray
    text: dict[tuple[str, str], np.ndarray]
    figures: np.ndarray
    standard: Standard

    def predict(self, blocks: Blocks) -> np.ndarray:
        found = np.tile(self.intercept, (len(blocks), 1))
        for key, coefficients in self.text.items():
            found += blocks.rows[key] @ coefficients
        if self.figures.any():
            found += self.standard.apply(blocks.figures) @ self.figures
        return found


def _kernel(blocks: Blocks, mix: tuple[float, float, float], parts: dict[Any, np.ndarray]) -> np.ndarray:
    total = mix[2] * parts["figures"]
    for key, share in blocks.shares(mix).items():
        total = total + share * parts[key]
    return total


def fit_linear(blocks: Blocks, y: np.ndarray, weights: np.ndarray, choices: Sequence[Choice]) -> Linear:
    """Ridge regression of (n, outputs) on the blocks with weights of rows: the weighted mean of the choices."""
    standard = Standard.of(blocks.figures)
    centre = np.average(y, axis=0, weights=weights)
    text: dict[tuple[str, str], np.ndarray] = {}
    figures = np.zeros((blocks.figures.shape[1], y.shape[1]))
    for one in choices:
        of_text, of_figures = _ridge(blocks, standard, y - centre, weights, one)
        for key, found in of_text.items():
            found *= np.float32(one.weight)
            text[key] = text[key] + found if key in text else found
        figures += one.weight * of_figures
    return Linear(tuple(choices), centre, text, figures.astype(np.float32), standard)


def _ridge(
    blocks: Blocks, standard: Standard, y: np.ndarray, weights: np.ndarray, choice: Choice
) -> tuple[dict[tuple[str, str], np.ndarray], np.ndarray]:
    """Coefficients of the texts and of the figures for centred targets."""
    mix, alpha = choice.mix, choice.alpha
    shares = blocks.shares(mix)
    columns = {key: np.unique(blocks.rows[key].indices) for key in shares}
    parts = [blocks.rows[key][:, columns[key]] * np.float32(np.sqrt(share)) for key, share in shares.items()]
    scale = np.float32(np.sqrt(mix[2] / standard.width))
    if scale > 0:
        parts.append(sparse.csr_matrix(standard.apply(blocks.figures) * scale))
    design = sparse.hstack(parts, format="csr")
    root = np.sqrt(weights)
    residual = y * root[:, None]
    scaled = sparse.diags(root.astype(np.float32)) @ design
    if len(y) <= DUAL_ROWS:
        kernel = np.asarray((scaled @ scaled.T).todense(), dtype=np.float64)
        kernel[np.diag_indices_from(kernel)] += alpha
        coefficients = scaled.T @ linalg.solve(kernel, residual, assume_a="pos")
    else:
        coefficients = np.stack([_conjugate(scaled, residual[:, at], alpha) for at in range(y.shape[1])], 1)
    text, offset = {}, 0
    for key, share in shares.items():
        found = np.zeros((1 << BITS, y.shape[1]), dtype=np.float32)
        width = len(columns[key])
        found[columns[key]] = coefficients[offset : offset + width] * np.sqrt(share)
        text[key] = found
        offset += width
    figures = coefficients[offset:] * scale if scale > 0 else np.zeros((blocks.figures.shape[1], y.shape[1]))
    return text, figures


def _conjugate(design: sparse.csr_matrix, y: np.ndarray, alpha: float) -> np.ndarray:
    """Ridge by conjugate gradients on the normal equations."""
    transposed = design.T.tocsr()
    operator = sparse.linalg.LinearOperator(
        (design.shape[1],) * 2, matvec=lambda vector: transposed @ (design @ vector) + alpha * vector, dtype=np.float64
    )
    found, status = sparse.linalg.cg(operator, transposed @ y, rtol=1e-3, maxiter=200)
    if status > 0:
        warnings.warn("ridge stopped before it converged", RuntimeWarning, stacklevel=2)
    return found


def folds_of(groups: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Fold of each row: groups of rows stay together, and folds are of about equal size.

    Groups are dealt largest first to the smallest fold; the seed decides among equals.
    """
    names, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    generator = np.random.default_rng(seed)
    order = np.lexsort((generator.permutation(len(names)), -sizes))
    # many small groups: deal them in turns, which the seed has shuffled
    load = np.zeros(count, dtype=np.int64)
    fold = np.empty(len(names), dtype=np.int64)
    for group in order:
        fold[group] = int(np.argmin(load))
        load[fold[group]] += sizes[group]
    return fold[index]


def _splits(fold: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for number in np.unique(fold):
        test = np.flatnonzero(fold == number)
        train = np.flatnonzero(fold != number)
        if len(train):
            yield train, test


def search(
    blocks: Blocks, y: np.ndarray, weights: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[list[Choice], list[dict[str, Any]]]:
    """Ways to fit the linear part by their cross-validated correlation.

    The best alpha of each mix is a candidate. A correlation is known to about 1 / sqrt(n): candidates count by
    exp(-(best - own) * sqrt(n) / `TEMPERATURE`), on predictions of equal spread. Above `DUAL_ROWS` rows the best one is taken
    alone.

    Returns:
        (choices, tried); `tried` holds one entry per mix and alpha with its correlation, best first.
    """
    count = len(y)
    chosen = _sample(groups, SEARCH_ROWS, seed)
    few, y, weights, groups = blocks.take(chosen), y[chosen], weights[chosen], groups[chosen]
    figures = Standard.of(few.figures)
    scaled = figures.apply(few.figures).astype(np.float64)
    parts: dict[Any, np.ndarray] = {"figures": scaled @ scaled.T / figures.width}
    for key, matrix in few.rows.items():
        if matrix.nnz:
            parts[key] = np.asarray((matrix @ matrix.T).todense(), dtype=np.float64)
    most, repeats = (FEW_FOLDS, FEW_REPEATS) if len(y) <= FEW_ROWS else (SEARCH_FOLDS, 1)
    folds = [folds_of(groups, min(most, len(np.unique(groups))), seed + 1 + repeat) for repeat in range(repeats)]
    tried: list[dict[str, Any]] = []
    spreads: dict[tuple[Any, float], float] = {}
    for mix in few.mixes():
        kernel = _kernel(few, mix, parts)
        scores, spread = [], []
        for fold in folds:
            predicted = _held_out(kernel, y, weights, fold)
            scores.append([_correlation(one, y, weights) for one in predicted])
            spread.append(predicted.std(axis=1).mean(axis=1))
        for at, alpha in enumerate(ALPHAS):
            tried.append({"mix": mix, "alpha": alpha, "correlation": float(np.mean(scores, axis=0)[at])})
            spreads[mix, alpha] = float(np.mean(spread, axis=0)[at])
    tried.sort(key=lambda one: -one["correlation"])
    best: dict[Any, dict[str, Any]] = {}
    for one in tried:
        best.setdefault(one["mix"], one)
    kept = list(best.values())[: MOST_CHOICES if count <= DUAL_ROWS else 1]
    distance = np.array([tried[0]["correlation"] - one["correlation"] for one in kept])
    counted = np.exp(-distance * np.sqrt(count) / TEMPERATURE)
    counted /= np.array([max(spreads[one["mix"], one["alpha"]], 1e-9) for one in kept])
    counted /= counted.sum()
    choices = [
        Choice(tuple(one["mix"]), one["alpha"], float(weight)) for one, weight in zip(kept, counted, strict=True)
    ]
    return choices, tried


def _held_out(kernel: np.ndarray, y: np.ndarray, weights: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Out-of-fold values of kernel ridge for each of `ALPHAS`, (alphas, n, outputs)."""
    predicted = np.zeros((len(ALPHAS), *y.shape))
    for train, test in _splits(fold):
        root = np.sqrt(weights[train])
        centre = np.average(y[train], axis=0, weights=weights[train])
        values, vectors = linalg.eigh(kernel[np.ix_(train, train)] * np.outer(root, root))
        turned = vectors.T @ ((y[train] - centre) * root[:, None])
        across = (kernel[np.ix_(test, train)] * root) @ vectors
        for at, alpha in enumerate(ALPHAS):
            predicted[at, test] = across @ (turned / (np.maximum(values, 0) + alpha)[:, None]) + centre
    return predicted


def _correlation(predicted: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Mean over the outputs."""
    return float(np.mean([correlation(predicted[:, one], y[:, one], weights) for one in range(y.shape[1])]))


def _sample(groups: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most `most` rows, whole groups where they are small."""
    if len(groups) <= most:
        return np.arange(len(groups))
    generator = np.random.default_rng(seed)
    names, index = np.unique(groups, return_inverse=True)
    rank = generator.permutation(len(names))[index] + generator.random(len(groups)) * 0.5
    largest = np.bincount(index).max()
    order = np.argsort(rank if largest <= most // 10 else generator.random(len(groups)), kind="stable")
    return np.sort(order[:most])


def correlation(first: np.ndarray, second: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Pearson's correlation; 0 where one of the two is constant."""
    weights = np.ones(len(first)) if weights is None else weights
    one = first - np.average(first, weights=weights)
    two = second - np.average(second, weights=weights)
    scale = np.sqrt(np.sum(weights * one**2) * np.sum(weights * two**2))
    return float(np.sum(weights * one * two) / scale) if scale > 1e-12 else 0.0


@dataclass
class Estimator:
    """A fitted estimator.

    Attributes:
        blend: Weight of the linear part and of the forest for each output, (outputs, 2).
        centre: Mean of the targets, (outputs,).
        tried: What the inner cross-validation compared.
    """

    linear: Linear
    forest: Forest | None
    blend: np.ndarray
    centre: np.ndarray
    names: list[str]
    tried: list[dict[str, Any]] = field(default_factory=list)

    def prune(self) -> None:
        """Drop a part that the blend does not use."""
        if not self.blend[:, 1].any():
            self.forest = None

    def predict(self, blocks: Blocks) -> np.ndarray:
        """Uncalibrated values, (n, outputs)."""
        found = self.centre + self.blend[:, 0] * (self.linear.predict(blocks) - self.centre)
        if self.forest is not None:
            found = found + self.blend[:, 1] * (self.forest.predict(blocks.figures) - self.centre)
        return found


def leaf_size(count: int) -> int:
    """Fewest rows of a leaf: 3 of few labels, up to 20 of many."""
    return int(np.clip(count // 300, 3, 20))


def _parts(
    blocks: Blocks, y: np.ndarray, weights: np.ndarray, choices: Sequence[Choice], seed: int
) -> tuple[Linear, Forest]:
    linear = fit_linear(blocks, y, weights, choices)
    forest = Forest.fit(blocks.figures, y, weights, trees=TREES, leaf=leaf_size(len(y)), seed=seed)
    return linear, forest


@dataclass
class Fitted:
    """An estimator, and what its parts say about rows that they have not seen.

    Attributes:
        out_of_fold: (n, outputs), blended.
        fold: Fold of each row.
    """

    estimator: Estimator
    out_of_fold: np.ndarray
    fold: np.ndarray


def fit(blocks: Blocks, names: list[str], y: np.ndarray, weights: np.ndarray, groups: np.ndarray, seed: int) -> Fitted:
    """Choose, fit and blend.

    Args:
        blocks: Design of n rows.
        y: (n, outputs) within 0 to 1.
        weights: (n,), mean about 1.
        groups: (n,), what must stay on one side of a split; at least two distinct.
    """
    choices, tried = search(blocks, y, weights, groups, seed)
    fold = folds_of(groups, min(FOLDS, len(np.unique(groups))), seed)
    predicted = np.zeros((2, *y.shape))
    for train, test in _splits(fold):
        linear, forest = _parts(blocks.take(train), y[train], weights[train], choices, seed)
        held = blocks.take(test)
        predicted[0, test], predicted[1, test] = linear.predict(held), forest.predict(held.figures)
    centre = np.average(y, axis=0, weights=weights)
    blend = np.stack(
        [_blend(predicted[:, :, at].T - centre[at], y[:, at] - centre[at], weights) for at in range(y.shape[1])]
    )
    linear, forest = _parts(blocks, y, weights, choices, seed)
    estimator = Estimator(linear, forest, blend, centre, names, tried[:12])
    held_out = centre + blend[:, 0] * (predicted[0] - centre) + blend[:, 1] * (predicted[1] - centre)
    return Fitted(estimator, held_out, fold)


def _blend(parts: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights of the linear part and of the forest.

    Their shares, on parts of equal spread, are those of non-negative least squares drawn towards `USUAL_FOREST`; the level is
    that of least squares.

    Args:
        parts: (n, 2) centred values that are out of fold.
        y: (n,) centred.
    """
    root = np.sqrt(weights)
    spread = parts.std(axis=0)
    if spread.min() < 1e-9:
        return optimize.nnls(parts * root[:, None], y * root)[0]
    alike = parts / spread
    free = optimize.nnls(alike * root[:, None], y * root)[0]
    if not free.any():
        return free
    share = (len(y) * free[1] / free.sum() + USUAL_ROWS * USUAL_FOREST) / (len(y) + USUAL_ROWS)
    shares = np.array([1 - share, share]) if share >= LEAST_FOREST else np.array([1.0, 0.0])
    together = alike @ shares
    level = np.sum(weights * together * y) / np.sum(weights * together**2)
    return np.maximum(level, 0) * shares / spread


def refit_out_of_fold(
    estimator: Estimator,
    blocks: Blocks,
    y: np.ndarray,
    weights: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    seed: int,
) -> np.ndarray:
    """What the same recipe says about `test` when it is fitted on `train` alone."""
    linear, forest = _parts(blocks.take(train), y[train], weights[train], estimator.linear.choices, seed)
    centre = np.average(y[train], axis=0, weights=weights[train])
    return Estimator(linear, forest, estimator.blend, centre, estimator.names).predict(blocks.take(test))


__all__ = ["Blocks", "Estimator", "Fitted", "fit", "refit_out_of_fold"]
