"""PostgreSQL's JDBC driver, as `touchstone_bi`: what a BI tool finds when it syncs, and what it is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from cycles import WHOLE
from touchstone.bi.contract import read
from touchstone.settings import Settings, get_settings
from touchstone.warehouse.engine import connect, warehouse_url
from warehouses import new_warehouse

FOLDER = get_settings().build_dir / "jdbc"
INSTALLED = Path("/usr/share/java/postgresql.jar")
PACKAGE = "libpostgresql-jdbc-java"
PASSWORD = "of the test alone"
REFUSED = (
    "select * from raw_files.messages",
    "select * from raw_zendesk.tickets",
    "select text from core.messages",
    "select text from clean.messages",
    "select * from scores.evidence",
    "select * from marts_evidence.fct_evidence_quotes",
    "select * from ops.runs",
    "select * from feedback.inbox",
    "select * from marts_build.fct_interactions",
    "insert into marts.rpt_coverage_daily default values",
    "update marts.fct_interactions set topic = 'mine'",
    "delete from marts.fct_interactions",
    "truncate marts.fct_interactions",
    "create table marts.mine (n int)",
    "create temporary table mine (n int)",
    "set role touchstone_transformer",
)
NOT_ALLOWED = "42501"


@pytest.fixture(scope="module")
def driver() -> Path:
    """PostgreSQL's JDBC driver: Debian's package, installed or unpacked into build/."""
    if shutil.which("java") is None or shutil.which("javac") is None:
        pytest.skip("this machine has no Java development kit")
    if INSTALLED.is_file():
        return INSTALLED
    unpacked = FOLDER / "usr/share/java/postgresql.jar"
    if not unpacked.is_file():
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            pytest.skip(f"the JDBC driver comes from Debian's {PACKAGE}, and this machine has no apt")
        FOLDER.mkdir(parents=True, exist_ok=True)
        got = subprocess.run(["apt-get", "download", PACKAGE], cwd=FOLDER, capture_output=True, text=True)
        packages = sorted(FOLDER.glob(f"{PACKAGE}_*.deb"))
        if got.returncode or not packages:
            pytest.skip(f"apt does not give {PACKAGE}: {got.stderr.strip()[-200:]}")
        subprocess.run(["dpkg", "--extract", str(packages[-1]), str(FOLDER)], check=True)
    return unpacked


@pytest.fixture(scope="module")
def published(driver, server, whole, tmp_path_factory) -> Iterator[Settings]:
    """A copy of the warehouse of the whole cycle, whose `touchstone_bi` may log in."""
    with new_warehouse(server, "jdbc", tmp_path_factory.mktemp("jdbc"), template=WHOLE) as settings:
        with connect(settings=settings, autocommit=True) as connection:
            connection.execute(f"alter role touchstone_bi login password '{PASSWORD}'")
        yield settings


@pytest.fixture(scope="module")
def synced(driver, published) -> dict[str, list[list[str]]]:
    """The lines of `Sync.java`, by their first word."""
    place = conninfo_to_dict(warehouse_url(published))
    ended = subprocess.run(
        [
            *("java", "-Xmx256m", "-cp", str(driver), str(Path(__file__).with_name("Sync.java"))),
            f"jdbc:postgresql://{place['host']}:{place['port']}/{place['dbname']}?currentSchema=marts",
            "touchstone_bi",
        ],
        input="\n".join((*REFUSED, "select count(*) from rpt_coverage_daily")),
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, list[list[str]]] = defaultdict(list)
    for line in ended.stdout.splitlines():
        word, *values = line.split("\t")
        found[word].append(values)
    return found


def test_the_driver_lists_schemas_tables_columns_and_keys_as_the_contract_has_them(synced):
    tables = read().tables
    assert synced["driver"][0][0] == "PostgreSQL JDBC Driver"
    assert ["marts"] in synced["schema"]
    assert {name for name, _, _ in synced["table"]} == set(tables)
    assert {(table, column) for table, column, _, _ in synced["column"]} == {
        (name, column) for name, table in tables.items() for column in table.columns
    }
    keys: dict[str, dict[int, str]] = defaultdict(dict)
    for table, column, position in synced["key"]:
        keys[table][int(position)] = column
    assert {name: tuple(key[n] for n in sorted(key)) for name, key in keys.items()} == {
        name: table.key for name, table in tables.items()
    }
    assert {table for table, _, _ in synced["index"]} == set(tables)


def test_remarks_are_the_descriptions_of_the_models(synced, published):
    with connect("bi", settings=published) as connection:
        described = dict(
            connection.execute(
                """
                select relname || coalesce('.' || attname, ''), regexp_replace(description, '[\\t\\r\\n]+', ' ', 'g')
                from pg_description inner join pg_class on pg_class.oid = objoid and classoid = 'pg_class'::regclass
                left join pg_attribute on attrelid = objoid and attnum = objsubid and objsubid > 0
                where relnamespace = 'marts'::regnamespace and relkind = 'r'
                """
            ).fetchall()
        )
    remarks = {name: remark for name, _, remark in synced["table"]}
    remarks |= {f"{table}.{column}": remark for table, column, _, remark in synced["column"]}
    assert remarks == described
    assert all(remarks.values())


def test_every_mart_is_read_to_its_last_row(synced, published):
    with connect("bi", settings=published) as connection:
        counts = {
            name: connection.execute(f'select count(*) from marts."{name}"').fetchone()[0] for name in read().tables
        }
    assert {table: int(rows) for table, rows, _ in synced["read"]} == counts
    assert sum(counts.values()) > 10_000


def test_raw_data_texts_evidence_the_ledger_and_writing_are_refused(synced):
    assert dict(synced["refused"]) == dict.fromkeys(REFUSED, NOT_ALLOWED)
    assert synced["allowed"] == [["select count(*) from rpt_coverage_daily"]]
