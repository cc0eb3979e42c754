"""Landing against plain COPY of the same rows, what comes before it, and the memory of a loader of a million messages."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import orjson
import psutil
import psycopg
from psycopg import sql
from pydantic import SecretStr

from touchstone.bench.harness import Row, benchmark, compare
from touchstone.settings import Settings, get_settings
from touchstone.sources.readers import read_file
from touchstone.sources.validate import SEPARATOR, Checker, Document, encoded
from touchstone.warehouse import landing
from touchstone.warehouse.bootstrap import bootstrap
from touchstone.warehouse.engine import connect, warehouse_url
from touchstone.warehouse.landing import RawRow

_SPEED_BAR = 0.5
_MEMORY_BAR_MIB = 1024
_CONVERSATIONS = 100_000
_MESSAGES_EACH = 10
_SPEED_CONVERSATIONS = 20_000  # of them, in the rounds against COPY
_BATCH = 2_000
_PIECE = 200
_DATABASE = "touchstone_bench_landing"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_AS_OF = datetime(2026, 7, 1, tzinfo=UTC)
# The peak of a child counts from its parent's size at the fork: a small process stands between the two.
_OVERSEER = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss / (1024 if sys.platform == "darwin" else 1), used.ru_utime + used.ru_stime)
sys.exit(status)
"""
_TABLES = ("conversations", "messages")


@benchmark("landing")
def landing_speed() -> Iterator[Row]:
    """Rows per second of CPU (client and server), by step, and the peak memory of the whole loader."""
    with tempfile.TemporaryDirectory() as folder, _scratch_warehouse() as settings:
        path = Path(folder) / "conversations.jsonl"
        _write(path)
        yield from _whole_loader(path, settings)
        headers, messages, steps = _prepared(path)
        yield from steps
        yield _against_copy(settings, headers, messages)


def _write(path: Path) -> None:
    with path.open("wb") as file:
        for number in range(_CONVERSATIONS):
            start = _START + timedelta(seconds=number * 97)
            messages = [
                {
                    "message_id": f"m{place}",
                    "sent_at": f"{start + timedelta(minutes=place):%Y-%m-%dT%H:%M:%SZ}",
                    "actor": "ai_agent" if place % 2 else "customer",
                    "actor_id": f"person-{(number + place) % 5000}",
                    "text": f"My order {number} has not arrived, it was due on day {place}. Can you help?",
                }
                for place in range(_MESSAGES_EACH)
            ]
            record = {"interaction_id": f"conversation-{number:07}", "channel": "chat", "topic": "delivery"}
            file.write(orjson.dumps({**record, "messages": messages}) + b"\n")


def _prepared(path: Path) -> tuple[list[RawRow], list[RawRow], list[Row]]:
    """Raw rows of the first conversations, and what it costs to get them."""
    checker = Checker(_AS_OF, _AS_OF)
    headers: list[RawRow] = []
    messages: list[RawRow] = []
    spans = dict.fromkeys(("decoding", "validation", "encoding"), 0.0)
    with contextlib.closing(read_file(path)) as reads:
        for _ in range(0, _SPEED_CONVERSATIONS, _PIECE):
            begun = time.process_time()
            records = [read.record for read in itertools.islice(reads, _PIECE)]
            decoded = time.process_time()
            documents = [checker.document(record) for record in records if isinstance(record, dict)]
            checked = time.process_time()
            rows = [_encoded(document) for document in documents]
            written = time.process_time()
            spans["decoding"] += decoded - begun
            spans["validation"] += checked - decoded
            spans["encoding"] += written - checked
            for header, said in rows:
                headers.append(header)
                messages += said
            # the loader lets go of its batches; a heap that grows here must not charge the next piece with its upkeep
            gc.freeze()
    gc.unfreeze()
    count = len(headers) + len(messages)
    return headers, messages, [Row(f"landing: {name}", count / span, "rows/s/core") for name, span in spans.items()]


def _encoded(document: Document) -> tuple[RawRow, list[RawRow]]:
    owner = document.interaction_id
    body = encoded(document.header)
    header = RawRow(owner, owner, body, landing.payload_hash(body), None)
    messages = []
    for message_id, payload in document.messages:
        body = encoded(payload)
        messages.append(RawRow(f"{owner}{SEPARATOR}{message_id}", owner, body, landing.payload_hash(body), None))
    return header, messages


