"""Zendesk: Support's exports, lists and single tickets, the help centre, and the AI agents' data export."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from touchstone.sandbox.api import exports, ids, oauth
from touchstone.sandbox.api.calls import Answer, Call, Endpoint, Refusal, html, integer
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.limits import Limit
from touchstone.sandbox.api.options import SandboxOptions
from touchstone.sandbox.api.zendesk_ai import AiExport
from touchstone.sandbox.api.zendesk_audits import Audits, MetricEvents
from touchstone.sandbox.api.zendesk_guide import Guide
from touchstone.sandbox.api.zendesk_people import People
from touchstone.sandbox.api.zendesk_search import SEARCH_CAP, search_terms
from touchstone.sandbox.api.zendesk_tickets import (
    BRAND,
    HANDOFF_REASON,
    LANGUAGE,
    PRODUCT_AREA,
    REVISION,
    SEATS,
    TOPIC,
    Tickets,
    scrubbed_at,
)
from touchstone.sandbox.model import Company
from touchstone.sandbox.state import fold

ACCOUNT = Limit("zendesk.account", 700, 60.0)
EXPORTS = Limit("zendesk.exports", 10, 60.0)
_EXPORT = (EXPORTS, ACCOUNT)
_ADMIN = ("admin",)
BASE = "https://sandbox.zendesk.example"
SCOPES = ("agent", "ai_agent", "all")

_FIELDS = (
    (TOPIC, "Topic", "text"),
    (PRODUCT_AREA, "Product area", "tagger"),
    (LANGUAGE, "Language", "tagger"),
    (SEATS, "Affected seats", "integer"),
    (HANDOFF_REASON, "Handoff reason", "text"),
    (REVISION, "System revision", "integer"),
)


class Zendesk:
    """The company's Zendesk account."""

    prefix = "/zendesk"

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        self._company = company
        self._archive = timedelta(days=options.zendesk_archive_days)
        self.tickets = Tickets(company, BASE)
        self._audits = Audits(self.tickets)
        self._metrics = MetricEvents(self.tickets)
        self._people = People(company, BASE)
        self._guide = Guide(company, BASE)
        self._ai = AiExport(company, self.tickets, options.seed)
        self._desk = self.tickets.desk

    def endpoints(self) -> list[Endpoint]:
        table: list[Endpoint] = []

        def add(name: str, path: str, handler: Callable[[Call], Answer], *rest: Any) -> None:
            # Zendesk takes every path with and without the suffix
            table.append(Endpoint(f"zendesk.{name}", "GET", f"/api/v2/{path}.json", handler, *rest))
            table.append(Endpoint(f"zendesk.{name}", "GET", f"/api/v2/{path}", handler, *rest))

        add("tickets_export", "incremental/tickets/cursor", self.tickets_export, _EXPORT, _ADMIN)
        add("tickets_export_by_time", "incremental/tickets", self.tickets_by_time, _EXPORT, _ADMIN)
        add("users_export", "incremental/users/cursor", self.users_export, _EXPORT, _ADMIN)
        add("organizations_export", "incremental/organizations", self.organizations_export, _EXPORT, _ADMIN)
        add("ticket_events", "incremental/ticket_events", self.ticket_events, _EXPORT, _ADMIN)
        add("ticket_metric_events", "incremental/ticket_metric_events", self.metric_events, _EXPORT, _ADMIN)
        add("articles_export", "help_center/incremental/articles", self._guide.export, (ACCOUNT,))
        add("articles", "help_center/articles", self._guide.articles, (ACCOUNT,))
        add("sections", "help_center/sections", self._guide.sections, (ACCOUNT,))
        add("search", "search", self.search, (ACCOUNT,))
        add("tickets", "tickets", self.list_tickets, (ACCOUNT,))
        add("comments", "tickets/{id:int}/comments", self.comments, (ACCOUNT,))
        add("audits", "tickets/{id:int}/audits", self.audits, (ACCOUNT,))
        add("metrics", "tickets/{id:int}/metrics", self.metrics, (ACCOUNT,))
        add("ticket", "tickets/{id:int}", self.ticket, (ACCOUNT,))
        add("satisfaction_ratings", "satisfaction_ratings", self.ratings, (ACCOUNT,))
        add("deleted_tickets", "deleted_tickets", self.deleted_tickets, (ACCOUNT,))
        add("me", "users/me", self.me, (ACCOUNT,))
        for path, rows in (
            ("groups", lambda call: self._people.groups()),
            ("group_memberships", lambda call: self._people.memberships(call.now)),
            ("brands", lambda call: [self._brand()]),
            ("ticket_fields", self._ticket_fields),
            ("slas/policies", lambda call: [self._policy()]),
        ):
            name = path.replace("slas/policies", "sla_policies")
            add(name, path, self._lister(f"/api/v2/{path}.json", name, rows), (ACCOUNT,))
        table.append(Endpoint("zendesk.token", "POST", "/oauth/tokens", self.token, (ACCOUNT,), is_open=True))
        table.append(
            Endpoint("zendesk.ai_export", "POST", "/data-export/v3/get-signed-urls", self._ai.urls, (), ("ai",))
        )
        table.append(Endpoint("zendesk.ai_file", "GET", "/signed/{token}.json", self._ai.file, is_open=True))
        return table

    # --- manners

    def authorise(self, call: Call) -> None:
        known = call.credentials.zendesk
        if "ai" in call.endpoint.needs:
            given = [call.headers.get(name, "") for name in ("authorization", "organizationid", "botid")]
            given[0] = given[0].removeprefix("Bearer ").strip()
            if given != [known.ai_api_key, known.ai_organization_id, known.ai_bot_id]:
                raise Refusal(Answer({"statusCode": 401, "message": "Unauthorized"}, 401))
            return
        given = call.bearer()
        is_known = call.basic() == (f"{known.email}/token", known.api_token) or given == known.oauth_token
        if not is_known and (is_good := oauth.is_good(given, known.client_secret, call.now)) is not None:
            if not is_good:
                text = "The access token provided is expired, revoked, malformed or invalid for other reasons."
                raise Refusal(Answer({"error": "invalid_token", "error_description": text}, 401))
            is_known = True
        if not is_known:
            raise Refusal(Answer({"error": "Couldn't authenticate you"}, 401))
        if "admin" in call.endpoint.needs and not known.is_admin:
            text = "You do not have access to this page. Please contact the account owner of this help desk for further help."
            raise Refusal(Answer({"error": {"title": "Forbidden", "message": text}}, 403))

    def token(self, call: Call) -> Answer:
        """An access token for an OAuth client's own credentials."""
        known, asked = call.credentials.zendesk, oauth.form(call)
        if asked.get("grant_type") != "client_credentials":
            return Answer({"error": "unsupported_grant_type", "error_description": "not supported"}, 400)
        if (asked.get("client_id"), asked.get("client_secret")) != (known.client_id, known.client_secret):
            return Answer({"error": "invalid_client", "error_description": "Client authentication failed."}, 401)
        lifetime = call.traps.oauth_lifetime_seconds
        token = oauth.access_token(known.client_secret, call.now + timedelta(seconds=lifetime))
        return Answer({"access_token": token, "token_type": "bearer", "scope": "read", "expires_in": lifetime})

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer:
        headers = {} if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}
        text = "Number of allowed incremental export API requests per minute exceeded"
        if limit is not EXPORTS:
            text = "Number of allowed API requests per minute exceeded"
        return Answer({"error": "APIRateLimitExceeded", "description": text}, 429, headers)

    def failure(self, status: int) -> Answer:
        if status in (500, 503):
            return Answer({"error": "InternalError", "description": "Something went wrong"}, status)
        return html(status, f"{status} Bad Gateway")

    def unknown(self, path: str) -> Answer:
        return Answer({"error": {"title": "InvalidEndpoint", "message": "Not found"}}, 404)

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        return {"X-Rate-Limit": str(limit.requests), "X-Rate-Limit-Remaining": str(remaining)}

    # --- exports

    def _keep(self, call: Call) -> np.ndarray | None:
        """Which tickets the asked scope holds; by default those that a person's desk sees."""
        scope = call.query.get("support_type_scope", "agent")
        if scope not in SCOPES:
            text = f"support_type_scope must be one of {', '.join(SCOPES)}"
            raise Refusal(Answer({"error": {"title": "Invalid attribute", "message": text}}, 400))
        keep = None
        if scope != "all":
            is_ai = self._desk.is_ai_only(call.micros)
            keep = is_ai if scope == "ai_agent" else ~is_ai
        return keep

    def _kept(self, call: Call) -> np.ndarray | None:
        keep = self._keep(call)
        if call.query.get("exclude_deleted", "false").lower() == "true":
            keep = np.ones(len(self._desk), dtype=bool) if keep is None else keep
            for place in self.tickets.deleted:
                if self.tickets.exists(place, call.now):
                    keep[place] &= fold(self._desk.conversations[place], call.now).deleted_at is None
        return keep

    def tickets_export(self, call: Call) -> Answer:
        return exports.by_cursor(
            call,
            "/api/v2/incremental/tickets/cursor.json",
            self.tickets.timeline,
            "tickets",
            lambda entries: self._exported(call, [place for _, place in entries]),
            self._kept(call),
        )

    def tickets_by_time(self, call: Call) -> Answer:
        return exports.records_by_time(
            call,
            "/api/v2/incremental/tickets.json",
            self.tickets.timeline,
            "tickets",
            lambda entries: self._exported(call, [place for _, place in entries])["tickets"],
            self._kept(call),
        )

    def _exported(self, call: Call, places: list[int]) -> dict[str, Any]:
        now, drift = call.now, call.traps.drift
        content = {"tickets": [self.tickets.ticket(place, now, drift) for place in places]}
        if "metric_sets" in call.query.get("include", "").split(","):
            content["metric_sets"] = [self.tickets.metric_set(place, now) for place in places]
        return content

    def users_export(self, call: Call) -> Answer:
        return exports.by_cursor(
            call,
            "/api/v2/incremental/users/cursor.json",
            self._people.users,
            "users",
            lambda entries: {"users": self._people.show_users(entries, call.now, call.traps.drift)},
        )

    def organizations_export(self, call: Call) -> Answer:
        return exports.records_by_time(
            call,
            "/api/v2/incremental/organizations.json",
            self._people.organizations,
            "organizations",
            lambda entries: [
                self._people.organization(place, second, call.now, call.traps.drift) for second, place in entries
            ],
        )

    def ticket_events(self, call: Call) -> Answer:
        positions = self._audits.until(exports.last_second(call), self._keep(call))
        with_comments = "comment_events" in call.query.get("include", "").split(",")
        return exports.by_time(
            call,
            "/api/v2/incremental/ticket_events.json",
            "ticket_events",
            self._audits.shown[positions],
            lambda first, last: self._audits.render(
                positions[first:last].tolist(), call.now, call.traps.drift, with_comments
            ),
        )

    def metric_events(self, call: Call) -> Answer:
        times = self._metrics.times
        stop = int(np.searchsorted(times, exports.last_second(call), "right"))
        path = "/api/v2/incremental/ticket_metric_events.json"
        return exports.by_time(call, path, "ticket_metric_events", times[:stop], self._metrics.render)

    # --- lists

    def _lister(self, path: str, key: str, rows: Callable[[Call], list[dict[str, Any]]]) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            shown, envelope = exports.listed(call, path, key, rows(call), lambda row: row["id"])
            return Answer({key: shown, **envelope})

        return handler

    def _is_listed(self, place: int, call: Call) -> bool:
        """Whether a list or a search shows a ticket: none that is deleted, scrubbed, or archived."""
        if not self.tickets.exists(place, call.now):
            return False
        state = fold(self._desk.conversations[place], call.now)
        if state.deleted_at is not None or scrubbed_at(self._desk.conversations[place], call.now) is not None:
            return False
        if state.status == "closed" and call.traps.archived_hidden and state.closed_at is not None:
            return call.now - state.closed_at <= self._archive
        return True

    def list_tickets(self, call: Call) -> Answer:
        size = min(100, max(1, integer(call, "page[size]") or 100))
        last_id = exports.opened_id(call.query["page[after]"]) if "page[after]" in call.query else 0
        first = bisect_right(self._desk.numbers, last_id - ids.zendesk_id("cnv-0"))
        places: list[int] = []
        has_more = False
        for place in range(first, len(self._desk)):
            if self._is_listed(place, call):
                has_more = len(places) == size
                if has_more:
                    break
                places.append(place)
        rows = [self.tickets.ticket(place, call.now, call.traps.drift) for place in places]
        return Answer({"tickets": rows, **exports.cursor_envelope(call, "/api/v2/tickets.json", rows, has_more)})

    def search(self, call: Call) -> Answer:
        """GET search: tickets or users, a hundred per page, never beyond the first 1,000."""
        kind, matches = search_terms(call)
        page = max(1, integer(call, "page") or 1)
        size = min(100, max(1, integer(call, "per_page") or 100))
        if page * size > SEARCH_CAP:
            text = "Invalid search: Requested response size was greater than Search Response Limits"
            raise Refusal(Answer({"error": "invalid", "description": text}, 422))
        if kind == "user":
            entries = self._people.users.page(call.micros, micros(call.now) // 1_000_000, len(self._people.users))
            rows = self._people.show_users(entries, call.now, call.traps.drift)
        else:
            places = [place for place in range(len(self._desk)) if self._is_listed(place, call)]
            rows = [self.tickets.ticket(place, call.now, call.traps.drift) for place in places]
        found = [row for row in rows if matches(row)]
        shown = found[(page - 1) * size : page * size]
        has_more = page * size < min(len(found), SEARCH_CAP)
        following = call.url("/api/v2/search.json", query=call.query["query"], page=page + 1, per_page=size)
        content = {"results": [{**row, "result_type": kind} for row in shown], "count": len(found)}
        return Answer(content | {"next_page": following if has_more else None, "previous_page": None})

    def ratings(self, call: Call) -> Answer:
        since = integer(call, "start_time") or 0
        size = min(100, max(1, integer(call, "page[size]") or 100))
        last_id = exports.opened_id(call.query["page[after]"]) if "page[after]" in call.query else 0
        rows: list[dict[str, Any]] = []
        has_more = False
        for place in self.tickets.rated:
            if self._desk.numbers[place] + ids.RATINGS <= last_id or not self.tickets.exists(place, call.now):
                continue
            row = self.tickets.rating(place, call.now)
            if row is not None and micros(row["updated_at"]) // 1_000_000 >= since:
                has_more = len(rows) == size
                if has_more:
                    break
                rows.append(row)
        envelope = exports.cursor_envelope(call, "/api/v2/satisfaction_ratings.json", rows, has_more)
        return Answer({"satisfaction_ratings": rows, **envelope})

    def deleted_tickets(self, call: Call) -> Answer:
        rows = []
        for place in self.tickets.deleted:
            one = self._desk.conversations[place]
            if one.created_at > call.now or scrubbed_at(one, call.now) is not None:
                continue
            state = fold(one, call.now)
            if state.deleted_at is not None:
                event = next(event for event in one.events if event.kind == "delete")
                agent = self._desk.agents.get(event.actor_id)
                rows.append(
                    {
                        "id": self.tickets.ticket_id(place),
                        "subject": one.subject,
                        "deleted_at": state.deleted_at,
                        "actor": {
                            "id": ids.zendesk_id(agent.agent_id) if agent else ids.SYSTEM_USER,
                            "name": agent.name if agent else "System",
                        },
                        "previous_state": state.status,
                    }
                )
        path = "/api/v2/deleted_tickets.json"
        shown, envelope = exports.listed(call, path, "deleted_tickets", rows, lambda row: row["id"])
        return Answer({"deleted_tickets": shown, **envelope})

    # --- single tickets

    def _own(self, call: Call) -> int:
        """Position of the ticket of the path; of one that is deleted or gone an answer that says so."""
        ticket_id = int(call.path["id"])
        for status, refused in ((403, call.traps.html_403_for_ids), (404, call.traps.html_404_for_ids)):
            if ticket_id in refused:
                raise Refusal(html(status))
        place = self.tickets.place(ticket_id)
        if place is not None and self.tickets.exists(place, call.now):
            one = self._desk.conversations[place]
            if scrubbed_at(one, call.now) is not None:
                raise Refusal(html(403))
            if fold(one, call.now).deleted_at is None:
                return place
        raise Refusal(Answer({"error": "RecordNotFound", "description": "Not found"}, 404))

    def ticket(self, call: Call) -> Answer:
        ticket = self.tickets.ticket(self._own(call), call.now, call.traps.drift)
        del ticket["generated_timestamp"]
        return Answer({"ticket": ticket})

    def metrics(self, call: Call) -> Answer:
        return Answer({"ticket_metric": self.tickets.metric_set(self._own(call), call.now)})

    def comments(self, call: Call) -> Answer:
        """A ticket's comments; of one that was merged away only what came with the merge is left."""
        place = self._own(call)
        state = fold(self._desk.conversations[place], call.now)
        messages = state.messages
        if state.merged_at is not None:
            messages = [message for message in messages if message.sent_at >= state.merged_at]
        rows = [self.tickets.comment(place, message, call.traps.drift) for message in messages]
        rows.sort(key=lambda row: row["id"])
        path = f"/api/v2/tickets/{call.path['id']}/comments.json"
        shown, envelope = exports.listed(call, path, "comments", rows, lambda row: row["id"])
        return Answer({"comments": shown, **envelope})

    def audits(self, call: Call) -> Answer:
        """All that ever happened to a ticket, also to one that is archived or was merged away."""
        rows = self._audits.history(self._own(call), call.now, call.traps.drift)
        path = f"/api/v2/tickets/{call.path['id']}/audits.json"
        shown, envelope = exports.listed(call, path, "audits", rows, lambda row: row["id"])
        return Answer({"audits": shown, **envelope})

    # --- the account

    def me(self, call: Call) -> Answer:
        known = call.credentials.zendesk
        role = "admin" if known.is_admin else "agent"
        return Answer({"user": {"id": 350_000_000_001, "name": "Integration", "email": known.email, "role": role}})

    def _founded(self) -> datetime:
        return min((one.hired_at for one in self._company.agents), default=self._company.until)

    def _brand(self) -> dict[str, Any]:
        founded = self._founded()
        return {
            "id": BRAND,
            "name": "Sandbox",
            "subdomain": "sandbox",
            "active": True,
            "default": True,
            "created_at": founded,
            "updated_at": founded,
        }

    def _ticket_fields(self, call: Call) -> list[dict[str, Any]]:
        founded, drift = self._founded(), call.traps.drift
        fields = list(_FIELDS)
        if drift.new_field:
            fields.append((900_010, "Agent workspace", "text"))
        return [
            {
                "id": field_id,
                "type": "text" if field_id == SEATS and drift.field_type_change else kind,
                "title": title,
                "key": re.sub(r"\W+", "_", title.lower()),
                "active": True,
                "required": False,
                "created_at": founded,
                "updated_at": call.now if field_id == SEATS and drift.field_type_change else founded,
            }
            for field_id, title, kind in fields
        ]

    def _policy(self) -> dict[str, Any]:
        founded = self._founded()
        metrics = [
            {"priority": priority, "metric": "first_reply_time", "target": target, "business_hours": False}
            for priority, target in (("low", 1440), ("normal", 480), ("high", 240), ("urgent", 60))
        ]
        return {
            "id": 490_000_000_001,
            "title": "Default",
            "position": 1,
            "filter": {"all": [], "any": []},
            "policy_metrics": metrics,
            "created_at": founded,
            "updated_at": founded,
        }
