"""The review step of the daily cycle, after scoring: take up the inbox, ask for what is due, measure agreement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from touchstone.reviews import intake, queue, sampling
from touchstone.settings import Settings
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect

STEP = "reviews"


@dataclass(frozen=True)
class ReviewStep:
    """What a run did."""

    taken_up: intake.Intake
    open_by_rule: int
    months_changed: int


def review(as_of: datetime, settings: Settings | None = None) -> ReviewStep:
    """One transaction; the caller holds the pipeline lock.

    Args:
        as_of: End of the ledger day, UTC.
    """
    with (
        ledger.step(STEP, as_of=as_of, settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone reviews") as connection,
    ):
        taken_up = intake.take_up_inbox(connection, as_of, run.run_id)
        tasks = queue.apply_rules(connection, as_of, run.run_id, settings)
        sampling.monthly(connection, as_of, run.run_id, settings)
        months = 0
        if connection.execute(
            "select exists (select from feedback.human_reviews) or exists (select from derived.agreement_inputs)"
        ).fetchone()[0]:
            # the statistics are slow to import, and nobody has judged anything in most new warehouses
            from touchstone.reviews.agreement import refresh

            months = refresh(connection, as_of, run.run_id, settings)
        connection.commit()
        run.rows_in, run.rows_out = taken_up.rows_in, taken_up.rows_out
        run.rows_quarantined = len(taken_up.unusable)
        run.detail |= {"open_by_rule": tasks, "months_changed": months}
        return ReviewStep(taken_up, tasks, months)
