"""kill -9 of the scorer at random points, then a second run: the same rows as an undisturbed one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import psycopg
import pytest
from core_data import AS_OF, SCORE_TABLES, add_interaction, checksums, create_core

from touchstone.scoring.run import score
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

KILLS = 20
COUNT = 300
BATCH = 5
_CHILD = f"""
from datetime import datetime
from touchstone.scoring.run import score
score(datetime.fromisoformat({AS_OF.isoformat()!r}), batch_interactions={BATCH}, progress=lambda *done: print(*done, flush=True))
"""


def _kill_after(settings: Settings, count: int, delay: float) -> int:
    """Start the scorer and kill it some time after so many interactions; how many it had told of."""
    done = 0
    environment = os.environ | {"TOUCHSTONE_WAREHOUSE_URL": settings.warehouse_url.get_secret_value()}
    with subprocess.Popen([sys.executable, "-c", _CHILD], stdout=subprocess.PIPE, text=True, env=environment) as child:
        while done < count:
            line = child.stdout.readline()
            assert line, "the scorer ended before it was killed"
            done = int(line.split()[0])
        time.sleep(delay)
        child.kill()
    return done


def _forget(connection: psycopg.Connection) -> None:
    for table in (*SCORE_TABLES, "scorer_registry"):
        connection.execute(f"truncate scores.{table}")
    connection.execute("delete from ops.watermarks where step = 'score'")
    connection.execute("delete from ops.interaction_changes where reason = 'scored'")


@pytest.mark.long
def test_a_killed_scorer_leaves_nothing_lost_and_nothing_doubled(warehouse: Settings) -> None:
    create_core(warehouse)
    rng = random.Random(7)
    with connect("transformer", settings=warehouse, autocommit=True) as connection:
        for number in range(COUNT):
            add_interaction(connection, number)
        score(AS_OF, batch_interactions=BATCH)
        undisturbed = checksums(connection)
        assert undisturbed["interaction_scores"][0] >= COUNT
        for number in range(KILLS):
            _forget(connection)
            # the last point lies behind the last batch, where the version becomes the active one
            done = _kill_after(warehouse, COUNT if number == KILLS - 1 else rng.randrange(COUNT), rng.uniform(0, 0.1))
            scored = "select count(distinct interaction_key) from scores.interaction_scores"
            assert connection.execute(scored).fetchone()[0] >= done
            score(AS_OF, batch_interactions=BATCH)
            assert checksums(connection) == undisturbed
            assert connection.execute("select count(*) from scores.scorer_registry where is_active").fetchone()[0] == 1
