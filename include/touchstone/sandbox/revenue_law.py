"""Accounts month by month under the law by which accounts of the simulated company leave, without their conversations.

A company of two years with every message takes minutes; the law that links quality and churn (`effects.CHURN_*`,
`accounts.churn_probability`) needs only how many conversations an account has in a month and how good each is. Both are drawn here as
the company draws them in the mean: `SCORES` are quantiles of its conversations, `CONTACTS` its conversations a month by segment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from touchstone.revenue.panel import Panel, assemble
from touchstone.sandbox import effects

SEGMENTS = ("enterprise", "mid_market", "smb")
SHARES = (0.1, 0.3, 0.6)
CONTACTS = {"enterprise": 9.0, "mid_market": 5.3, "smb": 3.4}
SCORES = ((0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0), (15.0, 31.2, 48.6, 70.4, 85.7, 93.3, 97.5, 100.0))
GROWTH = 0.035
"""New accounts a month, as a share of those at the start."""
FIRST_MONTH = 2024 * 12
DAYS = 28
"""Of a month here: four whole weeks, so that weeks and months share their borders."""


@dataclass(frozen=True)
class History:
    """What became of the accounts.

    Attributes:
        panel: `quality` (NaN in a month without a conversation) and `churned` (1, 0 before, NaN after), 0 to 100.
        scores: Of each conversation, with `account`, and `day` since the first.
        left_on: Day on which each account left; -1: none.
        came_on: First day of each account.
    """

    panel: Panel
    account: np.ndarray
    day: np.ndarray
    scores: np.ndarray
    left_on: np.ndarray
    came_on: np.ndarray


def simulate(seed: int, accounts: int = 600, months: int = 24) -> History:
    """`accounts` at the start and `GROWTH` more of them each month; months of four weeks."""
    generator = np.random.default_rng(seed)
    total = round(accounts * (1 + GROWTH * (months - 1)))
    came = np.zeros(total, dtype=np.int64)
    came[accounts:] = generator.integers(1, months, total - accounts)
    segment = generator.choice(len(SEGMENTS), size=total, p=SHARES)
    rate = np.array([CONTACTS[name] for name in SEGMENTS])[segment] * (0.5 + generator.random(total))
    quality = np.full((months, total), np.nan)
    churned = np.full((months, total), np.nan)
    left_on = np.full(total, -1, dtype=np.int64)
    told: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    hazards = np.array([effects.CHURN_HAZARD_ELSEWHERE.get(name, effects.CHURN_HAZARD_ABOVE) for name in SEGMENTS])
    lag = effects.CHURN_LAG_MONTHS
    for month in range(months):
        present = np.flatnonzero((came <= month) & (left_on < 0))
        hazard = hazards[segment[present]]
        if month >= lag:
            with np.errstate(invalid="ignore"):
                is_below = quality[month - lag, present] < effects.CHURN_CUT
            is_acting = SEGMENTS.index(effects.CHURN_SEGMENT) == segment[present]
            hazard = np.where(is_below & is_acting, effects.CHURN_HAZARD_BELOW, hazard)
        leaves = generator.random(len(present)) < hazard
        churned[month, present] = leaves
        last_day = np.where(leaves, generator.integers(4, DAYS, len(present)), DAYS)
        left_on[present[leaves]] = month * DAYS + last_day[leaves]
        count = generator.poisson(rate[present])
        account = np.repeat(present, count)
        day = (generator.random(len(account)) * np.repeat(last_day, count)).astype(np.int64)
        score = np.interp(generator.random(len(account)), *SCORES)
        told.append((account, month * DAYS + day, score))
        sums = np.bincount(account, weights=score, minlength=total)
        counts = np.bincount(account, minlength=total)
        quality[month] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    account, day, scores = (np.concatenate(part) for part in zip(*told, strict=True))
    at, who = np.nonzero(~np.isnan(churned))
    numbers = np.sort(np.random.default_rng(seed + 1).integers(0, 2**63, total).astype(np.uint64))
    panel = assemble(
        numbers,
        who,
        FIRST_MONTH + at,
        segment[who],
        SEGMENTS,
        {"quality": quality[at, who], "churned": churned[at, who]},
    )
    return History(panel, account, day, scores, left_on, came * DAYS)
