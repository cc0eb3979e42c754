"""The company's AI agents behind Langfuse in a storm: core equals the part of their conversations that they saw."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from against_truth import differences
from storm import empty, sizes, storm

from touchstone import pipeline
from touchstone.sandbox.api import ids
from touchstone.sandbox.entries import entry
from touchstone.sandbox.model import Company, Conversation
from touchstone.sandbox.state import shown_at
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect


def source_of(**more: Any) -> SourceInstance:
    return SourceInstance(parsed(entry("langfuse") | more, "the test's entry"))


def ai_part(one: Conversation, agents: dict[str, Any]) -> list[Any]:
    """What the customer and the AI agent said before a person took over."""
    said = []
    for event in one.events:
        by = agents.get(event.actor_id)
        if event.kind == "handoff" and by is not None and by.kind == "ai_agent":
            break
        if event.kind == "message" and event.actor == "human_agent":
            break
        if event.kind == "message" and event.actor in ("customer", "ai_agent") and not event.is_internal:
            said.append(event)
    return said


def truth_of(company: Company, now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """Conversations, and messages by (conversation, ordinal), that a perfect reading of the AI agents' log holds."""
    agents = {agent.agent_id: agent for agent in company.agents}
    people = {customer.customer_id: customer for customer in company.customers}
    conversations, messages = {}, {}
    for one in company.conversations:
        if one.desk != "zendesk" or not any(
            event.actor == "ai_agent" and event.kind == "message" for event in one.events
        ):
            continue
        said = ai_part(one, agents)
        shown = [event for event in said if shown_at(event) <= now]
        if not shown:
            continue
        handoff = next(
            (
                event.text or ""
                for event in one.events
                if event.kind == "handoff" and agents[event.actor_id].kind == "ai_agent" and shown_at(event) <= now
            ),
            None,
        )
        rated = [event for event in one.events if event.kind == "rate" and event.at <= now and one.is_ai_only]
        session = f"session-{one.conversation_id}"
        conversations[session] = (
            one.channel,
            one.language,
            one.product_area,
            next((event.value for event in one.events if event.kind == "topic"), None) or "unknown",
            people[one.customer_id].external_id,
            str(ids.zendesk_id(one.conversation_id)),
            handoff,
            rated[-1].value if rated else None,
            said[0].at.replace(microsecond=0),
            None,
        )
        last_turn = said[-2:] if said[-1].actor == "ai_agent" else said[-1:]
        for ordinal, event in enumerate(shown, start=1):
            stated = event.answer
            thumbs = [
                "up" if rate.value >= 4 else "down"
                for rate in rated
                if event in last_turn and event.actor == "ai_agent"
            ]
            messages[session, ordinal] = (
                event.actor,
                agents[event.actor_id].name if event.actor == "ai_agent" else people[one.customer_id].external_id,
                _version(agents[event.actor_id], event.at) if event.actor == "ai_agent" else None,
                event.at.replace(microsecond=0),
                (stated.intent, stated.confidence) if stated else (None, None),
                [
                    (str(ids.zendesk_id(article)), version + 1, float(value))
                    for article, version, value in stated.sources
                ]
                if stated
                else None,
                [(call.name, call.status, call.duration_ms) for call in stated.tool_calls] if stated else [],
                thumbs,
                " ".join(event.text.split()),
            )
    return conversations, messages


def _version(agent: Any, moment: datetime) -> str | None:
    known = [version for since, version in agent.versions if since <= moment]
    return known[-1] if known else None


def held_of(settings: Settings, source: str, instance: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same of core."""
    with connect("transformer", settings=settings) as connection:
        conversations = {
            row[0]: (*row[1:], None)
            for row in connection.execute(
                """
                select own.interaction_id, own.channel, own.language, own.product_area, own.topic, own.customer_id,
                    own.attributes ->> 'ticket_id',
                    (select coalesce(given.reason, '') from core.source_handoffs as given
                    inner join core.agents as agents on given.from_agent_key = agents.agent_key
                    where given.interaction_key = own.interaction_key and agents.kind = 'ai_agent'),
                    (select given.rating::int from core.ratings as given where given.interaction_key = own.interaction_key),
                    date_trunc('second', own.started_at)
                from core.interactions as own where own.source = %s and own.instance = %s
                """,
                [source, instance],
            )
        }
        messages = {
            (session, ordinal): (
                actor,
                agent_id or customer_id,
                version,
                sent_at.replace(microsecond=0),
                (intent, float(confidence) if confidence is not None else None),
                None
                if sources is None
                else [(one["article_id"], one["version"], float(one["relevance"])) for one in sources],
                [(name, status, int(duration)) for name, status, duration in (calls or ())],
                [one["value"] for one in (feedback or ())],
                None if pii else " ".join(text.split()),
            )
            for session, ordinal, actor, agent_id, customer_id, version, sent_at, intent, confidence, sources, calls, feedback, pii, text in connection.execute(
                """
                select interactions.interaction_id, messages.ordinal, messages.actor, messages.agent_id,
                    interactions.customer_id, messages.agent_version, messages.sent_at, messages.intent, messages.confidence,
                    messages.sources,
                    (select jsonb_agg(jsonb_build_array(tool_name, status, duration_ms) order by ordinal)
                    from core.tool_calls where tool_calls.message_key = messages.message_key),
                    messages.feedback, messages.pii, messages.text
                from core.messages inner join core.interactions using (interaction_key)
                where interactions.source = %s and interactions.instance = %s
                """,
                [source, instance],
            )
        }
    return conversations, messages


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("size", sizes())
@pytest.mark.parametrize("api", ["v3", "v4"])
def test_core_equals_what_the_ai_agents_did_after_a_storm(warehouse, api, size):
    company, now = storm(source_of(api=api), warehouse, share=0.1, **size)
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](now, warehouse)
    expected, expected_messages = truth_of(company, now)
    found, found_messages = held_of(warehouse, "langfuse", "sandbox")
    assert differences(expected, found) == {}
    assert differences(expected_messages, found_messages) == {}
    assert any(one[6] for one in found.values())
    assert any(one[5] for one in found_messages.values())
    assert any(one[6] for one in found_messages.values())
    print(f"langfuse {api}: {len(found):,} conversations and {len(found_messages):,} messages equal the truth")
    empty(warehouse, "langfuse")
