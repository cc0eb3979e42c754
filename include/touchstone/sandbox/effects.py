"""What is planted in the company for analyses to find: when it begins and ends, on what it acts, and how strongly.

The plan is fixed in days after the first one, so that a short company holds the first of them. The sizes are causes (a
probability, a skill of 0 to 1, a hazard); what they do to conversations, ratings and accounts has to be measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from touchstone.sandbox.model import PlantedEffect

WEIGHTS = {
    "resolution": 30,
    "accuracy": 20,
    "empathy_tone": 15,
    "clarity": 10,
    "process_policy": 15,
    "efficiency_proactivity": 10,
}

REGRESSION_TOPIC = "plan_change"
REGRESSION_DAYS = (40, 78)
REGRESSION_SIZE = -0.55  # of the AI agent's probability to solve the case

DRIFT_DAYS = (25, 85)  # the fall is spread evenly between them and then stays
DRIFT_SIZE = -0.5  # of skill
IMPROVEMENT_DAYS = (20, 65)
IMPROVEMENT_SIZE = 0.42

ROUTE = ("frontline", "integrations")
ROUTE_FROM_DAY = 14
ROUTE_ASKED_AGAIN = 0.85  # share of its handoffs in which the customer has to repeat what was given
ROUTE_ASKED_AGAIN_ELSEWHERE = 0.15

POLICY_TOPIC = "price_change"
POLICY_DAY = 17
POLICY_AGENTS = 5
POLICY_CONVERSATIONS = 7

CHURN_SEGMENT = "smb"
CHURN_LAG_MONTHS = 2
CHURN_CUT = 70.0  # of the account's mean quality in the month
CHURN_HAZARD_BELOW = 0.26  # monthly
CHURN_HAZARD_ABOVE = 0.02
CHURN_HAZARD_ELSEWHERE = {"mid_market": 0.025, "enterprise": 0.012}


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nothing, or something wrong, can be read about a topic.

    Attributes:
        kind: missing (no article exists) or outdated (what it says stopped to be true).
        days: First day, and the day of the edit that closes it; None while nobody does.
        ai_success: Probability with which the AI agent solves a case of the topic while the gap is open.
    """

    topic: str
    kind: str
    days: tuple[int, int | None]
    ai_success: float

    def is_open(self, day: int) -> bool:
        return self.days[0] <= day and (self.days[1] is None or day < self.days[1])


GAPS = (
    Gap("scheduled_reports", "missing", (12, 33), 0.06),
    Gap("data_export", "outdated", (52, 86), 0.12),
    Gap("audit_log", "missing", (100, None), 0.06),
)


def gap_of(topic: str, day: int) -> Gap | None:
    """The gap that is open on a topic on a day, the company's first day being 0."""
    for gap in GAPS:
        if gap.topic == topic and gap.is_open(day):
            return gap
    return None


def gap_name(gap: Gap) -> str:
    return f"gap_{gap.topic}"


def is_regressed(topic: str, day: int) -> bool:
    return topic == REGRESSION_TOPIC and REGRESSION_DAYS[0] <= day < REGRESSION_DAYS[1]


def ramp(days: tuple[int, int], size: float, day: int) -> float:
    """How much of a gradual effect acts on a day."""
    first, last = days
    return size * min(1.0, max(0.0, (day - first) / (last - first)))


def total(quality: dict[str, float]) -> float:
    """Weighted mean of the dimensions, 0 to 100, with the weights of the shipped rubric."""
    return sum(WEIGHTS[name] * value for name, value in quality.items()) / sum(WEIGHTS[name] for name in quality)


def planted(first: datetime, until: datetime, found: dict[str, Any]) -> list[PlantedEffect]:
    """The effects that began before `until`.

    Args:
        found: Who and what they fell on: `drifter`, `improver` (agent ids), `ai` (agent id), `versions` (by effect),
            `articles` (article ids by topic), `policy_agents` (agent ids).
    """

    def on(day: int | None) -> datetime | None:
        return None if day is None else first + timedelta(days=day)

    effects = [
        PlantedEffect(
            "quality_drives_churn",
            "churn_by_quality",
            first,
            None,
            CHURN_HAZARD_BELOW / CHURN_HAZARD_ABOVE,
            {
                "unit": "ratio of the monthly churn probability below the cut to that above it",
                "segment": CHURN_SEGMENT,
                "without_effect": sorted(CHURN_HAZARD_ELSEWHERE),
                "lag_months": CHURN_LAG_MONTHS,
                "cut": CHURN_CUT,
                "probability_below": CHURN_HAZARD_BELOW,
                "probability_above": CHURN_HAZARD_ABOVE,
                "probability_elsewhere": CHURN_HAZARD_ELSEWHERE,
            },
        ),
        PlantedEffect(
            "clumsy_route",
            "handoff_route",
            on(ROUTE_FROM_DAY),
            None,
            ROUTE_ASKED_AGAIN - ROUTE_ASKED_AGAIN_ELSEWHERE,
            {
                "unit": "difference in the share of handoffs after which the customer has to repeat what was given",
                "from_team": ROUTE[0],
                "to_team": ROUTE[1],
                "share": ROUTE_ASKED_AGAIN,
                "share_elsewhere": ROUTE_ASKED_AGAIN_ELSEWHERE,
            },
        ),
        PlantedEffect(
            "policy_question",
            "policy_question",
            on(POLICY_DAY),
            on(POLICY_DAY + 1),
            float(POLICY_AGENTS),
            {
                "unit": "agents who state the policy wrongly",
                "topic": POLICY_TOPIC,
                "dimension": "process_policy",
                "agents": found["policy_agents"],
            },
        ),
        PlantedEffect(
            "agent_improves",
            "agent_improvement",
            on(IMPROVEMENT_DAYS[0]),
            on(IMPROVEMENT_DAYS[1]),
            IMPROVEMENT_SIZE,
            {"unit": "skill, 0 to 1, reached gradually at the end and kept", "agent_id": found["improver"]},
        ),
        PlantedEffect(
            "agent_drifts",
            "agent_drift",
            on(DRIFT_DAYS[0]),
            on(DRIFT_DAYS[1]),
            DRIFT_SIZE,
            {"unit": "skill, 0 to 1, reached gradually at the end and kept", "agent_id": found["drifter"]},
        ),
        PlantedEffect(
            "ai_version_worse",
            "ai_version_regression",
            on(REGRESSION_DAYS[0]),
            on(REGRESSION_DAYS[1]),
            REGRESSION_SIZE,
            {
                "unit": "probability that the AI agent solves the case",
                "topic": REGRESSION_TOPIC,
                "agent_id": found["ai"],
                "version": found["versions"]["worse"],
                "version_before": found["versions"]["before"],
                "version_after": found["versions"]["after"],
            },
        ),
    ]
    for gap in GAPS:
        effects.append(
            PlantedEffect(
                gap_name(gap),
                "knowledge_gap",
                on(gap.days[0]),
                on(gap.days[1]),
                gap.ai_success,
                {
                    "unit": "probability that the AI agent solves the case while the gap is open",
                    "topic": gap.topic,
                    "gap": gap.kind,
                    "articles": found["articles"].get(gap.topic, []),
                },
            )
        )
    return sorted(
        (effect for effect in effects if effect.started_at < until), key=lambda one: (one.started_at, one.name)
    )
