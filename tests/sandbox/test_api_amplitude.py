"""Amplitude's export as the simulated company's server gives it: hours of upload, archives, copies, and what it refuses."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections import Counter
from datetime import datetime, timedelta

import httpx
import pytest
from small_firm import at, firm, product_event

from touchstone.sandbox.api import Sandbox, SandboxOptions, Traps, serve_here
from touchstone.sandbox.company import build


def amplitude(sandbox: Sandbox) -> httpx.Client:
    known = sandbox.credentials.amplitude
    return httpx.Client(base_url=f"{sandbox.url}/amplitude/api/2/", auth=(known.api_key, known.secret_key), timeout=20)


def options(**fields):
    return SandboxOptions(**{"clock": at(10), "vendors": ("amplitude",)} | fields)


def export(client: httpx.Client, first: datetime, last: datetime | None = None) -> httpx.Response:
    given = {"start": first, "end": last or first}
    return client.get("export", params={name: f"{moment:%Y%m%dT%H}" for name, moment in given.items()})


def events(response: httpx.Response) -> list[dict]:
    assert (response.status_code, response.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        lines = [line for name in archive.namelist() for line in gzip.decompress(archive.read(name)).splitlines()]
    return [one for one in map(json.loads, lines) if one["event_type"] != "$identify"]


def numbers(response: httpx.Response) -> list[int]:
    return sorted(int(one["$insert_id"][4:]) for one in events(response))


def test_hours_are_those_of_upload_and_both_ends_are_included():
    stated = [
        product_event(1, at(1, minutes=59)),
        product_event(2, at(1, hours=1)),
        product_event(3, at(0), arrives=at(1, hours=2)),
    ]
    with serve_here(firm(product_events=stated), options()) as sandbox, amplitude(sandbox) as client:
        assert numbers(export(client, at(1))) == [1]
        assert numbers(export(client, at(1), at(1, hours=1))) == [1, 2]
        late = events(export(client, at(1, hours=2)))[0]
        assert late["event_time"].startswith("2026-03-02 00:00")
        assert late["server_upload_time"].startswith("2026-03-03 02:00")
        assert export(client, at(1, hours=3)).status_code == 404


def test_an_hour_is_there_two_hours_after_its_end():
    with (
        serve_here(firm(product_events=[product_event(1, at(1))]), options(clock=at(1, hours=2.9))) as sandbox,
        amplitude(sandbox) as client,
    ):
        assert export(client, at(1)).status_code == 404
        sandbox.move_clock(at(1, hours=3))
        assert numbers(export(client, at(1))) == [1]
        sandbox.control("traps", amplitude_ready_hours=5)
        assert export(client, at(1)).status_code == 404


def test_what_is_too_much_or_no_range_is_refused():
    stated = [product_event(number, at(1, minutes=number)) for number in range(180)]
    with serve_here(firm(product_events=stated), options()) as sandbox, amplitude(sandbox) as client:
        assert export(client, at(2), at(1)).status_code == 400
        assert export(client, at(0), at(365)).status_code == 400
        assert client.get("export", params={"start": "20260301", "end": "20260301T05"}).status_code == 400
        assert client.get("export", params={"start": "20261301T00", "end": "20261301T05"}).status_code == 400
        sandbox.control("traps", amplitude_most_events=100)
        assert export(client, at(1), at(1, hours=1)).status_code == 400
        assert len(numbers(export(client, at(1)))) == 60
        sandbox.control("traps", amplitude_most_events=None, amplitude_most_hours=2)
        assert export(client, at(1), at(1, hours=2)).status_code == 504
        assert len(numbers(export(client, at(1), at(1, hours=1)))) == 120


def test_copies_are_uploaded_later_under_an_id_of_their_own():
    stated = [product_event(1, at(1, minutes=30), copies=3), product_event(2, at(1))]
    with serve_here(firm(product_events=stated), options()) as sandbox, amplitude(sandbox) as client:
        rows = events(export(client, at(1), at(1, hours=3)))
        assert Counter(one["$insert_id"][-1] for one in rows) == {"1": 3, "2": 1}
        assert len({one["uuid"] for one in rows}) == 4
        assert len({one["device_id"] for one in rows}) == 1
        assert numbers(export(client, at(1))) == [1, 2]
        sandbox.control("traps", missing_events=1.0)
        assert export(client, at(1)).status_code == 404


@pytest.mark.parametrize("kind", ["terminated", "mid_record"])
def test_an_archive_can_end_early(kind):
    stated = [product_event(number, at(1, seconds=number)) for number in range(40)]
    traps = Traps(cut_export=1.0, cut_export_kinds=[kind])
    with serve_here(firm(product_events=stated), options(traps=traps)) as sandbox, amplitude(sandbox) as client:
        with pytest.raises(zipfile.BadZipFile):
            events(export(client, at(1)))
        assert sandbox.control("stats")["faults"] == {f"export:{kind}": 1}


def test_both_keys_are_checked():
    with serve_here(firm(), options()) as sandbox, amplitude(sandbox) as client:
        known = sandbox.credentials.amplitude
        url = f"{sandbox.url}/amplitude/api/2/export"
        assert export(client, at(1)).status_code == 404
        for auth in (None, (known.api_key, "wrong"), (known.secret_key, known.api_key)):
            assert httpx.get(url, params={"start": "20260301T00", "end": "20260301T00"}, auth=auth).status_code == 401


def test_the_companys_events_are_what_arrived():
    company = build(seed=3, conversations_per_day=4, days=12)
    now = company.until
    with serve_here(company, options(clock=now)) as sandbox, amplitude(sandbox) as client:
        first = datetime.combine(company.first_day, datetime.min.time(), now.tzinfo)
        rows = events(export(client, first, now))
    people = {one.customer_id: one for one in company.customers}
    ready = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    expected = {
        (one.event_id, one.name, one.at.strftime("%Y-%m-%d %H:%M:%S.%f"))
        for one in company.product_events
        if one.arrives_at < ready
    }
    assert {(row["$insert_id"], row["event_type"], row["event_time"]) for row in rows} == expected
    assert len(rows) > len(expected) > 100
    named = {row["user_id"] for row in rows} - {None}
    assert named <= {one.external_id for one in people.values()}
    assert any(row["user_id"] is None for row in rows)
    assert any(row["user_properties"] for row in rows)
