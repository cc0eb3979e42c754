"""Who writes on which day about what, and who answers: the plan of a day, before any sentence is written.

A day is planned from nothing but its date, so that every day can be written alone, in any order, on any machine.
A customer whose case is not solved may come back on the same topic; those contacts are planned with the first one.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from touchstone.sample.phrases import world

VERSION = "1"
FIRST_DAY = date(2026, 3, 2)
INITIAL_DAYS = 30
NEW_AI_VERSION_DAY = FIRST_DAY + timedelta(days=17)  # the 18th day
LOOKBACK_DAYS = 15  # the longest time between a first contact and the last return, or between birth and last change

_BASE_PER_WEEKDAY = (56, 59, 59, 59, 57, 23, 23)
_FOREIGN = (("en", 90), ("es", 6), ("de", 4))
_TIERS = (("starter", 45), ("business", 38), ("enterprise", 17))
_ACCOUNTS, _CUSTOMERS = 240, 700


def stream(*parts: object) -> random.Random:
    """A random stream of its own for these parts; the same on every machine and in every process."""
    digest = hashlib.sha256(":".join(map(str, ("touchstone.sample", VERSION, *parts))).encode()).digest()
    return random.Random(int.from_bytes(digest[:8]))  # noqa: S311 - a simulation, not a secret


def weighted(rng: random.Random, pairs: Any) -> Any:
    """One of (value, weight) pairs."""
    values, weights = zip(*pairs, strict=True)
    return rng.choices(values, weights)[0]


@dataclass(frozen=True)
class Customer:
    customer_id: str
    account_id: str
    first: str
    name: str
    email: str
    phone: str
    company: str
    tier: str
    language: str
    workspace: str
    is_hasty: bool  # makes typing errors


@dataclass(frozen=True)
class Agent:
    agent_id: str
    name: str
    team: str
    skill: float  # 0 misses every good habit, 1 has them all
    slips: bool = False
    promises: bool = False
    overlong: bool = False
    terse: bool = False

    @property
    def first(self) -> str:
        return self.name.split()[0]


@dataclass(frozen=True)
class Case:
    """One conversation before it is told."""

    key: str
    born: datetime
    customer: Customer
    topic: str
    channel: str
    mode: str  # ai, handoff, human, unanswered
    agent: Agent
    version: str  # of the AI agent
    contact: int  # 1 for the first contact on the issue
    is_solved: bool

    @property
    def is_weak_ai(self) -> bool:
        """The planted regression: version 2.4 misunderstands plan changes."""
        return self.version == "2.4" and self.topic == "plan_change"


@lru_cache(maxsize=1)
def customers() -> tuple[Customer, ...]:
    """The firm's customers, 2 to 3 in each account."""
    rng, cast = stream("customers"), world()
    companies = [f"{a}{b}" for a in cast["company_first"] for b in cast["company_second"]]
    rng.shuffle(companies)
    accounts = [(companies[number], weighted(rng, _TIERS), weighted(rng, _FOREIGN)) for number in range(_ACCOUNTS)]
    found = []
    for number in range(_CUSTOMERS):
        account = number % _ACCOUNTS
        company, tier, language = accounts[account]
        first, last = rng.choice(cast["first_names"]), rng.choice(cast["last_names"])
        domain = rng.choice(("example.com", "example.com", "example.org"))
        found.append(
            Customer(
                customer_id=f"cu-{number + 1:04d}",
                account_id=f"ac-{account + 1:03d}",
                first=first,
                name=f"{first} {last}",
                email=f"{first}.{last}{number % 97}@{domain}".lower(),
                phone=f"+1 {rng.choice((202, 212, 415, 617))}-555-01{rng.randrange(100):02d}",
                company=company,
                tier=tier,
                language=language,
                workspace=f"ws-{account * 37 % 9000 + 1000}",
                is_hasty=rng.random() < 0.2,
            )
        )
    return tuple(found)


def agents_on(day: date) -> dict[str, Agent]:
    """The human agents by id, with the skill that each has on that day."""
    progress = min(1.0, max(0.0, (day - FIRST_DAY).days / (INITIAL_DAYS - 1)))
    found = {}
    for entry in world()["agents"]:
        start, end = entry["skill"]
        extras = {name: entry[name] for name in ("slips", "promises", "overlong", "terse") if name in entry}
        skill = start + (end - start) * progress
        found[entry["id"]] = Agent(entry["id"], entry["name"], entry["team"], skill, **extras)
    return found


