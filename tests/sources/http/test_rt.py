"""Request Tracker as it truly behaves, served over HTTP by the sandbox or by scripted answers: each trap by its number."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from places import Place
from scripted import Answer, Asked, scripted

from sandbox.small_firm import AI, ANN, at, conversation, firm, message, plain
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.api.rt_ids import rt_id
from touchstone.sandbox.api.rt_ledger import Ledger, MessageIds, Transaction
from touchstone.sandbox.model import Company, Event
from touchstone.sources.config import SourceInstance
from touchstone.sources.http import client
from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import CredentialsError, NoProgress
from touchstone.sources.http.streams import Stream
from touchstone.sources.rt.connector import RequestTrackerConnector
from touchstone.sources.rt.lists import by_id, conditions
from touchstone.sources.rt.messages import texts

NOW = at(20)


class SomeOfRt(RequestTrackerConnector):
    def __init__(self, *names: str) -> None:
        self._names = names

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [stream for stream in super().streams(source) if not self._names or stream.name in self._names]


class RtPlace(Place):
    source_name = "rt"
    plenty: dict[str, float] = {"default": 600_000}  # noqa: RUF012

    def defaults(self) -> dict[str, Any]:
        return {"base_url": f"{self.sandbox.url}/rt"}

    def connector(self, *streams: str) -> RequestTrackerConnector:
        return SomeOfRt(*streams)

    def secrets(self) -> dict[str, str]:
        return {"token": self.sandbox.credentials.rt.token}

    def tickets_asked(self) -> list[str]:
        """Ids of the tickets that searches asked for."""
        return [one for asked in self.asked("rt.tickets") for one in re.findall(r"id = (\d+)", asked["query"]["query"])]

    def texts(self) -> dict[str, str]:
        """What is held as written, by transaction."""
        rows = self.payloads("attachments").values()
        return {row["TransactionId"]: row["Content"] for row in rows if row.get("Content")}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that no test waits for."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)


@pytest.fixture
def desk(warehouse) -> Iterator:
    """Serve a company; `desk(company, **options)`, where options are those of the entry or, in `server`, of the server."""
    with contextlib.ExitStack() as stack:

        def begin(company: Company, *, server: dict[str, Any] | None = None, **options: Any) -> RtPlace:
            stated = SandboxOptions(**{"clock": NOW, "vendors": ("rt",), **(server or {})})
            sandbox = stack.enter_context(serve_here(company, stated))
            place = RtPlace(warehouse, sandbox, **options)
            stack.callback(lambda: _sound(sandbox))
            return place

        yield begin


def _sound(sandbox) -> None:
    assert sandbox.control("stats")["crashes"] == []


def ticket(number: int) -> str:
    return str(rt_id(f"cnv-{number:06d}"))


def merged(number: int, into: int, moment) -> Any:
    one = plain(number, at(3))
    one.events.append(Event("merge", moment, "human_agent", ANN, value=f"cnv-{into:06d}"))
    return one


def deleted(number: int, moment) -> Any:
    one = plain(number, at(3))
    one.events.append(Event("delete", moment, "human_agent", ANN))
    return one


def test_everything_lands_and_a_second_run_asks_little(desk):
    company = firm([plain(number, at(number / 10)) for number in range(1, 81)])
    served = desk(company)
    first = served.run()
    assert len(served.payloads("tickets")) == 80
    message_ids = MessageIds(company)
    assert set(served.texts()) == {
        str(message_ids(f"msg-{number:06d}-{ordinal:03d}")) for number in range(1, 81) for ordinal in (1, 2)
    }
    assert first.rows_quarantined == 0
    # every ticket once, a hundred at a time
    assert len(served.asked("rt.tickets")) == 1
    assert served.asked("rt.ticket") == []
    served.sandbox.control("reset")
    second = served.run()
    assert (second.rows_inserted, second.rows_updated) == (0, 0)
    assert served.asked("rt.tickets") == []
    assert served.sandbox.control("stats")["requests"] < 12


def test_trap_42_a_deleted_ticket_that_no_search_finds_is_read_by_its_id(desk):
    served = desk(firm([deleted(1, at(5)), plain(2, at(3))]))
    served.run()
    held = served.payloads("tickets")
    assert held[ticket(1)]["Status"] == "deleted"
    assert held[ticket(1)]["Requestor"][0]["id"] == rt_id("cus-000001")
    assert held[ticket(2)]["Status"] == "resolved"


def test_trap_42_a_merged_ticket_keeps_its_row_and_says_where_it_went(desk):
    served = desk(firm([merged(1, 2, at(15)), plain(2, at(3)), merged(3, 2, at(4))]), server={"clock": at(10)})
    served.run()
    # one that was merged before anybody read it has no more than its transactions
    assert served.payloads("tickets")[ticket(3)] == {"id": ticket(3), "Type": "ticket", "EffectiveId": ticket(2)}
    before = served.payloads("tickets")[ticket(1)]
    served.sandbox.move_clock(NOW)
    served.run()
    assert served.payloads("tickets")[ticket(1)] == before | {"EffectiveId": ticket(2)}
    assert served.payloads("tickets")[ticket(2)]["EffectiveId"] == ticket(2)
    owners = served.interactions("transactions")
    created = [one for one, row in served.payloads("transactions").items() if row["Type"] == "Create"]
    assert {owners[one] for one in created} == {ticket(1), ticket(2), ticket(3)}


def test_t18_a_transaction_that_ends_late_with_a_lower_id_is_read(desk):
    moments = [at(10, minutes=number) for number in range(60)]
    company = firm([plain(number, moment) for number, moment in enumerate(moments, start=1)])
    served = desk(company, server={"clock": at(10, minutes=65), "traps": {"rt_late_commit_seconds": 800}})
    served.run()
    shown = set(served.payloads("transactions"))
    served.sandbox.move_clock(NOW)
    served.run()
    late = {int(one) for one in set(served.payloads("transactions")) - shown}
    assert min(late) < max(map(int, shown))
    served.sandbox.control("traps", rt_late_commit_seconds=0)
    second = RtPlace(served.settings, served.sandbox)
    second.run()
    assert set(second.payloads("transactions")) == set(served.payloads("transactions"))
    assert second.payloads("tickets") == served.payloads("tickets")


def test_t18_a_run_that_goes_on_after_a_kill_still_reads_what_ended_late(desk):
    moments = [at(10, minutes=number / 10) for number in range(80)]
    company = firm([plain(number, moment) for number, moment in enumerate(moments, start=1)])
    served = desk(company, server={"clock": at(10, minutes=35), "traps": {"rt_late_commit_seconds": 1200}})
    served.run_until(6, "transactions")
    # what ended while nothing ran lies behind the last row that landed
    held = set(served.payloads("transactions"))
    served.sandbox.move_clock(at(10, minutes=60))
    served.run()
    ended = {int(one) for one in set(served.payloads("transactions")) - held}
    assert min(ended) < max(map(int, held))
    served.sandbox.move_clock(NOW)
    served.run()
    assert len(served.payloads("transactions")) == len(everything_of(company))


def everything_of(company: Company) -> list[Transaction]:
    return Ledger(company, Desk(company, "zendesk")).rows


def test_t6_t8_a_run_that_was_killed_goes_on_at_its_page(desk):
    served = desk(firm([plain(number, at(number / 20)) for number in range(1, 121)]))
    served.run_until(4, "transactions")
    reached = served.cursor("transactions")["since"]
    held = len(served.payloads("transactions"))
    served.sandbox.control("reset")
    served.run("transactions")
    assert reached > min(map(int, served.payloads("transactions")))
    asked = [one["query"]["query"] for one in served.asked("rt.transactions") if one["query"]["order"] == "ASC"]
    assert f"id > {reached}" in asked[0]
    assert len(served.payloads("transactions")) > held
    assert served.query("select count(*) from raw_rt.transactions_history where instance = %s") == [(0,)]


def test_t10_tickets_wait_for_the_transactions_and_a_kill_between_loses_none(desk):
    served = desk(firm([plain(number, at(number / 20)) for number in range(1, 241)]))
    served.run("transactions")
    assert served.payloads("tickets") == {}
    served.run_until(1, "tickets")
    some = len(served.payloads("tickets"))
    assert 0 < some < 240
    served.run("tickets")
    assert len(served.payloads("tickets")) == 240


def test_a_ticket_changes_while_it_is_read_and_is_read_again_in_the_next_run(desk):
    """T17: what happens between the list of transactions and the tickets shows in both after the next run."""
    one = plain(1, at(3))
    one.events += [message(1, 3, at(15), "Still wrong"), Event("status", at(15, seconds=1), value="open")]
    served = desk(firm([one]), server={"clock": at(10)})
    served.run("users", "transactions")
    served.sandbox.move_clock(NOW)
    served.run("tickets")
    assert served.payloads("tickets")[ticket(1)]["Status"] == "open"
    assert "Still wrong" not in served.texts().values()
    served.run()
    assert "Still wrong" in served.texts().values()


def test_what_was_replaced_in_a_ticket_is_read_again(desk):
    one = plain(1, at(3))
    one.events.append(Event("redact", at(15), "system", message_id="msg-000001-001", text="XXXX"))
    served = desk(firm([one, plain(2, at(3))]), server={"clock": at(10)})
    served.run()
    assert sorted(served.texts().values()) == ["Hello there", "Hello there", "Here is how", "Here is how"]
    served.sandbox.move_clock(NOW)
    served.run()
    assert sorted(served.texts().values()) == ["Hello there", "Here is how", "Here is how", "XXXX"]


def test_what_was_replaced_in_a_ticket_that_was_merged_away_is_read_again(desk):
    one = merged(1, 2, at(5))
    one.events.append(Event("redact", at(15), "system", message_id="msg-000001-001", text="XXXX"))
    served = desk(firm([one, merged(2, 3, at(6)), plain(3, at(3))]), server={"clock": at(10)})
    served.run()
    assert list(served.texts().values()).count("Hello there") == 3
    served.sandbox.move_clock(NOW)
    served.run()
    assert list(served.texts().values()).count("Hello there") == 2
    assert list(served.texts().values()).count("XXXX") == 1


def test_html_counts_only_without_plain_text_and_no_file_is_fetched(desk):
    # numbers of the messages whose mails hold a frame, HTML alone, and a file
    said = [
        message(1, 1, at(3), "Plain and HTML", html="<p>Plain and HTML</p>"),
        message(1, 6, at(4), "HTML <alone>", html="<p>HTML &lt;alone&gt;</p>"),
        message(1, 8, at(5), "With a file"),
    ]
    served = desk(firm([conversation(1, said)]))
    served.run()
    assert sorted(served.texts().values()) == ["<p>HTML &lt;alone&gt;</p>", "Plain and HTML", "With a file"]
    asked = [one["query"]["fields"] for one in served.asked("rt.attachments") if "Content," in one["query"]["fields"]]
    assert asked == []
    with_content = [
        one["query"] for one in served.asked("rt.attachments") if "Content" in one["query"]["fields"].split(",")
    ]
    ids = [one for query in with_content for condition in json.loads(query["query"])[:1] for one in condition["value"]]
    assert len(ids) == 3
    opening = [row for row in served.payloads("attachments").values() if row.get("Interface")]
    assert len(opening) == 3


def test_t24_characters_that_no_table_takes_are_replaced_and_counted(desk):
    served = desk(
        firm([plain(number, at(3)) for number in range(1, 12)]),
        server={"traps": {"drift": {"nul_and_surrogates": True}}},
    )
    result = served.run()
    assert result.replaced_characters > 0
    assert any("�" in text for text in served.texts().values())


def test_t9_a_ticket_that_is_refused_stops_nothing(desk):
    served = desk(
        firm([deleted(1, at(5)), deleted(2, at(5)), plain(3, at(3))]),
        server={"traps": {"html_403_for_ids": [int(ticket(1))], "html_404_for_ids": [int(ticket(2))]}},
    )
    result = served.run()
    assert set(served.payloads("tickets")) == {ticket(3)}
    assert result.detail["skipped_records"] == {"tickets that RT does not show": 2}


def test_a_ticket_from_before_the_start_lands_with_its_past_and_what_went_into_it(desk):
    old = plain(1, at(2))
    old.events += [message(1, 3, at(15), "Once more"), Event("status", at(15, seconds=5), value="open")]
    served = desk(firm([old, merged(2, 1, at(4)), plain(3, at(3)), plain(4, at(16))]), start="2026-03-12")
    served.run()
    assert set(served.payloads("tickets")) == {ticket(1), ticket(2), ticket(4)}
    owners = set(served.interactions("transactions").values())
    assert owners == {ticket(1), ticket(2), ticket(4)}
    kinds = [row["Type"] for row in served.payloads("transactions").values()]
    assert kinds.count("Create") == 3
    assert len(served.texts()) == 2 + 1 + 2 + 2
    asked = len(served.asked("rt.history"))
    assert asked == 1
    assert sorted(served.tickets_asked()) == [ticket(1), ticket(2), ticket(4)]
    served.run()
    assert len(served.asked("rt.history")) == asked


def test_trap_42_the_start_is_that_of_utc_whatever_the_accounts_zone(desk):
    """RT's own language reads a time in the zone of the account; what is compared with columns is in UTC."""
    served = desk(
        firm([plain(1, at(9, hours=23)), plain(2, at(10, hours=1))]),
        start="2026-03-12",
        server={"traps": {"rt_zone_hours": 10}},
    )
    served.run("transactions")
    assert set(served.interactions("transactions").values()) == {ticket(2)}
    times = [
        one["query"]["query"] for one in served.asked("rt.transactions") if "Created" in one["query"].get("query", "")
    ]
    assert times
    assert all(one.startswith("[") for one in times)


