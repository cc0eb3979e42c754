"""Questions without labels, grouped: how many groups there are follows from the questions.

Sentence vectors are centred, and each is drawn twice half-way towards its ten nearest neighbours: what is said in passing
differs from neighbour to neighbour and cancels out, what they are about stays. Ward's linkage (1963) then builds a tree. It is
cut at the largest number of groups k whose last merge still costs at least `MERGE_COST` per question of an average group:

    height(k)^2 * k / n >= MERGE_COST

Ward's squared height is the rise of the within-group variance, twice; times k / n it no longer depends on how many questions
there are. Later questions are compared with the frozen centres of the groups, so that their cost follows their own number:
one is taken in by the nearest group unless it lies further out than `OUTSIDE` of that group's own questions do; those that
no group takes wait, and become a new group once at least `LEAST_NEW` of them belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GROUPS_VERSION = "1"
MERGE_COST = 0.35
NEIGHBOURS = 10
ROUNDS = 2
MOST_AT_ONCE = 6_000
"""Questions that are grouped together, as Ward's linkage costs their square; of more, a sample is, and the rest joins it."""
LEAST_NEW = 3
OUTSIDE = 0.05
USUAL = 20
"""Questions that a group needs for its own spread to count as much as the usual one."""
_BLOCK = 1_000


@dataclass
class Groups:
    """Groups of questions as later questions meet them.

    Attributes:
        centre: (width,), mean of all vectors of the first grouping; subtracted from every vector.
        means: (groups, width), unit means of the groups' centred vectors.
        floors: (groups,), least cosine with the mean at which a question belongs to the group.
        sizes: (groups,), questions ever taken in.
        usual: Floor of usual groups, where that is known before there is any.
    """

    centre: np.ndarray
    means: np.ndarray
    floors: np.ndarray
    sizes: np.ndarray
    usual: float | None = None


def units(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-9)


def drawn_together(vectors: np.ndarray, neighbours: int = NEIGHBOURS, rounds: int = ROUNDS) -> np.ndarray:
    """Unit vectors, each moved half-way towards the mean of its nearest neighbours, which count by their cosine cubed."""
    neighbours = min(neighbours, len(vectors) - 1)
    if neighbours < 1:
        return vectors
    for _ in range(rounds):
        moved = np.zeros_like(vectors)
        for first in range(0, len(vectors), _BLOCK):
            cosines = vectors[first : first + _BLOCK] @ vectors.T
            cosines[np.arange(len(cosines)), first + np.arange(len(cosines))] = -1
            nearest = np.argpartition(-cosines, neighbours - 1, axis=1)[:, :neighbours]
            shares = np.maximum(np.take_along_axis(cosines, nearest, 1), 0) ** 3
            moved[first : first + _BLOCK] = np.einsum("ij,ijk->ik", shares, vectors[nearest], optimize=True)
        vectors = units(vectors + units(moved))
    return vectors


def cut(heights: np.ndarray, count: int) -> int:
    """Number of groups of `count` questions.

    Args:
        heights: Of the merges of a Ward tree, ascending, (count - 1,).
    """
    groups = np.arange(count, 1, -1)  # before the merge of the same place
    costs = heights**2 * groups / count
    worth = np.flatnonzero(costs >= MERGE_COST)
    return int(groups[worth].max()) if len(worth) else 1


