"""The record of one conversation while it is told: its clock, its messages, and what the helpdesk notes when."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta
from typing import Any

from touchstone.sample.phrases import Template, common, languages, render, topics, world
from touchstone.sample.plans import LOOKBACK_DAYS, Agent, Case, stream

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_STRAY_SPACE = re.compile(r" +(?=[ .,!?;])(?!\.\d)")
_EVER_PRESENT = ("interaction_id", "channel", "started_at", "status", "customer_id", "customer_email", "account_id")


class Script:
    """Messages and changes of one conversation in order of time.

    Attributes:
        at: The clock; every message moves it on, so that times rise strictly.
        gave_details: The customer has stated workspace and order.
        asks_twice: The customer has asked a second question that is still open.
    """

    def __init__(self, interaction_id: str, case: Case) -> None:
        self.case = case
        self.rng = stream("script", case.key)
        self.at = case.born
        self.messages: list[dict[str, Any]] = []
        self.changes: list[tuple[datetime, dict[str, Any]]] = []
        self.gave_details = False
        self.asks_twice = False
        self.hits = 0.0  # good habits shown by human agents,
        self.chances = 0.0  # of so many possible ones
        self._horizon = case.born + timedelta(days=LOOKBACK_DAYS - 1)
        self.slots = self._slots(interaction_id)
        self.header = self._header(interaction_id)

    # --- words

    def say(self, name: str) -> str:
        """A phrase of the topic if it has one of that name, else of the common ones."""
        book = topics()[self.case.topic]
        return self.fill(book[name] if name in book else common()[name])

    def foreign(self, name: str) -> str:
        """A phrase in the customer's language."""
        return self.fill(languages()[self.case.customer.language][name])

    def fill(self, options: list[Template]) -> str:
        text = render(self.rng.choice(options), self.rng, self.slots)
        return _STRAY_SPACE.sub("", text).strip()  # an alternative that is empty leaves its spaces behind

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    # --- time

    def wait(self, least: float, most: float) -> None:
        """Move the clock on by so many seconds."""
        self.at += timedelta(seconds=self.rng.randint(int(least), int(most)))

    def wait_working(self, least: float, most: float) -> None:
        """Move the clock on; outside the team's hours, to shortly after the next opening."""
        self.wait(least, most)
        while not self._is_open(self.at):
            day = self.at if self.at.hour < 8 else self.at + timedelta(days=1)
            self.at = day.replace(hour=8, minute=0, second=0) + timedelta(seconds=self.rng.randint(60, 5400))

    def wait_waking(self, least: float, most: float) -> None:
        """Move the clock on; customers sleep, and mostly rest at the weekend."""
        self.wait(least, most)
        if self.at.hour >= 22 or self.at.hour < 6:
            day = self.at + timedelta(days=1) if self.at.hour >= 22 else self.at
            self.at = day.replace(hour=7, minute=0) + timedelta(seconds=self.rng.randint(60, 9000))

    def _is_open(self, moment: datetime) -> bool:
        if moment.weekday() >= 5:
            return self.case.channel == "chat" and 9 <= moment.hour < 15
        return 8 <= moment.hour < 18

    # --- events

    def customer(self, text: str) -> None:
        case = self.case
        self._add("customer", text, actor_id=case.customer.customer_id, actor_name=case.customer.name)

    def human(self, agent: Agent, text: str, *, is_internal: bool = False) -> None:
        extras: dict[str, Any] = {"is_internal": True} if is_internal else {}
        self._add("human_agent", text, actor_id=agent.agent_id, actor_name=agent.name, team=agent.team, **extras)

    def ai(self, text: str, **details: Any) -> None:
        ai = world()["ai"]
        self._add(
            "ai_agent", text, actor_id=ai["id"], actor_name=ai["name"], agent_version=self.case.version, **details
        )

    def system(self, name: str) -> None:
        self._add("system", self.fill(common()[name]), actor_name="helpdesk")

    def change(self, **fields: Any) -> None:
        """The helpdesk notes new values of the header's fields at the clock's time; None removes a field."""
        self.changes.append((self.at, fields))

    def edit_last(self, actor: str, text: str) -> None:
        """The text of that actor's last message is replaced at the clock's time."""
        message = next((one for one in reversed(self.messages) if one["actor"] == actor), None)
        if message is not None:
            message["edit"] = (self.at, f"{message['text']}{text}")
            self.change(tags=[*self.header["tags"], "edited"])

    @property
    def is_over(self) -> bool:
        """The clock has left the time within which a conversation can still be found."""
        return self.at >= self._horizon

    def _add(self, actor: str, text: str, **fields: Any) -> None:
        if self.messages and self.at <= self.messages[-1]["at"]:
            self.at = self.messages[-1]["at"] + timedelta(seconds=1)
        if not self.is_over:
            self.messages.append({"at": self.at, "actor": actor, "text": text, **fields})

    # --- documents

    def moments(self) -> list[datetime]:
        """Every time at which the conversation's document changed."""
        return sorted([*(message["at"] for message in self.messages), *(at for at, _ in self.changes)])

    def document(self, end: datetime) -> dict[str, Any]:
        """The conversation file's record of it as the helpdesk knows it just before `end`."""
        header = dict(self.header)
        for at, fields in sorted(self.changes, key=lambda change: change[0]):
            if at < end:
                header |= fields
        header["updated_at"] = stamp(max(moment for moment in self.moments() if moment < end))
        messages = []
        for number, message in enumerate(self.messages, start=1):
            if message["at"] >= end:
                break
            record = {"message_id": f"m{number:02d}", "sent_at": stamp(message["at"])}
            record |= {name: value for name, value in message.items() if name not in ("at", "edit")}
            if "edit" in message and message["edit"][0] < end:
                record["text"] = message["edit"][1]
            messages.append(record)
        kept = {name: value for name, value in header.items() if name in _EVER_PRESENT or value not in (None, [])}
        return kept | {"messages": messages}

    def _header(self, interaction_id: str) -> dict[str, Any]:
        case, rng = self.case, self.rng
        priorities = [("normal", 66), ("low", 14), ("high", 15), ("urgent", 5)]
        return {
            "interaction_id": interaction_id,
            "channel": case.channel,
            "started_at": stamp(case.born),
            "closed_at": None,
            "status": "new",
            "customer_id": case.customer.customer_id,
            "customer_email": case.customer.email,
            "account_id": case.customer.account_id,
            "tier": case.customer.tier,
            "language": case.customer.language,
            "topic": case.topic if rng.random() > 0.02 else None,
            "priority": rng.choices([name for name, _ in priorities], [weight for _, weight in priorities])[0],
            "product_area": world()["topics"][case.topic]["area"],
            "tags": ["repeat_contact"] if case.contact > 1 and rng.random() < 0.5 else [],
        }

    def _slots(self, interaction_id: str) -> dict[str, Any]:
        case, rng, cast = self.case, self.rng, world()
        customer, born = case.customer, case.born
        plan = rng.randrange(3)
        foreign = customer.language != "en"
        book = languages()[customer.language]["nouns"] if foreign else topics()
        card = rng.choice(cast["cards"])
        return {
            "first": customer.first,
            "name": customer.name,
            "email": customer.email,
            "phone": customer.phone,
            "company": customer.company,
            "tier": customer.tier,
            "workspace": customer.workspace,
            "order": f"ORD-{rng.randrange(10000, 99999)}",
            "invoice": f"INV-{born:%Y}-{rng.randrange(1000, 9999):05d}",
            "amount": rng.choice(("49", "79.90", "120", "199", "240.50", "480", "1,150", "2,400")),
            "count": str(rng.randrange(15, 95)),
            "days": str(rng.randrange(2, 9)),
            "date": day_name(born - timedelta(days=rng.randrange(2, 9))),
            "date2": day_name(born + timedelta(days=rng.randrange(2, 9))),
            "plan": cast["plans"][plan],
            "plan2": cast["plans"][plan + 1],
            "card": card,
            "card4": card[-4:],
            "error": rng.choice(cast["errors"]),
            "hex": f"{rng.randrange(16**8):08x}",
            "bug": f"TS-{rng.randrange(1000, 9999)}",
            "ref": interaction_id,
            "agent": cast["ai"]["name"] if case.mode == "ai" else case.agent.first,
            "team": case.agent.team,
            "noun": book[case.topic] if foreign else book[case.topic]["noun"],
        }


def day_name(moment: datetime) -> str:
    """Like `5 March`, whatever locale the process has."""
    return f"{moment.day} {_MONTHS[moment.month - 1]}"


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def with_typos(text: str, rng: random.Random) -> str:
    """The text with one or two pairs of neighbouring letters swapped, and now and then without capitals."""
    words = text.split(" ")
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(len(words))
        word = words[place]
        if len(word) > 4 and word.isalpha():
            spot = rng.randrange(1, len(word) - 2)
            words[place] = word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :]
    joined = " ".join(words)
    return joined[:1].lower() + joined[1:] if rng.random() < 0.4 else joined
