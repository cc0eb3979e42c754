"""The record of one conversation while it is told: its clock, its events, and the marks that its sides earn."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from touchstone.sandbox import effects
from touchstone.sandbox.book import book, common, topics
from touchstone.sandbox.case import Case
from touchstone.sandbox.dice import Dice
from touchstone.sandbox.grammar import Template, render
from touchstone.sandbox.markup import to_html
from touchstone.sandbox.model import Agent, Answer, Event
from touchstone.sandbox.slots import fill_slots
from touchstone.sandbox.staff import AUTOMATIONS, team_of
from touchstone.sandbox.world import World

LATEST_SHOWN = timedelta(seconds=240)  # a message shows at most this much after it was sent
_LATE = 0.008
_DIMENSIONS = tuple(effects.WEIGHTS)
_SECOND = {"ask": "give", "second": "second_answer"}


class Script:
    """Events of one conversation in order of time.

    Attributes:
        at: The clock; every message moves it on, so that times of messages rise strictly.
        gave_details: The customer has stated what identifies the case.
        asks_twice: The customer has asked a second question that is still open.
        is_confirmed: The customer has said that it is solved.
        had_details: The customer had stated what identifies the case when the AI agent handed over.
        agent: The person in charge; None before the first.
        quality: Skill, 0 to 1, that the person in charge shows here, by dimension.
        marks: By side and dimension, [earned, possible].
    """

    def __init__(self, world: World, case: Case, like: Script | None = None) -> None:
        """Begin a script; `like` is the one of the same matter whose wording of facts it shares."""
        self.world, self.case = world, case
        self.dice: Dice = world.dice("conversation", case.conversation_id)
        self.at = case.born
        self.events: list[Event] = []
        self.gave_details = False
        self.asks_twice = False
        self.is_confirmed = False
        self.had_details = False
        self.agent: Agent | None = None
        self.quality: dict[str, float] = {}
        self.marks: dict[str, dict[str, list[float]]] = {}
        self.side = "ai"
        self.is_solved = False
        self.asked_again = 0
        self.status_now = "new"
        self.late: list[tuple[str, timedelta, object]] = []  # corrections that come some time after the start
        self.slots = fill_slots(world, case, self.dice) if like is None else like.slots | {"ref": case.conversation_id}
        own = book(case.language)[case.topic]
        self.story = int(self.dice.random() * len(own.cases)) if like is None else like.story
        if case.is_policy:
            self.story = 0
        self._own, self._pairs, self._common = own.cases[self.story], own.pairs[self.story], common(case.language)
        self.is_before_change = any(
            gap.topic == case.topic and gap.kind == "outdated" and case.day < gap.days[0] for gap in effects.GAPS
        )
        self._halves: dict[str, Template] = {}
        if like is None:
            self.slots["noun"] = self.say("noun")
        self._messages = 0
        self._last_message = case.born - timedelta(seconds=1)

    # --- words

    def say(self, name: str) -> str:
        """A phrase in the customer's language: of the case if it has one of that name, else of the common ones.

        The second half of a pair goes with the first half that was said last.
        """
        own = self._own
        if name in own:
            pairs = self._pairs.get(name)
            if pairs:
                first, self._halves[_SECOND[name]] = pairs[int(self.dice.random() * len(pairs))]
                return render((first,), self.dice, self.slots)
            if name in self._halves:
                return render((self._halves[name],), self.dice, self.slots)
            return render(own[name], self.dice, self.slots)
        return self._say_common(name)

    def _say_common(self, name: str) -> str:
        lines = self._common[name]
        if name == "second":
            place = int(self.dice.random() * len(lines))
            self._halves["second_answer"] = self._common["second_answer"][place]
            return render((lines[place],), self.dice, self.slots)
        if name in self._halves:
            lines = (self._halves[name],)
        return render(lines, self.dice, self.slots)

    def say_all(self, name: str, count: int) -> list[str]:
        """So many different phrases of a common name, or all if there are fewer."""
        lines = list(self._common[name])
        self.dice.shuffle(lines)
        return [render((line,), self.dice, self.slots) for line in lines[:count]]

    def say_fact(self, name: str) -> str:
        """A phrase that states a fact: the one that holds on the day of the case."""
        old = f"{name}_old"
        return self.say(old if self.is_before_change and old in self._own else name)

    def write(self, name: str) -> str:
        """A phrase in English, the language in which colleagues write to each other."""
        slots = self.slots
        if self.case.language != "en":
            slots = slots | {"noun": self.case.topic.replace("_", " ")}
        return render(common("en")[name], self.dice, slots)

    def chance(self, probability: float) -> bool:
        return self.dice.random() < probability

    # --- time

    def wait(self, least: float, most: float) -> None:
        """Move the clock on by so many seconds."""
        self.at += self.dice.seconds(least, most)

    def wait_days(self, least: float, most: float) -> None:
        self.wait(least * 86_400, most * 86_400)

    def wait_working(self, least: float, most: float) -> None:
        """Move the clock on; outside the desk's hours, to some time after the next opening."""
        self.wait(least, most)
        while not self._is_open(self.at):
            day = self.at if self.at.hour < 7 else self.at + timedelta(days=1)
            self.at = day.replace(hour=7, minute=0, second=0) + self.dice.seconds(60, 7200)

    def wait_waking(self, least: float, most: float) -> None:
        """Move the clock on; customers sleep."""
        self.wait(least, most)
        if self.at.hour >= 22 or self.at.hour < 6:
            day = self.at + timedelta(days=1) if self.at.hour >= 22 else self.at
            self.at = day.replace(hour=6, minute=30, second=0) + self.dice.seconds(60, 9000)

    def pause(self) -> None:
        """The time that the customer takes."""
        channel = self.case.channel
        if channel == "voice":
            self.wait(3, 18)
        elif channel == "chat":
            self.wait(12, 200)
        else:
            self.wait_waking(900, 30_000)

    def _is_open(self, moment: datetime) -> bool:
        if self.case.channel == "voice":
            return True
        if moment.weekday() >= 5:
            return self.case.channel == "chat" and 8 <= moment.hour < 16
        return 7 <= moment.hour < 19

    # --- messages

    def customer(self, text: str, html: str | None = None) -> str:
        return self._message("customer", self.case.customer.customer_id, text, html)

    def human(self, text: str, *, is_internal: bool = False, html: str | None = None) -> str:
        return self._message("human_agent", self.agent.agent_id, text, html, is_internal=is_internal)

    def ai(self, agent_id: str, text: str, answer: Answer | None, html: str | None = None) -> str:
        return self._message("ai_agent", agent_id, text, html, answer=answer)

    def system(self, text: str, actor_id: str = "", *, is_internal: bool = False) -> str:
        """A post of the helpdesk itself, or of the automation account `actor_id`."""
        return self._message("system", actor_id, text, None, is_internal=is_internal)

    def _message(
        self,
        actor: str,
        actor_id: str,
        text: str,
        html: str | None,
        *,
        is_internal: bool = False,
        answer: Answer | None = None,
    ) -> str:
        if self.at <= self._last_message:
            self.at = self._last_message + timedelta(seconds=1)
        self._last_message = self.at
        self._messages += 1
        message_id = f"msg-{self.case.conversation_id[4:]}-{self._messages:03d}"
        if html is None and self.case.channel == "email":
            html = to_html(text)
        visible_at = None
        if self._messages > 1 and self.dice.random() < _LATE:
            visible_at = self.at + self.dice.seconds(5, LATEST_SHOWN.total_seconds())
        self.events.append(
            Event(
                "message",
                self.at,
                actor,
                actor_id,
                message_id,
                text,
                html,
                is_internal=is_internal,
                answer=answer,
                visible_at=visible_at,
            )
        )
        return message_id

    def insert_note(self, at: datetime, text: str) -> None:
        """An internal post of the helpdesk between events that are told already."""
        self._messages += 1
        message_id = f"msg-{self.case.conversation_id[4:]}-{self._messages:03d}"
        html = to_html(text) if self.case.channel == "email" else None
        self.events.append(Event("message", at, "system", "", message_id, text, html, is_internal=True))
        self.events.sort(key=lambda event: event.at)

    # --- what the helpdesk notes

    def note_event(self, kind: str, value: object = None, **fields: object) -> None:
        self.events.append(Event(kind, self.at, value=value, **fields))

    def status(self, value: str, actor_id: str = "") -> None:
        """Set the status, in the words that the desk has: HubSpot's pipeline knows no `on_hold` and no `solved`."""
        if self.case.desk == "hubspot":
            value = {"on_hold": "pending", "solved": "closed"}.get(value, value)
        if value != self.status_now:
            self.status_now = value
            actor = "human_agent" if actor_id and self.agent and actor_id == self.agent.agent_id else "system"
            self.note_event("status", value, actor=actor, actor_id=actor_id)

    def tag(self, value: str) -> None:
        self.note_event("tag", value)

    def assign(self, agent: Agent, actor_id: str = "") -> None:
        """Put a person in charge; how good the answers are follows from who it is."""
        self.agent = agent
        self.slots["agent"] = agent.name.split(" ")[0]
        self.slots["agent_name"] = agent.name
        self.slots["team"] = self.slots["team_name"] = team_of(agent, self.at)
        self.note_event("assign", agent.agent_id, team=team_of(agent, self.at), actor_id=actor_id)

    def handoff(self, agent: Agent, reason: str, from_id: str) -> None:
        self.note_event("handoff", agent.agent_id, team=team_of(agent, self.at), text=reason, actor_id=from_id)
        self.assign(agent, from_id)

    # --- marks

    def mark(self, dimension: str, weight: float, is_held: bool | float) -> None:
        """Count a behaviour of the side in charge: earned as far as it held."""
        side = self.marks.get(self.side)
        if side is None:
            side = self.marks[self.side] = {name: [0.0, 0.0] for name in _DIMENSIONS}
        entry = side[dimension]
        entry[0] += weight * is_held
        entry[1] += weight

    def shows(self, dimension: str, weight: float, low: float, high: float) -> bool:
        """Whether the side in charge shows a behaviour that has probability `low` at skill 0 and `high` at skill 1."""
        is_shown = self.dice.random() < low + (high - low) * self.quality[dimension]
        self.mark(dimension, weight, is_shown)
        return is_shown

    def scores(self) -> dict[str, float]:
        """0 to 100 by dimension, of the people if any answered, else of the AI agent; only what could be judged."""
        side = self.marks.get("human") or self.marks.get("ai") or {}
        return {name: round(100 * earned / most, 1) for name, (earned, most) in side.items() if most}

    @property
    def about(self) -> dict[str, Any]:
        """Facts about the topic."""
        return topics()[self.case.topic]

    def automation(self, phrases: str) -> str:
        """Id of the automation account that posts phrases of that name."""
        names = [entry[0] for entry in AUTOMATIONS if entry[2] == phrases]
        return next(agent.agent_id for agent in self.world.agents if agent.name in names)

    @property
    def team(self) -> str:
        return topics()[self.case.topic]["team"]
