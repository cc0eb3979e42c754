"""PostHog's queries over events: late, copied and cached ones, and persons as they are known at the moment of the query."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import orjson

from touchstone.sandbox.api.calls import Answer, Call, Endpoint, Refusal, escaped, falls, html, tainted
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.hogql import HogQLError, Query, parsed
from touchstone.sandbox.api.ids import number
from touchstone.sandbox.api.limits import Limit
from touchstone.sandbox.api.options import SandboxOptions
from touchstone.sandbox.model import Company, Customer, ProductEvent

HOURLY = Limit("posthog.query.hour", 120, 3600.0, "queries per hour")
MOST_ROWS = 50_000
IDENTIFY = "$identify"
FIELDS = (
    "uuid",
    "event",
    "distinct_id",
    "person_id",
    "person.properties.email",
    "properties",
    "timestamp",
    "created_at",
)
_COPY_AFTER = timedelta(hours=7)


def own_uuid(name: str) -> str:
    """PostHog's uuid of an event, a person or a device of the company."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"posthog:{name}"))


class PostHog:
    """The queries of one project."""

    prefix = "/posthog"

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        self._seed = options.seed
        self._customers = {one.customer_id: one for one in company.customers}
        self._events = sorted(company.product_events, key=lambda one: (one.at, one.event_id))
        self._times = np.array([micros(one.at) for one in self._events], dtype=np.int64)
        # the event with which each customer signs in, before which nobody knows them
        self._identified: dict[str, ProductEvent] = {}
        for event in sorted(self._events, key=lambda one: (one.arrives_at, one.event_id)):
            self._identified.setdefault(event.customer_id, event)
        self._answers: dict[bytes, tuple[datetime, dict[str, Any]]] = {}

    def endpoints(self) -> list[Endpoint]:
        return [Endpoint("posthog.query", "POST", "/api/projects/{project_id}/query/", self.query, (HOURLY,))]

    def authorise(self, call: Call) -> None:
        known = call.credentials.posthog
        if call.bearer() != known.api_key:
            raise Refusal(_error(401, "authentication_error", "authentication_failed", "Invalid personal API key."))
        if call.path.get("project_id") != str(known.project_id):
            raise Refusal(_error(404, "invalid_request", "not_found", "Project not found."))
        if not known.has_scope:
            missing = "API key missing required scope 'query:read'"
            raise Refusal(_error(403, "authentication_error", "permission_denied", missing))

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer:
        answer = _error(429, "throttled_error", "throttled", "Request was throttled.")
        answer.headers |= {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return answer

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        return {}

    def failure(self, status: int) -> Answer:
        return html(status, f"{status} Server Error")

    def unknown(self, path: str) -> Answer:
        return _error(404, "invalid_request", "not_found", "Endpoint not found.")

    def query(self, call: Call) -> Answer:
        """POST /api/projects/:id/query/: a HogQLQuery, answered from memory where that is allowed and recent enough."""
        body = call.json()
        asked = body.get("query") if isinstance(body, dict) else None
        if not isinstance(asked, dict) or asked.get("kind") != "HogQLQuery" or not isinstance(asked.get("query"), str):
            raise Refusal(_error(400, "validation_error", "invalid_input", "query must be a HogQLQuery"))
        key = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
        is_fresh = body.get("refresh") == "force_blocking"
        known = self._answers.get(key)
        if not is_fresh and known and (call.now - known[0]).total_seconds() < call.traps.posthog_cache_seconds:
            return Answer(known[1] | {"is_cached": True})
        answer = self._answered(asked, call)
        self._answers = (
            {key: (call.now, answer)} if len(self._answers) > 50 else {**self._answers, key: (call.now, answer)}
        )
        return Answer(answer | {"is_cached": False})

    def _answered(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        try:
            query = parsed(asked["query"], asked.get("values") or {}, {"events": FIELDS})
            if (
                call.traps.posthog_most_rows is not None
                and query.limit > call.traps.posthog_most_rows
                and not query.counted
            ):
                raise Refusal(html(504, "504 Gateway Time-out"))
            rows, has_more = query.answer(self._rows(query, call), min(MOST_ROWS, call.traps.posthog_row_cap))
        except (HogQLError, TypeError) as error:
            raise Refusal(_error(400, "validation_error", "illegal_hogql", str(error))) from None
        columns = list(query.columns)
        return {"columns": columns, "types": [], "results": rows, "hasMore": has_more, "limit": query.limit}

    def _rows(self, query: Query, call: Call) -> Iterator[dict[str, Any]]:
        """The rows of the table that may meet the query's bounds of time."""
        low, high = 0, len(self._events)
        for name, sign, value in query.bounds:
            if name == "timestamp" and sign in (">", ">="):
                low = max(low, int(np.searchsorted(self._times, micros(value), "left")))
            elif name == "timestamp" and sign in ("<", "<="):
                high = min(high, int(np.searchsorted(self._times, micros(value), "right")))
        for event in self._events[low:high]:
            if falls(self._seed, f"missing|{event.event_id}", call.traps.missing_events):
                continue
            copies = event.copies + falls(self._seed, f"copy|{event.event_id}", call.traps.duplicate_events)
            for copy in range(copies):
                created = event.arrives_at + copy * _COPY_AFTER
                hidden = call.traps.posthog_late_visible_seconds if number(event.event_id) % 2 else 0
                if created + timedelta(seconds=hidden) <= call.now:
                    yield from self._statements(event, created, copy, call)

    def _statements(self, event: ProductEvent, created: datetime, copy: int, call: Call) -> Iterator[dict[str, Any]]:
        one, own = self._customers[event.customer_id], number(event.event_id)
        first = self._identified[event.customer_id]
        device = own_uuid(f"device {one.customer_id}")
        is_known = first.arrives_at <= call.now
        # who a device belongs to is known from the moment at which they sign in, for all that it did
        is_anonymous = own % 10 == 1 and event is not first
        row = {
            "uuid": own_uuid(event.event_id),
            "event": event.name,
            "distinct_id": device if is_anonymous else one.external_id,
            "person_id": own_uuid(one.customer_id if is_known or not is_anonymous else device),
            "person.properties.email": _address(one) if is_known or not is_anonymous else None,
            "properties": self._properties(event, own, call, {"$device_id": device}),
            "timestamp": event.at,
            "created_at": created,
        }
        if event is first and copy == 0:
            properties = orjson.dumps({"$anon_distinct_id": device, "$device_id": device}).decode()
            yield row | {"uuid": own_uuid(f"identify {event.event_id}"), "event": IDENTIFY, "properties": properties}
        yield row

    def _properties(self, event: ProductEvent, own: int, call: Call, added: dict[str, Any]) -> str:
        drift = call.traps.drift
        properties: dict[str, Any] = {**event.properties, "$lib": "web", **added}
        properties["$screen_width"] = str(own % 900) if drift.field_type_change else own % 900
        if drift.new_field:
            properties["$experiment_arm"] = {"name": "navigation", "arm": own % 2}
        if drift.nul_and_surrogates:
            properties["$screen_name"] = tainted("Overview", own)
        encoded = orjson.dumps(properties)
        return (escaped(encoded) if drift.nul_and_surrogates else encoded).decode()


def _address(one: Customer) -> str | None:
    """Four of five persons have one, and all whom no helpdesk knows by the product's id."""
    has_address = number(one.customer_id) % 5 or number(one.customer_id) % 12 == 0
    return one.emails[0] if has_address else None


def _error(status: int, kind: str, code: str, detail: str) -> Answer:
    return Answer({"type": kind, "code": code, "detail": detail, "attr": None}, status)
