"""Request Tracker's ids of the company's things.

People, queues and tickets have a base plus the number at the end of the company's id. Transactions are numbered as they begin,
whatever ticket they belong to, so a message's id follows from all that happened before it (see `rt_ledger`).
"""

from __future__ import annotations

from touchstone.sandbox.api.ids import number
from touchstone.sandbox.model import Agent, Customer

SYSTEM, NOBODY = 1, 6
STAFF, CUSTOMERS, TICKETS = 100, 100_000, 1_000
PRIVILEGED = 4
GENERAL = 1
TOPIC, PRODUCT_AREA, LANGUAGE, CHANNEL, CSAT, REVISION = range(1, 7)
FIELD_NAMES = {
    TOPIC: "Topic",
    PRODUCT_AREA: "Product area",
    LANGUAGE: "Language",
    CHANNEL: "Channel",
    CSAT: "Satisfaction",
    REVISION: "System revision",
}
_BASES = {"agt": STAFF, "cus": CUSTOMERS, "cnv": TICKETS}


def rt_id(own: str) -> int:
    """Id of an agent, a customer or a conversation (its ticket)."""
    return _BASES[own.partition("-")[0]] + number(own)


def user_id(actor_id: str) -> int:
    """The account behind an actor; what nobody did is RT's own."""
    return rt_id(actor_id) if actor_id and actor_id != "system" else SYSTEM


def user_name(one: Agent | Customer) -> str:
    """The name of an account; an agent's says what kind of an agent it is."""
    if isinstance(one, Customer):
        return one.emails[0].lower()
    return f"{one.kind}-{number(one.agent_id)}"


def queue_id(teams: list[str], team: str | None) -> int:
    """A queue for each team, and one for what no team has."""
    return GENERAL if team is None else GENERAL + 2 + teams.index(team)
