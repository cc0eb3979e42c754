"""The firm behind Salesforce's API in a storm: core equals the truth, of cases and of the CRM."""

from __future__ import annotations

from typing import Any

import pytest
from against_truth import differences, held_of, truth_of
from storm import empty, sizes, storm

from touchstone import pipeline
from touchstone.sandbox.api.salesforce_ids import MessageIds, salesforce_id
from touchstone.sandbox.entries import entry
from touchstone.sandbox.state import account_at
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect


def source_of(**options: Any) -> SourceInstance:
    return SourceInstance(parsed(entry("salesforce") | options, "the test's entry"))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", sizes())
@pytest.mark.parametrize("bulk_rows", [100_000, 20], ids=["queries", "Bulk"])
def test_core_equals_the_truth_after_a_storm(warehouse, size, bulk_rows):
    company, now = storm(source_of(bulk_rows=bulk_rows), warehouse, share=0.1, **size)
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    expected, expected_messages = truth_of(company, now, "salesforce", MessageIds(company, now))
    found, found_messages = held_of(warehouse, "salesforce", "sandbox")
    assert differences(expected, found) == {}
    assert differences(expected_messages, found_messages) == {}
    assert differences(_deals(company, now), _held_deals(warehouse)) == {}
    assert differences(_accounts(company, now), _held_accounts(warehouse)) == {}
    print(f"salesforce: {len(found):,} cases and {len(found_messages):,} messages equal the truth")
    empty(warehouse, "salesforce")


def _deals(company, now) -> dict[str, tuple]:
    """A deal may be there before its account is."""
    outcomes = {"won": "won", "lost": "lost"}
    return {
        salesforce_id(deal.deal_id): (
            salesforce_id(account.account_id) if account.created_at <= now else None,
            outcomes.get([value for moment, value in deal.stages if moment <= now][-1], "open"),
            deal.kind,
            float(deal.arr_after),
            deal.close_date,
        )
        for account in company.accounts
        for deal in account.deals
        if deal.created_at <= now
    }


def _held_deals(settings) -> dict[str, tuple]:
    query = """
        select deals.deal_id, accounts.account_id, deals.outcome, deals.deal_kind, deals.arr_after::float, deals.close_date
        from core.deals as deals left join core.accounts as accounts using (account_key)
        where deals.source = 'salesforce'
    """
    with connect("transformer", settings=settings) as connection:
        return {deal_id: tuple(rest) for deal_id, *rest in connection.execute(query)}


def _accounts(company, now) -> dict[str, tuple]:
    return {
        salesforce_id(one.account_id): (one.name, one.tier, float(one.arr[-1][1]) if one.arr else None)
        for account in company.accounts
        if (one := account_at(account, now)) is not None
    }


def _held_accounts(settings) -> dict[str, tuple]:
    query = "select account_id, account_name, tier, arr::float from core.accounts where source = 'salesforce'"
    with connect("transformer", settings=settings) as connection:
        return {account_id: tuple(rest) for account_id, *rest in connection.execute(query)}
