"""A small company at three vendors on two days: every turn that the canonical model has to follow happens once."""

from __future__ import annotations

import freshdesk_world

from vendor_rows import (
    Vendors,
    ai_conversation,
    ai_message,
    amplitude_event,
    at,
    audit,
    change,
    comment,
    crm,
    entry,
    link,
    organization,
    owner,
    posthog_event,
    product_event,
    stamp,
    thread,
    ticket,
    user,
)

ANA, BOB, LATE = 1001, 1002, 1003
HUGO, INES, FLOW, NOVA, OTTO = 2001, 2002, 2003, 2004, 2005
ACME, TWIN = 501, 504
FIRST_LINE, BILLING = 1, 2
DEVICE, OTHER_DEVICE, TABLET = (f"0190aaaa-0000-7000-8000-00000000000{number}" for number in (1, 2, 3))
FIELDS = {900001: "Topic", 900002: "Product area", 900003: "Language", 900005: "Handoff reason"}
HANDOFF = "custom_fields_900005"
MERGE = {"source": {"from": {"ticket_id": 14}, "to": {"ticket_id": 15}, "rel": "merge"}, "channel": "api"}
OWNER = "A-70000001"
OTTOS_HISTORY = "2024-05-02T00:00:00+00:00|Frontline|agent;2025-06-01T00:00:00+00:00|Billing|team_lead"


def day_one(vendors: Vendors) -> None:
    """What lands first; tickets before the people who wrote them, as parallel streams may."""
    _zendesk_tickets(vendors)
    _zendesk_records(vendors)
    _hubspot_records(vendors)
    _hubspot_tickets(vendors)
    vendors.mixpanel(
        product_event(1, "u-1", 5, plan="pro"),
        product_event(2, "u-2", 6, **{"$email": "bob@acme.test", "$user_id": "u-2"}),
        product_event(3, "$device:77", 7),
        product_event(4, "u-1", 8, name="withdrawn"),
    )
    vendors.amplitude(
        amplitude_event(1, "u-1", "phone", 5, event_properties={"plan": "pro", "email": "ana@acme.test"}),
        amplitude_event(2, None, "laptop", 6),
        amplitude_event(3, "u-2", "laptop", 7, "$identify", user_properties={"email": "Bob@acme.test "}),
        amplitude_event(4, None, "kiosk", 8),
        amplitude_event(5, "u-1", "phone", 9, name="withdrawn"),
    )
    vendors.posthog(
        posthog_event(1, "u-1", 5, plan="pro", **{"$set": {"email": "ana@acme.test"}}),
        posthog_event(2, DEVICE, 6, **{"$device_id": DEVICE}),
        posthog_event(3, "u-2", 7, "$identify", email="bob@acme.test", **{"$anon_distinct_id": DEVICE}),
        posthog_event(4, OTHER_DEVICE, 8),
        posthog_event(5, "u-1", 9, name="withdrawn"),
        # two users whom somebody has joined stay two
        posthog_event(6, "u-1", 10, "$create_alias", alias="u-9"),
        posthog_event(7, "u-9", 11),
        posthog_event(9, "u-1", 12, name="moved"),
        posthog_event(10, TABLET, 13, email="ana@acme.test"),
    )
    second = Vendors(vendors.settings, vendors.as_of, "second").configure(
        "zendesk", topic_field=55, language_field=None
    )
    second.zendesk(
        tickets=[ticket(40, ANA) | {"custom_fields": [{"id": 55, "value": "sync"}, {"id": 56, "value": "login"}]}]
    )
    freshdesk_world.day_one(vendors)
    Vendors(vendors.settings, vendors.as_of, "berlin").configure("mixpanel", time_zone="Europe/Berlin").mixpanel(
        product_event(5, "u-1", 60)
    )


