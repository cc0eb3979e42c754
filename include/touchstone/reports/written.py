"""The reports that Touchstone writes, by name: the command line and Airflow call the same functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from touchstone.reports import ai_evaluation, daily, executive, gap_review, monthly, overview, weekly
from touchstone.settings import Settings

REPORTS: dict[str, Callable[[Settings | None], Path]] = {
    "overview": overview.render,
    "daily": daily.render,
    "weekly": weekly.render,
    "monthly": monthly.render,
    "executive": executive.render,
    "gaps": gap_review.render,
    "ai_week": lambda settings: ai_evaluation.render("week", settings),
    "ai_month": lambda settings: ai_evaluation.render("month", settings),
}
