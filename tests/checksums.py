"""Digests of whole tables: what two runs are compared by."""

from __future__ import annotations

from psycopg import sql

from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

# When something landed or was scored, and by which run, differs between two runs of the same data by nature.
CLOCKS = {
    "landed_at",
    "landed_as_of",
    "scored_at",
    "_loaded_at",
    "_load_id",
    "_ledger_id",
    "registered_at",
    "updated_at",
    "replaced_by_load_id",
}
# Reports about the runs themselves.
ABOUT_RUNS = {"rpt_gate_results", "rpt_source_health"}
# What a run worked on, not what it built.
SCOPES = {
    "affected_account_months",
    "affected_accounts",
    "affected_business_contexts",
    "affected_organizations",
    "affected_interactions",
    "affected_dates",
    "affected_issues",
    "affected_label_months",
    "affected_messages",
    "affected_metric_days",
    "affected_metric_periods",
    "affected_periods",
    "affected_review_periods",
    "affected_scorecard_periods",
    "affected_question_dates",
    "affected_question_weeks",
    "affected_segment_weeks",
    "affected_work_months",
    "changed_interactions",
}


def digests(settings: Settings, *schemas: str) -> dict[str, tuple[int, str]]:
    """Row count and order-free digest of every table of the schemas, by `schema.table`."""
    found: dict[str, tuple[int, str]] = {}
    with connect(settings=settings) as connection:
        tables = connection.execute(
            """
            select n.nspname, c.relname,
                (select array_agg(attname::text order by attname) from pg_attribute
                 where attrelid = c.oid and attnum > 0 and not attisdropped)
            from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = any(%s) and c.relkind in ('r', 'p') and not c.relispartition
            order by 1, 2
            """,
            [list(schemas)],
        ).fetchall()
        for schema, table, columns in tables:
            if table in ABOUT_RUNS | SCOPES:
                continue
            kept = sql.SQL(", ").join(sql.Identifier(column) for column in columns if column not in CLOCKS)
            found[f"{schema}.{table}"] = connection.execute(
                sql.SQL(
                    "select count(*), coalesce(md5(string_agg(row_digest, '' order by row_digest)), '') "
                    "from (select md5(row({kept})::text) as row_digest from {table}) as rows"
                ).format(kept=kept, table=sql.Identifier(schema, table))
            ).fetchone()
    return found
