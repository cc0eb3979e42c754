"""HubSpot: lists, search, associations, owners, threads, and how it refuses."""

from __future__ import annotations

from datetime import timedelta

import httpx
from small_firm import (
    AI,
    ANN,
    BOB,
    ROBOT,
    UNTIL,
    at,
    conversation,
    customer,
    epoch,
    firm,
    get,
    hubspot,
    message,
    plain,
)

from touchstone.sandbox.api import SandboxOptions, Traps, serve_here
from touchstone.sandbox.model import Event

OBJECTS = "crm/v3/objects/"
THREADS = "conversations/v3/conversations/threads"


def options(**fields):
    return SandboxOptions(**{"clock": at(25)} | fields)


def hub(number, moment, **fields):
    return plain(number, moment, desk="hubspot", **fields)


def search(client, kind, filters=(), *, limit=200, after=0, sort=None, properties=(), expect=200):
    body = {"limit": limit, "after": after, "properties": list(properties)}
    if filters:
        body["filterGroups"] = [
            {"filters": [{"propertyName": name, "operator": op, "value": str(value)} for name, op, value in filters]}
        ]
    if sort:
        body["sorts"] = [{"propertyName": sort, "direction": "ASCENDING"}]
    response = client.post(f"{OBJECTS}{kind}/search", json=body)
    assert response.status_code == expect, response.text
    return response.json()


def listed(client, kind, **query):
    """Every object of a list, page by page."""
    found = []
    while True:
        page = get(client, f"{OBJECTS}{kind}", **query)
        found += page["results"]
        if "paging" not in page:
            return found
        query["after"] = page["paging"]["next"]["after"]


def ids_of(rows):
    return [row["id"] for row in rows]


def ms(moment):
    return epoch(moment) * 1000


def test_lists_go_by_id_and_hold_no_more_than_a_hundred():
    company = firm([hub(number, at(1, minutes=number)) for number in range(5)])
    with serve_here(company, options()) as sandbox, hubspot(sandbox) as client:
        first = get(client, f"{OBJECTS}tickets", limit=2, properties="subject,nonsense,hs_pipeline_stage")
        assert ids_of(first["results"]) == ["9000000000", "9000000001"]
        assert first["results"][0]["properties"] == {
            "subject": "Question 0",
            "content": "Hello there",
            "hs_pipeline": "0",
            "hs_pipeline_stage": "4",
            "hs_ticket_category": None,
            "hs_ticket_priority": None,
            "hs_object_id": "9000000000",
            "createdate": "2026-03-03T00:00:00.000Z",
            "hs_lastmodifieddate": "2026-03-03T00:20:00.000Z",
        }
        assert ids_of(listed(client, "tickets", limit=2)) == [f"900000000{number}" for number in range(5)]
        linked = httpx.get(first["paging"]["next"]["link"], headers=client.headers).json()
        assert ids_of(linked["results"]) == ["9000000002", "9000000003"]
        assert client.get(f"{OBJECTS}tickets", params={"limit": 101}).status_code == 400


def test_t15_search_ends_at_ten_thousand_results():
    people = [customer(number, emails=[f"p{number}@firm-1.example"], created_at=at(-9)) for number in range(10_150)]
    with serve_here(firm(customers=people), options()) as sandbox, hubspot(sandbox) as client:
        page = search(client, "contacts", after=9800)
        assert (page["total"], len(page["results"])) == (10_150, 200)
        assert page["paging"]["next"]["after"] == "10000"
        refused = search(client, "contacts", after=10_000, limit=1, expect=400)
        assert refused["category"] == "VALIDATION_ERROR"
        assert "10000" in refused["message"]
        last = page["results"][-1]["id"]
        rest = search(client, "contacts", [("hs_object_id", "GT", last)], sort="hs_object_id")
        assert (rest["total"], len(rest["results"])) == (150, 150)
        assert len(listed(client, "contacts", limit=100)) == 10_150


