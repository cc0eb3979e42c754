"""What customers do in the product, as its analytics record it: sign-ins, use of features, errors."""

from __future__ import annotations

from datetime import datetime, timedelta

from touchstone.sandbox.dice import Dice, Weighted
from touchstone.sandbox.model import ProductEvent
from touchstone.sandbox.world import Household, World, tier_at

_FEATURES = Weighted(
    (
        ("dashboard_viewed", 30),
        ("report_created", 12),
        ("report_shared", 7),
        ("filter_saved", 8),
        ("export_started", 7),
        ("import_finished", 5),
        ("integration_synced", 9),
        ("api_key_created", 1),
        ("member_invited", 2),
        ("settings_changed", 4),
        ("error_shown", 5),
    )
)
_ERRORS = ("500", "403", "timeout", "validation", "429")
_DEVICES = ("web", "web", "web", "ios", "android")
_LATE = 0.04
_TWICE = 0.012


def product_day(world: World, day: int) -> None:
    """Events of one day, account by account."""
    start = world.on(day)
    is_weekend = start.weekday() >= 5
    dice = world.dice("product", day)
    for household in world.households:
        share = _activity(household, start) * (0.2 if is_weekend else 1.0)
        if share <= 0:
            continue
        for person in household.people:
            if "mixpanel" in person.known_to and person.created_at < start and dice.random() < share:
                _session(world, dice, person.customer_id, tier_at(household.account, start), start)


def _activity(household: Household, now: datetime) -> float:
    """Probability that one of its people signs in on the day; it falls from the moment the account means to leave."""
    if household.account.created_at >= now or (household.leaves_at is not None and household.leaves_at <= now):
        return 0.0
    if household.leaves_from is None or household.leaves_from > now:
        return household.activity * 0.5
    left = (household.leaves_at - now) / (household.leaves_at - household.leaves_from)
    return household.activity * 0.5 * (0.1 + 0.6 * left)


def _session(world: World, dice: Dice, customer_id: str, plan: str, start: datetime) -> None:
    at = start + timedelta(seconds=int(21_600 + dice.random() * 50_000))
    device = dice.pick(_DEVICES)
    names = ["signed_in", *(_FEATURES.draw(dice) for _ in range(dice.whole(0, 3)))]
    for name in names:
        properties = {"device": device, "plan": plan}
        if name == "error_shown":
            properties["code"] = dice.pick(_ERRORS)
        roll = dice.random()
        arrives = at + timedelta(seconds=2 + int(roll * 1000) % 60)
        if roll < _LATE:
            arrives = at + timedelta(seconds=3600 + int(roll / _LATE * 4.5 * 86_400))
        copies = 1
        if dice.random() < _TWICE:
            copies = dice.whole(2, 3)
        world.product_events.append(
            ProductEvent(f"pev-{world.product_count:07d}", customer_id, name, at, arrives, properties, copies)
        )
        world.product_count += 1
        at += timedelta(seconds=int(8 + dice.random() * 900))
