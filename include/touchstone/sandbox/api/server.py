"""The server as a process of its own, on a free port of 127.0.0.1, that ends with the one that started it."""

from __future__ import annotations

import contextlib
import gc
import logging
import multiprocessing
import os
import pickle
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from touchstone.errors import SourceError
from touchstone.sandbox.api.app import create_app
from touchstone.sandbox.api.options import Credentials, SandboxOptions
from touchstone.sandbox.model import Company

HOST = "127.0.0.1"
STARTUP_SECONDS = 120.0
_GRACE = 1
_PATIENCE = 10.0

Recipe = Callable[[], Company]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running server, as its starter sees it.

    Attributes:
        url: Without a path; the vendors are below /zendesk, /hubspot and /mixpanel.
    """

    url: str
    pid: int
    options: SandboxOptions

    @property
    def credentials(self) -> Credentials:
        """What the server accepted at its start."""
        return self.options.credentials

    def control(self, what: str, **body: Any) -> dict[str, Any]:
        """Ask or tell the server something: `control("stats")`, `control("traps", rate_limited=0.1)`.

        Raises:
            SourceError: The server refuses it.
        """
        url = f"{self.url}/_sandbox/{what}"
        response = httpx.post(url, json=body, timeout=30) if body or what == "reset" else httpx.get(url, timeout=30)
        if response.is_error:
            raise SourceError(f"sandbox refuses {what}", response.text, "See touchstone.sandbox.api.options.")
        return response.json()

    def move_clock(self, now: datetime | None = None, *, seconds: float | None = None) -> None:
        """Move the virtual clock to a moment, or on by seconds."""
        if now is not None:
            self.control("clock", now=now.isoformat())
        else:
            self.control("clock", seconds=seconds)


@contextmanager
def serve(
    company: Company | Recipe,
    options: SandboxOptions | None = None,
    *,
    log: Path | None = None,
    patience: float = STARTUP_SECONDS,
) -> Iterator[Sandbox]:
    """Run a server for the length of a `with` block.

    Args:
        company: The company, or a function of a module that builds it; the latter is called in the server's process.
        log: Where its output goes; None: nowhere.
        patience: Seconds until it has to answer.

    Raises:
        SourceError: It does not come up.
    """
    options = options or SandboxOptions()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    # By a file: the pipe to a new process holds little, and writing more into it waits for ever once that process is dead.
    with tempfile.NamedTemporaryFile(prefix="sandbox-", suffix=".pickle") as file:
        pickle.dump(company, file, pickle.HIGHEST_PROTOCOL)
        file.flush()
        process = context.Process(target=_child, args=(file.name, options, theirs, log), name="sandbox", daemon=True)
        process.start()
        theirs.close()
        yield from _running(process, ours, options, log, patience)


def _running(
    process: SpawnProcess, ours: Connection, options: SandboxOptions, log: Path | None, patience: float
) -> Iterator[Sandbox]:
    """The server from its start to its end."""
    try:
        port = _port(ours, process.sentinel, patience, log)
        url = f"http://{HOST}:{port}"
        _await_health(url, patience)
        yield Sandbox(url, process.pid, options)
    finally:
        ours.close()
        process.terminate()
        process.join(_PATIENCE)
        if process.is_alive():
            process.kill()
            process.join(_PATIENCE)
        process.close()


@contextmanager
def serve_here(company: Company, options: SandboxOptions | None = None) -> Iterator[Sandbox]:
    """Run a server on a thread of this process for the length of a `with` block: up in no time, slower under load."""
    options = options or SandboxOptions()
    server = uvicorn.Server(_config(create_app(company, options)))
    listening = _socket(0)
    listening.listen()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        # the socket takes connections already, so the first request waits for the server by itself
        yield Sandbox(f"http://{HOST}:{listening.getsockname()[1]}", os.getpid(), options)
    finally:
        server.should_exit = True
        thread.join(_PATIENCE)
        listening.close()


def run(company: Company, options: SandboxOptions, port: int) -> None:
    """Serve in this process until it is told to end.

    Raises:
        SourceError: The port is taken.
    """
    _run(create_app(company, options), _socket(port))


def _port(pipe: Connection, sentinel: int, patience: float, log: Path | None) -> int:
    wait([pipe, sentinel], timeout=patience)
    try:
        said = pipe.recv() if pipe.poll() else "no word from it in time"
    except EOFError:
        said = "it ended at once"
    if isinstance(said, int):
        return said
    raise SourceError("sandbox server that does not start", said, f"Read {log}." if log else "Give it a log file.")


def _await_health(url: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/_sandbox/health", timeout=5).status_code == 200:
                return
        if time.monotonic() > deadline:
            raise SourceError("sandbox server that does not answer", url, "Give it a log file, and read it.")
        time.sleep(0.02)


def _child(path: str, options: SandboxOptions, pipe: Connection, log: Path | None) -> None:
    with log.open("ab") if log else Path(os.devnull).open("wb") as output:
        os.dup2(output.fileno(), sys.stdout.fileno() if _has_file(sys.stdout) else 1)
        os.dup2(output.fileno(), sys.stderr.fileno() if _has_file(sys.stderr) else 2)
    try:
        with Path(path).open("rb") as file:
            company = pickle.load(file)  # noqa: S301 - the parent process wrote it
        app = create_app(company() if callable(company) else company, options)
        listening = _socket(0)
    except BaseException:
        pipe.send(traceback.format_exc())
        raise
    _end_with_parent()
    # The company stays as it is: the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    pipe.send(listening.getsockname()[1])
    pipe.close()
    _run(app, listening)


def _has_file(stream: Any) -> bool:
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return stream.fileno() >= 0
    return False


def _socket(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise SourceError(f"port {port} of {HOST}", str(error), "Name a free one.") from None
    return listening


def _run(app: Any, listening: socket.socket) -> None:
    logging.basicConfig(level=logging.WARNING)
    uvicorn.Server(_config(app)).run(sockets=[listening])


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        # longer than any client keeps an idle connection, so that none is closed under a request
        timeout_keep_alive=120,
        timeout_graceful_shutdown=_GRACE,
    )


def _end_with_parent() -> None:
    """End this process as soon as its parent is gone, however that went."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
