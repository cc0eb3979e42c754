"""The ten commonest queries of BI tools (docs/bi.md) on the marts of a million interactions, with twenty connections.

The published tables are made as the contract and the models' indexes say, and filled with rows of the true shapes: what is measured is
reading, not building. pgbench runs the queries at random, each with a slice of its own, as `touchstone_bi`; a bare index scan runs
among them.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from touchstone.bench.harness import Row, benchmark
from touchstone.bench.marts import FILLED, fill
from touchstone.bench.warehouse import BenchWarehouse, bench_warehouse
from touchstone.bi.contract import declared
from touchstone.settings import Settings, get_settings
from touchstone.warehouse.embedded import EmbeddedServer
from touchstone.warehouse.reshape import LEDGER_COLUMN

INTERACTIONS = int(os.environ.get("TOUCHSTONE_BENCH_INTERACTIONS", "1000000"))
CONNECTIONS = 20
SECONDS = int(os.environ.get("TOUCHSTONE_BENCH_SECONDS", "60"))
BAR = 200.0
_QUERY = re.compile(r"^### \d+\. (.+?)\n.*?^```sql\n(.+?)^```", re.MULTILINE | re.DOTALL)
_BARE = (
    "a bare index scan",
    "select count(*) from marts.rpt_service_daily where slice_type = 'team' and slice_value = 'team_7'",
)
# each run of a query asks for another agent, topic or account
_DRAWN = {
    "agent_17": ("agent_:drawn", 200),
    "topic_7": ("topic_:drawn", 40),
    "account_77": ("account_:drawn", 5000),
    "team_7": ("team_:drawn", 20),
}
_INDEXES = re.compile(r"\{'columns': \[([^\]]+)\]\}")


@benchmark("bi")
def bi() -> Iterator[Row]:
    """95th percentile of the latency of each query, in milliseconds, beside that of the bare index scan."""
    program = _pgbench()
    if program is None:
        yield Row("bi", reason="pgbench is not installed, and the embedded PostgreSQL lacks it")
        return
    with bench_warehouse() as warehouse:
        with psycopg.connect(warehouse.url, autocommit=True) as connection:
            count, rows = _make(connection)
            connection.execute(
                sql.SQL("alter role touchstone_bi login password {}").format(password := secrets.token_urlsafe(24))
            )
        queries = [*_queries(), _BARE]
        many = _measure(program, warehouse, password, queries, CONNECTIONS, SECONDS)
        alone = [statistics.median(one) for one in _measure(program, warehouse, password, queries, 1, SECONDS // 3)]
    *many_latencies, bare = (_percentile(one) for one in many)
    yield Row(f"bi: rows of the published tables of {count:,} interactions", rows, "rows")
    for number, (value, (title, _)) in enumerate(zip(many_latencies, queries, strict=False)):
        yield Row(
            f"bi: {title} ({len(many[number]):,} runs)",
            value,
            "ms, p95",
            bare,
            bare / value,
            None,
            value < BAR,
            f"alone {alone[number]:.2f} ms, {alone[number] / alone[-1]:.1f} times the bare index scan",
        )
    yield Row(f"bi: {_BARE[0]}", bare, "ms, p95", reason=f"alone {alone[-1]:.2f} ms")
    slowest = max(many_latencies)
    yield Row(f"bi: slowest of the ten at {CONNECTIONS} connections", slowest, "ms, p95", bar=BAR, holds=slowest < BAR)


def _queries() -> list[tuple[str, str]]:
    return _QUERY.findall((get_settings().root / "docs" / "bi.md").read_text())


def _make(connection: psycopg.Connection) -> tuple[int, int]:
    """The tables that the queries read, filled; interactions, and rows of all."""
    for name, table in declared().items():
        if name not in FILLED:
            continue
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(data_type))
            for column, data_type in table.columns.items()
        )
        connection.execute(sql.SQL("create table marts.{} ({})").format(sql.Identifier(name), columns))
        fill(connection, name, table.columns, INTERACTIONS)
        keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
        connection.execute(sql.SQL("alter table marts.{} add primary key ({})").format(sql.Identifier(name), keys))
        for index in _indexes(name):
            columns = sql.SQL(", ").join(map(sql.Identifier, index))
            connection.execute(sql.SQL("create index on marts.{} ({})").format(sql.Identifier(name), columns))
    connection.execute("grant select on all tables in schema marts to touchstone_bi")
    connection.execute("vacuum (analyze)")
    counts = {name: connection.execute(f"select count(*) from marts.{name}").fetchone()[0] for name in FILLED}
    return counts["fct_interactions"], sum(counts.values())


def _indexes(name: str) -> list[list[str]]:
    """Columns of the indexes that a model asks for and readers get."""
    text = next(get_settings().dbt_dir.glob(f"models/marts/**/{name}.sql")).read_text()
    found = [re.findall(r"'([^']+)'", columns) for columns in _INDEXES.findall(text)]
    return [columns for columns in found if LEDGER_COLUMN not in columns]


def _pgbench() -> Path | None:
    embedded = EmbeddedServer(Settings(warehouse_url=None)).install.bin / "pgbench"
    if embedded.is_file():
        return embedded
    found = shutil.which("pgbench")
    return Path(found) if found else None


def _measure(
    program: Path,
    warehouse: BenchWarehouse,
    password: str,
    queries: list[tuple[str, str]],
    connections: int,
    seconds: int,
) -> list[list[float]]:
    """Latencies in milliseconds, by query."""
    files = []
    for number, (_, text) in enumerate(queries):
        head = ""
        for literal, (drawn, most) in _DRAWN.items():
            if f"'{literal}'" in text:
                head += f"\\set drawn random(1, {most})\n"
                text = text.replace(f"'{literal}'", f"'{drawn}'")
        file = warehouse.folder / f"{number}.sql"
        file.write_text(f"{head}{' '.join(text.split())};\n")
        files += ["--file", str(file)]
    (logs := warehouse.folder / f"logs-{connections}").mkdir()
    done = subprocess.run(
        [
            *(
                str(program),
                "--no-vacuum",
                "--client",
                str(connections),
                "--jobs",
                str(min(2, connections)),
                "--time",
                str(seconds),
            ),
            *("--log", "--log-prefix", str(logs / "run"), *files),
            *("--host", "127.0.0.1", "--port", str(warehouse.server.port), "--username", "touchstone_bi", "touchstone"),
        ],
        env={"PATH": os.environ["PATH"], "PGPASSWORD": password},
        capture_output=True,
        text=True,
    )
    if done.returncode or "ERROR" in done.stderr:
        raise RuntimeError(done.stderr[-2000:])
    found: list[list[float]] = [[] for _ in queries]
    for log in logs.iterdir():
        for line in log.read_text().splitlines():
            _, _, microseconds, query, *_ = line.split()
            found[int(query)].append(int(microseconds) / 1000)
    return found


def _percentile(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[18]
