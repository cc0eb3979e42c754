"""The release gate of a learned scorer (metric dictionary, Agreement with people)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

OBSERVE, ACTIVE, RETIRED = "observe", "active", "retired"
STATES = (OBSERVE, ACTIVE, RETIRED)
OBSERVATION_DAYS = 30
LEAST_REVIEWED = 200
"""Judged items that a release needs."""
KAPPA_MARGIN = 0.10
"""How far kappa of machine and people may lie below kappa of people."""
CALIBRATION_LIMIT = 0.05
REVIEW_CONFIDENCE = 0.6
"""Below this confidence a score goes to human review."""


@dataclass(frozen=True)
class Check:
    """One condition of the gate, with what was measured."""

    name: str
    holds: bool
    measured: str
    needed: str


def checks(report: Mapping[str, Any], observed_since: datetime | None, now: datetime) -> list[Check]:
    """Conditions for one dimension.

    Args:
        report: Of the dimension, as `touchstone.learning.model` makes it.
        observed_since: When the model began to observe; None when it has not.
    """
    days = (now - observed_since) / timedelta(days=1) if observed_since else 0.0
    found = [
        Check("reviewed items", report["items"] >= LEAST_REVIEWED, f"{report['items']}", f"at least {LEAST_REVIEWED}"),
        Check("days of observation", days >= OBSERVATION_DAYS, f"{days:.0f}", f"at least {OBSERVATION_DAYS}"),
    ]
    people, machine = report["human_kappa"], report["machine_kappa"]
    if people is None:
        shown = f"not measured: {report['double_judged']} items were judged by two people"
        found.append(Check("kappa of people", False, shown, "at least 20 items judged by two people"))
    else:
        least = people - KAPPA_MARGIN
        shown = "not defined" if machine is None else f"{machine:.3f}"
        found.append(
            Check("kappa with people", machine is not None and machine >= least, shown, f"at least {least:.3f}")
        )
    error = report["calibration_error"]
    found.append(Check("calibration error", error <= CALIBRATION_LIMIT, f"{error:.3f}", f"at most {CALIBRATION_LIMIT}"))
    return found


def blocking(found: list[Check]) -> list[str]:
    """What is missing, in words; empty when the gate holds."""
    return [f"{one.name}: {one.measured}, needed {one.needed}" for one in found if not one.holds]
