"""Zendesk as its API truly behaves, served over HTTP by the sandbox: each trap by its number."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from toolbox import cursor, ingest_zendesk, payloads, rows, zendesk_at

from touchstone.sandbox.api import Sandbox, SandboxOptions, serve
from touchstone.sandbox.api.ids import zendesk_id
from touchstone.sandbox.model import Answer, Company, Event
from touchstone.sandbox.service import secrets as accepted_secrets
from touchstone.settings import Settings
from touchstone.sources.http import client
from touchstone.sources.http.faults import CredentialsError, UnreachableError
from touchstone.sources.http.runner import check
from touchstone.sources.zendesk.connector import ZendeskConnector
from touchstone.warehouse.engine import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sandbox"))
from small_firm import AI, ANN, UNTIL, at, by_ai, conversation, firm, message, plain


@pytest.fixture(autouse=True)
def empty(warehouse: Settings) -> None:
    with connect(settings=warehouse) as connection:
        names = connection.execute(
            "select string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_tables where schemaname = 'raw_zendesk'"
        ).fetchone()[0]
        connection.execute(
            f"truncate {names}, ops.cursors, ops.source_fields, ops.quarantine, ops.loads, ops.runs cascade"
        )


class Desk:
    """A served firm, and runs of the connector against it."""

    def __init__(self, sandbox: Sandbox, settings: Settings, **entry) -> None:
        self.sandbox = sandbox
        self.settings = settings
        base = f"{sandbox.url}/zendesk"
        agents = {"base_url": base, "organization_id": "org-1", "bot_ids": ["bot-1"]}
        self.source = zendesk_at(base, ai_agents=agents, **entry)
        self.secrets = accepted_secrets(sandbox.credentials)["zendesk"]

    def ingest(self, *streams: str, **options):
        return ingest_zendesk(
            self.source, self.settings, *streams, **{"as_of": UNTIL, "secrets": self.secrets, **options}
        )

    def held(self, stream: str) -> dict[str, dict]:
        return payloads(self.settings, f"zendesk.{stream}")

    def requests(self) -> int:
        return self.sandbox.control("stats")["requests"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that no test waits for."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)


@pytest.fixture
def desk(warehouse: Settings) -> Iterator:
    """Serve a company; `desk(company, start, **options)`."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def begin(company: Company, start: str = "2026-01-01", **options) -> Desk:
            server = serve(company, SandboxOptions(**{"clock": UNTIL, **options}))
            return Desk(stack.enter_context(server), warehouse, start=start)

        yield begin


def comments(desk: Desk) -> dict[str, str]:
    """Bodies of all comments that the landed audits state, by id."""
    return dict(
        rows(
            desk.settings,
            "select child ->> 'id', child ->> 'body' from raw_zendesk.ticket_events,"
            " jsonb_array_elements(payload -> 'child_events') as child where child ->> 'event_type' = 'Comment'"
            " order by (payload ->> 'timestamp')::bigint, id",
        )
    )


def test_everything_lands_and_a_second_run_asks_little(desk):
    served = desk(firm([plain(number, at(number / 10)) for number in range(1, 41)]))
    first = served.ingest()
    assert len(served.held("tickets")) == 40
    assert len(comments(served)) >= 80
    for stream in ("users", "organizations", "groups", "group_memberships", "ticket_fields", "articles"):
        assert served.held(stream), stream
    assert first.rows_quarantined == 0
    before = served.requests()
    second = served.ingest()
    assert (second.rows_inserted, second.rows_updated) == (0, 0)
    assert served.requests() - before < 50


def test_trap_2_tickets_that_only_an_ai_agent_handled_are_there_with_what_it_states(desk):
    served = desk(firm([by_ai(1, at(1)), plain(2, at(1))]))
    served.ingest()
    kinds = {payload["support_type"] for payload in served.held("tickets").values()}
    assert "ai_agent" in kinds
    assert len(served.held("tickets")) == 2
    (exported,) = served.held("ai_conversations").values()
    assert exported["externalConversationId"] in served.held("tickets")
    assert any(said.get("confidence") is not None for said in exported["messages"])


def test_trap_3_what_the_last_minute_withholds_arrives_with_the_next_run(desk):
    late = UNTIL - timedelta(seconds=30)
    served = desk(firm([plain(1, at(1)), plain(2, late)]))
    served.ingest("tickets", "ticket_events")
    assert len(served.held("tickets")) == 1
    served.sandbox.move_clock(seconds=900)
    served.ingest("tickets", "ticket_events")
    assert len(served.held("tickets")) == 2


