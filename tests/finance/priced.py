"""A warehouse that holds sums of work and of accounts as a test states them, priced by the real models of finance."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from touchstone.dbt import run_dbt
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

SHEET = Path(__file__).parent / "hand_worked"
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
MODELS = (
    "fct_assumptions",
    "rpt_cost_per_issue_monthly",
    "rpt_retention_at_risk_monthly",
    "rpt_roi_monthly",
    "rpt_roi_scenarios",
)
INPUTS = {
    "staging.assumptions": """
        name text, applies_to text, value numeric, unit text, source text, owner text, stated_on date, valid_from date
        """,
    "staging.scenarios": "scenario text, parameter text, change numeric, unit text",
    "facts.work_months": """
        work_month date, segment text, channel text, topic text, team text, handled_by text, resolution_path text,
        issue_count int, pending_issue_count int, resolved_issue_count int, recontact_count int, fcr_n int, fcr_count int,
        ai_episode_count int, ai_answer_count int, human_handle_seconds numeric, recontact_handle_seconds numeric,
        ai_stated_answer_count int not null default 0, ai_stated_cost_usd numeric not null default 0
        """,
    "marts_build.fct_account_months": """
        account_key text, month_start date, segment text, lifecycle_stage text, arr_start numeric, has_churned boolean,
        mean_quality numeric, interaction_count int, ai_interaction_count int
        """,
}


def read(name: str) -> list[dict[str, str]]:
    """Rows of a file of the hand-worked sheet."""
    with (SHEET / name).open(newline="") as file:
        return list(csv.DictReader(file))


def build(settings: Settings, as_of: datetime = AS_OF, **inputs: Iterable[dict[str, Any]]) -> None:
    """Replace the inputs by these, and build the models of finance of them anew.

    Args:
        inputs: Rows by table, named without its schema; a table that is not named gets those of the hand-worked sheet.
    """
    with connect("transformer", settings=settings) as connection:
        for relation, columns in INPUTS.items():
            schema, table = relation.split(".")
            rows = list(inputs.get(table, ()) if table in inputs else read(f"{table}.csv"))
            connection.execute(sql.SQL("drop table if exists {} cascade").format(sql.Identifier(schema, table)))
            connection.execute(f"create table {relation} ({columns})")
            for row in rows:
                connection.execute(
                    sql.SQL("insert into {} ({}) values ({})").format(
                        sql.Identifier(schema, table),
                        sql.SQL(", ").join(map(sql.Identifier, row)),
                        sql.SQL(", ").join(sql.Placeholder() * len(row)),
                    ),
                    [None if value == "" else value for value in row.values()],
                )
    run_dbt("run", as_of=as_of, ledger_id=1, arguments=("--full-refresh", "--select", *MODELS), settings=settings)


def rows(settings: Settings, report: str, where: str = "true") -> list[dict[str, Any]]:
    """Rows of a built report as dictionaries."""
    from psycopg.rows import dict_row

    with connect("transformer", settings=settings) as connection:
        return (
            connection.cursor(row_factory=dict_row)
            .execute(f"select * from marts_build.{report} where {where}")
            .fetchall()
        )