def test_a_backfill_reads_its_days_and_leaves_the_cursors_alone(desk):
    served = desk(firm([plain(number, at(number)) for number in range(1, 11)]), start="2026-03-10")
    served.run()
    assert set(served.payloads("tickets")) == {ticket(8), ticket(9), ticket(10)}
    served.sandbox.control("reset")
    before = served.cursor("transactions")
    served.run(interval=(date(2026, 3, 5), date(2026, 3, 6)))
    assert sorted(served.tickets_asked()) == [ticket(3), ticket(4)]
    assert set(served.payloads("tickets")) == {ticket(number) for number in (3, 4, 8, 9, 10)}
    assert served.cursor("transactions") == before


def test_an_account_to_which_nothing_is_counted_reads_everything(desk, warehouse):
    company = firm([plain(number, at(number / 20)) for number in range(1, 61)])
    served = desk(company)
    known = served.sandbox.credentials.rt.model_dump()
    served.sandbox.control("traps", credentials={"rt": known | {"sees_all": False}})
    served.run()
    assert len(served.payloads("transactions")) == len(everything_of(company))
    assert len(served.payloads("tickets")) == 60


def test_both_ways_to_prove_who_asks_and_neither(desk):
    served = desk(firm([plain(1, at(3))]))
    known = served.sandbox.credentials.rt
    assert all(error is None for error in served.check().values())
    assert all(error is None for error in served.check({"user": known.user, "password": known.password}).values())
    for wrong, remedy in (({"token": "1-14-no"}, "token"), ({"user": known.user, "password": "no"}, "password")):
        with pytest.raises(CredentialsError, match=remedy):
            served.run(secrets=wrong)


