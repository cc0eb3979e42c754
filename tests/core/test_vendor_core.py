"""Core of three vendors on a real warehouse: two days as they land, against what they mean, and against one build of both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from freshdesk_world import GINA, OUTLET
from psycopg.rows import dict_row
from vendor_world import day_one, day_two

from checksums import digests
from touchstone import pipeline
from touchstone.dbt import run_dbt
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect
from vendor_rows import Vendors, moment
from warehouses import new_warehouse

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
Row = dict[str, Any]


def run(settings: Settings) -> None:
    for step in ("stage", "clean", "core", "facts", "gaps", "marts"):
        pipeline.STEPS[step](AS_OF, settings)


@dataclass
class Core:
    """The tables of one moment, by what tests ask for."""

    tables: dict[str, list[Row]]

    def interaction(self, interaction_id: int | str) -> Row:
        return next(row for row in self.tables["interactions"] if row["interaction_id"] == str(interaction_id))

    def messages(self, interaction_id: int | str) -> dict[str, Row]:
        key = self.interaction(interaction_id)["interaction_key"]
        found = [row for row in self.tables["messages"] if row["interaction_key"] == key]
        return {row["message_id"]: row for row in sorted(found, key=lambda row: row["ordinal"])}

    def rows(self, table: str, interaction_id: int | str) -> list[Row]:
        key = self.interaction(interaction_id)["interaction_key"]
        return [row for row in self.tables[table] if row["interaction_key"] == key]

    def agent(self, agent_id: int | str) -> Row:
        return next(row for row in self.tables["agents"] if row["agent_id"] == str(agent_id))

    def account(self, account_id: int | str) -> Row:
        return next(row for row in self.tables["accounts"] if row["account_id"] == str(account_id))

    def customer(self, customer_id: int | str) -> Row:
        # another instance has customers of the same numbers
        found = (row for row in self.tables["customers"] if row["instance"] == "main")
        return next(row for row in found if row["customer_id"] == str(customer_id))


def read(settings: Settings) -> Core:
    names = [
        "interactions",
        "messages",
        "ratings",
        "status_events",
        "assignments",
        "source_handoffs",
        "answers",
        "tool_calls",
        "agents",
        "agent_teams",
        "accounts",
        "account_history",
        "customers",
        "deals",
        "article_versions",
        "product_events",
        "identity_matches",
    ]
    with connect("transformer", settings=settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        tables = {name: cursor.execute(f"select * from core.{name}").fetchall() for name in names}
        tables["issues"] = cursor.execute("select * from facts.issues").fetchall()
        tables["episodes"] = cursor.execute("select * from facts.episodes order by episode_number").fetchall()
        tables["changes"] = cursor.execute("select * from ops.interaction_changes order by change_id").fetchall()
        tables["quarantine"] = cursor.execute("select * from ops.quarantine").fetchall()
    return Core(tables)


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory) -> dict[str, tuple[int, str]]:
    """Digests of both days built at once."""
    with new_warehouse(server, "vendors_whole", tmp_path_factory.mktemp("whole")) as settings:
        vendors = Vendors(settings, AS_OF)
        day_one(vendors)
        day_two(vendors)
        run(settings)
        return digests(settings, "core", "clean", "facts")


@pytest.fixture(scope="module")
def days(whole, server, tmp_path_factory):
    """(settings, core after the first day, core after the second); later tests see the warehouse of the second."""
    with new_warehouse(server, "vendors_stepwise", tmp_path_factory.mktemp("stepwise")) as settings:
        vendors = Vendors(settings, AS_OF)
        day_one(vendors)
        run(settings)
        first = read(settings)
        day_two(vendors)
        run(settings)
        yield settings, first, read(settings)


@pytest.fixture(scope="module")
def one(days) -> Core:
    return days[1]


@pytest.fixture(scope="module")
def two(days) -> Core:
    return days[2]


def test_two_days_give_what_one_build_gives(whole, days):
    grown = digests(days[0], "core", "clean", "facts")
    assert grown.keys() == whole.keys()
    assert {name for name in whole if grown[name] != whole[name]} == set()
    assert whole["core.messages"][0] > 40


# --- who speaks


def test_actors_are_told_apart_and_automations_are_never_people(one):
    messages = one.messages(10)
    assert {message: row["actor"] for message, row in messages.items()} == {
        "100": "customer",
        "101": "human_agent",
        "102": "human_agent",
        "103": "system",
        "104": "system",
        "105": "system",
        "106": "customer",
        "107": "human_agent",
    }
    assert {message for message, row in messages.items() if row["is_automation"]} == {"103", "104", "105"}
    # the workflow is an agent of its own kind; what a rule posts in a person's name is nobody's
    assert messages["103"]["agent_key"] == one.agent(2003)["agent_key"]
    assert messages["105"]["agent_key"] is None
    interaction = one.interaction(10)
    assert (interaction["human_message_count"], interaction["internal_message_count"]) == (2, 1)
    assert interaction["first_human_reply_at"] == moment(5)


def test_an_internal_note_is_no_reply(one):
    assert one.messages(10)["102"]["is_internal"]
    assert not one.messages(10)["101"]["is_internal"]


def test_answers_of_ai_agents_carry_what_their_export_states(one):
    assert one.interaction(11)["handled_by"] == "ai_only"
    answer = one.rows("answers", 11)[0]
    assert (answer["stated_intent"], float(answer["stated_confidence"]), answer["agent_version"]) == (
        "export",
        0.91,
        "2.4",
    )
    assert answer["sources"] == [{"article_id": "400", "version": 2, "relevance": 0.8}]
    call = one.rows("tool_calls", 11)[0]
    assert (call["tool_name"], call["status"], float(call["duration_ms"])) == ("look_up", "ok", 120)
    assert one.interaction(12)["handled_by"] == "ai_then_human"


def test_an_account_that_the_ai_export_names_is_an_ai_agent_everywhere(one):
    assert one.messages(13)["131"]["actor"] == "ai_agent"
    assert one.agent(2004)["kind"] == "ai_agent"
    # the export names people who took over, too
    assert one.agent(2001)["kind"] == "human_agent"


def test_a_person_who_turns_out_to_be_an_automation_leaves_the_replies(one, two):
    assert one.messages(23)["231"]["actor"] == "human_agent"
    assert two.messages(23)["231"]["actor"] == "system"
    assert two.interaction(23)["human_message_count"] == 0
    agent = two.agent(2002)
    assert (agent["kind"], agent["automation_reason"]) == ("automation", "user field is_automation")


def test_an_unknown_author_is_quarantined_and_comes_back_with_the_user(one, two):
    assert set(one.messages(18)) == {"180", "182"}
    assert one.interaction(18)["excluded_reason"] == "incomplete"
    assert [row["record_id"] for row in one.tables["quarantine"] if "author_id" in row["reason"]] == ["181"]
    assert two.messages(18)["181"]["actor"] == "customer"
    assert two.interaction(18)["excluded_reason"] is None


def test_hubspot_actors_are_known_by_the_kind_of_their_id(one):
    messages = one.messages(9001)
    assert {message: (row["actor"], row["is_internal"], row["is_automation"]) for message, row in messages.items()} == {
        "m1": ("customer", False, False),
        "m2": ("ai_agent", False, False),
        "m3": ("human_agent", False, False),
        "m4": ("human_agent", True, False),
        "m5": ("system", False, True),
    }
    assert (one.agent("I-3")["kind"], one.agent("B-7")["kind"]) == ("automation", "ai_agent")
    assert one.agent("A-70000001")["agent_name"] == "Olga"


# --- what an interaction is


def test_header_fields_come_from_custom_fields_and_properties(one):
    row = one.interaction(10)
    assert (row["channel"], row["topic"], row["language"], row["priority"], row["status"]) == (
        "email",
        "billing",
        "en",
        "normal",
        "closed",
    )
    row = one.interaction(9001)
    assert (row["channel"], row["topic"], row["language"], row["priority"], row["status"]) == (
        "chat",
        "billing",
        "en",
        "normal",
        "closed",
    )
    # milliseconds since 1970 in one field, ISO 8601 in the next
    assert (row["started_at"], row["solved_at"]) == (datetime(2026, 3, 2, 9, tzinfo=UTC), moment(30))


def test_the_configuration_says_which_field_means_what_and_a_correction_works_all_tickets_on_again(one, two):
    assert (one.interaction(40)["topic"], two.interaction(40)["topic"]) == ("sync", "login")


def test_values_that_the_model_does_not_know_break_nothing(one):
    row = one.interaction(20)
    assert (row["channel"], row["status"]) == ("other", None)
    assert (row["attributes"]["via_channel"], row["attributes"]["stated_status"]) == ("holo_call", "awaiting_parts")


def test_solved_means_since_the_last_reopening(one):
    row = one.interaction(10)
    assert (row["solved_at"], row["closed_at"]) == (moment(50), moment(5000))
    assert [(event["status"], event["changed_at"]) for event in _in_time(one.rows("status_events", 10))] == [
        ("new", moment(0)),
        ("open", moment(1)),
        ("solved", moment(30)),
        ("open", moment(40)),
        ("solved", moment(50)),
        ("closed", moment(5000)),
    ]
    # what Zendesk measured stands in where no audit tells
    assert one.interaction(19)["solved_at"] == moment(40)


def test_a_word_after_the_solution_opens_an_episode(one):
    episodes = one.rows("episodes", 10)
    assert [row["close_reason"] for row in episodes] == ["reopened", "source"]


def test_the_latest_rating_counts(one, two):
    assert [float(row["rating"]) for row in one.rows("ratings", 19)] == [1]
    assert [(float(row["rating"]), row["is_positive"]) for row in two.rows("ratings", 19)] == [(0, False)]


def test_a_survey_finds_its_ticket_when_the_association_lands(one, two):
    assert one.rows("ratings", 9001) == []
    rating = two.rows("ratings", 9001)[0]
    assert (float(rating["rating"]), float(rating["rating_scale_max"]), rating["is_positive"]) == (5, 5, True)


# --- what happens to it


def test_a_deletion_takes_the_messages_and_leaves_the_header(one, two):
    assert set(one.messages(16)) == {"160"}
    row = two.interaction(16)
    assert (two.messages(16), row["excluded_reason"], row["deleted_at"]) == ({}, "deleted", moment(2000))
    row = two.interaction(9004)
    assert (two.messages(9004), row["excluded_reason"], row["deleted_at"]) == ({}, "deleted", moment(2000))


def test_a_restored_ticket_is_not_deleted(one):
    assert one.interaction(21)["deleted_at"] is None
    assert set(one.messages(21)) == {"210"}


def test_a_redaction_replaces_the_text_and_nothing_else(one, two):
    before, after = one.messages(17)["170"], two.messages(17)["170"]
    assert before["text"].startswith("My account is [")
    assert after["text"] == "My account is ▇▇▇▇"
    assert (after["sent_at"], after["actor"], len(two.messages(17))) == (before["sent_at"], "customer", 2)


@pytest.mark.parametrize(("loser", "survivor", "counts"), [(14, 15, (2, 6)), (9002, 9003, (2, 3))])
def test_merged_tickets_are_one(one, two, loser, survivor, counts):
    assert len(one.messages(survivor)) == counts[0]
    assert one.interaction(loser)["excluded_reason"] is None or loser == 9002  # nobody had answered that one
    gone, kept = two.interaction(loser), two.interaction(survivor)
    assert (gone["excluded_reason"], gone["merged_into_interaction_key"]) == ("merged", kept["interaction_key"])
    assert (two.messages(loser), gone["message_count"]) == ({}, 0)
    messages = two.messages(survivor)
    assert len(messages) == kept["message_count"] == counts[1]
    # in the order of time, from the moment at which the first of the two began
    assert [row["sent_at"] for row in messages.values()] == sorted(row["sent_at"] for row in messages.values())
    assert kept["started_at"] == one.interaction(loser)["started_at"] < one.interaction(survivor)["started_at"]
    everywhere = [row["message_id"] for row in two.tables["messages"] if row["message_id"] in messages]
    assert sorted(everywhere) == sorted(messages)


def test_the_notice_of_a_merge_is_no_reply(two):
    notices = [two.messages(15)[message] for message in ("142", "152")]
    assert [(row["actor"], row["is_internal"], row["agent_key"]) for row in notices] == [("system", True, None)] * 2


def test_both_sides_of_a_merge_are_worked_on_again(days):
    settings, _, core = days
    with connect("loader", settings=settings) as connection:
        loads = connection.execute("select max(run_id) from ops.runs where step = 'stage'").fetchone()[0]
    again = {row["interaction_id"]: row["reason"] for row in core.tables["changes"] if row["run_id"] == loads}
    assert again["9002"] == "landed"  # its thread left it
    assert {again["14"], again["15"], again["9003"]} == {"landed"}
    assert again["23"] == "referenced"
    assert again["9005"] == "identity"
    # the person was known already, and nothing else of the ticket changed
    assert "13" not in again


def test_a_thread_that_changes_its_ticket_belongs_to_the_new_one(two):
    assert set(two.messages(9003)) == {"m1-2", "m1-3", "m2-3"}


def test_spam_is_excluded(one):
    assert one.interaction(22)["excluded_reason"] == "spam_or_test"


# --- agents, teams, assignments, handoffs


def test_agents_have_hiring_dates_and_a_history_of_teams_and_roles(one, two):
    agent = one.agent(2001)
    assert agent["hired_at"] == agent["started_at"] == datetime(2024, 1, 15, tzinfo=UTC)
    assert (agent["team"], agent["role"], agent["first_seen_at"]) == ("Frontline", "agent", moment(3))
    key = agent["agent_key"]
    history = sorted(
        (row for row in two.tables["agent_teams"] if row["agent_key"] == key), key=lambda row: row["valid_from"]
    )
    assert [(row["team"], row["role"], row["valid_from"], row["valid_to"]) for row in history[-3:]] == [
        ("First line", "agent", moment(-9000), moment(1500)),
        ("Billing", "agent", moment(1500), moment(2000)),
        ("Billing", "team_lead", moment(2000), None),
    ]
    key = one.agent(2005)["agent_key"]
    assert sorted(
        (row["valid_from"], row["team"], row["role"]) for row in one.tables["agent_teams"] if row["agent_key"] == key
    ) == [
        (datetime(2024, 5, 2, tzinfo=UTC), "Frontline", "agent"),
        (datetime(2025, 6, 1, tzinfo=UTC), "Billing", "team_lead"),
    ]
    # a source that states no hiring date leaves the first message
    olga = two.agent("A-70000001")
    assert (olga["hired_at"], olga["started_at"]) == (None, moment(1))


def test_a_renamed_group_is_renamed_for_those_who_are_no_longer_in_it(one, two):
    def teams(core: Core) -> list[str]:
        key = core.agent(GINA)["agent_key"]
        found = [row for row in core.tables["agent_teams"] if row["agent_key"] == key]
        return [row["team"] for row in sorted(found, key=lambda row: row["valid_from"])]

    assert teams(one) == ["Desk", "Back office"]
    assert teams(two) == ["Front desk", "Back office"]


def test_teams_are_those_of_the_moment(one, two):
    assert one.messages(10)["101"]["team"] == "Frontline"
    assert two.messages(10)["101"]["team"] == "First line"  # the group was renamed, not left
    assert two.messages(9001)["m3"]["team"] == "Support"
    assert (one.messages(9003)["m2-3"]["team"], two.messages(9003)["m2-3"]["team"]) == ("Support", "Care")


def test_assignments_and_handoffs_are_as_the_source_states_them(one):
    hugo, ines, nova = (one.agent(number)["agent_key"] for number in (2001, 2002, 2004))
    assert [
        (row["from_agent_key"], row["to_agent_key"], row["from_team"], row["to_team"], row["assigned_at"])
        for row in one.rows("assignments", 12)
    ] == [(None, hugo, None, "Billing", moment(5)), (hugo, ines, "Billing", "Billing", moment(20))]
    handoffs = sorted(one.rows("source_handoffs", 12), key=lambda row: row["handoff_number"])
    assert [
        (row["stated_by"], row["from_agent_key"], row["to_agent_key"], row["to_team"], row["reason"])
        for row in handoffs
    ] == [("reason", nova, hugo, "Billing", "policy"), ("assignment", hugo, ines, "Billing", None)]


# --- who is who


def test_one_person_is_known_by_address_or_product_id(one, two):
    ana, contact = one.customer(1001), one.customer(6001)
    assert ana["customer_key"] != contact["customer_key"]
    assert (
        ana["person_key"]
        == contact["person_key"]
        == min(row["customer_key"] for row in one.tables["customers"] if row["person_key"] == ana["person_key"])
    )

    def joined(customer: Row) -> set[tuple[str, str]]:
        """By which rule to which record; that of a value is the one that all of its holders are matched with."""
        return {
            (row["rule"], row["left_key"])
            for row in one.tables["identity_matches"]
            if customer["customer_key"] in (row["left_key"], row["right_key"])
        }

    assert {rule for rule, _ in joined(ana) & joined(contact)} == {"email", "external_id"}
    assert two.interaction(10)["person_key"] == two.interaction(9001)["person_key"] == ana["person_key"]


def test_an_address_of_two_people_joins_nobody(one):
    shared = [one.customer(number)["customer_key"] for number in (6003, 6004, 6005)]
    assert [one.customer(number)["person_key"] for number in (6003, 6004, 6005)] == shared
    pairs = [row for row in one.tables["identity_matches"] if row["right_key"] in shared]
    assert {(row["match_status"], row["canonical_key"]) for row in pairs} == {("conflict", None)}
    assert all("different user ids" in row["reason"] for row in pairs)


def test_a_late_match_works_the_interactions_on_again(one, two):
    assert one.interaction(9005)["person_key"] != one.interaction(11)["person_key"]
    person = two.interaction(11)["person_key"]
    assert {two.interaction(number)["person_key"] for number in (11, 12, 9005)} == {person}
    reasons = {row["reason"] for row in two.tables["changes"] if row["interaction_id"] == "9005"}
    assert reasons == {"landed", "identity"}


def test_issues_are_stitched_by_person(one, two):
    def issues(core: Core, number: int) -> list[Row]:
        person = core.interaction(number)["person_key"]
        return [row for row in core.tables["issues"] if row["person_key"] == person and row["topic"] == "billing"]

    before, alone, after = issues(one, 11), issues(one, 9005), issues(two, 11)
    # the two tickets that were merged on the second day count once then
    assert [row["interaction_count"] for row in before] == [4]
    assert [row["interaction_count"] for row in alone] == [1]
    assert [row["interaction_count"] for row in after] == [4]
    old_person = one.interaction(9005)["person_key"]
    if old_person != two.interaction(9005)["person_key"]:
        assert [row for row in two.tables["issues"] if row["person_key"] == old_person] == []


def test_accounts_join_by_domain_and_crm_id_but_never_by_a_mail_provider(one):
    acme, company = one.account(501), one.account(5001)
    assert acme["organization_key"] == company["organization_key"]
    assert one.account(5002)["organization_key"] != one.account(5003)["organization_key"]
    assert one.account(5002)["organization_key"] != company["organization_key"]
    # one domain, two companies of the CRM: nobody is joined
    keys = {number: one.account(number)["account_key"] for number in (504, 5004, 5005)}
    assert [one.account(number)["organization_key"] for number in keys] == list(keys.values())
    conflicts = [row for row in one.tables["identity_matches"] if row["right_key"] in keys.values()]
    assert len(conflicts) == 2
    assert {row["match_status"] for row in conflicts} == {"conflict"}


def test_interactions_have_the_account_that_all_systems_share(one):
    organization_key = one.account(5001)["organization_key"]
    assert one.interaction(10)["organization_key"] == organization_key
    assert one.interaction(11)["account_key"] == one.account(501)["account_key"]  # by way of the requester
    assert one.interaction(9001)["organization_key"] == organization_key


def test_nothing_that_identifies_a_person_is_kept_in_the_clear(days):
    with connect("transformer", settings=days[0]) as connection:
        found = connection.execute(
            """
            select count(*) from core.identity_matches where identity_matches::text ~* 'acme|mail[.]test|u-1'
            """
        ).fetchone()[0]
        values = connection.execute("select distinct length(value_hash) from core.identity_matches").fetchall()
    assert (found, values) == (0, [(64,)])


# --- accounts, deals, articles, events


def test_tiers_are_those_of_the_moment(two):
    assert two.interaction(10)["tier"] == "business"
    assert two.interaction(30)["tier"] == "enterprise"
    assert two.interaction(9001)["tier"] == "business"


def test_a_company_that_is_deleted_leaves_past_conversations_their_tier(one, two):
    key = one.account(OUTLET)["account_key"]
    for core in (one, two):
        assert core.interaction(30015)["tier"] == "standard"
        assert {row["tier"] for row in core.tables["account_history"] if row["account_key"] == key} == {"standard"}


def test_the_history_of_an_account_follows_the_crm_and_its_deals(two):
    key = two.account(5001)["account_key"]
    history = sorted(
        (row for row in two.tables["account_history"] if row["account_key"] == key), key=lambda r: r["valid_from"]
    )
    assert [(row["tier"], None if row["arr"] is None else float(row["arr"]), row["is_assumed"]) for row in history] == [
        ("business", 0, True),
        ("business", 10000, True),
        ("business", 12000, True),
        ("business", 12000, False),
        ("enterprise", 15000, False),
    ]
    assert [row["valid_to"] for row in history[:-1]] == [row["valid_from"] for row in history[1:]]
    assert (history[-1]["valid_from"], history[-1]["is_current"]) == (moment(10_000), True)


def test_deals_belong_to_their_account(one):
    deals = {row["deal_id"]: row for row in one.tables["deals"]}
    assert {deal: (row["deal_kind"], row["outcome"]) for deal, row in deals.items()} == {
        "7001": ("new", "won"),
        "7002": ("expansion", "won"),
        "7003": ("renewal", "open"),
    }
    assert {row["account_key"] for row in deals.values()} == {one.account(5001)["account_key"]}


def test_articles_keep_their_versions(two):
    versions = sorted(two.tables["article_versions"], key=lambda row: row["version_number"])
    assert [(row["version_number"], row["body"], row["is_current"], row["valid_to"]) for row in versions] == [
        (1, "Choose Export.", False, moment(1000)),
        (2, "Choose Export, then CSV.", True, None),
    ]


def events_of(core: Core, source: str) -> dict[str, Row]:
    return {row["event_id"]: row for row in core.tables["product_events"] if row["source"] == source}


@pytest.mark.parametrize(
    ("source", "prefix", "first", "second"),
    [
        ("amplitude", "amp", {1, 2, 4, 5}, {1, 2, 4, 6, 7}),
        ("posthog", "phg", {1, 2, 4, 5, 7, 9, 10}, {1, 2, 4, 7, 8, 9, 10}),
    ],
)
def test_events_of_other_analytics_tools_join_the_helpdesks_customers(one, two, source, prefix, first, second):
    """What tells who somebody is (`$identify`, `$create_alias`) is no event of the product."""
    events = events_of(two, source)
    assert set(events_of(one, source)) == {f"{prefix}-{number}" for number in first}
    assert set(events) == {f"{prefix}-{number}" for number in second}
    assert events[f"{prefix}-1"]["properties"] == {"plan": "pro"}
    assert (events[f"{prefix}-1"]["occurred_at"], events[f"{prefix}-1"]["received_at"]) == (moment(5), moment(5))
    person = {row["customer_key"]: row["person_key"] for row in two.tables["customers"]}

    def person_of(number: int) -> str:
        return person[events[f"{prefix}-{number}"]["customer_key"]]

    ana, bob = two.customer(1001)["person_key"], two.customer(1002)["person_key"]
    assert person_of(1) == ana
    # what a device did before somebody signed in with it was that person
    assert person_of(2) == bob
    # a device of nobody, or of two, is nobody known
    assert person_of(4) not in (ana, bob)
    if source == "posthog":
        assert person_of(7) not in (ana, bob)
        # what was said once stays said
        assert person_of(10) == ana


def test_an_event_whose_time_changes_moves_to_it(one, two):
    def moments(core: Core) -> list[datetime]:
        return [row["occurred_at"] for row in core.tables["product_events"] if row["event_id"] == "phg-9"]

    assert (moments(one), moments(two)) == ([moment(12)], [moment(12 + 0.25 / 60)])


def test_product_events_are_added_and_removed_by_their_loads(one, two):
    assert set(events_of(one, "mixpanel")) == {f"pev-{number}" for number in range(1, 6)}
    events = events_of(two, "mixpanel")
    assert set(events) == {"pev-1", "pev-2", "pev-3", "pev-5", "pev-6"}
    assert events["pev-1"]["properties"]["plan"] == "pro"
    # the wall clock of a project in Berlin is an hour ahead of UTC in March
    assert events["pev-5"]["occurred_at"] == moment(0)
    # the person behind the event, but no address
    assert "$email" not in events["pev-2"]["properties"]
    person = {row["customer_key"]: row["person_key"] for row in two.tables["customers"]}
    assert person[events["pev-2"]["customer_key"]] == two.customer(1002)["person_key"]


def test_the_claims_of_the_models_hold(days):
    """The unit tests of the dbt project; they need the relations whose place their rows take."""
    counts = run_dbt("test", as_of=AS_OF, settings=days[0], arguments=("--select", "test_type:unit"))
    assert set(counts) == {"pass"}
    assert counts["pass"] > 10


def test_a_day_on_which_nothing_lands_works_on_nothing(days):
    settings, _, core = days
    assert pipeline.stage(AS_OF, settings) == 0
    pipeline.clean(AS_OF, settings)
    assert pipeline.build_core(AS_OF, settings) == 0
    assert read(settings).tables["interactions"] == core.tables["interactions"]


def test_interactions_built_anew_over_records_that_stay_give_what_one_build_gives(whole, days):
    """As after an upgrade that defines interactions otherwise, but not whom their customers are known to be."""
    settings = days[0]
    with connect(settings=settings) as connection:
        connection.execute(
            """
            update ops.built_relations set definition = 'of an earlier version'
            where relation = 'core.interactions' or relation like any(array['facts.%', 'marts_build.%'])
            """
        )
        before = connection.execute(
            "select 'core.interactions'::regclass::oid, 'core.agents'::regclass::oid"
        ).fetchone()
    run(settings)
    built = digests(settings, "core", "clean", "facts")
    assert {name for name in whole.keys() | built.keys() if built.get(name) != whole.get(name)} == set()
    with connect(settings=settings) as connection:
        after = connection.execute("select 'core.interactions'::regclass::oid, 'core.agents'::regclass::oid").fetchone()
    assert after[0] != before[0]
    assert after[1] == before[1]


def _in_time(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["changed_at"])
