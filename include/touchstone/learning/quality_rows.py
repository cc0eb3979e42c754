"""Checks of what is learned from reviewers: satisfaction, outcome, failures, sentiment, courtesy, and confidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from touchstone.learning import agreement, calibration, gold, labelled
from touchstone.learning.dialogues import Dialogue, from_records
from touchstone.learning.estimator import folds_of
from touchstone.learning.labelled import Labelled, Record
from touchstone.learning.model import train
from touchstone.learning.reviews import from_records as reviews_from
from touchstone.quality.table import Row, check

SEED = 11
FOLDS = 5
REPEATS = 5
HALVINGS = 3
"""Repeats of the split by customer; either half trains once in each."""
BATCH = 1_000
CALIBRATION_BAR, HALF_BAR = 0.05, 0.5


@dataclass
class Held:
    """Predictions of unseen items beside what people said: one row per item."""

    frame: pd.DataFrame

    @property
    def n(self) -> int:
        return len(self.frame)

    def column(self, name: str) -> np.ndarray:
        return self.frame[name].to_numpy()


def judged_on(
    records: Sequence[Record],
    reviews: Sequence[Record],
    tested: Sequence[Dialogue],
    unjudged: Sequence[Record] = (),
) -> Held:
    """Train on some documents and reviews, predict others.

    Args:
        records: Documents to train on, with the reviews about them.
        reviews: Reviews of both; those of documents that are not in `records` are kept from the fit.
        tested: Conversations that the fit has not seen.
        unjudged: Documents that the vocabulary is learned from beside `records`; reviews of them are kept from the fit.
    """
    known = {record["interaction_id"] for record in records}
    found = reviews_from(row for row in reviews if row["interaction_id"] in known)
    if found.refused:
        raise ValueError(found.refused[0].reason)
    model = train(found, from_records([*records, *unjudged]), seed=SEED, resamples=0, by_reviewer=False)
    parts = [model.predict(tested[first : first + BATCH]) for first in range(0, len(tested), BATCH)]
    return Held(_beside_people(pd.concat(parts, ignore_index=True), reviews))


def _beside_people(predicted: pd.DataFrame, reviews: Sequence[Record]) -> pd.DataFrame:
    votes: dict[tuple[str, str | None, str], list[float | str]] = defaultdict(list)
    questions: dict[tuple[str, str | None, str], str] = {}
    for row in reviews:
        key = (row["interaction_id"], row["message_id"], row["dimension"])
        votes[key].append(row["value"])
        questions[key] = row.get("question", "")
    ids = [None if one is None or one != one else one for one in predicted["message_id"]]
    keys = list(zip(predicted["interaction_id"], ids, predicted["dimension"], strict=True))
    kept = [at for at, key in enumerate(keys) if key in votes]
    frame = predicted.iloc[kept].copy()
    given = [votes[keys[at]] for at in kept]
    frame["votes"] = given
    frame["question"] = [questions[keys[at]] for at in kept]
    if isinstance(given[0][0], str):
        frame["people"] = [max(sorted(set(one)), key=one.count) for one in given]  # type: ignore[type-var]
        frame["is_right"] = frame["people"] == frame["label"]
    else:
        frame["people"] = [float(np.mean(one)) for one in given]  # type: ignore[arg-type]
    return frame


def in_folds(documents: Sequence[Record], reviews: Sequence[Record], count: int = FOLDS) -> Held:
    """Every conversation predicted by a model that has not seen it, nor another one of its customer."""
    dialogues = from_records(documents)
    by_id = {record["interaction_id"]: record for record in documents}
    groups = np.array([one.group for one in dialogues], dtype=object)
    fold = folds_of(groups, count, SEED)
    parts = []
    for number in range(count):
        train_on = [by_id[one.interaction_id] for one, at in zip(dialogues, fold, strict=True) if at != number]
        tested = [one for one, at in zip(dialogues, fold, strict=True) if at == number]
        parts.append(judged_on(train_on, reviews, tested).frame)
    return Held(pd.concat(parts, ignore_index=True))


def auroc(is_positive: np.ndarray, ranked_by: np.ndarray) -> float | None:
    """Area under the ROC curve by ranks (Mann-Whitney); None where one class is absent."""
    positive = int(is_positive.sum())
    negative = len(is_positive) - positive
    if not positive or not negative:
        return None
    ranks = rankdata(ranked_by)[is_positive].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * negative))


def average_precision(is_positive: np.ndarray, ranked_by: np.ndarray) -> float | None:
    """Mean of the precision at each positive, highest first; ties count as they would fall on average."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(is_positive, ranked_by)) if is_positive.any() else None