def _zendesk_tickets(vendors: Vendors) -> None:
    vendors.zendesk(
        tickets=[
            ticket(10, ANA, status="closed", organization_id=ACME, group_id=FIRST_LINE, assignee_id=HUGO),
            ticket(11, BOB, status="solved", support_type="ai_agent", channel="chat"),
            ticket(12, BOB, channel="chat", organization_id=ACME),
            ticket(13, ANA, organization_id=ACME),
            ticket(14, BOB, 100, organization_id=ACME),
            ticket(15, BOB, 120, organization_id=ACME),
            ticket(16, ANA),
            ticket(17, ANA),
            ticket(18, ANA),
            ticket(19, ANA, status="solved", satisfaction_rating={"score": "good"}),
            ticket(20, ANA, status="awaiting_parts", channel="holo_call"),
            ticket(21, ANA, changed=300),
            ticket(22, ANA, tags=["spam"]),
            ticket(23, ANA),
        ],
        metric_sets=[{"ticket_id": 19, "solved_at": at(40)}],
        ticket_events=[
            audit(10, 0, 0, change("status", "new"), comment(100, ANA, 0, "Where is my invoice?")),
            audit(
                10, 1, 1, change("status", "open", "new"), change("assignee_id", HUGO), change("group_id", FIRST_LINE)
            ),
            audit(10, 2, 5, comment(101, HUGO, 5, "Here it is.")),
            audit(10, 3, 6, comment(102, HUGO, 6, "Checked with billing.", public=False)),
            audit(10, 4, 7, comment(103, FLOW, 7, "Please rate us.")),
            audit(10, 5, 8, comment(104, -1, 8, "Ticket was updated.")),
            audit(10, 6, 9, comment(105, INES, 9, "We are closed today."), via={"channel": "rule"}),
            audit(10, 7, 30, change("status", "solved", "open")),
            audit(10, 8, 40, change("status", "open", "solved"), comment(106, ANA, 40, "It is wrong.")),
            audit(10, 9, 50, change("status", "solved", "open"), comment(107, HUGO, 50, "Corrected.")),
            audit(10, 10, 5000, change("status", "closed", "solved")),
            audit(11, 0, 0, comment(110, BOB, 0, "How do I export?")),
            audit(11, 1, 1, comment(111, NOVA, 1, "Choose Export in the menu.")),
            audit(12, 0, 0, comment(120, BOB, 0, "I want my money back.")),
            audit(12, 1, 1, comment(121, NOVA, 1, "Have you tried a voucher?")),
            audit(
                12,
                2,
                5,
                change(HANDOFF, "policy"),
                change("assignee_id", HUGO),
                change("group_id", BILLING),
                author=NOVA,
            ),
            audit(12, 3, 9, comment(122, HUGO, 9, "Refunded.")),
            audit(12, 4, 20, change("assignee_id", INES, HUGO)),
            audit(13, 0, 0, comment(130, ANA, 0)),
            audit(13, 1, 1, comment(131, NOVA, 1)),
            audit(14, 0, 100, comment(140, BOB, 100)),
            audit(14, 1, 105, comment(141, HUGO, 105)),
            audit(15, 0, 120, comment(150, BOB, 120)),
            audit(15, 1, 125, comment(151, HUGO, 125)),
            audit(16, 0, 0, comment(160, ANA, 0)),
            audit(17, 0, 0, comment(170, ANA, 0, "My account is DE12 3456")),
            audit(17, 1, 3, comment(171, HUGO, 3)),
            audit(18, 0, 0, comment(180, ANA, 0)),
            audit(18, 1, 3, comment(181, LATE, 3)),
            audit(18, 2, 4, comment(182, HUGO, 4)),
            audit(19, 0, 0, comment(190, ANA, 0)),
            audit(19, 1, 4, comment(191, HUGO, 4)),
            audit(20, 0, 0, comment(200, ANA, 0)),
            audit(21, 0, 0, comment(210, ANA, 0)),
            audit(22, 0, 0, comment(220, ANA, 0)),
            audit(23, 0, 0, comment(230, ANA, 0)),
            audit(23, 1, 2, comment(231, INES, 2)),
            audit(23, 2, 2, {"event_type": "Comment", "comment_present": True, "comment_public": True}),
        ],
        satisfaction_ratings=[
            {"id": 900, "ticket_id": 19, "score": "good", "created_at": at(60), "updated_at": at(60)},
        ],
        deleted_tickets=[{"id": 21, "deleted_at": at(200)}],
        ai_conversations=[
            ai_conversation(
                11,
                ai_message(110, "visitor"),
                ai_message(
                    111,
                    "bot",
                    intent="export",
                    confidence=0.91,
                    knowledgeSources=[{"articleId": 400, "articleVersion": 2, "relevance": 0.8}],
                    actions=[{"name": "look_up", "status": "ok", "durationMs": 120}],
                ),
                botVersion="2.4",
            ),
            ai_conversation(
                12,
                ai_message(121, "bot"),
                ai_message(122, "agent"),
                escalated=True,
                escalatedAt=at(5),
                resolutionState="escalated",
            ),
        ],
    )


def _zendesk_records(vendors: Vendors) -> None:
    vendors.zendesk(
        groups=[{"id": FIRST_LINE, "name": "Frontline"}, {"id": BILLING, "name": "Billing"}],
        group_memberships=[
            {
                "id": 1,
                "user_id": HUGO,
                "group_id": FIRST_LINE,
                "default": True,
                "created_at": at(-9000),
                "updated_at": at(-9000),
            },
        ],
        ticket_fields=[{"id": field, "title": title} for field, title in FIELDS.items()],
        organizations=[
            organization(ACME, "Acme", ["acme.test", "gmail.com"], tier="business", crm_id="5001"),
            organization(TWIN, "Twin", ["twin.test"]),
        ],
        users=[
            user(ANA, "end-user", "Ana", email="ana@acme.test", external_id="u-1", organization_id=ACME),
            user(BOB, "end-user", "Bob", email="BOB@Acme.test", organization_id=ACME),
            user(HUGO, "agent", "Hugo", hired_on="2024-01-15", role_title="agent"),
            user(INES, "agent", "Ines", hired_on="2025-06-01"),
            user(FLOW, "agent", "Sam Whitlock", is_automation=True),
            user(NOVA, "agent", "Nova"),
            user(OTTO, "agent", "Otto", role_title="team_lead", role_history=OTTOS_HISTORY, hired_on="2024-05-02"),
        ],
        articles=[_article("Export", "Choose Export.", -5000)],
    )