# --- scripted answers


def api_of(url: str) -> ApiClient:
    return ApiClient("rt/test", url, httpx.BasicAuth("a", "b"))


def listed(*ids: int, total: int | None = None) -> Answer:
    return Answer({"items": [{"id": str(one)} for one in ids], "total": total})


def test_every_list_is_asked_in_the_order_of_ids():
    """RT's own order is that of creation, in which a page's last id is not its highest."""
    with scripted([listed(1, 2, total=3), listed(3, total=1)]) as api, api_of(api.url) as client_:
        pages = list(by_id(client_, "/transactions", lambda after: f"id > {after}"))
    assert [page.last for page in pages] == [2, 3]
    assert [(one.query["orderby"], one.query["order"], one.query["query"]) for one in api.asked] == [
        ("id", "ASC", "id > 0"),
        ("id", "ASC", "id > 2"),
    ]


def test_t2_a_page_that_is_repeated_ends_the_walk():
    with scripted([listed(1, 2, total=300)]) as api, api_of(api.url) as client_, pytest.raises(NoProgress):
        list(by_id(client_, "/transactions", lambda after: f"id > {after}"))
    assert len(api.asked) == 2


def test_a_page_of_what_is_not_shown_to_the_account_is_no_end():
    def answer(asked: Asked) -> Answer:
        if asked.query["order"] == "DESC":
            return listed(500) if "id > 500" not in asked.query["query"] else listed()
        if asked.query["query"] == "id > 0":
            return listed(500) if asked.query.get("page") == "3" else listed()
        return listed()

    with scripted(answer) as api, api_of(api.url) as client_:
        pages = list(by_id(client_, "/transactions", lambda after: f"id > {after}"))
    assert [page.last for page in pages] == [500]
    assert len(api.asked) < 10


