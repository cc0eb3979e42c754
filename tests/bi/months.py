"""What eleven weeks of the simulated company cannot have: a month that was closed and restated, and two years of its accounts.

The company is run to the middle of April, March is closed, a late call changes it, and a month later it is restated. What
quality goes with in money needs years: it is worked out of the planted history of accounts, and takes the place of the company's
own statistics, which are all insufficient.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

from psycopg import sql

from planted import write_conversations
from touchstone import daily, pipeline
from touchstone.finance.closes import close_month
from touchstone.revenue.step import TABLES, revenue
from touchstone.sandbox.revenue_law import simulate
from touchstone.sandbox.revenue_rows import SHAPES, write_months
from touchstone.settings import Settings
from touchstone.sources import files
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

MARCH = date(2026, 3, 1)
CLOSED_ON, RESTATED_ON = datetime(2026, 4, 16, tzinfo=UTC), datetime(2026, 5, 16, tzinfo=UTC)
STATISTICS_AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
LATE_CALL = {
    "interaction_id": "late-call",
    "channel": "voice",
    "topic": "billing",
    "customer_id": "of-the-late-call",
    "account_id": "of-the-late-call",
    "status": "solved",
    "closed_at": "2026-03-12T10:20:00+00:00",
    "messages": [
        {
            "message_id": "1",
            "actor": "customer",
            "actor_id": "of-the-late-call",
            "sent_at": "2026-03-12T10:00:00+00:00",
            "text": "My invoice is wrong, can you look at it?",
        },
        {
            "message_id": "2",
            "actor": "human_agent",
            "actor_id": "agent-of-the-phone-line",
            "sent_at": "2026-03-12T10:09:00+00:00",
            "text": "I have corrected the invoice for you.",
            "team": "frontline",
        },
    ],
}


def run_months(server: object, folder: Path, settings: Settings) -> None:
    """Eleven weeks of the company in two cycles, with a close and a restatement, then the statistics of a longer history."""
    _cycle(CLOSED_ON, settings)
    close_month(MARCH, closed_by="R. Okafor", settings=settings)
    (folder / "late.jsonl").write_text(json.dumps(LATE_CALL) + "\n")
    files.ingest(folder, as_of=RESTATED_ON, settings=settings)
    _cycle(RESTATED_ON, settings)
    close_month(
        MARCH, closed_by="R. Okafor", restate=True, reason="a call of the phone line came late", settings=settings
    )
    _plant_statistics(server, folder, settings)
    for step in ("marts", "gate_3", "publish"):
        pipeline.STEPS[step](RESTATED_ON, settings)


def _cycle(as_of: datetime, settings: Settings) -> None:
    plan = daily.Plan(daily.simulated_sources(settings), None, as_of, sandbox=True)
    with daily.simulated_vendors(plan, settings):
        daily.run_steps(daily.ingest_plan(plan, settings), settings)


def _plant_statistics(server: object, folder: Path, settings: Settings) -> None:
    """The statistics of a planted history, worked out in a warehouse of its own, in place of the company's."""
    with new_warehouse(server, "planted", folder / "planted") as planted:
        with connect("transformer", settings=planted) as connection:
            connection.execute(SHAPES)
            history = simulate(5, accounts=400)
            write_months(connection, history)
            write_conversations(connection, history)
        revenue(STATISTICS_AS_OF, planted)
        with connect("transformer", settings=planted) as source, connect("transformer", settings=settings) as target:
            for name in TABLES:
                table = sql.Identifier("derived", name)
                target.execute(sql.SQL("delete from {}").format(table))
                with (
                    source.cursor().copy(sql.SQL("copy {} to stdout").format(table)) as read,
                    target.cursor().copy(sql.SQL("copy {} from stdin").format(table)) as written,
                ):
                    for block in read:
                        written.write(block)
