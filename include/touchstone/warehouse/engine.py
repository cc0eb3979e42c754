"""Connections to the warehouse, each in the role that its step needs."""

from __future__ import annotations

from typing import Literal

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from touchstone.errors import WarehouseError
from touchstone.settings import Settings, get_settings

Role = Literal["loader", "transformer", "bi", "reviewer", "feedback"]


def warehouse_url(settings: Settings | None = None) -> str:
    """URL of the warehouse as its owner: TOUCHSTONE_WAREHOUSE_URL, else this checkout's embedded server.

    Raises:
        WarehouseError: Neither a URL is set nor an embedded server has been made.
    """
    settings = settings or get_settings()
    if settings.warehouse_url:
        return settings.warehouse_url.get_secret_value()
    from touchstone.warehouse.embedded import EmbeddedServer

    return EmbeddedServer(settings).url("touchstone")


def warehouse_parameters(settings: Settings | None = None) -> dict[str, str]:
    """host, port, user, password and dbname of the warehouse as its owner."""
    parameters = conninfo_to_dict(warehouse_url(settings))
    return {
        "host": str(parameters.get("host", "127.0.0.1")),
        "port": str(parameters.get("port", 5432)),
        "user": str(parameters.get("user", "postgres")),
        "password": str(parameters.get("password", "")),
        "dbname": str(parameters.get("dbname", "touchstone")),
    }


def connect(
    role: Role | None = None,
    *,
    autocommit: bool = False,
    settings: Settings | None = None,
    application_name: str = "touchstone",
) -> psycopg.Connection:
    """A connection that acts as `touchstone_<role>`, or as the owner when no role is named.

    Raises:
        WarehouseError: The server does not answer or refuses the login.
    """
    conninfo = make_conninfo(
        warehouse_url(settings),
        application_name=application_name,
        connect_timeout=10,
        options="-c TimeZone=UTC",
    )
    try:
        connection = psycopg.connect(conninfo, autocommit=True)
    except psycopg.OperationalError as error:
        raise WarehouseError(
            "the warehouse does not answer",
            str(error).strip().splitlines()[-1],
            "Start the embedded server with `touchstone up`, or check TOUCHSTONE_WAREHOUSE_URL.",
        ) from error
    if role:
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(f"touchstone_{role}")))
        if role in ("bi", "reviewer"):
            # the role's own defaults apply at login only; the same limits hold for a session that takes the role
            connection.execute("set default_transaction_read_only = on")
            connection.execute("set statement_timeout = '60s'")
    connection.autocommit = autocommit
    return connection
