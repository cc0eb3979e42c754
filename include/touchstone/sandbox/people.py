"""The people at the accounts, as they truly are: one record each, with every address that somebody knows of them."""

from __future__ import annotations

from datetime import datetime

from touchstone.sandbox.dice import Dice
from touchstone.sandbox.model import Customer
from touchstone.sandbox.pii import phone, plain
from touchstone.sandbox.world import Household, World, load

_SIZES = {"smb": (2, 6), "mid_market": (4, 10), "enterprise": (8, 16)}
_KNOWN = (("zendesk", 0.86), ("hubspot", 0.86), ("mixpanel", 0.84))
_NAMESAKES = 0.02  # share of people who bear the name of somebody at another account
_FREEMAIL = {"smb": 0.12, "mid_market": 0.02, "enterprise": 0.005}


def add_people(world: World, household: Household) -> None:
    """The people who are there when the account begins, and those who came before the company's first day."""
    account = household.account
    dice = world.dice("people", account.account_id)
    least, most = _SIZES[account.segment]
    for _ in range(dice.whole(least, most)):
        created = account.created_at + dice.seconds(0, 6 * 86_400)
        if account.created_at < world.start and dice.chance(0.6):
            created = dice.moment(account.created_at, world.start)
        add_person(world, household, dice, created)


def newcomers(world: World, day: int) -> None:
    """People who join existing accounts on that day."""
    dice = world.dice("newcomers", day)
    staying = [one for one in world.households if one.leaves_at is None]
    for _ in range(dice.count(len(staying) * 0.004)):
        household = dice.pick(staying)
        add_person(world, household, dice, world.on(day) + dice.seconds(7 * 3600, 18 * 3600))


def add_person(world: World, household: Household, dice: Dice, created: datetime) -> Customer:
    account = household.account
    cast = load("cast")
    number = len(world.customers)
    language = household.language if dice.chance(household.speakers) else "en"
    names = cast["names"][household.language if dice.chance(0.85) else "en"]
    name = f"{dice.pick(names['first'])} {dice.pick(names['last'])}"
    if world.customers and dice.chance(_NAMESAKES):
        name = dice.pick(world.customers).name
    known_to = tuple(system for system, share in _KNOWN if dice.chance(share))
    person = Customer(
        customer_id=f"cus-{number:06d}",
        account_id=account.account_id,
        name=name,
        emails=_addresses(world, household, dice, name, number),
        phone=phone(dice, account.country),
        language=language,
        external_id=f"u_{dice.getrandbits(40):010x}{number:x}",
        created_at=created,
        known_to=known_to or ("zendesk", "hubspot"),
    )
    world.customers.append(person)
    household.people.append(person)
    return person


def _addresses(world: World, household: Household, dice: Dice, name: str, number: int) -> list[str]:
    """The helpdesks' address first; no two people share one."""
    cast, account = load("cast"), household.account
    first, last = plain(name.split(" ")[0]), plain(name.split(" ", 1)[1].replace(" ", ""))
    taken = {address for person in household.people for address in person.emails}
    at_work = dice.pick((f"{first}.{last}", f"{first[0]}{last}", first, f"{last}.{first}"))
    if f"{at_work}@{account.domain}" in taken:
        at_work = f"{at_work}{number}"
    work = f"{at_work}@{account.domain}"
    private = f"{first}{dice.pick(('.', '_', ''))}{last}{number}@{dice.pick(cast['freemail'])}"
    if dice.chance(_FREEMAIL[account.segment]):
        return [private, work] if dice.chance(0.5) else [private]
    if dice.chance(0.1):
        return [work, private]
    if dice.chance(0.12):
        return [work, f"{first}.{last}.{number}@mail.{account.domain}"]
    return [work]