def test_t16_the_index_of_search_lags_for_objects_with_an_odd_id():
    clock = at(3)
    company = firm([hub(number, clock - timedelta(seconds=30)) for number in (1, 2)])
    company.conversations.append(hub(3, at(1)))
    traps = Traps(search_index_delay_seconds=45)
    with serve_here(company, options(clock=clock, traps=traps)) as sandbox, hubspot(sandbox) as client:
        assert ids_of(search(client, "tickets")["results"]) == ["9000000002", "9000000003"]
        assert ids_of(listed(client, "tickets")) == ["9000000001", "9000000002", "9000000003"]
        sandbox.move_clock(seconds=20)
        assert ids_of(search(client, "tickets")["results"]) == ["9000000001", "9000000002", "9000000003"]


def test_search_shows_an_older_version_while_its_index_lags():
    one = hub(1, at(1))
    one.events.append(Event("topic", at(2), value="refund"))
    traps = Traps(search_index_delay_seconds=60)
    with serve_here(firm([one]), options(clock=at(2, seconds=30), traps=traps)) as sandbox, hubspot(sandbox) as client:
        old = search(client, "tickets", properties=["hs_ticket_category"])["results"][0]
        assert (old["properties"]["hs_ticket_category"], old["updatedAt"]) == (None, "2026-03-03T00:20:00.000Z")
        assert search(client, "tickets", [("hs_lastmodifieddate", "GTE", ms(at(2)))])["total"] == 0
        new = listed(client, "tickets")[0]
        assert new["updatedAt"] == "2026-03-04T00:00:00.000Z"


def test_late_objects_show_under_the_time_that_they_had():
    clock = at(2)
    company = firm([hub(1, clock - timedelta(hours=1)), hub(2, clock - timedelta(hours=1))])
    late = Traps(late_visible_seconds=7200)
    with serve_here(company, options(clock=clock, traps=late)) as sandbox, hubspot(sandbox) as client:
        assert ids_of(listed(client, "tickets")) == ["9000000002"]
        assert ids_of(get(client, THREADS)["results"]) == ["1100000002"]
        assert client.get(f"{THREADS}/1100000001/messages").status_code == 404
        sandbox.move_clock(clock + timedelta(hours=2))
        assert ids_of(get(client, THREADS)["results"]) == ["1100000001", "1100000002"]
        since = {"sort": "latestMessageTimestamp", "latestMessageTimestampAfter": clock.isoformat()}
        assert get(client, THREADS, **since)["results"] == []


def test_each_kind_has_its_own_cursor_and_dates_are_asked_for_in_milliseconds():
    company = firm([hub(1, at(1)), hub(2, at(4))])
    with serve_here(company, options()) as sandbox, hubspot(sandbox) as client:
        assert ids_of(search(client, "tickets", [("hs_lastmodifieddate", "GTE", ms(at(3)))])["results"]) == [
            "9000000002"
        ]
        edge = ms(at(4, minutes=20))
        assert search(client, "tickets", [("hs_lastmodifieddate", "GTE", edge)])["total"] == 1
        assert search(client, "tickets", [("hs_lastmodifieddate", "GT", edge)])["total"] == 0
        assert search(client, "contacts", [("lastmodifieddate", "GTE", 0)])["total"] == 4
        assert (
            "does not exist" in search(client, "contacts", [("hs_lastmodifieddate", "GTE", 0)], expect=400)["message"]
        )
        text = [("hs_lastmodifieddate", "GTE", "2026-03-05T00:00:00Z")]
        assert "expected a number" in search(client, "tickets", text, expect=400)["message"]


def test_search_filters_sorts_and_refuses():
    company = firm([hub(number, at(6 - number), language="de" if number % 2 else "en") for number in range(6)])
    with serve_here(company, options()) as sandbox, hubspot(sandbox) as client:
        german = search(client, "tickets", [("conversation_language", "EQ", "de")], sort="hs_lastmodifieddate")
        assert ids_of(german["results"]) == ["9000000005", "9000000003", "9000000001"]
        both = [("createdate", "GTE", ms(at(3))), ("createdate", "LT", ms(at(5)))]
        assert ids_of(search(client, "tickets", both, sort="createdate")["results"]) == ["9000000003", "9000000002"]
        assert search(client, "tickets", [("hs_ticket_category", "HAS_PROPERTY", "")])["total"] == 0
        assert search(client, "tickets", [("subject", "CONTAINS_TOKEN", "question*")])["total"] == 6
        assert search(client, "companies", [("arr", "GT", 10_000)])["results"][0]["properties"]["name"] == "Firm 1"
        assert search(client, "tickets", limit=201, expect=400)
        assert search(client, "tickets", [("subject", "LIKE", "x")], expect=400)
        assert client.post(f"{OBJECTS}tickets/search", content=b"[]").status_code == 400