def _article(title: str, body: str, edited: float, **fields: object) -> dict:
    return {
        "id": 400,
        "locale": "en-us",
        "title": title,
        "body": body,
        "draft": False,
        "created_at": at(-6000),
        "edited_at": at(edited),
        "updated_at": at(edited),
    } | fields


def _company(number: int, domain: str, updated: float = -1000, **properties: str) -> dict:
    return crm(number, updated, name=f"Company {number}", domain=domain, createdate=stamp(-500_000), **properties)


def _hubspot_records(vendors: Vendors) -> None:
    acme = {"tier": "business", "segment": "smb", "arr": "12000", "renewal_month": "5"}
    vendors.hubspot(
        owners=[owner(1, "Olga", "Support")],
        actors=[
            {"id": "B-7", "name": "Nova", "type": "BOT"},
            {"id": "I-3", "name": "Workflow", "type": "INTEGRATION"},
            {"id": "V-6001", "name": "Ana", "type": "VISITOR"},
        ],
        companies=[
            _company(5001, "www.ACME.test", **acme),
            _company(5002, "gmail.com"),
            _company(5003, "gmail.com"),
            _company(5004, "twin.test"),
            _company(5005, "twin.test"),
        ],
        contacts=[
            crm(
                6001,
                email="Ana@Acme.test",
                hs_additional_emails="ana.private@mail.test",
                product_user_id="u-1",
                associatedcompanyid="5001",
                createdate="1767225600000",
            ),
            crm(6003, email="shared@x.test", product_user_id="u-3"),
            crm(6004, email="SHARED@x.test", product_user_id="u-4"),
            crm(6005, email="shared@x.test"),
        ],
        deals=[
            crm(
                7001,
                dealstage="closedwon",
                deal_kind="new",
                arr_before="0",
                arr_after="10000",
                closedate=stamp(-400_000),
            ),
            crm(
                7002,
                dealstage="closedwon",
                deal_kind="expansion",
                arr_before="10000",
                arr_after="12000",
                closedate="2026-01-10",
            ),
            crm(
                7003,
                dealstage="contractsent",
                deal_kind="renewal",
                arr_before="12000",
                arr_after="12000",
                closedate=stamp(9000),
            ),
        ],
        pipelines=[
            {
                "_object": "tickets",
                "id": "77",
                "stages": [{"id": "done", "label": "Done", "metadata": {"ticketState": "CLOSED"}}],
            },
        ],
    )
    vendors.hubspot(
        associations=[link("deals", deal, "companies", 5001) for deal in (7001, 7002, 7003)],
    )


def _hub_ticket(number: int, updated: float, **properties: str | None) -> dict:
    stated = {"hs_pipeline": "0", "hs_pipeline_stage": "3", "source_type": "CHAT", "hs_ticket_category": "billing"}
    stated |= {"createdate": stamp(0), "conversation_language": "en", "hs_ticket_priority": "MEDIUM"}
    return crm(number, updated, **stated | properties)


def _hubspot_tickets(vendors: Vendors) -> None:
    vendors.hubspot(
        tickets=[
            _hub_ticket(
                9001, 90, createdate="1772442000000", hs_pipeline="77", hs_pipeline_stage="done", closed_date=at(30)
            ),
            _hub_ticket(9002, 10, createdate=stamp(10)),
            _hub_ticket(9003, 20, createdate=stamp(20)),
            _hub_ticket(9004, 30),
            _hub_ticket(9005, 40),
        ],
        threads=[
            thread(1, 9001, 6001),
            thread(2, 9002, 6001, 10),
            thread(3, 9003, 6001, 20),
            thread(4, 9004, 6001),
            thread(5, 9005, 6002),
        ],
        messages=[
            entry(1, 9001, "m1", "V-6001", 0),
            entry(1, 9001, "m2", "B-7", 1),
            entry(1, 9001, "m3", OWNER, 2),
            entry(1, 9001, "m4", OWNER, 3, type="COMMENT"),
            entry(1, 9001, "m5", "I-3", 4),
            entry(1, 9001, "m6", "S-hubspot", 5, type="AI_SUMMARY"),
            entry(1, 9001, "m7", OWNER, 2, type="ASSIGNMENT", assignedTo=OWNER, text=None, senders=[]),
            entry(2, 9002, "m1-2", "V-6001", 10),
            entry(3, 9003, "m1-3", "V-6001", 20),
            entry(3, 9003, "m2-3", OWNER, 700),
            entry(4, 9004, "m1-4", "V-6001", 0),
            entry(5, 9005, "m1-5", "V-6002", 0),
            entry(5, 9005, "m2-5", OWNER, 1),
        ],
        feedback_submissions=[crm(8001, 80, hs_value="5", hs_submission_timestamp=stamp(80))],
        associations=[link("tickets", 9001, "contacts", 6001), link("tickets", 9001, "companies", 5001)],
    )


