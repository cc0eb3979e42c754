"""Salesforce's API of the simulated organisation: its query language, what it refuses, and ids that lead both ways."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from sandbox.small_firm import AI, ANN, at, by_ai, conversation, firm, message, plain
from touchstone.errors import SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.salesforce_ids import from_salesforce, number_id, part_id, salesforce_id
from touchstone.sandbox.api.salesforce_soql import Malformed, parse
from touchstone.sandbox.model import Event


@pytest.mark.parametrize(
    ("own", "vendor"),
    [
        ("acc-00012", "001000000000012AAA"),
        ("cus-000345", "003000000000345AAA"),
        ("agt-007", "005000000000007AAA"),
        ("deal-00031", "006000000000031AAA"),
        ("cnv-000123", "500000000000123AAA"),
    ],
)
def test_ids_lead_both_ways(own, vendor):
    assert salesforce_id(own) == vendor
    assert from_salesforce(vendor) == own


def test_an_id_tells_its_upper_case_in_three_letters():
    # G is the third character of its first five: bit 2, the letter E
    assert number_id("queue", 1) == "00G000000000001EAA"


@pytest.mark.parametrize("wrong", ["500000000000123AAB", "00G000000000001EAA", "nothing"])
def test_an_id_of_nothing_is_refused(wrong):
    with pytest.raises(SourceError):
        from_salesforce(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "SELECT FROM Case",
        "SELECT Id FROM Case WHERE",
        "SELECT Id FROM Case WHERE Id = 'a' OR Id = 'b' AND Id = 'c'",
        "SELECT Id, COUNT(Id) total FROM Case",
        "SELECT Id FROM Case; DROP TABLE x",
        "SELECT Id FROM Case ORDER BY Id LIMIT 5",
    ],
)
def test_what_is_no_query_is_refused(wrong):
    with pytest.raises(Malformed):
        parse(wrong)


def test_conditions_are_joined_as_they_are_written():
    query = parse("SELECT Id FROM Case WHERE (A > 2 OR (A = 2 AND Id > 'b')) AND B IN ('x', 'y')")
    rows = [{"A": 2.0, "Id": one, "B": two} for one in "abc" for two in "xz"]
    assert [row for row in rows if query.where.holds(row.get)] == [{"A": 2.0, "Id": "c", "B": "x"}]


@contextmanager
def client(*conversations: Any):
    with serve_here(firm(conversations), SandboxOptions(clock=at(20), vendors=("salesforce",))) as sandbox:
        known = sandbox.credentials.salesforce
        grant = {"grant_type": "client_credentials", "client_id": known.client_id, "client_secret": known.client_secret}
        base = f"{sandbox.url}/salesforce"
        token = httpx.post(f"{base}/services/oauth2/token", data=grant).json()["access_token"]
        with httpx.Client(
            base_url=f"{base}/services/data/v62.0", headers={"Authorization": f"Bearer {token}"}
        ) as asked:
            yield sandbox, asked


def query(asked: httpx.Client, text: str, *, all_rows: bool = True) -> list[dict]:
    answer = asked.get("queryAll" if all_rows else "query", params={"q": text})
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


def test_a_merged_case_is_in_the_bin_and_its_parts_are_at_the_other():
    loser = plain(2, at(3))
    loser.events.append(Event("merge", at(5), "human_agent", ANN, value="cnv-000001"))
    with client(plain(1, at(2)), loser) as (_, asked):
        text = "SELECT Id, IsDeleted, MasterRecordId FROM Case ORDER BY SystemModstamp, Id"
        assert len(query(asked, text, all_rows=False)) == 1
        found = {row["Id"]: row for row in query(asked, text)}
        assert found[salesforce_id("cnv-000002")]["MasterRecordId"] == salesforce_id("cnv-000001")
        mails = query(asked, f"SELECT Id FROM EmailMessage WHERE ParentId IN ('{salesforce_id('cnv-000001')}')")
        assert {row["Id"] for row in mails} == {part_id("email", one, two) for one in (1, 2) for two in (1, 2)}


def test_a_transcript_says_who_spoke_when():
    with client(by_ai(1, at(2))) as (_, asked):
        (row,) = query(asked, "SELECT Body, StartTime FROM LiveChatTranscript")
        assert row["Body"].endswith(
            '( 0s ) Kim Person1: Hello there<br><p align="center">Agent Nova</p>( 4s ) Nova: Done<br>'
        )


def test_a_change_of_owner_is_tracked_by_names_and_by_ids():
    one = conversation(1, [message(1, 1, at(1)), Event("assign", at(2), "system", "", value=AI, team="frontline")])
    with client(one) as (_, asked):
        rows = query(asked, "SELECT NewValue FROM CaseHistory WHERE Field = 'ownerAssignment' ORDER BY Id")
        assert [row["NewValue"] for row in rows] == ["Nova", salesforce_id(AI)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Nothing FROM Case", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Id FROM CaseComment WHERE CommentBody = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM", "MALFORMED_QUERY"),
    ],
)
def test_a_query_that_cannot_be_served_says_why(text, code):
    with client(plain(1, at(1))) as (_, asked):
        answer = asked.get("queryAll", params={"q": text})
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_bulk_refuses_compound_fields_and_states_rows_as_text():
    with client(plain(1, at(1))) as (_, asked):
        refused = asked.post(
            "jobs/query", json={"operation": "queryAll", "query": "SELECT BillingAddress FROM Account"}
        )
        assert refused.json()[0]["errorCode"] == "FUNCTIONALITY_NOT_ENABLED"
        text = "SELECT Id, IsDeleted, ClosedDate, CreatedDate FROM Case"
        job = asked.post("jobs/query", json={"operation": "queryAll", "query": text}).json()["id"]
        assert asked.get(f"jobs/query/{job}").json()["state"] == "JobComplete"
        rows = asked.get(f"jobs/query/{job}/results")
        assert rows.headers["Sforce-Locator"] == "null"
        created = f"{at(1):%Y-%m-%dT%H:%M:%S}.000Z"
        closed = f"{at(1, minutes=20):%Y-%m-%dT%H:%M:%S}.000Z"
        assert rows.text.splitlines()[1] == f'"{salesforce_id("cnv-000001")}","false","{closed}","{created}"'


def test_a_used_up_quota_is_a_403():
    with client(plain(1, at(1))) as (sandbox, asked):
        sandbox.control("traps", salesforce_daily_requests=0)
        answer = asked.get("limits")
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
