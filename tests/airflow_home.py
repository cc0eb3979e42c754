"""A checkout's state of its own for tests that start server and Airflow for real."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg

from touchstone.settings import Settings


class Home:
    """Server and Airflow in a folder of their own; `remove` leaves nothing behind."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder, warehouse_url=None)
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("TOUCHSTONE_", "AIRFLOW"))
        } | {"TOUCHSTONE_HOME": str(folder)}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "touchstone.cli", *arguments]

    def call(self, *arguments: str, timeout: float = 900) -> str:
        """Run a command of ours; its output, or an assertion with what it said."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments), env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def postmaster(self) -> int:
        from touchstone.warehouse.embedded import EmbeddedServer

        return EmbeddedServer(self.settings).postmaster().pid

    def client_of(self, step: str, patience: float) -> int | None:
        """Process that works on a step: the one at the other end of a connection of its name."""
        from touchstone.warehouse.embedded import EmbeddedServer

        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                with psycopg.connect(EmbeddedServer(self.settings).url("touchstone"), connect_timeout=2) as connection:
                    ports = {
                        port
                        for (port,) in connection.execute(
                            "select client_port from pg_stat_activity where application_name like %s",
                            [f"touchstone {step}%"],
                        )
                    }
            except psycopg.OperationalError:
                ports = set()
            for held in psutil.net_connections("tcp4") if ports else ():
                if held.laddr.port in ports and held.pid:
                    return held.pid
            time.sleep(0.02)
        return None

    def remove(self) -> None:
        from touchstone.warehouse.embedded import EmbeddedServer

        self.call("down")
        EmbeddedServer(self.settings).remove()
