"""Scores a batch of whole interactions: frames in, frames out, nothing else read or written.

The same function runs in one task, in many mapped tasks or on the partitions of a distributed engine. It is deterministic:
equal input gives equal output, in the order of the input.

The certainty of a dimension is the probability that its tier equals a person's: only a calibration against people gives it,
so it is null while `calibrator_version` is `none`. The certainty of an indicator is 1 where the outcome was measured or can
be quoted, and 0.5 where it rests on the absence of a phrase that other wording may have expressed.

What cannot be judged is said, not guessed: an interaction in a language outside the rubric, or whose replies are all automatic,
has rows without scores and an `unrated_reason`; polarity is null in a language without a lexicon.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

import pandas as pd

from touchstone.errors import TouchstoneError
from touchstone.judge.cases import Judgement
from touchstone.rubric.catalogue import DETECTORS, READING_VERSION
from touchstone.rubric.loader import MARKER_PREFIX, digest, sentiment_version
from touchstone.rubric.model import SUBJECTS, Indicator, Rubric, primary
from touchstone.scoring.baselines import effort, first_contact
from touchstone.scoring.context import Context, evaluator_names, needs_judge, resolved
from touchstone.scoring.conversation import Conversation, Reader, Turn, feature_reader
from touchstone.scoring.detectors import IMPLEMENTATIONS, NOT_DUE, Detector, Finding
from touchstone.scoring.judging import Ask, ask_of, case_of, hits_of, is_overruled
from touchstone.scoring.languages import judged_language
from touchstone.scoring.patterns import find_patterns
from touchstone.scoring.totals import Totaller
from touchstone.scoring.trajectory import trajectory
from touchstone.text.markers import MarkerLists, all_caps, marker_lists, repeated
from touchstone.text.phrases import PhraseMatcher
from touchstone.text.sentiment import SENTIMENT_VERSION, sentiment

CODE_VERSION = "2"
"""Version of scorer, totals, trajectory and contextual markers; any change of what they give needs a new one."""
CALIBRATOR_VERSION = "none"
LEXICON_LANGUAGES = frozenset({"en"})
"""Languages whose words the sentiment lexicon knows."""
MOST_MARKERS = 100
"""Markers of one message that are stored, from its beginning."""
MEASURED, ABSENCE = 1.0, 0.5
RULE, LLM = "rule", "llm"
REPEAT_CONTACT = "repeat_contact"
_EXPECTED_FROM = 5  # fewest interactions behind an expected value that is shown

_ID = ("interaction_started_at", "interaction_key", "input_hash")
_EVALUATOR = ("evaluator_type", "evaluator_version")
_FACTS = (
    "language",
    "handle_minutes",
    "turn_count",
    "complexity",
    "expected_handle_minutes",
    "expected_turn_count",
    "baseline_id",
    "baseline_n",
)
COLUMNS: dict[str, tuple[str, ...]] = {
    "message_scores": (
        *_ID,
        "reading_version",
        "message_key",
        "polarity",
        "subjectivity",
        "has_escalation_request",
        "has_repeat_question",
        "response_gap_minutes",
        "markers",
        *_EVALUATOR,
    ),
    "trajectories": (
        *_ID,
        "reading_version",
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
        "escalation_request_count",
        "repeat_question_count",
        "longest_response_gap_minutes",
        "is_repeat_contact",
        "is_recovery",
        *_EVALUATOR,
    ),
    "indicator_scores": (
        *_ID,
        "subject",
        "indicator_id",
        "indicator_version",
        "outcome",
        "confidence",
        *_EVALUATOR,
        "due_message_key",
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
        "reference",
    ),
    "judgements": (
        *_ID,
        "subject",
        "indicator_id",
        "indicator_version",
        "question_id",
        "outcome",
        "judge_outcome",
        "judge_confidence",
        "judge_message_key",
        "judge_start_offset",
        "judge_end_offset",
        "rule_outcome",
        "disagrees",
        "why",
        "detail",
        "evaluator_version",
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
        *_EVALUATOR,
    ),
    "facet_scores": (
        *_ID,
        "subject",
        "rubric_version",
        "facet_id",
        "score",
        "tier",
        "applicable_indicator_count",
        "is_critical_failure",
        *_EVALUATOR,
    ),
    "profile_scores": (
        *_ID,
        "subject",
        "rubric_version",
        "profile_id",
        "score",
        "tier",
        *_EVALUATOR,
    ),
    "interaction_scores": (
        *_ID,
        "subject",
        "scorer_version",
        "rubric_version",
        "calibrator_version",
        "profile_id",
        "weighted_score",
        "total_score",
        "tier",
        "confidence",
        "is_critical_failure",
        "rated_dimension_count",
        "unrated_reason",
        *_FACTS,
        *_EVALUATOR,
    ),
}
_OPTIONAL = ("channel", "language", "topic", "product_area", "handled_by", "is_repeat_contact")


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
    judgements: pd.DataFrame
    dimension_scores: pd.DataFrame
    facet_scores: pd.DataFrame
    profile_scores: pd.DataFrame
    interaction_scores: pd.DataFrame

    def items(self) -> list[tuple[str, pd.DataFrame]]:
        """(table, frame) in the order of the tables."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


