"""Salesforce's connector against the simulated organisation: changes, ties, late commits, deletions, quotas, and both readers."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from places import fault
from salesforce_place import SalesforcePlace
from scripted import Answer, Asked, scripted

from sandbox.small_firm import ANN, at, by_ai, conversation, firm, message, plain
from touchstone.errors import ConfigurationError, SourceError
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.salesforce_ids import part_id, salesforce_id
from touchstone.sandbox.model import Event
from touchstone.sources.config import SourceInstance
from touchstone.sources.http import runner
from touchstone.sources.options import parsed
from touchstone.sources.salesforce import desk
from touchstone.sources.salesforce.connector import SalesforceConnector
from touchstone.warehouse.engine import connect

NOW = at(12)
QUERIES = (
    "cases",
    "email_messages",
    "accounts",
    "contacts",
    "users",
    "case_history",
    "case_comments",
    "chat_transcripts",
)


def company() -> Any:
    """Fifty cases by e-mail, five each day; notes, chats, a deleted case, one that was merged into another."""
    noted = conversation(
        61,
        [message(61, 1, at(3)), message(61, 2, at(3, hours=1), "no refund here", ANN, is_internal=True)],
    )
    gone = plain(62, at(4))
    gone.events.append(Event("delete", at(5), "human_agent", ANN))
    merged = plain(63, at(6))
    merged.events.append(Event("merge", at(7), "human_agent", ANN, value="cnv-000061"))
    late = plain(70, at(12, hours=2))
    cases = [plain(number, at(number // 5)) for number in range(1, 51)]
    return firm([*cases, noted, gone, merged, by_ai(64, at(8)), late])


@pytest.fixture(scope="module")
def served():
    with serve_here(company(), SandboxOptions(clock=NOW, vendors=("salesforce",))) as sandbox:
        yield sandbox


@pytest.fixture
def place(warehouse, served):
    """An instance of its own at a server without traps, whose clock other tests may have moved."""
    served.control("reset")
    yield SalesforcePlace(warehouse, served)
    served.control("reset")


@pytest.fixture
def fresh(warehouse):
    """A server of its own, for tests that move the clock."""

    def begin(now=NOW, what=None, **options: Any) -> SalesforcePlace:
        sandbox = stack.enter_context(serve_here(what or company(), SandboxOptions(clock=now, vendors=("salesforce",))))
        return SalesforcePlace(warehouse, sandbox, **options)

    with ExitStack() as stack:
        yield begin


def held(place: SalesforcePlace) -> dict[str, dict[str, dict]]:
    return {name: place.payloads(name) for name in place.connector().raw}


def test_everything_lands_once(place):
    place.run()
    rows = held(place)
    assert {name: len(found) for name, found in rows.items()} == {
        "users": 5,
        "queues": 2,
        "opportunity_stages": 4,
        "accounts": 2,
        "contacts": 4,
        "opportunities": 1,
        "cases": 54,
        # each plain case has two rows for its owner and one for its status, the chat one for its status
        "case_history": 52 * 3 + 1,
        "case_comments": 1,
        "email_messages": 50 * 2 + 1 + 2 + 2,
        "chat_transcripts": 1,
    }
    assert "attributes" not in rows["accounts"][salesforce_id("acc-00001")]


def test_deleted_and_merged_cases_are_read_from_the_recycling_bin(place):
    place.run()
    cases = place.payloads("cases")
    assert cases[salesforce_id("cnv-000062")]["IsDeleted"] is True
    assert cases[salesforce_id("cnv-000063")]["MasterRecordId"] == salesforce_id("cnv-000061")
    moved = place.interactions("email_messages")[part_id("email", 63, 1)]
    assert moved == salesforce_id("cnv-000061")
    assert place.payloads("email_messages")[part_id("email", 62, 1)]["IsDeleted"] is True


def test_queries_and_bulk_jobs_give_the_same_rows(warehouse, served):
    served.control("traps", salesforce_page_rows=7)
    by_query, by_job = SalesforcePlace(warehouse, served), SalesforcePlace(warehouse, served, bulk_rows=1)
    by_query.run()
    assert by_query.asked("salesforce.job") == []
    by_job.run()
    assert len(by_job.asked("salesforce.job")) == 11
    assert held(by_query) == held(by_job)
    served.control("reset")


# --- T18: the four bugs of others


def test_t18_a_record_that_is_committed_late_arrives_in_the_next_run(fresh):
    """T18, airbyte #27146: its stamp is older than the newest that was read; a run looks behind that one."""
    place = fresh(at(12, hours=2, minutes=11))
    place.sandbox.control("traps", salesforce_late_commit_seconds=1200)
    place.run("cases")
    # the answer to case 70 is there, and its first e-mail, of ten minutes before, is not committed yet
    late = part_id("email", 70, 1)
    place.run("email_messages")
    assert late not in place.payloads("email_messages")
    newest = max(row["SystemModstamp"] for row in place.payloads("email_messages").values())
    place.sandbox.move_clock(seconds=900)
    place.run("email_messages")
    arrived = place.payloads("email_messages")[late]
    assert arrived["SystemModstamp"] < newest


