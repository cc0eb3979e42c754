"""HubSpot's CRM objects as they stand at any moment: properties are texts or null, deleted ones are archived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.calls import tainted
from touchstone.sandbox.api.clock import micros, moment_of
from touchstone.sandbox.api.desk import Desk, latest
from touchstone.sandbox.api.options import Drift
from touchstone.sandbox.api.timeline import Timeline
from touchstone.sandbox.api.vendors import hubspot_company, hubspot_contact
from touchstone.sandbox.model import Account, Agent, Company, Customer, Deal
from touchstone.sandbox.state import fold, health_points_at, plan_at, shown_at

Properties = dict[str, str | None]

STAGES = {"new": "1", "pending": "2", "on_hold": "2", "open": "3", "solved": "4", "closed": "4"}
PRIORITIES = {"low": "LOW", "normal": "MEDIUM", "high": "HIGH", "urgent": "URGENT"}
SOURCES = {"chat": "CHAT", "email": "EMAIL", "ticket": "FORM", "voice": "PHONE"}
ACTORS = {"human_agent": ("A", "AGENT"), "ai_agent": ("B", "BOT"), "automation": ("I", "INTEGRATION")}
DEAL_STAGES = {
    "open": "appointmentscheduled",
    "negotiation": "contractsent",
    "won": "closedwon",
    "lost": "closedlost",
}


@dataclass(slots=True)
class Kind:
    """One type of CRM object.

    Attributes:
        timeline: Objects ascending by id, with every change that moves the last-modified date.
        modified: Name of the property that holds it.
        properties: All properties of the object at a position at a moment.
        gone_at: When the object left list and search: None while it is there.
        is_archived: Whether what is gone is archived (and not merged away).
        ever_gone: Positions of the objects that are gone at some time.
        types: Type of each property: string, number, datetime, date, enumeration.
        defaults: Properties that an answer holds unasked.
        scope: What a token needs to read it.
    """

    name: str
    timeline: Timeline
    modified: str
    properties: Callable[[int, datetime, Drift], Properties]
    types: dict[str, str]
    defaults: tuple[str, ...]
    scope: str
    gone_at: Callable[[int, datetime], datetime | None] = lambda place, now: None
    is_archived: Callable[[int, datetime], bool] = lambda place, now: True
    ever_gone: tuple[int, ...] = ()

    def place(self, object_id: str) -> int | None:
        """Position of an object of that id."""
        if not object_id.isdigit():
            return None
        place = int(np.searchsorted(self.timeline.ids, int(object_id)))
        if place == len(self.timeline) or self.timeline.ids[place] != int(object_id):
            return None
        return place

    def seen_at(self, place: int, now: datetime, delay: int) -> datetime:
        """The moment whose state is shown: objects with an odd id come late."""
        return now - timedelta(seconds=delay) if delay and self.timeline.ids[place] % 2 else now

    def exists(self, place: int, now: datetime) -> bool:
        return self.timeline.created[place] <= micros(now)

    def changed_at(self, now: datetime, delay: int) -> np.ndarray:
        """Microsecond of the last change of each object as it is shown; 0 for what is not there yet."""
        changes = self.timeline.last_changes(micros(now))
        if delay:
            late = self.timeline.last_changes(micros(now - timedelta(seconds=delay)))
            changes = np.where(self.timeline.ids % 2 == 1, late, changes)
        return changes

    def definitions(self, drift: Drift) -> dict[str, str]:
        """Types of the properties that the account knows of at present."""
        types = self.types
        if drift.new_field:
            types = types | {"ai_sentiment_score": "number"}
        if drift.field_type_change and "number_of_employees" in types:
            types = types | {"number_of_employees": "string"}
        return types

    def show(
        self, place: int, seen: datetime, wanted: Sequence[str] | None, drift: Drift, changed: int | None = None
    ) -> dict[str, Any]:
        """The object as an answer holds it, with the wanted properties that exist."""
        properties = self.properties(place, seen, drift)
        object_id = str(self.timeline.ids[place])
        created = moment_of(int(self.timeline.created[place]))
        if changed is None:
            changed = self._changed(place, seen)
        properties["hs_object_id"] = object_id
        properties.setdefault("createdate", stamp(created))
        properties[self.modified] = stamp(moment_of(changed))
        if drift.new_field:
            properties["ai_sentiment_score"] = f"{int(object_id) % 100 / 100:.2f}"
        names = dict.fromkeys([*self.defaults, "hs_object_id", "createdate", self.modified, *(wanted or ())])
        gone = self.gone_at(place, seen)
        shown = {
            "id": object_id,
            "properties": {name: properties[name] for name in names if name in properties},
            "createdAt": stamp(created),
            "updatedAt": stamp(moment_of(changed)),
            "archived": gone is not None,
        }
        if gone is not None:
            shown["archivedAt"] = stamp(gone)
        if drift.new_field:
            shown["objectWriteTraceId"] = None
        return shown

    def _changed(self, place: int, seen: datetime) -> int:
        return self.timeline.last_change(place, micros(seen))


def actor_of(agent: Agent) -> str:
    """HubSpot's id of an agent as an actor: A a user, B a bot, I an integration."""
    letter, number = ACTORS[agent.kind][0], ids.number(agent.agent_id)
    return f"{letter}-{ids.owner_user(number) if letter == 'A' else number}"


