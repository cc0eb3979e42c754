"""Cost of a second run with 1 % new conversations, against the first run of everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import psycopg

from touchstone.bench.harness import Row, benchmark
from touchstone.bench.warehouse import bench_warehouse

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
    from touchstone.daily import end_of_day
    from touchstone.sample import FIRST_DAY, write_day

    with bench_warehouse() as warehouse:
        folder = warehouse.folder / "days"
        folder.mkdir()
        for offset in range(DAYS):
            write_day(FIRST_DAY + timedelta(days=offset), folder)
        until = end_of_day(FIRST_DAY + timedelta(days=DAYS - 1))
        first = sum(warehouse.measured(_CHILD, str(folder), until.isoformat(), json.dumps(_STEPS)))
        for offset in range(DAYS, DAYS + MORE_DAYS):
            write_day(FIRST_DAY + timedelta(days=offset), folder)
        until += timedelta(days=MORE_DAYS)
        second = sum(warehouse.measured(_CHILD, str(folder), until.isoformat(), json.dumps(_STEPS)))
        with psycopg.connect(warehouse.url) as connection:
            count = connection.execute("select count(*) from core.interactions").fetchone()[0]
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
