"""Budgets are shared by whoever asks the same API for the same instance, use all that is allowed, and never more."""

from __future__ import annotations

import itertools
import random
import threading
import time
from bisect import bisect_left
from dataclasses import replace

import pytest

from touchstone.sources.amplitude.connector import AmplitudeConnector
from touchstone.sources.http.budget import LATENESS, Budget, SharedBudgets
from touchstone.sources.hubspot.connector import HubspotConnector
from touchstone.sources.mixpanel.connector import MixpanelConnector
from touchstone.sources.posthog.connector import PosthogConnector
from touchstone.sources.zendesk.connector import ZendeskConnector
from touchstone.warehouse.engine import connect

VENDORS = {
    f"{connector.name} {budget.name}": budget
    for connector in (ZendeskConnector, HubspotConnector, MixpanelConnector, AmplitudeConnector, PosthogConnector)
    for budget in connector.budgets.values()
}
_numbers = itertools.count(1)


@pytest.fixture
def connection(warehouse):
    with connect("loader", autocommit=True, settings=warehouse) as connection:
        connection.execute("delete from ops.api_slots")
        yield connection


class Traffic:
    """Requests of one instance on a clock that a test moves: each leaves when its slot says, and nobody sleeps."""

    def __init__(self, connection, budget: Budget) -> None:
        self.connection = connection
        self.budget = replace(budget, also=None)
        self.instance = f"i{next(_numbers)}"
        self.sent: list[float] = []
        self._passed = 0.0
        self._lock = threading.Lock()

    def task(self, connection=None) -> SharedBudgets:
        """A task that has just begun."""
        own = connection or self.connection
        return SharedBudgets(own, "acme", self.instance, {self.budget.name: self.budget}, sleep=lambda wait: None)

    def ask(self, task: SharedBudgets, count: int) -> None:
        for _ in range(count):
            before = task.waited_seconds
            task.take(self.budget.name)
            with self._lock:
                self.sent.append(time.time() + self._passed + task.waited_seconds - before)

    def pass_time(self, seconds: float) -> None:
        """What is said of the future comes that much nearer."""
        self._passed += seconds
        self.connection.execute(
            "update ops.api_slots set free_at = free_at - %s * interval '1 second' where instance = %s",
            [seconds, self.instance],
        )

    def fullest_window(self) -> int:
        """Most requests in any window of the vendor's, which may begin with each of them."""
        sent = sorted(self.sent)
        return max(bisect_left(sent, begin + self.budget.seconds) - place for place, begin in enumerate(sent))


@pytest.mark.parametrize("budget", VENDORS.values(), ids=VENDORS.keys())
def test_all_that_is_allowed_goes_and_no_window_sees_more(connection, budget):
    traffic = Traffic(connection, budget)
    periods = 5
    traffic.ask(traffic.task(), int(budget.requests) * periods + 1)
    assert traffic.fullest_window() <= budget.requests
    took = max(traffic.sent) - min(traffic.sent)
    assert budget.requests * periods / took >= 0.9 * budget.requests / budget.seconds
    at_once = sum(one - min(traffic.sent) < budget.seconds / 2 for one in traffic.sent)
    assert at_once >= 0.9 * min(budget.requests, budget.slots)


@pytest.mark.parametrize(
    "budget",
    [*VENDORS.values(), Budget("big", 400, 60), Budget("odd", 199, 60), Budget("rare", 0.5, 60), Budget("part", 2.5, 60)],
    ids=lambda budget: budget.name,
)  # fmt: skip
def test_no_window_sees_more_whenever_who_asks(connection, warehouse, budget):
    """Three tasks at a time, pauses of any length between them, and every time they begin anew."""
    dice = random.Random(7)
    traffic = Traffic(connection, budget)
    for _ in range(12):
        counts = [dice.randint(1, max(1, int(budget.requests) // 4)) for _ in range(3)]
        with (
            connect("loader", autocommit=True, settings=warehouse) as second,
            connect("loader", autocommit=True, settings=warehouse) as third,
        ):
            tasks = [traffic.task(own) for own in (connection, second, third)]
            threads = [threading.Thread(target=traffic.ask, args=pair) for pair in zip(tasks, counts, strict=True)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        # a restart finds the slots as they are: what was waited for has passed, more or less
        rest = max(0.0, max(traffic.sent) - time.time() - traffic._passed)
        traffic.pass_time(rest + dice.choice([0.0, 0.1, 0.5, 0.95, 2.0]) * budget.seconds)
    assert len(traffic.sent) > 12
    assert traffic.fullest_window() <= max(1, budget.requests)


def test_a_year_of_mixpanel_takes_six_hours(connection):
    """By the day there are 365 requests at sixty an hour; half of the rate took 11.2 hours."""
    traffic = Traffic(connection, MixpanelConnector.budgets["export"])
    traffic.ask(traffic.task(), 365)
    assert (max(traffic.sent) - min(traffic.sent)) / 3600 == pytest.approx(6.0, abs=0.01)


def test_a_year_of_posthog_takes_three_hours(connection):
    """The number of events of each day, and a query for each of them."""
    traffic = Traffic(connection, PosthogConnector.budgets["query"])
    traffic.ask(traffic.task(), 366)
    assert (max(traffic.sent) - min(traffic.sent)) / 3600 == pytest.approx(3.0, abs=0.05)


def test_two_tasks_share_one_budget(connection, warehouse):
    sent: list[float] = []

    def work() -> None:
        with connect("loader", autocommit=True, settings=warehouse) as own:
            budgets = SharedBudgets(own, "zendesk", "one", {"export": Budget("export", 8, 0.5)})
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
    assert all(later - first > 0.5 for first, later in zip(sent, sent[8:], strict=False))


def test_another_instance_has_a_budget_of_its_own_and_an_unknown_group_has_none(connection, caplog):
    waits: list[float] = []
    budgets = {"export": Budget("export", 1, 60)}
    first = SharedBudgets(connection, "zendesk", "one", budgets, sleep=waits.append)
    other = SharedBudgets(connection, "zendesk", "two", budgets, sleep=waits.append)
    first.take("export")
    other.take("export")
    for _ in range(50):
        first.take("lists")
    assert waits == []
    with caplog.at_level("INFO"):
        first.take("export")
    assert waits == [pytest.approx(60 + LATENESS, abs=1)]
    assert "zendesk:one: the budget export is used up; on in 6" in caplog.text


def test_a_pause_that_the_api_asks_for_holds_everybody_and_is_followed_evenly(connection):
    waits: list[float] = []
    budgets = {"export": Budget("export", 60, 60)}
    SharedBudgets(connection, "zendesk", "one", budgets).hold("export", 30)
    task = SharedBudgets(connection, "zendesk", "one", budgets, sleep=waits.append)
    for _ in range(3):
        task.take("export")
    assert waits == [pytest.approx(30 + number * 62 / 60, abs=0.9) for number in range(3)]
