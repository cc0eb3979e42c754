"""The conversations of one helpdesk, with what its API has to know of them at any moment beside their state."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from touchstone.errors import SourceError
from touchstone.sandbox.api import ids
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.timeline import NEVER
from touchstone.sandbox.model import Agent, Company, Conversation, Event
from touchstone.sandbox.state import moments, shown_at


@dataclass(frozen=True, slots=True)
class Merge:
    """One conversation that goes into another; positions are those of the desk."""

    at: datetime
    loser: int
    survivor: int
    event: int


class Desk:
    """All conversations of a desk, known by their position in the order of their ids.

    Attributes:
        numbers: Number at the end of each id, ascending.
        human_at, ai_at: Microsecond from which on a person, and an AI agent, has a part in each; NEVER where none has.
        merges_into: Merges by the position of the survivor, in the order of their moments.
        merge_of: The merge that ends a conversation, by its position.
    """

    def __init__(self, company: Company, name: str) -> None:
        self.name = name
        found = [one for one in company.conversations if one.desk == name]
        found.sort(key=lambda one: ids.number(one.conversation_id))
        self.conversations: list[Conversation] = found
        self.numbers = [ids.number(one.conversation_id) for one in found]
        self.position = {one.conversation_id: place for place, one in enumerate(found)}
        self._place = {number: place for place, number in enumerate(self.numbers)}
        self.agents = {agent.agent_id: agent for agent in company.agents}
        self.human_at, self.ai_at = self._parts()
        self.merges_into: dict[int, list[Merge]] = defaultdict(list)
        self.merge_of: dict[int, Merge] = {}
        self._find_merges()

    def __len__(self) -> int:
        return len(self.conversations)

    def place(self, number: int) -> int | None:
        """Position of the conversation of that number."""
        return self._place.get(number)

    def from_number(self, number: int) -> int:
        """First position whose number is beyond `number`."""
        return bisect_right(self.numbers, number)

    def is_ai_only(self, now: int) -> np.ndarray:
        """For each conversation whether only an AI agent has answered by that microsecond."""
        return (self.ai_at <= now) & (self.human_at > now)

    @cached_property
    def moments(self) -> list[list[datetime]]:
        """When each conversation changes for a reader, by its own events."""
        return [moments(one) for one in self.conversations]

    def survivor(self, position: int, now: datetime) -> int:
        """Where a conversation's ticket has gone by `now`, through all merges; itself if nowhere."""
        seen = {position}
        while (merge := self.merge_of.get(position)) is not None and merge.at <= now:
            position = merge.survivor
            if position in seen:
                raise SourceError(
                    "merges that lead in a circle",
                    self.conversations[position].conversation_id,
                    "Let every chain of merges end in a conversation that is not merged.",
                )
            seen.add(position)
        return position

    def absorbed(self, position: int, now: datetime) -> list[int]:
        """Every conversation that has come into this one by `now`, directly or through others, in that order."""
        found: list[int] = []
        for merge in self.merges_into.get(position, ()):
            if merge.at <= now:
                found += [*self.absorbed(merge.loser, now), merge.loser]
        return found

    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        human = np.full(len(self.conversations), NEVER, dtype=np.int64)
        ai = np.full(len(self.conversations), NEVER, dtype=np.int64)
        for place, one in enumerate(self.conversations):
            if one.is_ai_only:
                ai[place] = micros(one.created_at)
            for event in one.events:
                if event.actor == "ai_agent":
                    ai[place] = min(ai[place], micros(shown_at(event)))
                elif _is_by_person(event, self.agents):
                    human[place] = min(human[place], micros(shown_at(event)))
        return human, ai

    def _find_merges(self) -> None:
        merges = []
        for place, one in enumerate(self.conversations):
            for index, event in enumerate(one.events):
                if event.kind == "merge":
                    if event.value not in self.position:
                        raise SourceError(
                            f"merge into a conversation that the {self.name} desk does not have",
                            f"{one.conversation_id} into {event.value}",
                            "Merge only within a desk.",
                        )
                    merges.append(Merge(shown_at(event), place, self.position[event.value], index))
        for merge in sorted(merges, key=lambda one: (one.at, self.numbers[one.loser])):
            self.merges_into[merge.survivor].append(merge)
            self.merge_of[merge.loser] = merge


def _is_by_person(event: Event, agents: dict[str, Agent]) -> bool:
    if event.actor == "human_agent":
        return True
    if event.kind not in ("assign", "handoff") or event.value is None:
        return False
    agent = agents.get(event.value)
    return agent is not None and agent.kind == "human_agent"


def latest(history: Sequence[tuple], now: datetime) -> tuple | None:
    """The last entry of an ascending history by `now`; its first item is the moment."""
    found = None
    for entry in history:
        if entry[0] > now:
            break
        found = entry
    return found
