"""The history of accounts, held against what is true of the simulated company."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from checksums import digests
from touchstone.sandbox.api import ids
from touchstone.sandbox.episode_quality import build_marts
from touchstone.sandbox.gap_quality import build_warehouse, company_of
from touchstone.sandbox.model import Account, Company
from touchstone.sandbox.state import health_points_at, plan_at
from touchstone.sandbox.truth import canonical
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

DAYS, PER_DAY, SEED, STEP_DAYS = 66, 6.0, 6, 33
SCHEMAS = ("facts", "marts_build")
Key = tuple[str, date]


@pytest.fixture(scope="module")
def company() -> Company:
    return company_of(DAYS, PER_DAY, SEED)


@pytest.fixture(scope="module")
def built(company: Company, warehouse: Settings) -> Settings:
    """Two cycles, of which the second one has news of what the first one has built."""
    build_warehouse(company, warehouse, step_days=STEP_DAYS)
    return warehouse


def _month(moment: datetime) -> date:
    utc = moment.astimezone(UTC)
    return date(utc.year, utc.month, 1)


def _months(company: Company, account: Account) -> list[date]:
    """Months of the simulated time in which there was the account."""
    first, last = max(_month(account.created_at), company.first_day.replace(day=1)), company.until
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def _rows(settings: Settings, company: Company, columns: str) -> dict[Key, tuple]:
    """Columns of the months of the simulated time, by the CRM's id of the account and month."""
    query = f"""
        select accounts.account_id, months.month_start, {columns}
        from marts_build.fct_account_months as months
        inner join core.accounts as accounts on accounts.organization_key = months.account_key
        where accounts.source = 'hubspot' and months.month_start >= %s
        """
    with connect("transformer", settings=settings) as connection:
        found = connection.execute(query, [company.first_day.replace(day=1)]).fetchall()
    assert len({row[:2] for row in found}) == len(found)
    return {(account_id, month): tuple(rest) for account_id, month, *rest in found}


def _by_month(company: Company, value: Any) -> dict[Key, tuple]:
    """What `value` says of each account and month."""
    return {
        (str(ids.hubspot_id(account.account_id)), month): value(account, month)
        for account in company.accounts
        for month in _months(company, account)
    }


def _differences(expected: dict[Key, tuple], found: dict[Key, tuple]) -> dict[Key, tuple]:
    keys = expected.keys() | found.keys()
    return {key: (expected.get(key), found.get(key)) for key in keys if expected.get(key) != found.get(key)}


