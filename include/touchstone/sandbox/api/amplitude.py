"""Amplitude's export: an archive of packed files by the hour of upload, which is there some hours later, or is too much."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson

from touchstone.sandbox.api.amplitude_ids import PROJECT, event_uuid, person
from touchstone.sandbox.api.calls import Answer, Call, Endpoint, Refusal, escaped, falls, html, tainted
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.ids import number
from touchstone.sandbox.api.limits import Limit
from touchstone.sandbox.api.options import SandboxOptions
from touchstone.sandbox.model import Company, ProductEvent

ZIP = "application/zip"
MOST_DAYS = 365
LINES_PER_FILE = 400
COPY_AFTER = timedelta(minutes=50)
IDENTIFY = "$identify"
_HOUR = timedelta(hours=1)


class Amplitude:
    """The export of one project."""

    prefix = "/amplitude"

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        self._seed = options.seed
        self._customers = {one.customer_id: one for one in company.customers}
        stated = [(event.arrives_at, event, 0) for event in company.product_events]
        # whatever is sent again is uploaded later, often within another hour
        stated += [
            (event.arrives_at + copy * COPY_AFTER, event, copy)
            for event in company.product_events
            for copy in range(1, event.copies + 1)
        ]
        self._stated = sorted(stated, key=lambda one: (one[0], one[1].event_id))
        self._uploads = np.array([micros(moment) for moment, _, _ in self._stated], dtype=np.int64)
        self._first: dict[str, str] = {}
        for _, event, _ in self._stated:
            self._first.setdefault(event.customer_id, event.event_id)

    def endpoints(self) -> list[Endpoint]:
        return [Endpoint("amplitude.export", "GET", "/api/2/export", self.export)]

    def authorise(self, call: Call) -> None:
        known = call.credentials.amplitude
        if call.basic() != (known.api_key, known.secret_key):
            raise Refusal(html(401, "401 Unauthorized"))

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer:
        answer = html(429, "429 Too Many Requests")
        answer.headers |= {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return answer

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        return {}

    def failure(self, status: int) -> Answer:
        return html(status, f"{status} Server Error")

    def unknown(self, path: str) -> Answer:
        return html(404, "404 Not Found")

    def export(self, call: Call) -> Answer:
        """GET /api/2/export: the events uploaded within the hours from `start` to `end`, both included, that are ready."""
        first, last = _hour(call, "start"), _hour(call, "end")
        if first > last:
            raise Refusal(html(400, "start must not be after end"))
        if last - first >= timedelta(days=MOST_DAYS):
            raise Refusal(html(400, f"the range must not be longer than {MOST_DAYS} days"))
        hours = (last - first) // _HOUR + 1
        if call.traps.amplitude_most_hours is not None and hours > call.traps.amplitude_most_hours:
            raise Refusal(html(504, "504 Gateway Time-out"))
        ready = call.now - timedelta(hours=call.traps.amplitude_ready_hours)
        end = min(last + _HOUR, ready.replace(minute=0, second=0, microsecond=0))
        low, high = np.searchsorted(self._uploads, [micros(first), micros(max(first, end))])
        if call.traps.amplitude_most_events is not None and high - low > call.traps.amplitude_most_events:
            raise Refusal(html(400, "Export is larger than 4GB"))
        by_hour: dict[datetime, list[bytes]] = {}
        for moment, event, copy in self._stated[low:high]:
            if self._is_stated(event, copy, call):
                own = by_hour.setdefault(moment.replace(minute=0, second=0, microsecond=0), [])
                own += self._lines(moment, event, copy, call)
        if not by_hour:
            raise Refusal(html(404, "Raw data files were not found."))
        body = _archive(by_hour)
        if call.plan.export in ("terminated", "mid_record"):
            body = body[: len(body) * 2 // 3]
        return Answer(body, media_type=ZIP)

    def _is_stated(self, event: ProductEvent, copy: int, call: Call) -> bool:
        traps = call.traps
        if falls(self._seed, f"missing|{event.event_id}", traps.missing_events):
            return False
        return copy < event.copies + falls(self._seed, f"copy|{event.event_id}", traps.duplicate_events)

    def _lines(self, moment: datetime, event: ProductEvent, copy: int, call: Call) -> list[bytes]:
        """An event; before the first one of a customer, what introduces them."""
        records = [self._event(moment, event, copy, call)]
        if copy == 0 and self._first[event.customer_id] == event.event_id:
            one = self._customers[event.customer_id]
            records.insert(
                0,
                records[0]
                | {
                    "event_type": IDENTIFY,
                    "event_properties": {},
                    "$insert_id": f"identify-{event.event_id}",
                    "uuid": event_uuid(f"identify-{event.event_id}", 0),
                    "user_id": one.external_id,
                },
            )
        lines = [orjson.dumps(record) + b"\n" for record in records]
        return [escaped(line) for line in lines] if call.traps.drift.nul_and_surrogates else lines

    def _event(self, moment: datetime, event: ProductEvent, copy: int, call: Call) -> dict[str, Any]:
        drift, own = call.traps.drift, number(event.event_id)
        properties: dict[str, Any] = dict(event.properties)
        if drift.new_field:
            properties["experiment_arm"] = {"name": "navigation", "arm": own % 2}
        if drift.nul_and_surrogates:
            properties["screen_title"] = tainted("Overview", own)
        return {
            **person(self._customers[event.customer_id], event),
            "app": PROJECT,
            "uuid": event_uuid(event.event_id, copy),
            "$insert_id": event.event_id,
            "event_id": own % 900,
            "event_type": event.name,
            "event_time": _written(event.at),
            "client_event_time": _written(event.at),
            "client_upload_time": _written(moment),
            "server_received_time": _written(moment),
            "server_upload_time": _written(moment),
            "processed_time": _written(moment + timedelta(seconds=2)),
            "event_properties": properties,
            "group_properties": {},
            "session_id": str(own) if drift.field_type_change else own,
            "library": "headset" if drift.new_enum and own % 3 == 0 else "amplitude-ts/2.11",
        }


def _archive(by_hour: dict[datetime, list[bytes]]) -> bytes:
    """One packed file for each hour, several for an hour of many events."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for hour, lines in sorted(by_hour.items()):
            for part, start in enumerate(range(0, len(lines), LINES_PER_FILE)):
                name = f"{PROJECT}/{PROJECT}_{hour:%Y-%m-%d}_{hour.hour}#{part}.json.gz"
                archive.writestr(name, gzip.compress(b"".join(lines[start : start + LINES_PER_FILE]), 1, mtime=0))
    return body.getvalue()


def _written(moment: datetime) -> str:
    """UTC, which the export does not say."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _hour(call: Call, name: str) -> datetime:
    given = call.query.get(name, "")
    if not re.fullmatch(r"\d{8}T\d{2}", given):
        raise Refusal(html(400, f"{name} must be written as 20260301T05"))
    try:
        return datetime.strptime(given, "%Y%m%dT%H").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(html(400, f"{name} is no hour")) from None
