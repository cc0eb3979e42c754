"""Intercom's table of streams, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

import httpx

from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.faults import CredentialsError, PermissionRefused
from touchstone.sources.http.oauth import BearerAuth
from touchstone.sources.http.streams import Context, Page, Placed, RawStream, Record, State, Stream, Walk, Ways, Window
from touchstone.sources.intercom import conversations, people
from touchstone.sources.intercom.searches import numbered, updated_at, updated_since
from touchstone.sources.intercom.source import Intercom

VERSION = "2.15"


def _id(record: Record) -> str | None:
    value = record.get("id")
    return None if value is None else str(value)


def _placed_id(record: Placed) -> str | None:
    return record.row_id


def _placed_interaction(record: Placed) -> str | None:
    return record.interaction_id


def _created(record: Record) -> datetime | None:
    value = record.get("created_at")
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int) and 0 < value < 1 << 34 else None


_SOURCE_TYPES = frozenset(
    {
        "conversation",
        "email",
        "facebook",
        "instagram",
        "phone_call",
        "phone_switch",
        "push",
        "sms",
        "twitter",
        "whatsapp",
    }
)
_RESOLUTIONS = frozenset(
    {"assumed_resolution", "confirmed_resolution", "escalated", "negative_feedback", "procedure_handoff"}
)
_AUTHORS = frozenset({"admin", "bot", "team", "user", "lead", "contact"})
_PART_TYPES = frozenset(
    {
        "comment",
        "note",
        "assignment",
        "open",
        "close",
        "snoozed",
        "unsnoozed",
        "quick_reply",
        "note_and_reopen",
        "assign_and_reopen",
        "assign_and_unsnooze",
        "away_mode_assignment",
        "timer_unsnooze",
        "participant_added",
        "participant_removed",
        "language_detection_details",
        "conversation_rating_changed",
        "conversation_rating_remark_added",
        "conversation_attribute_updated_by_admin",
        "conversation_attribute_updated_by_user",
        "conversation_attribute_updated_by_workflow",
        "custom_action_started",
        "custom_action_finished",
        "operator_workflow_event",
    }
)

_STREAMS = (
    RawStream("admins", _id),
    RawStream("teams", _id),
    RawStream("tags", _id),
    RawStream("companies", _id, version=updated_at, open_fields=("custom_attributes",)),
    RawStream(
        "contacts",
        _id,
        version=updated_at,
        enums={"role": frozenset({"user", "lead", "visitor"})},
        open_fields=("custom_attributes",),
    ),
    RawStream(
        "conversations",
        _id,
        _id,
        updated_at,
        enums={
            "state": frozenset({"open", "closed", "snoozed"}),
            "priority": frozenset({"priority", "not_priority"}),
            "source.type": _SOURCE_TYPES,
            "ai_agent.resolution_state": _RESOLUTIONS,
            "ai_agent.last_answer_type": frozenset({"ai_answer", "custom_answer"}),
        },
        open_fields=("custom_attributes",),
    ),
    RawStream(
        "conversation_parts",
        _placed_id,
        _placed_interaction,
        updated_at,
        happened_at=_created,
        enums={"part_type": _PART_TYPES, "author.type": _AUTHORS},
    ),
    RawStream("articles", _id, version=updated_at, enums={"state": frozenset({"published", "draft"})}),
)


class IntercomConnector:
    """See `touchstone.sources.http.streams.Connector`."""

    name = "intercom"
    # of 10,000 a minute for an app, counted in windows of ten seconds
    budgets: ClassVar[dict[str, Budget]] = {"default": Budget("default", 1600, 10)}
    raw: ClassVar[dict[str, RawStream]] = {stream.name: stream for stream in _STREAMS}

    def credentials(self, source: SourceInstance) -> Ways:
        return ({"token": "access token of the app"},)

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        return {"main": (source.options(Intercom).base_url, _VersionedAuth(secrets["token"]))}

    def explain(self, response: httpx.Response) -> Exception | None:
        codes = _codes(response)
        if response.status_code == 401:
            return CredentialsError(
                "Intercom does not accept the access token",
                ", ".join(codes) or "401",
                "Check the app's access token, and that `base_url` is of the region that hosts the workspace.",
            )
        if response.status_code == 403:
            return PermissionRefused(
                f"Intercom refuses {response.request.url.path}",
                ", ".join(codes) or "403",
                "Grant the app to read conversations, contacts, companies, admins, tags and articles.",
            )
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        walks = [
            Stream("admins", people.admins, backfill=_whole),
            Stream("teams", _short_list("teams", "/teams", "teams"), backfill=_whole),
            Stream("tags", _short_list("tags", "/tags", "data"), backfill=_whole),
            Stream("companies", people.companies, backfill=_whole),
            Stream("contacts", people.contacts),
            conversations.stream(),
        ]
        if source.options(Intercom).articles:
            walks.append(Stream("articles", _articles, backfill=_whole))
        return walks

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        api = context.api
        since = int(context.window.start.timestamp())
        one = {"query": updated_since(since), "pagination": {"per_page": 1}}
        asked: list[tuple[str, Callable[[], Any]]] = [
            ("credentials", partial(api.get, "/me")),
            ("admins", partial(api.get, "/admins")),
            ("search of contacts", partial(api.post, people.CONTACT_SEARCH, one)),
            ("search of conversations", partial(api.post, conversations.SEARCH, one)),
        ]
        if context.source.options(Intercom).articles:
            asked.append(("articles", partial(api.get, "/articles", {"per_page": 1})))
        return asked


class _VersionedAuth(BearerAuth):
    """The token, and the version of the API that decides what answers look like."""

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        request.headers["Intercom-Version"] = VERSION
        yield from super().auth_flow(request)


def _codes(response: httpx.Response) -> list[str]:
    """Codes of a refusal."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return []
    errors = body.get("errors") if isinstance(body, dict) else None
    return [str(one.get("code")) for one in errors or () if isinstance(one, dict)]


# --- short lists, read whole in every run


def _whole(window: Window) -> State:
    return {}


def _short_list(name: str, path: str, key: str) -> Walk:
    def walk(context: Context, state: State) -> Iterator[Page]:
        yield Page({name: context.api.get(path)[key]}, None)

    return walk


def _articles(context: Context, state: State) -> Iterator[Page]:
    """All articles, the latest change first: one that is edited meanwhile leaves the pages that are still to come."""
    left = set(context.rows.present("articles"))
    for found in numbered(context.api, "/articles"):
        left.difference_update(str(one.get("id")) for one in found)
        yield Page({"articles": found}, None)
    # what it said stays in reports on what was cited
    yield from people.unlisted(context, "articles", sorted(left))
