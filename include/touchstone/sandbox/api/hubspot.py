"""HubSpot: CRM objects by list, search, batch and id, associations, owners, pipelines, and the conversations inbox."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from touchstone.sandbox.api import ids, oauth
from touchstone.sandbox.api.calls import Answer, Call, Endpoint, Refusal, html, integer
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.desk import Desk, latest
from touchstone.sandbox.api.hubspot_links import Links
from touchstone.sandbox.api.hubspot_objects import Kind, companies, contacts, deals, feedback, stamp, tickets
from touchstone.sandbox.api.hubspot_search import Search, invalid, is_purged
from touchstone.sandbox.api.hubspot_threads import Threads
from touchstone.sandbox.api.limits import Limit
from touchstone.sandbox.api.options import SandboxOptions
from touchstone.sandbox.model import Agent, Company

BURST = Limit("hubspot.burst", 100, 10.0, "TEN_SECONDLY_ROLLING")
SEARCHES = Limit("hubspot.search", 5, 1.0, "SECONDLY", tells_wait=False)

_ANY = (BURST,)
_SEARCH = (SEARCHES, BURST)
LIST_MOST, BATCH_MOST, ASSOCIATIONS_MOST, OWNERS_MOST, THREADS_MOST = 100, 100, 1000, 500, 500

PIPELINES = {
    "tickets": (
        "0",
        "Support Pipeline",
        (
            ("1", "New", "OPEN"),
            ("2", "Waiting on contact", "OPEN"),
            ("3", "Waiting on us", "OPEN"),
            ("4", "Closed", "CLOSED"),
        ),
    ),
    "deals": (
        "default",
        "Sales Pipeline",
        (
            ("appointmentscheduled", "Appointment scheduled", "0.2"),
            ("contractsent", "Contract sent", "0.9"),
            ("closedwon", "Closed won", "1.0"),
            ("closedlost", "Closed lost", "0.0"),
        ),
    ),
}


class HubSpot:
    """The account's CRM and its helpdesk."""

    prefix = "/hubspot"

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        self._company = company
        self._desk = Desk(company, "hubspot")
        self._threads = Threads(company, self._desk)
        company_kind, accounts = companies(company)
        contact_kind, people = contacts(company)
        deal_kind, found = deals(company)
        feedback_kind, rated = feedback(self._desk)
        self._kinds: dict[str, Kind] = {
            kind.name: kind
            for kind in (company_kind, contact_kind, deal_kind, tickets(self._desk, company.teams), feedback_kind)
        }
        self._links = Links(self._kinds, self._desk, accounts, people, found, rated)
        self._people = [one for one in company.agents if one.kind == "human_agent"]
        self._people.sort(key=lambda one: ids.number(one.agent_id))

    def endpoints(self) -> list[Endpoint]:
        table = [
            Endpoint("hubspot.token", "POST", "/oauth/v3/token", self.token, is_open=True),
            Endpoint("hubspot.account", "GET", "/account-info/v3/details", self.account, _ANY),
            Endpoint("hubspot.owners", "GET", "/crm/v3/owners", self.owners, _ANY, ("crm.objects.owners.read",)),
            Endpoint("hubspot.threads", "GET", f"{_THREADS}", self.threads, _ANY, ("conversations.read",)),
            Endpoint("hubspot.thread", "GET", f"{_THREADS}/{{id}}", self.thread, _ANY, ("conversations.read",)),
            Endpoint(
                "hubspot.messages", "GET", f"{_THREADS}/{{id}}/messages", self.messages, _ANY, ("conversations.read",)
            ),
            Endpoint(
                "hubspot.message",
                "GET",
                f"{_THREADS}/{{id}}/messages/{{message}}",
                self.message,
                _ANY,
                ("conversations.read",),
            ),
            Endpoint("hubspot.actor", "GET", f"{_ACTORS}/{{id}}", self.actor, _ANY, ("conversations.read",)),
            Endpoint(
                "hubspot.actors", "POST", f"{_ACTORS}/batch/read", self.actors_batch, _ANY, ("conversations.read",)
            ),
            Endpoint(
                "hubspot.associations", "POST", "/crm/v4/associations/{start}/{end}/batch/read", self.associations, _ANY
            ),
        ]
        for name in PIPELINES:
            scope = self._kinds[name].scope
            table.append(
                Endpoint(
                    f"hubspot.pipelines.{name}", "GET", f"/crm/v3/pipelines/{name}", _pipelines(name), _ANY, (scope,)
                )
            )
        for name, kind in self._kinds.items():
            base, scopes = f"/crm/v3/objects/{name}", (kind.scope,)
            table += [
                Endpoint(f"hubspot.{name}.list", "GET", base, self._on(self.list, kind), _ANY, scopes),
                Endpoint(
                    f"hubspot.{name}.search", "POST", f"{base}/search", self._on(self.search, kind), _SEARCH, scopes
                ),
                Endpoint(
                    f"hubspot.{name}.batch", "POST", f"{base}/batch/read", self._on(self.batch, kind), _ANY, scopes
                ),
                Endpoint(f"hubspot.{name}.read", "GET", f"{base}/{{id}}", self._on(self.read, kind), _ANY, scopes),
                Endpoint(
                    f"hubspot.{name}.properties",
                    "GET",
                    f"/crm/v3/properties/{name}",
                    self._on(self.properties, kind),
                    _ANY,
                    scopes,
                ),
            ]
        return table

    def _on(self, handler: Callable[[Call, Kind], Answer], kind: Kind) -> Callable[[Call], Answer]:
        return lambda call: handler(call, kind)

    # --- manners

    def authorise(self, call: Call) -> None:
        known, given = call.credentials.hubspot, call.bearer()
        if len(str(call.request.url)) > call.traps.max_url_length:
            raise Refusal(html(414, "414 Request-URI Too Large"))
        if given is not None and given in known.expired_tokens:
            text = "The OAuth token used to make this call expired 4 second(s) ago."
            raise Refusal(_error(401, text, "EXPIRED_AUTHENTICATION"))
        is_good = oauth.is_good(given, known.refresh_token, call.now)
        if is_good is False:
            raise Refusal(_error(401, "The OAuth token used to make this call expired.", "EXPIRED_AUTHENTICATION"))
        if given is None or (given != known.token and not is_good):
            text = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
            raise Refusal(_error(401, text, "INVALID_AUTHENTICATION"))
        self._permit(call, call.endpoint.needs)

    def token(self, call: Call) -> Answer:
        """An access token for a refresh token; the latter stays the same."""
        known, asked = call.credentials.hubspot, oauth.form(call)
        wrong = None
        if asked.get("grant_type") != "refresh_token":
            wrong = "BAD_GRANT_TYPE"
        elif (asked.get("client_id"), asked.get("client_secret")) != (known.client_id, known.client_secret):
            wrong = "BAD_CLIENT_SECRET"
        elif asked.get("refresh_token") != known.refresh_token or known.is_revoked:
            wrong = "BAD_REFRESH_TOKEN"
        if wrong is not None:
            # the vendor repeats in its words what it was sent
            text = f"missing or invalid: {asked.get('refresh_token')}"
            return Answer({"status": wrong, "message": text, "correlationId": "sandbox"}, 400)
        lifetime = call.traps.oauth_lifetime_seconds
        token = oauth.access_token(known.refresh_token, call.now + timedelta(seconds=lifetime))
        content = {"token_type": "bearer", "access_token": token, "expires_in": lifetime}
        return Answer(content | {"refresh_token": known.refresh_token})

    def _permit(self, call: Call, scopes: Iterable[str]) -> None:
        missing = [scope for scope in scopes if scope in call.credentials.hubspot.missing_scopes]
        if missing:
            text = "This app hasn't been granted all required scopes to make this call."
            answer = _error(403, text, "MISSING_SCOPES")
            answer.content["errors"] = [{"message": text, "context": {"requiredGranularScopes": missing}}]
            raise Refusal(answer)

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer:
        policy = limit.policy if limit is not None else "TEN_SECONDLY_ROLLING"
        period = "secondly" if policy == "SECONDLY" else "ten_secondly_rolling"
        answer = _error(429, f"You have reached your {period} limit.", "RATE_LIMITS")
        answer.content |= {"errorType": "RATE_LIMIT", "policyName": policy}
        if retry_after is not None:
            answer.headers["Retry-After"] = str(math.ceil(retry_after))
        return answer

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        if limit is SEARCHES:
            return {}
        return {
            "X-HubSpot-RateLimit-Max": str(limit.requests),
            "X-HubSpot-RateLimit-Remaining": str(remaining),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(limit.window * 1000)),
        }

    def failure(self, status: int) -> Answer:
        if status in (502, 504):
            return html(status, f"{status} cloudflare")
        return _error(status, "internal error", "INTERNAL_ERROR")

    def unknown(self, path: str) -> Answer:
        return html(404, "Resource not found")

    # --- objects

    def account(self, call: Call) -> Answer:
        return Answer({"portalId": 4_711_000, "accountType": "STANDARD", "timeZone": "UTC", "companyCurrency": "EUR"})

    def list(self, call: Call, kind: Kind) -> Answer:
        limit = _limit(call, 10, LIST_MOST)
        is_archived = call.query.get("archived", "false").lower() == "true"
        delay = call.traps.late_visible_seconds
        wanted = _names(call)
        first = 0
        if (after := call.query.get("after")) is not None:
            if not after.isdigit():
                raise invalid(f"after {after!r} is not a valid offset")
            first = int(np.searchsorted(kind.timeline.ids, int(after), "left"))
        places = range(first, len(kind.timeline)) if not is_archived else [p for p in kind.ever_gone if p >= first]
        results: list[dict[str, Any]] = []
        following = None
        for place in places:
            seen = kind.seen_at(place, call.now, delay)
            if not kind.exists(place, seen) or is_purged(call, kind.name, kind.timeline.ids[place]):
                continue
            gone = kind.gone_at(place, seen) is not None
            if gone != is_archived or (gone and not kind.is_archived(place, seen)):
                continue
            if len(results) == limit:
                following = str(kind.timeline.ids[place])
                break
            results.append(kind.show(place, seen, wanted, call.traps.drift))
        return Answer(_page(call, results, following))

    def search(self, call: Call, kind: Kind) -> Answer:
        return Search(kind, call).answer()

    def read(self, call: Call, kind: Kind) -> Answer:
        shown = self._read(call, kind, call.path["id"], _names(call))
        if shown is None:
            raise Refusal(_missing(call.path["id"]))
        return Answer(shown)

    def batch(self, call: Call, kind: Kind) -> Answer:
        body = call.json()
        inputs = _inputs(body, BATCH_MOST)
        results, errors = [], []
        for one in inputs:
            shown = self._read(call, kind, str(one), body.get("properties"))
            if shown is None:
                errors.append(_missing(str(one)).content)
            else:
                results.append(shown)
        content: dict[str, Any] = {"status": "COMPLETE", "results": results}
        if errors:
            content |= {"numErrors": len(errors), "errors": errors}
        return Answer(content, 207 if errors else 200)

    def _read(self, call: Call, kind: Kind, object_id: str, wanted: list[str] | None) -> dict[str, Any] | None:
        """An object by id: of a merged ticket its survivor; None for what is not there or archived."""
        place = kind.place(object_id)
        if place is None:
            return None
        if kind.name == "tickets":
            place = self._desk.survivor(place, call.now)
        if not kind.exists(place, call.now) or is_purged(call, kind.name, kind.timeline.ids[place]):
            return None
        is_archived = kind.gone_at(place, call.now) is not None
        if is_archived != (call.query.get("archived", "false").lower() == "true"):
            return None
        return kind.show(place, call.now, wanted, call.traps.drift)

    def properties(self, call: Call, kind: Kind) -> Answer:
        fields = {"string": "text", "number": "number", "datetime": "date", "date": "date", "enumeration": "select"}
        return Answer(
            {
                "results": [
                    {"name": name, "label": name, "type": of_type, "fieldType": fields[of_type], "archived": False}
                    for name, of_type in sorted(kind.definitions(call.traps.drift).items())
                ]
            }
        )

    def associations(self, call: Call) -> Answer:
        start, end = call.path["start"], call.path["end"]
        if not self._links.knows(start, end):
            raise invalid(f"no association is defined from {start} to {end}")
        self._permit(call, [self._kinds[name].scope for name in (start, end) if name in self._kinds])
        results, errors = [], []
        for one in _inputs(call.json(), ASSOCIATIONS_MOST):
            found = [] if is_purged(call, start, one) else self._links.of(start, str(one), end, call.now)
            found = [to for to in found if not is_purged(call, end, to["toObjectId"])]
            if found:
                results.append({"from": {"id": str(one)}, "to": found})
            else:
                text = f"No {end} is associated with {start} {one}."
                error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": text}
                error["subCategory"] = "crm.associations.NO_ASSOCIATIONS_FOUND"
                errors.append(error | {"context": {"fromObjectId": [str(one)], "fromObjectType": [start]}})
        content: dict[str, Any] = {"status": "COMPLETE", "results": results}
        if errors:
            content |= {"numErrors": len(errors), "errors": errors}
        return Answer(content, 207 if errors else 200)

    # --- people

    def owners(self, call: Call) -> Answer:
        limit = _limit(call, 100, OWNERS_MOST)
        is_archived = call.query.get("archived", "false").lower() == "true"
        after = integer(call, "after") or 0
        shown = [
            one
            for one in self._people
            if one.hired_at <= call.now and (one.left_at is not None and one.left_at <= call.now) == is_archived
        ]
        shown = [one for one in shown if ids.number(one.agent_id) >= after]
        following = str(ids.number(shown[limit].agent_id)) if len(shown) > limit else None
        return Answer(_page(call, [self._owner(one, call) for one in shown[:limit]], following))

    def _owner(self, one: Agent, call: Call) -> dict[str, Any]:
        number = ids.number(one.agent_id)
        forename, _, surname = one.name.partition(" ")
        entry = latest(one.teams, call.now)
        is_archived = one.left_at is not None and one.left_at <= call.now
        changed = max([one.hired_at, *(at for at, _, _ in one.teams if at <= call.now)])
        owner = {
            "id": ids.hubspot_id(one.agent_id),
            "email": one.email,
            "type": "PERSON",
            "firstName": forename,
            "lastName": surname,
            "userId": None if is_archived else ids.owner_user(number),
            "userIdIncludingInactive": ids.owner_user(number),
            "createdAt": stamp(one.hired_at),
            "updatedAt": stamp(one.left_at if is_archived else changed),
            "archived": is_archived,
        }
        if entry is not None and not is_archived:
            team = str(self._company.teams.index(entry[1]) + 1)
            owner["teams"] = [{"id": team, "name": entry[1], "primary": True}]
        return owner

    def actor(self, call: Call) -> Answer:
        shown = self._threads.actor(call.path["id"])
        if shown is None:
            raise Refusal(_missing(call.path["id"]))
        return Answer(shown)

    def actors_batch(self, call: Call) -> Answer:
        found = [self._threads.actor(str(one)) for one in _inputs(call.json(), BATCH_MOST)]
        return Answer({"status": "COMPLETE", "results": [one for one in found if one is not None]})

    # --- threads

    def threads(self, call: Call) -> Answer:
        limit = _limit(call, 100, THREADS_MOST)
        delay, now = call.traps.late_visible_seconds, call.now
        is_archived = call.query.get("archived", "false").lower() == "true"
        changed = self._threads.latest(now, delay)
        order = np.flatnonzero(changed > 0)
        after = call.query.get("after")
        if call.query.get("sort") in ("latestMessageTimestamp", "-latestMessageTimestamp"):
            if call.query["sort"].startswith("-"):
                raise invalid("sort must be one of id, latestMessageTimestamp")
            since = _moment(call, "latestMessageTimestampAfter")
            order = order[changed[order] // 1000 >= since]
            order = order[np.lexsort((self._threads.ids[order], changed[order]))]
            pairs = zip(changed[order].tolist(), self._threads.ids[order].tolist(), strict=True)
            is_later = np.array([pair > _position(after) for pair in pairs], dtype=bool) if after else slice(None)
        else:
            is_later = self._threads.ids[order] > (_position(after)[1] if after else 0)
        results: list[dict[str, Any]] = []
        last, following = -1, None
        for place in order[is_later].tolist():
            seen = self._threads.seen_at(place, now, delay)
            if self._threads.is_archived(place, seen) != is_archived:
                continue
            if is_purged(call, "threads", self._threads.ids[place]):
                continue
            if len(results) == limit:
                following = f"{int(changed[last])}:{int(self._threads.ids[last])}"
                break
            results.append(self._shown_thread(call, place, seen))
            last = place
        return Answer(_page(call, results, following))

    def thread(self, call: Call) -> Answer:
        place, seen = self._thread(call)
        is_archived = call.query.get("archived", "false").lower() == "true"
        if self._threads.is_archived(place, seen) != is_archived:
            raise Refusal(_missing(call.path["id"]))
        return Answer(self._shown_thread(call, place, seen))

    def _shown_thread(self, call: Call, place: int, seen: datetime) -> dict[str, Any]:
        shown = self._threads.thread(place, seen, call.traps.drift)
        if is_purged(call, "tickets", shown["threadAssociations"]["associatedTicketId"]):
            shown["threadAssociations"] = {}
        return shown

    def message(self, call: Call) -> Answer:
        place, seen = self._thread(call)
        for one in self._shown_messages(call, place, seen):
            if one["id"] == call.path["message"]:
                return Answer(one)
        raise Refusal(_missing(call.path["message"]))

    def _shown_messages(self, call: Call, place: int, seen: datetime) -> list[dict[str, Any]]:
        shown = self._threads.messages(place, seen, call.traps.drift)
        return [one for one in shown if not is_purged(call, "messages", one["id"])]

    def messages(self, call: Call) -> Answer:
        limit = _limit(call, 100, THREADS_MOST)
        place, seen = self._thread(call)
        shown = self._shown_messages(call, place, seen)
        first = 0
        if (after := call.query.get("after")) is not None:
            known = [one["id"] for one in shown]
            if after not in known:
                raise invalid(f"after {after!r} is not a valid offset")
            first = known.index(after) + 1
        page = shown[first : first + limit]
        following = page[-1]["id"] if first + limit < len(shown) else None
        return Answer(_page(call, page, following))

    def _thread(self, call: Call) -> tuple[int, datetime]:
        """Position of the thread of the path, and the moment whose state shows."""
        place = self._threads.place(call.path["id"])
        if place is not None and not is_purged(call, "threads", call.path["id"]):
            seen = self._threads.seen_at(place, call.now, call.traps.late_visible_seconds)
            if self._threads.created[place] <= micros(seen):
                return place, seen
        raise Refusal(_missing(call.path["id"]))


_THREADS = "/conversations/v3/conversations/threads"
_ACTORS = "/conversations/v3/conversations/actors"


def _pipelines(name: str) -> Callable[[Call], Answer]:
    pipeline_id, label, stages = PIPELINES[name]

    def metadata(value: str) -> dict[str, str]:
        if name == "tickets":
            return {"ticketState": value, "isClosed": "true" if value == "CLOSED" else "false"}
        return {"probability": value, "isClosed": "true" if value in ("1.0", "0.0") else "false"}

    shown = {
        "id": pipeline_id,
        "label": label,
        "displayOrder": 0,
        "archived": False,
        "stages": [
            {"id": stage, "label": text, "displayOrder": order, "metadata": metadata(value), "archived": False}
            for order, (stage, text, value) in enumerate(stages)
        ],
    }
    return lambda call: Answer({"results": [shown]})


def _error(status: int, message: str, category: str) -> Answer:
    content = {"status": "error", "message": message, "category": category, "correlationId": "sandbox"}
    return Answer(content, status)


def _missing(object_id: str) -> Answer:
    return _error(404, f"Object not found. objectId are usually numeric: {object_id}", "OBJECT_NOT_FOUND")


def _page(call: Call, results: list[Any], following: str | None) -> dict[str, Any]:
    content: dict[str, Any] = {"results": results}
    if following is not None:
        query = {name: value for name, value in call.query.items() if name != "after"}
        link = call.url(call.endpoint.path.replace("{id}", str(call.path.get("id", ""))), **query, after=following)
        content["paging"] = {"next": {"after": following, "link": link}}
    return content


def _limit(call: Call, default: int, most: int) -> int:
    if "limit" not in call.query:
        return default
    limit = integer(call, "limit")
    if limit is None or not 1 <= limit <= most:
        raise invalid(f"limit must be between 1 and {most}")
    return limit


def _names(call: Call) -> list[str] | None:
    given = call.query.get("properties")
    return given.split(",") if given else None


def _inputs(body: Any, most: int) -> list[Any]:
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list):
        raise invalid("inputs is required and must be a list")
    if len(inputs) > most:
        raise invalid(f"inputs must hold at most {most} items")
    return [one["id"] if isinstance(one, dict) and "id" in one else one for one in inputs]


def _moment(call: Call, name: str) -> int:
    """Milliseconds since 1970 of a moment of the query in ISO 8601."""
    try:
        return micros(datetime.fromisoformat(call.query[name])) // 1000
    except KeyError:
        raise invalid(f"{name} is required when sorting by latestMessageTimestamp") from None
    except (ValueError, TypeError):
        raise invalid(f"{name} must be a date and time in ISO 8601 with a zone") from None


def _position(after: str) -> tuple[int, int]:
    """(microsecond, id) of the last thread of the page before."""
    moment, _, thread = after.partition(":")
    if not moment.isdigit() or not thread.isdigit():
        raise invalid(f"after {after!r} is not a valid offset")
    return int(moment), int(thread)