def stamp(moment: datetime) -> str:
    """ISO 8601 with milliseconds and Z."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def epoch_ms(moment: datetime) -> str:
    return str(micros(moment) // 1000)


def _text(value: Any) -> str | None:
    return None if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def companies(company: Company) -> tuple[Kind, list[Account]]:
    accounts = sorted(company.accounts, key=lambda one: ids.number(one.account_id))
    changes = []
    for one in accounts:
        moments = {one.created_at, *(at for at, _ in one.tiers), *(at for at, _ in one.arr)}
        if one.churned_at is not None:
            moments.add(one.churned_at)
        changes.append((int(ids.hubspot_id(one.account_id)), sorted(at for at in moments if at >= one.created_at)))

    def properties(place: int, now: datetime, drift: Drift) -> Properties:
        one = accounts[place]
        number = ids.number(one.account_id)
        has_churned = one.churned_at is not None and one.churned_at <= now
        staff = number * 37 % 900 + 5
        tier, arr = latest(one.tiers, now), latest(one.arr, now)
        return {
            **hubspot_company(one),
            "tier": tier[1] if tier else None,
            "segment": one.segment,
            "plan": plan_at(one, now),
            "health_score": _text(health_points_at(one, now)),
            "arr": _text(arr[1]) if arr else None,
            "industry": one.industry,
            "country": one.country,
            "lifecyclestage": "churned" if has_churned else "customer",
            "churned_on": one.churned_at.date().isoformat() if has_churned else None,
            "renewal_month": str(one.renewal_month),
            "number_of_employees": f"{staff - staff % 50}-{staff - staff % 50 + 49}"
            if drift.field_type_change
            else str(staff),
            "hubspot_owner_id": ids.hubspot_id(one.owner_id) if one.owner_id else None,
        }

    types = dict.fromkeys(
        ("name", "domain", "hs_additional_domains", "industry", "country", "hs_object_id", "hubspot_owner_id"), "string"
    )
    types |= {"tier": "enumeration", "segment": "enumeration", "plan": "enumeration", "lifecyclestage": "enumeration"}
    types |= {"arr": "number", "health_score": "number", "renewal_month": "number", "number_of_employees": "number"}
    types |= {"churned_on": "date", "createdate": "datetime", "hs_lastmodifieddate": "datetime"}
    return (
        Kind(
            "companies",
            Timeline(changes),
            "hs_lastmodifieddate",
            properties,
            types,
            ("name", "domain"),
            "crm.objects.companies.read",
        ),
        accounts,
    )


def contacts(company: Company) -> tuple[Kind, list[Customer]]:
    """People whom the CRM knows, and those who wrote to its desk."""
    wrote = {one.customer_id for one in company.conversations if one.desk == "hubspot"}
    people = [one for one in company.customers if "hubspot" in one.known_to or one.customer_id in wrote]
    people.sort(key=lambda one: ids.number(one.customer_id))
    domains = {one.account_id: one for one in company.accounts}
    first = datetime.combine(company.first_day, datetime.min.time(), UTC)

    def properties(place: int, now: datetime, drift: Drift) -> Properties:
        one = people[place]
        forename, _, surname = one.name.partition(" ")
        return {
            "firstname": forename,
            "lastname": surname or None,
            **hubspot_contact(one),
            "associatedcompanyid": ids.hubspot_id(one.account_id) if one.account_id in domains else None,
            "createdate": _created(one, first),
        }

    names = ("email", "hs_additional_emails", "firstname", "lastname", "phone", "product_user_id")
    types = dict.fromkeys((*names, "associatedcompanyid", "hs_object_id"), "string")
    types |= {"createdate": "datetime", "lastmodifieddate": "datetime"}
    changes = [(int(ids.hubspot_id(one.customer_id)), [one.created_at]) for one in people]
    return (
        Kind(
            "contacts",
            Timeline(changes),
            "lastmodifieddate",
            properties,
            types,
            ("email", "firstname", "lastname"),
            "crm.objects.contacts.read",
        ),
        people,
    )


def _created(one: Customer, first: datetime) -> str:
    """A contact's date of creation in one of three forms; records from before the first day may be milliseconds."""
    number = ids.number(one.customer_id)
    if one.created_at < first and number % 3 == 0:
        return epoch_ms(one.created_at)
    text = stamp(one.created_at)
    return text if number % 2 else f"{text[:-5]}Z"