def test_trap_1_t23_a_system_update_with_an_old_updated_at_overwrites(desk):
    touched = conversation(1, [message(1, 0, at(1)), Event("touch", at(40))])
    served = desk(firm([touched]))
    served.ingest("tickets")
    (before,) = served.held("tickets").values()
    served.sandbox.move_clock(at(41))
    served.ingest("tickets", as_of=at(41))
    (after,) = served.held("tickets").values()
    assert after["updated_at"] == before["updated_at"]
    assert after["generated_timestamp"] > before["generated_timestamp"]
    assert after != before


def test_t5_a_comment_that_comes_weeks_later_to_an_old_ticket_arrives(desk):
    events = [message(1, 0, at(1)), message(1, 1, at(2), by=ANN), message(1, 2, at(45), "still broken")]
    served = desk(firm([conversation(1, events)]))
    served.ingest()
    assert len(comments(served)) == 2
    served.sandbox.move_clock(at(46))
    served.ingest(as_of=at(46))
    assert "still broken" in comments(served).values()


def test_t4_archived_tickets_are_in_the_export(desk):
    old = conversation(1, [message(1, 0, at(0)), Event("status", at(0, hours=1), value="closed", actor_id=ANN)])
    served = desk(firm([old, plain(2, at(20))]), zendesk_archive_days=1)
    served.ingest("tickets")
    assert len(served.held("tickets")) == 2
    assert len(served.held("metric_sets")) == 2


def test_trap_6_a_deleted_ticket_is_a_fact(desk):
    gone = conversation(1, [message(1, 0, at(1)), Event("delete", at(40), actor_id=ANN)])
    served = desk(firm([gone, plain(2, at(1))]))
    served.ingest()
    assert served.held("deleted_tickets") == {}
    served.sandbox.move_clock(at(41))
    served.ingest(as_of=at(41))
    statuses = sorted(payload["status"] for payload in served.held("tickets").values())
    assert "deleted" in statuses
    assert len(served.held("deleted_tickets")) == 1


def test_a_redaction_replaces_what_was_said(desk):
    events = [
        message(1, 0, at(1), "my card is 4111 1111 1111 1111"),
        message(1, 1, at(2), by=ANN),
        Event("redact", at(40), message_id="msg-000001-000", text="my card is ▇▇▇", actor_id=ANN),
    ]
    served = desk(firm([conversation(1, events)]))
    served.ingest()
    served.sandbox.move_clock(at(41))
    served.ingest(as_of=at(41))
    assert "my card is ▇▇▇" in comments(served).values()


@pytest.mark.parametrize("trap", [{"end_of_stream_missing": True}, {"same_next_page": True}])
def test_t2_exports_that_do_not_end_do_not_loop(desk, trap):
    served = desk(firm([plain(number, at(1)) for number in range(1, 20)]))
    served.sandbox.control("traps", **trap)
    from touchstone.errors import SourceError

    with pytest.raises(SourceError, match="stands still"):
        served.ingest("tickets", "ticket_events", "users")
    assert served.requests() < 30
    assert len(served.held("tickets")) == 19


def test_trap_10_pages_that_time_out_are_made_smaller(desk):
    served = desk(firm([plain(number, at(1)) for number in range(1, 600)]))
    served.sandbox.control("traps", page_timeout_above=200)
    served.ingest("tickets")
    assert len(served.held("tickets")) == 599


def test_t22_t6_a_fault_in_the_middle_loses_and_doubles_nothing(desk):
    served = desk(firm([plain(number, at(number / 100)) for number in range(1, 1500)]))
    faults = [{"kind": "server_error", "endpoint": "zendesk.ticket*", "skip": 1, "times": 60}]
    served.sandbox.control("traps", faults=faults)
    from touchstone.errors import SourceError

    with pytest.raises(SourceError):
        served.ingest("tickets", "ticket_events")
    assert cursor(served.settings, "tickets")
    served.sandbox.control("traps", faults=[])
    served.ingest("tickets", "ticket_events")
    assert len(served.held("tickets")) == 1499
    assert rows(served.settings, "select count(*) from raw_zendesk.tickets_history") == [(0,)]


def test_t24_t26_drift_lands_without_loss_and_is_told(desk):
    served = desk(firm([plain(number, at(1)) for number in range(1, 30)]))
    served.ingest("tickets", "ticket_events")
    served.sandbox.control(
        "traps",
        drift={"field_type_change": True, "new_field": True, "nul_and_surrogates": True, "new_enum": ["status"]},
    )
    with connect(settings=served.settings) as connection:
        connection.execute("delete from ops.cursors")
    result = served.ingest("tickets", "ticket_events")
    assert len(served.held("tickets")) == 29
    assert result.replaced_characters > 0
    told = {(change["field"], change["kind"]) for change in result.detail["schema_changes"]}
    assert ("status", "value") in told
    assert any(field.startswith("custom_fields.") for field, _ in told)


# --- who may not, and who is not there


def verdicts(source, secrets) -> list[tuple[str, str | None]]:
    return [(what, None if error is None else str(error)) for what, error in check(ZendeskConnector(), source, secrets)]


