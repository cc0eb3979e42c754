"""Everything that the APIs say of the simulated company, read over HTTP and compared with what is true of it."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from small_firm import get, hubspot, mixpanel, walk, walk_cursor, zendesk

from touchstone.sandbox.api import SandboxOptions, ids, serve
from touchstone.sandbox.company import build
from touchstone.sandbox.model import Event
from touchstone.sandbox.state import moments
from touchstone.sandbox.truth import canonical

THREADS = "conversations/v3/conversations/threads"


def quiet_moment(company, start):
    """A moment from `start` on with nothing in the minute before, so that no export withholds anything."""
    changes = {moment for one in company.conversations for moment in moments(one)}
    later = sorted(moment for moment in changes if moment > start)
    for before, after in pairwise(later):
        if after - before > timedelta(seconds=70):
            return before + timedelta(seconds=65)
    raise AssertionError("the company is never quiet")


@pytest.fixture(scope="module")
def firm():
    """A company that has, at each desk, a deleted conversation whatever its seed brings."""
    company = build(seed=11, conversations_per_day=30, days=30, hubspot_share=0.4)
    merged = {event.value for one in company.conversations for event in one.events if event.kind == "merge"}
    for desk in ("zendesk", "hubspot"):
        single = [
            one
            for one in company.conversations
            if one.desk == desk
            and one.conversation_id not in merged
            and not {"merge", "delete"} & {event.kind for event in one.events}
        ]
        first = min(single, key=lambda one: one.events[-1].at)
        first.events.append(Event("delete", first.events[-1].at + timedelta(hours=1), "system"))
    return company


@pytest.fixture(scope="module", params=[-9, 25], ids=["while it lives", "long after"])
def now(firm, request):
    return quiet_moment(firm, firm.until + timedelta(days=request.param))


@pytest.fixture(scope="module")
def sandbox(firm, now):
    with serve(firm, SandboxOptions(clock=now)) as running:
        yield running
        assert running.control("stats")["crashes"] == []


def moment(text):
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def desk(sandbox):
    """Tickets, audits and users of Zendesk, read whole."""
    with zendesk(sandbox) as client:
        path = "incremental/tickets/cursor.json"
        pages = walk_cursor(client, path, "tickets", per_page=100, support_type_scope="all")
        tickets = {row["id"]: row for page in pages for row in page["tickets"]}
        query = {"per_page": 400, "support_type_scope": "all", "include": "comment_events"}
        audits = defaultdict(dict)
        for page in walk(client, "incremental/ticket_events.json", "ticket_events", **query):
            for row in page:
                audits[row["ticket_id"]][row["id"]] = row
        users = {
            row["id"]: row
            for page in walk_cursor(client, "incremental/users/cursor.json", "users")
            for row in page["users"]
        }
    return tickets, {number: list(rows.values()) for number, rows in audits.items()}, users


def test_zendesk_tickets_are_what_is_true(firm, now, desk):
    tickets, audits, _ = desk
    expected = {ids.zendesk_id(one.conversation_id): one for one in canonical(firm, now, "zendesk")}
    assert set(tickets) == set(audits) == set(expected)
    assert len(tickets) > 150
    statuses = {"on_hold": "hold"}
    for number, one in expected.items():
        ticket = tickets[number]
        fields = {field["id"]: field["value"] for field in ticket["custom_fields"]}
        assert ticket["status"] == ("deleted" if one.deleted_at else statuses.get(one.status, one.status))
        assert (fields[900_001], fields[900_003], ticket["priority"]) == (one.topic, one.language, one.priority)
        assert ticket["tags"] == list(one.tags)
        assert moment(ticket["created_at"]) == one.created_at
        assert ids.from_zendesk("customer", ticket["requester_id"]) == one.customer_id
        assert ids.from_zendesk("account", ticket["organization_id"]) == one.account_id
        assignee = ticket["assignee_id"]
        assert (ids.from_zendesk("agent", assignee) if assignee else None) == one.assignee_id
        score = ticket["satisfaction_rating"]["score"]
        assert {"good": 5, "bad": 1}.get(score) == one.rating
    assert any(one.merged_into for one in expected.values())
    assert any(one.deleted_at for one in expected.values())
    ai_only = {number for number, one in expected.items() if one.is_ai_only}
    assert ai_only <= {number for number, ticket in tickets.items() if ticket["support_type"] == "ai_agent"}


def test_zendesk_messages_merges_and_handoffs_are_what_is_true(firm, now, desk):
    _, audits, users = desk
    kinds = {"automation": "system", "ai_agent": "ai_agent"}
    for one in canonical(firm, now, "zendesk"):
        comments, merged, deleted_at, handoffs = {}, None, None, []
        for audit in audits[ids.zendesk_id(one.conversation_id)]:
            source = audit["via"]["source"]
            if source["rel"] == "merge" and source["from"]["ticket_id"] == audit["ticket_id"]:
                merged = ids.from_zendesk("conversation", source["to"]["ticket_id"])
            changed = {}
            for child in audit["child_events"]:
                if child["event_type"] == "Comment":
                    comments[child["id"]] = child
                changed |= child
            if changed.get("status") == "deleted":
                deleted_at = moment(audit["created_at"])
            if "custom_fields_900005" in changed:
                agent = ids.from_zendesk("agent", changed["assignee_id"])
                handoffs.append((moment(audit["created_at"]), agent, changed["custom_fields_900005"]))
        found = []
        for comment_id, comment in sorted(comments.items()):
            author = users.get(comment["author_id"])
            actor = "system"
            if author is not None and author["role"] == "end-user":
                actor, author_id = "customer", ids.from_zendesk("customer", author["id"])
            elif author is not None:
                actor = kinds.get(author["user_fields"]["role_title"], "human_agent")
                author_id = ids.from_zendesk("agent", author["id"])
            else:
                author_id = ""
            own = ids.from_zendesk("message", comment_id)
            sent = moment(comment["created_at"])
            found.append((own, actor, author_id, not comment["public"], sent, comment["body"]))
        assert found == sorted(
            (row.message_id, row.actor, row.actor_id, row.is_internal, row.sent_at, row.text) for row in one.messages
        )
        assert (merged, deleted_at) == (one.merged_into, one.deleted_at)
        assert handoffs == [(at, agent, reason) for at, agent, _, reason in one.handoffs]


def test_zendesk_users_say_who_is_an_automation(firm, now, desk):
    _, _, users = desk
    agents = [one for one in firm.agents if one.hired_at <= now]
    for one in agents:
        fields = users[ids.zendesk_id(one.agent_id)]["user_fields"]
        assert fields["is_automation"] == (one.kind == "automation")
        assert fields["hired_on"] == one.hired_at.date().isoformat()
        history = [tuple(entry.split("|")) for entry in fields["role_history"].split(";")]
        assert [(moment(at), team, role) for at, team, role in history] == [row for row in one.teams if row[0] <= now]
    assert len(users) == len(agents) + sum(
        "zendesk" in one.known_to and one.created_at <= now for one in firm.customers
    )


def everything(client, path, **query):
    found = []
    while True:
        page = get(client, path, **query)
        found += page["results"]
        if "paging" not in page:
            return found
        query["after"] = page["paging"]["next"]["after"]


def test_hubspot_tickets_and_threads_are_what_is_true(firm, now, sandbox):
    expected = {ids.hubspot_id(one.conversation_id): one for one in canonical(firm, now, "hubspot")}
    roots = {number for number, one in expected.items() if one.merged_into is None}
    with hubspot(sandbox) as client:
        names = ",".join(row["name"] for row in get(client, "crm/v3/properties/tickets")["results"])
        query = {"limit": 100, "properties": names}
        tickets = {row["id"]: row for row in everything(client, "crm/v3/objects/tickets", **query)}
        archived = {row["id"]: row for row in everything(client, "crm/v3/objects/tickets", archived="true", **query)}
        threads = [*everything(client, THREADS), *everything(client, THREADS, archived="true")]
        rows = {row["id"]: everything(client, f"{THREADS}/{row['id']}/messages", limit=9) for row in threads}
        links = {}
        for start in range(0, len(tickets), 100):
            inputs = [{"id": number} for number in list(tickets)[start : start + 100]]
            for end in ("contacts", "companies"):
                answer = client.post(f"crm/v4/associations/tickets/{end}/batch/read", json={"inputs": inputs})
                for row in answer.json()["results"]:
                    links[row["from"]["id"], end] = [one["toObjectId"] for one in row["to"]]
    assert len(tickets) > 100
    assert tickets.keys() | archived.keys() == roots
    assert set(archived) == {number for number in roots if expected[number].deleted_at}
    merged = defaultdict(list)
    for number, one in expected.items():
        if one.merged_into is not None:
            merged[ids.hubspot_id(one.root_id)].append(number)
    assert merged
    assert archived
    for number, ticket in {**tickets, **archived}.items():
        one, properties = expected[number], ticket["properties"]
        assert properties["status_detail"] == one.status
        assert (properties["hs_ticket_category"], properties["conversation_language"]) == (one.topic, one.language)
        assert sorted((properties["hs_merged_object_ids"] or ";").split(";")) == sorted(merged[number] or ["", ""])
        if one.deleted_at is not None:
            assert moment(ticket["archivedAt"]) == one.deleted_at
        else:
            assert int(ids.hubspot_id(one.customer_id)) in links[number, "contacts"]
            assert int(ids.hubspot_id(one.account_id)) in links[number, "companies"]
        log = [entry.split("|") for entry in (properties["handoff_log"] or "").split("\n") if entry]
        assert [(moment(at), reason) for at, _, _, _, reason in log] == [(row[0], row[3]) for row in one.handoffs]
    assert {ids.from_hubspot("thread", row["id"]) for row in threads} == {
        one.conversation_id for one in expected.values()
    }
    kinds = {"V": "customer", "A": "human_agent", "B": "ai_agent", "I": "system", "S": "system"}
    by_id = {one.conversation_id: one for one in expected.values()}
    for thread in threads:
        one = by_id[ids.from_hubspot("thread", thread["id"])]
        assert ids.hubspot_id(one.root_id) == thread["threadAssociations"]["associatedTicketId"]
        found = [
            (row["id"], kinds[row["createdBy"][0]], row["type"] == "COMMENT", moment(row["createdAt"]), row["text"])
            for row in rows[thread["id"]]
            if row["type"] in ("MESSAGE", "COMMENT")
        ]
        assert sorted(found) == sorted(
            (ids.hubspot_id(row.message_id), row.actor, row.is_internal, row.sent_at, row.text) for row in one.messages
        )


def test_people_of_the_three_vendors_can_be_joined(firm, now, sandbox, desk):
    """By address or by the product's id, every record leads to its person; that is what identity has to find."""
    _, _, users = desk
    with hubspot(sandbox) as client:
        contacts = everything(
            client,
            "crm/v3/objects/contacts",
            limit=100,
            properties="email,hs_additional_emails,product_user_id,associatedcompanyid",
        )
        companies = everything(client, "crm/v3/objects/companies", limit=100, properties="domain")
    people = {row["id"]: row["properties"] for row in contacts}
    both = missing_ids = 0
    for user in users.values():
        contact = (
            people.get(ids.hubspot_id(ids.from_zendesk("customer", user["id"]))) if user["role"] == "end-user" else None
        )
        if contact is None:
            continue
        both += 1
        addresses = {contact["email"], *(contact["hs_additional_emails"] or "").split(";")}
        assert user["email"].lower() in addresses
        missing_ids += user["external_id"] is None or contact["product_user_id"] is None
    assert both > 100
    assert 0 < missing_ids < both
    with zendesk(sandbox) as client:
        found = get(client, "incremental/organizations.json", start_time=0)["organizations"]
    domains = {row["properties"]["domain"]: row["id"] for row in companies}
    for row in found:
        known = {domains[name] for name in row["domain_names"]} | {row["organization_fields"]["crm_id"]} - {None}
        assert known == {ids.hubspot_id(ids.from_zendesk("account", row["id"]))}
    assert any(row["organization_fields"]["crm_id"] is None for row in found)
    assert any(not row["domain_names"] for row in found)


def test_mixpanel_events_are_what_arrived(firm, now, sandbox):
    first, last = firm.first_day.isoformat(), now.date().isoformat()
    with mixpanel(sandbox) as client:
        body = client.get("export", params={"from_date": first, "to_date": last}).text
    rows = [json.loads(line) for line in body.splitlines()]
    people = {one.customer_id: one.external_id for one in firm.customers}
    expected = {
        (one.name, int(one.at.timestamp()), people[one.customer_id], one.event_id)
        for one in firm.product_events
        if one.arrives_at <= now
    }
    names = ("time", "distinct_id", "$insert_id")
    assert {(row["event"], *(row["properties"][name] for name in names)) for row in rows} == expected
    assert len(rows) > len(expected) > 100
