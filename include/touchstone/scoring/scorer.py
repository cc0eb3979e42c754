"""Scores a batch of whole interactions: frames in, frames out, nothing else read or written.

The same function runs in one task, in many mapped tasks or on the partitions of a distributed engine. It is deterministic:
equal input gives equal output, in the order of the input.

Formulas (metric dictionary, Quality scores): a dimension is the weighted mean of its applicable indicators times 100; the
total is sum(weight x dimension) / sum(weight) over the rated dimensions, and 0 when a critical indicator fails; what is not
rated is null. The certainty of a dimension is the probability that its tier equals a person's: only a calibration against
people gives it, so it is null while `calibrator_version` is `none`. The certainty of an indicator is 1 where the outcome was
measured or can be quoted, and 0.5 where it rests on the absence of a phrase that other wording may have expressed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Any

import pandas as pd

from touchstone.errors import TouchstoneError
from touchstone.rubric.catalogue import DETECTORS, RULES_VERSION
from touchstone.rubric.loader import MARKER_PREFIX, digest
from touchstone.rubric.model import SUBJECTS, Rubric
from touchstone.scoring.conversation import Conversation, Turn, feature_reader
from touchstone.scoring.detectors import FAILS, HOLDS, IMPLEMENTATIONS
from touchstone.scoring.trajectory import trajectory
from touchstone.text.markers import all_caps, marker_lists, repeated
from touchstone.text.phrases import PhraseMatcher
from touchstone.text.sentiment import SENTIMENT_VERSION, sentiment

CODE_VERSION = "1"
"""Version of scorer, trajectory and contextual markers; any change of what they give needs a new one."""
CALIBRATOR_VERSION = "none"
EVALUATOR_VERSION = f"rules-{RULES_VERSION}"
MOST_MARKERS = 100
"""Markers of one message that are stored, from its beginning."""
MEASURED, ABSENCE = 1.0, 0.5

_ID = ("interaction_started_at", "interaction_key", "input_hash")
COLUMNS: dict[str, tuple[str, ...]] = {
    "message_scores": (*_ID, "scorer_version", "message_key", "polarity", "subjectivity", "markers"),
    "trajectories": (
        *_ID,
        "scorer_version",
        "customer_message_count",
        "start_polarity",
        "end_polarity",
        "mean_polarity",
        "slope",
        "minimum_polarity",
        "largest_drop",
        "trajectory_class",
        "sentiment_level",
        "level_rule",
    ),
    "indicator_scores": (
        *_ID,
        "subject",
        "indicator_id",
        "indicator_version",
        "outcome",
        "confidence",
        "evaluator_type",
        "evaluator_version",
    ),
    "evidence": (
        *_ID,
        "subject",
        "indicator_id",
        "indicator_version",
        "evidence_ordinal",
        "message_key",
        "start_offset",
        "end_offset",
    ),
    "dimension_scores": (
        *_ID,
        "subject",
        "rubric_version",
        "calibrator_version",
        "dimension_id",
        "raw_score",
        "calibrated_score",
        "tier",
        "confidence",
        "applicable_indicator_count",
    ),
    "interaction_scores": (
        *_ID,
        "subject",
        "scorer_version",
        "rubric_version",
        "calibrator_version",
        "total_score",
        "tier",
        "confidence",
        "is_critical_failure",
        "rated_dimension_count",
    ),
}


@dataclass(frozen=True)
class ScoreFrames:
    """One frame per table of schema `scores`, with the columns of the table in `COLUMNS`.

    `interaction_scores` lacks `scored_as_of` and `scored_at`, which belong to the run that writes it. Values are Python
    objects; what is not rated is None.
    """

    message_scores: pd.DataFrame
    trajectories: pd.DataFrame
    indicator_scores: pd.DataFrame
    evidence: pd.DataFrame
    dimension_scores: pd.DataFrame
    interaction_scores: pd.DataFrame

    def items(self) -> list[tuple[str, pd.DataFrame]]:
        """(table, frame) in the order of the tables."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


