"""The database that is read: connections that cannot write, one short transaction per question, faults in words.

Names of tables and columns reach the database as identifiers that SQLAlchemy quotes, values as parameters; a text that is sent as
it is comes from the configuration's `query` alone.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Connection, Engine, make_url

from touchstone.errors import ConfigurationError, SourceError
from touchstone.settings import get_settings
from touchstone.sources.http.faults import CredentialsError, UnreachableError
from touchstone.sources.sql.source import Sql, Table

log = logging.getLogger(__name__)

ATTEMPTS = 4
FIRST_PAUSE = 1.0
CURSOR = "touchstone_cursor"
_REFUSED = ("28000", "28P01")
_WITH_CONNECT_TIMEOUT = ("psycopg", "psycopg2", "pymysql", "mysqldb")


class Database:
    """One database for one run or check.

    Args:
        name: Of the source instance, for messages.
        secrets: `password`, or `url` with everything.

    Raises:
        ConfigurationError: The address names no dialect that SQLAlchemy knows, or its driver is not installed.
    """

    def __init__(self, name: str, options: Sql, secrets: dict[str, str]) -> None:
        self.name = name
        self._options = options
        self._secrets: set[str] = {secrets["password"]} if secrets.get("password") else set()
        self._columns: dict[str, tuple[str, ...]] = {}
        self._engine = self._made(secrets)

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of the system, such as postgresql."""
        return self._engine.dialect.name

    def close(self) -> None:
        """End its connections."""
        self._engine.dispose()

    # --- connecting

    def _made(self, secrets: dict[str, str]) -> Engine:
        stated = secrets.get("url") or self._options.url
        try:
            url = make_url(stated)
            if "password" in secrets:
                url = url.set(password=secrets["password"])
            self._secrets |= _secrets_of(url)
            if url.host and "@" in url.host:
                # drivers would tell the rest of the password as the host that they cannot find
                raise exc.ArgumentError
            backend, driver = url.get_backend_name(), url.get_driver_name()
            arguments = {"connect_timeout": 30} if driver in _WITH_CONNECT_TIMEOUT else {}
            if backend == "sqlite":
                url = _read_only_file(url)
            engine = sa.create_engine(
                url, pool_size=1, max_overflow=1, pool_pre_ping=True, hide_parameters=True, connect_args=arguments
            )
        except exc.NoSuchModuleError:
            raise ConfigurationError(
                f"{self.name}: no dialect of SQLAlchemy has the name that `url` begins with",
                url.drivername,
                "Correct it, or install the package that brings the dialect beside Touchstone.",
            ) from None
        except (exc.ArgumentError, ValueError):
            raise ConfigurationError(
                f"{self.name}: `url` is no address of a database",
                None,
                "Write it as postgresql+psycopg://reader@db.example.com/chat; in a password, @ is %40 and : is %3A.",
            ) from None
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"{self.name}: the driver of {url.drivername} is not installed",
                error.name,
                f"Install the Python module {error.name} beside Touchstone; PostgreSQL (psycopg) and SQLite need none.",
            ) from None
        if backend == "sqlite":
            event.listen(engine, "connect", _Guard(self._options.statement_timeout))
        return engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that can only read, and whose statements end in time.

        Raises:
            CredentialsError, UnreachableError: No connection came about.
        """
        try:
            connection = self._engine.connect()
        except exc.DBAPIError as error:
            raise self._unconnected(error) from None
        with connection, connection.begin():
            for statement in self._guards():
                connection.exec_driver_sql(statement)
            yield connection

    def _guards(self) -> tuple[str, ...]:
        milliseconds = self._options.statement_timeout * 1000
        match self.dialect:
            case "postgresql":
                return ("set transaction read only", f"set local statement_timeout = {milliseconds}")
            case "redshift":
                return (f"set statement_timeout to {milliseconds}",)
            case "mysql":
                return ("set session transaction read only", f"set session max_execution_time = {milliseconds}")
            case "mariadb":
                return ("set session transaction read only", f"set session max_statement_time = {milliseconds / 1000}")
        return ()

    def _unconnected(self, error: exc.DBAPIError) -> SourceError:
        said = self._said(error)
        is_refused = getattr(error.orig, "sqlstate", None) in _REFUSED or re.search(
            r"authentication failed|access denied|login failed|no password supplied", said, re.IGNORECASE
        )
        if is_refused:
            return CredentialsError(
                f"{self.name}: the database does not accept the credentials",
                said,
                "Check user and password, and that the role may connect to this database.",
            )
        return UnreachableError(
            f"{self.name}: the database does not answer", said, "Check host, port, network and whether it runs."
        )

    # --- asking

    def ask(self, entry: Table, statement: sa.Select, most: int, most_bytes: int) -> list[dict[str, Any]]:
        """Rows of a statement, at most as many, and no more once they weigh as much; asked again where the connection broke.

        Raises:
            SourceError: The database refuses the statement, or does not finish it in time.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._rows(statement, most, most_bytes)
            except UnreachableError:
                if attempt == ATTEMPTS:
                    raise
            except exc.DBAPIError as error:
                if not error.connection_invalidated or attempt == ATTEMPTS:
                    raise self._refused(entry, error) from None
            except exc.SQLAlchemyError as error:
                raise SourceError(
                    f"{self.name}: {entry.label} cannot be read", self._masked(str(error)), "Correct the entry."
                ) from None
            pause = FIRST_PAUSE * 2 ** (attempt - 1)
            log.warning("%s: %s: the connection broke; again in %.0f s", self.name, entry.label, pause)
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _rows(self, statement: sa.Select, most: int, most_bytes: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        weight = 0
        with self.transaction() as connection:
            result = connection.execution_options(stream_results=True, max_row_buffer=200).execute(statement)
            for row in result.mappings():
                found.append(dict(row))
                weight += sum(len(value) for value in row.values() if isinstance(value, str | bytes))
                if len(found) == most or weight > most_bytes:
                    break
            result.close()
        return found

    def _refused(self, entry: Table, error: exc.DBAPIError) -> SourceError:
        said = self._said(error)
        if re.search(r"statement timeout|interrupted|max_execution_time|max_statement_time", said, re.IGNORECASE):
            return SourceError(
                f"{self.name}: {entry.label} took longer than {self._options.statement_timeout} s",
                said,
                f"Make an index on ({', '.join((*entry.cursor, entry.id))}), or raise `statement_timeout`.",
            )
        return SourceError(
            f"{self.name}: {entry.label} cannot be read",
            said,
            "Correct the entry's names, or let the role read what it names.",
        )

    def _said(self, error: exc.DBAPIError) -> str:
        """The first line of what the database says, without a secret."""
        return self._masked(str(error.orig))

    def _masked(self, words: str) -> str:
        line = (words.strip().splitlines() or ["no reason given"])[0]
        for secret in sorted(self._secrets, key=len, reverse=True):
            line = line.replace(secret, "***")
        return line[:300]

    # --- statements

    def columns(self, entry: Table) -> tuple[str, ...]:
        """Names of the columns of a table or query, asked once.

        Raises:
            SourceError: It is not there, or a query names a column twice.
        """
        if entry.stream not in self._columns:
            statement = sa.select(sa.text("*")).select_from(self._named(entry)).where(sa.false())
            try:
                with self.transaction() as connection:
                    names = tuple(connection.execute(statement).keys())
            except exc.DBAPIError as error:
                raise self._refused(entry, error) from None
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise SourceError(
                    f"{self.name}: {entry.label} names a column twice", twice[0], "Give each a name of its own by `as`."
                )
            self._columns[entry.stream] = names
        return self._columns[entry.stream]

    def select(self, entry: Table) -> Selected:
        """The columns of an entry that are read, and its rows that count.

        Raises:
            SourceError: A column that the entry names is not there.
        """
        names = self.columns(entry)
        used = {entry.id: "id"} | dict.fromkeys(entry.cursor, "cursor") | dict.fromkeys(entry.where, "where")
        used |= {name: f"fields.{field}" for field, column in entry.fields.items() for name in column.column}
        # what is to be left out must be there: a slip of the pen would let it in
        for name, place in (dict.fromkeys(entry.leave_out, "leave_out") | used).items():
            if name not in names:
                raise SourceError(
                    f"{self.name}: {entry.label} has no column that `{place}` names",
                    name,
                    f"It has {', '.join(names)}.",
                )
        relation = self._named(entry, names)
        columns = relation.c
        parts = [columns[name] for name in entry.cursor]
        cursor = parts[0] if len(parts) == 1 else sa.func.coalesce(*parts)
        wanted = [columns[name] for name in names if name in used or name not in entry.leave_out]
        statement = sa.select(*wanted, cursor.label(CURSOR))
        for name, value in entry.where.items():
            statement = statement.where(_is(columns[name], value))
        return Selected(statement, cursor, columns[entry.id])

    def _named(self, entry: Table, names: tuple[str, ...] = ()) -> sa.FromClause:
        columns = [sa.column(name) for name in names]
        if entry.query is not None:
            # a colon is no parameter here
            return sa.text(entry.query.replace(":", r"\:")).columns(*columns).subquery("mapped")
        schema, _, table = entry.table.rpartition(".")
        return sa.table(table, *columns, schema=schema or None)


class Selected:
    """A select of mapped rows, with the columns that order it.

    Attributes:
        statement: Without order and limits.
    """

    def __init__(self, statement: sa.Select, cursor: sa.ColumnElement, row_id: sa.ColumnElement) -> None:
        self.statement = statement
        self.cursor = cursor
        self.row_id = row_id

    def page(self, after: Any, after_id: Any, through: Any, limit: int) -> sa.Select:
        """Rows in the order of (cursor, id): from a cursor on, or behind one row of it, up to a bound."""
        statement = self.statement.where(self.cursor.is_not(None), self.row_id.is_not(None))
        if after is not None:
            statement = statement.where(self.cursor >= after)
        if after_id is not None:
            statement = statement.where(sa.or_(self.cursor > after, self.row_id > after_id))
        if through is not None:
            statement = statement.where(self.cursor <= through)
        return statement.order_by(self.cursor, self.row_id).limit(limit)

    def newest(self) -> sa.Select:
        """The greatest cursor."""
        return self.statement.with_only_columns(sa.func.max(self.cursor).label(CURSOR))

    def without_key(self, limit: int) -> sa.Select:
        """Rows that no page holds, since they have no cursor or no id."""
        return self.statement.where(sa.or_(self.cursor.is_(None), self.row_id.is_(None))).limit(limit)

    def present(self, ids: list[Any]) -> sa.Select:
        """Which of these ids are there."""
        return self.statement.with_only_columns(self.row_id.label("row_id")).where(self.row_id.in_(ids))


def _is(column: sa.ColumnElement, value: Any) -> sa.ColumnElement:
    values = list(value) if isinstance(value, tuple) else [value]
    some = [one for one in values if one is not None]
    parts = [column.in_(some)] if some else []
    if None in values:
        parts.append(column.is_(None))
    return sa.or_(*parts)


def _secrets_of(url: URL) -> set[str]:
    """What an address says that no message may repeat."""
    stated = [url.password, *(value for name, value in url.query.items() if "passw" in name.lower())]
    values = [one for value in stated for one in ([value] if isinstance(value, str) else value or ())]
    return {one for one in values if one}


def _read_only_file(url: URL) -> URL:
    """The address of a file of SQLite, relative to the checkout, that is neither made nor written."""
    if not url.database or url.database == ":memory:":
        raise exc.ArgumentError
    path = (get_settings().root / url.database).as_posix()
    return url.set(database=f"file:{path}", query={"mode": "ro", "uri": "true"})


class _Guard:
    """Ends a statement of SQLite that takes too long, and lets none write: it has no settings for a transaction."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = 0.0

    def __call__(self, connection: Any, _record: Any) -> None:
        connection.execute("pragma query_only = on")
        connection.set_trace_callback(self._begin)
        connection.set_progress_handler(self._is_late, 10_000)

    def _begin(self, _statement: str) -> None:
        self._began = time.monotonic()

    def _is_late(self) -> bool:
        return time.monotonic() - self._began > self._seconds