def confidence_rows(name: str, held: Held, cut: float | None) -> Iterator[Row]:
    """Does the stated confidence hold, and does it tell sure from unsure.

    Args:
        cut: Value from which people's mean belongs to the upper tier; None for words.
    """
    if cut is None:
        is_right = held.column("is_right").astype(bool)
    else:
        is_high = np.round(held.column("people").astype(float), 9) >= cut
        is_right = is_high == (held.column("tier") == "high")
    confidence = held.column("confidence").astype(float)
    error = calibration.calibration_error(confidence, is_right)
    sure, unsure = calibration.halves(confidence, is_right)
    yield Row(
        f"confidence, {name}: expected calibration error", error, bar=CALIBRATION_BAR, lower_is_better=True, n=held.n
    )
    yield Row(
        f"confidence, {name}: error rate of the more confident half / of the rest",
        sure / unsure if unsure else 0.0,
        bar=HALF_BAR,
        lower_is_better=True,
        n=held.n,
        reason=f"{sure:.3f} / {unsure:.3f}",
    )


def _turns(reviews: Sequence[Record]) -> list[Record]:
    return [row for row in reviews if row["message_id"] is not None]


def _wholes(reviews: Sequence[Record]) -> list[Record]:
    return [row for row in reviews if row["message_id"] is None]


@check("satisfaction_turns")
def satisfaction_turns(folder: Path) -> Iterator[Row]:
    """Customer turns: one half of the conversations trains, the other tests, and the other way round."""
    for part, floors, bars in (("MWOZ", (0.70, 0.38), (0.74, 0.42)), ("CCPE", (0.77, 0.40), (0.79, 0.43))):
        documents, reviews = labelled.satisfaction(folder, part)
        held = in_folds(documents, _turns(reviews), 2)
        people, said = held.column("people").astype(float), held.column("value").astype(float)
        name = f"satisfaction of turns, {part}"
        low = auroc(people < 3, held.column("probability_low").astype(float))
        yield Row(f"{name}: AUROC dissatisfied", low, floors[0], bars[0], n=held.n)
        yield Row(f"{name}: Spearman with the mean", agreement.spearman(people, said), floors[1], bars[1], n=held.n)
        yield from confidence_rows(name, held, 3.0)


@check("satisfaction_dialogues")
def satisfaction_dialogues(folder: Path) -> Iterator[Row]:
    """Whole dialogues: 250 judged ones train, all others test; mean of repeated draws."""
    documents: list[Record] = []
    reviews: list[Record] = []
    for part in ("MWOZ", "CCPE"):
        more, rows = labelled.satisfaction(folder, part)
        documents += more
        reviews += _wholes(rows)
    found, ceilings, parts = [], [], []
    for repeat in range(REPEATS):
        drawn = set(np.random.default_rng(SEED + repeat).permutation(len(documents))[:250].tolist())
        tested = from_records(one for at, one in enumerate(documents) if at not in drawn)
        held = judged_on([documents[at] for at in sorted(drawn)], reviews, tested)
        found.append(agreement.spearman(held.column("people").astype(float), held.column("value").astype(float)) or 0.0)
        ceilings.append(one_against_others(held.frame["votes"].tolist()))
        parts.append(held.frame)
    together = Held(pd.concat(parts, ignore_index=True))
    value, ceiling = float(np.mean(found)), float(np.mean(ceilings))
    yield Row("satisfaction of dialogues, 250 judged: Spearman with the mean", value, 0.28, n=held.n)
    yield Row(
        "satisfaction of dialogues, 250 judged: share of one person against the others",
        value / ceiling,
        bar=0.9,
        n=held.n,
        reason=f"one person against the others {ceiling:.3f}; {REPEATS} draws {min(found):.3f} to {max(found):.3f}",
    )
    yield from confidence_rows("satisfaction of dialogues, 250 judged", together, 3.0)


def one_against_others(votes: Sequence[Sequence[float]]) -> float:
    """Spearman of one rater with the mean of the others, averaged over the raters that all items have."""
    shared = min(len(one) for one in votes)
    found = []
    for rater in range(shared):
        mine = [one[rater] for one in votes]
        others = [float(np.mean([*one[:rater], *one[rater + 1 :]])) for one in votes]
        found.append(agreement.spearman(mine, others) or 0.0)
    return float(np.mean(found))


@check("assistance")
def assistance(folder: Path) -> Iterator[Row]:
    """STAR, split by customer: 300 judged conversations of one half of the customers train, the other half tests.

    The other conversations of the training half stand beside them without their judgements, as a team's files do.
    """
    documents, reviews = labelled.assistance(folder)
    for dimension, score, name, floor, bar in (
        ("task_achieved", _within_question, "task not achieved: AUROC within question", 0.846, 0.85),
        ("customer_calm", _annoyed, "customer annoyed: average precision", 0.34, 0.38),
    ):
        rows = [row for row in reviews if row["dimension"] == dimension]
        found, parts = _by_customer((documents, rows), score)
        held = Held(pd.concat(parts, ignore_index=True))
        spread = f"{len(found)} splits, {min(found):.3f} to {max(found):.3f}"
        yield Row(f"assistance, 300 judged, {name}", float(np.mean(found)), floor, bar, n=held.n, reason=spread)
        yield from confidence_rows(f"assistance, {dimension}", held, 0.5)