def scorer_version(rubric: Rubric) -> str:
    """Version under which a rubric's scores are stored: rubric, sentiment and code, readable, with a digest of them all."""
    content = [rubric.id, rubric.full_version, SENTIMENT_VERSION, RULES_VERSION, CODE_VERSION, CALIBRATOR_VERSION]
    return f"{rubric.id}-{rubric.full_version}+code{CODE_VERSION}.{digest(content)}"


def score_batch(interactions: pd.DataFrame, messages: pd.DataFrame, rubric: Rubric) -> ScoreFrames:
    """Score every interaction of a batch, once per side that replied in public.

    Args:
        interactions: One row per interaction: interaction_key, interaction_started_at, input_hash, channel, language.
        messages: All their messages: interaction_key, message_key, ordinal, actor, sent_at, text (redacted), pii (list of
            {type, start, end}), is_internal, is_automation. Any order.
        rubric: An approved rubric.

    Returns:
        Scores in the order of `interactions`.

    Raises:
        ConfigurationError: The rubric is not approved.
        TouchstoneError: An interaction cannot be judged: no reply in public, a language outside the rubric, messages of
            an interaction that is not in the batch, or a fault of a detector (the cause is attached). Its key is named.
    """
    rubric.require_approved()
    return _Scorer(rubric).score(interactions, messages)