def test_check_says_what_works(desk):
    served = desk(firm([plain(1, at(1))]))
    assert [error for _, error in verdicts(served.source, served.secrets)] == [None] * 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"api_token": "canary-wrong-token"},
            "Zendesk does not accept the credentials.*token access must be switched on",
        ),
        ({"email": "nobody@example.com"}, "Zendesk does not accept the credentials"),
    ],
)
def test_wrong_credentials_are_one_line_and_end_the_check(desk, change, said, caplog):
    import re

    served = desk(firm([plain(1, at(1))]))
    secrets = {**served.secrets, **change}
    with caplog.at_level(logging.DEBUG):
        found = verdicts(served.source, secrets)
        with pytest.raises(CredentialsError):
            served.ingest(secrets=secrets)
    assert len(found) == 1
    assert re.search(said, found[0][1])
    assert "\n" not in found[0][1]
    log = caplog.text + str(found)
    for secret in secrets.values():
        if "@" not in secret:
            assert secret not in log
    with connect(settings=served.settings) as connection:
        kept = connection.execute("select string_agg(runs::text, ' ') from ops.runs").fetchone()[0]
    assert secrets["api_token"] not in kept


def test_an_account_that_is_no_administrator_is_told_so(desk, warehouse):
    from touchstone.sandbox.api import Credentials

    accepted = Credentials.random()
    accepted.zendesk.is_admin = False
    served = desk(firm([plain(1, at(1))]), credentials=accepted)
    found = dict(verdicts(served.source, served.secrets))
    assert found["credentials"] is None
    assert "administrator" in found["export of tickets"]


def test_an_unknown_host_is_one_line(warehouse):
    source = zendesk_at("https://nobody.invalid")
    (only,) = verdicts(source, {"email": "a@example.com", "api_token": "x"})
    assert "no connection to nobody.invalid" in only[1]
    with pytest.raises(UnreachableError):
        ingest_zendesk(source, warehouse)


def test_a_backfill_reads_an_interval_and_leaves_the_live_cursors(desk):
    from datetime import date

    served = desk(firm([plain(number, at(number)) for number in range(1, 20)]))
    served.ingest()
    before = rows(served.settings, "select stream, state from ops.cursors order by 1")
    with connect(settings=served.settings) as connection:
        connection.execute("delete from raw_zendesk.tickets; delete from raw_zendesk.ticket_events")
    served.ingest(interval=(date(2026, 3, 12), date(2026, 3, 14)))
    assert rows(served.settings, "select stream, state from ops.cursors order by 1") == before
    held = {payload["created_at"][:10] for payload in served.held("tickets").values()}
    assert {"2026-03-12", "2026-03-13", "2026-03-14"} <= held
    assert "2026-03-05" not in held


# --- tickets that are older than the instance's start


def old_and_new() -> Company:
    """Tickets from before the start: one that goes on, ones that were merged before and after it, and ones that rest."""
    start = at(15)
    return firm(
        [
            conversation(
                1,
                [
                    message(1, 1, at(3), "my card is 4111"),
                    Event("assign", at(4), "system", "", value=ANN, team="frontline"),
                    *(message(1, 1 + n, at(5, minutes=n), f"part {n}", ANN if n % 2 else "cus-000001") for n in range(1, 120)),
                    Event("redact", at(6), message_id="msg-000001-001", text="my card is ▇▇▇", actor_id=ANN),
                    message(1, 200, at(20), "one more thing"),
                ],
            ),
            # went into 3 before the start, and 3 into 4 after it
            conversation(2, [message(2, 1, at(2)), Event("merge", at(8), "human_agent", ANN, value="cnv-000003")]),
            conversation(3, [message(3, 1, at(4)), message(3, 2, at(8), "merged", ""), Event("merge", at(21), "human_agent", ANN, value="cnv-000004")]),
            conversation(4, [message(4, 1, at(9)), message(4, 2, at(21), "merged", ""), message(4, 3, at(22), by=ANN)]),
            plain(5, at(5)),
            conversation(6, [message(6, 1, at(5)), Event("delete", at(19), actor_id=ANN)]),
            plain(7, start + timedelta(hours=1)),
        ]
    )  # fmt: skip


def own(desk: Desk) -> dict[str, set[str]]:
    """Numbers of the comments that are held of each ticket, by the ticket's number."""
    found: dict[str, set[str]] = {}
    for ticket_id, comment_id in rows(
        desk.settings,
        "select interaction_id, child ->> 'id' from raw_zendesk.ticket_events,"
        " jsonb_array_elements(coalesce(payload -> 'child_events', payload -> 'events')) as child"
        " where coalesce(child ->> 'event_type', child ->> 'type') = 'Comment'",
    ):
        found.setdefault(ticket_id, set()).add(comment_id)
    return found


