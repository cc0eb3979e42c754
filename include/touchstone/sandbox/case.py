"""What is decided about a conversation before a word of it is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from touchstone.sandbox.model import Agent, Customer
from touchstone.sandbox.world import Household


@dataclass(slots=True)
class Case:
    """The plan of a conversation.

    Attributes:
        day: Days since the company's first, of its first message.
        contact: 1 for a first contact, more when the customer comes back.
        mode: ai (nobody else takes part), handoff (the AI agent first, then a person), or human.
        emotion: calm, worried, frustrated or angry at the start.
        ai_solves: Whether the AI agent's answer is right, where it takes part.
        has_twin: The customer opens the same matter a second time on this day.
        twin_of: Id of the conversation that this one repeats; "" for most.
        agent: Who is to answer whatever the roster says; None for most.
        is_policy: The customer asks the planted policy question; fails_policy: the person gets it wrong.
        effects: Names of planted effects that act on it.
    """

    conversation_id: str
    household: Household
    customer: Customer
    topic: str
    area: str
    channel: str
    desk: str
    language: str
    born: datetime
    day: int
    contact: int
    mode: str
    complexity: str
    emotion: str
    ai_solves: bool
    is_incident: bool = False
    has_twin: bool = False
    twin_of: str = ""
    agent: Agent | None = None
    is_policy: bool = False
    fails_policy: bool = False
    effects: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        return int(self.conversation_id.rsplit("-", 1)[1])