def test_two_conditions_on_one_field_hold_together():
    stated = json.loads(conditions(("id", "IN", [1]), ("id", ">", 0), ("Name", "=", "x")))
    assert [one.get("entry_aggregator") for one in stated] == [None, "AND", None]


def test_long_texts_come_alone_and_the_others_together():
    lengths = {1: 3_000_000, 2: 900_000, 3: 900_000, 4: 12_000_000, 5: 10}

    def answer(asked: Asked) -> Answer:
        own = json.loads(asked.query["query"])[0]
        part = {"ContentType": "text/plain", "Filename": ""}
        items = [
            {"id": str(one), "TransactionId": str(one), "ContentLength": str(lengths[one]), **part}
            for one in own["value"]
        ]
        return Answer({"items": items, "total": len(items)})

    with scripted(answer) as api, api_of(api.url) as client_:
        rows = texts(client_, {str(one): "7" for one in lengths})
    batches = [json.loads(one.query["query"])[0]["value"] for one in api.asked[1:]]
    assert batches == [[1, 2], [3], [4], [5]]
    assert {row.row_id for row in rows} == set(map(str, lengths))
    assert {row.interaction_id for row in rows} == {"7"}


def test_who_became_staff_is_said_again_though_the_account_is_not(warehouse):
    staff: set[int] = {7}

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/members"):
            return Answer({"items": [{"id": one} for one in sorted(staff)], "total": len(staff)})
        if asked.path.endswith("/groups"):
            return listed(4, total=1)
        if "LastUpdated" in asked.query["query"]:
            return listed(total=0)
        people = [{"id": one, "Name": f"n{one}", "LastUpdated": "2026-03-01T00:00:00Z"} for one in (7, 8)]
        return Answer({"items": people, "total": 2})

    with scripted(answer) as api:
        place = RtPlace.__new__(RtPlace)
        place.sandbox = type("Told", (), {"url": api.url, "control": lambda *_: {"now": NOW.isoformat()}})()
        RtPlace.__init__(place, warehouse, place.sandbox)
        place.secrets = lambda: {"token": "t"}
        place.run("users")
        assert {one: row["Privileged"] for one, row in place.payloads("users").items()} == {"7": True, "8": False}
        staff |= {8}
        place.run("users")
        assert {one: row["Privileged"] for one, row in place.payloads("users").items()} == {"7": True, "8": True}


