"""A whole ingest over HTTP against a loop that reads and parses the same pages, and what a small day costs after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from touchstone.bench.harness import Row, benchmark
from touchstone.bench.warehouse import BenchWarehouse, bench_warehouse

TICKETS = 100_000
COMMENTS = 500_000
LATER = 100  # tickets of the next day: 0.1 %
SPEED_BAR = 0.4
MEMORY_BAR_MIB = 500
REQUESTS_BAR = 0.01

# The child prints rows, CPU seconds, peak MiB and requests. The baseline asks for what the ingest asks for, and drops it.
_CHILD = """
import resource, sys, time
from datetime import datetime
from touchstone.bench.ingest import PLENTY
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
what, url, email, token, as_of = sys.argv[1:]
as_of = datetime.fromisoformat(as_of)
if what == "ingest":
    from touchstone.sources.http.runner import ingest
    from touchstone.sources.zendesk.connector import ZendeskConnector
    entry = {"source": "zendesk", "base_url": url, "start": "2025-01-01", "requests_per_minute": PLENTY}
    source = SourceInstance(parsed(entry, "the benchmark's entry"))
    start = time.process_time()
    result = ingest(ZendeskConnector(), source, as_of=as_of, secrets={"email": email, "api_token": token})
    spent, count, asked = time.process_time() - start, result.rows_in, sum(result.detail["requests"].values())
else:
    import httpx, orjson
    start, count, asked = time.process_time(), 0, 0
    with httpx.Client(base_url=url, auth=(f"{email}/token", token), timeout=60) as http:
        def page(path, **query):
            global asked
            asked += 1
            return orjson.loads(http.get(path, params=query).content)
        def rows(answer):
            return sum(len(value) for value in answer.values() if isinstance(value, list))
        scope = {"per_page": 1000, "support_type_scope": "all"}
        for name, extra in (("users", {}), ("tickets", {"include": "metric_sets"})):
            query = {"start_time": 1}
            while True:
                answer = page(f"/api/v2/incremental/{name}/cursor.json", **scope, **extra, **query)
                count += rows(answer)
                query = {"cursor": answer["after_cursor"]}
                if answer["end_of_stream"]:
                    break
        for name, extra in (("organizations", {}), ("ticket_events", {"include": "comment_events"}), ("ticket_metric_events", {})):
            since = 1
            while True:
                answer = page(f"/api/v2/incremental/{name}.json", **scope, **extra, start_time=since)
                count += rows(answer)
                since = answer["end_time"] or since
                if answer["end_of_stream"]:
                    break
    spent = time.process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)
print(count, spent, peak, asked)
"""

PLENTY = {"incremental": 600_000, "default": 600_000}


@benchmark("ingest")
def ingest_over_http() -> Iterator[Row]:
    """Rows per CPU second of the client, its peak memory, and the requests of a day with 0.1 % new."""
    from touchstone.sandbox.api import SandboxOptions, serve
    from touchstone.sandbox.api.bulk import DAYS, FIRST_DAY, bulk_company

    until = _midnight(FIRST_DAY) + timedelta(days=DAYS)
    with bench_warehouse() as warehouse:
        recipe = partial(bulk_company, TICKETS, COMMENTS, later=LATER)
        with serve(recipe, SandboxOptions(clock=until), patience=300) as sandbox:
            accepted = sandbox.credentials.zendesk
            given = (f"{sandbox.url}/zendesk", accepted.email, accepted.api_token)
            base_rows, base_seconds, _, _ = _run(warehouse, "baseline", *given, until.isoformat())
            rows, seconds, peak, asked = _run(warehouse, "ingest", *given, until.isoformat())
            sandbox.move_clock(until + timedelta(days=1))
            later = (until + timedelta(days=1)).isoformat()
            new_rows, _, _, asked_again = _run(warehouse, "ingest", *given, later)
    speed, baseline = rows / seconds, base_rows / base_seconds
    ratio = speed / baseline
    yield Row(
        f"ingest: {TICKETS:,} tickets with {COMMENTS:,} comments against reading and parsing the same pages",
        speed,
        "rows/s/core",
        baseline,
        ratio,
        SPEED_BAR,
        ratio >= SPEED_BAR,
    )
    yield Row(
        f"ingest: peak memory of the client for {rows:,.0f} rows",
        peak,
        "MiB",
        None,
        None,
        MEMORY_BAR_MIB,
        peak <= MEMORY_BAR_MIB,
    )
    share = asked_again / asked
    yield Row(
        f"ingest: requests of a day with {new_rows:,.0f} rows",
        asked_again,
        "requests",
        asked,
        share,
        REQUESTS_BAR,
        share <= REQUESTS_BAR,
    )


def _run(warehouse: BenchWarehouse, *arguments: str) -> tuple[float, float, float, float]:
    count, seconds, peak, asked = map(float, warehouse.run(_CHILD, *arguments).split()[-4:])
    return count, seconds, peak, asked


def _midnight(day):
    from datetime import UTC, datetime, time

    return datetime.combine(day, time(), UTC)