def ai_version_on(day: date) -> str:
    """Version of the AI agent that answers on that day."""
    return "2.4" if day >= NEW_AI_VERSION_DAY else "2.3"


@lru_cache(maxsize=64)
def _issues(day: date) -> tuple[Case, ...]:
    """The issues that begin on a day, each with the returns that it leads to on this and on later days."""
    rng = stream("issues", day)
    found: list[Case] = []
    count = _BASE_PER_WEEKDAY[day.weekday()] + rng.randint(-2, 2)
    for number in range(count):
        key = f"{day:%y%m%d}-{number}"
        topic = weighted(rng, [(name, entry["weight"]) for name, entry in world()["topics"].items()])
        case = _case(rng, key, _arrival(rng, day), rng.choice(customers()), topic, 1)
        found.append(case)
        while case.contact < 3 and rng.random() < _return_chance(case):
            born = _return_time(rng, case.born)
            if (born.date() - day).days >= LOOKBACK_DAYS:
                break
            case = _case(rng, f"{key}-{case.contact}", born, case.customer, topic, case.contact + 1)
            found.append(case)
    return tuple(found)


def births(day: date) -> list[tuple[str, Case]]:
    """(interaction id, case) of every conversation that begins on a day, in order of time."""
    found = []
    for back in range(LOOKBACK_DAYS):
        found += [case for case in _issues(day - timedelta(days=back)) if case.born.date() == day]
    found.sort(key=lambda case: (case.born, case.key))
    return [(f"T-{day:%Y%m%d}-{number:03d}", case) for number, case in enumerate(found, start=1)]


def _arrival(rng: random.Random, day: date) -> datetime:
    hours = (1, 1, 1, 1, 1, 2, 5, 12, 22, 30, 32, 28, 22, 26, 28, 26, 20, 12, 6, 4, 3, 2, 1, 1)
    hour = rng.choices(range(24), hours)[0]
    return datetime(day.year, day.month, day.day, hour, rng.randrange(60), rng.randrange(60), tzinfo=UTC)


def _case(rng: random.Random, key: str, born: datetime, customer: Customer, topic: str, contact: int) -> Case:
    day = born.date()
    is_working_time = day.weekday() < 5 and 8 <= born.hour < 17
    chances = {"chat": 44, "email": 27, "ticket": 19, "voice": 10 if is_working_time else 0}
    channel = weighted(rng, chances.items())
    uses_ai = rng.random() < {"chat": 0.86, "email": 0.3, "ticket": 0.22, "voice": 0.0}[channel]
    version, entry = ai_version_on(day), world()["topics"][topic]
    agent = _agent(rng, day, entry["team"])
    ai_chance = 0.22 if version == "2.4" and topic == "plan_change" else entry["ai"]
    if contact > 1:
        ai_chance -= 0.15
    human_chance = min(0.98, max(0.05, entry["human"] + 0.45 * (agent.skill - 0.68)))
    luck = rng.random()
    if rng.random() < 0.025:
        mode, is_solved = "unanswered", False
    elif uses_ai and luck < ai_chance:
        mode, is_solved = "ai", True
    elif uses_ai and rng.random() < 0.3:
        mode, is_solved = "ai", False
    else:
        mode, is_solved = "handoff" if uses_ai else "human", rng.random() < human_chance
    return Case(key, born, customer, topic, channel, mode, agent, version, contact, is_solved)


def _agent(rng: random.Random, day: date, team: str) -> Agent:
    """Mostly one of the team, now and then somebody who helps out."""
    present = list(agents_on(day).values())
    own = [agent for agent in present if agent.team == team]
    return rng.choice(own) if rng.random() < 0.93 else rng.choice(present)


def _return_chance(case: Case) -> float:
    if case.mode == "unanswered":
        return 0.5
    return 0.05 if case.is_solved else 0.42


def _return_time(rng: random.Random, born: datetime) -> datetime:
    """Same or next day, within the week, or within two; people write mostly on working days."""
    days = weighted(rng, [((0, 1), 35), ((2, 6), 40), ((7, 13), 25)])
    again = _arrival(rng, born.date() + timedelta(days=rng.randint(*days)))
    if again < born + timedelta(hours=3):
        again = _arrival(rng, born.date() + timedelta(days=1))
    if again.weekday() >= 5 and rng.random() < 0.7:
        again += timedelta(days=7 - again.weekday())
    return again
