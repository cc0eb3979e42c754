"""What the simulated company planted, found again by the shipped scorer: who is good, and people and AI agents alike.

True quality is 0 to 100 by dimension, of the side that carried a conversation; its total is made with the rubric's weights.
Totals are compared before the rule that one critical failure makes a total 0: true quality knows no such rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from touchstone.quality.table import Row, check

if TYPE_CHECKING:
    import pandas as pd

    from touchstone.sandbox.company import Company

DAYS, PER_DAY, SEED = 45, 75.0, 11
LEAST = 50
"""Conversations of an agent whose mean is compared."""
LEAST_SPEARMAN = 0.8
MOST_DIFFERENCE = 3.0
_HEADER = ["interaction_key", "interaction_started_at", "input_hash", "channel", "language", "topic", "agent"]
_MESSAGE = [
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


def compared() -> pd.DataFrame:
    """One row per conversation: agent (`ai` for all AI agents), subject, language, unrated_reason, true and scored total."""
    import pandas as pd

    from touchstone.rubric import load_rubric
    from touchstone.sandbox.company import build
    from touchstone.scoring.scorer import score_batch

    rubric = load_rubric()
    company = build(seed=SEED, conversations_per_day=PER_DAY, days=DAYS)
    truth = {one.conversation_id: one.truth.quality for one in company.conversations}
    headers, rows = _records(company)
    interactions = pd.DataFrame(headers, columns=_HEADER)
    frames = score_batch(interactions, pd.DataFrame(rows, columns=_MESSAGE), rubric)
    weights = {one.id: one.weight for one in rubric.dimensions}
    totals = frames.interaction_scores
    with_people = set(totals.loc[totals["subject"] == "human_agent", "interaction_key"])
    carried = (totals["subject"] == "human_agent") | ~totals["interaction_key"].isin(with_people)
    found = totals.loc[carried, ["interaction_key", "subject", "weighted_score", "language", "unrated_reason"]]
    found = found.merge(interactions[["interaction_key", "agent"]], on="interaction_key")
    found["agent"] = np.where(found["subject"] == "ai_agent", "ai", found["agent"])
    found["true"] = [_total(truth[key], weights) for key in found["interaction_key"]]
    found["scored"] = found["weighted_score"].astype(float)
    return found.dropna(subset=["true", "scored"])


def _total(quality: Mapping[str, float], weights: Mapping[str, float]) -> float:
    rated = sum(weights[name] for name in quality)
    return sum(weights[name] * value for name, value in quality.items()) / rated if rated else float("nan")


def _records(company: Company) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    from touchstone.sandbox.truth import canonical
    from touchstone.text.redact import Conversation, replaced

    headers, rows = [], []
    for one in canonical(company, company.until):
        public = [message for message in one.messages if not message.is_internal and not message.is_automation]
        actors = {message.actor for message in public}
        is_replied = "customer" in actors and not actors.isdisjoint({"human_agent", "ai_agent"})
        if one.deleted_at or one.merged_into or not is_replied:
            continue
        key = one.conversation_id
        headers.append((key, one.created_at, "0", one.channel, one.language, one.topic, one.assignee_id))
        redactor = Conversation()
        for ordinal, message in enumerate(one.messages, 1):
            actor = "note" if message.is_internal else message.actor
            text, pii = replaced(message.text, redactor.find(actor, message.text))
            identity = (key, message.message_id, ordinal, message.actor, message.actor_id, message.sent_at)
            rows.append((*identity, text, pii, message.is_internal, message.is_automation))
    return headers, rows


def agents_spearman(rows: pd.DataFrame) -> tuple[float, int]:
    """Spearman of true and scored means of agents with at least `LEAST` conversations, and how many agents these are."""
    from scipy.stats import spearmanr

    means = rows.groupby("agent").agg(n=("true", "size"), true=("true", "mean"), scored=("scored", "mean"))
    means = means[means["n"] >= LEAST]
    return float(spearmanr(means["true"], means["scored"])[0]), len(means)


def treatment_difference(rows: pd.DataFrame) -> tuple[float, int]:
    """Mean of scored(person) - scored(AI agent) over tenths of true quality, and how many pairs are behind it."""
    import pandas as pd

    tenths = pd.cut(rows["true"], np.arange(0, 101, 10), include_lowest=True)
    cells = rows.groupby([tenths, "subject"], observed=True)["scored"].agg(["mean", "size"]).unstack().dropna()
    weight = cells["size"].min(axis=1)
    difference = (cells["mean"]["human_agent"] - cells["mean"]["ai_agent"]) * weight
    return float(difference.sum() / weight.sum()), int(weight.sum())


@check("planted")
def planted(_folder: Path) -> Iterator[Row]:
    rows = compared()
    value, agents = agents_spearman(rows)
    yield Row("simulated company: Spearman of true and scored agent means", value, bar=LEAST_SPEARMAN, n=agents)
    difference, pairs = treatment_difference(rows)
    yield Row(
        "simulated company: difference between people and AI agents of equal quality, points of 100",
        abs(difference),
        bar=MOST_DIFFERENCE,
        lower_is_better=True,
        n=pairs,
    )
