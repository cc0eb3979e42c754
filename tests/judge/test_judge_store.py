"""Answers and spending, in a SQLite file and in the warehouse alike."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from touchstone.errors import ConfigurationError
from touchstone.judge.answers import Answer
from touchstone.judge.settings import JudgeSettings
from touchstone.judge.store import BudgetSpent, Store
from touchstone.warehouse.engine import connect

KEY = ("model", "prompt", "text")


@pytest.fixture(params=["file", "warehouse"])
def held(request, tmp_path) -> Iterator[Store]:
    if request.param == "file":
        path, settings = tmp_path / "held" / "judge.sqlite", None
    else:
        path, settings = None, request.getfixturevalue("warehouse")
    with Store(path, settings) as store:
        yield store


def test_answers_come_back_as_they_were_and_the_first_one_stays(held):
    answers = {
        "q-holds": Answer("holds", 0.75, 3, 4, 9),
        "q-score": Answer(3.5, 1.0, 0, 0, 1),
        "q-not": Answer("not_applicable", 0.0, None, None, None),
    }
    held.keep(*KEY, answers)
    held.keep(*KEY, {"q-holds": Answer("fails", 0.1, 0, 0, 1)})
    held.keep(*KEY, {})
    assert held.answers(*KEY) == answers
    for other in (("other", "prompt", "text"), ("model", "other", "text"), ("model", "prompt", "other")):
        assert held.answers(*other) == {}


def test_what_is_kept_outlives_the_process_that_kept_it(tmp_path):
    path = tmp_path / "judge.sqlite"
    with Store(path) as first:
        first.keep(*KEY, {"q": Answer("holds", 1.0, 0, 0, 1)})
    with Store(path) as second:
        assert second.answers(*KEY).keys() == {"q"}


def test_a_file_of_another_kind_is_an_error_and_stays_as_it_is(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("interaction_id,score\n" * 100)
    with pytest.raises(ConfigurationError, match=r"scores\.csv.*not a database.*Name a file"):
        Store(path)
    assert path.read_text() == "interaction_id,score\n" * 100


def test_spending_is_held_then_corrected_in_day_and_run(held, run_id):
    settings = JudgeSettings(tokens_per_run=1000, tokens_per_day=10**9)
    day = f"day:{datetime.now(UTC):%Y-%m-%d}"
    before = held.spent(day)[0]
    held.correct(held.reserve(run_id, 900, 7, settings), 100, 2)
    assert held.spent(f"run:{run_id}") == (100, 2)
    assert held.spent(day)[0] == before + 100
    held.reserve(run_id, 900, 7, settings)
    with pytest.raises(BudgetSpent, match="cap of the run: 1,000 of 1,000 tokens spent"):
        held.reserve(run_id, 1, 0, settings)
    assert held.spent(day)[0] == before + 1000  # what the run refuses is not held in the day
    held.reserve(f"{run_id}-other", 900, 7, settings)


def test_tasks_that_share_a_run_cannot_exceed_its_cap_together(held, run_id):
    settings = JudgeSettings(tokens_per_run=1000, tokens_per_day=10**9)
    granted: list[int] = []

    def work() -> None:
        for _ in range(20):
            try:
                held.reserve(run_id, 30, 0, settings)
            except BudgetSpent:
                return
            granted.append(30)

    tasks = [threading.Thread(target=work) for _ in range(4)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    assert sum(granted) == 990
    assert held.spent(f"run:{run_id}")[0] == 990


def test_processes_that_share_a_file_cannot_exceed_its_cap_together(tmp_path):
    path = tmp_path / "judge.sqlite"
    script = f"""
from pathlib import Path
from touchstone.judge.settings import JudgeSettings
from touchstone.judge.store import Store
from touchstone.judge.store import BudgetSpent
count = 0
with Store(Path({str(path)!r})) as store:
    try:
        while True:
            store.reserve("one", 30, 0, JudgeSettings(tokens_per_run=1000))
            count += 1
    except BudgetSpent:
        print(count)
"""
    tasks = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = [int(task.communicate(timeout=60)[0]) for task in tasks]
    assert sum(counts) == 33


def test_the_tables_hold_no_text_and_readers_of_the_marts_do_not_see_them(warehouse):
    with Store(None, warehouse), connect("bi", settings=warehouse) as reader:
        for table in ("judge_answers", "judge_spending"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(f"select * from scores.{table}")
            reader.rollback()
