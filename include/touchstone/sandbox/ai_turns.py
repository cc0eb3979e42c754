"""What an AI agent's own log holds of a conversation: its turns, from the customer's first words until a person takes over.

Tracing tools know nothing of the helpdesk: no redaction, merge or deletion reaches them, and no person's message is in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from touchstone.sandbox.model import Agent, Company, Conversation, Event
from touchstone.sandbox.state import shown_at


@dataclass(slots=True)
class Turn:
    """One run of an AI agent: what the customer wrote, and what it answered, either of which may lack.

    Attributes:
        handoff: By which it gave the conversation away after this turn.
        ratings: Of a conversation that no person took part in, on its last turn.
    """

    conversation: Conversation
    number: int
    agent: Agent
    version: str | None
    question: Event | None
    answer: Event | None
    handoff: Event | None = None
    ratings: list[Event] = field(default_factory=list)

    @property
    def began_at(self) -> datetime:
        return (self.question or self.answer).at

    @property
    def ended_at(self) -> datetime:
        """Of what is whole; a turn without an answer ends a second after its beginning."""
        return self.answer.at if self.answer is not None else self.began_at + timedelta(seconds=1)

    @property
    def shown_at(self) -> datetime:
        """When a log shows that there is such a turn."""
        return shown_at(self.question or self.answer)

    @property
    def answer_shown_at(self) -> datetime | None:
        if self.answer is None:
            return None
        return max(self.shown_at, shown_at(self.answer))

    def moments(self) -> list[datetime]:
        """Every moment at which the turn changes for a reader, ascending."""
        found = {self.shown_at}
        for event in (self.answer, self.handoff, *self.ratings):
            if event is not None:
                found.add(max(self.shown_at, shown_at(event)))
        return sorted(found)


def ai_turns(company: Company, desk: str) -> list[Turn]:
    """All turns of the conversations of a desk, in the order in which they began."""
    agents = {agent.agent_id: agent for agent in company.agents}
    found = [
        turn
        for one in company.conversations
        if one.desk == desk and any(event.kind == "message" and event.actor == "ai_agent" for event in one.events)
        for turn in _turns(one, agents)
    ]
    return sorted(found, key=lambda turn: (turn.began_at, turn.conversation.conversation_id, turn.number))


def _turns(one: Conversation, agents: dict[str, Agent]) -> list[Turn]:
    first = next(event for event in one.events if event.kind == "message" and event.actor == "ai_agent")
    agent = agents[first.actor_id]
    turns: list[Turn] = []
    pairs: list[tuple[Event | None, Event | None]] = []
    handoff: Event | None = None
    for event in one.events:
        if event.kind == "handoff" and event.actor_id in agents and agents[event.actor_id].kind == "ai_agent":
            handoff = event
            break
        if event.kind != "message" or event.is_internal:
            continue
        if event.actor == "human_agent":
            break
        if event.actor == "customer":
            pairs.append((event, None))
        elif event.actor == "ai_agent" and pairs and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], event)
        elif event.actor == "ai_agent":
            pairs.append((None, event))
    for number, (question, answer) in enumerate(pairs, start=1):
        version = _version(agent, (question or answer).at)
        turns.append(Turn(one, number, agent, version, question, answer))
    if turns:
        turns[-1].handoff = handoff
        if one.is_ai_only:
            turns[-1].ratings = [event for event in one.events if event.kind == "rate"]
    return turns


def _version(agent: Agent, moment: datetime) -> str | None:
    known = [version for since, version in agent.versions if since <= moment]
    return known[-1] if known else None
