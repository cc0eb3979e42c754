"""Cost of a second run with 1 % new conversations, against the first run of everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg

from touchstone.bench.harness import Row, benchmark
from touchstone.settings import Settings
from touchstone.warehouse.embedded import EmbeddedServer

DAYS = 365
MORE_DAYS = 4
BAR = 0.25
_STEPS = ("stage", "clean", "core", "score", "facts", "gaps", "revenue", "marts", "publish")
_CHILD = """
import json, sys, time
from datetime import datetime
from pathlib import Path
from touchstone.pipeline import STEPS
from touchstone.sources import files
from touchstone.warehouse import publish
import touchstone.pipeline as pipeline
pipeline._require_passed_gate = lambda settings: None  # transform alone is measured, without the gates
folder, as_of = sys.argv[1], datetime.fromisoformat(sys.argv[2])
files.ingest(Path(folder), as_of=as_of, instance="bench")
start = time.process_time()
for step in json.loads(sys.argv[3]):
    STEPS[step](as_of)
print(time.process_time() - start)
"""


@benchmark("increment")
def increment() -> Iterator[Row]:
    """Client and server CPU seconds of stage, clean, core, score, facts, gaps, revenue, marts and publish."""
    from datetime import timedelta

    from touchstone.daily import end_of_day
    from touchstone.sample import FIRST_DAY, write_day

    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as name:
        base = Path(name)
        base.chmod(0o700)
        server = EmbeddedServer(Settings(home=base / "home", warehouse_url=None))
        server.start()
        try:
            environment = os.environ | {
                "TOUCHSTONE_WAREHOUSE_URL": server.url("touchstone"),
                "TOUCHSTONE_HOME": str(base / "state"),
            }
            subprocess.run(
                [sys.executable, "-c", "from touchstone.warehouse.bootstrap import bootstrap; bootstrap()"],
                env=environment,
                check=True,
            )
            folder = base / "days"
            folder.mkdir()
            for offset in range(DAYS):
                write_day(FIRST_DAY + timedelta(days=offset), folder)
            first = _measure(server, environment, folder, end_of_day(FIRST_DAY + timedelta(days=DAYS - 1)).isoformat())
            for offset in range(DAYS, DAYS + MORE_DAYS):
                write_day(FIRST_DAY + timedelta(days=offset), folder)
            second = _measure(
                server, environment, folder, end_of_day(FIRST_DAY + timedelta(days=DAYS + MORE_DAYS - 1)).isoformat()
            )
            with psycopg.connect(server.url("touchstone")) as connection:
                count = connection.execute("select count(*) from core.interactions").fetchone()[0]
        finally:
            server.remove()
    yield Row(f"increment: first run of {DAYS} days, CPU", first, "s", None, None, None, None)
    yield Row(
        f"increment: {MORE_DAYS} more days ({count:,} interactions in all), CPU",
        second,
        "s",
        first,
        second / first,
        BAR,
        second / first <= BAR,
    )


def _measure(server: EmbeddedServer, environment: dict[str, str], folder: Path, as_of: str) -> float:
    """CPU seconds of one run: of the client process, and of the server with its backends."""
    before = cpu_seconds(server)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder), as_of, json.dumps(_STEPS)],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(done.stdout.split()[-1]) + cpu_seconds(server) - before


def cpu_seconds(server: EmbeddedServer) -> float:
    """CPU seconds of the postmaster, its living children, and those it has waited for."""
    postmaster = psutil.Process(server.postmaster().pid)
    while True:
        try:
            living = sum(sum(child.cpu_times()[:2]) for child in postmaster.children())
        except psutil.NoSuchProcess:
            continue  # it ended between the two looks, and is one of those waited for now
        times = postmaster.cpu_times()
        return times.user + times.system + times.children_user + times.children_system + living
