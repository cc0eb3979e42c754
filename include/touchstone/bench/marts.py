"""Published tables of a large company, written straight into `marts` with the shapes that its daily cycle gives them."""

from __future__ import annotations

import os
from typing import NamedTuple

import psycopg
from psycopg import sql

DAYS = int(os.environ.get("TOUCHSTONE_BENCH_DAYS", "730"))
AGENTS, TEAMS, TOPICS, ACCOUNTS, ROUTES = 200, 20, 40, 5000, 20
_SLICES = f"""
    (select 'all' as slice_type, 'all' as slice_value
     union all select 'agent', 'agent_' || n from generate_series(1, {AGENTS}) as n
     union all select 'team', 'team_' || n from generate_series(1, {TEAMS}) as n
     union all select 'topic', 'topic_' || n from generate_series(1, {TOPICS}) as n
     union all select 'channel', 'channel_' || n from generate_series(1, 5) as n
     union all select 'tier', 'tier_' || n from generate_series(1, 4) as n
     union all select 'language', 'language_' || n from generate_series(1, 5) as n
     union all select 'agent_version', 'version_' || n from generate_series(1, 4) as n) as slices
    """
_DAYS = f"(select current_date - n as day from generate_series(1, {DAYS}) as n) as days"
_PERIODS = f"""
    (select 'day' as period_type, current_date - n as start from generate_series(1, {DAYS}) as n
     union all select 'week', date_trunc('week', current_date)::date - 7 * n from generate_series(0, {DAYS // 7}) as n) as periods
    """
_MONTHS = f"""
    (select 'month' as period_type, (date_trunc('month', current_date) - n * interval '1 month')::date as start
     from generate_series(0, {DAYS // 30}) as n
     union all select 'week', date_trunc('week', current_date)::date - 7 * n from generate_series(0, {DAYS // 7}) as n) as periods
    """
_MEASURES = """
    (select 'total' as measure_type, 'total' as measure_id
     union all select 'dimension', 'dimension_' || n from generate_series(1, 6) as n) as measures
    """
_OF_AGENTS = (
    """
    (select * from """
    + _MEASURES.strip().removesuffix("as measures")
    + """ as whole
     union all select 'indicator', 'indicator_' || n from generate_series(1, 35) as n) as measures
    """
)


class Shape(NamedTuple):
    """Where the rows of a table come from, and its columns that are not left to chance."""

    rows: str
    values: dict[str, str]


FILLED: dict[str, Shape] = {
    "fct_interactions": Shape(
        "generate_series(1, {interactions}) as n",
        {
            "interaction_key": "md5(n::text)",
            "interaction_date": f"current_date - (n % {DAYS})",
            "topic": f"'topic_' || (1 + (random() * {TOPICS - 1})::int)",
            "team": f"'team_' || (1 + (random() * {TEAMS - 1})::int)",
            "account_key": f"'account_' || (1 + (random() * {ACCOUNTS - 1})::int)",
            "primary_human_agent_key": f"'agent_' || (1 + (random() * {AGENTS - 1})::int)",
        },
    ),
    "rpt_service_daily": Shape(
        f"{_DAYS} cross join {_SLICES} cross join unnest('{{all,ai_only,human_only,ai_then_human,human_then_ai}}'::text[])"
        " as handled where slice_type <> 'agent' or handled in ('all', 'human_only')",
        {
            "interaction_date": "day",
            "slice_type": "slice_type",
            "slice_value": "slice_value",
            "handled_by": "handled",
        },
    ),
    "rpt_quality_trends": Shape(
        f"{_PERIODS} cross join {_SLICES} cross join {_MEASURES}"
        " cross join unnest('{human_agent,ai_agent}'::text[]) as side where slice_type <> 'agent' or side = 'human_agent'",
        {
            "period_type": "period_type",
            "period_start": "start",
            "slice_type": "slice_type",
            "slice_value": "slice_value",
            "subject": "side",
            "measure_type": "measure_type",
            "measure_id": "measure_id",
            "n": "1 + (random() * 100)::int",
        },
    ),
    "rpt_agent_scorecards": Shape(
        f"{_MONTHS} cross join generate_series(1, {AGENTS}) as agent cross join {_OF_AGENTS}",
        {
            "period_type": "period_type",
            "period_start": "start",
            "agent_key": "'agent_' || agent",
            "subject": "'human_agent'",
            "measure_type": "measure_type",
            "measure_id": "measure_id",
        },
    ),
    "rpt_agent_behaviors_daily": Shape(
        f"{_DAYS} cross join generate_series(1, {AGENTS}) as agent cross join generate_series(1, 10) as place",
        {
            "interaction_date": "day",
            "agent_key": "'agent_' || agent",
            "subject": "'human_agent'",
            "indicator_id": "'indicator_' || (place + 10 * (extract(day from day)::int % 3))",
            "n": "1 + (random() * 5)::int",
        },
    ),
    "rpt_ai_daily": Shape(
        f"{_DAYS} cross join generate_series(1, 2) as version cross join {_SLICES} where slice_type not in ('agent', 'team')",
        {
            "interaction_date": "day",
            "agent_key": "'bot'",
            "agent_version": "'version_' || (version + 2 * (extract(year from day)::int % 2))",
            "slice_type": "slice_type",
            "slice_value": "slice_value",
        },
    ),
    "rpt_handoffs_weekly": Shape(
        f"(select * from {_PERIODS} where period_type = 'week') as weeks cross join"
        f" (select slice_type, slice_value from {_SLICES} where slice_type not in ('agent', 'team', 'tier', 'language')"
        f" union all select 'route', 'team_' || n from generate_series(1, {ROUTES}) as n) as ways",
        {
            "period_type": "period_type",
            "period_start": "start",
            "slice_type": "slice_type",
            "slice_value": "slice_value",
        },
    ),
}
"""Tables that the documented queries read."""

_BY_CHANCE = {
    "int": "(random() * 100)::int",
    "bigint": "(random() * 100)::bigint",
    "double precision": "random() * 100",
    "numeric": "(random() * 100)::numeric",
    "boolean": "random() < 0.1",
    "text": "'value_' || (random() * 5)::int",
    "date": "current_date",
    "timestamptz": "now()",
    "jsonb": "'{}'::jsonb",
    "text[]": "'{}'::text[]",
}


def fill(connection: psycopg.Connection, name: str, columns: dict[str, str], interactions: int) -> None:
    """Write the rows of one table; what its shape does not say is left to chance."""
    shape = FILLED[name]
    connection.execute("select setseed(0.5)")
    chosen = ", ".join(shape.values.get(column, _BY_CHANCE[data_type]) for column, data_type in columns.items())
    rows = shape.rows.replace("{interactions}", str(interactions))
    connection.execute(
        sql.SQL("insert into marts.{} select ").format(sql.Identifier(name)) + sql.SQL(f"{chosen} from {rows}")
    )