class _Scorer:
    """A rubric made ready: matchers, parameters and weights."""

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self.version = scorer_version(rubric)
        self.lists = marker_lists()
        self.agent_matcher, self.customer_matcher = _matchers(rubric, self.version)
        self.markers = {MARKER_PREFIX + name: name for name in self.lists.phrases}
        self.detectors = {
            subject: [
                (one, IMPLEMENTATIONS[one.detector], SimpleNamespace(**one.parameters))
                for one in rubric.indicators
                if subject in one.subjects
            ]
            for subject in SUBJECTS
        }
        self.gaps = dict(rubric.sentiment.response_gap_minutes)

    def score(self, interactions: pd.DataFrame, messages: pd.DataFrame) -> ScoreFrames:
        self.read_agent = feature_reader(self.agent_matcher)
        self.read_customer = feature_reader(self.customer_matcher)
        self.out: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
        by_key = _messages_by_key(messages)
        columns = [interactions[name].tolist() for name in (*_ID, "channel", "language")]
        self.polarity = _polarities(messages)
        for started_at, key, input_hash, channel, language in zip(*columns, strict=True):
            if not self.rubric.supports(_text_or_none(language)):
                raise TouchstoneError(
                    f"interaction {key} states a language that rubric {self.rubric.id} does not declare",
                    language,
                    "Exclude it in core (dbt var supported_languages) or declare the language and its phrases.",
                )
            identity = (started_at, key, input_hash)
            try:
                self._interaction(identity, _text_or_none(channel), by_key.pop(key, []))
            except TouchstoneError:
                raise
            except Exception as error:
                raise TouchstoneError(
                    f"interaction {key} cannot be scored: {type(error).__name__}",
                    str(error),
                    "This is a defect of the scorer: report it with the interaction's redacted messages.",
                ) from error
        if by_key:
            raise TouchstoneError(
                "messages of an interaction that is not in the batch", next(iter(by_key)), "Pass whole interactions."
            )
        return ScoreFrames(**{table: _frame(table, rows) for table, rows in self.out.items()})

    def _interaction(self, identity: tuple[Any, ...], channel: str | None, rows: list[tuple[Any, ...]]) -> None:
        turns: list[Turn] = []
        automated: list[tuple[str, tuple[float, float]]] = []
        rows.sort(key=lambda row: (row[0], row[1]))
        for _, message_key, actor, sent_at, text, pii, is_internal, is_automation in rows:
            if is_internal:
                continue
            if actor == "customer":
                if is_automation:
                    automated.append((message_key, self.polarity[message_key]))
                    continue
                features, polarity, subject = self.read_customer(text), self.polarity[message_key][0], None
            elif actor in SUBJECTS and not is_automation:
                features, polarity, subject = self.read_agent(text), 0.0, actor
            else:
                continue
            turns.append(
                Turn(len(turns), message_key, subject, text, sent_at.timestamp(), pii or (), features, polarity)
            )
        conversation = Conversation(channel, turns, self.lists)
        if not conversation.replies:
            raise TouchstoneError(
                f"interaction {identity[1]} has no reply in public",
                None,
                "Exclude it in core; there is nobody to judge.",
            )
        self._sentiment(identity, conversation, automated)
        for subject in SUBJECTS:
            if subject in conversation.replies:
                self._subject(identity, conversation, subject)

    def _sentiment(
        self, identity: tuple[Any, ...], conversation: Conversation, automated: list[tuple[str, tuple[float, float]]]
    ) -> None:
        found: dict[str, list[dict[str, Any]]] = {turn.message_key: [] for turn in conversation.customers}
        names: set[str] = set()
        earlier: list[Any] = []
        for turn in conversation.customers:
            features, markers = turn.features, found[turn.message_key]
            for hit, spans in features.hits.items():
                if hit in self.markers:
                    markers += [_marker(self.markers[hit], *span) for span in spans]
            asked = features.questions(self.lists)
            markers += [
                _marker("repeat_question", one.start, one.end) for one in asked if repeated(one, earlier, self.lists)
            ]
            earlier += asked
            markers += [_marker("all_caps", *span) for span in all_caps(turn.text, turn.pii, self.lists)]
        gap = conversation.limit(self.gaps) * 60
        for turn, reply in conversation.waits:
            if turn.text and reply.sent_at - turn.sent_at > gap:
                minutes = round((reply.sent_at - turn.sent_at) / 60, 2)
                found[turn.message_key].append(_marker("response_gap", 0, len(turn.text)) | {"minutes": minutes})
        for turn in conversation.customers:
            markers = sorted(found[turn.message_key], key=lambda one: (one["start"], one["end"], one["marker"]))
            names.update(one["marker"] for one in markers)
            del markers[MOST_MARKERS:]
            scores = self.polarity[turn.message_key]
            self.out["message_scores"].append((*identity, self.version, turn.message_key, *scores, markers))
        for message_key, scores in automated:
            self.out["message_scores"].append((*identity, self.version, message_key, *scores, []))
        moved = trajectory([turn.polarity for turn in conversation.customers], names, self.rubric.sentiment)
        self.out["trajectories"].append(
            (
                *identity,
                self.version,
                len(conversation.customers),
                moved.start,
                moved.end,
                moved.mean,
                moved.slope,
                moved.minimum,
                moved.largest_drop,
                moved.trajectory_class,
                moved.level,
                moved.level_rule,
            ),
        )

    def _subject(self, identity: tuple[Any, ...], conversation: Conversation, subject: str) -> None:
        held: dict[str, float] = {}
        rated: dict[str, float] = {}
        counts: dict[str, int] = {}
        is_critical = False
        for indicator, detect, parameters in self.detectors[subject]:
            outcome, evidence, observed = detect(conversation, subject, parameters)
            self.out["indicator_scores"].append(
                (
                    *identity,
                    subject,
                    indicator.id,
                    indicator.version,
                    outcome,
                    MEASURED if observed else ABSENCE,
                    indicator.evaluator,
                    EVALUATOR_VERSION,
                ),
            )
            for number, (turn, start, end) in enumerate(evidence, 1):
                self.out["evidence"].append(
                    (*identity, subject, indicator.id, indicator.version, number, turn.message_key, start, end),
                )
            if outcome in (HOLDS, FAILS):
                dimension = indicator.dimension
                rated[dimension] = rated.get(dimension, 0.0) + indicator.weight
                counts[dimension] = counts.get(dimension, 0) + 1
                if outcome == HOLDS:
                    held[dimension] = held.get(dimension, 0.0) + indicator.weight
                elif indicator.critical:
                    is_critical = True
        self._totals(identity, subject, held, rated, counts, is_critical)

    def _totals(
        self,
        identity: tuple[Any, ...],
        subject: str,
        held: dict[str, float],
        rated: dict[str, float],
        counts: dict[str, int],
        is_critical: bool,
    ) -> None:
        rubric = self.rubric
        weighted = weights = 0.0
        for dimension in rubric.dimensions:
            score = None
            if dimension.id in rated:
                score = min(100.0, 100.0 * held.get(dimension.id, 0.0) / rated[dimension.id])
                weighted += dimension.weight * score
                weights += dimension.weight
            self.out["dimension_scores"].append(
                (
                    *identity,
                    subject,
                    rubric.full_version,
                    CALIBRATOR_VERSION,
                    dimension.id,
                    score,
                    None,
                    rubric.tier(score),
                    None,
                    counts.get(dimension.id, 0),
                ),
            )
        total = 0.0 if is_critical else min(100.0, weighted / weights) if weights else None
        self.out["interaction_scores"].append(
            (
                *identity,
                subject,
                self.version,
                rubric.full_version,
                CALIBRATOR_VERSION,
                total,
                rubric.tier(total),
                None,
                is_critical,
                len(rated),
            ),
        )


