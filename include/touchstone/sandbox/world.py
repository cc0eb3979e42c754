"""The company while it is being made: what has been decided so far, and indexes over it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Any

import yaml

from touchstone.sandbox.dice import Dice, dice
from touchstone.sandbox.model import (
    Account,
    Agent,
    Article,
    Conversation,
    Customer,
    Incident,
    ProductEvent,
)


@cache
def load(book: str) -> Any:
    """A file of phrases/, parsed."""
    path = resources.files("touchstone.sandbox").joinpath("phrases", f"{book}.yml")
    return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


@dataclass(slots=True)
class Persona:
    """How a person answers; the firm does not know these figures.

    Attributes:
        skill: 0 to 1 on the first day.
        leanings: Shift of the skill by dimension.
        habits: Bad ones: terse, overlong, promises, asks_again, asks_secret, careless.
        pace: Factor on reply times.
    """

    skill: float
    leanings: dict[str, float]
    habits: frozenset[str]
    pace: float


@dataclass(slots=True)
class Household:
    """What the simulation knows of an account beside the account itself.

    Attributes:
        weight: How often it writes, relative to others.
        is_hubspot: Whether it mostly writes to the hubspot desk.
        fit: Shift of the quality that it meets, because of its set-up; `World.fit_in` adds what differs by month.
        leaves_from: Day on which its people begin to use the product less; None while it stays.
    """

    account: Account
    people: list[Customer]
    weight: float
    is_hubspot: bool
    fit: float
    region: str
    language: str
    speakers: float
    activity: float
    leaves_from: datetime | None = None
    leaves_at: datetime | None = None


@dataclass(slots=True)
class Return:
    """A customer who will come back, because the first contact did not solve it."""

    household: Household
    customer: Customer
    topic: str
    contact: int
    desk: str


@dataclass
class World:
    """State that the days hand on; `day` is the number of days since the first."""

    seed: int
    first_day: date
    volume: float
    hubspot_share: float
    teams: list[str] = field(default_factory=list)
    households: list[Household] = field(default_factory=list)
    domains: set[str] = field(default_factory=set)
    customers: list[Customer] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    personas: dict[str, Persona] = field(default_factory=dict)
    hired: dict[str, datetime] = field(default_factory=dict)
    articles: list[Article] = field(default_factory=list)
    shelf: dict[tuple[str, str], list[Article]] = field(default_factory=lambda: defaultdict(list))
    incidents: list[Incident] = field(default_factory=list)
    conversations: list[Conversation] = field(default_factory=list)
    product_events: list[ProductEvent] = field(default_factory=list)
    returns: dict[int, list[Return]] = field(default_factory=lambda: defaultdict(list))
    quality: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    roster: dict[str, list[Agent]] = field(default_factory=dict)
    fits: dict[tuple[str, int], float] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    count: int = 0
    deals: int = 0
    product_count: int = 0
    start: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.start = datetime.combine(self.first_day, time(), UTC)

    def dice(self, *name: object) -> Dice:
        return dice(self.seed, *name)

    def fit_in(self, household: Household, moment: datetime) -> float:
        """Shift of the quality that the account meets in the month of `moment`."""
        key = (household.account.account_id, month_of(moment))
        if key not in self.fits:
            self.fits[key] = household.fit + self.dice("fit", *key).normal(0.16)
        return self.fits[key]

    def on(self, day: int) -> datetime:
        """Midnight at which a day begins."""
        return self.start + timedelta(days=day)

    def day_of(self, moment: datetime) -> int:
        return (moment - self.start).days


def tier_at(account: Account, moment: datetime) -> str:
    """The account's tier at a moment; before its first one, that one."""
    tier = account.tiers[0][1]
    for since, name in account.tiers:
        if since <= moment:
            tier = name
    return tier


def month_of(moment: datetime) -> int:
    """Months since year 0, so that months can be subtracted."""
    return moment.year * 12 + moment.month - 1


def month_start(month: int) -> datetime:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