def test_deleted_tickets_are_archived_and_absent_from_search():
    gone = hub(1, at(1))
    gone.events.append(Event("delete", at(3), "human_agent", ANN))
    with serve_here(firm([gone, hub(2, at(2))]), options(clock=at(2, hours=5))) as sandbox, hubspot(sandbox) as client:
        assert len(listed(client, "tickets")) == 2
        sandbox.move_clock(at(4))
        assert ids_of(listed(client, "tickets")) == ["9000000002"]
        (archived,) = listed(client, "tickets", archived="true")
        assert (archived["id"], archived["archived"], archived["archivedAt"]) == (
            "9000000001",
            True,
            "2026-03-05T00:00:00.000Z",
        )
        assert ids_of(search(client, "tickets")["results"]) == ["9000000002"]
        assert client.get(f"{OBJECTS}tickets/9000000001").status_code == 404
        assert client.get(f"{OBJECTS}tickets/9000000001", params={"archived": "true"}).status_code == 200
        assert ids_of(get(client, THREADS)["results"]) == ["1100000002"]
        assert ids_of(get(client, THREADS, archived="true")["results"]) == ["1100000001"]


def test_a_merged_ticket_is_its_survivor_from_then_on():
    survivor, loser = hub(1, at(1)), hub(2, at(1, hours=1), customer_id="cus-000002")
    loser.events.append(Event("merge", at(2), "human_agent", ANN, value="cnv-000001"))
    loser.events.append(message(2, 3, at(3), "Still there?", "cus-000002"))
    with serve_here(firm([survivor, loser]), options(clock=at(1, hours=9))) as sandbox, hubspot(sandbox) as client:
        assert len(listed(client, "tickets")) == 2
        sandbox.move_clock(at(2, hours=1))
        assert ids_of(listed(client, "tickets")) == ids_of(search(client, "tickets")["results"]) == ["9000000001"]
        assert listed(client, "tickets", archived="true") == []
        read = get(client, f"{OBJECTS}tickets/9000000002", properties="hs_merged_object_ids")
        assert (read["id"], read["properties"]["hs_merged_object_ids"]) == ("9000000001", "9000000002")
        assert read["updatedAt"] == "2026-03-04T00:00:00.000Z"
        thread = get(client, f"{THREADS}/1100000002")
        assert thread["threadAssociations"] == {"associatedTicketId": "9000000001"}

        def linked(end):
            body = {"inputs": [{"id": "9000000001"}]}
            (found,) = client.post(f"crm/v4/associations/tickets/{end}/batch/read", json=body).json()["results"]
            return [one["toObjectId"] for one in found["to"]]

        assert linked("conversations") == [1100000001, 1100000002]
        assert linked("contacts") == [6000001, 6000002]
        gone = client.post("crm/v4/associations/tickets/contacts/batch/read", json={"inputs": [{"id": "9000000002"}]})
        assert (gone.status_code, gone.json()["results"]) == (207, [])
        sandbox.move_clock(at(4))
        assert listed(client, "tickets")[0]["updatedAt"] == "2026-03-05T00:00:00.000Z"


