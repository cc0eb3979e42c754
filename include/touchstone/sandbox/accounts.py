"""Accounts: how they come, what they pay, and how they renew, grow or leave.

Decisions fall on the first of each month, for that month and the next, from what had happened by then.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from touchstone.sandbox import effects
from touchstone.sandbox.dice import Dice, Weighted
from touchstone.sandbox.model import TIERS, Account, Deal
from touchstone.sandbox.people import add_people
from touchstone.sandbox.world import Household, World, load, month_of, month_start

ACCOUNTS_PER_DAILY_CONVERSATION = 6.0
_FEWEST = 24
_GROWTH = 0.035  # new accounts a month, as a share of those at the start
_GOLDEN = 0.6180339887498949  # its multiples spread evenly, so that the first few accounts hold the share too
_SEGMENTS = ("smb",) * 6 + ("mid_market",) * 3 + ("enterprise",)
_WEIGHT = {"smb": 1.0, "mid_market": 1.5, "enterprise": 2.4}
_TIERS = {
    "smb": Weighted((("free", 12), ("standard", 70), ("business", 18))),
    "mid_market": Weighted((("standard", 22), ("business", 68), ("enterprise", 10))),
    "enterprise": Weighted((("business", 20), ("enterprise", 80))),
}
_ARR = {"free": (0, 0), "standard": (1_200, 9_600), "business": (9_600, 62_000), "enterprise": (54_000, 420_000)}


def found_company(world: World) -> None:
    """The accounts that the firm has on its first day, with their past."""
    dice = world.dice("accounts", "initial")
    count = max(_FEWEST, round(ACCOUNTS_PER_DAILY_CONVERSATION * world.volume))
    for number in range(count):
        created = world.start - timedelta(days=dice.whole(20, 1600), seconds=dice.whole(0, 50_000))
        _add(world, number, created)
    for household in world.households:
        _past(world, household)


def new_accounts(world: World, day: int) -> None:
    """The accounts that sign on that day."""
    dice = world.dice("accounts", day)
    initial = max(_FEWEST, round(ACCOUNTS_PER_DAILY_CONVERSATION * world.volume))
    for _ in range(dice.count(initial * _GROWTH / 30)):
        created = world.on(day) + dice.seconds(8 * 3600, 17 * 3600)
        household = _add(world, len(world.households), created)
        _past(world, household)


def _add(world: World, number: int, created: datetime) -> Household:
    dice = world.dice("account", number)
    cast = load("cast")
    block = world.dice("block", number // 20)
    countries = [country for country in cast["countries"] for _ in range(country["share"])]
    block.shuffle(countries)
    country = countries[number % 20]
    segments = list(_SEGMENTS)
    world.dice("segments", number // 10).shuffle(segments)
    segment = segments[number % 10]
    head = f"{dice.pick(cast['company_first'])}{dice.pick(cast['company_second'])}"
    name = f"{head} {dice.pick(cast['company_suffix'])}"
    tier = _TIERS[segment].draw(dice)
    low, high = _ARR[tier]
    arr = float(round((low + (high - low) * dice.random() ** 2) / 12) * 12)
    account = Account(
        account_id=f"acc-{number:05d}",
        name=name,
        domain=f"{name.lower().replace(' ', '-')}{'' if dice.chance(0.5) else '-' + str(number)}.example",
        tier=tier,
        segment=segment,
        industry=dice.pick(cast["industries"]),
        country=country["code"],
        owner_id=dice.pick([agent.agent_id for agent in world.agents if agent.teams[0][1] == "success"]),
        created_at=created,
        renewal_month=created.month,
        churned_at=None,
        tiers=[(created, tier)],
        arr=[(created, arr)],
    )
    household = Household(
        account=account,
        people=[],
        weight=_WEIGHT[segment] * (0.5 + dice.random()),
        is_hubspot=number * _GOLDEN % 1 < (world.hubspot_share - 0.05) / 0.62,
        fit=dice.normal(0.14),
        region=country["region"],
        language=country["language"],
        speakers=country["speakers"],
        activity=0.25 + 0.6 * dice.random(),
    )
    if account.domain in world.domains:
        account.domain = account.domain.replace(".example", f"-{number}.example")
    world.domains.add(account.domain)
    world.households.append(household)
    add_people(world, household)
    return household


def _deal(
    world: World,
    household: Household,
    kind: str,
    arr_after: float,
    stages: list[tuple[datetime, str]],
) -> Deal:
    account = household.account
    deal = Deal(
        deal_id=f"deal-{world.deals:05d}",
        account_id=account.account_id,
        kind=kind,
        owner_id=account.owner_id,
        arr_before=0.0 if kind == "new" else account.arr[-1][1],
        arr_after=arr_after,
        created_at=stages[0][0],
        close_date=stages[-1][0].date(),
        stages=stages,
    )
    world.deals += 1
    account.deals.append(deal)
    return deal


def _past(world: World, household: Household) -> None:
    """The first sale, and the renewals of the years before the company's first day."""
    account = household.account
    dice = world.dice("past", account.account_id)
    begun = account.created_at
    stages = [
        (begun - dice.seconds(30 * 86_400, 70 * 86_400), "open"),
        (begun - dice.seconds(4 * 86_400, 25 * 86_400), "negotiation"),
        (begun, "won"),
    ]
    if account.arr[0][1]:
        _deal(world, household, "new", account.arr[0][1], stages)
    anniversary = _next_year(begun)
    while anniversary < world.start:
        grown = _rounded(account.arr[-1][1] * (1.0 + 0.12 * dice.random()))
        if account.arr[-1][1]:
            _renew(world, household, dice, anniversary, grown)
        anniversary = _next_year(anniversary)


