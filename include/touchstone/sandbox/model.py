"""The shapes of the simulated company: what truly happened, before any vendor's API has a say in it.

Everything that changes carries the moment of each change, so the state at any moment is a fold over what came before. All
moments are timezone-aware UTC. Ids are the company's own; each vendor API gives them the vendor's form (see `touchstone.sandbox.api`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

ACTORS = ("customer", "human_agent", "ai_agent", "system")
STATUSES = ("new", "open", "pending", "on_hold", "solved", "closed")
CHANNELS = ("chat", "email", "ticket", "voice")
TIERS = ("free", "standard", "business", "enterprise")
DESKS = ("zendesk", "hubspot")


@dataclass(slots=True)
class Deal:
    """A contract decision: a new sale, a renewal, an expansion or a contraction.

    Attributes:
        stages: (moment, stage) with stage open, negotiation, won or lost, ascending.
        arr_before, arr_after: Annual recurring revenue of the account in EUR before it and, when won, after it.
    """

    deal_id: str
    account_id: str
    kind: str  # new | renewal | expansion | contraction
    owner_id: str
    arr_before: float
    arr_after: float
    created_at: datetime
    close_date: date
    stages: list[tuple[datetime, str]]


@dataclass(slots=True)
class Account:
    account_id: str
    name: str
    domain: str
    tier: str
    segment: str  # smb | mid_market | enterprise
    industry: str
    country: str
    owner_id: str
    created_at: datetime
    renewal_month: int
    churned_at: datetime | None
    tiers: list[tuple[datetime, str]]  # history, ascending; the first at created_at
    arr: list[tuple[datetime, float]]  # history, ascending
    deals: list[Deal] = field(default_factory=list)


@dataclass(slots=True)
class Customer:
    """A person at an account.

    Attributes:
        emails: First the one that helpdesks know; others are known to the CRM only. Case differs between systems.
        known_to: Systems that hold a record of this person: zendesk, hubspot, mixpanel.
        external_id: The id that the product gives the user; some records of some systems lack it.
    """

    customer_id: str
    account_id: str
    name: str
    emails: list[str]
    phone: str
    language: str
    external_id: str
    created_at: datetime
    known_to: tuple[str, ...]


@dataclass(slots=True)
class Agent:
    """Somebody or something that answers.

    Attributes:
        kind: human_agent, ai_agent, or automation (a workflow account that posts as if it were a person).
        teams: (from, team, role) history, ascending; role is agent, senior_agent or team_lead.
        versions: (from, version) history of an AI agent; empty otherwise.
        left_at: Last day of a person who left.
    """

    agent_id: str
    name: str
    email: str
    kind: str
    hired_at: datetime
    left_at: datetime | None
    teams: list[tuple[datetime, str, str]]
    skills: tuple[str, ...] = ()
    versions: list[tuple[datetime, str]] = field(default_factory=list)


@dataclass(slots=True)
class ArticleVersion:
    edited_at: datetime
    title: str
    body: str
    editor_id: str


@dataclass(slots=True)
class Article:
    article_id: str
    topic: str
    section: str
    locale: str
    created_at: datetime
    archived_at: datetime | None
    versions: list[ArticleVersion]


@dataclass(slots=True)
class Incident:
    incident_id: str
    product_area: str
    started_at: datetime
    ended_at: datetime
    topic: str


@dataclass(slots=True)
class ToolCall:
    name: str
    status: str  # ok | failed | timeout | partial
    duration_ms: int


@dataclass(slots=True)
class Answer:
    """What an AI agent states about its own reply.

    Attributes:
        sources: (article_id, number of the version that was retrieved, from 0, relevance 0..1).
    """

    confidence: float
    intent: str
    sources: list[tuple[str, int, float]] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)


@dataclass(slots=True)
class Event:
    """One thing that happened to a conversation, in the order of `at` (ties keep the order of the list).

    kind and the fields it uses:
        message     message_id, actor, actor_id, text, is_internal, html (or None), answer, visible_at; what an automation
                    account posts has actor system and its actor_id, what the helpdesk itself says has no actor_id
        status      value (new status; at the hubspot desk only new, open, pending and closed), actor_id
        assign      value (agent_id, or None), team, actor_id
        handoff     value (to agent_id), team (to team), text (the stated reason), actor_id (from); an `assign` follows it
        rate        value (1..5; at the zendesk desk, whose survey is binary, 1 or 5), text (the comment or "")
        tag         value (the tag that is added)
        priority    value
        topic       value (the tag of the helpdesk's topic field)
        merge       value (conversation_id that it is merged into); the conversation is closed by it
        delete      actor_id; hidden from then on
        redact      message_id (of the message whose text is replaced), text (its new text); "" message_id: all are scrubbed
        touch       a system update: the record is stated again with something changed, but its updated_at stays
    """

    kind: str
    at: datetime
    actor: str = ""
    actor_id: str = ""
    message_id: str = ""
    text: str = ""
    html: str | None = None
    value: Any = None
    team: str = ""
    is_internal: bool = False
    answer: Answer | None = None
    visible_at: datetime | None = None  # when an API shows it first; None: at once


@dataclass(slots=True)
class Truth:
    """What a perfect judge would say of a conversation.

    Attributes:
        intent: The true intent, whatever the helpdesk's topic field says.
        is_resolved: Whether the customer's problem was solved, whatever the status says.
        quality: 0..100 by dimension of the default rubric, of the side that carried the conversation.
        complexity: simple | medium | hard.
        effects: Names of the planted effects that acted on it.
        asked_again: How often a person asked for what the customer had stated already.
        contact: 1 for a first contact on the matter, more for a customer who had to come back.
        is_confirmed: Whether the customer said in words that it was solved.
        escalation: needed (the AI agent handed over what it could not solve), avoidable (what it could have solved), missed (it
            kept what it could not solve), none (it solved it); "" where it took no part.
        has_given_details: Whether a person who took over from the AI agent could read what identifies the case.
    """

    intent: str
    is_resolved: bool
    quality: dict[str, float]
    complexity: str
    emotion: str
    effects: tuple[str, ...] = ()
    asked_again: int = 0
    contact: int = 1
    is_confirmed: bool = False
    escalation: str = ""
    has_given_details: bool = False


@dataclass(slots=True)
class Conversation:
    """A case at one desk, from its first event on."""

    conversation_id: str
    desk: str  # zendesk | hubspot
    account_id: str | None
    customer_id: str
    channel: str
    language: str
    subject: str
    product_area: str
    created_at: datetime
    is_ai_only: bool  # never touched by a person
    events: list[Event]
    truth: Truth


@dataclass(slots=True)
class ProductEvent:
    """One event of product analytics.

    Attributes:
        arrives_at: When the analytics vendor has it; late ones arrive days after `at`.
        copies: How often the vendor states it; more than 1 is a duplicate.
    """

    event_id: str
    customer_id: str
    name: str
    at: datetime
    arrives_at: datetime
    properties: dict[str, Any]
    copies: int = 1


@dataclass(slots=True)
class PlantedEffect:
    """A cause built into the company, for analyses to find.

    Attributes:
        kind: ai_version_regression, agent_drift, agent_improvement, knowledge_gap, handoff_route, churn_by_quality,
            policy_question.
        size: Difference that it makes, in the unit that `parameters["unit"]` names.
    """

    name: str
    kind: str
    started_at: datetime
    ended_at: datetime | None
    size: float
    parameters: dict[str, Any]


@dataclass(slots=True)
class Company:
    """The whole firm up to `until`; deterministic in (seed, conversations_per_day, first_day).

    A company built for more days begins with the same days.
    """

    seed: int
    first_day: date
    until: datetime
    teams: list[str]
    accounts: list[Account]
    customers: list[Customer]
    agents: list[Agent]
    articles: list[Article]
    incidents: list[Incident]
    conversations: list[Conversation]
    product_events: list[ProductEvent]
    effects: list[PlantedEffect]