class Accounts:
    """Accounts that change, and the group of those who are staff, as RT states both."""

    def __init__(self) -> None:
        self.changed = dict.fromkeys(range(1, 251), "2026-03-01T00:00:00Z")
        self.staff = {1}

    def __call__(self, asked: Asked) -> Answer:
        if asked.path.endswith("/members"):
            return Answer({"items": [{"id": one} for one in sorted(self.staff)], "total": len(self.staff)})
        if asked.path.endswith("/groups"):
            return listed(4, total=1)
        stated = json.loads(asked.query["query"])
        after = max(one["value"] for one in stated if one["field"] == "id")
        since = next((one["value"] for one in stated if one["field"] == "LastUpdated"), "")
        found = [one for one, at in self.changed.items() if one > after and at.replace("T", " ") >= since]
        if asked.query["orderby"] == "LastUpdated":
            found.sort(key=lambda one: self.changed[one], reverse=asked.query["order"] == "DESC")
        shown = found[: int(asked.query["per_page"])]
        items = [{"id": str(one), "Name": f"n{one}", "LastUpdated": self.changed[one]} for one in shown]
        return Answer({"items": items, "total": len(found)})


@pytest.fixture
def accounts(warehouse) -> Iterator[tuple[Accounts, RtPlace]]:
    told = Accounts()
    with scripted(told) as api:
        place = RtPlace.__new__(RtPlace)
        place.sandbox = type("Told", (), {"url": api.url, "control": lambda *_: {"now": NOW.isoformat()}})()
        RtPlace.__init__(place, warehouse, place.sandbox)
        place.secrets = lambda: {"token": "t"}
        yield told, place