def _against_copy(settings: Settings, headers: list[RawRow], messages: list[RawRow]) -> Row:
    """The best of several rounds of each, in turns."""
    batches = [
        (headers[at : at + _BATCH], messages[at * _MESSAGES_EACH : (at + _BATCH) * _MESSAGES_EACH])
        for at in range(0, len(headers), _BATCH)
    ]
    with connect(settings=settings, autocommit=True) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        clock = _cpu_clock(backend)

        def plain_copy() -> None:
            for batch in batches:
                with connection.transaction():
                    for table, rows in zip(_TABLES, batch, strict=True):
                        statement = sql.SQL("copy {} from stdin").format(sql.Identifier("bench", table))
                        with connection.cursor().copy(statement) as copy:
                            copy.write(_copy_text(rows))

        def land() -> None:
            for batch in batches:
                _land(connection, *batch)

        _copy_tables(connection)
        compared = compare(
            _emptied(connection, "bench", plain_copy, clock),
            _emptied(connection, "raw_files", land, clock),
            clock=clock,
        )
        landed = connection.execute("select count(*) from raw_files.messages").fetchone()[0]
    rows = len(headers) + len(messages)
    return Row(
        "landing: raw rows against COPY of (id, jsonb), client and server",
        rows / compared.candidate_seconds,
        "rows/s/core",
        rows / compared.baseline_seconds,
        compared.ratio,
        _SPEED_BAR,
        compared.ratio >= _SPEED_BAR and landed == len(messages),
    )


def _land(connection: psycopg.Connection, headers: list[RawRow], messages: list[RawRow]) -> None:
    """One batch of documents, as `touchstone.sources.batches` lands it."""
    with connection.transaction():
        load = landing.begin_load(connection, "default")
        for table in _TABLES:
            landing.lock_stream(connection, "raw_files", table, "default")
        held = landing.existing_rows(
            connection, "raw_files", "conversations", "default", ids=[row.id for row in headers]
        )
        present = landing.existing_rows(connection, "raw_files", "messages", "default", interactions=held.keys())
        landing.land(connection, "raw_files", "messages", messages, load, existing=present)
        landing.land(connection, "raw_files", "conversations", headers, load, existing=held)


def _copy_text(rows: list[RawRow]) -> bytes:
    return b"".join(b"default\t%s\t%s\n" % (row.id.encode(), row.payload.replace(b"\\", b"\\\\")) for row in rows)


def _copy_tables(connection: psycopg.Connection) -> None:
    connection.execute("create schema bench")
    for table in _TABLES:
        connection.execute(
            sql.SQL(
                "create table {} (instance text not null, id text not null, payload jsonb not null,"
                " primary key (instance, id))"
            ).format(sql.Identifier("bench", table))
        )


def _cpu_clock(backend: psutil.Process) -> Callable[[], float]:
    """CPU seconds of this process and of its server process, less the seconds that emptying took."""

    def clock() -> float:
        server = backend.cpu_times()
        return time.process_time() + server.user + server.system - clock.emptying

    clock.emptying = 0.0  # type: ignore[attr-defined]
    return clock


def _emptied(
    connection: psycopg.Connection, schema: str, work: Callable[[], None], clock: Callable[[], float]
) -> Callable[[], None]:
    """The work on empty tables; emptying them is not its cost."""

    def run() -> None:
        before = clock()
        connection.execute(
            sql.SQL("truncate {}").format(sql.SQL(", ").join(sql.Identifier(schema, table) for table in _TABLES))
        )
        connection.execute("checkpoint")
        clock.emptying += clock() - before  # type: ignore[attr-defined]
        work()

    return run


def _whole_loader(path: Path, settings: Settings) -> Iterator[Row]:
    command = [sys.executable, "-m", "touchstone.sources.files", str(path), "--as-of", _AS_OF.isoformat()]
    environment = {
        **os.environ,
        "TOUCHSTONE_WAREHOUSE_URL": settings.warehouse_url.get_secret_value() if settings.warehouse_url else "",
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
    }
    ran = subprocess.run([sys.executable, "-c", _OVERSEER, *command], env=environment, capture_output=True, text=True)
    if ran.returncode:
        yield Row("landing: whole loader", holds=False, reason=ran.stderr.strip().splitlines()[-1])
        return
    printed, measured = ran.stdout.strip().splitlines()
    result = orjson.loads(printed)
    peak_kib, client_seconds = map(float, measured.split())
    count = _CONVERSATIONS * _MESSAGES_EACH
    is_whole = result["messages"] == count
    reason = "" if is_whole else f"only {result['messages']} messages were accepted"
    peak = peak_kib / 1024
    yield Row(
        f"landing: client memory for {count:,} messages",
        peak,
        "MiB at the peak",
        bar=_MEMORY_BAR_MIB,
        holds=is_whole and peak < _MEMORY_BAR_MIB,
        reason=reason,
    )
    yield Row("landing: whole loader, client", result["rows_in"] / client_seconds, "rows/s/core", reason=reason)


@contextlib.contextmanager
def _scratch_warehouse() -> Iterator[Settings]:
    """A database of its own on the warehouse's server, gone afterwards."""
    settings = get_settings()
    url = urlunsplit(urlsplit(warehouse_url(settings))._replace(path=f"/{_DATABASE}"))
    name = sql.Identifier(_DATABASE)
    with connect(settings=settings, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))
        connection.execute(sql.SQL("create database {}").format(name))
        try:
            scratch = settings.model_copy(update={"warehouse_url": SecretStr(url)})
            bootstrap(scratch)
            yield scratch
        finally:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))