def expected(*numbers: int) -> dict[str, set[str]]:
    return {
        str(zendesk_id(one.conversation_id)): {
            str(zendesk_id(event.message_id)) for event in one.events if event.kind == "message"
        }
        for one in old_and_new().conversations
        if int(one.conversation_id[4:]) in numbers
    }


def test_a_ticket_that_is_older_than_the_start_is_read_whole_and_once(desk):
    served = desk(old_and_new(), start="2026-03-17")
    served.ingest()
    assert {one: said for one, said in own(served).items() if one in expected(1, 2, 3, 4, 7)} == expected(1, 2, 3, 4, 7)
    # 2 is held since 3 names it; 5 rests and is not asked for; of 6 there is nothing to be seen
    assert set(served.held("tickets")) == {str(zendesk_id(f"cnv-{number:06d}")) for number in (1, 2, 3, 4, 6, 7)}
    texts = {said for audit in served.held("ticket_events").values() for said in _bodies(audit)}
    assert "my card is ▇▇▇" in texts
    assert "my card is 4111" not in texts
    asked = [
        one["path"] for one in served.sandbox.control("requests")["requests"] if one["endpoint"] == "zendesk.audits"
    ]
    assert len(asked) == 5  # of four tickets, of which one takes two pages
    before = rows(served.settings, "select id, payload_hash, _load_id from raw_zendesk.ticket_events order by 1")
    served.sandbox.control("reset")
    served.ingest()
    assert served.sandbox.control("stats")["endpoints"].get("zendesk.audits") is None
    assert (
        rows(served.settings, "select id, payload_hash, _load_id from raw_zendesk.ticket_events order by 1") == before
    )


def test_t6_t9_the_past_of_tickets_is_read_on_where_a_run_was_stopped(desk, monkeypatch):
    many = [
        conversation(number, [message(number, 1, at(3, minutes=number)), message(number, 2, at(20, minutes=number))])
        for number in range(1, 51)
    ]
    served = desk(firm(many), start="2026-03-17")
    refused = zendesk_id("cnv-000007")
    served.sandbox.control(
        "traps",
        html_403_for_ids=[refused],
        faults=[{"kind": "server_error", "endpoint": "zendesk.audits", "skip": 30, "times": 100}],
    )
    from touchstone.errors import SourceError

    monkeypatch.setattr(client, "ATTEMPTS", 2)
    with pytest.raises(SourceError, match="ticket_histories"):
        served.ingest()
    whole = sum(len(said) == 2 for said in own(served).values())
    assert whole == 19  # a page of twenty, of which one is not to be seen
    served.sandbox.control("traps", faults=[])
    served.sandbox.control("reset")
    served.sandbox.control("traps", html_403_for_ids=[refused])
    result = served.ingest()
    assert sum(len(said) == 2 for said in own(served).values()) == 49
    assert served.sandbox.control("stats")["endpoints"]["zendesk.audits"] == {"200": 30, "403": 1}
    assert result.detail["skipped_records"] == {"tickets whose past is not to be seen": 1}


def test_ai_conversations_from_before_the_start_come_with_their_tickets_and_go_on_to_their_end(desk):
    long = conversation(
        1,
        [
            message(1, 1, at(10)),
            message(1, 2, at(10, minutes=1), "Done", AI, answer=Answer(0.9, "refund")),
            message(1, 3, at(16)),
            message(1, 4, at(16, minutes=1), "Done again", AI, answer=Answer(0.8, "refund")),
            message(1, 5, at(25), "and now?"),
            message(1, 6, at(25, minutes=1), "Yes", AI, answer=Answer(0.7, "refund")),
        ],
    )
    served = desk(firm([long, by_ai(2, at(11)), by_ai(3, at(16))]), start="2026-03-17", clock=at(17, hours=1))

    def told() -> dict[str, int]:
        return {one["externalConversationId"]: len(one["messages"]) for one in served.held("ai_conversations").values()}

    served.ingest(as_of=at(18))
    numbers = {number: str(zendesk_id(f"cnv-{number:06d}")) for number in (1, 2, 3)}
    assert told() == {numbers[1]: 4, numbers[3]: 2}
    # it goes on after midnight: the ticket tells so at once, the files a day later
    for hours in (2, 3, 25):
        served.sandbox.move_clock(at(25, hours=hours))
        served.ingest(as_of=at(25, hours=hours))
    assert told() == {numbers[1]: 6, numbers[3]: 2}
    served.sandbox.control("reset")
    served.ingest(as_of=at(26, hours=1))
    days = served.sandbox.control("stats")["endpoints"]["zendesk.ai_export"]["200"]
    assert days == 3


def _bodies(audit: dict) -> list[str]:
    return [part["body"] for part in audit.get("child_events") or audit["events"] if part.get("body")]
