"""What nobody could have seen is unknown to the statistics, and what rests on few accounts is insufficient."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from touchstone.revenue import months
from touchstone.revenue.association import associations
from touchstone.revenue.cohort import onboarding
from touchstone.revenue.history import odds
from touchstone.revenue.lead import lead
from touchstone.revenue.months import Months
from touchstone.revenue.panel import Panel, assemble
from touchstone.revenue.threshold import share_interval
from touchstone.sandbox.revenue_rows import SHAPES
from touchstone.warehouse.engine import connect

MONTHS = 6
JANUARY = 2025 * 12
# Account, month from 0, and what differs of a month of a paying customer.
ROWS = {
    "stays": {month: {"active_day_count": 5 if month >= 2 else 0} for month in range(MONTHS)},
    # the CRM sets its ARR to 0, and writes down a month later that it left
    "ends": {
        0: {},
        1: {},
        2: {"has_churned": True, "arr_end": 0},
        3: {"has_churned": True, "arr_start": 0, "arr_end": 0},
        4: {"arr_start": 0, "arr_end": 0},
        5: {"arr_start": 0, "arr_end": 0},
    },
    "returns": {
        0: {},
        1: {"has_churned": True, "arr_end": 0},
        2: {"arr_start": 0, "arr_end": 0},
        3: {"arr_start": 0},
        4: {},
        5: {},
    },
    "grows": {
        month: {"segment": "smb" if month < 3 else "enterprise", "has_expanded": month == 3} for month in range(6)
    },
    "named late": {month: {"segment": None if month < 2 else "smb"} for month in range(MONTHS)},
    "helpdesk only": {month: {"arr_start": None, "arr_end": None} for month in range(MONTHS)},
    "unpriced": {month: {"arr_start": None, "arr_end": None} for month in range(MONTHS)},
}
USUAL = {
    "segment": "smb",
    "tier": "business",
    "lifecycle_stage": "active",
    "arr_start": 1000,
    "arr_end": 1000,
    "has_churned": False,
    "has_expanded": False,
    "has_contracted": False,
    "active_day_count": 0,
    "interaction_count": 2,
    "mean_quality": 80,
    "quality_n": 2,
}


@pytest.fixture(scope="module")
def read(warehouse) -> Months:
    with connect("transformer", settings=warehouse) as connection:
        connection.execute(SHAPES)
        for key, of_account in ROWS.items():
            for month, differs in of_account.items():
                row = (
                    USUAL
                    | differs
                    | {"account_key": key, "month_start": date(2025, month + 1, 1), "tenure_months": month}
                )
                names = ", ".join(row)
                connection.execute(
                    f"insert into marts_build.fct_account_months (is_complete, {names}) values (true, {', '.join(['%s'] * len(row))})",
                    list(row.values()),
                )
            system = "desk" if key == "helpdesk only" else "crm"
            arr = None if key in ("helpdesk only", "unpriced") else 1000
            connection.execute(
                "insert into core.accounts values (%s, %s, %s, 'main', %s, null)", [key, key, system, arr]
            )
        found = months.refresh(connection, months.digests(connection))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def values(read, warehouse):
    """Of a measure and an account: its months, None where nothing is known."""
    with connect("transformer", settings=warehouse) as connection:
        numbers = dict(
            connection.execute("select account_key, hashtextextended(account_key, 0) from core.accounts").fetchall()
        )

    def of(name: str, key: str) -> list[float | None]:
        place = int(np.flatnonzero(read.panel.numbers.view(np.int64) == numbers[key])[0])
        if name == "segment":
            return read.panel.segment_names[read.panel.segments[place]]
        return [None if np.isnan(value) else float(value) for value in read.panel.values[name][:, place]]

    return of


def test_of_an_account_that_only_a_helpdesk_lists_nobody_knows_whether_it_left(values):
    assert values("churn", "helpdesk only") == [None] * MONTHS
    assert values("expansion", "helpdesk only") == [None] * MONTHS
    assert values("mean_quality", "helpdesk only") == [80] * MONTHS
    assert values("churn", "stays") == [0] * MONTHS


def test_of_revenue_that_nobody_states_nobody_knows_whether_it_grew(values):
    assert values("churn", "unpriced") == [0] * MONTHS
    assert values("expansion", "unpriced") == values("contraction", "unpriced") == [None] * MONTHS


def test_an_account_leaves_once_and_is_no_customer_while_it_pays_nothing(values):
    assert values("churn", "ends") == [0, 0, 1, None, None, None]
    assert values("mean_quality", "ends") == [80, 80, 80, None, None, None]
    assert values("churn", "returns") == [0, 1, None, None, 0, 0]


def test_before_the_product_was_recorded_nobody_knows_who_used_it(values):
    assert values("adoption", "stays") == [None, None, 5, 5, 5, 5]
    assert values("adoption", "grows") == [None, None, 0, 0, 0, 0]


def test_an_account_counts_for_the_segment_that_it_had_before_anything_came_of_it(values):
    assert values("segment", "grows") == "smb"
    assert values("segment", "named late") == "smb"


def _panel(columns: dict[str, np.ndarray]) -> Panel:
    """A panel of one segment from matrices months x accounts."""
    count, accounts = next(iter(columns.values())).shape
    month, account = (part.ravel() for part in np.indices((count, accounts)))
    numbers = np.sort(np.random.default_rng(9).integers(0, 2**63, accounts).astype(np.uint64))
    rows = {name: matrix.ravel().astype(np.float32) for name, matrix in columns.items()}
    return assemble(numbers, account, JANUARY + month, np.zeros(len(month), dtype=np.int64), ("smb",), rows)


def test_what_three_accounts_hold_is_insufficient_whatever_its_size():
    """Retention is 1 almost everywhere: that the rest differs in size makes it no figure of all accounts."""
    generator = np.random.default_rng(1)
    quality, retention = generator.normal(size=(24, 200)), np.ones((24, 200))
    retention[4:16:2, :3] = generator.random((6, 3))
    few = associations(_panel({"quality": quality, "retention": retention}), ["quality"], ["retention"], lags=(0,))
    assert all(cell.is_insufficient and cell.q is None for cell in few)
    mirrored = associations(_panel({"quality": quality, "retention": retention}), ["retention"], ["quality"], lags=(0,))
    assert all(cell.is_insufficient for cell in mirrored)
    retention[4, 3:20] = generator.random(17)
    more = associations(_panel({"quality": quality, "retention": retention}), ["quality"], ["retention"], lags=(0,))
    assert not any(cell.is_insufficient for cell in more)


def test_that_nobody_left_does_not_say_that_nobody_ever_will():
    account = np.repeat(np.arange(40), 3)
    low, high = share_interval(account, np.zeros(120))
    # Wilson of 0 of 40: 3.84 / 43.84
    assert (low, high) == pytest.approx((0, 0.0876), abs=1e-4)
    alone = share_interval(np.zeros(30, dtype=int), np.r_[np.ones(15), np.zeros(15)])
    assert alone[1] - alone[0] > 0.7


def test_intervals_of_shares_cover_though_accounts_differ():
    generator = np.random.default_rng(2)
    covered = 0
    for _ in range(300):
        chance = generator.beta(1, 24, size=80)
        happened = (generator.random((12, 80)) < chance).T.ravel().astype(float)
        low, high = share_interval(np.repeat(np.arange(80), 12), happened)
        covered += low <= 0.04 <= high
    # months taken for independent: 271
    assert covered >= 278


def test_a_lead_over_what_hardly_happens_is_insufficient():
    generator = np.random.default_rng(3)
    quality, left = generator.normal(size=(50, 156)), np.zeros((50, 156))
    left[:6, 60:150:15] = np.eye(6)
    assert lead(quality, left).is_insufficient
    assert not lead(quality, (generator.random((50, 156)) < 0.02).astype(float)).is_insufficient


def test_a_cohort_of_which_hardly_any_expanded_is_insufficient():
    expanded = np.zeros(120, dtype=bool)
    expanded[:9] = True
    assert onboarding(np.arange(120.0), expanded).is_insufficient
    expanded[9] = True
    assert not onboarding(np.arange(120.0), expanded).is_insufficient


def test_what_all_accounts_meet_in_the_same_months_is_no_effect_of_quality():
    """Quality rises and leaving falls over two years, for reasons of their own."""
    generator = np.random.default_rng(4)
    count, accounts = 24, 800
    month = np.arange(count)[:, None]
    quality = 60 + month + generator.normal(0, 6, size=(count, accounts))
    churn = (generator.random((count, accounts)) < 0.06 - 0.0023 * month).astype(float)
    gone = np.cumsum(churn, axis=0) - churn > 0
    columns = {
        "mean_quality": quality,
        "churn": churn,
        "volume": generator.poisson(4, size=(count, accounts)).astype(float),
        # accounts came at different times
        "tenure": (month + generator.integers(0, 60, accounts)).astype(float),
        "arr": np.tile(generator.gamma(2, 5000, accounts), (count, 1)),
        "tier": np.tile(generator.integers(0, 2, accounts), (count, 1)).astype(float),
    }
    alone, adjusted = odds(_panel({name: np.where(gone, np.nan, one) for name, one in columns.items()}), "churn")
    assert alone.ci_high < 0.9
    assert adjusted.ci_low < 1 < adjusted.ci_high