def test_associations_come_for_a_hundred_at_once_and_name_what_has_none():
    rated = hub(1, at(1))
    rated.events.append(Event("rate", at(2), "customer", "cus-000001", value=4, text="fine"))
    with serve_here(firm([rated]), options()) as sandbox, hubspot(sandbox) as client:

        def read(start, end, *inputs):
            return client.post(
                f"crm/v4/associations/{start}/{end}/batch/read", json={"inputs": [{"id": one} for one in inputs]}
            )

        found = read("tickets", "companies", "9000000001", "9000000777")
        assert found.status_code == 207
        assert found.json()["results"] == [
            {
                "from": {"id": "9000000001"},
                "to": [
                    {
                        "toObjectId": 5000000001,
                        "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 26, "label": "Primary"}],
                    }
                ],
            }
        ]
        assert found.json()["numErrors"] == 1
        assert read("deals", "companies", "7000000001").json()["results"][0]["to"][0]["toObjectId"] == 5000000001
        (feedback,) = listed(client, "feedback_submissions", properties="hs_value,hs_content")
        assert (feedback["properties"]["hs_value"], feedback["properties"]["hs_content"]) == ("4", "fine")
        linked = read("feedback_submissions", "tickets", feedback["id"]).json()["results"][0]
        assert linked["to"][0]["toObjectId"] == 9000000001
        assert read("companies", "contacts", "5000000001").json()["results"][0]["to"][3]["toObjectId"] == 6000004
        assert read("owners", "deals", "1").status_code == 400
        assert client.post("crm/v4/associations/tickets/contacts/batch/read", json={}).status_code == 400


def test_companies_and_deals_change_with_their_histories():
    with serve_here(firm(), options(clock=at(4))) as sandbox, hubspot(sandbox) as client:

        def company(number):
            names = "name,tier,arr,lifecyclestage,churned_on,hubspot_owner_id"
            found = get(client, f"{OBJECTS}companies/500000000{number}", properties=names)
            return found["properties"] | {"at": found["updatedAt"]}

        def deal():
            return get(client, f"{OBJECTS}deals/7000000001", properties="arr_after,deal_kind")["properties"][
                "dealstage"
            ]

        assert (company(1)["tier"], company(1)["arr"], deal()) == ("standard", "12000", "appointmentscheduled")
        sandbox.move_clock(at(21))
        assert (company(1)["tier"], company(1)["arr"], deal()) == ("business", "15000", "closedwon")
        assert company(1)["at"] == "2026-03-12T00:00:00.000Z"
        gone = company(2)
        assert (gone["lifecyclestage"], gone["churned_on"], gone["arr"]) == ("churned", "2026-03-22", "0")
        changed = search(client, "companies", [("hs_lastmodifieddate", "GTE", ms(at(15)))])
        assert ids_of(changed["results"]) == ["5000000002"]


def test_a_contacts_creation_is_written_in_three_ways():
    people = [customer(number, emails=[f"p{number}@firm-1.example"]) for number in (2, 3, 7)]
    with serve_here(firm(customers=people), options()) as sandbox, hubspot(sandbox) as client:
        rows = {row["id"]: row["properties"]["createdate"] for row in listed(client, "contacts")}
    moments = {number: at(-100 + number) for number in (2, 3, 7)}
    assert rows["6000002"] == f"{moments[2]:%Y-%m-%dT%H:%M:%S}Z"
    assert rows["6000003"] == str(ms(moments[3]))
    assert rows["6000007"] == f"{moments[7]:%Y-%m-%dT%H:%M:%S}.000Z"


def test_a_long_list_of_properties_does_not_fit_an_url_but_a_batch():
    with serve_here(firm([hub(1, at(1))]), options()) as sandbox, hubspot(sandbox) as client:
        names = [f"property_number_{number}" for number in range(900)]
        refused = client.get(f"{OBJECTS}tickets", params={"properties": ",".join(names)})
        assert (refused.status_code, refused.headers["content-type"]) == (414, "text/html; charset=utf-8")
        body = {"inputs": [{"id": "9000000001"}, {"id": "123"}], "properties": [*names, "subject"]}
        batch = client.post(f"{OBJECTS}tickets/batch/read", json=body)
        assert (batch.status_code, batch.json()["numErrors"]) == (207, 1)
        assert batch.json()["results"][0]["properties"]["subject"] == "Question 1"
        known = {row["name"]: row["type"] for row in get(client, "crm/v3/properties/tickets")["results"]}
        assert known["hs_lastmodifieddate"] == "datetime"


def test_a_system_touch_leaves_the_last_modified_date():
    one = hub(1, at(1))
    one.events.append(Event("touch", at(5), "system"))
    with serve_here(firm([one]), options()) as sandbox, hubspot(sandbox) as client:
        (row,) = listed(client, "tickets", properties="system_revision")
        assert (row["updatedAt"], row["properties"]["system_revision"]) == ("2026-03-03T00:20:00.000Z", "1")


