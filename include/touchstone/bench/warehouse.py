"""An embedded server of a benchmark's own, and the CPU seconds of a child process with those of the server."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from touchstone.settings import Settings
from touchstone.warehouse.embedded import EmbeddedServer


@dataclass(frozen=True, slots=True)
class BenchWarehouse:
    """A bootstrapped warehouse that lasts as long as its benchmark.

    Attributes:
        folder: For what the benchmark writes; goes with the server.
        settings: Of whoever works on the warehouse.
        environment: The same for child processes.
    """

    server: EmbeddedServer
    folder: Path
    settings: Settings
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return self.server.url("touchstone")

    def run(self, code: str, *arguments: str) -> str:
        """What a child process prints that runs `code` in Python with these arguments."""
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=self.environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def measured(self, code: str, *arguments: str) -> tuple[float, float]:
        """CPU seconds of the child, which prints its own last, and of the server meanwhile."""
        before = cpu_seconds(self.server)
        client = float(self.run(code, *arguments).split()[-1])
        return client, cpu_seconds(self.server) - before


@contextmanager
def bench_warehouse() -> Iterator[BenchWarehouse]:
    """Starts an embedded server in a folder of its own; both go at the end."""
    from touchstone.warehouse.bootstrap import bootstrap

    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as name:
        folder = Path(name)
        folder.chmod(0o700)
        server = EmbeddedServer(Settings(home=folder / "home", warehouse_url=None))
        server.start()
        try:
            url, state = server.url("touchstone"), folder / "state"
            settings = Settings(home=state, warehouse_url=url)
            bootstrap(settings)
            environment = os.environ | {"TOUCHSTONE_WAREHOUSE_URL": url, "TOUCHSTONE_HOME": str(state)}
            yield BenchWarehouse(server, folder, settings, environment)
        finally:
            server.remove()


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
