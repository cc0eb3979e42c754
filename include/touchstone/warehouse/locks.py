"""Advisory locks: the one of transform, score and publish, and one per source instance that is loaded."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from touchstone.errors import BusyError
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

PIPELINE_LOCK = 0x746F756E65


@contextlib.contextmanager
def pipeline_lock(settings: Settings | None = None, *, wait_seconds: float = 900.0) -> Iterator[None]:
    """Hold the pipeline's advisory lock; Airflow's tasks and the command line take the same one.

    Raises:
        BusyError: Another run held the lock for all of `wait_seconds`.
    """
    with _session_lock(
        "select pg_try_advisory_lock(%s)",
        PIPELINE_LOCK,
        "another run holds the pipeline lock",
        None,
        wait_seconds=wait_seconds,
        settings=settings,
    ):
        yield


@contextlib.contextmanager
def instance_lock(
    source: str, instance: str, settings: Settings | None = None, *, wait_seconds: float = 60.0
) -> Iterator[None]:
    """Hold what makes a run the only loader of a source instance.

    Raises:
        BusyError: Another run held the lock for all of `wait_seconds`.
    """
    with _session_lock(
        "select pg_try_advisory_lock(hashtextextended(%s, 0))",
        f"ingest {source} {instance}",
        "another run is loading this source instance",
        f"{source}/{instance}",
        wait_seconds=wait_seconds,
        settings=settings,
    ):
        yield


@contextlib.contextmanager
def _session_lock(
    query: str, key: int | str, thing: str, value: str | None, *, wait_seconds: float, settings: Settings | None
) -> Iterator[None]:
    """The server frees the lock when the holder's connection ends, so a killed run leaves none behind."""
    with connect(autocommit=True, settings=settings, application_name="touchstone lock") as connection:
        deadline = time.monotonic() + wait_seconds
        while not connection.execute(query, [key]).fetchone()[0]:
            if time.monotonic() > deadline:
                raise BusyError(thing, value, "Wait for it to finish; `touchstone status` shows what runs.")
            time.sleep(0.2)
        yield