class Facts(NamedTuple):
    """What is noted of a side's part in an interaction beside its scores; times in minutes.

    Attributes:
        language: In which it was judged.
        complexity: simple, medium or hard; None without a baseline, as all that follows.
        baseline_n: Interactions behind the expected values.
    """

    language: str
    handle_minutes: float
    turn_count: int
    complexity: str | None = None
    expected_handle_minutes: float | None = None
    expected_turn_count: float | None = None
    baseline_id: str | None = None
    baseline_n: int | None = None


@dataclass(frozen=True)
class Stored:
    """Rows of the same content that stand already, of whatever rubric: they are added up and not made again.

    Attributes:
        outcomes: Interaction -> side -> indicator -> outcome, of the indicator versions that the rubric names.
        facts: Interaction -> side -> facts; of rated interactions only.
        read: Interactions whose messages have their scores of the present reading.
    """

    outcomes: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Facts]] = field(default_factory=dict)
    read: frozenset[str] = frozenset()

    def is_complete(self, key: str, wanted: Mapping[str, Iterable[str]]) -> bool:
        """Whether totals can be made without reading a message.

        Args:
            wanted: Indicators by side.
        """
        sides = self.facts.get(key)
        if not sides or key not in self.read:
            return False
        known = self.outcomes.get(key, {})
        return all(known.get(side, {}).keys() >= set(wanted[side]) for side in sides)


def scorer_version(rubric: Rubric) -> str:
    """Version under which a rubric's scores are stored: rubric, sentiment and code, readable, with a digest of them all."""
    content = [rubric.id, rubric.full_version, SENTIMENT_VERSION, READING_VERSION, CODE_VERSION, CALIBRATOR_VERSION]
    return f"{rubric.id}-{rubric.full_version}+code{CODE_VERSION}.{digest(content)}"


def reading_version(rubric: Rubric) -> str:
    """Version of message scores and trajectories: changes with the sentiment, its rules and the markers, not with weights."""
    return f"reading{CODE_VERSION}.{sentiment_version(rubric.sentiment, rubric.languages)}"


def wanted_indicators(rubric: Rubric) -> dict[str, list[str]]:
    """Ids of indicators by the side that they judge."""
    return {subject: [one.id for one in rubric.indicators if subject in one.subjects] for subject in SUBJECTS}


