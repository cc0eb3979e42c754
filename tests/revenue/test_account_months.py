"""The history of accounts, held against what is true of the simulated company."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from checksums import digests
from touchstone.sandbox.api import ids
from touchstone.sandbox.episode_quality import build_marts
from touchstone.sandbox.gap_quality import build_warehouse, company_of
from touchstone.sandbox.model import Account, Company
from touchstone.sandbox.truth import canonical
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

DAYS, PER_DAY, SEED, STEP_DAYS = 66, 8.0, 5, 22
Key = tuple[str, date]


@pytest.fixture(scope="module")
def company() -> Company:
    return company_of(DAYS, PER_DAY, SEED)


@pytest.fixture(scope="module")
def built(company: Company, warehouse: Settings) -> Settings:
    build_warehouse(company, warehouse, step_days=STEP_DAYS)
    return warehouse


def _month(moment: datetime) -> date:
    utc = moment.astimezone(UTC)
    return date(utc.year, utc.month, 1)


def _months(company: Company) -> list[date]:
    first = company.first_day
    last = company.until
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def _rows(settings: Settings, columns: str) -> dict[Key, tuple]:
    """Columns of the months of accounts that the CRM holds, by the CRM's id and month."""
    query = f"""
        select accounts.account_id, months.month_start, {columns}
        from marts_build.fct_account_months as months
        inner join core.accounts as accounts on accounts.organization_key = months.account_key and accounts.source = 'hubspot'
        """  # noqa: S608 - names of columns
    with connect("transformer", settings=settings) as connection:
        return {(account_id, month): tuple(rest) for account_id, month, *rest in connection.execute(query)}


def _movements(account: Account) -> dict[date, list[float]]:
    """New, expanded, contracted and churned revenue of each month, from the account's own history."""
    found: dict[date, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    begun, first = account.arr[0]
    found[_month(begun)][0] += first
    for (_, before), (at, after) in pairwise(account.arr):
        kind = 0 if not before else 3 if not after else 1 if after > before else 2
        found[_month(at)][kind] += abs(after - before)
    return found


def test_try(company, built):
    truth = {}
    for account in company.accounts:
        moved = _movements(account)
        for month in _months(company):
            if month >= _month(account.created_at):
                truth[str(ids.hubspot_id(account.account_id)), month] = tuple(moved[month])
    rows = _rows(built, "new_arr::float, expansion_arr::float, contraction_arr::float, churned_arr::float")
    rows = {k: v for k, v in rows.items() if k[1] >= company.first_day.replace(day=1)}
    print(len(truth), len(rows))
    wrong = {k: (truth.get(k), rows.get(k)) for k in truth.keys() | rows.keys() if truth.get(k) != rows.get(k)}
    print(len(wrong)); print(list(wrong.items())[:12])
    with connect(settings=built) as c:
        print(c.execute("select lifecycle_stage, count(*), sum(interaction_count), avg(mean_quality), avg(weighted_quality), sum(product_event_count), sum(open_gap_count), sum(has_churned::int), sum(has_renewed::int), count(has_renewed), avg(days_to_renewal) from facts.account_months group by 1").fetchall())
        print(c.execute("select count(*), sum(is_revenue_at_risk::int), avg(business_weight) from facts.interaction_business_context").fetchall())
    assert 0