def test_owners_are_people_and_those_who_left_are_archived():
    with serve_here(firm(), options(clock=at(10))) as sandbox, hubspot(sandbox) as client:
        owners = get(client, "crm/v3/owners")["results"]
        assert [(row["id"], row["email"], row["teams"][0]["name"]) for row in owners] == [
            ("80001", "ann@us.example", "billing"),
            ("80002", "bob@us.example", "billing"),
        ]
        page = get(client, "crm/v3/owners", limit=1)
        following = get(client, "crm/v3/owners", limit=1, after=page["paging"]["next"]["after"])
        assert following["results"][0]["id"] == "80002"
        sandbox.move_clock(at(16))
        assert ids_of(get(client, "crm/v3/owners")["results"]) == ["80001"]
        (left,) = get(client, "crm/v3/owners", archived="true")["results"]
        assert (left["id"], left["userId"], left["userIdIncludingInactive"]) == ("80002", None, 70_000_002)
        stages = get(client, "crm/v3/pipelines/tickets")["results"][0]["stages"]
        assert [stage["metadata"]["ticketState"] for stage in stages] == ["OPEN", "OPEN", "OPEN", "CLOSED"]


def thread_of_all():
    return conversation(
        1,
        [
            message(1, 1, at(1), html="<p>Hello there</p>"),
            message(1, 2, at(1, minutes=1), "One moment", AI),
            Event("handoff", at(1, minutes=2), "", AI, value=ANN, team="frontline", text="asks for a person"),
            Event("assign", at(1, minutes=2), "", AI, value=ANN, team="frontline"),
            message(1, 3, at(1, minutes=3), "Look at the invoice", ANN, is_internal=True),
            message(1, 4, at(1, minutes=4), "Here is how", ANN),
            message(1, 5, at(1, minutes=5), "How was it?", ROBOT),
            message(1, 6, at(1, minutes=6), "Ticket received", ""),
            Event("assign", at(1, minutes=7), "human_agent", ANN, value=BOB, team="billing"),
            message(1, 7, at(1, minutes=8), "Thanks", visible_at=at(2)),
            Event("status", at(1, minutes=9), "human_agent", BOB, value="closed"),
        ],
        desk="hubspot",
    )


def test_a_thread_tells_who_wrote_what_and_what_was_only_noted():
    with serve_here(firm([thread_of_all()]), options()) as sandbox, hubspot(sandbox) as client:
        rows = get(client, f"{THREADS}/1100000001/messages")["results"]
        assert [row["type"] for row in rows] == [
            "MESSAGE",
            "MESSAGE",
            "ASSIGNMENT",
            "COMMENT",
            "MESSAGE",
            "MESSAGE",
            "MESSAGE",
            "ASSIGNMENT",
            "MESSAGE",
            "THREAD_STATUS_CHANGE",
        ]
        spoken = [row for row in rows if row["type"] in ("MESSAGE", "COMMENT")]
        assert [row["createdBy"] for row in spoken] == [
            "V-6000001",
            "B-0",
            "A-70000001",
            "A-70000001",
            "I-3",
            "S-hubspot",
            "V-6000001",
        ]
        assert [row.get("direction") for row in spoken] == ["INCOMING", "OUTGOING", None, *["OUTGOING"] * 3, "INCOMING"]
        assert (spoken[0]["text"], spoken[0]["richText"]) == ("Hello there", "<p>Hello there</p>")
        assert spoken[0]["senders"][0]["deliveryIdentifier"]["type"] == "HS_EMAIL_ADDRESS"
        moved = rows[7]
        assert (moved["assignedTo"], moved["assignedFrom"]) == ("A-70000002", "A-70000001")
        assert rows[9]["newStatus"] == "CLOSED"
        page = get(client, f"{THREADS}/1100000001/messages", limit=4)
        after = page["paging"]["next"]["after"]
        assert get(client, f"{THREADS}/1100000001/messages", limit=100, after=after)["results"] == rows[4:]
        assert client.get(f"{THREADS}/1100000009/messages").status_code == 404
        kinds = client.post(
            "conversations/v3/conversations/actors/batch/read",
            json={"inputs": ["A-70000001", "B-0", "I-3", "V-6000001", "S-hubspot", "A-1"]},
        ).json()["results"]
        assert [row["type"] for row in kinds] == ["AGENT", "BOT", "INTEGRATION", "VISITOR", "SYSTEM"]
        assert client.get("conversations/v3/conversations/actors/B-1").status_code == 404