def tree_groups(vectors: np.ndarray) -> np.ndarray:
    """Number of the group of each unit vector, 0 to k - 1; groups are numbered by their first question."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(vectors) < 2:
        return np.zeros(len(vectors), dtype=np.int64)
    # few questions have few neighbours that mean the same
    neighbours = min(NEIGHBOURS, max(1, len(vectors) // 10))
    tree = linkage(drawn_together(vectors, neighbours).astype(np.float64), "ward")
    found = fcluster(tree, cut(tree[:, 2], len(vectors)), "maxclust")
    return _in_order(found)


def _in_order(groups: np.ndarray) -> np.ndarray:
    names, first, found = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(names))
    return rank[found]


def first_groups(vectors: np.ndarray, seed: int) -> tuple[Groups, np.ndarray]:
    """Group questions that have no groups yet.

    Args:
        vectors: Unit vectors, (n, width), n at least 1.
        seed: Of the sample, where there are more than `MOST_AT_ONCE`.

    Returns:
        The groups, and the number of each question's group.
    """
    sampled = np.arange(len(vectors))
    if len(vectors) > MOST_AT_ONCE:
        sampled = np.sort(np.random.default_rng(seed).permutation(len(vectors))[:MOST_AT_ONCE])
    centre = vectors[sampled].mean(axis=0)
    centred = units(vectors - centre)
    found = np.full(len(vectors), -1, dtype=np.int64)
    found[sampled] = tree_groups(centred[sampled])
    groups = _described(centre, centred[sampled], found[sampled])
    others = np.flatnonzero(found < 0)
    if len(others):
        # the sample has met every group of any size: what lies outside of all is in the nearest one, a little outside
        found[others] = (centred[others] @ groups.means.T).argmax(axis=1)
        groups = _described(centre, centred, found)
    return groups, found


def _described(centre: np.ndarray, centred: np.ndarray, found: np.ndarray) -> Groups:
    return _counted(centre, centred, found, int(found.max()) + 1)


def _counted(centre: np.ndarray, centred: np.ndarray, found: np.ndarray, count: int) -> Groups:
    sums = np.zeros((count, centred.shape[1]), dtype=np.float64)
    np.add.at(sums, found, centred)
    means = units(sums).astype(np.float32)
    cosines = np.einsum("ij,ij->i", centred, means[found])
    sizes = np.bincount(found, minlength=count)
    shared = sizes[found] > 1
    usual = float(np.quantile(cosines[shared], OUTSIDE)) if shared.any() else 0.5
    floors = np.full(count, usual)
    for number in np.flatnonzero(sizes > 1):
        own = float(np.quantile(cosines[found == number], OUTSIDE))
        floors[number] = (sizes[number] * own + USUAL * usual) / (sizes[number] + USUAL)
    return Groups(centre.astype(np.float32), means, floors, sizes)


def usual_floor(centre: np.ndarray, vectors: np.ndarray, found: np.ndarray) -> float:
    """Middle floor of groups that are known."""
    return float(np.median(_described(centre, units(vectors - centre), found).floors))


def measured(groups: Groups, count: int, found: np.ndarray, vectors: np.ndarray) -> Groups:
    """Groups whose members are known, described anew.

    Args:
        groups: Whose centre holds; its own groups do not count.
        count: Of the groups; one without a member takes nothing in.
        found: Group of each vector.
    """
    if not len(found):
        width = len(groups.centre)
        return Groups(
            groups.centre, np.zeros((count, width), np.float32), np.ones(count), np.zeros(count, int), groups.usual
        )
    fresh = _counted(groups.centre, units(vectors - groups.centre), found, count)
    fresh.usual = groups.usual
    return fresh


def join(groups: Groups, vectors: np.ndarray) -> np.ndarray:
    """The group that takes in each unit vector, or -1; the groups' sizes grow."""
    found = np.full(len(vectors), -1, dtype=np.int64)
    if not len(groups.means):
        return found
    for first in range(0, len(vectors), _BLOCK):
        cosines = units(vectors[first : first + _BLOCK] - groups.centre) @ groups.means.T
        best = cosines.argmax(axis=1)
        taken = cosines[np.arange(len(best)), best] >= groups.floors[best]
        found[first : first + _BLOCK] = np.where(taken, best, -1)
    np.add.at(groups.sizes, found[found >= 0], 1)
    return found


def new_groups(groups: Groups, vectors: np.ndarray) -> tuple[Groups, np.ndarray]:
    """Groups among questions that no group takes in.

    Returns:
        All groups, old ones first and unchanged, and the number of each question's group, or -1 where it keeps waiting.
    """
    found = np.full(len(vectors), -1, dtype=np.int64)
    if len(vectors) < LEAST_NEW:
        return groups, found
    centred = units(vectors - groups.centre)
    number = tree_groups(centred)
    large = np.flatnonzero(np.bincount(number) >= LEAST_NEW)
    if not len(large):
        return groups, found
    kept = np.isin(number, large)
    found[kept] = np.searchsorted(large, number[kept])
    fresh = _described(groups.centre, centred[kept], found[kept])
    # a small group's own spread is not known: the usual one of the old groups holds for it
    usual = np.median(groups.floors) if len(groups.floors) else groups.usual
    if usual is not None:
        fresh.floors = np.minimum(fresh.floors, usual)
    together = Groups(
        groups.centre,
        np.vstack([groups.means, fresh.means]),
        np.concatenate([groups.floors, fresh.floors]),
        np.concatenate([groups.sizes, fresh.sizes]),
        groups.usual,
    )
    found[kept] += len(groups.means)
    return together, found


def carried_over(old: Sequence[int], new: Sequence[int]) -> dict[int, int]:
    """Which new group goes on an old one: the pairs that share most questions, each group once.

    Args:
        old, new: Group of each question that stands in both groupings.

    Returns:
        New number -> old number, where they share more than half of the questions of either.
    """
    if not len(old):
        return {}
    before, after = np.asarray(old), np.asarray(new)
    pairs, shared = np.unique(np.stack([before, after], 1), axis=0, return_counts=True)
    size_before, size_after = np.bincount(before), np.bincount(after)
    found: dict[int, int] = {}
    taken: set[int] = set()
    for at in np.lexsort((pairs[:, 1], pairs[:, 0], -shared)):
        one, other = int(pairs[at, 0]), int(pairs[at, 1])
        if one not in taken and other not in found and 2 * shared[at] > min(size_before[one], size_after[other]):
            found[other] = one
            taken.add(one)
    return found
