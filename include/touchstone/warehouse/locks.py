"""The one lock of transform, score and publish."""

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

    The server frees the lock when the holder's connection ends, so a killed step leaves none behind.

    Raises:
        BusyError: Another run held the lock for all of `wait_seconds`.
    """
    with connect(autocommit=True, settings=settings, application_name="touchstone pipeline lock") as connection:
        deadline = time.monotonic() + wait_seconds
        while not connection.execute("select pg_try_advisory_lock(%s)", [PIPELINE_LOCK]).fetchone()[0]:
            if time.monotonic() > deadline:
                raise BusyError(
                    "another run holds the pipeline lock",
                    None,
                    "Wait for it to finish; `touchstone status` shows what runs.",
                )
            time.sleep(0.5)
        yield