def test_a_late_message_shows_under_its_own_time_and_bumps_the_ticket_when_it_shows():
    company = firm([thread_of_all()])
    with serve_here(company, options(clock=at(1, hours=5))) as sandbox, hubspot(sandbox) as client:
        path = f"{THREADS}/1100000001/messages"
        assert "Thanks" not in [row.get("text") for row in get(client, path)["results"]]
        sandbox.move_clock(at(2, hours=1))
        assert get(client, path)["results"][8]["createdAt"] == "2026-03-03T00:08:00.000Z"
        assert listed(client, "tickets")[0]["updatedAt"] == "2026-03-04T00:00:00.000Z"
        thread = get(client, f"{THREADS}/1100000001")
        assert thread["latestMessageTimestamp"] == "2026-03-03T00:08:00.000Z"
        assert (thread["status"], thread["assignedTo"]) == ("CLOSED", "A-70000002")


def test_threads_go_by_their_latest_message_when_asked():
    company = firm([hub(number, at(5 - number)) for number in range(4)])
    company.conversations[3].events.append(message(3, 3, at(4, hours=1), "And another thing"))
    with serve_here(company, options()) as sandbox, hubspot(sandbox) as client:
        assert ids_of(get(client, THREADS)["results"]) == [f"110000000{number}" for number in range(4)]
        query = {"sort": "latestMessageTimestamp", "latestMessageTimestampAfter": at(3).isoformat(), "limit": 2}
        first = get(client, THREADS, **query)
        assert ids_of(first["results"]) == ["1100000002", "1100000001"]
        second = get(client, THREADS, **query, after=first["paging"]["next"]["after"])
        assert ids_of(second["results"]) == ["1100000003", "1100000000"]
        assert "paging" not in second
        by_id = get(client, THREADS, limit=3)
        rest = get(client, THREADS, limit=3, after=by_id["paging"]["next"]["after"])
        assert ids_of(rest["results"]) == ["1100000003"]
        assert client.get(THREADS, params={"sort": "latestMessageTimestamp"}).status_code == 400


def test_a_redaction_replaces_the_text_and_bumps_the_ticket():
    one = hub(1, at(1))
    one.events.append(Event("redact", at(6), "system", message_id="msg-000001-001", text="▇▇▇▇"))
    with serve_here(firm([one]), options()) as sandbox, hubspot(sandbox) as client:
        row = get(client, f"{THREADS}/1100000001/messages")["results"][0]
        assert (row["text"], row["updatedAt"]) == ("▇▇▇▇", "2026-03-08T00:00:00.000Z")
        ticket = listed(client, "tickets", properties="content")[0]
        assert (ticket["properties"]["content"], ticket["updatedAt"]) == ("▇▇▇▇", "2026-03-08T00:00:00.000Z")


def test_refusals_say_what_is_wrong_with_the_token():
    with serve_here(firm([hub(1, at(1))]), options(clock=UNTIL)) as sandbox, hubspot(sandbox) as client:
        bad = client.get("account-info/v3/details", headers={"Authorization": "Bearer pat-none"})
        assert (bad.status_code, bad.json()["category"]) == (401, "INVALID_AUTHENTICATION")
        token = sandbox.credentials.hubspot.token
        sandbox.control("traps", credentials={"hubspot": {"missing_scopes": ["crm.objects.deals.read"]}})
        refused = client.get(f"{OBJECTS}deals")
        assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
        assert refused.json()["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.deals.read"]}
        linked = client.post("crm/v4/associations/deals/companies/batch/read", json={"inputs": [{"id": "7000000001"}]})
        assert linked.status_code == 403
        assert get(client, f"{OBJECTS}companies")["results"]
        sandbox.control("traps", credentials={"hubspot": {"expired_tokens": [token]}})
        expired = client.get("account-info/v3/details")
        assert (expired.status_code, expired.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
        assert token not in expired.text
