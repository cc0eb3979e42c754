"""HubSpot's table of streams, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

import httpx

from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.faults import CredentialsError, PermissionRefused, RateLimitedError
from touchstone.sources.http.oauth import BearerAuth, RenewedAuth
from touchstone.sources.http.streams import Context, Page, Placed, RawStream, Record, State, Stream, Ways, Window
from touchstone.sources.http.walks import cursor_list
from touchstone.sources.hubspot import objects, threads
from touchstone.sources.hubspot.moments import epoch_ms
from touchstone.sources.hubspot.source import Hubspot

TOKENS = "/oauth/v3/token"
OWNERS = "/crm/v3/owners"
OWNER_PAGE = 100
_DESK = ("tickets", "feedback_submissions")


def _id(record: Record) -> str | None:
    value = record.get("id")
    return None if value is None else str(value)


def _updated(record: Record) -> int | None:
    return epoch_ms(record.get("updatedAt"))


def _created(record: Record) -> datetime | None:
    value = record.get("createdAt")
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _placed_id(record: Placed) -> str | None:
    return record.row_id


def _placed_interaction(record: Placed) -> str | None:
    return record.interaction_id


_STREAMS = (
    RawStream("owners", _id, version=_updated, enums={"type": frozenset({"PERSON", "QUEUE"})}),
    RawStream("pipelines", _placed_id),
    RawStream("companies", _id, version=_updated, open_fields=("properties",)),
    RawStream("contacts", _id, version=_updated, open_fields=("properties",)),
    RawStream("deals", _id, version=_updated, open_fields=("properties",)),
    RawStream("tickets", _id, _id, _updated, open_fields=("properties",)),
    RawStream("feedback_submissions", _id, _placed_interaction, _updated, open_fields=("properties",)),
    RawStream("associations", _placed_id, _placed_interaction),
    RawStream("threads", _id, threads.ticket_id, enums={"status": frozenset({"OPEN", "CLOSED"})}),
    RawStream(
        "messages",
        _placed_id,
        _placed_interaction,
        happened_at=_created,
        enums={
            "type": frozenset(
                {
                    "MESSAGE",
                    "COMMENT",
                    "WELCOME_MESSAGE",
                    "ASSIGNMENT",
                    "THREAD_STATUS_CHANGE",
                    "THREAD_INBOX_CHANGE",
                }
            ),
            "direction": frozenset({"INCOMING", "OUTGOING"}),
            "truncationStatus": frozenset({"NOT_TRUNCATED", "TRUNCATED_TO_MOST_RECENT_REPLY", "TRUNCATED"}),
        },
    ),
    RawStream(
        "actors",
        _id,
        enums={"type": frozenset({"AGENT", "BOT", "VISITOR", "SYSTEM", "INTEGRATION", "EMAIL"})},
    ),
)


class HubspotConnector:
    """See `touchstone.sources.http.streams.Connector`."""

    name = "hubspot"
    # the smallest account's; search has a limit of its own
    budgets: ClassVar[dict[str, Budget]] = {
        "default": Budget("default", 100, 10),
        "search": Budget("search", 5, 1),
    }
    raw: ClassVar[dict[str, RawStream]] = {stream.name: stream for stream in _STREAMS}

    def credentials(self, source: SourceInstance) -> Ways:
        return (
            {"token": "access token of the private app"},
            {
                "client_id": "client id of the OAuth app",
                "client_secret": "client secret of the OAuth app",
                "refresh_token": "refresh token of the OAuth app",
            },
        )

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        base_url = source.options(Hubspot).base_url
        if "token" in secrets:
            return {"main": (base_url, BearerAuth(secrets["token"]))}
        grant = {"grant_type": "refresh_token", **secrets}
        remedy = (
            "Check client id and secret; install the app anew and set its refresh token if it was removed or revoked."
        )
        return {"main": (base_url, RenewedAuth("HubSpot", f"{base_url}{TOKENS}", grant, remedy))}

    def explain(self, response: httpx.Response) -> Exception | None:
        body = _body(response)
        if response.status_code == 401:
            is_expired = body.get("category") == "EXPIRED_AUTHENTICATION"
            return CredentialsError(
                "HubSpot's access token has expired" if is_expired else "HubSpot does not accept the access token",
                "401",
                "Make a new one and set it." if is_expired else "Check the app's access token.",
            )
        if response.status_code == 403:
            scopes = _scopes(body)
            return PermissionRefused(
                f"HubSpot refuses {response.request.url.path}",
                f"missing scopes: {', '.join(scopes)}" if scopes else "403",
                "Grant them to the app." if scopes else "Check the scopes of the app.",
            )
        if response.status_code == 429 and body.get("policyName") == "DAILY":
            return RateLimitedError(
                "HubSpot's requests of this day are used up",
                "429",
                "Run it again tomorrow; what has landed stays landed.",
            )
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        has_desk = source.options(Hubspot).tickets
        walks = [
            Stream("owners", _owners, backfill=_whole),
            Stream("pipelines", partial(_pipelines, names=_pipeline_names(has_desk)), backfill=_whole),
        ]
        walks += [objects.stream(spec) for spec in objects.OBJECTS if has_desk or spec.name not in _DESK]
        if has_desk:
            walks.append(threads.stream())
        return walks

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        has_desk = context.source.options(Hubspot).tickets
        paths = {"credentials": "/account-info/v3/details", "owners": OWNERS}
        paths |= {f"pipelines of {name}": f"/crm/v3/pipelines/{name}" for name in _pipeline_names(has_desk)}
        paths |= {
            spec.name: f"/crm/v3/objects/{spec.name}" for spec in objects.OBJECTS if has_desk or spec.name not in _DESK
        }
        if has_desk:
            paths["conversations"] = threads.PATH
        takes_no_limit = ("credentials", *(name for name in paths if name.startswith("pipelines")))
        return [
            (what, partial(context.api.get, path, {} if what in takes_no_limit else {"limit": 1}))
            for what, path in paths.items()
        ]


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _scopes(body: dict[str, Any]) -> list[str]:
    """Scopes that a refusal names, each once."""
    contexts = [one.get("context") or {} for one in body.get("errors") or () if isinstance(one, dict)]
    stated = [
        scope
        for context in (*contexts, body.get("context") or {})
        for name in ("requiredGranularScopes", "requiredScopes")
        for scope in context.get(name) or ()
    ]
    return list(dict.fromkeys(map(str, stated)))


# --- short lists, read whole in every run


def _whole(window: Window) -> State:
    return {}


def _owners(context: Context, state: State) -> Iterator[Page]:
    """Owners, then those who left."""
    is_archived = bool(state.get("archived"))
    for archived in (False, True):
        if is_archived and not archived:
            continue
        yield from cursor_list(
            context.api,
            OWNERS,
            state if archived == is_archived else {"archived": archived},
            params={"limit": OWNER_PAGE, "archived": "true" if archived else "false"},
            budget="default",
            records_of=lambda answer: {"owners": answer["results"]},
            following_of=lambda answer: ((answer.get("paging") or {}).get("next") or {}).get("after"),
            after_parameter="after",
            finished={} if archived else {"archived": True},
        )


def _pipeline_names(has_desk: bool) -> tuple[str, ...]:
    return ("deals", "tickets") if has_desk else ("deals",)


def _pipelines(context: Context, state: State, names: tuple[str, ...]) -> Iterator[Page]:
    for name in names:
        found = context.api.get(f"/crm/v3/pipelines/{name}")["results"]
        yield Page({"pipelines": [Placed(one, f"{name}:{one['id']}") for one in found]}, None)