def test_t17_an_account_that_changes_behind_a_long_walk_is_read_by_the_next(accounts):
    """The walk meets far later changes than the one behind its back; it is the newest of its beginning that counts."""
    told, place = accounts
    landed = itertools.count(1)

    def progress(stream: str, count: int) -> None:
        # the second page of accounts has landed: the first one's account changes, and hours later one that is still to come
        if next(landed) == 3:
            told.changed |= {5: "2026-03-02T09:00:00Z", 240: "2026-03-02T12:00:00Z"}

    place.run("users", progress=progress)
    assert place.payloads("users")["5"]["LastUpdated"] == "2026-03-01T00:00:00Z"
    assert place.payloads("users")["240"]["LastUpdated"] == "2026-03-02T12:00:00Z"
    assert place.cursor("users")["newest"] == "2026-03-01T00:00:00Z"
    place.run("users")
    assert place.payloads("users")["5"]["LastUpdated"] == "2026-03-02T09:00:00Z"


def test_who_stopped_being_staff_while_a_walk_was_stopped_is_said_again(accounts):
    """The first pages have landed with the rights of then, and no walk has ever ended."""
    told, place = accounts
    place.run_until(2, "users")
    assert place.payloads("users")["1"]["Privileged"] is True
    told.staff = {2}
    place.run("users")
    held = place.payloads("users")
    assert (len(held), held["1"]["Privileged"], held["2"]["Privileged"]) == (250, False, True)


def test_t17_what_ends_while_a_walk_follows_its_tail_for_long_is_read_by_the_next(warehouse):
    """Each page brings what happened half an hour later; what began before and ends behind it is not lost."""
    moments = {number: f"2026-03-01T{number // 100:02}:{number % 100 // 2:02}:00Z" for number in range(1, 401)}
    hidden = {95}

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/attachments"):
            return listed(total=0)
        query = asked.query["query"]
        if asked.query["order"] == "DESC":
            return listed(100, total=1)
        if query.startswith("["):
            return listed(1, total=1)
        after = int(re.search(r"id > (\d+)", query).group(1))
        found = [one for one in moments if one > after and one not in hidden][:100]
        kind = {"Type": "Status", "ObjectType": "RT::Ticket", "ObjectId": "7"}
        items = [{"id": str(one), "Created": moments[one], **kind} for one in found]
        return Answer({"items": items, "total": len([one for one in moments if one > after and one not in hidden])})

    with scripted(answer) as api:
        place = RtPlace.__new__(RtPlace)
        place.sandbox = type("Told", (), {"url": api.url, "control": lambda *_: {"now": NOW.isoformat()}})()
        RtPlace.__init__(place, warehouse, place.sandbox)
        place.secrets = lambda: {"token": "t"}
        place.run("transactions")
        assert len(place.payloads("transactions")) == 399
        hidden.clear()
        place.run("transactions")
        assert "95" in place.payloads("transactions")


def test_an_ai_agents_answers_land_like_anybodys(desk):
    served = desk(firm([conversation(1, [message(1, 1, at(3)), message(1, 2, at(3, minutes=1), "Done", AI)])]))
    served.run()
    creators = {
        row["Creator"]["Name"] for row in served.payloads("transactions").values() if row["Type"] == "Correspond"
    }
    assert creators == {"ai_agent-0"}
