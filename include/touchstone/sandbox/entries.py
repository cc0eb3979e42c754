"""How each simulated vendor is read: what config/sources.yml says of it, or would say of one that is not read by default."""

from __future__ import annotations

from typing import Any

from touchstone.sandbox.api.freshdesk_ids import freshdesk_id
from touchstone.sandbox.api.rt_ids import FIELD_NAMES, LANGUAGE
from touchstone.sandbox.api.salesforce_records import FIELDS
from touchstone.sandbox.staff import AI_MAIN, AI_TRIAGE, AUTOMATIONS
from touchstone.settings import Settings
from touchstone.sources.config import load_sources
from touchstone.sources.sandbox import is_simulated

# the company's first accounts are the AI agents, those after them the workflows
_AI_AGENTS, _AUTOMATIONS = ("agt-000", "agt-001"), ("agt-002", "agt-003", "agt-004")

# vendors that state the same conversations and events once more, which `touchstone run` does not read
_OTHERS: dict[str, dict[str, Any]] = {
    "intercom": {"requests_per_minute": {"default": 600_000}},
    "freshdesk": {
        "requests_per_minute": {"tickets": 600_000, "default": 600_000},
        "ai_agents": [freshdesk_id(agent) for agent in _AI_AGENTS],
        "automations": [freshdesk_id(agent) for agent in _AUTOMATIONS],
        "full_read_days": 0,
    },
    "salesforce": {
        "requests_per_minute": {"default": 600_000},
        "fields": FIELDS,
        "ai_agents": [AI_MAIN, AI_TRIAGE],
        "automations": [name for name, *_ in AUTOMATIONS],
    },
    "rt": {
        "requests_per_minute": {"default": 600_000},
        "ai_agents": ["ai_agent-0", "ai_agent-1"],
        "automations": ["automation-2", "automation-3", "automation-4"],
        "language_field": FIELD_NAMES[LANGUAGE],
        "channel_field": "Channel",
        "csat_field": "Satisfaction",
        "statuses": {"on hold": "on_hold"},
    },
    "amplitude": {"start": "2026-03-01", "requests_per_minute": {"export": 600_000}},
    "posthog": {"start": "2026-03-01", "project_id": 4711, "requests_per_minute": {"query": 600_000}},
    "langfuse": {
        "requests_per_minute": {"default": 600_000},
        "fields": {
            "language": "metadata.language",
            "product_area": "metadata.product_area",
            "topic": "metadata.case.topic",
            "channel": "tag.channel",
            "intent": "metadata.intent",
            "confidence": "metadata.confidence",
            "handoff": "metadata.handoff",
            "ticket": "metadata.ticket_id",
        },
        "feedback": ["thumbs"],
        "rating": {"score": "csat", "min": 1, "max": 5},
    },
}


def entry(source: str, settings: Settings | None = None) -> dict[str, Any]:
    """The entry of the simulated vendor, its `base_url` below {sandbox}.

    Raises:
        KeyError: No vendor of that name is simulated.
    """
    for one in load_sources(settings):
        if one.source == source and is_simulated(one):
            return one.entry.model_dump(mode="json")
    default = {"source": source, "instance": "sandbox", "base_url": f"{{sandbox}}/{source}", "start": "2026-01-01"}
    return default | _OTHERS[source]
