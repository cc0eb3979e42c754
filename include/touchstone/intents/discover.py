"""Groups of a file of questions, and of those that come later: the command `touchstone intents discover`.

Beside its output a run keeps a folder `<output>.groups` with the centres of the groups, their ids and names, and the vectors of
questions that wait for company: all that the next run reads of the past, so that its cost follows the new questions. It holds
numbers and redacted terms, no text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from touchstone.arrayfolders import ArrayFolder
from touchstone.errors import ConfigurationError, SourceError, TouchstoneError
from touchstone.exports import stored_value
from touchstone.intents import groups as grouping
from touchstone.intents.files import Question, Questions
from touchstone.intents.groups import Groups
from touchstone.intents.names import MOST_READ, name_of, terms_of
from touchstone.intents.vectors import TRANSFORMER, VECTORS_VERSION, embed
from touchstone.learning.reviews import records

_FILES = ArrayFolder(
    what="the groups",
    document="groups.json",
    versions={"format": 1, "groups_version": grouping.GROUPS_VERSION, "vectors_version": VECTORS_VERSION},
    other_version="the groups were made by another version",
    make_again="Group all questions anew.",
    copy_again="Copy the folder whole.",
)
SEED = 7
MOST_WAITING = 5_000
"""Questions that are kept waiting for a group; the oldest leave first."""
COLUMNS = ("id", "line", "file", "cluster_id", "cluster_name", "similarity", "is_new_cluster")


@dataclass
class State:
    """What later runs read.

    Attributes:
        ids, names: Of the groups, in the order of `groups`.
        waiting: (file, id, terms) of questions that no group takes, oldest first; `vectors` are theirs.
        counts: By redacted term, how many questions used it; only terms that several used.
        questions: How many questions were read.
    """

    groups: Groups
    ids: list[str]
    names: list[str]
    kind: str
    waiting: list[tuple[str, str, list[str]]]
    vectors: np.ndarray
    counts: dict[str, int]
    questions: int
    next_id: int


@dataclass
class Discovery:
    """Outcome of a run.

    Attributes:
        columns: `COLUMNS`, one row per question of the file, and per earlier one that has found a group now; cluster_id and
            cluster_name are null where a question waits.
        new: Numbers of the groups that this run made.
    """

    state: State
    columns: dict[str, list[Any]]
    new: list[int]


def discover(
    questions: Questions,
    file: str,
    *,
    previous: State | None = None,
    vectors: str = TRANSFORMER,
    seed: int = SEED,
    progress: Callable[[str], None] | None = None,
) -> Discovery:
    """Group questions; with `previous`, only those of this file are compared, and old groups stay as they are.

    Raises:
        TouchstoneError: There is no question.
        ConfigurationError: The previous run used other vectors.
    """
    rows = questions.rows
    if not rows:
        raise TouchstoneError("no question can be grouped", file, "Give at least one row with a text.")
    if previous is not None and previous.kind != vectors:
        raise ConfigurationError(
            "the earlier groups have other vectors", previous.kind, f"Use --vectors {previous.kind}."
        )
    tell = progress or (lambda text: None)
    tell(f"reading {len(rows):,} questions")
    found = embed([row.text for row in rows], vectors, lambda count: tell(f"{count:,} questions read"))
    return _first(rows, found, file, vectors, seed) if previous is None else continued(rows, found, file, previous)


def clusters_of(earlier: Path) -> dict[str, str]:
    """Cluster of each question of an earlier output, by the question's id; without those that waited.

    Raises:
        SourceError: The file is absent, or no output of `discover`.
    """
    if not earlier.is_file():
        raise SourceError("there is no such file", str(earlier), "Give an output of `touchstone intents discover`.")
    found = {}
    for _, record in records(earlier, ("id", "cluster_id")):
        if isinstance(record, dict) and record.get("cluster_id"):
            found[stored_value(str(record["id"]))] = str(record["cluster_id"])
    return found


def regrouped(
    questions: Questions,
    file: str,
    previous: State,
    had: Mapping[str, str],
    *,
    seed: int = SEED,
    progress: Callable[[str], None] | None = None,
) -> Discovery:
    """Group all questions anew; groups that share most questions with an earlier one keep its id and name.

    Args:
        questions: All questions, old and new.
        had: Earlier cluster by the id of the question, from `clusters_of`.
    """
    fresh = discover(questions, file, vectors=previous.kind, seed=seed, progress=progress)
    number = {identity: at for at, identity in enumerate(previous.ids)}
    place = {identity: at for at, identity in enumerate(fresh.state.ids)}
    shared = [
        (number[had[one]], place[cluster])
        for one, cluster in zip(fresh.columns["id"], fresh.columns["cluster_id"], strict=True)
        if had.get(one) in number
    ]
    kept = grouping.carried_over([one for one, _ in shared], [one for _, one in shared])
    ids, names, following = [], [], previous.next_id
    for at, name in enumerate(fresh.state.names):
        if at in kept:
            ids.append(previous.ids[kept[at]])
            names.append(previous.names[kept[at]])
        else:
            ids.append(_identity(following))
            names.append(name if name != _unnamed(fresh.state.ids[at]) else _unnamed(_identity(following)))
            following += 1
    state = fresh.state
    fresh.columns["cluster_name"] = [names[place[one]] for one in fresh.columns["cluster_id"]]
    fresh.columns["is_new_cluster"] = [place[one] not in kept for one in fresh.columns["cluster_id"]]
    fresh.columns["cluster_id"] = [ids[place[one]] for one in fresh.columns["cluster_id"]]
    state.ids, state.names, state.next_id = ids, names, following
    fresh.new = [at for at in range(len(ids)) if at not in kept]
    return fresh


def _identity(number: int) -> str:
    return f"c{number:05d}"


def _unnamed(identity: str) -> str:
    return f"unnamed {identity}"


def _first(rows: Sequence[Question], vectors: np.ndarray, file: str, kind: str, seed: int) -> Discovery:
    held, found = grouping.first_groups(vectors, seed)
    count = len(held.means)
    ids = [_identity(number) for number in range(1, count + 1)]
    cosines = np.einsum("ij,ij->i", grouping.units(vectors - held.centre), held.means[found])
    read = _typical(found, cosines, range(count))
    terms = {at: terms_of(rows[at].text) for members in read.values() for at in members}
    counts = Counter(term for one in terms.values() for term in one)
    names: list[str] = []
    for number in range(count):
        own = [terms[at] for at in read[number]]
        names.append(name_of(own, counts, len(terms), names) or _unnamed(ids[number]))
    state = State(
        groups=held,
        ids=ids,
        names=names,
        kind=kind,
        waiting=[],
        vectors=np.zeros((0, vectors.shape[1]), dtype=np.float32),
        counts=_shared(counts),
        questions=len(terms),
        next_id=count + 1,
    )
    return Discovery(state, _columns(rows, file, found, cosines, state, range(count)), list(range(count)))


def _shared(counts: Counter[str]) -> dict[str, int]:
    """Terms that at least three questions use, so that what one customer said is not kept."""
    return {term: count for term, count in sorted(counts.items()) if count >= 3}


def _typical(found: np.ndarray, cosines: np.ndarray, numbers: Sequence[int]) -> dict[int, list[int]]:
    """By group, its most typical questions."""
    order = np.lexsort((-cosines, found))
    starts = np.searchsorted(found[order], np.arange(int(found.max(initial=-1)) + 2))
    return {number: order[starts[number] : starts[number + 1]][:MOST_READ].tolist() for number in numbers}


def begun(kind: str, centre: np.ndarray, usual: float) -> State:
    """The state before the first question, where usual questions are known beforehand: their mean, and the floor of their groups."""
    width = len(centre)
    none = Groups(
        centre.astype(np.float32), np.zeros((0, width), dtype=np.float32), np.zeros(0), np.zeros(0, np.int64), usual
    )
    return State(none, [], [], kind, [], np.zeros((0, width), dtype=np.float32), {}, 0, 1)


def continued(
    rows: Sequence[Question], vectors: np.ndarray, file: str, state: State, most_waiting: int = MOST_WAITING
) -> Discovery:
    """What comes later: old groups stay as they are, and what none of them takes makes new ones, or waits.

    Args:
        vectors: Of the rows, of the state's kind.
        most_waiting: Questions that are kept waiting.
    """
    old = len(state.ids)
    found = grouping.join(state.groups, vectors)
    outside = np.flatnonzero(found < 0)
    terms = {int(at): terms_of(rows[at].text) for at in outside}
    counts = Counter(state.counts)
    counts.update(Counter(term for one in terms.values() for term in one))
    # those that have waited stand before those of this file
    waited = len(state.waiting)
    pool = np.vstack([state.vectors, vectors[outside]])
    own_terms = [frozenset(one[2]) for one in state.waiting] + [terms[int(at)] for at in outside]
    held, number = grouping.new_groups(state.groups, pool)
    fresh = list(range(old, len(held.means)))
    ids = [*state.ids, *(_identity(state.next_id + at) for at in range(len(fresh)))]
    names = list(state.names)
    for at in fresh:
        own = [own_terms[one] for one in np.flatnonzero(number == at)[:MOST_READ]]
        names.append(name_of(own, counts, state.questions + len(terms), names) or _unnamed(ids[at]))
    found[outside] = number[waited:]
    cosines = np.full(len(rows), np.nan)
    taken = np.flatnonzero(found >= 0)
    cosines[taken] = np.einsum("ij,ij->i", grouping.units(vectors[taken] - held.centre), held.means[found[taken]])
    keep = np.flatnonzero(number < 0)[-most_waiting:]
    entries = [*state.waiting, *((file, rows[at].id, sorted(terms[int(at)])) for at in outside)]
    after = State(
        groups=held,
        ids=ids,
        names=names,
        kind=state.kind,
        waiting=[entries[at] for at in keep],
        vectors=pool[keep],
        counts=_shared(counts),
        questions=state.questions + len(terms),
        next_id=state.next_id + len(fresh),
    )
    columns = _columns(rows, file, found, cosines, after, fresh)
    for at in np.flatnonzero(number[:waited] >= 0):
        name, identity, _ = state.waiting[at]
        group = int(number[at])
        cosine = float(grouping.units(pool[at : at + 1] - held.centre)[0] @ held.means[group])
        for column, value in zip(
            COLUMNS, (identity, None, name, ids[group], names[group], round(cosine, 6), True), strict=True
        ):
            columns[column].append(value)
    return Discovery(after, columns, fresh)


def _columns(
    rows: Sequence[Question], file: str, found: np.ndarray, cosines: np.ndarray, state: State, new: Sequence[int]
) -> dict[str, list[Any]]:
    fresh = frozenset(new)
    group = [None if number < 0 else int(number) for number in found]
    return {
        "id": [row.id for row in rows],
        "line": [row.line for row in rows],
        "file": [file] * len(rows),
        "cluster_id": [None if one is None else state.ids[one] for one in group],
        "cluster_name": [None if one is None else state.names[one] for one in group],
        "similarity": [
            None if one is None else round(float(cosine), 6) for one, cosine in zip(group, cosines, strict=True)
        ],
        "is_new_cluster": [one in fresh for one in group],
    }


# --- state


def state_folder(out: str | Path) -> Path:
    """Where the state of an output lies."""
    out = Path(out)
    return out.with_name(f"{out.name}.groups")


def save_state(state: State, out: str | Path) -> Path:
    """Write the state beside an output, whole or not at all."""
    held = state.groups
    arrays = {
        "centre": held.centre,
        "means": held.means,
        "floors": held.floors,
        "sizes": held.sizes,
        "waiting": state.vectors,
    }
    document = {
        "kind": state.kind,
        "ids": state.ids,
        "names": state.names,
        "waiting": state.waiting,
        "counts": state.counts,
        "questions": state.questions,
        "next_id": state.next_id,
    }
    return _FILES.save(state_folder(out), document, arrays)


def load_state(out: str | Path) -> State:
    """The state beside an earlier output.

    Raises:
        SourceError: There is none.
        ConfigurationError: It was changed, cut, or made by another version.
    """
    folder = state_folder(out)
    if not _FILES.is_at(folder):
        raise SourceError(
            "the earlier groups are not beside their file", str(folder), "Keep FILE.groups together with FILE."
        )
    with _FILES.opened(folder) as (document, arrays):
        return State(
            groups=Groups(arrays["centre"], arrays["means"], arrays["floors"], arrays["sizes"]),
            ids=document["ids"],
            names=document["names"],
            kind=document["kind"],
            waiting=[tuple(one) for one in document["waiting"]],
            vectors=arrays["waiting"],
            counts=document["counts"],
            questions=document["questions"],
            next_id=document["next_id"],
        )
