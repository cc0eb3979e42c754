"""A model of what reviewers say: one estimator per dimension and grain, with everything that its file needs to be judged.

`train` and `Model.predict` are what the commands, the warehouse and the table of quality call; there is no other path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pandas as pd

from touchstone.errors import TouchstoneError
from touchstone.learning import agreement, calibration, estimator, gate, gold
from touchstone.learning.calibration import Calibration
from touchstone.learning.design import Design, Rules
from touchstone.learning.dialogues import Dialogue
from touchstone.learning.estimator import Estimator
from touchstone.learning.features import FEATURES_VERSION, Phrases
from touchstone.learning.insight import influences
from touchstone.learning.labels import INTERACTION, MESSAGE, Labels, Target, targets_of
from touchstone.learning.languages import language_of, learned_languages
from touchstone.learning.reviews import Item, Reviews
from touchstone.learning.vectors import VECTORS_VERSION, Weights
from touchstone.rubric import load_rubric
from touchstone.rubric.model import Rubric
from touchstone.scoring.scorer import ScoreFrames
from touchstone.text.redact import REDACTOR_VERSION
from touchstone.text.sentiment import SENTIMENT_VERSION

SEED = 7
EVALUATOR_TYPE = "model"
LEAST_DOUBLE = 20
"""Items judged by two people below which their agreement is not taken for known."""

PREDICTION_COLUMNS = (
    "interaction_id",
    "message_id",
    "dimension",
    "value",
    "score",
    "level",
    "label",
    "tier",
    "probability_low",
    "confidence",
    "needs_review",
    "review_reason",
    "is_training",
    "evaluator_type",
    "evaluator_version",
    "model_state",
)


@dataclass
class Learned:
    """One target with its estimator.

    Attributes:
        levels: Predicted values above which each further level of the scale is stated, (levels - 1,): the thresholds at
            which, out of fold, levels are as frequent as with people. Kappa is measured on those levels.
        report: Figures of cross-validation; JSON.
        seen: Digests of the items that it learned from, ascending: its scores of those prove nothing.
    """

    target: Target
    estimator: Estimator
    calibration: Calibration
    levels: np.ndarray
    report: dict[str, Any]
    seen: np.ndarray

    def stated_levels(self, predicted: np.ndarray) -> np.ndarray:
        """The level of the scale that is stated for each predicted value."""
        return np.array(self.target.levels)[np.searchsorted(self.levels, predicted[:, 0])]


@dataclass
class Model:
    """A trained model.

    Attributes:
        version: Evaluator version of its scores: `learned-` and a digest of data, options and code versions.
        languages: Languages that it learned; conversations in others get no score of it, and go to review.
        manifest: What was read, with which options and versions; JSON.
    """

    version: str
    learned: list[Learned]
    phrases: Phrases
    weights: dict[str, Weights]
    indicators: dict[str, str] | None
    languages: list[str]
    manifest: dict[str, Any]
    state: str = gate.OBSERVE
    observed_since: datetime | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    def design(
        self, dialogues: Sequence[Dialogue], rubric: Rubric | None = None, frames: ScoreFrames | None = None
    ) -> Design:
        """Features of conversations as this model reads them.

        Raises:
            ConfigurationError: An indicator that the model reads has another version in the rubric.
        """
        wholes = any(one.target.grain == INTERACTION for one in self.learned)
        rules = Rules(rubric or load_rubric(), self.indicators) if wholes and self.indicators is not None else None
        return Design(dialogues, self.phrases, self.weights, rules, frames)

    def predict(
        self, dialogues: Sequence[Dialogue], rubric: Rubric | None = None, frames: ScoreFrames | None = None
    ) -> pd.DataFrame:
        """Scores of every message and conversation that a target is about.

        Args:
            dialogues: Whole conversations, in batches of some hundreds to some thousands.
            rubric: Under which `frames` were made; the shipped one by default.
            frames: Outcomes of the rule scorer where they are known already; else they are worked out when needed.

        Returns:
            `PREDICTION_COLUMNS`: value on the reviewers' scale (of words: null) and score, the same as 0 to 100; level, the
            value that a person would most alike have given, spread over the scale as people spread theirs; label (the word);
            tier; probability_low of the lowest tier, or of words that say the worst; confidence, the calibrated probability that the stated tier or
            word is what people say; needs_review with its review_reason (`confidence` below `REVIEW_CONFIDENCE`, or a
            `language` that the model has not learned, which has no score at all); is_training where the model learned
            from judgements of the very item.
        """
        design = self.design(dialogues, rubric, frames)
        foreign = np.array([self._is_foreign(one) for one in dialogues], dtype=bool)
        parts = [self._predicted(one, design, foreign) for one in self.learned]
        if not parts:
            return pd.DataFrame(columns=list(PREDICTION_COLUMNS))
        told = pd.concat(parts, ignore_index=True)
        # joining a column of texts with an empty one makes some of its gaps NaN
        for name in ("message_id", "label", "tier", "review_reason"):
            told[name] = told[name].astype(object).where(told[name].notna(), None)
        return told

    def _is_foreign(self, dialogue: Dialogue) -> bool:
        language = language_of(dialogue) if self.languages else None
        return language is not None and language not in self.languages

    def _predicted(self, one: Learned, design: Design, foreign: np.ndarray) -> pd.DataFrame:
        target, needed = one.target, set(one.estimator.linear.text)
        if target.grain == MESSAGE:
            turns = design.turns_of(target.sides)
            blocks, names = design.messages(turns, needed)
            owners = design.corpus.owner[turns].tolist()
            message_ids: list[str | None] = [design.corpus.messages[turn].message_id for turn in turns.tolist()]
        else:
            blocks, names = design.wholes(needed)
            owners = list(range(len(design.dialogues)))
            message_ids = [None] * len(owners)
        if names != one.estimator.names:
            raise TouchstoneError(
                f"the model for {target.name} was trained with other features",
                FEATURES_VERSION,
                "Train it again: `touchstone train`.",
            )
        predicted = one.estimator.predict(blocks)
        probabilities = one.calibration.probabilities(predicted)
        chosen = one.calibration.choose(probabilities)
        confidence = probabilities[np.arange(len(chosen)), chosen]
        tiers = target.tier_names
        share = np.clip(predicted[:, 0], 0, 1)
        low, high = target.scale or (0.0, 0.0)
        ids = [design.dialogues[owner].interaction_id for owner in owners]
        frame = pd.DataFrame(
            {
                "interaction_id": ids,
                "message_id": message_ids,
                "dimension": target.name,
                "value": low + share * (high - low) if target.scale else np.nan,
                "score": 100 * share if target.scale else np.nan,
                "level": one.stated_levels(predicted) if target.scale else np.nan,
                "label": [tiers[at] for at in chosen] if target.classes else None,
                "tier": None if target.classes else [tiers[at] for at in chosen],
                "probability_low": probabilities[:, list(low)].sum(axis=1) if (low := target.low_tiers) else np.nan,
                "confidence": confidence,
                "needs_review": confidence < gate.REVIEW_CONFIDENCE,
                "review_reason": np.where(confidence < gate.REVIEW_CONFIDENCE, "confidence", None),
                "is_training": np.isin(_item_digests(zip(ids, message_ids, strict=True)), one.seen),
                "evaluator_type": EVALUATOR_TYPE,
                "evaluator_version": self.version,
                "model_state": self.state,
            }
        )
        for at, name in enumerate(target.classes):
            frame[f"probability_{name}"] = probabilities[:, at]
        unread = foreign[owners]
        if unread.any():
            stated = [
                "value",
                "score",
                "level",
                "probability_low",
                "confidence",
                *(f"probability_{one}" for one in target.classes),
            ]
            frame.loc[unread, stated] = np.nan
            frame.loc[unread, ["label", "tier"]] = None
            frame.loc[unread, "needs_review"] = True
            frame.loc[unread, "review_reason"] = "language"
        return frame


def train(
    reviews: Reviews,
    dialogues: Sequence[Dialogue],
    *,
    seed: int = SEED,
    cuts: Mapping[str, Sequence[float]] | None = None,
    rubric: Rubric | None = None,
    resamples: int = agreement.RESAMPLES,
    by_reviewer: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Model:
    """Learn what reviewers say.

    Args:
        reviews: Review rows.
        dialogues: The conversations that they are about, and any others: the vocabulary is learned from all.
        seed: Of every random choice.
        cuts: Dimension -> lowest values of the upper tiers, on the reviewers' scale.
        rubric: Whose indicators are read as figures of whole conversations; the shipped one by default.
        resamples: Of the bootstrap intervals in the report; 0 leaves them out.
        by_reviewer: Whether the report holds the cross-validation by reviewer, which doubles the time.
        progress: Told what is being done.

    Raises:
        TouchstoneError: No dimension can be learned; the message says why, dimension by dimension.
    """
    tell = progress or (lambda text: None)
    rubric = rubric or load_rubric()
    phrases = Phrases.shipped()
    wholes = any(row.message_id is None for row in reviews.rows)
    rules = Rules(rubric) if wholes else None
    tell(f"reading {len(dialogues):,} conversations")
    design = Design(dialogues, phrases, None, rules)
    found, skipped = targets_of(reviews.rows, design, cuts or {})
    if not found:
        reasons = "; ".join(f"{one['dimension']} ({one['grain']}): {one['reason']}" for one in skipped)
        raise TouchstoneError("nothing can be learned", reasons or "there is no review row", "Judge more items.")
    options = {"seed": seed, "cuts": {name: list(values) for name, values in (cuts or {}).items()}}
    versions = {
        "features": FEATURES_VERSION,
        "vectors": VECTORS_VERSION,
        "sentiment": SENTIMENT_VERSION,
        "redactor": REDACTOR_VERSION,
        "rubric": rubric.full_version if wholes else None,
    }
    data = {
        "reviews": reviews.data_hash,
        "conversations": _conversations_hash(dialogues),
        "review_rows": len(reviews.rows),
        "refused_rows": len(reviews.refused),
        "conversations_read": len(dialogues),
    }
    content = orjson.dumps([options, versions, data, phrases.lists], option=orjson.OPT_SORT_KEYS)
    version = f"learned-{hashlib.sha256(content).hexdigest()[:12]}"
    learned = []
    for labels in found:
        tell(f"learning {labels.target.name} of {labels.target.grain}s from {len(labels.at):,} judged items")
        learned.append(_learn(labels, design, seed, resamples, by_reviewer))
    judged = {row.interaction_id for row in reviews.rows}
    manifest = {
        "options": options,
        "versions": versions,
        "data": data,
        "skipped": skipped,
        "balance": gold.as_records(gold.balance(dialogues, judged)),
        "judged_conversations": sum(one.interaction_id in judged for one in dialogues),
    }
    languages = learned_languages(one for one in dialogues if one.interaction_id in judged)
    indicators = rules.indicators if rules else None
    return Model(version, learned, phrases, design.weights, indicators, languages, manifest)


def _conversations_hash(dialogues: Sequence[Dialogue]) -> str:
    digests = sorted(one.input_hash for one in dialogues)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _learn(labels: Labels, design: Design, seed: int, resamples: int, by_reviewer: bool) -> Learned:
    target = labels.target
    if target.grain == MESSAGE:
        blocks, names = design.messages(labels.at)
    else:
        everything, names = design.wholes()
        blocks = everything.take(labels.at)
    weights = labels.weights
    if target.classes:
        weights = weights * _balance(labels.tier, len(target.classes))
    fitted = estimator.fit(blocks, names, labels.y, weights, labels.groups, seed)
    fitted.estimator.prune()
    calibrated, held_out = _calibrate(labels, fitted)
    chosen = calibrated.choose(held_out)
    levels = _level_cuts(labels, fitted.out_of_fold[:, 0]) if not target.classes else np.zeros(0)
    reviewed = _reviewer_held_out(labels, fitted, blocks, weights, seed) if by_reviewer else None
    report = _report(labels, fitted, levels, held_out, chosen, reviewed, seed, resamples)
    report["influences"] = influences(fitted.estimator, blocks, fitted.out_of_fold, design, labels.at, target)
    if target.grain == MESSAGE:
        items = [
            (one, design.corpus.messages[at].message_id) for one, at in zip(labels.interactions, labels.at, strict=True)
        ]
    else:
        items = [(one, None) for one in labels.interactions]
    return Learned(target, fitted.estimator, calibrated, levels, report, np.sort(_item_digests(items)))


def _item_digests(items: Iterable[Item]) -> np.ndarray:
    """64-bit digests of (interaction, message or None)."""
    digests = [hashlib.blake2b(repr(item).encode(), digest_size=8).digest() for item in items]
    return np.frombuffer(b"".join(digests), dtype=np.uint64).copy()


def _balance(classes: np.ndarray, count: int) -> np.ndarray:
    """Weights that raise rare classes by the square root of how rare they are."""
    sizes = np.bincount(classes, minlength=count)
    weights = np.sqrt(len(classes) / np.maximum(sizes, 1) / count)[classes]
    return weights / weights.mean()


def _calibrate(labels: Labels, fitted: estimator.Fitted) -> tuple[Calibration, np.ndarray]:
    """The calibration, and probabilities of each item from a calibration that has not seen its fold."""
    count = labels.target.tier_count
    held_out = np.zeros((len(labels.at), count))
    for number in np.unique(fitted.fold):
        train, test = fitted.fold != number, fitted.fold == number
        held_out[test] = _calibration(labels, fitted.out_of_fold, train).probabilities(fitted.out_of_fold[test])
    return _calibration(labels, fitted.out_of_fold, np.ones(len(labels.at), dtype=bool)), held_out


def _calibration(labels: Labels, predicted: np.ndarray, rows: np.ndarray) -> Calibration:
    count = labels.target.tier_count
    plain = np.ones(int(rows.sum()))
    if labels.target.classes:
        return calibration.fit_words(predicted[rows], labels.tier[rows], count, plain)
    return calibration.fit_ordinal(predicted[rows], labels.tier[rows], count, plain)


def _level_cuts(labels: Labels, predicted: np.ndarray) -> np.ndarray:
    low, high = labels.target.scale  # type: ignore[misc]
    given = np.array([(float(value) - low) / (high - low) for one in labels.votes for value in one.values()])
    levels = (np.array(labels.target.levels) - low) / (high - low)
    shares = np.cumsum([np.isclose(given, level).mean() for level in levels])[:-1]
    return np.quantile(predicted, np.clip(shares, 0, 1))


def _reviewer_held_out(
    labels: Labels, fitted: estimator.Fitted, blocks: estimator.Blocks, weights: np.ndarray, seed: int
) -> dict[str, Any] | None:
    """Agreement with people whose judgements, and with conversations that, the fit has not seen.

    Reviewers are dealt into as many parts as conversations; part k of both is held out together. None with one reviewer.
    """
    names = sorted({reviewer for one in labels.votes for reviewer in one})
    folds = np.unique(fitted.fold)
    count = min(len(names), len(folds))
    if count < 2:
        return None
    order = np.random.default_rng(seed).permutation(len(names))
    part_of = {names[name]: int(place % count) for place, name in enumerate(order)}
    low, high = labels.target.scale or (0.0, 1.0)
    class_of = {name: at for at, name in enumerate(labels.target.classes)}
    said: list[float] = []
    machine: list[float] = []
    for part in range(count):
        kept: list[int] = []
        y = labels.y.copy()
        for at, votes in enumerate(labels.votes):
            others = [value for reviewer, value in votes.items() if part_of[reviewer] != part]
            if not others or fitted.fold[at] == folds[part]:
                continue
            kept.append(at)
            if class_of:
                y[at] = np.mean([np.eye(len(class_of))[class_of[str(value)]] for value in others], axis=0)
            else:
                y[at, 0] = (np.mean([float(value) for value in others]) - low) / (high - low)
        test = [
            at
            for at, votes in enumerate(labels.votes)
            if fitted.fold[at] == folds[part] and any(part_of[reviewer] == part for reviewer in votes)
        ]
        if len(kept) < 20 or not test:
            continue
        predicted = estimator.refit_out_of_fold(
            fitted.estimator, blocks, y, weights, np.array(kept), np.array(test), seed
        )
        for row, at in enumerate(test):
            for reviewer, value in labels.votes[at].items():
                if part_of[reviewer] != part:
                    continue
                if class_of:
                    said.append(1.0)
                    machine.append(float(predicted[row].argmax() == class_of[str(value)]))
                else:
                    said.append(float(value))
                    machine.append(float(predicted[row, 0]))
    if len(said) < 3:
        return None
    if class_of:
        return {"parts": count, "judgements": len(said), "exact": float(np.mean(machine))}
    return {"parts": count, "judgements": len(said), "spearman": agreement.spearman(said, machine)}


def _report(
    labels: Labels,
    fitted: estimator.Fitted,
    level_cuts: np.ndarray,
    probabilities: np.ndarray,
    chosen: np.ndarray,
    by_reviewer: dict[str, Any] | None,
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    target = labels.target
    confidence = probabilities[np.arange(len(chosen)), chosen]
    low_probability = probabilities[:, 0]
    is_right = chosen == labels.tier
    double = sum(len(one) > 1 for one in labels.votes)
    people = agreement.between_people(labels.rows, seed=seed, resamples=resamples) if double >= 3 else []
    drawn = np.random.default_rng(seed)
    one_vote = [sorted(one.items())[int(drawn.integers(len(one)))][1] for one in labels.votes]
    if target.classes:
        majority = [target.classes[at] for at in labels.tier]
        stated = [target.classes[at] for at in chosen]
        machine = agreement.with_machine(labels.interactions, majority, stated, seed=seed, resamples=resamples)
        machine_kappa = agreement.kappa(
            [target.classes.index(str(value)) for value in one_vote], chosen.tolist(), quadratic=False
        )
        quality = {"macro_f1": calibration.macro_f1(labels.tier, chosen, len(target.classes))}
    else:
        low, high = target.scale  # type: ignore[misc]
        mean = low + labels.y[:, 0] * (high - low)
        predicted = low + np.clip(fitted.out_of_fold[:, 0], 0, 1) * (high - low)
        said = np.array(target.levels)[np.searchsorted(level_cuts, fitted.out_of_fold[:, 0])]
        machine = agreement.with_machine(
            labels.interactions,
            mean.tolist(),
            predicted.tolist(),
            stated=said.tolist(),
            span=high - low,
            steps=target.levels,
            seed=seed,
            resamples=resamples,
        )
        machine_kappa = agreement.kappa([float(value) for value in one_vote], said.tolist())
        quality = {"auroc_low": _auroc(labels.tier == 0, low_probability)}
    human_kappa = next((one.value for one in people if one.name in ("kappa", "weighted_kappa")), None)
    sure, unsure = calibration.halves(confidence, is_right)
    return {
        "dimension": target.name,
        "grain": target.grain,
        "items": len(labels.at),
        "judgements": sum(map(len, labels.votes)),
        "not_in_conversations": labels.missing,
        "double_judged": double,
        "reviewers": [asdict(one) for one in labels.reviewers],
        "tiers": {name: int(np.sum(labels.tier == at)) for at, name in enumerate(target.tier_names)},
        "human_human": [asdict(one) for one in people],
        "human_machine": [asdict(one) for one in machine],
        "by_reviewer": by_reviewer,
        "human_kappa": human_kappa if double >= LEAST_DOUBLE else None,
        "machine_kappa": machine_kappa,
        "quality": quality,
        "accuracy": float(is_right.mean()),
        "calibration_error": calibration.calibration_error(confidence, is_right),
        "reliability": [asdict(one) for one in calibration.reliability(confidence, is_right)],
        "error_confident_half": sure,
        "error_other_half": unsure,
        "needs_review_share": float(np.mean(confidence < gate.REVIEW_CONFIDENCE)),
        "chosen": {
            "linear": [asdict(choice) for choice in fitted.estimator.linear.choices],
            "blend": fitted.estimator.blend.tolist(),
            "tried": fitted.estimator.tried,
        },
    }


def _auroc(is_low: np.ndarray, rank_by: np.ndarray) -> float | None:
    """Probability that a low item is ranked above another (Mann-Whitney); None where one side is empty."""
    from scipy.stats import rankdata

    lows = int(is_low.sum())
    others = len(is_low) - lows
    if not lows or not others:
        return None
    return float((rankdata(rank_by)[is_low].sum() - lows * (lows + 1) / 2) / (lows * others))
