"""PostHog's queries as the simulated company's server answers them: which are understood, and what they show when."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from small_firm import at, firm, product_event

from touchstone.sandbox.api import Sandbox, SandboxOptions, serve_here
from touchstone.sandbox.api.hogql import HogQLError, parsed
from touchstone.sandbox.api.posthog import FIELDS, own_uuid
from touchstone.sandbox.company import build
from touchstone.sources.posthog.connector import COUNTS, EVENTS

ALL = {"lower_bound": "2026-01-01 00:00:00.000000", "upper_bound": "2027-01-01 00:00:00.000000"}
FROM_THE_FIRST = ALL | {"last_time": ALL["lower_bound"], "last_uuid": ""}


class Client:
    """Asks one server."""

    def __init__(self, sandbox: Sandbox) -> None:
        known = sandbox.credentials.posthog
        self.url = f"{sandbox.url}/posthog/api/projects/{known.project_id}/query/"
        self.headers = {"Authorization": f"Bearer {known.api_key}"}

    def ask(self, query: str, values: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        body = {"query": {"kind": "HogQLQuery", "query": query, "values": values or {}}, **more}
        return httpx.post(self.url, json=body, headers=self.headers, timeout=20)

    def rows(self, query: str, values: dict[str, Any] | None = None, **more: Any) -> list[list[Any]]:
        response = self.ask(query, values, **more)
        assert response.status_code == 200, response.text
        return response.json()["results"]

    def acted(self) -> list[str]:
        return [row[0] for row in self.rows(f"{EVENTS}50000", FROM_THE_FIRST) if row[1] != "$identify"]


NOW = at(10)


def served(events=(), now=NOW, **traps: Any):
    return serve_here(firm(product_events=list(events)), SandboxOptions(clock=now, vendors=("posthog",), traps=traps))


# --- the interpreter


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM events",
        "SELECT * FROM events",
        "SELECT event FROM persons",
        "SELECT event, nothing FROM events",
        "SELECT event FROM events; SELECT event FROM events",
        "SELECT event FROM events WHERE event LIKE 'a%'",
        "SELECT event FROM events WHERE event = {unknown}",
        "SELECT event FROM events WHERE event = 'a",
        "SELECT event FROM events JOIN persons",
        "SELECT event FROM events LIMIT ten",
        "SELECT upper(event) FROM events",
        "SELECT toString(timestamp, 'UTC') FROM events",
        "SELECT event FROM events WHERE timestamp > toDateTime('yesterday', 'UTC')",
        "SELECT toString(toTimeZone(timestamp, 'Europe/Berlin')) FROM events",
        "SELECT event AS uuid FROM events",
        "SELECT event, count() AS n FROM events",
        "SELECT event FROM events -- all",
    ],
)
def test_what_the_interpreter_does_not_know_is_refused(query):
    with served([product_event(1, at(1))]) as sandbox:
        response = Client(sandbox).ask(query)
        assert (response.status_code, response.json()["code"]) == (400, "illegal_hogql"), response.text


def test_conditions_bind_as_in_sql():
    rows = [{"a": a, "b": b} for a in (1, 2) for b in (1, 2)]
    fields = {"t": ("a", "b")}

    def found(condition: str, **values: Any) -> list[list[int]]:
        return parsed(f"SELECT a, b FROM t WHERE {condition} ORDER BY b, a LIMIT 9", values, fields).answer(rows, 9)[0]

    assert found("a = 1 OR a = 2 AND b = 2") == [[1, 1], [1, 2], [2, 2]]
    assert found("(a = 1 OR a = 2) AND b = {two}", two=2) == [[1, 2], [2, 2]]
    assert found("a >= 2 AND (b < 2 OR b != 2)") == [[2, 1]]
    assert parsed("SELECT a, count() AS n, count(DISTINCT b) AS m FROM t GROUP BY a ORDER BY a", {}, fields).answer(
        [*rows, {"a": 1, "b": 1}], 9
    ) == ([[1, 3, 2], [2, 2, 2]], False)
    with pytest.raises(HogQLError):
        parsed("SELECT a FROM t WHERE a = 1 b = 2", {}, fields)


def test_bounds_of_time_are_those_that_every_row_meets():
    query = parsed(f"{EVENTS}10", FROM_THE_FIRST, {"events": FIELDS})
    assert [(name, sign) for name, sign, _ in query.bounds] == [("timestamp", ">="), ("timestamp", "<")]
    assert query.limit == 10


def test_a_hundred_rows_without_a_limit_and_fifty_thousand_at_most():
    with served(product_event(number, at(1, seconds=number)) for number in range(150)) as sandbox:
        client = Client(sandbox)
        plain = client.ask("SELECT event FROM events").json()
        assert (len(plain["results"]), plain["hasMore"]) == (100, True)
        assert len(client.rows("SELECT event FROM events LIMIT 120")) == 120
        assert len(client.rows("SELECT event FROM events LIMIT 1000000")) == 151
        sandbox.control("traps", posthog_row_cap=30)
        assert len(client.rows("SELECT event FROM events LIMIT 120")) == 30


# --- what shows when


def test_an_event_shows_when_it_has_come_or_later():
    late = product_event(3, at(1), arrives=at(5))
    with served([product_event(2, at(1)), late], now=at(2)) as sandbox:
        client = Client(sandbox)
        assert client.acted() == [own_uuid("pev-0000002")]
        sandbox.move_clock(at(5))
        assert len(client.acted()) == 2
        sandbox.control("traps", posthog_late_visible_seconds=3600)
        assert len(client.acted()) == 1
        sandbox.move_clock(seconds=3600)
        assert len(client.acted()) == 2
        created = client.rows("SELECT toString(toTimeZone(created_at, 'UTC')) FROM events ORDER BY created_at")
        assert created[-1] == ["2026-03-07 00:00:00.000000"]


def test_copies_share_uuid_and_time_and_count_once():
    with served([product_event(2, at(1), copies=3)]) as sandbox:
        client = Client(sandbox)
        assert client.acted() == [own_uuid("pev-0000002")] * 3
        # what introduces the customer counts, too
        assert client.rows(COUNTS, ALL) == [["2026-03-03", 2]]
        sandbox.control("traps", missing_events=1.0)
        assert client.rows(COUNTS, ALL) == []


def test_an_answer_may_come_from_memory_unless_that_is_forbidden():
    with served([product_event(2, at(1)), product_event(4, at(1), arrives=at(2, minutes=5))], now=at(2)) as sandbox:
        client = Client(sandbox)
        sandbox.control("traps", posthog_cache_seconds=3600)
        assert len(client.acted()) == 1
        sandbox.move_clock(seconds=600)
        assert len(client.acted()) == 1
        assert len(client.rows(f"{EVENTS}50000", FROM_THE_FIRST, refresh="force_blocking")) == 3
        sandbox.move_clock(seconds=3600)
        assert len(client.acted()) == 2


def test_a_device_is_a_person_of_its_own_until_somebody_signs_in():
    events = [product_event(11, at(1)), product_event(2, at(1, hours=1), arrives=at(3))]
    events[0].properties["device"] = "ios"
    known, device = own_uuid("cus-000001"), own_uuid("device cus-000001")
    query = "SELECT distinct_id, toString(person_id), person.properties.email FROM events WHERE event != '$identify' LIMIT 9"
    # the first event of all is the sign-in
    with served([product_event(1, at(1)), product_event(11, at(2))]) as sandbox:
        assert [row[1] for row in Client(sandbox).rows(query)] == [known, known]
    with served(events) as sandbox:
        assert {row[0] for row in Client(sandbox).rows(query)} <= {"u_1", device}


# --- who may ask


def test_key_project_and_scope_are_checked():
    with served() as sandbox:
        client = Client(sandbox)
        assert client.ask("SELECT event FROM events").status_code == 200
        assert httpx.post(client.url, json={}).status_code == 401
        assert httpx.post(client.url, json={}, headers={"Authorization": "Bearer phx_wrong"}).status_code == 401
        other = client.url.replace(str(sandbox.credentials.posthog.project_id), "5")
        assert httpx.post(other, json={}, headers=client.headers).status_code == 404
        assert (
            httpx.post(client.url, json={"query": {"kind": "EventsQuery"}}, headers=client.headers).status_code == 400
        )
        sandbox.control("traps", credentials={"posthog": {"has_scope": False}})
        assert client.ask("SELECT event FROM events").status_code == 403


def test_the_hour_holds_120_queries():
    with served(enforce_limits=True) as sandbox:
        client = Client(sandbox)
        found = [client.ask("SELECT event FROM events LIMIT 1").status_code for _ in range(122)]
        assert (found.count(200), found[-1]) == (120, 429)


def test_the_companys_events_are_what_arrived():
    company = build(seed=3, conversations_per_day=4, days=12)
    now = company.until
    with serve_here(company, SandboxOptions(clock=now, vendors=("posthog",))) as sandbox:
        client = Client(sandbox)
        rows = [row for row in client.rows(f"{EVENTS}50000", FROM_THE_FIRST) if row[1] != "$identify"]
        counted = sum(count for _, count in client.rows(COUNTS, ALL))
        walked: list[list[Any]] = []
        values = dict(FROM_THE_FIRST)
        while page := client.rows(f"{EVENTS}37", values):
            walked += page
            values |= {"last_time": page[-1][6], "last_uuid": page[-1][0]}
    expected = {
        (own_uuid(one.event_id), one.name, one.at.strftime("%Y-%m-%d %H:%M:%S.%f"))
        for one in company.product_events
        if one.arrives_at <= now
    }
    assert {(row[0], row[1], row[6]) for row in rows} == expected
    assert len(rows) > len(expected) > 100
    assert {row[0] for row in rows} < {row[0] for row in walked}
    assert counted == len({row[0] for row in walked})