def test_t18_any_number_of_rows_may_share_a_stamp(fresh):
    """T18, airbyte #17148: 300 rows of one stamp in pages of 20 whose locators expire all the time; each run goes on by Id."""
    same = [plain(number, at(3)) for number in range(1, 301)]
    place = fresh(at(5), firm(same))
    place.sandbox.control("traps", salesforce_page_rows=20, salesforce_expired_locators=1.0)
    place.run("cases")
    assert len(place.payloads("cases")) == 300
    assert len({row["SystemModstamp"] for row in place.payloads("cases").values()}) == 1
    assert len(place.asked("salesforce.query_all")) <= 1 + 16


def test_t18_an_object_that_cannot_be_filtered_by_its_stamp_is_read_otherwise(place):
    """T18, airbyte #68166: it is said, and the run goes on."""
    place.sandbox.control("traps", salesforce_unfilterable=["Contact"])
    result = place.run("contacts", "accounts")
    assert len(place.payloads("contacts")) == 4
    assert any("Contact cannot be asked by SystemModstamp" in one for one in result.detail["warnings"])
    place.run("contacts")
    assert len(place.payloads("contacts")) == 4


def test_t18_what_is_older_than_the_start_is_read_where_cases_refer_to_it(fresh):
    """T18, airbyte #37528: nothing has a default start; accounts of 2025 land with a start in 2026, and cases only since it."""
    place = fresh(start="2026-03-10")
    place.run("accounts", "contacts", "cases")
    stamps = {row["SystemModstamp"][:10] for row in place.payloads("accounts").values()}
    assert min(stamps) < "2026-01-01"
    assert len(place.payloads("contacts")) == 4
    assert min(row["SystemModstamp"] for row in place.payloads("cases").values()) >= "2026-03-10"
    assert any(
        "SystemModstamp >= 2026-03-10T00:00:00.000Z" in one["query"]["q"] for one in place.asked("salesforce.query_all")
    )


# --- what cannot be read


def test_an_object_that_is_not_there_or_cannot_be_queried_is_said_and_left_out(place):
    place.sandbox.control("traps", salesforce_missing=["LiveChatTranscript"], salesforce_unqueryable=["CaseComment"])
    warnings = place.run().detail["warnings"]
    assert "LiveChatTranscript is not there for this user; nothing of it is read" in warnings
    assert "CaseComment cannot be queried for this user; nothing of it is read" in warnings
    assert len(place.payloads("cases")) == 54


def test_a_field_that_is_configured_and_not_there_is_said(warehouse, served):
    place = SalesforcePlace(warehouse, served, fields={"account": {"tier": "Level__c", "segment": "Health__c"}})
    warnings = place.run("accounts").detail["warnings"]
    assert "Account has no field Level__c that this user may read" in warnings
    assert any("Account.Health__c is a formula" in one for one in warnings)


def test_a_name_that_is_no_field_gets_into_no_query(warehouse, served):
    with pytest.raises(ConfigurationError, match=r"`fields.account.tier` cannot be used"):
        SalesforcePlace(warehouse, served, fields={"account": {"tier": "Name FROM User--"}})


