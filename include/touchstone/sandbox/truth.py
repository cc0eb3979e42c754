"""What a perfect extraction yields, and the file of what is true behind it.

`canonical` is compared with the warehouse's core; the truth file is what metrics, scores and analyses are measured against.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from touchstone.errors import SourceError
from touchstone.sandbox.model import Company, Conversation, PlantedEffect, Truth
from touchstone.sandbox.state import fold, is_automation

VERSION = 1


@dataclass(frozen=True, slots=True)
class CanonicalMessage:
    """A message as core has to hold it.

    Attributes:
        actor: customer, human_agent, ai_agent or system; what an automation account posts is system.
        is_automation: Whether a workflow posted it in the name of an account of its own.
        text: After redactions.
    """

    message_id: str
    actor: str
    actor_id: str
    is_automation: bool
    is_internal: bool
    sent_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class CanonicalConversation:
    """A conversation as core has to hold it.

    Attributes:
        merged_into: The conversation that it was closed into; its messages stay listed here.
        root_id: The conversation that it ends in through all merges; itself where it was not merged.
        topic: None when the helpdesk's field is empty.
        rating: The latest one; 1 or 5 at the zendesk desk.
        handoffs: (moment, agent id, team, stated reason).
    """

    conversation_id: str
    desk: str
    root_id: str
    customer_id: str
    account_id: str | None
    channel: str
    language: str
    topic: str | None
    priority: str | None
    status: str
    created_at: datetime
    deleted_at: datetime | None
    merged_into: str | None
    assignee_id: str | None
    team: str | None
    rating: int | None
    is_ai_only: bool
    tags: tuple[str, ...] = ()
    handoffs: tuple[tuple[datetime, str, str, str], ...] = ()
    messages: tuple[CanonicalMessage, ...] = ()


@dataclass(slots=True)
class TruthFile:
    """A truth file, read.

    Attributes:
        header: seed, first_day, until and counts.
        conversations: By conversation id; each with its `truth` and the `vendor_id` at its desk.
        accounts, customers, agents, articles, incidents: As the company holds them, by id, with `vendor_ids` by system.
    """

    header: dict[str, Any]
    effects: list[PlantedEffect] = field(default_factory=list)
    conversations: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    articles: dict[str, dict[str, Any]] = field(default_factory=dict)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)

    def truth(self, conversation_id: str) -> Truth:
        """The truth of one conversation.

        Raises:
            SourceError: The file has no such conversation.
        """
        if conversation_id not in self.conversations:
            raise SourceError("conversation in the truth file", conversation_id, "Use an id of the same company.")
        stated = self.conversations[conversation_id]["truth"]
        return Truth(**stated | {"effects": tuple(stated["effects"])})


def canonical(company: Company, now: datetime, desk: str | None = None) -> list[CanonicalConversation]:
    """What a perfect extraction of a desk holds at `now`, in the order in which the conversations began.

    Deleted and merged conversations are listed with their mark, since a warehouse keeps what was deleted; a message counts
    from the moment at which an API shows it.

    Args:
        desk: zendesk or hubspot; None for both.
    """
    automations = {agent.agent_id for agent in company.agents if is_automation(agent)}
    found = [one for one in company.conversations if one.created_at <= now and (desk is None or one.desk == desk)]
    states = {one.conversation_id: fold(one, now) for one in found}
    result = []
    for one in found:
        state = states[one.conversation_id]
        root = state
        while root.merged_into is not None:
            root = states[root.merged_into]
        result.append(
            CanonicalConversation(
                conversation_id=one.conversation_id,
                desk=one.desk,
                root_id=root.conversation_id,
                customer_id=one.customer_id,
                account_id=one.account_id,
                channel=one.channel,
                language=one.language,
                topic=state.topic,
                priority=state.priority,
                status=state.status,
                created_at=one.created_at,
                deleted_at=state.deleted_at,
                merged_into=state.merged_into,
                assignee_id=state.assignee_id,
                team=state.team,
                rating=state.rating.value if state.rating is not None else None,
                is_ai_only=one.is_ai_only,
                tags=tuple(state.tags),
                handoffs=tuple(
                    (event.at, event.value, event.team, event.text)
                    for event in one.events
                    if event.kind == "handoff" and event.at <= now
                ),
                messages=tuple(
                    CanonicalMessage(
                        message.message_id,
                        message.actor,
                        message.actor_id,
                        message.actor_id in automations,
                        message.is_internal,
                        message.sent_at,
                        message.text,
                    )
                    for message in state.messages
                ),
            )
        )
    return result


def write_truth(company: Company, path: Path) -> None:
    """Write everything that is true of the company, one JSON object a line, each with its `kind`.

    Texts of messages are left out: they are what the APIs show anyway. The file appears under its name when it is whole.

    Raises:
        SourceError: The file cannot be written.
    """
    partial = path.with_suffix(path.suffix + ".partial")
    try:
        with partial.open("wb") as file:
            for record in _records(company):
                file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))
        partial.replace(path)
    except OSError as error:
        raise SourceError("truth file", str(path), f"Make its folder writable: {error.strerror}.") from error


def _records(company: Company):
    from touchstone.sandbox.api import ids  # the web server behind it takes a second to import

    yield {
        "kind": "company",
        "version": VERSION,
        "seed": company.seed,
        "first_day": company.first_day,
        "until": company.until,
        "teams": company.teams,
        "conversations": len(company.conversations),
        "product_events": len(company.product_events),
    }
    for effect in company.effects:
        yield {"kind": "effect"} | _plain(effect, {"kind": "effect_kind"})
    for account in company.accounts:
        own = account.account_id
        vendor_ids = {"zendesk": ids.zendesk_id(own), "hubspot": ids.hubspot_id(own)}
        yield {"kind": "account", **asdict(account), "vendor_ids": vendor_ids}
    for person in company.customers:
        own, known = person.customer_id, person.known_to
        vendor_ids = {"zendesk": ids.zendesk_id(own), "hubspot": ids.hubspot_id(own), "mixpanel": person.external_id}
        vendor_ids = {system: vendor_id for system, vendor_id in vendor_ids.items() if system in known}
        yield {"kind": "customer", **asdict(person), "vendor_ids": vendor_ids}
    for agent in company.agents:
        vendor_ids = {"zendesk": ids.zendesk_id(agent.agent_id), "hubspot": ids.hubspot_id(agent.agent_id)}
        yield {"kind": "agent", **_plain(agent, {"kind": "agent_kind"}), "vendor_ids": vendor_ids}
    for article in company.articles:
        yield {"kind": "article", **asdict(article), "vendor_ids": {"zendesk": ids.zendesk_id(article.article_id)}}
    for incident in company.incidents:
        yield {"kind": "incident", **asdict(incident)}
    for one in company.conversations:
        own = one.conversation_id
        yield _conversation(one) | {"vendor_id": ids.zendesk_id(own) if one.desk == "zendesk" else ids.hubspot_id(own)}


def _plain(thing: Any, renamed: dict[str, str]) -> dict[str, Any]:
    return {renamed.get(name, name): value for name, value in asdict(thing).items()}


def _conversation(one: Conversation) -> dict[str, Any]:
    return {
        "kind": "conversation",
        "conversation_id": one.conversation_id,
        "desk": one.desk,
        "account_id": one.account_id,
        "customer_id": one.customer_id,
        "channel": one.channel,
        "language": one.language,
        "product_area": one.product_area,
        "created_at": one.created_at,
        "is_ai_only": one.is_ai_only,
        "messages": sum(event.kind == "message" for event in one.events),
        "agents": list(dict.fromkeys(event.value for event in one.events if event.kind == "assign")),
        "truth": asdict(one.truth),
    }


_KEYS = {
    "conversation": ("conversations", "conversation_id"),
    "account": ("accounts", "account_id"),
    "customer": ("customers", "customer_id"),
    "agent": ("agents", "agent_id"),
    "article": ("articles", "article_id"),
    "incident": ("incidents", "incident_id"),
}


def read_truth(path: Path) -> TruthFile:
    """A file of `write_truth`; moments stay the texts that they are there, except those of effects.

    Raises:
        SourceError: The file cannot be read, is of another version or holds a line of an unknown kind.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SourceError("truth file", str(path), f"Write it first: {error.strerror}.") from error
    header = orjson.loads(lines[0]) if lines else {}
    if header.get("kind") != "company" or header.get("version") != VERSION:
        raise SourceError("truth file", str(path), f"Write it again with this version ({VERSION}) of the sandbox.")
    found = TruthFile(header)
    for number, line in enumerate(lines[1:], start=2):
        record = orjson.loads(line)
        kind = record.pop("kind")
        if kind == "effect":
            found.effects.append(_effect(record))
        elif kind in _KEYS:
            table, key = _KEYS[kind]
            getattr(found, table)[record[key]] = record
        else:
            raise SourceError("line of the truth file", f"{path}:{number}: {kind}", f"Known: {', '.join(_KEYS)}.")
    return found


def _effect(record: dict[str, Any]) -> PlantedEffect:
    ended = record["ended_at"]
    return PlantedEffect(
        record["name"],
        record["effect_kind"],
        datetime.fromisoformat(record["started_at"]),
        None if ended is None else datetime.fromisoformat(ended),
        record["size"],
        record["parameters"],
    )
