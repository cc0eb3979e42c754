"""Mixpanel's raw event export: one file per range of days, which may be cut, hold duplicates, and gain late events."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from touchstone.sandbox.api.calls import Answer, Call, Endpoint, Refusal, escaped, falls, html, tainted
from touchstone.sandbox.api.clock import EPOCH, micros
from touchstone.sandbox.api.limits import Limit
from touchstone.sandbox.api.options import SandboxOptions
from touchstone.sandbox.api.vendors import mixpanel_person
from touchstone.sandbox.model import Company, ProductEvent

HOURLY = Limit("mixpanel.export.hour", 60, 3600.0, "export queries per hour", tells_wait=False)
SECONDLY = Limit("mixpanel.export.second", 3, 1.0, "export queries per second", tells_wait=False)
MOST_EVENTS = 100_000
GZIP_FROM = 1400
TEXT = "text/plain"


class Mixpanel:
    """The export of one project."""

    prefix = "/mixpanel"

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        self._zone = ZoneInfo(options.mixpanel_timezone)
        self._seed = options.seed
        self._events = sorted(company.product_events, key=lambda one: (one.at, one.event_id))
        self._times = np.array([micros(one.at) for one in self._events], dtype=np.int64)
        self._arrivals = np.array([micros(one.arrives_at) for one in self._events], dtype=np.int64)
        self._customers = {one.customer_id: one for one in company.customers}

    def endpoints(self) -> list[Endpoint]:
        return [Endpoint("mixpanel.export", "GET", "/api/2.0/export", self.export, (HOURLY, SECONDLY))]

    def authorise(self, call: Call) -> None:
        known = call.credentials.mixpanel
        given = call.basic()
        if given == (known.project_secret, ""):
            return
        if given != (known.user, known.secret):
            raise Refusal(_error(401, "Invalid service account credentials"))
        try:
            project = int(call.query["project_id"])
        except (KeyError, ValueError):
            raise Refusal(_error(400, "project_id is required when authenticating with a service account")) from None
        if project != known.project_id or not known.is_member:
            raise Refusal(_error(403, f"Service account is not a member of project {project}"))

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer:
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        answer = _error(429, "Query rate limit exceeded. Please wait before submitting more queries")
        answer.headers |= headers
        return answer

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        return {}

    def failure(self, status: int) -> Answer:
        return html(status, f"{status} Server Error")

    def unknown(self, path: str) -> Answer:
        return _error(404, f"{path} not found")

    def export(self, call: Call) -> Answer:
        """GET /api/2.0/export: the events of all days from `from_date` to `to_date`, both included, one per line."""
        if call.traps.mixpanel_payment_required:
            raise Refusal(_error(402, "Your plan does not allow raw data export"))
        first, last = _day(call, "from_date"), _day(call, "to_date")
        if last > call.now.astimezone(self._zone).date():
            raise Refusal(_error(400, "to_date cannot be later than today"))
        if first > last:
            raise Refusal(_error(400, "from_date cannot be later than to_date"))
        if "where" in call.query:
            raise Refusal(_error(400, "where: this project does not support expressions"))
        names, most = _names(call), _most(call)
        in_ms = call.query.get("time_in_ms", "false").lower() in ("true", "1")
        start = self._midnight(first)
        end = self._midnight(last + timedelta(days=1))
        low, high = np.searchsorted(self._times, [micros(start), micros(end)])
        shown = np.flatnonzero(self._arrivals[low:high] <= call.micros) + low
        lines = []
        for position in shown.tolist():
            if len(lines) >= most:
                break
            event = self._events[position]
            if names is None or event.name in names:
                lines += self._lines(event, call, in_ms)
        body = b"".join(lines[:most])
        if call.plan.export is not None:
            body = cut(body, call.plan.export, call.number)
        if call.headers.get("accept-encoding", "").lower().find("gzip") >= 0 and len(body) > GZIP_FROM:
            return Answer(gzip.compress(body, 1, mtime=0), headers={"Content-Encoding": "gzip"}, media_type=TEXT)
        return Answer(body, media_type=TEXT)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone)

    def _lines(self, event: ProductEvent, call: Call, in_ms: bool) -> Iterator[bytes]:
        """Every statement of an event, with its line break."""
        traps = call.traps
        if falls(self._seed, f"missing|{event.event_id}", traps.missing_events):
            return
        copies = event.copies + falls(self._seed, f"copy|{event.event_id}", traps.duplicate_events)
        for copy in range(copies):
            line = orjson.dumps(self._event(event, copy, call, in_ms))
            if traps.drift.nul_and_surrogates:
                line = escaped(line)
            if falls(self._seed, f"split|{event.event_id}", traps.split_records):
                line = line.replace(b'"properties":', b'"properties":\n', 1)
            yield line + b"\n"

    def _event(self, event: ProductEvent, copy: int, call: Call, in_ms: bool) -> dict[str, Any]:
        customer = self._customers[event.customer_id]
        number = int.from_bytes(event.event_id.encode()[-3:], "big")
        drift = call.traps.drift
        properties: dict[str, Any] = {
            "time": self._time(event.at, in_ms),
            "distinct_id": customer.external_id,
            "$insert_id": event.event_id,
            "mp_processing_time_ms": micros(event.arrives_at) // 1000 + 137 * copy,
            "mp_lib": "web" if not (drift.new_enum and number % 3 == 0) else "headset",
            "$app_build_number": f"{number % 900}-beta" if drift.field_type_change else number % 900,
            **mixpanel_person(customer, number),
            **event.properties,
        }
        if drift.new_field:
            properties["$experiment_arm"] = {"name": "navigation", "arm": number % 2}
        if drift.nul_and_surrogates:
            properties["$screen_title"] = tainted("Overview", number)
        return {"event": event.name, "properties": properties}

    def _time(self, at: datetime, in_ms: bool) -> int:
        """Seconds or milliseconds since 1970; of a project in a zone other than UTC its wall clock read as if UTC."""
        wall = at.astimezone(self._zone).replace(tzinfo=None)
        value = (wall - EPOCH.replace(tzinfo=None)) // timedelta(milliseconds=1)
        return value if in_ms else value // 1000


def cut(body: bytes, kind: str, number: int) -> bytes:
    """An export that ends early: with the vendor's words for it, or in the midst of a record."""
    dice = random.Random(number)  # noqa: S311
    lines = body.splitlines(keepends=True)
    kept = lines[: int(len(lines) * dice.random())]
    if kind == "terminated":
        return b"".join([*kept, b"terminated early\n"])
    following = lines[len(kept)] if len(kept) < len(lines) else b'{"event":"'
    return b"".join(kept) + following[: max(1, len(following) // 2)]


def _error(status: int, text: str) -> Answer:
    return Answer({"error": text, "request": "/api/2.0/export"}, status)


def _day(call: Call, name: str) -> date:
    try:
        return datetime.strptime(call.query[name], "%Y-%m-%d").date()  # noqa: DTZ007
    except KeyError:
        raise Refusal(_error(400, f"Missing required parameter: {name}")) from None
    except ValueError:
        raise Refusal(_error(400, f"{name} must be in the format YYYY-MM-DD")) from None


def _names(call: Call) -> set[str] | None:
    if "event" not in call.query:
        return None
    try:
        names = orjson.loads(call.query["event"])
    except orjson.JSONDecodeError:
        names = None
    if not isinstance(names, list):
        raise Refusal(_error(400, 'event must be a JSON array such as ["signup"]'))
    return set(names)


def _most(call: Call) -> int:
    if "limit" not in call.query:
        return 2**62
    try:
        most = int(call.query["limit"])
    except ValueError:
        most = -1
    if not 0 < most <= MOST_EVENTS:
        raise Refusal(_error(400, f"limit must be between 1 and {MOST_EVENTS}"))
    return most
