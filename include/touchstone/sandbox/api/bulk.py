"""A large, plain company for measuring an ingest: many tickets with ordinary comments, made in seconds.

It has no truth to find: texts come from a small stock. What matters is that pages weigh what real ones weigh.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta

from touchstone.errors import ConfigurationError
from touchstone.sandbox.model import Account, Agent, Company, Conversation, Customer, Event, Truth

FIRST_DAY = date(2025, 3, 3)
DAYS = 365
TEAMS = ["support", "billing", "technical"]
_STOCK = (
    "account invoice export report dashboard login password team member plan upgrade price integration webhook error "
    "page today yesterday again please thanks found setting button filter date wrong missing slow import customer "
    "project access role admin browser email address payment card renewal contract sync field value column"
)
_WORDS = _STOCK.split()
_TEXTS = 400
_AGENTS = 40


def bulk_company(tickets: int = 100_000, comments: int = 500_000, *, later: int = 0, seed: int = 0) -> Company:
    """A Zendesk desk with so many tickets and comments before `until`.

    Args:
        later: Tickets that change within the day after `until`: every other one is new, the rest get a reply.

    Raises:
        ConfigurationError: There is not at least one comment per ticket, or more is to change than there is.
    """
    if tickets < 1 or not tickets <= comments <= 900 * tickets:
        raise ConfigurationError("comments of the bulk company", comments, "Ask for 1 to 900 per ticket.")
    if later > tickets:
        raise ConfigurationError("later changes of the bulk company", later, f"Ask for at most {tickets}.")
    dice = random.Random(seed)  # noqa: S311
    start = datetime.combine(FIRST_DAY, time(), UTC)
    until = start + timedelta(days=DAYS)
    texts = [" ".join(dice.choices(_WORDS, k=dice.randint(12, 110))) for _ in range(_TEXTS)]
    accounts, customers = _customers(tickets, start)
    agents = _agents(start)
    truth = Truth("other", True, {}, "simple", "neutral")
    step = (until - start - timedelta(days=3)) / tickets
    conversations = []
    each, rest = divmod(comments, tickets)
    for number in range(tickets + later // 2):
        is_new = number >= tickets
        created = until + timedelta(seconds=20 * (number - tickets) + 60) if is_new else start + step * number
        created = created.replace(microsecond=0)
        count = each + (number < rest)
        customer = customers[number % len(customers)]
        conversations.append(_conversation(number, created, count, customer, agents, texts, truth, dice))
    for number in range(later - later // 2):
        one = conversations[number * (tickets // max(1, later - later // 2))]
        at = until + timedelta(seconds=30 * number + 90)
        one.events.append(_message(one, len(one.events), at, "customer", one.customer_id, texts[number % _TEXTS]))
    return Company(seed, FIRST_DAY, until, TEAMS, accounts, customers, agents, [], [], conversations, [], [])


def _customers(tickets: int, start: datetime) -> tuple[list[Account], list[Customer]]:
    accounts = [
        Account(
            f"acc-{number:05d}",
            f"Account {number}",
            f"account-{number}.example",
            "standard",
            "smb",
            "software",
            "DE",
            "agt-000",
            start,
            1,
            None,
            [(start, "standard")],
            [(start, 1200.0)],
        )
        for number in range(max(1, tickets // 100))
    ]
    customers = [
        Customer(
            f"cus-{number:06d}",
            accounts[number % len(accounts)].account_id,
            f"Person {number}",
            [f"person.{number}@{accounts[number % len(accounts)].domain}"],
            "",
            "en",
            f"u_{number}",
            start,
            ("zendesk",),
        )
        for number in range(max(1, tickets // 10))
    ]
    return accounts, customers


def _agents(start: datetime) -> list[Agent]:
    return [
        Agent(
            f"agt-{number:03d}",
            f"Agent {number}",
            f"agent.{number}@firm.example",
            "human_agent",
            start - timedelta(days=30 * number),
            None,
            [(start - timedelta(days=30 * number), TEAMS[number % len(TEAMS)], "agent")],
        )
        for number in range(_AGENTS)
    ]


def _conversation(
    number: int,
    created: datetime,
    count: int,
    customer: Customer,
    agents: list[Agent],
    texts: list[str],
    truth: Truth,
    dice: random.Random,
) -> Conversation:
    agent = agents[number % len(agents)]
    one = Conversation(
        f"cnv-{number:06d}",
        "zendesk",
        customer.account_id,
        customer.customer_id,
        "email",
        "en",
        texts[number % _TEXTS][:60],
        "reports",
        created,
        False,
        [],
        truth,
    )
    at = created
    one.events.append(_message(one, 0, at, "customer", customer.customer_id, texts[dice.randrange(_TEXTS)]))
    one.events.append(Event("topic", at, value=f"topic_{number % 25}"))
    at += timedelta(seconds=dice.randint(60, 4000))
    one.events.append(Event("assign", at, "human_agent", agent.agent_id, value=agent.agent_id, team=agent.teams[0][1]))
    for index in range(1, count):
        at += timedelta(seconds=dice.randint(60, 15_000))
        actor, actor_id = ("human_agent", agent.agent_id) if index % 2 else ("customer", customer.customer_id)
        one.events.append(_message(one, index, at, actor, actor_id, texts[dice.randrange(_TEXTS)]))
    at += timedelta(seconds=dice.randint(60, 4000))
    one.events.append(Event("status", at, "human_agent", agent.agent_id, value="solved"))
    return one


def _message(one: Conversation, ordinal: int, at: datetime, actor: str, actor_id: str, text: str) -> Event:
    return Event("message", at, actor, actor_id, f"msg-{one.conversation_id[4:]}-{ordinal:03d}", text)
