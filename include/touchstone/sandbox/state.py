"""How things of the company stand at a moment: the fold of everything that had come to light by then.

The vendors' APIs and the truth file both read the company through these functions, so that they cannot disagree on what a
status, a redaction or a merge means. Nothing here changes the company.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from touchstone.errors import SourceError
from touchstone.sandbox.model import TIERS, Account, Agent, Answer, Article, Conversation, Event

_DONE = ("solved", "closed")
HEALTHS = {"At risk": 20, "Doing okay": 50, "Happy": 80}
"""Words of an account's health, from bad to good, with the points that systems state which know no words."""


@dataclass(slots=True)
class MessageState:
    """A message as it reads at the moment asked for.

    Attributes:
        actor: customer, human_agent, ai_agent or system; an automation account's posts are system.
        text, html: After redactions; `html` is None where the channel has none.
        redacted_at: When its text was last replaced; None when it is the one that was sent.
    """

    message_id: str
    actor: str
    actor_id: str
    sent_at: datetime
    is_internal: bool
    text: str
    html: str | None
    answer: Answer | None
    redacted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """The customer's latest rating: 1 or 5 at the zendesk desk, whose survey is binary, 1 to 5 at the hubspot desk."""

    value: int
    comment: str
    rated_at: datetime


@dataclass(slots=True)
class ConversationState:
    """A conversation at a moment.

    Attributes:
        status: One of model.STATUSES; a merge closes.
        assignee_id, team: Of the last assignment; None before the first.
        tags: In the order in which they were added, each once.
        topic: The helpdesk's topic field; None when nobody filled it.
        solved_at, closed_at: Of the present status: None again after a reopening.
        reopens: How often it went from solved or closed back to work.
        updated_at: The last event that is no system touch, by its own time.
        stated_at: When the record last changed for a reader: touches count, and a late message counts when it shows.
        messages: Those that show by then, in the order in which they were sent.
    """

    conversation_id: str
    status: str
    created_at: datetime
    updated_at: datetime
    stated_at: datetime
    assignee_id: str | None = None
    team: str | None = None
    priority: str | None = None
    topic: str | None = None
    rating: Rating | None = None
    merged_into: str | None = None
    merged_at: datetime | None = None
    deleted_at: datetime | None = None
    solved_at: datetime | None = None
    closed_at: datetime | None = None
    reopens: int = 0
    tags: list[str] = field(default_factory=list)
    messages: list[MessageState] = field(default_factory=list)


def shown_at(event: Event) -> datetime:
    """When an API shows the event first."""
    return event.at if event.visible_at is None else event.visible_at


def moments(conversation: Conversation) -> list[datetime]:
    """Every moment at which the conversation changes for a reader, ascending; the first is its creation."""
    return sorted({shown_at(event) for event in conversation.events})


def events_at(conversation: Conversation, now: datetime) -> list[Event]:
    """The events that show by `now`, in their order."""
    return [event for event in conversation.events if shown_at(event) <= now]


def fold(conversation: Conversation, now: datetime) -> ConversationState:
    """The conversation as it stands at `now`.

    Raises:
        SourceError: It begins later than `now`.
    """
    if conversation.created_at > now:
        raise SourceError(
            "conversation that has not begun",
            f"{conversation.conversation_id} at {now.isoformat()}",
            f"Ask for {conversation.created_at.isoformat()} or later.",
        )
    created = conversation.created_at
    state = ConversationState(conversation.conversation_id, "new", created, created, created)
    for event in conversation.events:
        shown = event.at if event.visible_at is None else event.visible_at
        if shown > now:
            continue
        if shown > state.stated_at:
            state.stated_at = shown
        if event.kind != "touch":
            if event.at > state.updated_at:
                state.updated_at = event.at
            _APPLY[event.kind](state, event)
    return state


def _message(state: ConversationState, event: Event) -> None:
    state.messages.append(
        MessageState(
            event.message_id,
            event.actor,
            event.actor_id,
            event.at,
            event.is_internal,
            event.text,
            event.html,
            event.answer,
        )
    )


def _status(state: ConversationState, event: Event) -> None:
    if event.value in _DONE:
        if state.solved_at is None:
            state.solved_at = event.at
        state.closed_at = event.at if event.value == "closed" else None
    else:
        state.reopens += state.status in _DONE
        state.solved_at = state.closed_at = None
    state.status = event.value


