"""Mixpanel's export: days, zones, duplicates, late events, and bodies that end early."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from small_firm import at, epoch, firm, mixpanel, product_event

from touchstone.sandbox.api import SandboxOptions, Traps, serve_here


def options(**fields):
    return SandboxOptions(**{"clock": at(10)} | fields)


def day(number):
    return at(number).date().isoformat()


def export(client, first, last=None, **query):
    return client.get(
        "export", params={"from_date": day(first), "to_date": day(first if last is None else last), **query}
    )


def events(response):
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain"
    return [json.loads(line) for line in response.text.splitlines()]


def numbers(response):
    return [int(one["properties"]["$insert_id"][4:]) for one in events(response)]


def test_both_days_of_a_range_are_included():
    company = firm(product_events=[product_event(number, at(number, hours=23)) for number in range(5)])
    with serve_here(company, options()) as sandbox, mixpanel(sandbox) as client:
        assert numbers(export(client, 1, 2)) == [1, 2]
        assert numbers(export(client, 2, 3)) == [2, 3]
        assert numbers(export(client, 2)) == [2]
        (one,) = events(export(client, 1))
        assert one["event"] == "signed_in"
        assert one["properties"]["time"] == epoch(at(1, hours=23))
        assert one["properties"]["distinct_id"] == "u_1"
        assert one["properties"]["mp_processing_time_ms"] == epoch(at(1, hours=23)) * 1000
        (fine,) = events(export(client, 1, time_in_ms="true"))
        assert fine["properties"]["time"] == epoch(at(1, hours=23)) * 1000


def test_a_day_after_today_is_refused():
    with serve_here(firm(), options()) as sandbox, mixpanel(sandbox) as client:
        assert export(client, 10).status_code == 200
        refused = export(client, 11)
        assert (refused.status_code, refused.json()["error"]) == (400, "to_date cannot be later than today")
        assert export(client, 4, 3).status_code == 400
        assert client.get("export", params={"from_date": "2026-03-02"}).status_code == 400
        assert client.get("export", params={"from_date": "2/3/2026", "to_date": "2026-03-02"}).status_code == 400
        for query in ({"where": "x"}, {"limit": 0}, {"limit": 100_001}, {"event": "signed_in"}):
            assert export(client, 1, **query).status_code == 400


def test_an_old_project_counts_days_and_seconds_in_its_own_zone():
    zone = "America/New_York"
    company = firm(product_events=[product_event(1, at(1, hours=3)), product_event(2, at(1, hours=8))])
    clock = at(2, hours=2)
    with serve_here(company, options(clock=clock, mixpanel_timezone=zone)) as sandbox, mixpanel(sandbox) as client:
        assert numbers(export(client, 0)) == [1]
        (one,) = events(export(client, 1))
        wall = datetime(2026, 3, 3, 8, tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert one["properties"]["time"] == (wall - datetime(1970, 1, 1)) // timedelta(seconds=1)  # noqa: DTZ001
        # two in the morning in UTC is still the evening before there
        assert export(client, 2).status_code == 400


def test_the_days_of_a_zone_are_as_long_as_its_clocks_say():
    zone = "Europe/Berlin"
    moments = [datetime(2026, 3, 29, hour, 30, tzinfo=ZoneInfo("UTC")) for hour in (22, 21)]
    company = firm(product_events=[product_event(number, moment) for number, moment in enumerate(moments)])
    clock = at(40)
    with serve_here(company, options(clock=clock, mixpanel_timezone=zone)) as sandbox, mixpanel(sandbox) as client:
        assert numbers(export(client, 27)) == [1]
        assert numbers(export(client, 28)) == [0]


def test_late_events_appear_in_a_day_that_was_read_before():
    late = product_event(2, at(1, hours=5), arrives=at(4))
    with (
        serve_here(firm(product_events=[product_event(1, at(1)), late]), options(clock=at(3))) as sandbox,
        mixpanel(sandbox) as client,
    ):
        assert numbers(export(client, 1)) == [1]
        sandbox.move_clock(at(4, seconds=1))
        assert numbers(export(client, 1)) == [1, 2]


def test_copies_differ_in_what_is_no_part_of_their_identity():
    company = firm(product_events=[product_event(1, at(1), copies=3), product_event(2, at(1, hours=1))])
    with serve_here(company, options()) as sandbox, mixpanel(sandbox) as client:
        rows = events(export(client, 1))
        assert len(rows) == 4
        assert len({json.dumps(row) for row in rows}) == 4
        identities = {
            (row["event"], *(row["properties"][name] for name in ("time", "distinct_id", "$insert_id"))) for row in rows
        }
        assert len(identities) == 2
        sandbox.control("traps", duplicate_events=1.0)
        assert len(events(export(client, 1))) == 6
        sandbox.control("traps", duplicate_events=0.0, missing_events=1.0)
        assert export(client, 1).content == b""


@pytest.mark.parametrize("kind", ["terminated", "mid_record"])
def test_t20_a_body_can_end_early(kind):
    company = firm(product_events=[product_event(number, at(1, minutes=number)) for number in range(40)])
    traps = Traps(cut_export=1.0, cut_export_kinds=[kind])
    with serve_here(company, options(traps=traps)) as sandbox, mixpanel(sandbox) as client:
        sizes = set()
        for _ in range(5):
            lines = export(client, 1).text.split("\n")
            if kind == "terminated":
                assert lines[-2:] == ["terminated early", ""]
                lines = lines[:-2]
            else:
                with pytest.raises(json.JSONDecodeError):
                    json.loads(lines[-1])
                lines = lines[:-1]
            assert all(json.loads(line) for line in lines)
            assert len(lines) < 40
            sizes.add(len(lines))
        assert len(sizes) > 1
        assert sandbox.control("stats")["faults"] == {f"export:{kind}": 5}


def test_t20_the_connection_can_end_in_the_midst():
    company = firm(product_events=[product_event(number, at(1, minutes=number)) for number in range(40)])
    traps = Traps(cut_export=1.0, cut_export_kinds=["disconnect"])
    with serve_here(company, options(traps=traps)) as sandbox, mixpanel(sandbox) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            export(client, 1)
        sandbox.control("traps", cut_export=0.0)
        assert len(events(export(client, 1))) == 40


def test_t20_a_record_can_be_spread_over_lines():
    company = firm(product_events=[product_event(number, at(1, minutes=number)) for number in range(200)])
    with serve_here(company, options(traps=Traps(split_records=0.2))) as sandbox, mixpanel(sandbox) as client:
        lines = export(client, 1).text.splitlines()
        assert 210 < len(lines) < 290
        glued, records = "", []
        for line in lines:
            glued += line
            try:
                records.append(json.loads(glued))
            except json.JSONDecodeError:
                continue
            glued = ""
        assert (len(records), glued) == (200, "")


def test_people_are_named_on_some_events_only():
    company = firm(product_events=[product_event(number, at(1, minutes=number)) for number in range(100)])
    with serve_here(company, options()) as sandbox, mixpanel(sandbox) as client:
        rows = [row["properties"] for row in events(export(client, 1))]
        for name in ("$email", "$user_id"):
            assert 10 < sum(name in row for row in rows) < 90


def test_bodies_are_packed_when_asked_and_filters_apply():
    company = firm(product_events=[product_event(number, at(1, minutes=number)) for number in range(100)])
    with serve_here(company, options()) as sandbox, mixpanel(sandbox) as client:
        plain = export(client, 1).content
        packed = client.send(
            client.build_request(
                "GET",
                "export",
                params={"from_date": day(1), "to_date": day(1)},
                headers={"Accept-Encoding": "gzip"},
            ),
            stream=True,
        )
        raw = b"".join(packed.iter_raw())
        packed.close()
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(raw) == plain
        assert len(events(export(client, 1, limit=7))) == 7
        assert events(export(client, 1, event='["signed_out"]')) == []
        assert len(events(export(client, 1, event='["signed_in"]'))) == 100


def test_accounts_secrets_and_plans_are_checked():
    with serve_here(firm(), options()) as sandbox, mixpanel(sandbox) as client:
        known = sandbox.credentials.mixpanel
        query = {"from_date": day(1), "to_date": day(1)}
        url = f"{sandbox.url}/mixpanel/api/2.0/export"
        assert httpx.get(url, params=query).status_code == 401
        assert httpx.get(url, params=query, auth=(known.user, "wrong")).status_code == 401
        assert httpx.get(url, params=query, auth=(known.user, known.secret)).status_code == 400
        other = httpx.get(url, params=query | {"project_id": 5}, auth=(known.user, known.secret))
        assert (other.status_code, known.secret in other.text) == (403, False)
        assert httpx.get(url, params=query, auth=(known.project_secret, "")).status_code == 200
        sandbox.control("traps", mixpanel_payment_required=True)
        assert export(client, 1).status_code == 402