def _by_customer(data: Labelled, score: Callable[[Held], float | None]) -> tuple[list[float], list[pd.DataFrame]]:
    documents, reviews = data
    answered = {row["interaction_id"] for row in reviews}
    documents = [one for one in documents if one["interaction_id"] in answered]
    by_id = {one["interaction_id"]: one for one in documents}
    dialogues = from_records(documents)
    groups = np.array([one.group for one in dialogues], dtype=object)
    found, parts = [], []
    for repeat in range(HALVINGS):
        half = folds_of(groups, 2, SEED + repeat)
        for side in (0, 1):
            inside = [one for one, at in zip(dialogues, half, strict=True) if at == side]
            tested = [one for one, at in zip(dialogues, half, strict=True) if at != side]
            picked = gold.sample(inside, 300, double=0, seed=SEED + repeat)
            judged = {one.interaction_id for one in picked}
            others = [by_id[one.interaction_id] for one in inside if one.interaction_id not in judged]
            held = judged_on([by_id[one] for one in sorted(judged)], reviews, tested, others)
            figure = score(held)
            if figure is not None:
                found.append(figure)
                parts.append(held.frame)
    return found, parts


def _within_question(held: Held) -> float | None:
    """Mean over the questions with at least three answers of either kind."""
    found = []
    for _, part in held.frame.groupby("question"):
        failed = part["people"].to_numpy(dtype=float) < 0.5
        if 3 <= failed.sum() <= len(failed) - 3:
            found.append(auroc(failed, part["probability_low"].to_numpy(dtype=float)))
    return float(np.mean([one for one in found if one is not None])) if found else None


def _annoyed(held: Held) -> float | None:
    return average_precision(held.column("people").astype(float) < 0.5, held.column("probability_low").astype(float))


@check("breakdowns")
def breakdowns(folder: Path) -> Iterator[Row]:
    held = in_folds(*labelled.breakdowns(folder))
    people, said = held.column("people").astype(float), held.column("value").astype(float)
    yield Row(
        "breakdowns: Spearman with the share that says it breaks",
        agreement.spearman(people, said),
        0.445,
        0.50,
        n=held.n,
    )
    yield from confidence_rows("breakdowns", held, 0.5)


@check("actions")
def actions(folder: Path) -> Iterator[Row]:
    held = in_folds(*labelled.actions(folder))
    wrong = held.column("people").astype(float) < 0.5
    yield Row(
        "next action: AUROC wrong", auroc(wrong, held.column("probability_low").astype(float)), 0.822, 0.86, n=held.n
    )
    yield from confidence_rows("next action", held, 0.5)


@check("next_answers")
def next_answers(folder: Path) -> Iterator[Row]:
    """STAR, split by customer: will the next answer be out of scope or find nothing."""
    held = in_folds(*labelled.next_answers(folder), 3)
    helpless = held.column("people").astype(float) < 0.5
    low = held.column("probability_low").astype(float)
    yield Row(
        "next answer is out of scope or finds nothing: AP", average_precision(helpless, low), 0.14, 0.20, n=held.n
    )
    yield Row("next answer is out of scope or finds nothing: AUROC", auroc(helpless, low), 0.833, 0.85, n=held.n)
    yield from confidence_rows("next answer", held, 0.5)


@check("tweets")
def tweets(folder: Path) -> Iterator[Row]:
    held = in_folds(*labelled.tweets(folder))
    words = sorted(set(held.frame["people"]))
    truth, said = (held.frame[name].map(words.index).to_numpy() for name in ("people", "label"))
    figure = calibration.macro_f1(truth, said, len(words))
    yield Row("sentiment of tweets: macro-F1 of three classes", figure, 0.769, 0.78, n=held.n)
    yield from confidence_rows("sentiment of tweets", held, None)


@check("politeness")
def politeness(folder: Path) -> Iterator[Row]:
    documents, reviews = labelled.requests(folder)
    held = in_folds(documents, reviews)
    people = held.column("people").astype(float)
    yield Row(
        "politeness of requests: Spearman with the mean",
        agreement.spearman(people, held.column("value").astype(float)),
        0.28,
        0.50,
        n=held.n,
        reason=f"one person against the others {one_against_others(held.frame['votes'].tolist()):.3f}",
    )
    yield from confidence_rows("politeness", held, 13.0)
