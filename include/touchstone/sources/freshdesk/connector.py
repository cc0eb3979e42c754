"""Freshdesk: what is asked for, and what the vendor allows.

Requests are counted for the whole account, whoever makes them, and the list of tickets has a much smaller number of its own. A 429
says how long to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import httpx

from touchstone.sources.config import SourceInstance
from touchstone.sources.freshdesk import conversations, lists, tickets
from touchstone.sources.freshdesk.moments import iso, moment, updated, version
from touchstone.sources.freshdesk.source import Freshdesk
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.faults import CredentialsError, PermissionRefused
from touchstone.sources.http.streams import Context, RawStream, Record, Stream, Ways


def _text(name: str) -> Callable[[Record], str | None]:
    def text(record: Record) -> str | None:
        value = record.get(name)
        return None if value is None else str(value)

    return text


_id, _ticket_id = _text("id"), _text("ticket_id")

_STREAMS = (
    RawStream(
        "tickets",
        _id,
        _id,
        version,
        happened_at=updated,
        enums={"priority": frozenset({1, 2, 3, 4})},
        open_fields=("custom_fields",),
    ),
    RawStream("conversations", _id, _ticket_id, happened_at=lambda record: moment(record.get("created_at"))),
    RawStream("satisfaction_ratings", _id, _ticket_id, version),
    RawStream("contacts", _id, version=version, open_fields=("custom_fields",)),
    RawStream("companies", _id, version=version, open_fields=("custom_fields",)),
    RawStream("agents", _id, version=version),
    RawStream("groups", _id),
    RawStream("ticket_fields", _id),
    RawStream("surveys", _id),
    RawStream("categories", _id),
    RawStream("folders", _id),
    RawStream("articles", _id, version=version),
)


class FreshdeskConnector:
    """See `touchstone.sources.http.streams.Connector`."""

    name = "freshdesk"
    # requests per minute of the smallest plan: 200 for the account, of which each page of tickets with its side-loads takes several
    budgets: ClassVar[dict[str, Budget]] = {
        "tickets": Budget("tickets", 20, 60),
        "default": Budget("default", 100, 60),
    }
    raw: ClassVar[dict[str, RawStream]] = {stream.name: stream for stream in _STREAMS}

    def credentials(self, source: SourceInstance) -> Ways:
        return ({"api_key": "API key of an administrator"},)

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        return {"main": (source.options(Freshdesk).base_url, httpx.BasicAuth(secrets["api_key"], "X"))}

    def explain(self, response: httpx.Response) -> Exception | None:
        if response.status_code == 401:
            return CredentialsError(
                "Freshdesk does not accept the API key", "401", "Copy it again from the profile settings of the agent."
            )
        if response.status_code == 403:
            return PermissionRefused(
                "Freshdesk refuses",
                f"403 at {response.request.url.path}",
                "The key has to be an administrator's who sees all tickets; some lists need a plan of their own.",
            )
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        found = [
            *lists.settings(),
            # people first, so that a ticket finds them
            *lists.people(),
            *tickets.streams(),
            conversations.stream(),
            lists.ratings(),
        ]
        return [*found, lists.solutions()] if source.options(Freshdesk).solutions else found

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        api = context.api
        since = iso(tickets.beginning(context))
        asked: list[tuple[str, Callable[[], Any]]] = [("credentials", partial(api.get, "/api/v2/agents/me"))]
        asked.append(
            ("tickets", partial(api.get, tickets.PATH, {"updated_since": since, "per_page": 1}, budget="tickets"))
        )
        for name in ("contacts", "companies", "agents", "groups", "ticket_fields", "surveys"):
            asked.append((name, partial(api.get, f"/api/v2/{name}", {"per_page": 1})))
        ratings = "/api/v2/surveys/satisfaction_ratings"
        asked.append(("satisfaction ratings", partial(api.get, ratings, {"created_since": since, "per_page": 1})))
        if context.source.options(Freshdesk).solutions:
            asked.append(("solutions", partial(api.get, "/api/v2/solutions/categories", {"per_page": 1})))
        return asked