def _frame(table: str, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS[table])
    return pd.DataFrame(
        {name: pd.Series(list(values), dtype=object) for name, values in zip(COLUMNS[table], columns, strict=True)}
    )


def _marker(name: str, start: int, end: int) -> dict[str, Any]:
    return {"marker": name, "start": start, "end": end}


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _messages_by_key(messages: pd.DataFrame) -> dict[str, list[tuple[Any, ...]]]:
    names = (
        "interaction_key",
        "ordinal",
        "message_key",
        "actor",
        "sent_at",
        "text",
        "pii",
        "is_internal",
        "is_automation",
    )
    found: dict[str, list[tuple[Any, ...]]] = {}
    for key, *row in zip(*(messages[name].tolist() for name in names), strict=True):
        found.setdefault(key, []).append(tuple(row))
    return found


def _polarities(messages: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Polarity and subjectivity of every public customer message of the batch, computed in one go."""
    columns = (messages[name].tolist() for name in ("message_key", "text", "actor", "is_internal"))
    spoken = [
        (key, text) for key, text, actor, internal in zip(*columns, strict=True) if actor == "customer" and not internal
    ]
    polarity, subjectivity = sentiment([text for _, text in spoken])
    pairs = zip(polarity.tolist(), subjectivity.tolist(), strict=True)
    return {key: pair for (key, _), pair in zip(spoken, pairs, strict=True)}


_made_matchers: dict[str, tuple[PhraseMatcher, PhraseMatcher]] = {}


def _matchers(rubric: Rubric, version: str) -> tuple[PhraseMatcher, PhraseMatcher]:
    """Matchers for replies and for what the customer says; made once per version of a scorer."""
    if version not in _made_matchers:
        lists = marker_lists()
        agent, customer = _lists_by_side(rubric)
        heard = {name: rubric.phrase_lists[name] for name in customer}
        heard |= {MARKER_PREFIX + name: phrases for name, phrases in lists.phrases.items()}
        _made_matchers[version] = (
            PhraseMatcher({name: rubric.phrase_lists[name] for name in agent}),
            PhraseMatcher(heard, {MARKER_PREFIX + name for name in lists.negatable}),
        )
    return _made_matchers[version]


def _lists_by_side(rubric: Rubric) -> tuple[set[str], set[str]]:
    """Phrase lists that are looked for in replies, and those looked for in what the customer says."""
    agent: set[str] = set()
    customer: set[str] = set()
    for indicator in rubric.indicators:
        for name, parameter in DETECTORS[indicator.detector].parameters.items():
            value = indicator.parameters[name]
            if parameter.kind == "agent_phrases":
                agent.update(value)
            elif parameter.kind == "customer_phrases":
                customer.update(value)
            elif parameter.kind == "items":
                for item in value:
                    agent.update(item["asked"])
                    customer.update(item["given"])
    return agent, {name for name in customer if not name.startswith(MARKER_PREFIX)}