def day_two(vendors: Vendors) -> None:
    """What the vendors state anew: people come late, tickets merge, are deleted and redacted, facts are corrected."""
    freshdesk_world.day_two(vendors)
    vendors.zendesk(
        tickets=[
            ticket(14, BOB, 100, changed=2000, status="closed", organization_id=ACME, tags=["closed_by_merge"]),
            ticket(15, BOB, 120, changed=2000, organization_id=ACME),
            ticket(16, ANA, changed=2000, status="deleted"),
            ticket(30, ANA, 20_000, organization_id=ACME),
        ],
        ticket_events=[
            audit(
                14,
                5,
                2000,
                change("status", "closed"),
                comment(142, HUGO, 2000, "merged into #15", public=False),
                via=MERGE,
            ),
            audit(
                15, 5, 2000, comment(152, HUGO, 2000, "#14 was merged", public=False), via=MERGE, merged_ticket_ids=[14]
            ),
            audit(
                17,
                5,
                2000,
                {"event_type": "Change", "comment_redaction": True, "comment_id": 170},
                comment(170, ANA, 0, "My account is ▇▇▇▇"),
            ),
            audit(30, 0, 20_000, comment(300, ANA, 20_000)),
        ],
        satisfaction_ratings=[
            {"id": 900, "ticket_id": 19, "score": "bad", "created_at": at(60), "updated_at": at(2000)},
        ],
        deleted_tickets=[{"id": 16, "deleted_at": at(2000)}],
        users=[
            user(LATE, "end-user", "Lia", organization_id=ACME),
            user(INES, "agent", "Ines", hired_on="2025-06-01", is_automation=True, updated_at=at(2000)),
            user(HUGO, "agent", "Hugo", hired_on="2024-01-15", role_title="team_lead", updated_at=at(2000)),
        ],
        groups=[{"id": FIRST_LINE, "name": "First line"}],
        group_memberships=[
            {
                "id": 1,
                "user_id": HUGO,
                "group_id": BILLING,
                "default": True,
                "created_at": at(-9000),
                "updated_at": at(1500),
            },
        ],
        organizations=[
            organization(ACME, "Acme", ["acme.test", "gmail.com"], 10_000, tier="enterprise", crm_id="5001"),
        ],
        articles=[_article("Export", "Choose Export, then CSV.", 1000)],
    )
    vendors.hubspot(
        owners=[owner(1, "Olga", "Care", 600)],
        companies=[
            _company(5001, "www.ACME.test", 10_000, tier="enterprise", segment="smb", arr="15000", renewal_month="5"),
        ],
        contacts=[crm(6002, email="bob@acme.test", product_user_id="u-2", associatedcompanyid="5001")],
        tickets=[
            _hub_ticket(9003, 2000, createdate=stamp(20), hs_merged_object_ids="9002"),
            crm(9004, 2000, archived=True, createdate=stamp(0)),
        ],
        threads=[thread(2, 9003, 6001, 10)],
        messages=[entry(2, 9003, "m1-2", "V-6001", 10)],
        associations=[link("feedback_submissions", 8001, "tickets", 9001)],
    )
    vendors.land("mixpanel", "events", product_event(6, "u-2", 3000), removed=("pev-4",))
    # on the second day the kiosk says whose it is, and somebody else does so, too
    vendors.land(
        "amplitude",
        "events",
        amplitude_event(6, "u-1", "kiosk", 3000),
        amplitude_event(7, "u-2", "kiosk", 3001),
        removed=("amp-5",),
    )
    # a quarter of a second later than it was said to have happened before
    moved = posthog_event(9, "u-1", 12 + 0.25 / 60, name="moved")
    # the vendor says no longer whose it is
    taken_back = posthog_event(10, TABLET, 13)
    vendors.land("posthog", "events", posthog_event(8, "u-2", 3000), moved, taken_back, removed=("phg-5",))
    # nothing lands for this one: somebody has corrected which field holds the topic
    Vendors(vendors.settings, vendors.as_of, "second").configure("zendesk", topic_field=56)