def score_batch(
    interactions: pd.DataFrame,
    messages: pd.DataFrame,
    rubric: Rubric,
    context: Context | None = None,
    stored: Stored | None = None,
) -> ScoreFrames:
    """Score every interaction of a batch, once per side that replied in public.

    Args:
        interactions: One row per interaction: interaction_key, interaction_started_at, input_hash; and, where known, channel,
            language, topic, product_area, handled_by, is_repeat_contact (the same customer wrote about the same shortly
            before).
        messages: All their messages: interaction_key, message_key, ordinal, actor, sent_at, text (redacted), pii (list of
            {type, start, end}), is_internal, is_automation; and, where known, agent_key. Any order. Interactions that
            `stored` holds whole need none.
        rubric: An approved rubric.
        context: Articles, baselines, canned texts, models; nothing of it is needed.
        stored: Rows that stand already; only what is missing is worked out, and totals.

    Returns:
        Scores in the order of `interactions`.

    Raises:
        ConfigurationError: The rubric is not approved, or names a model that is not there.
        TouchstoneError: An interaction cannot be judged: no reply in public, messages of an interaction that is not in the
            batch, or a fault of a detector (the cause is attached). Its key is named.
    """
    rubric.require_approved()
    context = context or Context()
    return _Scorer(resolved(rubric, context), context, stored or Stored()).score(interactions, messages)


class _Case(NamedTuple):
    """An interaction before it is read."""

    identity: tuple[Any, ...]
    about: Mapping[str, Any]
    language: str
    rows: list[tuple[Any, ...]]

    @property
    def header(self) -> tuple[str | None, ...]:
        """What `Applies.matches` takes."""
        about = self.about
        return (
            about.get("channel"),
            about.get("product_area"),
            about.get("topic"),
            self.language,
            about.get("handled_by"),
        )


class _Heard(NamedTuple):
    """An interaction that was read.

    Attributes:
        automated: (message, text) of what the customer's machines wrote.
        sides: That replied in public, be it by automatic replies.
    """

    conversation: Conversation
    automated: list[tuple[str, str]]
    sides: set[str]


