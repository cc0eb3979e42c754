"""Who may be asked for what: configuration, credentials, drivers, read-only transactions, and what `touchstone check` says."""

from __future__ import annotations

import copy
import time
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from touchstone.daily import ingest_source
from touchstone.errors import ConfigurationError, SourceError
from touchstone.sources.config import SourceInstance
from touchstone.sources.http.faults import CredentialsError, UnreachableError
from touchstone.sources.http.runner import check
from touchstone.sources.options import parsed
from touchstone.sources.registry import connector
from touchstone.sources.secrets import find_secrets, from_connection
from touchstone.sources.sql.database import Database
from touchstone.sources.sql.source import Sql

PASSWORD = "s3cret-of-the-reader"
FIELDS = {"interaction_id": "chat", "actor": {"constant": "customer"}, "sent_at": "said", "text": "body"}
TABLE = {"kind": "messages", "table": "lines", "id": "id", "cursor": "said", "fields": FIELDS}
ENTRY = {
    "source": "sql",
    "instance": "bot",
    "url": "postgresql+psycopg://reader@db.example.com/chat",
    "start": "2026-01-01",
    "tables": [TABLE],
}


def entry(**given: Any) -> dict[str, Any]:
    """The entry with other values: of itself, or of its table."""
    made = copy.deepcopy(ENTRY)
    for name, value in given.items():
        place = (
            made if name in ("url", "has_password", "time_zone", "statement_timeout", "tables") else made["tables"][0]
        )
        place[name] = value
    return made


def source(**given: Any) -> SourceInstance:
    return SourceInstance(parsed(entry(**given), "the entry"))


