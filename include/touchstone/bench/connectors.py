"""What a first run and the run after one more day ask of each vendor, and what they cost beside plain reading of the same answers.

`ingest_<source>` for every vendor of the sandbox; the baseline sends the very same requests once more and parses what comes back.
"""

from __future__ import annotations

import json
import pickle
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from touchstone.bench.harness import Row, benchmark
from touchstone.bench.warehouse import BenchWarehouse, bench_warehouse
from touchstone.errors import SourceError

DAYS, PER_DAY = 61, 50.0
SEED = 7
MOST_OTHERS = 0.05

# method, address, headers, content, and the status of the answer
Request = tuple[str, str, list[tuple[bytes, bytes]], bytes, int]


def main(what: str, path: str, entry: str, as_of: str) -> None:
    """One run in a process of its own: writes records, requests, CPU seconds and peak MiB."""
    found = _ingest(Path(path), json.loads(entry), as_of) if what == "ingest" else _read(Path(path))
    sys.stdout.write(json.dumps([*found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def _ingest(path: Path, entry: dict[str, Any], as_of: str) -> tuple[int, int, float]:
    import httpx

    from touchstone.sources.config import SourceInstance
    from touchstone.sources.http.runner import ingest
    from touchstone.sources.options import parsed
    from touchstone.sources.registry import connector

    asked: list[Request] = []
    send = httpx.HTTPTransport.handle_request

    def remembering(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        response = send(transport, request)
        asked.append((request.method, str(request.url), request.headers.raw, request.read(), response.status_code))
        return response

    httpx.HTTPTransport.handle_request = remembering  # type: ignore[method-assign]
    source = SourceInstance(parsed(entry, "the benchmark's entry"))
    reader = connector(source.source)
    start = time.process_time()
    result = ingest(reader, source, as_of=datetime.fromisoformat(as_of))
    seconds = time.process_time() - start
    path.write_bytes(pickle.dumps(asked))
    return result.rows_in, len(asked), seconds


def _read(path: Path) -> tuple[int, int, float]:
    import httpx
    import orjson

    requests: list[Request] = pickle.loads(path.read_bytes())  # noqa: S301 - this benchmark wrote it
    count, others, start = 0, 0, time.process_time()
    with httpx.Client(timeout=60) as client:
        for method, url, headers, content, status in requests:
            response = client.request(method, url, headers=headers, content=content)
            others += response.status_code != status
            body = response.content
            for line in body.splitlines() if body[:1] in (b"{", b"[") else ():
                count += bool(orjson.loads(line))
    spent = time.process_time() - start
    # an address that is good for one reading alone (a scroll) is refused the second time
    if others > MOST_OTHERS * len(requests):
        raise SourceError(
            "other answers than before", f"{others} of {len(requests)}", "Measure what may be asked again."
        )
    return count, len(requests), spent


def _of(name: str) -> Callable[[], Iterator[Row]]:
    def measured() -> Iterator[Row]:
        from touchstone.sandbox.api import SandboxOptions, serve
        from touchstone.sandbox.company import FIRST_DAY, build
        from touchstone.sandbox.entries import entry
        from touchstone.sandbox.service import secrets
        from touchstone.sources.sandbox import server_file
        from touchstone.statefiles import private_dir, write_json

        recipe = partial(build, seed=SEED, conversations_per_day=PER_DAY, days=DAYS)
        end = datetime.fromisoformat(f"{FIRST_DAY}T00:00:00+00:00") + timedelta(days=DAYS)
        with bench_warehouse() as warehouse:
            before = end - timedelta(days=1)
            with serve(recipe, SandboxOptions(clock=before, vendors=(name,)), patience=300) as sandbox:
                known = {"url": sandbox.url, "credentials": secrets(sandbox.credentials)}
                private_dir(server_file(warehouse.settings).parent)
                write_json(server_file(warehouse.settings), known)
                stated = json.dumps(entry(name))
                run = partial(_run, warehouse, stated)
                first, read_first = run("ingest", before), run("read", before)
                sandbox.move_clock(end)
                second, read_second = run("ingest", end), run("read", end)
        for what, ours, plain in (("first run", first, read_first), ("one more day", second, read_second)):
            rows, requests, seconds, peak = ours
            yield Row(
                f"ingest_{name}: {what}, {rows:,.0f} records by {requests:,.0f} requests ({peak:,.0f} MiB)",
                seconds,
                "CPU s",
                plain[2],
                plain[2] / seconds,
            )

    return measured


def _run(warehouse: BenchWarehouse, entry: str, what: str, as_of: datetime) -> list[float]:
    code = "import sys; from touchstone.bench.connectors import main; main(*sys.argv[1:])"
    return json.loads(warehouse.run(code, what, str(warehouse.folder / "requests"), entry, as_of.isoformat()))


def _register() -> None:
    from touchstone.sandbox.api.app import VENDORS

    for name in VENDORS:
        benchmark(f"ingest_{name}")(_of(name))


_register()
