"""Schemas, roles, grants, and every table that Python writes or sources fill; safe to run at any time."""

from __future__ import annotations

import secrets
from importlib import resources
from pathlib import Path

import psycopg
from psycopg import sql

from touchstone.errors import WarehouseError
from touchstone.settings import Settings, get_settings
from touchstone.sources.declaration import Declaration
from touchstone.sources.registry import declarations, own_sql
from touchstone.statefiles import write_atomic
from touchstone.warehouse.engine import connect
from touchstone.warehouse.migrations import migrate

ROLES = (
    "touchstone_loader",
    "touchstone_transformer",
    "touchstone_bi",
    "touchstone_reviewer",
    "touchstone_feedback",
)
SUPPORTED_SERVERS = range(15, 19)

# The transformer owns what it builds and partitions; the owner keeps what the loader and the ledger fill.
SCRIPTS: tuple[tuple[str, str | None], ...] = (
    ("010_schemas.sql", None),
    ("020_functions.sql", None),
    ("025_traces.sql", None),
    ("030_ops.sql", None),
    ("035_api.sql", None),
    ("070_feedback.sql", None),
    ("075_gaps.sql", None),
    ("080_finance.sql", None),
    ("090_roles.sql", None),
    ("050_clean.sql", "touchstone_transformer"),
    ("060_scores.sql", "touchstone_transformer"),
    ("065_models.sql", "touchstone_transformer"),
    ("067_intents.sql", "touchstone_transformer"),
    ("080_revenue.sql", "touchstone_transformer"),
)
# What a source's tables and functions need is there after it; grants on functions follow.
LAST_BEFORE_SOURCES = "035_api.sql"
_BOOTSTRAP_LOCK = 0x746F756368  # two processes that bootstrap at once wait for each other


def bi_password_file(settings: Settings) -> Path:
    """Where the password of `touchstone_bi` on the embedded server is kept, readable by its owner alone."""
    return settings.state_dir / "bi_password"


def bootstrap(settings: Settings | None = None) -> None:
    """Bring the warehouse to the shape that this version needs, in one transaction.

    `touchstone_bi` may log in with TOUCHSTONE_BI_PASSWORD; on the embedded server a password is made for it.

    Args:
        settings: Where the warehouse is.

    Raises:
        WarehouseError: The server is of an unsupported version, the user may not create roles, or the warehouse is of a later
            version.
        BusyError: Tables have to change while a cycle is under way.
    """
    settings = settings or get_settings()
    bi_password = settings.bi_password.get_secret_value() if settings.bi_password else None
    if bi_password is None and settings.warehouse_url is None:
        path = bi_password_file(settings)
        if not path.exists():
            write_atomic(path, secrets.token_urlsafe(24))
        bi_password = path.read_text()
    with connect(settings=settings, application_name="touchstone bootstrap") as connection:
        major = connection.info.server_version // 10000
        if major not in SUPPORTED_SERVERS:
            raise WarehouseError("unsupported PostgreSQL version", major, "Use a server of version 15 to 18.")
        connection.execute("select pg_advisory_xact_lock(%s)", [_BOOTSTRAP_LOCK])
        # A backend whose client was killed must notice, or it holds locks that the next run waits for.
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} set client_connection_check_interval = '1s'").format(database))
        connection.execute(sql.SQL("alter database {} set timezone = 'UTC'").format(database))
        _create_roles(connection, bi_password)
        migrate(connection)
        for script, role in SCRIPTS:
            text = resources.files("touchstone.warehouse").joinpath("sql", script).read_text()
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role) if role else sql.SQL("none")))
            connection.execute(text)
            if script == LAST_BEFORE_SOURCES:
                for declaration in declarations().values():
                    _create_raw(connection, declaration)


def _create_raw(connection: psycopg.Connection, declaration: Declaration) -> None:
    """The raw tables of a source, which the loader fills and the transformer reads."""
    schema = sql.Identifier(declaration.schema)
    for stream in declaration.streams:
        connection.execute("call ops.create_raw_stream(%s, %s)", [declaration.schema, stream])
    if functions := own_sql(declaration.name):
        connection.execute(functions)
    for grant in (
        "grant usage on schema {} to touchstone_loader, touchstone_transformer",
        "grant select, insert, update, delete on all tables in schema {} to touchstone_loader",
        "grant select on all tables in schema {} to touchstone_transformer",
    ):
        connection.execute(sql.SQL(grant).format(schema))


def _create_roles(connection: psycopg.Connection, bi_password: str | None) -> None:
    existing = {
        name for (name,) in connection.execute("select rolname from pg_roles where rolname = any(%s)", [list(ROLES)])
    }
    try:
        for role in ROLES:
            if role not in existing:
                connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
        member = (
            [
                role
                for role in ROLES
                if not connection.execute("select pg_has_role(current_user, %s, 'set')", [role]).fetchone()[0]
            ]
            if connection.info.server_version >= 160000
            else list(ROLES)
        )
        for role in member:
            connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))
        if bi_password:
            connection.execute(sql.SQL("alter role touchstone_bi login password {}").format(sql.Literal(bi_password)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise WarehouseError(
            "the warehouse user may not manage roles",
            connection.info.user,
            f"Grant it CREATEROLE, or create {', '.join(ROLES)} and grant them to it.",
        ) from error
