"""What the simulated company planted is found again: who is good, in every language, and people and AI agents alike.

True quality is 0 to 100 by dimension, of the side that carried a conversation; its total is made with the rubric's weights.
Totals are compared before the rule that one critical failure makes a total 0: true quality knows no such rule.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from touchstone.rubric import load_rubric
from touchstone.sandbox.company import build
from touchstone.sandbox.truth import canonical
from touchstone.scoring.scorer import score_batch
from touchstone.text.redact import redact

DAYS, PER_DAY, SEED = 45, 75.0, 11
LEAST = 50  # conversations of an agent whose mean is compared
MOST_DIFFERENCE = 3.0
LEAST_SPEARMAN = 0.8


@pytest.fixture(scope="module")
def compared() -> pd.DataFrame:
    """One row per conversation: agent, subject, language, true and scored totals and dimensions."""
    rubric = load_rubric()
    company = build(seed=SEED, conversations_per_day=PER_DAY, days=DAYS)
    truth = {one.conversation_id: one.truth.quality for one in company.conversations}
    interactions, messages = _frames(company)
    frames = score_batch(interactions, messages, rubric)
    weights = {one.id: one.weight for one in rubric.dimensions}
    totals = frames.interaction_scores
    people = set(totals.loc[totals["subject"] == "human_agent", "interaction_key"])
    carried = [
        (key not in people) or subject == "human_agent"
        for key, subject in zip(totals["interaction_key"], totals["subject"], strict=True)
    ]
    found = totals[carried][["interaction_key", "subject", "weighted_score", "language", "unrated_reason"]]
    found = found.merge(interactions[["interaction_key", "agent"]], on="interaction_key")
    found["agent"] = np.where(found["subject"] == "ai_agent", "ai", found["agent"])
    found["true"] = [_total(truth[key], weights) for key in found["interaction_key"]]
    found["scored"] = found["weighted_score"].astype(float)
    return found.dropna(subset=["true", "scored"])


def _total(quality: dict[str, float], weights: dict[str, float]) -> float:
    rated = sum(weights[name] for name in quality)
    return sum(weights[name] * value for name, value in quality.items()) / rated if rated else float("nan")


def _frames(company: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    headers, rows = [], []
    for one in canonical(company, company.until):
        public = [message for message in one.messages if not message.is_internal and not message.is_automation]
        actors = {message.actor for message in public}
        if (
            one.deleted_at
            or one.merged_into
            or "customer" not in actors
            or actors.isdisjoint({"human_agent", "ai_agent"})
        ):
            continue
        key = one.conversation_id
        headers.append((key, one.created_at, "0", one.channel, one.language, one.topic, one.assignee_id))
        for ordinal, message in enumerate(one.messages, 1):
            text, pii = redact(message.text)
            rows.append(
                (
                    key, message.message_id, ordinal, message.actor, message.actor_id, message.sent_at, text, pii,
                    message.is_internal, message.is_automation,
                )
            )  # fmt: skip
    names = ["interaction_key", "interaction_started_at", "input_hash", "channel", "language", "topic", "agent"]
    said = [
        "interaction_key",
        "message_key",
        "ordinal",
        "actor",
        "agent_key",
        "sent_at",
        "text",
        "pii",
        "is_internal",
        "is_automation",
    ]
    return pd.DataFrame(headers, columns=names), pd.DataFrame(rows, columns=said)


def test_good_agents_are_told_from_others(compared: pd.DataFrame) -> None:
    means = compared.groupby("agent").agg(n=("true", "size"), true=("true", "mean"), scored=("scored", "mean"))
    means = means[means["n"] >= LEAST]
    assert len(means) >= 15
    assert spearmanr(means["true"], means["scored"])[0] >= LEAST_SPEARMAN


def test_equal_quality_is_scored_equally_whoever_answers(compared: pd.DataFrame) -> None:
    strata = pd.cut(compared["true"], np.arange(0, 101, 10), include_lowest=True)
    cells = compared.groupby([strata, "subject"], observed=True)["scored"].agg(["mean", "size"]).unstack().dropna()
    weight = cells["size"].min(axis=1)
    assert weight.sum() >= 500
    difference = ((cells["mean"]["human_agent"] - cells["mean"]["ai_agent"]) * weight).sum() / weight.sum()
    assert abs(difference) <= MOST_DIFFERENCE, difference


@pytest.mark.parametrize("language", ["en", "es", "de"])
def test_every_language_tells_good_conversations_from_poor_ones(compared: pd.DataFrame, language: str) -> None:
    part = compared[compared["language"] == language]
    assert len(part) >= 100
    assert spearmanr(part["true"], part["scored"])[0] >= 0.45


def test_no_conversation_is_left_unrated(compared: pd.DataFrame) -> None:
    assert compared["unrated_reason"].isna().all()