class _Scorer:
    """A rubric made ready: matchers, parameters and weights."""

    def __init__(self, rubric: Rubric, context: Context, stored: Stored) -> None:
        self.rubric, self.context, self.stored = rubric, context, stored
        self.version = scorer_version(rubric)
        self.reading = reading_version(rubric)
        self.totaller = Totaller(rubric)
        self.wanted = wanted_indicators(rubric)
        self.judged_parts = {one.name for one in rubric.patterns if one.kind == "judge"}
        self.detectors = {
            subject: [
                (
                    one,
                    IMPLEMENTATIONS[one.detector],
                    SimpleNamespace(**one.parameters),
                    self._evaluator(one),
                    one.applies.is_everything,
                )
                for one in rubric.indicators
                if subject in one.subjects
            ]
            for subject in SUBJECTS
        }
        self.asks = self._asks() if context.judge is not None else {}
        self.judgements: dict[tuple[str, str], dict[str, Judgement]] = {}
        self.gaps = dict(rubric.sentiment.response_gap_minutes)
        self.readers: dict[tuple[str, str], Reader] = {}
        self.out: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}

    def _evaluator(self, indicator: Indicator) -> tuple[str, str]:
        names = [] if indicator.evaluator == RULE else evaluator_names(indicator, self.rubric)
        if self.context.judge is not None or not self._has_judged_part(indicator):
            return self._evaluator_of(indicator, names)
        if indicator.evaluator == LLM:
            return LLM, "judge:off"
        kind, version = self._evaluator_of(indicator, names)
        return kind, f"{version}+judge:off"

    def _evaluator_of(self, indicator: Indicator, names: list[str]) -> tuple[str, str]:
        """(type, version) where these decide beside rules."""
        if not names:
            return RULE, f"rules-{READING_VERSION}.{DETECTORS[indicator.detector].version}"
        version = "+".join(self.context.evaluator_versions.get(name, "unstated") for name in names)
        return LLM if LLM in names else "model", version

    def _has_judged_part(self, indicator: Indicator) -> bool:
        if not self.judged_parts or indicator.detector != "behaviour":
            return False
        parts = (*indicator.parameters["parts"], *indicator.parameters["when"])
        return any(not self.judged_parts.isdisjoint(part["names"]) for part in parts)

    def _asks(self) -> dict[str, Ask]:
        asks = {}
        for indicator in self.rubric.indicators:
            if indicator.evaluator == LLM:
                names = [name for name in evaluator_names(indicator, self.rubric) if name != LLM]
                offline = None if needs_judge(indicator, self.rubric) else self._evaluator_of(indicator, names)
                asks[indicator.id] = ask_of(indicator, self.rubric, offline)
        return asks

    def score(self, interactions: pd.DataFrame, messages: pd.DataFrame) -> ScoreFrames:
        cases = self._cases(interactions, _messages_by_key(messages))
        self._read(cases)
        heard: list[_Heard | None] = []
        for case in cases:
            with _named(case):
                is_read = self.rubric.supports(case.language) and not self._is_complete(case)
                heard.append(self._heard(case) if is_read else None)
        if self.asks:
            self._ask(cases, heard)
        for case, one in zip(cases, heard, strict=True):
            with _named(case):
                if one is not None:
                    self._interaction(case, *one)
                elif self._is_complete(case):
                    self._add_up(case)
                else:
                    self._unrated(case, "unsupported_language")
        return ScoreFrames(**{table: _frame(table, rows) for table, rows in self.out.items()})

    def _is_complete(self, case: _Case) -> bool:
        return not case.rows and self.stored.is_complete(case.identity[1], self.wanted)

    def _cases(self, interactions: pd.DataFrame, by_key: dict[str, list[tuple[Any, ...]]]) -> list[_Case]:
        identities = zip(*(interactions[name].tolist() for name in _ID), strict=True)
        given = [name for name in _OPTIONAL if name in interactions.columns]
        headers = (
            zip(*(interactions[name].tolist() for name in given), strict=True) if given else [()] * len(interactions)
        )
        cases = []
        for identity, header in zip(identities, headers, strict=True):
            about = {name: _stated(value) for name, value in zip(given, header, strict=True)}
            rows = by_key.pop(identity[1], [])
            rows.sort(key=lambda row: (row[0], row[1]))
            sides = self.stored.facts.get(identity[1])
            if not rows and sides:
                language = next(iter(sides.values())).language
            else:
                stated = about.get("language")
                language = judged_language(
                    primary(stated) if stated else None,
                    (row[4] for row in rows if row[2] == "customer" and not row[6] and not row[7]),
                    self.rubric.languages[0],
                )
            cases.append(_Case(identity, about, language, rows))
        if by_key:
            raise TouchstoneError(
                "messages of an interaction that is not in the batch", next(iter(by_key)), "Pass whole interactions."
            )
        return cases

    def _read(self, cases: list[_Case]) -> None:
        """What is worked out for all messages of the batch in one go: polarity, and the patterns of behaviours."""
        spoken: list[tuple[str, str]] = []
        texts: dict[tuple[str, str], dict[str, None]] = {}
        for case in cases:
            if not self.rubric.supports(case.language):
                continue
            for row in case.rows:
                if row[6]:
                    continue
                side = "customer" if row[2] == "customer" else "agent" if row[2] in SUBJECTS else None
                if side is None:
                    continue
                texts.setdefault((side, case.language), {})[row[4]] = None
                if side == "customer":
                    spoken.append((case.language, row[4]))
        self.readers = {
            (side, language): feature_reader(_matcher(self.rubric, self.version, side, language), self._templates(side))
            for side, language in texts
        }
        self.polarity = _polarities([text for language, text in spoken if language in LEXICON_LANGUAGES])
        for side in ("agent", "customer"):
            patterns = [one for one in self.rubric.patterns if one.side == side]
            if patterns:
                found = [
                    self.readers[side, language](text)
                    for (whose, language), said in texts.items()
                    if whose == side
                    for text in said
                ]
                find_patterns(patterns, found, self.context)

    def _templates(self, side: str) -> Any:
        return self.context.templates if side == "agent" else None

    def _heard(self, case: _Case) -> _Heard:
        language = case.language
        turns: list[Turn] = []
        automated: list[tuple[str, str]] = []
        sides: set[str] = set()
        rows = case.rows
        lexicon = self.polarity if language in LEXICON_LANGUAGES else None
        for _, message_key, actor, sent_at, text, pii, is_internal, is_automation, agent_key in rows:
            if is_internal:
                continue
            polarity, subject = 0.0, actor
            if actor == "customer":
                if is_automation:
                    automated.append((message_key, text))
                    continue
                features, subject = self.readers["customer", language](text), None
                if features.is_automatic:
                    automated.append((message_key, text))
                    continue
                polarity = lexicon[text][0] if lexicon is not None else 0.0
            elif actor in SUBJECTS and not is_automation:
                sides.add(actor)
                features = self.readers["agent", language](text)
                if features.is_automatic:
                    continue
            else:
                continue
            moment = sent_at.timestamp()
            turns.append(Turn(len(turns), message_key, subject, agent_key, text, moment, pii or (), features, polarity))
        if not sides:
            raise TouchstoneError(
                f"interaction {case.identity[1]} has no reply in public",
                None,
                "Exclude it in core; there is nobody to judge.",
            )
        conversation = Conversation(case.about, language, turns, marker_lists(language), self.context)
        return _Heard(conversation, automated, sides)

    def _ask(self, cases: list[_Case], heard: list[_Heard | None]) -> None:
        """Put what is pending to the judge, for all conversations of the batch at once."""
        asked = []
        for case, one in zip(cases, heard, strict=True):
            key = case.identity[1]
            for subject in SUBJECTS if one is not None else ():
                if subject in one.conversation.replies:
                    stored = self.stored.outcomes.get(key, {}).get(subject, {})
                    pending = [
                        (self.asks[indicator.id], parameters)
                        for indicator, _, parameters, _, is_for_all in self.detectors[subject]
                        if indicator.id in self.asks
                        and indicator.id not in stored
                        and _is_for(indicator, is_for_all, case.language, case.header)
                    ]
                    asked.append(case_of(one.conversation, key, subject, pending))
        for judgement in self.context.judge.judge([one for one in asked if one is not None]):
            place = judgement.interaction_key, judgement.subject
            self.judgements.setdefault(place, {})[judgement.question_id] = judgement

    def _interaction(
        self, case: _Case, conversation: Conversation, automated: list[tuple[str, str]], sides: set[str]
    ) -> None:
        if case.identity[1] not in self.stored.read:
            self._sentiment(case, conversation, automated)
        if not conversation.replies:
            self._rows_without_scores(case, sides, "only_automatic_replies")
        complexity = None
        if self.context.baseline is not None and conversation.replies:
            complexity = self.context.baseline.complexity(first_contact(conversation))
        for subject in SUBJECTS:
            if subject in conversation.replies:
                self._subject(case, conversation, subject, complexity)

    def _unrated(self, case: _Case, reason: str) -> None:
        """Rows that say why there is no score, and nothing about sentiment that was not read."""
        sides = {row[2] for row in case.rows if row[2] in SUBJECTS and not row[6] and not row[7]}
        if not sides:
            raise TouchstoneError(
                f"interaction {case.identity[1]} has no reply in public",
                None,
                "Exclude it in core; there is nobody to judge.",
            )
        spoken = [row for row in case.rows if row[2] == "customer" and not row[6]]
        if case.identity[1] not in self.stored.read:
            for row in spoken:
                self._message(case, row[1], None, None, False, False, None, [])
            count = sum(not row[7] for row in spoken)
            self.out["trajectories"].append(
                (
                    *case.identity, self.reading, count, None, None, None, None, None, None, "not_rated", "none", reason,
                    0, 0, None, _flag(case.about), False, RULE, self.reading,
                )
            )  # fmt: skip
        self._rows_without_scores(case, sides, reason)

    def _rows_without_scores(self, case: _Case, sides: set[str], reason: str) -> None:
        for subject in SUBJECTS:
            if subject in sides:
                self._totals(case, subject, [], Facts(case.language, 0.0, 0), reason)

    def _sentiment(
        self,
        case: _Case,
        conversation: Conversation,
        automated: list[tuple[str, str]],
    ) -> None:
        lexicon = self.polarity if case.language in LEXICON_LANGUAGES else None
        lists = conversation.lists
        found: dict[str, list[dict[str, Any]]] = {turn.message_key: [] for turn in conversation.customers}
        names: set[str] = set()
        earlier: list[Any] = []
        for turn in conversation.customers:
            features, markers = turn.features, found[turn.message_key]
            for hit, spans in features.hits.items():
                if hit.startswith(MARKER_PREFIX):
                    name = hit[len(MARKER_PREFIX) :]
                    markers += [_marker(name, *span) for span in spans]
            asked = features.questions(lists)
            markers += [
                _marker("repeat_question", one.start, one.end) for one in asked if repeated(one, earlier, lists)
            ]
            earlier += asked
            markers += [_marker("all_caps", *span) for span in all_caps(turn.text, turn.pii, lists)]
        waited: dict[str, float] = {}
        gap = conversation.limit(self.gaps)
        for turn, reply in conversation.waits:
            minutes = round((reply.sent_at - turn.sent_at) / 60, 2)
            waited[turn.message_key] = minutes
            if turn.text and minutes > gap:
                found[turn.message_key].append(_marker("response_gap", 0, len(turn.text)) | {"minutes": minutes})
        requests = repeats = 0
        for turn in conversation.customers:
            markers = sorted(found[turn.message_key], key=lambda one: (one["start"], one["end"], one["marker"]))
            in_turn = {one["marker"] for one in markers}
            names |= in_turn
            del markers[MOST_MARKERS:]
            is_request, is_repeat = "escalation_request" in in_turn, "repeat_question" in in_turn
            requests += is_request
            repeats += is_repeat
            polarity, subjectivity = lexicon[turn.text] if lexicon is not None else (None, None)
            self._message(
                case,
                turn.message_key,
                polarity,
                subjectivity,
                is_request,
                is_repeat,
                waited.get(turn.message_key),
                markers,
            )
        for message_key, text in automated:
            scores = lexicon[text] if lexicon is not None else (None, None)
            self._message(case, message_key, *scores, False, False, None, [])
        is_repeat_contact = _flag(case.about)
        if is_repeat_contact:
            names.add(REPEAT_CONTACT)
        polarities = [turn.polarity for turn in conversation.customers] if lexicon is not None else None
        moved = trajectory(polarities, names, self.rubric.sentiment)
        self.out["trajectories"].append(
            (
                *case.identity,
                self.reading,
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
                requests,
                repeats,
                max(waited.values(), default=None),
                is_repeat_contact,
                moved.trajectory_class == "recovered",
                RULE,
                self.reading,
            ),
        )

    def _message(
        self,
        case: _Case,
        message_key: str,
        polarity: float | None,
        subjectivity: float | None,
        is_request: bool,
        is_repeat: bool,
        gap: float | None,
        markers: list[dict[str, Any]],
    ) -> None:
        self.out["message_scores"].append(
            (
                *case.identity, self.reading, message_key, polarity, subjectivity, is_request, is_repeat, gap,
                markers, RULE, self.reading,
            )
        )  # fmt: skip

    def _subject(self, case: _Case, conversation: Conversation, subject: str, complexity: str | None) -> None:
        identity = case.identity
        stored = self.stored.outcomes.get(identity[1], {}).get(subject, {})
        outcomes: list[tuple[str, str]] = []
        header = case.header
        judgements = self.judgements.get((identity[1], subject), {})
        rows, evidence_rows = self.out["indicator_scores"], self.out["evidence"]
        for indicator, detect, parameters, evaluator, is_for_all in self.detectors[subject]:
            name = indicator.id
            if name in stored:
                outcomes.append((name, stored[name]))
                continue
            if not _is_for(indicator, is_for_all, case.language, header) or (evaluator[0] == LLM and not self.asks):
                found = NOT_DUE
            elif name in self.asks:
                found, evaluator = self._judged(
                    case, conversation, subject, judgements, indicator, detect, parameters, evaluator
                )
            else:
                found = detect(conversation, subject, parameters)
            outcome, evidence, observed, due, references = found
            outcomes.append((name, outcome))
            rows.append(
                (
                    *identity,
                    subject,
                    name,
                    indicator.version,
                    outcome,
                    MEASURED if observed else ABSENCE,
                    *evaluator,
                    due.message_key if due is not None else None,
                ),
            )
            for number, (turn, start, end) in enumerate(evidence, 1):
                evidence_rows.append(
                    (
                        *identity, subject, name, indicator.version, number, turn.message_key, start, end,
                        references[number - 1] if references else None,
                    ),
                )  # fmt: skip
        self._totals(case, subject, outcomes, self._facts(case, conversation, subject, complexity), None)

    def _judged(
        self,
        case: _Case,
        conversation: Conversation,
        subject: str,
        judgements: Mapping[str, Judgement],
        indicator: Indicator,
        detect: Detector,
        parameters: SimpleNamespace,
        evaluator: tuple[str, str],
    ) -> tuple[Finding, tuple[str, str]]:
        """What a behaviour with questions to the judge comes to, and who decided."""
        ask = self.asks[indicator.id]
        said = [judgements[one.id] for one in ask.questions if one.id in judgements]
        if not said:
            return NOT_DUE, evaluator
        hits, is_open = hits_of(conversation, ask, judgements)
        conversation.judged.setdefault(subject, {}).update(hits)
        found = detect(conversation, subject, ask.judged if is_overruled(said) else parameters)
        if is_open and not found.evidence:
            found = NOT_DUE
        for one in said:
            judge = one.judge
            self.out["judgements"].append(
                (
                    *case.identity, subject, indicator.id, indicator.version, one.question_id,
                    one.verdict.outcome if one.verdict else None,
                    *((judge.outcome, judge.confidence, judge.message_key, judge.start, judge.end) if judge else (None,) * 5),
                    one.rule.outcome if one.rule else None,
                    one.disagrees, one.why, one.detail, self.context.evaluator_versions.get(LLM, "unstated"),
                )
            )  # fmt: skip
        whys = sorted({one.why for one in said if one.why})
        kind, version = ask.offline if ask.offline and all(one.why for one in said) else evaluator
        return found, (kind, "+".join([version, *(f"judge:{why}" for why in whys)]))

    def _facts(self, case: _Case, conversation: Conversation, subject: str, complexity: str | None) -> Facts:
        kept = self.stored.facts.get(case.identity[1], {}).get(subject)
        if kept is not None:
            return kept
        spent = effort(conversation, subject)
        baseline = self.context.baseline
        if baseline is None:
            return Facts(case.language, spent.handle_minutes, spent.turns)
        expected = baseline.expected(subject, case.about.get("topic"), complexity, _EXPECTED_FROM)
        return Facts(
            case.language,
            spent.handle_minutes,
            spent.turns,
            complexity,
            expected.handle_minutes if expected else None,
            expected.turns if expected else None,
            baseline.baseline_id,
            expected.n if expected else 0,
        )

    def _add_up(self, case: _Case) -> None:
        """Totals from stored outcomes alone."""
        known = self.stored.outcomes.get(case.identity[1], {})
        for subject in SUBJECTS:
            facts = self.stored.facts[case.identity[1]].get(subject)
            if facts is not None:
                outcomes = [(name, known[subject][name]) for name in self.wanted[subject]]
                self._totals(case, subject, outcomes, facts, None)

    def _totals(
        self, case: _Case, subject: str, outcomes: list[tuple[str, str]], facts: Facts, unrated_reason: str | None
    ) -> None:
        identity, rubric_version = case.identity, self.rubric.full_version
        started_at: datetime = identity[0]
        evaluator = (RULE, self.version)
        totals = self.totaller.totals(subject, outcomes, case.about, case.language, started_at)
        head = (*identity, subject, rubric_version)
        self.out["dimension_scores"] += [
            (*head, CALIBRATOR_VERSION, one[0], one[1], None, one[2], None, one[3], *evaluator)
            for one in totals.dimensions
        ]
        self.out["facet_scores"] += [(*head, *one, *evaluator) for one in totals.facets]
        self.out["profile_scores"] += [(*head, *one, *evaluator) for one in totals.profiles]
        self.out["interaction_scores"].append(
            (
                *identity,
                subject,
                self.version,
                rubric_version,
                CALIBRATOR_VERSION,
                totals.profile_id,
                totals.weighted_score,
                totals.total_score,
                totals.tier,
                None,
                totals.is_critical_failure,
                totals.rated_dimension_count,
                unrated_reason,
                *facts,
                *evaluator,
            ),
        )


