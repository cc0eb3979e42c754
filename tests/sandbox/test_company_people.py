"""Accounts, the people at them and what they do in the product."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise
from statistics import mean

import pytest

from touchstone.sandbox.company import build
from touchstone.sandbox.model import TIERS

FREEMAIL = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de", "hotmail.com", "icloud.com", "web.de", "proton.me")


@pytest.fixture(scope="module")
def company():
    return build(days=120, conversations_per_day=30.0)


def test_every_change_of_revenue_is_a_won_or_lost_deal(company):
    for account in company.accounts:
        assert all(before[0] < after[0] for before, after in pairwise(account.arr))
        assert all(before[0] < after[0] for before, after in pairwise(account.tiers))
        assert account.tier == account.tiers[-1][1] in TIERS
        closed = {
            deal.stages[-1][0]: deal
            for deal in account.deals
            if deal.stages[-1][1] == "won" or (deal.stages[-1][1] == "lost" and deal.kind == "renewal")
        }
        for (_, before), (at, after) in pairwise(account.arr):
            assert (closed[at].arr_before, closed[at].arr_after) == (before, after)
        if account.churned_at is not None and account.arr[0][1]:
            assert account.arr[-1] == (account.churned_at, 0.0)
            assert closed[account.churned_at].stages[-1][1] == "lost"


def test_deals_go_through_their_stages(company):
    deals = [deal for account in company.accounts for deal in account.deals]
    assert len({deal.deal_id for deal in deals}) == len(deals)
    assert {deal.kind for deal in deals} == {"new", "renewal", "expansion", "contraction"}
    assert {deal.stages[-1][1] for deal in deals} == {"open", "negotiation", "won", "lost"}
    for deal in deals:
        names = [name for _, name in deal.stages]
        assert names in (["open"], ["open", "negotiation"], ["open", "negotiation", names[-1]])
        assert all(before[0] <= after[0] for before, after in pairwise(deal.stages))
        assert deal.stages[0][0] == deal.created_at
        if names[-1] in ("won", "lost"):
            assert deal.close_date == deal.stages[-1][0].date()


def test_accounts_come_grow_and_leave(company):
    start = company.until - timedelta(days=120)
    assert sum(one.created_at >= start for one in company.accounts) > 5
    gone = [one for one in company.accounts if one.churned_at is not None]
    assert len(gone) > 8
    assert {one.segment for one in company.accounts} == {"smb", "mid_market", "enterprise"}
    assert any(len(one.tiers) > 1 for one in company.accounts)
    for one in company.conversations:
        account = next(other for other in company.accounts if other.account_id == one.account_id)
        assert account.created_at < one.created_at
        assert account.churned_at is None or one.created_at < account.churned_at + timedelta(days=1)


def test_no_two_accounts_share_a_domain():
    accounts = build(days=1, conversations_per_day=300.0).accounts
    assert len({one.name for one in accounts}) < len(accounts), "though some share a name"
    assert len({one.domain for one in accounts}) == len(accounts)


def test_people_are_known_by_different_addresses_to_different_systems(company):
    people = company.customers
    addresses = [address.lower() for one in people for address in one.emails]
    assert len(set(addresses)) == len(addresses), "an address belongs to one person"
    assert any(len(one.emails) > 1 for one in people)
    assert 0.02 < mean(one.emails[0].endswith(FREEMAIL) for one in people) < 0.2
    names = Counter(one.name for one in people)
    namesakes = [one for one in people if names[one.name] > 1]
    assert any(one.account_id != other.account_id for one in namesakes for other in namesakes if one.name == other.name)
    known = Counter(one.known_to for one in people)
    assert known[("zendesk", "hubspot", "mixpanel")] > len(people) / 3
    assert all(any(system not in one.known_to for one in people) for system in ("zendesk", "hubspot", "mixpanel"))
    assert len({one.external_id for one in people}) == len(people)


def test_languages_follow_the_country(company):
    countries = {one.account_id: one.country for one in company.accounts}
    spoken = defaultdict(Counter)
    for one in company.customers:
        spoken[countries[one.account_id]][one.language] += 1
    for country, language in (("ES", "es"), ("MX", "es"), ("DE", "de"), ("AT", "de")):
        assert spoken[country][language] > spoken[country]["en"] > 0
    assert set(spoken["US"]) == {"en"}


def test_product_events_come_late_and_twice(company):
    events = company.product_events
    assert len({one.event_id for one in events}) == len(events)
    known = {one.customer_id for one in company.customers if "mixpanel" in one.known_to}
    assert {one.customer_id for one in events} <= known
    delays = [one.arrives_at - one.at for one in events]
    assert min(delays) > timedelta(0)
    late = mean(delay > timedelta(hours=1) for delay in delays)
    assert 0.02 < late < 0.08
    assert timedelta(days=3) < max(delays) < timedelta(days=5)
    assert 0.005 < mean(one.copies > 1 for one in events) < 0.03
    assert {"signed_in", "report_created", "error_shown"} <= {one.name for one in events}
    assert all("code" in one.properties for one in events if one.name == "error_shown")


def test_adoption_falls_before_an_account_leaves(company):
    account_of = {one.customer_id: one.account_id for one in company.customers}
    active = defaultdict(set)
    for one in company.product_events:
        active[account_of[one.customer_id]].add((one.customer_id, one.at.date()))
    early, last = [], []
    for one in company.accounts:
        if one.churned_at is None or one.churned_at - timedelta(days=75) < company.until - timedelta(days=120):
            continue
        days = [(one.churned_at.date() - day).days for _, day in active[one.account_id]]
        assert min(days, default=0) >= 0, "nobody signs in after the end"
        last.append(sum(day <= 14 for day in days) / 14)
        early.append(sum(61 <= day <= 75 for day in days) / 15)
    assert len(early) >= 5
    assert mean(last) < 0.5 * mean(early)
