"""A score as a person can follow it: which indicators, which quotes, which weights, and what would have scored higher.

Reads rows as the scorer wrote them and judges nothing again. The gain of an indicator is exact: the total is added up once
more with this one outcome changed to `holds`; where a critical indicator made the total 0, the gain of the others is that of
the weighted mean behind it. Beside each indicator stands the agent's record on it (n, share, interval), so
that one call does not stand for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import pandas as pd

from touchstone.errors import TouchstoneError
from touchstone.reports.statistics import wilson_interval
from touchstone.rubric.model import Indicator, Rubric
from touchstone.scoring.scorer import ScoreFrames

_Z = 1.959963984540054  # of a 95 % interval
_SUBJECTS = {"human_agent": "human agent", "ai_agent": "AI agent"}
_RECENT_MONTHS = 6  # of a record, as shown; the data has them all
_OUTCOMES = {"holds": "held", "fails": "failed", "not_applicable": "did not apply"}


@dataclass(frozen=True)
class Record:
    """How an agent did on an indicator in all interactions in which it applied.

    Attributes:
        n: Those interactions.
        held: In how many of them it held.
        share, low, high: Of `held`, with the 95 % Wilson interval; None without any.
        by_month: (month, n, held), the distribution over time.
        team_share: The same share over the agent's team.
    """

    n: int
    held: int
    share: float | None
    low: float | None
    high: float | None
    by_month: tuple[tuple[str, int, int], ...] = ()
    team_share: float | None = None


def record(
    held: int, n: int, by_month: tuple[tuple[str, int, int], ...] = (), team_share: float | None = None
) -> Record:
    """A record with its interval (Wilson, 1927).

    Raises:
        TouchstoneError: More held than there were.
    """
    if not 0 <= held <= n:
        raise TouchstoneError("a record that cannot be", f"{held} of {n}", "Count outcomes of one indicator and agent.")
    if n == 0:
        return Record(0, 0, None, None, None, by_month, team_share)
    low, high = wilson_interval(held, n, _Z)
    return Record(n, held, held / n, low, high, by_month, team_share)


@dataclass(frozen=True)
class Quote:
    """A stretch of a message, in Unicode code points; `reference` names the article that it was held against."""

    message_key: str
    start: int
    end: int
    text: str
    reference: str | None = None


@dataclass(frozen=True)
class IndicatorAccount:
    """What became of one indicator.

    Attributes:
        share: Of its dimension, 0 to 1; 0 for a behaviour that is followed without counting.
        missed_moment: Of a failure, the message in which the behaviour was due or went wrong.
        better: A wording that would have passed.
        gain: Points of the total that it would have brought, had it held; 0 for what held.
    """

    indicator_id: str
    title: str
    description: str
    outcome: str
    is_critical: bool
    share: float
    confidence: float
    evaluator: str
    quotes: tuple[Quote, ...]
    missed_moment: Quote | None
    better: str | None
    gain: float
    record: Record | None


@dataclass(frozen=True)
class DimensionAccount:
    """A dimension, its share of the total (0 to 1, of what was rated), and its indicators."""

    dimension_id: str
    title: str
    purpose: str
    share: float | None
    score: float | None
    tier: str | None
    indicators: tuple[IndicatorAccount, ...]


@dataclass(frozen=True)
class Calibrated:
    """What readers see instead where a model has learned from reviewers; scores 0 to 100.

    Attributes:
        dimensions: Calibrated scores by dimension, of those that the model shows.
    """

    total: float
    tier: str | None
    model: str
    dimensions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """The account of one side of one interaction; scores 0 to 100.

    Attributes:
        weighted: The weighted mean before the rule that a failed critical indicator makes the total 0.
        weights: Whose weights: a profile's title, or None for the rubric's own.
        higher: Failed indicators that count, those that would have brought most first.
        effort: Handle time and turns with their expected values and the n behind them; empty without a baseline.
        calibrated: What an active model makes of the score; None without one.
    """

    interaction_key: str
    subject: str
    rubric_version: str
    total: float | None
    weighted: float | None
    tier: str | None
    unrated_reason: str | None
    is_critical_failure: bool
    weights: str | None
    dimensions: tuple[DimensionAccount, ...]
    higher: tuple[IndicatorAccount, ...] = ()
    effort: Mapping[str, Any] = field(default_factory=dict)
    calibrated: Calibrated | None = None

    def as_data(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return asdict(self)

    def as_text(self) -> str:
        """The account in plain text."""
        return template("explanation.txt.j2").render(account=self).strip() + "\n"

    def as_html(self) -> str:
        """The account as a fragment of HTML; every text in it is escaped."""
        return template("explanation.html.j2").render(account=self).strip() + "\n"


def explain(
    scores: ScoreFrames,
    texts: Mapping[str, str],
    rubric: Rubric,
    interaction_key: str,
    subject: str,
    records: Mapping[str, Record] | None = None,
) -> Explanation:
    """The account of one score.

    Args:
        scores: Rows of the interaction as the scorer writes them (others may be among them).
        texts: Redacted text by message key, of the messages that are quoted.
        rubric: The one that the rows were made with.
        records: The agent's record by indicator; what is not given is left out.

    Raises:
        TouchstoneError: There is no such score, it is of another rubric, or a quoted message is not among the texts.
    """
    total = _one(scores.interaction_scores, interaction_key, subject)
    if total["rubric_version"] != rubric.full_version:
        raise TouchstoneError(
            "a score of another rubric", total["rubric_version"], f"Explain it with its own, not {rubric.full_version}."
        )
    indicators = {one.id: one for one in rubric.indicators}
    rows = _rows(scores.indicator_scores, interaction_key, subject)
    evidence: dict[str, list[Quote]] = {}
    for row in _rows(scores.evidence, interaction_key, subject):
        text = _text(texts, row["message_key"])
        start, end = row["start_offset"], row["end_offset"]
        evidence.setdefault(row["indicator_id"], []).append(
            Quote(row["message_key"], start, end, text[start:end], row.get("reference"))
        )
    outcomes = {row["indicator_id"]: row["outcome"] for row in rows}
    profile = next((one for one in rubric.profiles if one.id == total["profile_id"]), None)
    weights = profile.weights if profile else rubric.weights_on(total["interaction_started_at"].date())
    language = total["language"] or rubric.languages[0]
    accounts: dict[str, list[IndicatorAccount]] = {}
    possible: dict[str, float] = {}
    for row in rows:
        one = indicators[row["indicator_id"]]
        if row["outcome"] != "not_applicable":
            possible[one.dimension] = possible.get(one.dimension, 0.0) + one.weight
    for row in rows:
        one = indicators[row["indicator_id"]]
        failed = row["outcome"] == "fails"
        gain = 0.0
        if failed:
            changed = {**outcomes, one.id: "holds"}
            gain = _total(rubric, weights, changed, one.critical) - _total(rubric, weights, outcomes, one.critical)
        due = row.get("due_message_key")
        moment = None
        if failed and isinstance(due, str):
            text = _text(texts, due)
            moment = Quote(due, 0, len(text), text)
        applies = row["outcome"] != "not_applicable"
        accounts.setdefault(one.dimension, []).append(
            IndicatorAccount(
                indicator_id=one.id,
                title=one.title,
                description=one.description,
                outcome=row["outcome"],
                is_critical=one.critical,
                share=one.weight / possible[one.dimension] if applies and possible[one.dimension] else 0.0,
                confidence=row["confidence"],
                evaluator=f"{row['evaluator_type']} {row['evaluator_version']}",
                quotes=tuple(evidence.get(one.id, ())),
                missed_moment=moment,
                better=_better(one, language, rubric) if failed else None,
                gain=round(gain, 2),
                record=(records or {}).get(one.id),
            )
        )
    scored = {row["dimension_id"]: row for row in _rows(scores.dimension_scores, interaction_key, subject)}
    rated = sum(weights[name] for name, row in scored.items() if row["raw_score"] is not None)
    dimensions = tuple(
        DimensionAccount(
            one.id,
            one.title,
            one.purpose,
            weights[one.id] / rated if scored[one.id]["raw_score"] is not None else None,
            _shown(scored[one.id]),
            scored[one.id]["tier"],
            tuple(accounts.get(one.id, ())),
        )
        for one in rubric.dimensions
    )
    failed_ones = [one for entries in accounts.values() for one in entries if one.outcome == "fails" and one.gain > 0]
    facts = {
        name: total[name]
        for name in (
            "handle_minutes", "expected_handle_minutes", "turn_count", "expected_turn_count", "complexity", "baseline_n",
        )
        if total.get("expected_handle_minutes") is not None
    }  # fmt: skip
    return Explanation(
        interaction_key,
        subject,
        rubric.full_version,
        total["total_score"],
        total["weighted_score"],
        total["tier"],
        total["unrated_reason"],
        bool(total["is_critical_failure"]),
        profile.title if profile else None,
        dimensions,
        tuple(sorted(failed_ones, key=lambda one: (-one.gain, one.indicator_id))),
        facts,
    )


def _total(rubric: Rubric, weights: Mapping[str, float], outcomes: Mapping[str, str], is_zeroed: bool) -> float:
    """The total of outcomes, as the scorer adds it up; 0 where nothing is rated.

    Args:
        is_zeroed: Whether a failed critical indicator makes it 0.
    """
    held: dict[str, float] = {}
    possible: dict[str, float] = {}
    for one in rubric.indicators:
        outcome = outcomes.get(one.id)
        if is_zeroed and outcome == "fails" and one.critical:
            return 0.0
        if one.weight and outcome in ("holds", "fails"):
            possible[one.dimension] = possible.get(one.dimension, 0.0) + one.weight
            held[one.dimension] = held.get(one.dimension, 0.0) + one.weight * (outcome == "holds")
    if not possible:
        return 0.0
    points = sum(weights[name] * 100.0 * held[name] / possible[name] for name in possible)
    return points / sum(weights[name] for name in possible)


def _better(indicator: Indicator, language: str, rubric: Rubric) -> str | None:
    return indicator.better.get(language) or indicator.better.get(rubric.languages[0])


def _shown(row: Mapping[str, Any]) -> float | None:
    """The calibrated score where there is one."""
    return row["raw_score"] if row["calibrated_score"] is None else row["calibrated_score"]


def _rows(frame: pd.DataFrame, interaction_key: str, subject: str) -> list[dict[str, Any]]:
    mine = frame[(frame["interaction_key"] == interaction_key) & (frame["subject"] == subject)]
    return mine.astype(object).where(mine.notna(), None).to_dict("records")


def _one(frame: pd.DataFrame, interaction_key: str, subject: str) -> dict[str, Any]:
    rows = _rows(frame, interaction_key, subject)
    if len(rows) != 1:
        raise TouchstoneError(
            f"{len(rows)} scores of this side",
            f"{interaction_key}, {subject}",
            "Name an interaction and a side that replied.",
        )
    return rows[0]


def _text(texts: Mapping[str, str], message_key: str) -> str:
    if message_key not in texts:
        raise TouchstoneError("a quoted message is missing", message_key, "Pass the texts of the whole interaction.")
    return texts[message_key]


def _plain(text: str) -> str:
    """One line without characters that would steer a terminal or reorder what it shows."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


@cache
def template(name: str) -> Any:
    """A template of this package; what it prints into HTML is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("touchstone.scoring"),
        autoescape=name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"subjects": _SUBJECTS, "outcomes": _OUTCOMES, "recent_months": _RECENT_MONTHS}
    environment.filters["plain"] = _plain
    return environment.get_template(name)