def _assign(state: ConversationState, event: Event) -> None:
    state.assignee_id, state.team = event.value, event.team or state.team


def _handoff(state: ConversationState, event: Event) -> None:
    """The assignment that follows it moves the conversation."""


def _rate(state: ConversationState, event: Event) -> None:
    state.rating = Rating(event.value, event.text, event.at)


def _tag(state: ConversationState, event: Event) -> None:
    if event.value not in state.tags:
        state.tags.append(event.value)


def _priority(state: ConversationState, event: Event) -> None:
    state.priority = event.value


def _topic(state: ConversationState, event: Event) -> None:
    state.topic = event.value


def _merge(state: ConversationState, event: Event) -> None:
    state.merged_into, state.merged_at = event.value, event.at
    if state.solved_at is None:
        state.solved_at = event.at
    state.status, state.closed_at = "closed", event.at


def _delete(state: ConversationState, event: Event) -> None:
    state.deleted_at = event.at


def _redact(state: ConversationState, event: Event) -> None:
    for message in state.messages:
        if event.message_id in ("", message.message_id):
            message.text, message.redacted_at = event.text, event.at
            if message.html is not None:
                message.html = event.html if event.html is not None else f"<p>{event.text}</p>"


_APPLY = {
    "message": _message,
    "status": _status,
    "assign": _assign,
    "handoff": _handoff,
    "rate": _rate,
    "tag": _tag,
    "priority": _priority,
    "topic": _topic,
    "merge": _merge,
    "delete": _delete,
    "redact": _redact,
}


def account_at(account: Account, now: datetime) -> Account | None:
    """The account as it stands at `now`: histories and deals up to then; None before it exists."""
    if account.created_at > now:
        return None
    deals = []
    for deal in account.deals:
        if deal.created_at <= now:
            deals.append(replace(deal, stages=[stage for stage in deal.stages if stage[0] <= now]))
    tiers = [entry for entry in account.tiers if entry[0] <= now]
    return replace(
        account,
        tier=tiers[-1][1],
        churned_at=account.churned_at if account.churned_at is not None and account.churned_at <= now else None,
        tiers=tiers,
        arr=[entry for entry in account.arr if entry[0] <= now],
        deals=deals,
    )


def plan_at(account: Account, now: datetime) -> str | None:
    """What the account has subscribed to: its tier by the name that salespeople use; None before it has one."""
    stated = [tier for at, tier in account.tiers if at <= now]
    return f"{stated[-1].title()} annual" if stated else None


def health_at(account: Account, now: datetime) -> str | None:
    """How the account does, a word of `HEALTHS`: its number says how it began, a change of tier moves it; None before it has a tier."""
    stated = [tier for at, tier in account.tiers if at <= now]
    if not stated:
        return None
    moved = TIERS.index(stated[-1]) - TIERS.index(stated[0])
    begun = int(account.account_id.rpartition("-")[2]) % len(HEALTHS)
    return list(HEALTHS)[min(max(begun + moved, 0), len(HEALTHS) - 1)]


def health_points_at(account: Account, now: datetime) -> int | None:
    """The account's health as systems state it that know no words for it."""
    word = health_at(account, now)
    return None if word is None else HEALTHS[word]


def agent_at(agent: Agent, now: datetime) -> Agent | None:
    """The agent as the firm knows it at `now`; None before the hire."""
    if agent.hired_at > now:
        return None
    return replace(
        agent,
        left_at=agent.left_at if agent.left_at is not None and agent.left_at <= now else None,
        teams=[entry for entry in agent.teams if entry[0] <= now],
        versions=[entry for entry in agent.versions if entry[0] <= now],
    )


def article_at(article: Article, now: datetime) -> Article | None:
    """The article with the versions that it has at `now`; None before it is written."""
    if article.created_at > now:
        return None
    return replace(
        article,
        archived_at=article.archived_at if article.archived_at is not None and article.archived_at <= now else None,
        versions=[version for version in article.versions if version.edited_at <= now],
    )


def is_automation(agent: Agent) -> bool:
    """Whether the account is a workflow that posts as if it were a person."""
    return agent.kind == "automation"
