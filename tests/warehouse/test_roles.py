"""Least privilege: what each role may do to each object of the warehouse, counted from PostgreSQL's own answers."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cycles import WHOLE
from touchstone.settings import Settings
from touchstone.warehouse.bootstrap import ROLES
from touchstone.warehouse.engine import connect, warehouse_url
from warehouses import new_warehouse

READS = frozenset({"SELECT"})
WRITES = READS | {"INSERT", "UPDATE", "DELETE"}
OWNS = WRITES | {"TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"}
BUILT = ("clean", "staging", "core", "scores", "facts", "derived", "marts_build", "marts", "marts_evidence")
ALLOWED: dict[str, dict[str, frozenset[str]]] = {
    "touchstone_bi": {"marts": READS},
    "touchstone_reviewer": {"marts": READS, "marts_evidence": READS},
    "touchstone_loader": {"ops": WRITES, "raw": WRITES},
    "touchstone_transformer": {
        "ops": WRITES,
        "raw": READS,
        "feedback": frozenset({"SELECT", "INSERT", "UPDATE"}),
        # a closed month is added, never changed
        "finance": frozenset({"SELECT", "INSERT"}),
        **dict.fromkeys(BUILT, OWNS),
    },
    "touchstone_feedback": {},
}
"""What a role may do to the tables and views of a schema; `raw` stands for the schema of every source."""
CREATES = {"touchstone_transformer": set(BUILT)}
MAKES_TEMPORARY_TABLES = {"touchstone_loader", "touchstone_transformer"}
INSERTS_COLUMNS = {"touchstone_feedback": {"feedback.inbox", "feedback.review_inbox"}}
PASSWORD = "of the test alone"


@pytest.fixture(scope="module")
def built(server, whole, tmp_path_factory) -> Iterator[Settings]:
    """A warehouse that a whole cycle has filled and published; `touchstone_bi` may log in."""
    with new_warehouse(server, "roles", tmp_path_factory.mktemp("roles"), template=WHOLE) as settings:
        with connect(settings=settings, autocommit=True) as connection:
            connection.execute(f"alter role touchstone_bi login password '{PASSWORD}'")
            # as a source's connector and a person's own work would leave them
            connection.execute("create schema analytics; create table analytics.own (n int)")
        yield settings


@pytest.fixture
def reader(built) -> Iterator[psycopg.Connection]:
    """A session of a BI tool: its own login, which has done what it may to lift its limits."""
    conninfo = make_conninfo(warehouse_url(built), user="touchstone_bi", password=PASSWORD)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = off")
        yield connection


def test_no_role_may_do_more_to_a_relation_than_its_list_says(built):
    with connect(settings=built) as connection:
        held = connection.execute(
            """
            select roles.role, namespaces.nspname, classes.relname, array_agg(privileges.privilege)
                filter (where has_table_privilege(roles.role, classes.oid, privileges.privilege))
            from pg_class as classes
            inner join pg_namespace as namespaces on namespaces.oid = classes.relnamespace
            cross join unnest(%s::text[]) as roles (role)
            cross join unnest(%s::text[]) as privileges (privilege)
            where classes.relkind = any('{r,p,v,m,f}') and namespaces.nspname !~ '^pg_'
                and namespaces.nspname <> 'information_schema'
            group by roles.role, namespaces.nspname, classes.relname
            """,
            [list(ROLES), _privileges(connection)],
        ).fetchall()
    beyond = [
        (role, schema, relation, sorted(set(privileges) - _allowed(role, schema)))
        for role, schema, relation, privileges in held
        if set(privileges or ()) - _allowed(role, schema)
    ]
    assert beyond == []
    lacking = [
        (role, schema, relation)
        for role, schema, relation, privileges in held
        if not _allowed(role, schema) <= set(privileges or ()) | {"MAINTAIN"}
    ]
    assert lacking == []
    assert {schema for _, schema, _, _ in held} >= {"ops", "feedback", "raw_files", "analytics", *BUILT}


def test_no_role_may_do_more_to_a_column_than_to_its_table_but_what_feedback_is_given(built):
    with connect(settings=built) as connection:
        held = connection.execute(
            """
            select roles.role, namespaces.nspname, classes.relname, array_agg(distinct privileges.privilege)
            from pg_class as classes
            inner join pg_namespace as namespaces on namespaces.oid = classes.relnamespace
            cross join unnest(%s::text[]) as roles (role)
            cross join unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) as privileges (privilege)
            where classes.relkind = any('{r,p,v,m,f}') and namespaces.nspname !~ '^pg_'
                and namespaces.nspname <> 'information_schema'
                and has_any_column_privilege(roles.role, classes.oid, privileges.privilege)
                and not has_table_privilege(roles.role, classes.oid, privileges.privilege)
            group by roles.role, namespaces.nspname, classes.relname
            """,
            [list(ROLES)],
        ).fetchall()
    found: dict[str, set[str]] = {}
    for role, schema, relation, privileges in held:
        assert privileges == ["INSERT"]
        found.setdefault(role, set()).add(f"{schema}.{relation}")
    assert found == INSERTS_COLUMNS


def test_no_role_may_enter_create_or_call_beyond_its_list(built):
    with connect(settings=built) as connection:
        schemas = connection.execute(
            """
            select roles.role, nspname, has_schema_privilege(roles.role, pg_namespace.oid, 'usage'),
                has_schema_privilege(roles.role, pg_namespace.oid, 'create')
            from pg_namespace cross join unnest(%s::text[]) as roles (role)
            where nspname !~ '^pg_' and nspname <> 'information_schema'
            """,
            [list(ROLES)],
        ).fetchall()
        database = connection.execute(
            """
            select role, has_database_privilege(role, current_database(), 'create'),
                has_database_privilege(role, current_database(), 'temporary')
            from unnest(%s::text[]) as roles (role)
            """,
            [list(ROLES)],
        ).fetchall()
        powers = connection.execute(
            """
            select rolname from pg_roles
            where rolname = any(%(roles)s)
                and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls
                     or exists (select 1 from pg_auth_members where member = pg_roles.oid))
            """,
            {"roles": list(ROLES)},
        ).fetchall()
        # what would run with the rights of another
        lifted = connection.execute(
            """
            select oid::regprocedure::text from pg_proc
            where prosecdef and pronamespace not in (select oid from pg_namespace where nspname ~ '^pg_')
            """
        ).fetchall()
        large_objects = connection.execute(
            """
            select oid::regprocedure::text from pg_proc
            where proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import')
                and has_function_privilege('touchstone_bi', oid, 'execute')
            """
        ).fetchall()
    entered = {(role, schema) for role, schema, usage, _ in schemas if usage and schema != "public"}
    may_enter = {(role, schema) for role in ROLES for _, schema, _, _ in schemas if _allowed(role, schema)}
    assert entered == may_enter | {("touchstone_feedback", "feedback")}
    created = {(role, schema) for role, schema, _, create in schemas if create}
    assert created == {(role, schema) for role, names in CREATES.items() for schema in names}
    assert {role for role, create, _ in database if create} == set()
    assert {role for role, _, temporary in database if temporary} == MAKES_TEMPORARY_TABLES
    assert (powers, lifted, large_objects) == ([], [], [])


@pytest.mark.parametrize(
    "statement",
    [
        "select * from raw_files.messages",
        "select * from clean.messages",
        "select * from staging.stg_files__messages",
        "select text from core.messages",
        "select * from scores.evidence",
        "select * from facts.episodes",
        "select * from derived.gap_groups",
        "select * from marts_build.fct_interactions",
        "select * from marts_evidence.fct_evidence_quotes",
        "select * from ops.runs",
        "select * from feedback.inbox",
        "select * from finance.closed_figures",
        "select * from analytics.own",
        "insert into marts.rpt_coverage_daily default values",
        "update marts.fct_interactions set topic = 'mine'",
        "delete from marts.fct_interactions",
        "truncate marts.fct_interactions",
        "drop table marts.fct_interactions",
        "comment on table marts.fct_interactions is 'mine'",
        "create index on marts.fct_interactions (topic)",
        "create table marts.mine (n int)",
        "create table public.mine (n int)",
        "create temporary table mine (n int)",
        "create schema mine",
        "create function marts.mine() returns int language sql as 'select 1'",
        "select lo_create(0)",
        "copy marts.fct_interactions to '/tmp/mine'",
        "copy marts.fct_interactions to program 'cat'",
        "select pg_read_file('/etc/passwd')",
        "set role touchstone_transformer",
        "set session authorization touchstone_transformer",
        "select ops.try_cast_date('2026-01-01')",
        "vacuum full marts.fct_interactions",
        "lock table marts.fct_interactions in exclusive mode",
    ],
)
def test_a_bi_tool_that_turns_its_limits_off_is_still_refused(reader, statement):
    if statement.startswith("vacuum"):
        # refused by a warning, which leaves the file of the table where it was
        place = "select pg_relation_filenode('marts.fct_interactions')"
        before = reader.execute(place).fetchone()
        reader.execute(statement)
        assert reader.execute(place).fetchone() == before
        return
    with reader.transaction(force_rollback=True), pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(statement)


def test_a_bi_tool_starts_read_only_with_a_limit_of_time_and_reads_every_mart(built):
    conninfo = make_conninfo(warehouse_url(built), user="touchstone_bi", password=PASSWORD)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        shown = (
            "default_transaction_read_only",
            "statement_timeout",
            "idle_in_transaction_session_timeout",
            "search_path",
        )
        assert [connection.execute(f"show {name}").fetchone()[0] for name in shown] == ["on", "1min", "1min", "marts"]
        marts = connection.execute("select tablename from pg_tables where schemaname = 'marts'").fetchall()
        assert len(marts) > 70
        for (mart,) in marts:
            connection.execute(f'select * from "{mart}" limit 1')


def test_what_is_published_later_is_readable_too(built):
    with connect("transformer", settings=built, autocommit=True) as connection:
        connection.execute("create table marts.later (n int)")
        connection.execute("create table marts_evidence.later (n int)")
    with connect("bi", settings=built, autocommit=True) as connection:
        assert connection.execute("select * from marts.later").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from marts_evidence.later")


def _privileges(connection: psycopg.Connection) -> list[str]:
    known = sorted(OWNS)
    return known if connection.info.server_version >= 170000 else [name for name in known if name != "MAINTAIN"]


def _allowed(role: str, schema: str) -> frozenset[str]:
    return ALLOWED[role].get("raw" if schema.startswith("raw_") else schema, frozenset())