def deals(company: Company) -> tuple[Kind, list[Deal]]:
    found = sorted((deal for one in company.accounts for deal in one.deals), key=lambda one: ids.number(one.deal_id))
    names = {one.account_id: one.name for one in company.accounts}

    def properties(place: int, now: datetime, drift: Drift) -> Properties:
        one = found[place]
        stage = latest(one.stages, now)
        return {
            "dealname": f"{names[one.account_id]} {one.kind}",
            "dealstage": DEAL_STAGES[stage[1] if stage else "open"],
            "pipeline": "default",
            "amount": _text(one.arr_after),
            "arr_before": _text(one.arr_before),
            "arr_after": _text(one.arr_after),
            "deal_kind": one.kind,
            "closedate": f"{one.close_date.isoformat()}T00:00:00Z",
            "hubspot_owner_id": ids.hubspot_id(one.owner_id) if one.owner_id else None,
        }

    types = dict.fromkeys(("dealname", "hubspot_owner_id", "hs_object_id"), "string")
    types |= dict.fromkeys(("dealstage", "pipeline", "deal_kind"), "enumeration")
    types |= dict.fromkeys(("amount", "arr_before", "arr_after"), "number")
    types |= dict.fromkeys(("closedate", "createdate", "hs_lastmodifieddate"), "datetime")
    changes = [
        (int(ids.hubspot_id(one.deal_id)), sorted({one.created_at, *(at for at, _ in one.stages)})) for one in found
    ]
    return (
        Kind(
            "deals",
            Timeline(changes),
            "hs_lastmodifieddate",
            properties,
            types,
            ("dealname", "amount", "dealstage", "pipeline", "closedate"),
            "crm.objects.deals.read",
        ),
        found,
    )