@contextmanager
def _named(case: _Case) -> Iterator[None]:
    """Name the interaction in whatever goes wrong with it."""
    try:
        yield
    except TouchstoneError:
        raise
    except Exception as error:
        raise TouchstoneError(
            f"interaction {case.identity[1]} cannot be scored: {type(error).__name__}",
            str(error),
            "This is a fault of the scorer.",
        ) from error


def _is_for(indicator: Indicator, is_for_all: bool, language: str, header: tuple[str | None, ...]) -> bool:
    return language in indicator.languages and (is_for_all or indicator.applies.matches(*header))


def _frame(table: str, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS[table])
    return pd.DataFrame(
        {name: pd.Series(list(values), dtype=object) for name, values in zip(COLUMNS[table], columns, strict=True)}
    )


def _marker(name: str, start: int, end: int) -> dict[str, Any]:
    return {"marker": name, "start": start, "end": end}


def _stated(value: object) -> Any:
    """A value of a header; None for what is absent, in whatever way the frame says so."""
    if value is None or value == "" or value is pd.NA or value is pd.NaT or value != value:
        return None
    return value


def _flag(about: Mapping[str, Any]) -> bool | None:
    value = about.get("is_repeat_contact")
    return None if value is None else bool(value)


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
    columns = [messages[name].tolist() for name in names]
    columns.append(
        [_stated(value) for value in messages["agent_key"].tolist()]
        if "agent_key" in messages.columns
        else [None] * len(messages)
    )
    found: dict[str, list[tuple[Any, ...]]] = {}
    for key, *row in zip(*columns, strict=True):
        found.setdefault(key, []).append(tuple(row))
    return found


