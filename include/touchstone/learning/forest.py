"""A forest of regression trees as plain arrays: fitted by scikit-learn, kept and applied without it.

Arrays of numbers can be stored and read without running anything that a file brings along, which a pickled estimator cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_DEPTH = 12


@dataclass
class Forest:
    """Trees one after the other; the two children of a node are neighbours.

    Attributes:
        roots: First node of each tree.
        feature: Column that a node asks; -1 at a leaf.
        threshold: A value up to it goes to `child`, a higher one to `child + 1`.
        child: Left child; a leaf is its own.
        value: float32 of shape (nodes, outputs): the mean of the training targets at a leaf.
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    child: np.ndarray
    value: np.ndarray

    @classmethod
    def fit(
        cls, figures: np.ndarray, y: np.ndarray, weights: np.ndarray, *, trees: int, leaf: int, seed: int
    ) -> Forest:
        """Extremely randomised trees (Geurts, Ernst and Wehenkel, 2006).

        Args:
            figures: (n, columns). y: (n, outputs). weights: (n,).
            leaf: Fewest rows of a leaf.
        """
        from sklearn.ensemble import ExtraTreesRegressor

        grown = ExtraTreesRegressor(
            trees, min_samples_leaf=leaf, max_depth=MAX_DEPTH, max_features=0.3, random_state=seed
        ).fit(figures, y if y.shape[1] > 1 else y[:, 0], sample_weight=weights)
        parts: list[tuple[np.ndarray, ...]] = []
        roots, offset = [], 0
        for one in grown.estimators_:
            parts.append(_renumbered(one.tree_, offset))
            roots.append(offset)
            offset += len(parts[-1][0])
        feature, threshold, child, value = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(np.array(roots, dtype=np.int32), feature, threshold, child, value)

    def predict(self, figures: np.ndarray) -> np.ndarray:
        """Mean over the trees, (n, outputs)."""
        count, width = figures.shape
        flat = np.ascontiguousarray(figures, dtype=np.float32).ravel()
        base = np.arange(count, dtype=np.int64) * width
        total = np.zeros((count, self.value.shape[1]), dtype=np.float64)
        feature = np.maximum(self.feature, 0).astype(np.int64)
        ends = np.append(self.roots[1:], len(self.feature))
        for root, end in zip(self.roots, ends, strict=True):
            # a tree of its own: its few thousand nodes stay in the processor's cache
            asked, threshold = feature[root:end], self.threshold[root:end]
            child, is_leaf = self.child[root:end] - root, self.feature[root:end] < 0
            node = np.zeros(count, dtype=np.int64)
            for _ in range(MAX_DEPTH):
                step = child[node] + (flat[base + asked[node]] > threshold[node])
                node = np.where(is_leaf[node], node, step)
            total += self.value[root:end][node]
        return total / len(self.roots)

    def arrays(self) -> dict[str, np.ndarray]:
        return dict(vars(self))


def _renumbered(tree: object, offset: int) -> tuple[np.ndarray, ...]:
    """Arrays of one tree with siblings side by side."""
    left, right = tree.children_left, tree.children_right  # type: ignore[attr-defined]
    order = [0]
    at = 0
    while at < len(order):
        node = order[at]
        if left[node] >= 0:
            order += [left[node], right[node]]
        at += 1
    order_of = np.array(order)
    place = np.empty(len(order), dtype=np.int64)
    place[order_of] = np.arange(len(order))
    is_leaf = left[order_of] < 0
    child = np.where(is_leaf, np.arange(len(order)), place[np.maximum(left[order_of], 0)]) + offset
    value = tree.value[order_of, :, 0]  # type: ignore[attr-defined]
    # a value is compared as float32: the threshold is rounded down so that the same values stay below it
    exact = tree.threshold[order_of]  # type: ignore[attr-defined]
    threshold = exact.astype(np.float32)
    threshold = np.where(threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    return (
        np.where(is_leaf, -1, tree.feature[order_of]).astype(np.int16),  # type: ignore[attr-defined]
        threshold.astype(np.float32),
        child.astype(np.int32),
        value.astype(np.float32),
    )