@pytest.fixture(scope="module")
def database(server) -> str:
    """Address, without password, of a database with a table of lines; its role could write."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create database desk_of_checks")
        connection.execute(f"create role desk_reader login password '{PASSWORD}'")
    with psycopg.connect(server.url("desk_of_checks"), autocommit=True) as connection:
        connection.execute(
            "create table lines (id uuid default gen_random_uuid(), chat text, said timestamptz, body text)"
        )
        connection.execute("insert into lines (chat, said, body) values ('c', '2026-03-01T09:00Z', 'hello')")
        connection.execute("create table wall (id int, chat text, said timestamp, body text)")
        connection.execute("insert into wall values (1, 'c', '2026-03-01 09:00', 'hello'), (1, 'c', null, 'again')")
        connection.execute("grant all on all tables in schema public to desk_reader")
        connection.execute("create table hidden (id int)")
    url = sa.make_url(server.url("desk_of_checks", driver="psycopg"))
    return url._replace(username="desk_reader", password=None).render_as_string(hide_password=False)


# --- configuration


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"url": "postgresql+psycopg://reader:hunter2@db/chat"},
            "`url` holds a password; leave it out and set TOUCHSTONE_SQL_",
        ),
        ({"url": "postgresql://db/chat?password=hunter2"}, "`url` holds a password"),
        ({"url": "chat.db"}, "`url` is no address of a database"),
        ({"time_zone": "Berlin"}, "`time_zone` must be a name of the time zone database"),
        ({"fields": FIELDS | {"txet": "body"}}, "`tables.0` maps `txet`.*did you mean `text`"),
        ({"fields": {"interaction_id": "chat"}}, "`tables.0` maps no `sent_at`, which messages need"),
        ({"fields": FIELDS | {"text": {"column": "body", "constant": "x"}}}, "takes either `column` or `constant`"),
        ({"fields": FIELDS | {"text": {"column": "body", "unit": "seconds"}}}, "gives `text` a unit"),
        ({"query": "select 1"}, "takes either `table` or `query`"),
        ({"table": None, "query": "delete from lines"}, "must be a select"),
        ({"tables": [TABLE, TABLE]}, "names two tables `messages`"),
        ({"tables": [TABLE, TABLE | {"name": "more"}]}, "holds several tables of messages; give each an `id_prefix:`"),
        ({"kind": "letters"}, "`tables.0.kind`"),
        ({"overlap": -1}, "`tables.0.overlap`"),
        ({"tables": []}, "`tables`"),
    ],
)
def test_what_cannot_work_is_told_at_start_without_a_secret(given, says):
    with pytest.raises(ConfigurationError, match=says) as caught:
        source(**given)
    assert "hunter2" not in str(caught.value)


def test_two_tables_of_one_kind_are_told_apart():
    tables = [TABLE | {"id_prefix": "a/"}, TABLE | {"name": "more", "id_prefix": "b/"}]
    assert [stream.name for stream in connector("sql").streams(source(tables=tables))] == ["messages", "more"]


def test_credentials_are_a_password_or_the_whole_address_or_none(monkeypatch):
    sql = connector("sql")
    with pytest.raises(ConfigurationError, match="TOUCHSTONE_SQL_BOT_PASSWORD"):
        find_secrets(source(), sql.credentials(source()))
    monkeypatch.setenv("TOUCHSTONE_SQL_BOT_URL", "postgresql://u:p@h/d")
    assert find_secrets(source(), sql.credentials(source())) == {"url": "postgresql://u:p@h/d"}
    monkeypatch.setenv("TOUCHSTONE_SQL_BOT_PASSWORD", PASSWORD)
    assert find_secrets(source(), sql.credentials(source())) == {"password": PASSWORD}
    for passwordless in (source(has_password=False), source(url="sqlite:///chat.db")):
        assert find_secrets(passwordless, sql.credentials(passwordless)) == {}
        connection = {"login": "u", "password": "p", "extra": {}}
        assert from_connection(connection, sql.credentials(passwordless)) == {}
    assert "s3cret" not in repr(source().entry)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql+pymysql://reader@db/chat", "the driver of mysql\\+pymysql is not installed: 'pymysql'. Install"),
        ("nosuch://reader@db/chat", "no dialect of SQLAlchemy has the name that `url` begins with: 'nosuch'"),
    ],
)
def test_a_driver_that_is_missing_is_named(url, says):
    one = source(url=url)
    with pytest.raises(ConfigurationError, match=says):
        check(connector("sql"), one, {"password": PASSWORD})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://reader:hunter2:more@db.example.com:54x/chat",
        "postgresql+psycopg://reader:half@hunter2@127.0.0.1:9/chat",
    ],
)
def test_an_address_with_an_unwritten_password_is_refused_without_repeating_it(url):
    """`@` and `:` of a password that are not written as %40 and %3A make the rest of it a host or a port."""
    with pytest.raises(ConfigurationError, match="is no address of a database") as told:
        check(connector("sql"), source(url=None), {"url": url})
    assert "hunter2" not in str(told.value)
    assert told.value.__cause__ is None


def test_what_a_database_says_is_told_without_the_password_of_an_address():
    """A driver may repeat what it was given."""
    one = source(url=None)
    made = Database(
        "sql/bot", one.options(Sql), {"url": "postgresql+psycopg://reader:hunter2@127.0.0.1:9/chat?passwd=canary"}
    )
    said = made._masked("cannot connect with hunter2 and canary\nmore")
    assert said == "cannot connect with *** and ***"


# --- asking


def faults(one: SourceInstance, password: str = PASSWORD) -> list[tuple[str, SourceError]]:
    secrets = {} if one.entry.url.startswith("sqlite") else {"password": password}
    return [(what, error) for what, error in check(connector("sql"), one, secrets) if error]


def test_a_mapping_that_works_is_said_to(database):
    asked = check(connector("sql"), source(url=database), {"password": PASSWORD})
    assert asked == [
        ("connection", None),
        ("messages (lines): columns", None),
        ("messages (lines): order", None),
        ("messages (lines): values", None),
    ]


def test_refused_credentials_and_silence_are_told_apart(database):
    ((what, error),) = faults(source(url=database), "wrong-words")
    assert what == "connection"
    assert isinstance(error, CredentialsError)
    assert "wrong-words" not in str(error)
    ((_, error),) = faults(source(url="postgresql+psycopg://reader@127.0.0.1:9/chat"))
    assert isinstance(error, UnreachableError)
    ((_, error),) = faults(source(url="sqlite:////nowhere/at/all.db"))
    assert isinstance(error, UnreachableError)


@pytest.mark.parametrize(
    ("given", "part", "says"),
    [
        ({"table": "missing"}, "columns", 'relation "missing" does not exist'),
        ({"table": "hidden"}, "columns", "permission denied for table hidden"),
        (
            {"fields": FIELDS | {"text": "words"}},
            "columns",
            "no column that `fields.text` names: 'words'. It has id, chat",
        ),
        ({"leave_out": ["pasword"]}, "columns", "no column that `leave_out` names: 'pasword'"),
        ({"cursor": "chat"}, "order", "the cursor of messages \\(lines\\) is neither a number nor a time"),
        ({"table": "wall"}, "order", "rows without a place in its order: 'said is null'.*`cursor` takes several"),
        ({"table": "wall", "cursor": "id"}, "order", "`id` of messages \\(wall\\) is not unique"),
        ({"table": "wall", "cursor": "id"}, "values", "sent_at .* has no zone.*Set `time_zone:`"),
        (
            {"fields": FIELDS | {"actor": "body"}},
            "values",
            "1 of 1 rows would go to quarantine.*actor 'hello'.*`values:`",
        ),
        ({"table": None, "query": "select id, id, said from lines"}, "columns", "names a column twice: 'id'"),
    ],
)
def test_each_fault_of_a_mapping_names_entry_column_and_remedy(database, given, part, says):
    found = dict(faults(source(url=database, **given)))
    label = "a query" if given.get("query") else given.get("table", "lines")
    with pytest.raises(SourceError, match=says):
        raise found[f"messages ({label}): {part}"]


def test_a_query_cannot_write_although_its_role_may(database, server):
    written = "with gone as (delete from lines returning *) select * from gone"
    ((_, error), *_) = faults(source(url=database, table=None, query=written))
    assert "read-only transaction" in str(error) or "data-modifying" in str(error)
    # a function hides what it does
    with psycopg.connect(server.url("desk_of_checks"), autocommit=True) as connection:
        connection.execute("create function moved() returns int language sql as 'delete from lines; select 1'")
    ((_, error), *_) = faults(source(url=database, table=None, query="select lines.*, moved() from lines"))
    assert "read-only transaction" in str(error)


def test_a_statement_that_takes_too_long_is_ended(database, tmp_path):
    slow = source(url=database, table=None, query="select *, pg_sleep(20) from lines", statement_timeout=1)
    began = time.monotonic()
    assert "took longer than 1 s" in str(dict(faults(slow))["messages (a query): order"])
    path = tmp_path / "slow.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(sa.text("create table lines (id integer, chat text, said text, body text)"))
        connection.execute(sa.text("insert into lines values (1, 'c', '2026-03-01T09:00:00Z', 'hello')"))
    endless = (
        "with recursive n(i) as (select 1 union all select i + 1 from n) "
        "select lines.* from lines where (select count(*) from n) > 0"
    )
    slow = source(url=f"sqlite:///{path}", table=None, query=endless, statement_timeout=1)
    assert "took longer than 1 s" in str(dict(faults(slow))["messages (a query): order"])
    assert time.monotonic() - began < 15


def test_a_file_of_sqlite_is_neither_made_nor_written(tmp_path):
    path = tmp_path / "absent.db"
    ((_, error), *_) = faults(source(url=f"sqlite:///{path}"))
    assert isinstance(error, UnreachableError)
    assert not path.exists()


def test_a_connection_that_breaks_is_made_again(database, warehouse, monkeypatch, server):
    from touchstone.sources.sql import database as module

    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    asked = module.Database._rows
    broken = []

    def breaks_once(self, *given):
        if not broken:
            broken.append(True)
            with self.transaction() as connection, psycopg.connect(server.url("postgres"), autocommit=True) as other:
                (pid,) = connection.exec_driver_sql("select pg_backend_pid()").fetchone()
                other.execute("select pg_terminate_backend(%s)", [pid])
                connection.exec_driver_sql("select 1")
        return asked(self, *given)

    monkeypatch.setattr(module.Database, "_rows", breaks_once)
    result = ingest_source(source(url=database), settings=warehouse, secrets={"password": PASSWORD})
    assert (result.rows_inserted, broken) == (1, [True])