def _polarities(texts: list[str]) -> dict[str, tuple[float, float]]:
    """Polarity and subjectivity by text, computed in one go."""
    unique = list(dict.fromkeys(texts))
    polarity, subjectivity = sentiment(unique)
    pairs = zip(polarity.tolist(), subjectivity.tolist(), strict=True)
    return dict(zip(unique, pairs, strict=True))


_made_matchers: dict[tuple[str, str, str], PhraseMatcher] = {}


def _matcher(rubric: Rubric, version: str, side: str, language: str) -> PhraseMatcher:
    """The matcher for replies or for what the customer says in a language; made once per version of a scorer."""
    key = (version, side, language)
    if key not in _made_matchers:
        agent, customer = _lists_by_side(rubric)
        own = rubric.phrases[language]
        if side == "agent":
            _made_matchers[key] = PhraseMatcher({name: own[name] for name in sorted(agent) if name in own})
        else:
            lists: MarkerLists = marker_lists(language)
            heard = {name: own[name] for name in sorted(customer) if name in own}
            heard |= {MARKER_PREFIX + name: phrases for name, phrases in lists.phrases.items()}
            _made_matchers[key] = PhraseMatcher(heard, {MARKER_PREFIX + name for name in lists.negatable})
    return _made_matchers[key]


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
            elif parameter.kind == "parts":
                for part in value:
                    (agent if part["by"] == "agent" else customer).update(part["names"])
    return agent, {name for name in customer if not name.startswith(MARKER_PREFIX)}