def tickets(desk: Desk, teams: list[str]) -> Kind:
    """Tickets of the HubSpot desk; one that was merged is gone, and the survivor names it and changes with it."""
    own = [_bumps(moments, desk, place) for place, moments in enumerate(desk.moments)]
    for merge in sorted(desk.merge_of.values(), key=lambda one: one.at):
        later = {at for at in own[merge.loser] if at > merge.at}
        own[merge.survivor] = sorted({*own[merge.survivor], merge.at, *later})

    def properties(place: int, now: datetime, drift: Drift) -> Properties:
        one = desk.conversations[place]
        state = fold(one, now)
        number = desk.numbers[place]
        shown = [event for event in one.events if shown_at(event) <= now]
        is_scrubbed = any(event.kind == "redact" and not event.message_id for event in shown)
        subject = None if is_scrubbed else one.subject
        content = state.messages[0].text if state.messages else None
        if drift.nul_and_surrogates:
            subject, content = tainted(subject or "", number), tainted(content or "", number)
        assignee = desk.agents.get(state.assignee_id) if state.assignee_id else None
        absorbed = [ids.hubspot_id(desk.conversations[other].conversation_id) for other in desk.absorbed(place, now)]
        handoffs = [event for event in shown if event.kind == "handoff"]
        return {
            "subject": subject,
            "content": content,
            "hs_pipeline": "0",
            "hs_pipeline_stage": STAGES[state.status],
            "status_detail": state.status,
            "hs_ticket_priority": PRIORITIES.get(state.priority, state.priority),
            "hs_ticket_category": state.topic,
            "product_area": one.product_area,
            "conversation_language": one.language,
            "source_type": SOURCES[one.channel],
            "ticket_tags": ";".join(state.tags) or None,
            "closed_date": stamp(state.solved_at) if state.solved_at else None,
            "hubspot_owner_id": ids.hubspot_id(assignee.agent_id)
            if assignee is not None and assignee.kind == "human_agent"
            else None,
            "hubspot_team_id": str(teams.index(state.team) + 1) if state.team else None,
            "last_handoff_reason": handoffs[-1].text if handoffs else None,
            "handoff_log": "\n".join(
                "|".join((stamp(event.at), agent(event.actor_id), agent(event.value), event.team, event.text))
                for event in handoffs
            )
            or None,
            "hs_merged_object_ids": ";".join(absorbed) or None,
            "system_revision": str(sum(event.kind == "touch" for event in shown)),
        }

    def agent(agent_id: str | None) -> str:
        return actor_of(desk.agents[agent_id]) if agent_id in desk.agents else ""

    deleted = {
        place for place, one in enumerate(desk.conversations) if any(event.kind == "delete" for event in one.events)
    }

    def gone_at(place: int, now: datetime) -> datetime | None:
        merge = desk.merge_of.get(place)
        if merge is not None and merge.at <= now:
            return merge.at
        return fold(desk.conversations[place], now).deleted_at if place in deleted else None

    strings = ("subject", "content", "hs_ticket_category", "product_area", "conversation_language", "ticket_tags")
    types = dict.fromkeys(
        (*strings, "hubspot_owner_id", "hubspot_team_id", "last_handoff_reason", "handoff_log"), "string"
    )
    types |= dict.fromkeys(("hs_merged_object_ids", "hs_object_id"), "string")
    types |= dict.fromkeys(
        ("hs_pipeline", "hs_pipeline_stage", "status_detail", "hs_ticket_priority", "source_type"), "enumeration"
    )
    types |= dict.fromkeys(("closed_date", "createdate", "hs_lastmodifieddate"), "datetime")
    types |= {"system_revision": "number"}
    changes = [
        (int(ids.hubspot_id(one.conversation_id)), moments)
        for one, moments in zip(desk.conversations, own, strict=True)
    ]
    return Kind(
        "tickets",
        Timeline(changes),
        "hs_lastmodifieddate",
        properties,
        types,
        ("subject", "content", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_priority"),
        "tickets",
        gone_at,
        lambda place, now: desk.survivor(place, now) == place,
        tuple(sorted(deleted | desk.merge_of.keys())),
    )


def _bumps(moments: list[datetime], desk: Desk, place: int) -> list[datetime]:
    """Moments that move a ticket's last-modified date: all but system touches."""
    one = desk.conversations[place]
    if not any(event.kind == "touch" for event in one.events):
        return moments
    return sorted({shown_at(event) for event in one.events if event.kind != "touch"})


def feedback(desk: Desk) -> tuple[Kind, list[int]]:
    """Answers to the satisfaction survey: one per conversation, the latest.

    Returns:
        The kind, and the desk's position of the conversation of each submission.
    """
    places = [
        place for place, one in enumerate(desk.conversations) if any(event.kind == "rate" for event in one.events)
    ]

    def properties(place: int, now: datetime, drift: Drift) -> Properties:
        rating = fold(desk.conversations[places[place]], now).rating
        return {
            "hs_survey_type": "CSAT",
            "hs_survey_name": "Support satisfaction",
            "hs_value": str(rating.value),
            "hs_content": rating.comment or None,
            "hs_submission_timestamp": stamp(rating.rated_at),
        }

    types = dict.fromkeys(("hs_survey_type", "hs_survey_name", "hs_content", "hs_object_id"), "string")
    types |= {"hs_value": "number"}
    types |= dict.fromkeys(("hs_submission_timestamp", "createdate", "hs_lastmodifieddate"), "datetime")
    changes = []
    for place in places:
        rated = sorted({shown_at(event) for event in desk.conversations[place].events if event.kind == "rate"})
        changes.append((ids.FEEDBACK + desk.numbers[place], rated))
    return (
        Kind(
            "feedback_submissions",
            Timeline(changes),
            "hs_lastmodifieddate",
            properties,
            types,
            ("hs_survey_type", "hs_value", "hs_submission_timestamp"),
            "crm.objects.feedback_submissions.read",
        ),
        places,
    )
