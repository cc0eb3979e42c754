"""A small company at Intercom on two days, beside a helpdesk that knows one of its customers: every turn happens once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from vendor_rows import START, Payload, Vendors, organization, user

OPERATOR = {"type": "bot", "id": "90", "name": "Operator", "from_ai_agent": False, "is_ai_answer": False}
FIN = {"type": "bot", "id": "91", "name": "Fin", "from_ai_agent": True, "is_ai_answer": True}
OLGA, PIA, RIA, SAM = "101", "102", "103", "104"
CLEO, DORA, EVE = "c1", "c2", "c3"
ORION = "k1"
ARTICLE = "700"


def seconds(minutes: float) -> int:
    """Epoch seconds of so many minutes after START."""
    return int(START.timestamp() + minutes * 60)


def customer(contact_id: str, name: str) -> Payload:
    return {"type": "user", "id": contact_id, "name": name}


def admin(admin_id: str, name: str) -> Payload:
    return {"type": "admin", "id": admin_id, "name": name, "from_ai_agent": False, "is_ai_answer": False}


def part(
    number: int, conversation: int, minutes: float, author: Payload, body: str | None = None, **fields: Any
) -> Payload:
    return {
        "_conversation": str(conversation),
        "type": "conversation_part",
        "id": str(number),
        "part_type": "comment",
        "body": body,
        "created_at": seconds(minutes),
        "updated_at": seconds(minutes),
        "author": author,
        "assigned_to": None,
        "redacted": False,
    } | fields


def conversation(number: int, contact: str, *, parts: int, updated: float = 0, **fields: Any) -> Payload:
    return {
        "type": "conversation",
        "id": str(number),
        "created_at": seconds(0),
        "updated_at": seconds(updated),
        "state": "open",
        "priority": "not_priority",
        "tags": {"type": "tag.list", "tags": []},
        "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": contact}]},
        "custom_attributes": {"Topic": "billing", "Language": "en", "Matter": "refund"},
        "conversation_rating": None,
        "statistics": {"count_conversation_parts": parts},
        "source": {
            "type": "conversation",
            "id": f"{number}0",
            "delivered_as": "customer_initiated",
            "body": "Where is my invoice?",
            "author": customer(contact, "Somebody"),
        },
        "ai_agent_participated": False,
        "ai_agent": None,
    } | fields


def fin(**fields: Any) -> Payload:
    sources = [{"content_type": "article", "url": f"/a/apps/x/articles/articles/{ARTICLE}/show", "title": "Invoices"}]
    stated = {
        "source_type": "workflow",
        "source_title": "Fin",
        "last_answer_type": "ai_answer",
        "resolution_state": None,
        "rating": None,
        "content_sources": {"type": "content_source.list", "total_count": 1, "content_sources": sources},
    }
    return {"ai_agent_participated": True, "ai_agent": stated | fields}


def contact(contact_id: str, email: str, external_id: str | None = None, *companies: str, **fields: Any) -> Payload:
    return {
        "type": "contact",
        "id": contact_id,
        "role": "user",
        "email": email,
        "external_id": external_id,
        "companies": {"type": "list", "data": [{"type": "company", "id": one} for one in companies]},
        "created_at": seconds(-9000),
        "updated_at": seconds(-9000),
    } | fields


def company(tier: str, updated: float) -> Payload:
    return {
        "type": "company",
        "id": ORION,
        "name": "Orion",
        "website": "https://www.orion.test/about",
        "industry": "retail",
        "custom_attributes": {"tier": tier, "segment": "smb", "crm_id": "5077"},
        "created_at": seconds(-90_000),
        "updated_at": seconds(updated),
    }


def article(body: str, updated: float) -> Payload:
    return {
        "type": "article",
        "id": ARTICLE,
        "title": "Invoices",
        "body": body,
        "state": "published",
        "default_locale": "en",
        "created_at": seconds(-9000),
        "updated_at": seconds(updated),
    }


def teammate(admin_id: str, name: str, team: int, **fields: Any) -> Payload:
    return {"type": "admin", "id": admin_id, "name": name, "job_title": "agent", "team_ids": [team]} | fields


def day_one(vendors: Vendors) -> None:
    """What lands first; conversations before the people who take part in them."""
    vendors.configure(
        "intercom",
        topic_attribute="Topic",
        product_area_attribute="Product area",
        language_attribute="Language",
        handoff_attribute="Handoff reason",
    )
    # a month before: who was in another team, and who was gone for a while
    before = Vendors(vendors.settings, vendors.as_of - timedelta(days=30), vendors.instance)
    gone = {"archived": True, "archived_at": seconds(-3000)}
    before.intercom(admins=[teammate(RIA, "Ria", 11), teammate(SAM, "Sam", 12, **gone)])
    reason = {"attribute": {"name": "Handoff reason"}, "value": {"name": "policy"}}
    vendors.intercom(
        conversations=[
            conversation(501, CLEO, parts=8, updated=40, state="closed", priority="priority", **fin()),
            conversation(502, DORA, parts=1),
            conversation(503, DORA, parts=900),
            conversation(504, DORA, parts=1),
        ],
        conversation_parts=[
            part(1, 501, 1, FIN, "See the page on invoices."),
            part(2, 501, 5, FIN, part_type="conversation_attribute_updated_by_workflow", event_details=reason),
            part(3, 501, 5, OPERATOR, part_type="assignment", assigned_to={"type": "team", "id": "11"}),
            part(4, 501, 5, OPERATOR, part_type="assignment", assigned_to={"type": "admin", "id": OLGA}),
            part(5, 501, 6, OPERATOR, "A colleague takes over."),
            part(6, 501, 9, admin(OLGA, "Olga"), "Here it is."),
            part(7, 501, 10, admin(OLGA, "Olga"), "Asked billing.", part_type="note"),
            part(8, 501, 30, admin(OLGA, "Olga"), part_type="close"),
            part(9, 502, 3, admin(PIA, "Pia"), "My key is 1234"),
            part(10, 503, 900, admin(PIA, "Pia"), "The newest of nine hundred"),
            part(11, 504, 4, admin(PIA, "Pia"), "Soon gone"),
        ],
        contacts=[
            contact(CLEO, "Cleo@orion.test", "u-77", ORION),
            contact(EVE, "eve@elsewhere.test"),
        ],
        companies=[company("business", -1000)],
        admins=[
            teammate(OLGA, "Olga", 11),
            teammate(PIA, "Pia", 12),
            teammate(RIA, "Ria", 12),
            teammate(SAM, "Sam", 12),
        ],
        teams=[{"type": "team", "id": "11", "name": "Frontline"}, {"type": "team", "id": "12", "name": "Billing"}],
        articles=[article("<p>Download it.</p>", -5000)],
    )
    vendors.zendesk(
        organizations=[organization(577, "Orion", ["orion.test"])],
        users=[user(1077, "end-user", "Cleo", email="cleo@ORION.test", organization_id=577)],
    )


def day_two(vendors: Vendors) -> None:
    """What Intercom states anew: a rating, a redaction, a deletion, people who come late, leave and are merged."""
    rating = {"rating": 2, "remark": "no", "created_at": seconds(60), "updated_at": seconds(60)}
    vendors.intercom(
        conversations=[
            conversation(
                501,
                CLEO,
                parts=9,
                updated=2000,
                state="snoozed",
                conversation_rating=rating,
                **fin(resolution_state="negative_feedback", rating=5),
            ),
            conversation(502, DORA, parts=1, updated=2000),
            {
                "type": "conversation",
                "id": "504",
                "created_at": seconds(0),
                "updated_at": seconds(0),
                "state": "open",
                "archived": True,
                "archived_at": seconds(2000),
            },
        ],
        conversation_parts=[
            part(9, 502, 3, admin(PIA, "Pia"), "", redacted=True),
            part(12, 501, 1990, customer(CLEO, "Cleo"), part_type="snoozed"),
        ],
        contacts=[
            contact(DORA, "dora@orion.test", "u-78", ORION),
            {
                "type": "contact",
                "id": EVE,
                "created_at": seconds(-9000),
                "updated_at": seconds(-9000),
                "archived": True,
                "archived_at": seconds(2000),
                "merged_into": CLEO,
            },
        ],
        companies=[company("enterprise", 1500)],
        admins=[teammate(PIA, "Pia", 12, archived=True, archived_at=seconds(2000))],
        teams=[{"type": "team", "id": "11", "name": "First line"}],
        articles=[article("<p>Download it twice.</p>", 1000)],
    )
    vendors.land("intercom", "conversation_parts", removed=("504:11",))
    vendors.configure(
        "intercom",
        topic_attribute="Matter",
        product_area_attribute="Product area",
        language_attribute="Language",
        handoff_attribute="Handoff reason",
    )
