"""Budgets are shared by whoever asks the same API for the same instance."""

from __future__ import annotations

import threading
import time

import pytest

from touchstone.sources.http.budget import Budget, SharedBudgets
from touchstone.warehouse.engine import connect


@pytest.fixture
def connection(warehouse):
    with connect("loader", autocommit=True, settings=warehouse) as connection:
        connection.execute("delete from ops.api_budgets")
        yield connection


def test_no_window_of_the_vendor_sees_more_than_it_allows():
    budget = Budget("incremental", 10, 60)
    # after a pause the burst goes at once, then one each spacing; the fullest minute is the first
    in_the_first_minute = budget.burst + int(60 / budget.spacing)
    assert in_the_first_minute <= 10
    assert Budget("one", 1, 60).spacing >= 60


def test_two_tasks_share_one_budget(connection, warehouse):
    sent: list[float] = []

    def work() -> None:
        with connect("loader", autocommit=True, settings=warehouse) as own:
            budgets = SharedBudgets(own, "zendesk", "one", {"export": Budget("export", 20, 2.0)})
            for _ in range(10):
                budgets.take("export")
                sent.append(time.monotonic())

    tasks = [threading.Thread(target=work) for _ in range(2)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    sent.sort()
    assert len(sent) == 20
    for first, later in zip(sent, sent[12:], strict=False):
        # 20 in two seconds are allowed: more than 12 in one would be over the rate of a burst of 10 and 5 a second
        assert later - first > 0.2
    assert sent[-1] - sent[0] >= 1.6


def test_another_instance_has_a_budget_of_its_own_and_an_unknown_group_has_none(connection):
    waits: list[float] = []
    budgets = {"export": Budget("export", 2, 60)}
    first = SharedBudgets(connection, "zendesk", "one", budgets, sleep=waits.append)
    other = SharedBudgets(connection, "zendesk", "two", budgets, sleep=waits.append)
    first.take("export")
    other.take("export")
    for _ in range(50):
        first.take("lists")
    assert waits == []
    first.take("export")
    assert len(waits) == 1
    assert waits[0] == pytest.approx(60, abs=2)


def test_a_pause_that_the_api_asks_for_holds_everybody(connection):
    waits: list[float] = []
    budgets = {"export": Budget("export", 100, 60)}
    SharedBudgets(connection, "zendesk", "one", budgets).hold("export", 30)
    SharedBudgets(connection, "zendesk", "one", budgets, sleep=waits.append).take("export")
    assert waits[0] == pytest.approx(30, abs=1.5)
