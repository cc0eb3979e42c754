"""kill -9 of loader, scorer and server at random points of the cycle; run again, it ends as if nothing had happened.

`touchstone.scoring` and `touchstone.sources` have storms of their own; here the victims work inside the whole cycle.
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from airflow_home import Home
from checksums import digests
from touchstone.settings import Settings

SCHEMAS = ("raw_files", "clean", "core", "scores", "facts", "marts", "marts_evidence")
KILLS = 20
STEPS = ("ingest", "stage", "clean", "core", "score", "facts", "gaps", "marts", "publish")


def warehouse_of(home: Home) -> Settings:
    from touchstone.warehouse.embedded import EmbeddedServer

    return Settings(home=home.settings.home, warehouse_url=EmbeddedServer(home.settings).url("touchstone"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("undisturbed"))
    home.call("run", "--sample", "--without-airflow")
    found = digests(warehouse_of(home), *SCHEMAS)
    home.remove()
    return found


def is_published(home: Home) -> bool:
    from touchstone.daily import last_published

    return last_published(warehouse_of(home)) is not None


def run_until_published(home: Home) -> None:
    """The same day again until it is published; a published day is not followed by the next."""
    for _ in range(4):
        if is_published(home):
            return
        home.start("run", "--sample").wait(timeout=900)
    raise AssertionError("the cycle did not end after four attempts")


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_the_server_killed_at_twenty_points_of_the_command_line_cycle(undisturbed, tmp_path_factory, record_property):
    """Each kill hits a cycle that is under way; the next attempt goes on with the same as_of."""
    rng = random.Random(11)
    home = Home(tmp_path_factory.mktemp("server-kills"))
    home.call("bootstrap")
    kills = interrupted = compared = 0
    try:
        while True:
            child = home.start("run", "--sample", "--without-airflow")
            if kills < KILLS:
                time.sleep(rng.uniform(2, 28))
                if child.poll() is None:
                    os.kill(home.postmaster(), signal.SIGKILL)
                    kills += 1
            interrupted += child.wait(timeout=300) != 0
            home.call("bootstrap")  # the server is back
            if is_published(home):
                # an attempt that published has ended the day: what it did is compared, and a new warehouse is begun
                assert digests(warehouse_of(home), *SCHEMAS) == undisturbed
                compared += 1
                if kills == KILLS:
                    break
                home.remove()
                home = Home(tmp_path_factory.mktemp("server-kills"))
                home.call("bootstrap")
    finally:
        home.remove()
    print(f"server: {kills} kills, {interrupted} attempts interrupted, {compared} cycles equal the undisturbed run")


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_loader_scorer_and_server_killed_twice_each_under_airflow(undisturbed, tmp_path_factory):
    rng = random.Random(5)
    for victim in ("score", "server", "ingest"):
        home = Home(tmp_path_factory.mktemp(f"airflow-{victim}"))
        try:
            home.call("up")
            child = home.start("run", "--sample")
            for _ in range(2):
                if victim == "server":
                    home.client_of(rng.choice(STEPS[1:]), patience=240)
                    os.kill(home.postmaster(), signal.SIGKILL)
                    time.sleep(10)
                else:
                    pid = home.client_of(victim, patience=240)
                    assert pid, f"no process of {victim} was found"
                    os.kill(pid, signal.SIGKILL)
            if child.wait(timeout=900) != 0:
                home.call("bootstrap")
                run_until_published(home)
            assert digests(warehouse_of(home), *SCHEMAS) == undisturbed
            print(f"{victim} under Airflow: 2 kills, all tables equal the undisturbed run")
        finally:
            home.remove()