def _movements(account: Account) -> dict[date, list[float]]:
    """New, expanded, contracted and churned revenue of each month, from the account's own history."""
    found: dict[date, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    begun, first = account.arr[0]
    found[_month(begun)][0] += first
    for (_, before), (at, after) in pairwise(account.arr):
        kind = 0 if not before else 3 if not after else 1 if after > before else 2
        found[_month(at)][kind] += abs(after - before)
    return found


def test_revenue_moves_as_it_did(company: Company, built: Settings) -> None:
    moved = {account.account_id: _movements(account) for account in company.accounts}
    expected = _by_month(company, lambda account, month: tuple(moved[account.account_id][month]))
    columns = "new_arr::float, expansion_arr::float, contraction_arr::float, churned_arr::float"
    assert _differences(expected, _rows(built, company, columns)) == {}
    assert all(sum(row[kind] for row in expected.values()) > 0 for kind in range(4))


def test_each_month_begins_with_the_revenue_with_which_the_one_before_ended(company: Company, built: Settings) -> None:
    def ends(account: Account, month: date) -> tuple[float, float]:
        before = [arr for at, arr in account.arr if _month(at) < month]
        by_then = [arr for at, arr in account.arr if _month(at) <= month]
        return (before[-1] if before else 0.0), by_then[-1]

    found = _rows(built, company, "arr_start::float, arr_end::float")
    assert _differences(_by_month(company, ends), found) == {}


def test_plan_and_health_are_those_that_were_stated_by_the_end_of_the_month(company: Company, built: Settings) -> None:
    reads = [company.until - timedelta(days=days) for days in range(0, DAYS - 1, STEP_DAYS)]

    def stated(account: Account, month: date) -> tuple[str | None, float | None]:
        changes = {account.created_at, *(at for at, _ in (*account.tiers, *account.arr))} | {account.churned_at} - {
            None
        }
        # a record tells when it changed last; what it said before is known of records that were read before
        dated = {max(at for at in changes if at <= read) for read in reads if account.created_at <= read}
        by_then = [at for at in dated if _month(at) <= month]
        return (plan_at(account, max(by_then)), health_points_at(account, max(by_then))) if by_then else (None, None)

    expected = _by_month(company, stated)
    assert _differences(expected, _rows(built, company, "plan, health_score::float")) == {}
    plans = defaultdict(set)
    for (account_id, _), row in expected.items():
        plans[account_id].add(row)
    assert any(None in row for row in expected.values())
    assert any(len(rows - {(None, None)}) > 1 for rows in plans.values()), "a plan that changes"


def test_accounts_leave_in_the_month_in_which_they_left(company: Company, built: Settings) -> None:
    def stays(account: Account, month: date) -> tuple[bool, bool | None, bool]:
        left = None if account.churned_at is None else _month(account.churned_at)
        was_customer = _month(account.created_at) < month and (left is None or left >= month)
        return left == month, (left != month) if was_customer else None, left is not None and left < month

    expected = _by_month(company, stays)
    found = _rows(built, company, "has_churned, is_retained, months.lifecycle_stage = 'churned'")
    assert _differences(expected, found) == {}
    assert {row[0] for row in expected.values()} == {True, False}


def test_a_renewal_that_was_won_is_seen_in_its_month(company: Company, built: Settings) -> None:
    def renewed(account: Account, month: date) -> tuple[bool]:
        return (
            any(
                deal.kind == "renewal" and deal.stages[-1][1] == "won" and _month(deal.stages[-1][0]) == month
                for deal in account.deals
            ),
        )

    expected = _by_month(company, renewed)
    assert _differences(expected, _rows(built, company, "coalesce(has_renewed, false)")) == {}
    assert (True,) in expected.values()


def test_every_contact_counts_for_its_account_and_month(company: Company, built: Settings) -> None:
    counts = Counter(
        (one.account_id, _month(one.created_at))
        for desk in ("zendesk", "hubspot")
        for one in canonical(company, company.until, desk)
        if one.deleted_at is None and one.merged_into is None and not {"spam", "test"} & set(one.tags)
    )
    expected = _by_month(company, lambda account, month: (counts[account.account_id, month],))
    assert _differences(expected, _rows(built, company, "interaction_count")) == {}
    assert sum(counts.values()) == sum(row[0] for row in expected.values())


def test_the_use_of_the_product_counts_for_its_account_and_month(company: Company, built: Settings) -> None:
    owners = {one.customer_id: one.account_id for one in company.customers}
    counts = Counter(
        (owners[event.customer_id], _month(event.at))
        for event in company.product_events
        if event.arrives_at <= company.until
    )
    expected = _by_month(company, lambda account, month: (counts[account.account_id, month],))
    found = _rows(built, company, "product_event_count")
    # not every user of the product is known to a system that names a company: nothing is counted that did not happen there
    assert {key: (expected[key], row) for key, row in found.items() if row > expected[key]} == {}
    assert sum(row[0] for row in found.values()) > 0.6 * sum(counts.values())


def test_it_is_the_same_built_anew(company: Company, built: Settings) -> None:
    grown = digests(built, *SCHEMAS)
    with connect(settings=built) as connection:
        # as after an upgrade that defines every relation otherwise
        connection.execute("update ops.built_relations set definition = 'of an earlier version'")
    build_marts(company.until, built)
    anew = digests(built, *SCHEMAS)
    names = (
        "facts.account_open_gaps",
        "facts.organization_periods",
        "facts.organizations",
        "facts.segment_weeks",
        "marts_build.fct_account_months",
        "marts_build.fct_interaction_business_context",
        "marts_build.rpt_segment_quality_weekly",
    )
    assert {name for name in names if grown[name] != anew[name] or not anew[name][0]} == set()