# --- where walks stop and go on


def test_the_quota_of_a_day_ends_the_run_and_keeps_what_it_read(fresh):
    place = fresh()
    place.sandbox.control("traps", salesforce_page_rows=10, salesforce_daily_requests=5)
    with pytest.raises(SourceError, match="requests of these 24 hours are used up"):
        place.run("cases")
    state, landed = place.cursor("cases"), len(place.payloads("cases"))
    assert state["at"]
    assert 0 < landed < 54
    place.sandbox.control("traps", salesforce_daily_requests=None)
    place.run("cases")
    assert len(place.payloads("cases")) == 54


def test_an_expired_locator_is_replaced_by_a_query_from_the_last_row(place):
    place.sandbox.control("traps", salesforce_page_rows=9, salesforce_expired_locators=0.5)
    place.run("cases", "email_messages")
    assert len(place.payloads("cases")) == 54
    assert len(place.payloads("email_messages")) == 105


@pytest.mark.parametrize("bulk_rows", [100_000, 1])
def test_a_run_that_was_stopped_goes_on_at_its_page(warehouse, served, bulk_rows):
    served.control("traps", salesforce_page_rows=10)
    place = SalesforcePlace(warehouse, served, bulk_rows=bulk_rows)
    place.run_until(4, "cases")
    landed = len(place.payloads("cases"))
    assert 20 <= landed < 54
    served.control("reset")
    served.control("traps", salesforce_page_rows=10)
    result = place.run("cases")
    assert len(place.payloads("cases")) == 54
    assert result.rows_in == 54 - landed
    served.control("reset")


def test_a_job_that_salesforce_has_forgotten_is_begun_anew(warehouse, served):
    served.control("traps", salesforce_page_rows=10)
    place = SalesforcePlace(warehouse, served, bulk_rows=1)
    place.run_until(3, "cases")
    state = place.cursor("cases")
    with serve_here(company(), SandboxOptions(clock=NOW, vendors=("salesforce",))) as other:
        place.sandbox = other
        entry = place.source.entry.model_copy(update={"base_url": f"{other.url}/salesforce"})
        place.source = type(place.source)(entry)
        place.run("cases")
        assert len(place.payloads("cases")) == 54
        assert len(place.asked("salesforce.job")) == 1
    assert state["job"]
    served.control("reset")


