"""Warehouses that the daily cycle has built from days of the shipped conversations, with real dbt and Great Expectations."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from touchstone import daily
from touchstone.sample import FIRST_DAY, write_day
from touchstone.settings import Settings
from touchstone.sources import files

DAYS = 17
WHOLE = "cycle_whole"
# Scores keep what was said about earlier contents; the present ones are compared in the marts.
SCHEMAS = ("core", "clean", "facts", "marts", "marts_evidence")


def write_days(folder: Path, first: int, last: int) -> None:
    """The conversations of days `first` to `last` - 1, counted from 0."""
    folder.mkdir(exist_ok=True)
    for offset in range(first, last):
        write_day(FIRST_DAY + timedelta(days=offset), folder)


def run_day(folder: Path, day: int, settings: Settings) -> None:
    """Everything that has been written, as of the end of a day (1 is the first)."""
    as_of = daily.end_of_day(FIRST_DAY + timedelta(days=day - 1))
    files.ingest(folder, as_of=as_of, instance="sample", settings=settings)
    daily.run_steps(as_of, settings)
