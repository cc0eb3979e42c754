"""What goes wrong on any of the APIs: limits, errors, broken bodies, hangs, drift; and the controls that switch it."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pydantic import ValidationError
from small_firm import (
    at,
    by_ai,
    events_page,
    firm,
    get,
    hubspot,
    mixpanel,
    plain,
    product_event,
    tickets_page,
    zendesk,
)

from touchstone.errors import SourceError
from touchstone.sandbox.api import Drift, Fault, SandboxOptions, Traps, serve_here

TICKETS = {"start_time": 0, "support_type_scope": "all"}
CURSOR = "incremental/tickets/cursor.json"
OWNERS = "crm/v3/owners"
DAY = {"from_date": "2026-03-03", "to_date": "2026-03-03"}


def company():
    return firm(
        [*(plain(number, at(1, hours=number)) for number in range(9)), plain(50, at(2), desk="hubspot")],
        product_events=[product_event(number, at(1, minutes=number)) for number in range(30)],
    )


def served(traps=None, **fields):
    return serve_here(company(), SandboxOptions(**{"clock": at(9), "traps": traps or Traps()} | fields))


def statuses(client, path, times, **query):
    return [client.get(path, params=query).status_code for _ in range(times)]


# --- drawn faults


def test_the_same_seed_draws_the_same_faults_and_another_one_does_not():
    traps = Traps(rate_limited=0.3, server_error=0.2)
    seen = []
    for seed in (4, 4, 5):
        with served(traps, seed=seed) as sandbox, hubspot(sandbox) as client:
            seen.append(statuses(client, OWNERS, 60))
    assert seen[0] == seen[1] != seen[2]
    assert 8 < seen[0].count(429) < 30
    assert 3 < sum(status >= 500 for status in seen[0]) < 22
    assert seen[0].count(200) > 15


def test_shares_concern_the_named_endpoints_only():
    with served(Traps(rate_limited=1.0, only=["zendesk.tickets_export", "hubspot.*"])) as sandbox:
        with zendesk(sandbox) as client:
            assert client.get(CURSOR, params=TICKETS).status_code == 429
            assert client.get("groups.json").status_code == 200
        with hubspot(sandbox) as client:
            assert client.get(OWNERS).status_code == 429


@pytest.mark.parametrize(("wait", "stated"), [(None, None), (7.0, "7"), (3600, "3600")])
def test_a_429_says_how_long_to_wait_or_does_not(wait, stated):
    with served(Traps(rate_limited=1.0, retry_after=wait)) as sandbox:
        with zendesk(sandbox) as client:
            answer = client.get(CURSOR, params=TICKETS)
            assert (answer.status_code, answer.headers.get("retry-after")) == (429, stated)
            assert answer.json()["error"] == "APIRateLimitExceeded"
        with hubspot(sandbox) as client:
            answer = client.post("crm/v3/objects/tickets/search", json={})
            assert (answer.json()["errorType"], answer.json()["policyName"]) == ("RATE_LIMIT", "SECONDLY")
            assert client.get(OWNERS).json()["policyName"] == "TEN_SECONDLY_ROLLING"
        with mixpanel(sandbox) as client:
            answer = client.get("export", params=DAY)
            assert (answer.status_code, answer.headers.get("retry-after")) == (429, stated)


def test_waits_can_be_mixed():
    with served(Traps(rate_limited=1.0, retry_after=[None, 1, 120])) as sandbox, hubspot(sandbox) as client:
        assert {client.get(OWNERS).headers.get("retry-after") for _ in range(40)} == {None, "1", "120"}


def test_server_errors_come_as_json_and_as_pages_of_a_proxy():
    traps = Traps(server_error=1.0, server_error_statuses=[500, 502])
    with served(traps) as sandbox, zendesk(sandbox) as client:
        answers = {answer.status_code: answer for answer in (client.get("groups.json") for _ in range(20))}
        assert set(answers) == {500, 502}
        assert answers[500].json()["error"] == "InternalError"
        assert answers[502].headers["content-type"].startswith("text/html")


def test_good_answers_can_arrive_broken():
    kinds = {}
    for kind in ("cut", "html", "empty"):
        with served(Traps(broken_body=1.0, broken_body_kinds=[kind])) as sandbox, zendesk(sandbox) as client:
            kinds[kind] = client.get(CURSOR, params=TICKETS)
            assert sandbox.control("stats")["faults"] == {f"body:{kind}": 1}
    assert all(answer.status_code == 200 for answer in kinds.values())
    for answer in kinds.values():
        with pytest.raises(json.JSONDecodeError):
            answer.json()
    assert kinds["cut"].text.startswith('{"tickets":[{')
    assert kinds["html"].headers["content-type"] == "text/html"
    assert kinds["empty"].content == b""


def test_a_connection_can_end_in_the_midst_of_a_body():
    traps = Traps(broken_body=1.0, broken_body_kinds=["disconnect"])
    with served(traps) as sandbox, zendesk(sandbox) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(CURSOR, params=TICKETS)


def test_a_hang_keeps_one_request_waiting_and_no_other():
    with served(Traps(hang=0.6, only=["zendesk.groups"])) as sandbox, zendesk(sandbox) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get("groups.json", timeout=0.2)
        began = time.monotonic()
        get(client, "brands.json")
        assert time.monotonic() - began < 0.4
        began = time.monotonic()
        get(client, "groups.json")
        assert time.monotonic() - began >= 0.6


# --- counted faults


def test_counted_faults_meet_exactly_those_requests():
    faults = [
        Fault(kind="rate_limited", endpoint="hubspot.owners", skip=1, times=2, retry_after=None),
        Fault(kind="server_error", endpoint="hubspot.*", skip=4, status=503),
    ]
    with served(Traps(faults=faults)) as sandbox, hubspot(sandbox) as client:
        assert statuses(client, OWNERS, 7) == [200, 429, 429, 200, 503, 200, 200]
        sandbox.control("traps", rate_limited=0.0)
        assert statuses(client, OWNERS, 3) == [200, 200, 200]
        sandbox.control("traps", faults=[faults[0].model_dump()])
        assert statuses(client, OWNERS, 3) == [200, 429, 429]


def test_t17_the_clock_can_move_while_a_page_is_asked_for():
    faults = [Fault(kind="advance_clock", endpoint="zendesk.tickets_export", skip=1, seconds=3600)]
    with served(Traps(faults=faults), clock=at(1, hours=7, minutes=30)) as sandbox, zendesk(sandbox) as client:
        first = tickets_page(client, start_time=0, per_page=5)
        assert sandbox.control("clock")["now"] == "2026-03-03T07:30:00Z"
        second = tickets_page(client, cursor=first["after_cursor"])
        assert sandbox.control("clock")["now"] == "2026-03-03T08:30:00Z"
        assert [row["id"] for row in second["tickets"]] == [1005, 1006, 1007, 1008]


# --- limits


def test_the_true_limits_hold_and_end_with_their_window():
    traps = Traps(enforce_limits=True, limit_scale=0.01)
    with served(traps) as sandbox, zendesk(sandbox) as client:
        began = time.monotonic()
        # one limit for all exports
        seen = statuses(client, CURSOR, 6, **TICKETS)
        seen += statuses(client, "incremental/ticket_events.json", 6, **TICKETS)
        assert seen == [200] * 10 + [429] * 2
        refused = client.get(CURSOR, params=TICKETS)
        assert refused.headers["retry-after"] == "1"
        other = client.get("groups.json")
        assert (other.status_code, other.headers["x-rate-limit"]) == (200, "700")
        time.sleep(max(0.0, 0.65 - (time.monotonic() - began)))
        assert client.get(CURSOR, params=TICKETS).status_code == 200
        assert sandbox.control("stats")["faults"] == {"limit:zendesk.exports": 3}


def test_hubspots_search_has_a_limit_of_its_own_that_no_header_tells():
    traps = Traps(enforce_limits=True, limit_scale=3.0)
    with served(traps) as sandbox, hubspot(sandbox) as client:
        answers = [client.post("crm/v3/objects/tickets/search", json={}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert answers[5].json()["policyName"] == "SECONDLY"
        assert "retry-after" not in answers[5].headers
        listed = client.get(OWNERS)
        assert listed.headers["x-hubspot-ratelimit-max"] == "100"
        assert listed.headers["x-hubspot-ratelimit-remaining"] == "94"


def test_mixpanel_allows_three_exports_a_second():
    with served(Traps(enforce_limits=True, limit_scale=5.0)) as sandbox, mixpanel(sandbox) as client:
        assert statuses(client, "export", 5, **DAY) == [200, 200, 200, 429, 429]


# --- drift


def test_a_field_changes_its_type():
    with served() as sandbox, zendesk(sandbox) as client, hubspot(sandbox) as crm, mixpanel(sandbox) as analytics:

        def values():
            ticket = tickets_page(client, start_time=0)["tickets"][0]
            found = crm.get("crm/v3/objects/companies", params={"properties": "number_of_employees"}).json()
            event = json.loads(analytics.get("export", params=DAY).text.splitlines()[0])
            kinds = {row["id"]: row["type"] for row in get(client, "ticket_fields.json")["ticket_fields"]}
            return (
                next(field["value"] for field in ticket["custom_fields"] if field["id"] == 900_004),
                kinds[900_004],
                found["results"][0]["properties"]["number_of_employees"],
                event["properties"]["$app_build_number"],
            )

        before = values()
        sandbox.control("traps", drift={"field_type_change": True})
        after = values()
    assert [type(value) for value in before] == [int, str, str, int]
    assert before[1] == "integer"
    assert before[2].isdigit()
    assert after == (f"{before[0]} seats", "text", "0-49", f"{before[3]}-beta")


def test_new_values_and_new_fields_appear():
    with served() as sandbox, zendesk(sandbox) as client, hubspot(sandbox) as crm, mixpanel(sandbox) as analytics:
        thread = "conversations/v3/conversations/threads/1100000050/messages"

        def shapes():
            tickets = tickets_page(client, start_time=0)["tickets"]
            events = events_page(client, start_time=0)["ticket_events"]
            rows = [json.loads(line)["properties"] for line in analytics.get("export", params=DAY).text.splitlines()]
            return {
                "types": {row["type"] for row in tickets},
                "priorities": {row["priority"] for row in tickets},
                "ticket keys": set(tickets[0]),
                "children": {child["event_type"] for row in events for child in row["child_events"]},
                "messages": {row["type"] for row in crm.get(thread).json()["results"]},
                "properties": {row["name"] for row in crm.get("crm/v3/properties/tickets").json()["results"]},
                "thread keys": set(crm.get(thread.removesuffix("/messages")).json()),
                "libraries": {row["mp_lib"] for row in rows},
                "event keys": set().union(*rows),
            }

        before = shapes()
        sandbox.control("traps", drift={"new_enum": ["priority"], "new_field": True})
        after = shapes()
    new = {name: after[name] - before[name] for name in before if after[name] - before[name]}
    assert new == {
        "types": {"outage"},
        "priorities": {"critical"},
        "ticket keys": {"agent_workspace"},
        "children": {"OrganizationActivity"},
        "properties": {"ai_sentiment_score"},
        "thread keys": {"aiSummaryStatus"},
        "libraries": {"headset"},
        "event keys": {"$experiment_arm"},
    }


def test_t24_texts_hold_escapes_that_no_database_takes():
    traps = Traps(drift=Drift(nul_and_surrogates=True))
    with served(traps) as sandbox, zendesk(sandbox) as client, hubspot(sandbox) as crm, mixpanel(sandbox) as analytics:
        bodies = [
            client.get(CURSOR, params=TICKETS).content,
            client.get("incremental/ticket_events.json", params=TICKETS | {"include": "comment_events"}).content,
            crm.get("crm/v3/objects/tickets").content,
            analytics.get("export", params=DAY).content,
        ]
        for body in bodies:
            assert b"\\u0000" in body
            assert b"\\ud800" in body
        texts = [row["subject"] for row in json.loads(bodies[0])["tickets"]]
        assert texts[0] == "Quest\x00ion 0\ud800"
        assert texts[1] == "Question 1"
        sandbox.control("traps", drift={"nul_and_surrogates": False})
        assert b"\\u0000" not in client.get(CURSOR, params=TICKETS).content


# --- controls


def test_the_clock_moves_forward_only():
    with served() as sandbox:
        sandbox.move_clock(at(9, seconds=5))
        sandbox.move_clock(seconds=5)
        assert sandbox.control("clock") == {"now": "2026-03-11T00:00:10Z"}
        with pytest.raises(SourceError, match="into the past"):
            sandbox.move_clock(at(8))
        with pytest.raises(SourceError, match="either now or seconds"):
            sandbox.control("clock", now=at(10).isoformat(), seconds=1)


def test_each_vendor_request_moves_the_clock_by_its_step():
    with served(clock_step_seconds=30) as sandbox, hubspot(sandbox) as client:
        statuses(client, OWNERS, 4)
        sandbox.control("stats")
        assert sandbox.control("clock") == {"now": "2026-03-11T00:02:00Z"}


def test_an_unknown_trap_is_refused_and_changes_nothing():
    with served() as sandbox:
        for wrong in ({"rate_limitd": 0.5}, {"rate_limited": 2}, {"drift": {"nul": True}}, {"credentials": {"x": 1}}):
            with pytest.raises(SourceError, match="refuses traps"):
                sandbox.control("traps", server_error=0.5, **wrong)
        assert sandbox.control("traps") == Traps().model_dump()
    with pytest.raises(ValidationError, match="no time zone"):
        SandboxOptions(mixpanel_timezone="Europe/Atlantis")


def test_stats_count_by_endpoint_and_tell_no_secret():
    with served() as sandbox, hubspot(sandbox) as client, zendesk(sandbox) as desk:
        statuses(client, OWNERS, 3)
        client.get(OWNERS, headers={"Authorization": "Bearer wrong"})
        client.get("crm/v3/objects/unicorns")
        tickets_page(desk, start_time=0)
        stats = sandbox.control("stats")
        assert stats == {
            "requests": 6,
            "endpoints": {
                "hubspot.owners": {"200": 3, "401": 1},
                "hubspot.unknown": {"404": 1},
                "zendesk.tickets_export": {"200": 1},
            },
            "faults": {},
            "crashes": [],
        }
        seen = sandbox.control("requests")["requests"]
        assert seen[-1]["query"] == {"support_type_scope": "all", "start_time": "0"}
        assert seen[-1]["endpoint"] == "zendesk.tickets_export"
        told = json.dumps([stats, seen, sandbox.control("traps")])
        known = sandbox.credentials
        for secret in (known.zendesk.api_token, known.hubspot.token, known.mixpanel.secret, known.zendesk.ai_api_key):
            assert secret not in told
        sandbox.control("reset")
        assert sandbox.control("stats")["requests"] == 0


def test_paths_that_no_vendor_has_are_refused_in_its_manner():
    with served() as sandbox:
        with zendesk(sandbox) as client:
            assert client.get("nothing.json").json()["error"]["title"] == "InvalidEndpoint"
        with hubspot(sandbox) as client:
            assert client.get("nothing").headers["content-type"].startswith("text/html")
            assert client.delete(OWNERS).status_code == 404
        auth = (sandbox.credentials.mixpanel.project_secret, "")
        assert httpx.get(f"{sandbox.url}/mixpanel/nothing", auth=auth).status_code == 404
        assert httpx.get(f"{sandbox.url}/mixpanel/nothing").status_code == 401


def test_credentials_differ_between_servers():
    with served() as one, served() as other, hubspot(one) as client:
        assert one.credentials.hubspot.token != other.credentials.hubspot.token
        assert client.get(f"{other.url}/hubspot/{OWNERS}").status_code == 401


def test_requests_at_once_are_all_answered():
    def work(sandbox):
        with zendesk(sandbox) as client:
            return statuses(client, CURSOR, 10, **TICKETS)

    with served(Traps(server_error=0.2)) as sandbox, ThreadPoolExecutor(6) as pool:
        seen = [status for found in pool.map(work, [sandbox] * 6) for status in found]
        stats = sandbox.control("stats")
        assert (stats["requests"], stats["crashes"]) == (60, [])
        assert len(seen) == 60


def test_an_ai_only_ticket_of_a_crashing_company_is_no_fault_of_the_vendor():
    broken = by_ai(7, at(1))
    broken.events[1].actor_id = "agt-404"
    with serve_here(firm([broken]), SandboxOptions(clock=at(4))) as sandbox:
        known = sandbox.credentials.zendesk
        headers = {"Authorization": known.ai_api_key, "organizationId": "org-1", "botId": "bot-1"}
        url = f"{sandbox.url}/zendesk/data-export/v3/get-signed-urls"
        (signed,) = httpx.post(url, json={"date": "2026-03-03"}, headers=headers).json()["urls"]
        assert httpx.get(signed).status_code == 500
        assert sandbox.control("stats")["crashes"] == ["zendesk.ai_file: KeyError('agt-404')"]