def under_hands(fresh: Any) -> SalesforcePlace:
    """Fifty cases in pages of ten; while the second is served, two hours pass: its last case, the first page's first one and
    the very last case change, in this order: 1 at +10 minutes, 50 at +20, 20 at +30.
    """
    cases = [plain(number, at(number // 5, minutes=number)) for number in range(1, 51)]
    cases[0].events.append(Event("status", at(10, minutes=60), "human_agent", ANN, value="closed"))
    cases[19].events.append(Event("status", at(10, minutes=80), "human_agent", ANN, value="closed"))
    place = fresh(at(10, minutes=51), firm(cases), lookback_minutes=1)
    advance = fault("advance_clock", "salesforce.more", seconds=7200)
    place.sandbox.control("traps", salesforce_page_rows=10, faults=[advance])
    return place


def test_t17_a_record_that_changes_while_it_is_read_is_in_the_next_run(fresh):
    """T17: the next run begins behind what was there when this one began, not behind the newest stamp that it met."""
    place = under_hands(fresh)
    place.run("cases")
    assert place.payloads("cases")[salesforce_id("cnv-000001")]["Status"] == "Solved"
    assert place.payloads("cases")[salesforce_id("cnv-000020")]["Status"] == "Closed"
    place.run("cases")
    assert place.payloads("cases")[salesforce_id("cnv-000001")]["Status"] == "Closed"


def test_t17_a_record_that_changed_under_a_walk_is_no_place_to_go_on_from(fresh):
    """T17: the last row of page 2 says a stamp of after all others; a run that is killed there must not go on behind it."""
    place = under_hands(fresh)
    place.run_until(2, "cases")
    assert place.payloads("cases")[salesforce_id("cnv-000020")]["Status"] == "Closed"
    place.run("cases")
    assert len(place.payloads("cases")) == 50


def test_broken_pages_of_a_job_are_fetched_again(warehouse, served):
    for body in ("cut", "html", "empty"):
        served.control("traps", faults=[fault("broken_body", "salesforce.job_results", body=body)])
        place = SalesforcePlace(warehouse, served, bulk_rows=1)
        assert place.run("email_messages").detail["repeated_requests"] == 1
        assert len(place.payloads("email_messages")) == 105
    served.control("reset")


@pytest.mark.parametrize("bulk_rows", [100_000, 1])
def test_nul_characters_are_replaced_and_counted(warehouse, served, bulk_rows):
    """T24, airbyte #8300."""
    served.control("traps", drift={"nul_and_surrogates": True})
    place = SalesforcePlace(warehouse, served, bulk_rows=bulk_rows)
    # with their cases held already, e-mails bring none, and come by this way alone
    place.run("cases")
    result = place.run("email_messages")
    texts = [row["TextBody"] for row in place.payloads("email_messages").values()]
    assert len(texts) == 105
    assert sum("\ufffd" in text for text in texts) > 10
    # a file of a job is UTF-8, which has no lone surrogates: only its NULs are ours to replace
    assert result.replaced_characters >= sum("\ufffd" in text for text in texts)
    served.control("reset")


# --- cases are whole


def test_a_case_from_before_the_start_comes_with_its_past(fresh):
    old = conversation(
        1,
        [
            message(1, 1, at(1)),
            message(1, 2, at(1, hours=1), "a note", ANN, is_internal=True),
            message(1, 3, at(9), "and now?"),
            Event("status", at(9, minutes=5), "human_agent", ANN, value="solved"),
        ],
    )
    place = fresh(at(12), firm([old, plain(2, at(2))]), start="2026-03-10")
    place.run()
    assert set(place.payloads("cases")) == {salesforce_id("cnv-000001")}
    assert set(place.payloads("email_messages")) == {part_id("email", 1, 1), part_id("email", 1, 3)}
    assert set(place.payloads("case_comments")) == {part_id("comment", 1, 2)}


def old_cases(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> SalesforcePlace:
    """Seven cases of before the start, each with a word since; two of them come at once."""
    monkeypatch.setattr(desk, "BATCH", 2)
    cases = []
    for number in range(1, 8):
        said = [message(number, 1, at(1)), message(number, 2, at(2)), message(number, 3, at(11, minutes=number))]
        solved = Event("status", at(11, hours=number), "human_agent", ANN, value="solved")
        cases.append(conversation(number, [*said, solved]))
    return fresh(at(12), firm(cases), start="2026-03-10")


@pytest.mark.parametrize("stream", ["cases", "email_messages"])
def test_the_past_of_many_cases_comes_in_portions_and_a_kill_between_them_loses_none(fresh, monkeypatch, stream):
    place = old_cases(fresh, monkeypatch)
    place.run_until(2, stream)
    assert len(place.payloads("cases")) == 4
    assert len(place.payloads("email_messages")) == 4 * 3
    assert "at" not in (place.cursor(stream) or {})
    place.run(stream)
    assert len(place.payloads("cases")) == 7
    assert len(place.payloads("email_messages")) == 7 * 3
    weights = place.query(
        "select count(*) from raw_salesforce.email_messages where instance = %s group by _load_id order by 1"
    )
    assert max(weights) == (2 * 3,)


def test_pages_of_long_texts_are_short(warehouse, served):
    place = SalesforcePlace(warehouse, served, bulk_rows=1)
    place.run("cases", "email_messages", "chat_transcripts")
    asked = [one["query"]["maxRecords"] for one in place.asked("salesforce.job_results")]
    assert sorted(map(int, asked)) == [500, 1000, 10_000]
    served.control("reset")


def test_a_part_whose_case_is_not_held_brings_it(fresh):
    """A case that is made between the reading of cases and that of e-mails."""
    place = fresh(at(12, minutes=-1))
    place.run("cases")
    place.sandbox.move_clock(at(12, hours=3))
    place.run("email_messages")
    assert salesforce_id("cnv-000070") in place.payloads("cases")


def test_a_customer_with_the_name_of_an_agent_is_one_until_the_agent_joins(warehouse):
    body = (
        '<p align="center">Chat Started: Sunday</p>( 0s ) Ann Lee: Anybody?<br>&lt;joined&gt;Ann Lee<br>( 3s ) Ann Lee: Hello<br>'
        '<p align="center">Agent Bo Chan</p>( 5s ) Bo Chan: Here<br>( 6s ) Ann Lee: At last<br>'
        '<p align="center">Agent Ann Lee</p>( 9s ) Ann Lee: I take over<br>'
    )
    with connect(settings=warehouse) as connection:
        lines = connection.execute("select is_agent, said from ops.salesforce_transcript(%s)", [body]).fetchall()
        unnamed = connection.execute(
            "select distinct is_agent from ops.salesforce_transcript('( 0s ) A: B<br>')"
        ).fetchall()
    assert lines == [
        (False, "Anybody?\n<joined>Ann Lee"),
        (False, "Hello"),
        (True, "Here"),
        (False, "At last"),
        (True, "I take over"),
    ]
    assert unnamed == [(None,)]


# --- what was deleted for good


def test_what_was_deleted_for_good_loses_its_content(fresh):
    place = fresh()
    place.run()
    case, mail, person = salesforce_id("cnv-000007"), part_id("email", 8, 1), salesforce_id("cus-000003")
    place.sandbox.control("traps", salesforce_purged=[case, mail, person])
    place.sandbox.move_clock(seconds=7200)
    result = place.run()
    assert result.detail["deleted_for_good"] == {"cases": 1, "email_messages": 1, "contacts": 1}
    assert place.payloads("cases")[case]["isDeletedForGood"] is True
    assert "Subject" not in place.payloads("cases")[case]
    assert "TextBody" not in place.payloads("email_messages")[mail]
    assert place.interactions("email_messages")[mail] == salesforce_id("cnv-000008")
    assert "@" not in str(place.payloads("contacts")[person])
    place.sandbox.move_clock(seconds=7200)
    assert place.run().detail["deleted_for_good"] == {}


def test_what_the_log_does_not_tell_a_comparison_of_ids_finds(fresh):
    """The log keeps fifteen days; one that does not reach back to the last run is no proof that nothing is gone."""
    place = fresh()
    place.run("cases")
    case = salesforce_id("cnv-000007")
    place.sandbox.control("traps", salesforce_purged=[case], salesforce_deleted_log_lost=True)
    place.sandbox.move_clock(seconds=7200)
    place.run("cases")
    assert place.payloads("cases")[case]["isDeletedForGood"] is True


def test_every_few_days_all_ids_are_compared(fresh):
    place = fresh()
    place.run("case_history")
    gone = next(iter(place.payloads("case_history")))
    place.sandbox.control("traps", salesforce_purged=[gone])
    place.sandbox.move_clock(seconds=86_400)
    place.run("case_history")
    # the history has no log
    assert "archived" not in place.payloads("case_history")[gone]
    place.sandbox.move_clock(seconds=7 * 86_400)
    place.run("case_history")
    assert place.payloads("case_history")[gone]["archived"] is True


@pytest.mark.parametrize("hidden", [14, 54])
def test_what_the_user_may_no_longer_see_is_told_and_stays(fresh, hidden):
    """To a query it is as gone as what was deleted: a few records are believed to be, many are not, and all are not."""
    place = fresh()
    place.run("cases")
    unseen = sorted(place.payloads("cases"))[:hidden]
    place.sandbox.control("traps", salesforce_purged=unseen, salesforce_deleted_log_lost=True)
    place.sandbox.move_clock(seconds=7200)
    result = place.run("cases")
    assert [one for one, row in place.payloads("cases").items() if row.get("archived")] == []
    assert result.detail["deleted_for_good"] == {}
    assert any("the user may have lost the right to see them" in one for one in result.detail["warnings"])


def test_what_can_be_seen_again_lands_with_its_next_change_however_late_it_was_missed(fresh):
    """It changed while nobody could see it, before the comparison that missed it."""
    cases = [plain(number, at(number)) for number in range(1, 11)]
    cases[6].events.append(Event("status", at(12, hours=1), "human_agent", ANN, value="closed"))
    place = fresh(NOW, firm(cases))
    place.run("cases")
    case = salesforce_id("cnv-000007")
    place.sandbox.control("traps", salesforce_purged=[case], salesforce_deleted_log_lost=True)
    place.sandbox.move_clock(seconds=7200)
    place.run("cases")
    assert place.payloads("cases")[case]["isDeletedForGood"] is True
    place.sandbox.control("traps", salesforce_purged=[], salesforce_deleted_log_lost=False)
    place.sandbox.move_clock(seconds=60)
    place.run("cases")
    assert place.payloads("cases")[case]["Status"] == "Closed"
    assert "archived" not in place.payloads("cases")[case]


# --- credentials


def test_tokens_are_renewed_when_they_end(fresh):
    place = fresh()
    place.sandbox.control(
        "traps",
        oauth_lifetime_seconds=60,
        faults=[fault("advance_clock", "salesforce.query_all", skip=1, seconds=120)],
    )
    place.run("accounts", "contacts")
    assert len(place.payloads("accounts")) == 2
    assert len(place.asked("salesforce.token")) >= 2


def test_a_refresh_token_serves_until_it_is_revoked(place):
    known = place.sandbox.credentials.salesforce
    secrets = {
        "client_id": known.client_id,
        "client_secret": known.client_secret,
        "refresh_token": known.refresh_token,
    }
    assert set(place.check(secrets).values()) == {None}
    place.sandbox.control("traps", credentials={"salesforce": {"is_revoked": True}})
    (what, refusal), *_ = place.check(secrets).items()
    assert what == "credentials"
    assert "Salesforce renews no access token" in refusal
    assert known.refresh_token not in refusal
    place.sandbox.control("traps", credentials={"salesforce": {"is_revoked": False}})


def test_a_key_signs_an_assertion_for_each_token(warehouse):
    """JWT bearer: an assertion is good for minutes, so each token is asked for with a new one."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    assertions: list[dict] = []

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/token"):
            form = dict(parse_qsl(asked.body.decode()))
            assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            claims = jwt.decode(form["assertion"], key.public_key(), ["RS256"], audience="https://login.salesforce.com")
            assertions.append(claims)
            return Answer({"access_token": f"token-{len(assertions)}", "instance_url": "https://x"})
        # the first token ends at its second request
        if asked.headers["Authorization"] == "Bearer token-1" and asked.path.endswith("/describe"):
            return Answer([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}], 401)
        return Answer({"name": "Account", "fields": []})

    secrets = {"client_id": "app", "username": "etl@acme.test", "private_key": pem.strip().replace("\n", "\\n")}
    with scripted(answer) as api:
        entry = {"source": "salesforce", "base_url": api.url, "start": "2026-01-01", "cases": False}
        verdicts = runner.check(
            SalesforceConnector(), SourceInstance(parsed(entry, "the test's entry")), secrets, warehouse
        )
    assert {error for _, error in verdicts} == {None}
    assert len(assertions) == 2
    assert {(one["iss"], one["sub"]) for one in assertions} == {("app", "etl@acme.test")}


def test_a_key_that_cannot_be_read_is_said_without_repeating_it(place):
    secrets = {"client_id": "app", "username": "etl@acme.test", "private_key": "canary-key-55"}
    with pytest.raises(ConfigurationError, match="private key of the app's certificate cannot be read") as refused:
        place.check(secrets)
    assert "canary" not in str(refused.value)


def test_a_backfill_reads_an_interval_and_leaves_the_cursors(fresh):
    place = fresh(start="2026-03-01")
    place.run("cases", interval=(date(2026, 3, 4), date(2026, 3, 5)))
    stamps = [row["SystemModstamp"][:10] for row in place.payloads("cases").values()]
    assert set(stamps) == {"2026-03-04", "2026-03-05"}
    assert place.cursor("cases") is None
