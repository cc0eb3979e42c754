"""Conversations of core as learning reads them: one per judged side, with redacted text.

Where a person and an AI agent both replied, each is judged by what it said itself: the other's messages are there as part of the
talk, but as nobody's turns. A conversation is called `<interaction_key>:<subject>`, a message by its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import psycopg

from touchstone.learning.dialogues import OTHER, SIDES, Dialogue, Message, tool_fields

SUBJECTS = ("human_agent", "ai_agent")
Side = tuple[str, str]


def name_of(interaction_key: str, subject: str) -> str:
    """What a side of an interaction is called in learning."""
    return f"{interaction_key}:{subject}"


def side_of(name: str) -> Side:
    """(interaction_key, subject) of a name that `name_of` gave."""
    key, _, subject = name.rpartition(":")
    return key, subject


def dialogues_of(connection: psycopg.Connection, sides: Sequence[Side]) -> list[Dialogue]:
    """The conversations of these sides, in their order; sides that core no longer holds are left out."""
    keys = sorted({key for key, _ in sides})
    headers = {
        row[0]: row[1:]
        for row in connection.execute(
            """
            select interaction_key, started_at, channel, language, coalesce(person_key, customer_key), topic
            from core.interactions where interaction_key = any(%s) and is_eligible
            """,
            [keys],
        )
    }
    messages: dict[str, list[Message]] = {}
    for row in connection.execute(
        """
        select messages.interaction_key, messages.message_key, messages.actor, messages.agent_key, messages.sent_at,
            messages.text, messages.pii, messages.is_internal, messages.tool_calls
        from core.messages as messages
        inner join core.interactions as interactions
            on messages.interaction_key = interactions.interaction_key
            and messages.interaction_started_at = interactions.started_at
        where interactions.interaction_key = any(%s) order by messages.interaction_key, messages.ordinal
        """,
        [keys],
    ):
        messages.setdefault(row[0], []).append(_message(*row[1:]))
    found = []
    for key, subject in sides:
        if key not in headers or key not in messages:
            continue
        started_at, channel, language, customer, topic = headers[key]
        said = [_seen_from(subject, message) for message in messages[key]]
        found.append(Dialogue(name_of(key, subject), started_at, channel, language, customer, topic, said))
    return found


def _message(
    message_key: str,
    actor: str,
    agent_key: str | None,
    sent_at: datetime,
    text: str,
    pii: list[dict],
    is_internal: bool,
    tool_calls: list[dict] | None,
) -> Message:
    return Message(
        message_id=message_key,
        actor=actor,
        side=OTHER if is_internal else SIDES.get(actor, OTHER),
        actor_id=agent_key,
        sent_at=sent_at,
        text=text,
        pii=pii,
        is_internal=is_internal,
        **tool_fields(tool_calls or []),
    )


def _seen_from(subject: str, message: Message) -> Message:
    if message.actor in SUBJECTS and message.actor != subject:
        return replace(message, actor="system", side=OTHER)
    return message