def _next_year(moment: datetime) -> datetime:
    day = 28 if (moment.month, moment.day) == (2, 29) else moment.day
    return moment.replace(year=moment.year + 1, day=day)


def _rounded(arr: float) -> float:
    return float(round(arr / 12) * 12)


def _renew(world: World, household: Household, dice: Dice, closes: datetime, arr_after: float) -> None:
    opened = closes - dice.seconds(30 * 86_400, 45 * 86_400)
    stages = [(opened, "open"), (closes - dice.seconds(3 * 86_400, 20 * 86_400), "negotiation"), (closes, "won")]
    _deal(world, household, "renewal", arr_after, stages)
    household.account.arr.append((closes, arr_after))


def begin_month(world: World, day: int) -> None:
    """On the first of a month, and on the first day of all: who leaves, renews, grows or shrinks."""
    now = world.on(day)
    if now.day != 1 and day != 0:
        return
    month = month_of(now)
    for household in world.households:
        account = household.account
        if household.leaves_at is not None or account.created_at >= now:
            continue
        if day == 0:
            _decide(world, household, month, now)
        if household.leaves_at is None:
            _decide(world, household, month + 1, now)


def _decide(world: World, household: Household, month: int, now: datetime) -> None:
    """What becomes of an account in `month`; `now` is when that is settled, which may be a month earlier."""
    account = household.account
    dice = world.dice("month", account.account_id, month)
    start = max(now + timedelta(days=4), month_start(month))
    end = month_start(month + 1)
    if start + timedelta(days=2) >= end:
        return
    if dice.chance(churn_probability(world, account, month)):
        _leave(world, household, dice, now, dice.moment(start, end))
        return
    renews = account.renewal_month == month % 12 + 1 and account.created_at < now - timedelta(days=90)
    if renews and account.arr[-1][1]:
        closes = dice.moment(start, end)
        opened = now + (closes - now) * 0.1
        stages = [(opened, "open"), (opened + (closes - opened) * dice.random(), "negotiation"), (closes, "won")]
        arr_after = _rounded(account.arr[-1][1] * (0.97 + 0.12 * dice.random()))
        _deal(world, household, "renewal", arr_after, stages)
        account.arr.append((closes, arr_after))
    elif dice.chance(0.05):
        _expand(world, household, dice, now, dice.moment(start, end))


def churn_probability(world: World, account: Account, month: int) -> float:
    """Probability to leave in a month, from the quality that the account met `CHURN_LAG_MONTHS` before."""
    if account.segment != effects.CHURN_SEGMENT:
        return effects.CHURN_HAZARD_ELSEWHERE[account.segment]
    scores = world.quality.get((account.account_id, month - effects.CHURN_LAG_MONTHS))
    if not scores or sum(scores) / len(scores) >= effects.CHURN_CUT:
        return effects.CHURN_HAZARD_ABOVE
    return effects.CHURN_HAZARD_BELOW


def _leave(world: World, household: Household, dice: Dice, now: datetime, leaves: datetime) -> None:
    account = household.account
    household.leaves_from, household.leaves_at = now, leaves
    account.churned_at = leaves
    opened = now + (leaves - now) * (0.05 + 0.2 * dice.random())
    stages = [(opened, "open"), (opened + (leaves - opened) * dice.random(), "negotiation"), (leaves, "lost")]
    if account.arr[-1][1]:
        _deal(world, household, "renewal", 0.0, stages)
        account.arr.append((leaves, 0.0))


def _expand(world: World, household: Household, dice: Dice, now: datetime, closes: datetime) -> None:
    account = household.account
    before = account.arr[-1][1]
    kind = "expansion" if dice.chance(0.8) else "contraction"
    is_won = dice.chance(0.6) if kind == "expansion" else True
    if not before:
        kind, factor = "expansion", 0.0
    elif kind == "expansion":
        factor = 1.1 + 0.7 * dice.random()
    else:
        factor = 0.6 + 0.3 * dice.random()
    after = _rounded(before * factor) if before else 2_400.0
    opened = now + (closes - now) * (0.05 + 0.5 * dice.random())
    middle = opened + (closes - opened) * dice.random()
    stages = [(opened, "open"), (middle, "negotiation"), (closes, "won" if is_won else "lost")]
    _deal(world, household, kind, after, stages)
    if not is_won:
        return
    account.arr.append((closes, after))
    tier = account.tiers[-1][1]
    if kind == "expansion" and (tier == "free" or (tier != "enterprise" and dice.chance(0.4))):
        account.tiers.append((closes, TIERS[TIERS.index(tier) + 1]))
    elif kind == "contraction" and tier in ("business", "enterprise") and dice.chance(0.4):
        account.tiers.append((closes, TIERS[TIERS.index(tier) - 1]))
