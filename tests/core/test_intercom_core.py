"""Core of Intercom on a real warehouse: two days as they land, against what they mean, and against one build of both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from intercom_world import CLEO, DORA, EVE, OLGA, ORION, PIA, RIA, SAM, day_one, day_two
from psycopg.rows import dict_row
from test_vendor_core import new_warehouse

from checksums import digests
from touchstone import pipeline
from touchstone.dbt import run_dbt
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect
from vendor_rows import Vendors, moment

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
TABLES = (
    "interactions",
    "messages",
    "ratings",
    "status_events",
    "assignments",
    "source_handoffs",
    "answers",
    "agents",
    "agent_teams",
    "accounts",
    "customers",
    "article_versions",
    "identity_matches",
)
Row = dict[str, Any]


def run(settings: Settings) -> None:
    for step in ("stage", "clean", "core"):
        pipeline.STEPS[step](AS_OF, settings)


@dataclass
class Core:
    """The tables of one moment."""

    tables: dict[str, list[Row]]

    def one(self, table: str, **wanted: Any) -> Row:
        (found,) = self.all(table, **wanted)
        return found

    def all(self, table: str, **wanted: Any) -> list[Row]:
        return [
            row
            for row in self.tables[table]
            if row.get("source") in (None, "intercom") and wanted.items() <= row.items()
        ]

    def interaction(self, number: int) -> Row:
        return self.one("interactions", interaction_id=str(number))

    def of(self, table: str, number: int) -> list[Row]:
        return self.all(table, interaction_key=self.interaction(number)["interaction_key"])

    def messages(self, number: int) -> dict[str, Row]:
        return {row["message_id"]: row for row in self.of("messages", number)}


def read(settings: Settings) -> Core:
    with connect("transformer", settings=settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return Core({name: cursor.execute(f"select * from core.{name}").fetchall() for name in TABLES})


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory) -> dict[str, tuple[int, str]]:
    """Digests of both days built at once."""
    with new_warehouse(server, "intercom_whole", tmp_path_factory.mktemp("whole")) as settings:
        vendors = Vendors(settings, AS_OF)
        day_one(vendors)
        day_two(vendors)
        run(settings)
        return digests(settings, "core", "clean")


@pytest.fixture(scope="module")
def days(whole, server, tmp_path_factory):
    """(settings, core after the first day, core after the second); later tests see the warehouse of the second."""
    with new_warehouse(server, "intercom_stepwise", tmp_path_factory.mktemp("stepwise")) as settings:
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
    grown = digests(days[0], "core", "clean")
    assert {name: (grown.get(name), whole[name]) for name in whole if grown.get(name) != whole[name]} == {}


def test_fin_workflows_and_people_are_told_apart_and_a_note_is_no_reply(one):
    found = {message_id: (row["actor"], row["is_internal"]) for message_id, row in one.messages(501).items()}
    assert found == {
        "source:5010": ("customer", False),
        "1": ("ai_agent", False),
        "5": ("system", False),
        "6": ("human_agent", False),
        "7": ("human_agent", True),
    }
    assert one.messages(501)["5"]["is_automation"] is True
    kinds = {row["agent_id"]: (row["agent_name"], row["kind"]) for row in one.all("agents")}
    assert kinds["91"] == ("Fin", "ai_agent")
    assert kinds[OLGA] == ("Olga", "human_agent")
    assert kinds["90"][1] == "automation"


def test_an_answer_of_fin_carries_the_article_that_it_names(one):
    (answer,) = one.of("answers", 501)
    assert answer["sources"] == [{"article_id": "700"}]


def test_a_handoff_has_its_reason_and_what_follows_it(one):
    (handoff,) = one.of("source_handoffs", 501)
    fin, olga = one.one("agents", agent_id="91"), one.one("agents", agent_id=OLGA)
    assert (handoff["reason"], handoff["from_agent_key"]) == ("policy", fin["agent_key"])
    assert (handoff["to_agent_key"], handoff["to_team"]) == (olga["agent_key"], "Frontline")
    assert [row["to_team"] for row in one.of("assignments", 501)] == ["Frontline"]


def test_the_header_is_what_intercom_says(one, two):
    first, later = one.interaction(501), two.interaction(501)
    assert (first["status"], first["priority"], first["channel"]) == ("closed", "high", "chat")
    assert (first["closed_at"], first["topic"], first["tier"]) == (moment(30), "billing", "business")
    # it went on, and what the attributes mean was corrected meanwhile
    assert (later["status"], later["closed_at"], later["topic"]) == ("pending", None, "refund")
    assert two.interaction(503)["topic"] == "refund"
    statuses = [row["status"] for row in sorted(two.of("status_events", 501), key=lambda row: row["changed_at"])]
    assert statuses == ["open", "closed", "pending"]


def test_a_rating_of_the_conversation_comes_before_one_of_fin(one, two):
    assert one.of("ratings", 501) == []
    (rating,) = two.of("ratings", 501)
    assert (float(rating["rating"]), float(rating["rating_scale_max"]), rating["rated_at"]) == (2, 5, moment(60))


def test_a_conversation_that_is_short_of_parts_is_not_scored(one):
    assert one.interaction(503)["excluded_reason"] == "incomplete"
    assert one.interaction(501)["excluded_reason"] is None


def test_a_redacted_part_loses_its_words_and_a_deleted_conversation_all_of_them(one, two):
    assert one.messages(502)["9"]["text"] == "My key is 1234"
    assert two.messages(502)["9"]["text"] == ""
    assert set(one.messages(504)) == {"source:5040", "11"}
    assert (two.interaction(504)["is_deleted"], two.interaction(504)["deleted_at"]) == (True, moment(2000))
    assert two.messages(504) == {}


def test_a_person_and_an_account_are_known_by_address_product_id_and_domain(one, two):
    helpdesk = next(row for row in one.tables["customers"] if row["source"] == "zendesk")
    cleo = one.one("customers", customer_id=CLEO)
    assert cleo["person_key"] == helpdesk["person_key"]
    accounts = {row["account_id"]: row["organization_key"] for row in one.tables["accounts"]}
    assert accounts[ORION] == accounts["577"]
    # one that comes later than her conversations
    dora = two.one("customers", customer_id=DORA)
    assert one.interaction(502)["account_key"] is None
    assert two.interaction(502)["account_key"] is not None
    assert dora["person_key"] != cleo["person_key"]


def test_a_contact_that_was_merged_away_is_known_by_nothing(one, two):
    with_eve = [row for row in one.all("customers") if row["customer_id"] == EVE]
    assert len(with_eve) == 1
    keys = {row["left_key"] for row in two.tables["identity_matches"]}
    assert with_eve[0]["customer_key"] not in keys


def test_a_teammate_who_is_gone_has_left_and_a_renamed_team_is_renamed_everywhere(one, two):
    assert one.one("agents", agent_id=PIA)["left_at"] is None
    assert two.one("agents", agent_id=PIA)["left_at"] == moment(2000)
    assert [row["to_team"] for row in two.of("assignments", 501)] == ["First line"]
    assert two.one("agents", agent_id=OLGA)["team"] == "First line"


def teams_of(core: Core, agent_id: str) -> list[tuple[str | None, bool]]:
    """The teams of a teammate in their order, and whether the time in each is over."""
    key = core.one("agents", agent_id=agent_id)["agent_key"]
    found = sorted(core.all("agent_teams", agent_key=key), key=lambda row: row["valid_from"])
    return [(row["team"], row["valid_to"] is not None) for row in found]


def test_a_renamed_team_is_renamed_for_those_who_are_no_longer_in_it(one, two):
    assert teams_of(one, RIA) == [("Frontline", True), ("Billing", False)]
    assert teams_of(two, RIA) == [("First line", True), ("Billing", False)]


def test_a_teammate_who_comes_back_has_not_left(one):
    assert one.one("agents", agent_id=SAM)["left_at"] is None
    assert teams_of(one, SAM) == [("Billing", False)]


def test_an_article_keeps_its_versions(two):
    versions = sorted(two.all("article_versions"), key=lambda row: row["version_number"])
    assert [(row["body"], row["is_current"]) for row in versions] == [
        ("<p>Download it.</p>", False),
        ("<p>Download it twice.</p>", True),
    ]


def test_the_claims_of_the_models_hold(days):
    """The unit tests of the dbt project's models of Intercom."""
    chosen = ("--select", "path:models/intermediate/intercom,test_type:unit")
    counts = run_dbt("test", as_of=AS_OF, settings=days[0], arguments=chosen)
    assert set(counts) == {"pass"}
    assert counts["pass"] == 5
