"""Two days of a small Freshdesk: what lands late, what is configured later, merges, deletions, and people who are no more."""

from __future__ import annotations

from typing import Any

from touchstone.sources.freshdesk.source import Freshdesk
from vendor_rows import Payload, Vendors, at

CARL, DORA, SOON = 71001, 71002, 71003
HEIDI, BOT, FLOW, GINA = 72001, 72002, 72003, 72004
SHOP, OUTLET = 73001, 73002
DESK, BACK = 74001, 74002
NOTES = {name: Freshdesk.model_fields[name].default for name in ("merged_into_note", "merged_from_note")}


def _ticket(number: int, requester: int, changed: float = 0, **fields: Any) -> Payload:
    given = {
        "id": number,
        "requester_id": requester,
        "status": 2,
        "priority": 2,
        "source": 1,
        "company_id": SHOP,
        "tags": [],
        "description_text": f"Question {number}",
        "custom_fields": {"cf_topic": "billing", "cf_reason": "login", "cf_language": "en"},
        "created_at": at(0),
        "updated_at": at(changed),
    }
    return given | fields


def _note(
    number: int, ticket: int, author: int | None, minutes: float, text: str = "Here it is.", **fields: Any
) -> Payload:
    given = {"id": number, "ticket_id": ticket, "user_id": author, "body_text": text, "created_at": at(minutes)}
    return given | {"incoming": False, "private": False, "source": 0} | fields


def _agent(number: int, name: str, changed: float = -1000, **fields: Any) -> Payload:
    stated = {"id": number, "contact": {"name": name}, "group_ids": [DESK]}
    return stated | {"created_at": at(-9000), "updated_at": at(changed)} | fields


def _contact(number: int, name: str, **fields: Any) -> Payload:
    stated = {"id": number, "name": name, "email": f"{name.lower()}@shop.test", "company_id": SHOP, "language": "de"}
    return stated | {"created_at": at(-9000), "updated_at": at(-1000)} | fields


def _shop(tier: str, changed: float) -> Payload:
    stated = {"id": SHOP, "name": "Shop", "domains": ["shop.test"], "account_tier": tier, "custom_fields": {}}
    return stated | {"created_at": at(-9000), "updated_at": at(changed)}


def _outlet() -> Payload:
    stated = {
        "id": OUTLET,
        "name": "Outlet",
        "domains": ["outlet.test"],
        "account_tier": "standard",
        "custom_fields": {},
    }
    return stated | {"created_at": at(-9000), "updated_at": at(-1000)}


def day_one(vendors: Vendors) -> None:
    vendors.configure("freshdesk", ai_agents=[], automations=[FLOW], **NOTES)
    vendors.land("freshdesk", "agents", _agent(GINA, "Gina", -2000))
    for stream, rows in {
        "tickets": [
            _ticket(30010, CARL),
            _ticket(30011, CARL, stats={"agent_responded_at": at(5)}),
            _ticket(30012, DORA, status=5, stats={"resolved_at": at(30), "closed_at": at(40)}),
            _ticket(30013, SOON, custom_fields={}),
            _ticket(30014, DORA, tags=["vip"]),
            _ticket(30015, CARL, company_id=OUTLET),
        ],
        "conversations": [
            _note(1, 30010, HEIDI, 5),
            _note(2, 30010, BOT, 6),
            _note(3, 30010, FLOW, 7),
            _note(4, 30010, CARL, 8, "Thanks", incoming=True),
            _note(5, 30012, HEIDI, 5),
            _note(6, 30012, 79999, 9, "From somebody who left."),
            _note(7, 30013, None, 5, "Written by a rule.", private=True),
            _note(8, 30014, HEIDI, 5, "My secret", private=True),
        ],
        "satisfaction_ratings": [
            {"id": 1, "ticket_id": 30012, "survey_id": 9, "ratings": {"default_question": 100}, "updated_at": at(60)},
        ],
        "agents": [
            _agent(HEIDI, "Heidi"),
            _agent(BOT, "Freddy"),
            _agent(FLOW, "Flow"),
            _agent(GINA, "Gina", group_ids=[BACK]),
        ],
        "groups": [{"id": DESK, "name": "Desk"}, {"id": BACK, "name": "Back office"}],
        "contacts": [_contact(CARL, "Carl"), _contact(DORA, "Dora", unique_external_id="shop-1")],
        "companies": [_shop("business", -1000), _outlet()],
        "ticket_fields": [{"id": 1, "name": "cf_topic", "label": "Topic"}],
    }.items():
        vendors.land("freshdesk", stream, *rows)


def day_two(vendors: Vendors) -> None:
    vendors.configure("freshdesk", ai_agents=[BOT], automations=[FLOW], topic_field="cf_reason", **NOTES)
    for stream, rows in {
        "tickets": [
            _ticket(30011, CARL, 2000, status=5),
            _ticket(30013, SOON, spam=True, custom_fields={}),
            _ticket(30014, DORA, deleted=True, deleted_found_at=at(2500)),
        ],
        "conversations": [
            _note(9, 30011, HEIDI, 1999, "This ticket is closed and merged into ticket 30010", private=True),
            _note(8, 30014, HEIDI, 5, "Taken out", private=True),
        ],
        "surveys": [{"id": 9, "questions": [{"id": "default_question", "accepted_ratings": [103, 100, -103]}]}],
        "agents": [_agent(HEIDI, "Heidi", has_left=True, left_found_at=at(2600))],
        "groups": [{"id": DESK, "name": "Front desk"}],
        "contacts": [
            _contact(SOON, "Soon"),
            {"id": DORA, "isDeletedForGood": True, "created_at": at(-9000), "updated_at": at(-1000)},
        ],
        "companies": [
            _shop("enterprise", 10),
            # it keeps the time of its last change, whenever it was deleted
            {name: value for name, value in _outlet().items() if name in ("id", "created_at", "updated_at")}
            | {"isDeletedForGood": True, "deleted_found_at": at(2600)},
        ],
    }.items():
        vendors.land("freshdesk", stream, *rows)
