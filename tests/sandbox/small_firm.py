"""A company made by hand, small enough to count by eye, and clients of its APIs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx

from touchstone.sandbox.api import Sandbox
from touchstone.sandbox.model import (
    Account,
    Agent,
    Answer,
    Article,
    ArticleVersion,
    Company,
    Conversation,
    Customer,
    Deal,
    Event,
    ProductEvent,
    ToolCall,
    Truth,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
UNTIL = START + timedelta(days=30)
TRUTH = Truth("refund", True, {}, "simple", "neutral")
AI, ANN, BOB, ROBOT = "agt-000", "agt-001", "agt-002", "agt-003"


def at(days: float = 0, **more: float) -> datetime:
    """A moment after the first day: `at(2, hours=3)`."""
    return START + timedelta(days=days, **more)


def message(
    number: int, ordinal: int, moment: datetime, text: str = "Hello there", by: str = "cus-000001", **fields: Any
) -> Event:
    actors = {AI: "ai_agent", ROBOT: "system", "": "system"}
    actor = "customer" if by.startswith("cus") else actors.get(by, "human_agent")
    return Event("message", moment, actor, by, f"msg-{number:06d}-{ordinal:03d}", text, **fields)


def conversation(number: int, events: Iterable[Event], **fields: Any) -> Conversation:
    """A conversation that begins with its first event."""
    own = list(events)
    given = {
        "conversation_id": f"cnv-{number:06d}",
        "desk": "zendesk",
        "account_id": "acc-00001",
        "customer_id": "cus-000001",
        "channel": "email",
        "language": "en",
        "subject": f"Question {number}",
        "product_area": "reports",
        "created_at": own[0].at,
        "is_ai_only": False,
        "events": own,
        "truth": TRUTH,
    }
    return Conversation(**given | fields)


def plain(number: int, moment: datetime, **fields: Any) -> Conversation:
    """One message of a customer, an answer ten minutes later, solved after twenty."""
    return conversation(
        number,
        [
            message(number, 1, moment),
            Event("assign", moment + timedelta(minutes=5), "system", "", value=ANN, team="frontline"),
            message(number, 2, moment + timedelta(minutes=10), "Here is how", ANN),
            Event("status", moment + timedelta(minutes=20), "human_agent", ANN, value="solved"),
        ],
        **fields,
    )


def by_ai(number: int, moment: datetime, **fields: Any) -> Conversation:
    """A customer and an AI agent, nobody else."""
    answer = Answer(0.91, "refund", [("art-0001", 1, 0.8)], [ToolCall("lookup_order", "ok", 120)])
    events = [
        message(number, 1, moment),
        message(number, 2, moment + timedelta(seconds=4), "Done", AI, answer=answer),
        Event("status", moment + timedelta(minutes=5), "system", "", value="solved"),
    ]
    return conversation(number, events, is_ai_only=True, channel="chat", **fields)


def firm(conversations: Iterable[Conversation] = (), **fields: Any) -> Company:
    """Two accounts, four customers, an AI agent, two people and an automation account."""
    given = {
        "seed": 1,
        "first_day": date(2026, 3, 2),
        "until": UNTIL,
        "teams": ["frontline", "billing"],
        "accounts": accounts(),
        "customers": [customer(number) for number in range(1, 5)],
        "agents": agents(),
        "articles": articles(),
        "incidents": [],
        "conversations": list(conversations),
        "product_events": [],
        "effects": [],
    }
    return Company(**given | fields)


def accounts() -> list[Account]:
    begun = at(-400)
    renewal = Deal(
        "deal-00001",
        "acc-00001",
        "renewal",
        ANN,
        12_000.0,
        15_000.0,
        at(2),
        date(2026, 3, 12),
        [(at(2), "open"), (at(5), "negotiation"), (at(10), "won")],
    )
    return [
        Account(
            f"acc-{number:05d}",
            f"Firm {number}",
            f"firm-{number}.example",
            "business",
            "smb",
            "retail",
            "DE",
            ANN,
            begun,
            3,
            at(20) if number == 2 else None,
            [(begun, "standard"), (at(10), "business")] if number == 1 else [(begun, "standard")],
            [(begun, 12_000.0), (at(10), 15_000.0)] if number == 1 else [(begun, 900.0), (at(20), 0.0)],
            [renewal] if number == 1 else [],
        )
        for number in (1, 2)
    ]


def customer(number: int, **fields: Any) -> Customer:
    given = {
        "customer_id": f"cus-{number:06d}",
        "account_id": "acc-00001",
        "name": f"Kim Person{number}",
        "emails": [f"kim.{number}@firm-1.example"],
        "phone": "+49 30 1234",
        "language": "en",
        "external_id": f"u_{number}",
        "created_at": at(-100 + number),
        "known_to": ("zendesk", "hubspot", "mixpanel"),
    }
    return Customer(**given | fields)


def agents() -> list[Agent]:
    return [
        Agent(
            AI,
            "Nova",
            "nova@us.example",
            "ai_agent",
            at(-300),
            None,
            [(at(-300), "frontline", "agent")],
            versions=[(at(-300), "2.2"), (at(8), "2.3")],
        ),
        Agent(
            ANN,
            "Ann Lee",
            "ann@us.example",
            "human_agent",
            at(-500),
            None,
            [(at(-500), "frontline", "agent"), (at(6), "billing", "senior_agent")],
        ),
        Agent(BOB, "Bob Ray", "bob@us.example", "human_agent", at(-90), at(15), [(at(-90), "billing", "agent")]),
        Agent(
            ROBOT, "Sam Whitlock", "sam@us.example", "automation", at(-600), None, [(at(-600), "frontline", "agent")]
        ),
    ]


def articles() -> list[Article]:
    first = ArticleVersion(at(-200), "Refunds", "<p>Thirty days</p>", ANN)
    second = ArticleVersion(at(7), "Refunds", "<p>Fourteen days</p>", ANN)
    old = ArticleVersion(at(-150), "Fax", "<p>Send a fax</p>", BOB)
    return [
        Article("art-0001", "refund", "Billing", "en", at(-200), None, [first, second]),
        Article("art-0002", "fax", "Contact", "en", at(-150), at(9), [old]),
    ]


def product_event(number: int, moment: datetime, *, arrives: datetime | None = None, copies: int = 1) -> ProductEvent:
    return ProductEvent(
        f"pev-{number:07d}", "cus-000001", "signed_in", moment, arrives or moment, {"device": "web"}, copies
    )


# --- clients


def zendesk(sandbox: Sandbox) -> httpx.Client:
    known = sandbox.credentials.zendesk
    auth = (f"{known.email}/token", known.api_token)
    return httpx.Client(base_url=f"{sandbox.url}/zendesk/api/v2/", auth=auth, timeout=20)


def hubspot(sandbox: Sandbox) -> httpx.Client:
    headers = {"Authorization": f"Bearer {sandbox.credentials.hubspot.token}"}
    return httpx.Client(base_url=f"{sandbox.url}/hubspot/", headers=headers, timeout=20)


def mixpanel(sandbox: Sandbox) -> httpx.Client:
    known = sandbox.credentials.mixpanel
    headers = {"Accept-Encoding": "identity"}
    return httpx.Client(
        base_url=f"{sandbox.url}/mixpanel/api/2.0/",
        auth=(known.user, known.secret),
        params={"project_id": known.project_id},
        headers=headers,
        timeout=20,
    )


def get(client: httpx.Client, path: str, **query: Any) -> dict[str, Any]:
    response = client.get(path, params=query)
    assert response.status_code == 200, (response.status_code, response.text[:300])
    return response.json()


def tickets_page(client: httpx.Client, **query: Any) -> dict[str, Any]:
    """A page of the ticket export with every kind of ticket."""
    return get(client, "incremental/tickets/cursor.json", **{"support_type_scope": "all", **query})


def events_page(client: httpx.Client, **query: Any) -> dict[str, Any]:
    return get(
        client,
        "incremental/ticket_events.json",
        **{"support_type_scope": "all", "include": "comment_events", **query},
    )


def walk(client: httpx.Client, path: str, key: str, start: int = 0, **query: Any) -> Iterator[list[dict[str, Any]]]:
    """All pages of an export by time; no more than 50."""
    for _ in range(50):
        page = get(client, path, start_time=start, **query)
        yield page[key]
        if page["end_of_stream"]:
            return
        start = page["end_time"]
    raise AssertionError("the export does not end")


def walk_cursor(client: httpx.Client, path: str, key: str, cursor: str | None = None, **query: Any) -> Iterator[dict]:
    """All pages of an export by cursor; no more than 50."""
    position: dict[str, Any] = {"cursor": cursor} if cursor else {"start_time": 0}
    for _ in range(50):
        page = get(client, path, **position, **query)
        yield page
        if page["end_of_stream"]:
            return
        position = {"cursor": page["after_cursor"]}
    raise AssertionError("the export does not end")


def epoch(moment: datetime) -> int:
    return int(moment.timestamp())
