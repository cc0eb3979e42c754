"""Rows of the vendors' raw streams as their APIs state them, landed the way connectors land them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from touchstone.settings import Settings
from touchstone.warehouse import landing
from touchstone.warehouse.engine import connect

Payload = dict[str, Any]
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def at(minutes: float) -> str:
    """ISO time of so many minutes after START, as Zendesk writes it."""
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def stamp(minutes: float) -> str:
    """The same as HubSpot writes it."""
    return at(minutes)[:-1] + ".000Z"


def _epoch_ms(value: str | None) -> int | None:
    return None if value is None else int(datetime.fromisoformat(value).timestamp() * 1000)


# (row id, interaction_id, version) of a payload
Identity = tuple[Callable[[Payload], str], Callable[[Payload], str | None], Callable[[Payload], int | None]]


def _text(name: str) -> Callable[[Payload], str | None]:
    return lambda payload: None if payload.get(name) is None else str(payload[name])


def _none(payload: Payload) -> None:
    return None


def _updated(payload: Payload) -> int | None:
    return _epoch_ms(payload.get("updatedAt"))


STREAMS: dict[str, dict[str, Identity]] = {
    "zendesk": {
        "tickets": (_text("id"), _text("id"), lambda p: p["generated_timestamp"] * 1000),
        "metric_sets": (_text("ticket_id"), _text("ticket_id"), _none),
        "ticket_events": (_text("id"), _text("ticket_id"), _none),
        "satisfaction_ratings": (_text("id"), _text("ticket_id"), lambda p: _epoch_ms(p["updated_at"])),
        "deleted_tickets": (_text("id"), _text("id"), _none),
        "ai_conversations": (_text("conversationId"), _text("externalConversationId"), _none),
        "articles": (lambda p: f"{p['id']}:{p['locale']}", _none, _none),
        **{
            name: (_text("id"), _none, _none)
            for name in ("users", "organizations", "groups", "group_memberships", "ticket_fields")
        },
    },
    "hubspot": {
        "tickets": (_text("id"), _text("id"), _updated),
        "threads": (_text("id"), lambda p: p["threadAssociations"].get("associatedTicketId"), _none),
        "messages": (lambda p: f"{p['conversationsThreadId']}:{p['id']}", lambda p: p["_ticket"], _none),
        "associations": (
            lambda p: f"{p['from']}:{p['from_id']}:{p['to']}",
            lambda p: p["from_id"] if p["from"] == "tickets" else None,
            _none,
        ),
        "pipelines": (lambda p: f"{p['_object']}:{p['id']}", _none, _none),
        **{
            name: (_text("id"), _none, _updated)
            for name in ("companies", "contacts", "deals", "owners", "actors", "feedback_submissions")
        },
    },
    "freshdesk": {
        "tickets": (_text("id"), _text("id"), lambda p: _epoch_ms(p["updated_at"])),
        "conversations": (_text("id"), _text("ticket_id"), _none),
        "satisfaction_ratings": (_text("id"), _text("ticket_id"), lambda p: _epoch_ms(p["updated_at"])),
        **{
            name: (_text("id"), _none, lambda p: _epoch_ms(p["updated_at"]))
            for name in ("agents", "contacts", "companies", "articles")
        },
        **{name: (_text("id"), _none, _none) for name in ("groups", "surveys", "ticket_fields")},
    },
    "mixpanel": {
        "events": (lambda p: p["properties"]["$insert_id"], _none, _none),
    },
    "intercom": {
        "conversations": (_text("id"), _text("id"), lambda p: p["updated_at"]),
        "conversation_parts": (lambda p: f"{p['_conversation']}:{p['id']}", _text("_conversation"), _none),
        **{name: (_text("id"), _none, _none) for name in ("contacts", "companies", "admins", "teams", "articles")},
    },
    "amplitude": {"events": (_text("$insert_id"), _none, _none)},
    "posthog": {"events": (_text("uuid"), _none, _none)},
}


class Vendors:
    """Lands payloads as one load each, in one warehouse."""

    def __init__(self, settings: Settings, as_of: datetime, instance: str = "main") -> None:
        self.settings, self.as_of, self.instance = settings, as_of, instance

    def land(self, source: str, stream: str, *payloads: Payload, removed: tuple[str, ...] = ()) -> None:
        """One load; `removed` are ids that leave for the history, as where a day is read again."""
        row_id, interaction_id, version = STREAMS[source][stream]
        rows = []
        for payload in payloads:
            stated = {
                name: value for name, value in payload.items() if name not in ("_ticket", "_object", "_conversation")
            }
            encoded = orjson.dumps(stated, option=orjson.OPT_SORT_KEYS)
            rows.append(
                landing.RawRow(
                    row_id(payload), interaction_id(payload), encoded, landing.payload_hash(encoded), version(payload)
                )
            )
        with connect("loader", settings=self.settings, autocommit=True) as connection, connection.transaction():
            load = landing.begin_load(connection, self.instance)
            landed = landing.land(connection, f"raw_{source}", stream, rows, load)
            landing._to_history(connection, f"raw_{source}", stream, list(removed), load)
            run_id = connection.execute(
                "insert into ops.runs (step, source, instance, as_of) values ('ingest', %s, %s, %s) returning run_id",
                [source, self.instance, self.as_of],
            ).fetchone()[0]
            connection.execute(
                """
                insert into ops.loads (load_id, run_id, source, instance, batch, as_of, rows_in, rows_inserted, rows_updated,
                    rows_unchanged, rows_quarantined)
                overriding system value values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0)
                """,
                [
                    load.load_id,
                    run_id,
                    source,
                    self.instance,
                    stream,
                    self.as_of,
                    len(rows),
                    landed.inserted,
                    landed.updated,
                    landed.unchanged,
                ],
            )

    def configure(self, source: str, **options: Any) -> Vendors:
        """What a run notes of the instance's configuration."""
        with connect("loader", settings=self.settings) as connection:
            connection.execute(
                """
                insert into ops.source_options (source, instance, options) values (%s, %s, %s)
                on conflict (source, instance) do update set options = excluded.options
                """,
                [source, self.instance, Jsonb(options)],
            )
        return self

    def zendesk(self, **streams: list[Payload]) -> None:
        for stream, payloads in streams.items():
            self.land("zendesk", stream, *payloads)

    def hubspot(self, **streams: list[Payload]) -> None:
        for stream, payloads in streams.items():
            self.land("hubspot", stream, *payloads)

    def mixpanel(self, *events: Payload) -> None:
        self.land("mixpanel", "events", *events)

    def intercom(self, **streams: list[Payload]) -> None:
        for stream, payloads in streams.items():
            self.land("intercom", stream, *payloads)

    def amplitude(self, *events: Payload) -> None:
        self.land("amplitude", "events", *events)

    def posthog(self, *events: Payload) -> None:
        self.land("posthog", "events", *events)


# --- Zendesk


def user(user_id: int, role: str, name: str, **fields: Any) -> Payload:
    user_fields = {
        key: fields.pop(key)
        for key in ("hired_on", "left_on", "is_automation", "role_title", "role_history")
        if key in fields
    }
    return {
        "id": user_id,
        "name": name,
        "role": role,
        "email": None,
        "external_id": None,
        "organization_id": None,
        "created_at": at(-100_000),
        "updated_at": at(-1000),
        "active": True,
        "user_fields": user_fields,
    } | fields


def organization(organization_id: int, name: str, domains: list[str], updated: float = -1000, **fields: Any) -> Payload:
    return {
        "id": organization_id,
        "name": name,
        "domain_names": domains,
        "created_at": at(-100_000),
        "updated_at": at(updated),
        "organization_fields": fields,
    }


def ticket(
    ticket_id: int, requester: int, minutes: float = 0, *, changed: float | None = None, **fields: Any
) -> Payload:
    custom = {900001: fields.pop("topic", "billing"), 900002: fields.pop("product_area", None)}
    custom[900003] = fields.pop("language", "en")
    return {
        "id": ticket_id,
        "via": {"channel": fields.pop("channel", "email"), "source": {}},
        "created_at": at(minutes),
        "updated_at": at(minutes),
        "generated_timestamp": int(moment(minutes if changed is None else changed).timestamp()),
        "subject": "A question",
        "priority": "normal",
        "status": "open",
        "requester_id": requester,
        "assignee_id": None,
        "organization_id": None,
        "group_id": None,
        "tags": [],
        "custom_fields": [{"id": field, "value": value} for field, value in custom.items()],
        "support_type": "agent",
    } | fields


def audit(ticket_id: int, number: int, minutes: float, *children: Payload, author: int = -1, **fields: Any) -> Payload:
    """An audit whose children get ids of their own; its id ascends with `number`."""
    audit_id = 391_000_000_000 + ticket_id * 1000 + number
    return {
        "id": audit_id,
        "ticket_id": ticket_id,
        "timestamp": int(moment(minutes).timestamp()),
        "created_at": at(minutes),
        "updater_id": author,
        "via": {"channel": "web", "source": {"rel": None}},
        "event_type": "Audit",
        "child_events": [{"id": audit_id * 10 + index, **child} for index, child in enumerate(children)],
    } | fields


def comment(comment_id: int, author: int, minutes: float, text: str = "Hello there", public: bool = True) -> Payload:
    return {
        "id": comment_id,
        "event_type": "Comment",
        "author_id": author,
        "body": text,
        "public": public,
        "created_at": at(minutes),
    }


def change(field: str, value: Any, previous: Any = None) -> Payload:
    return {"event_type": "Change", field: value, "previous_value": previous}


def ai_message(comment_id: int, sender: str, **fields: Any) -> Payload:
    return {"messageId": str(comment_id), "sender": sender, "intent": None, "confidence": None} | fields


def ai_conversation(ticket_id: int, *messages: Payload, **fields: Any) -> Payload:
    return {
        "conversationId": f"ai-{ticket_id}",
        "externalConversationId": str(ticket_id),
        "botId": "bot",
        "botName": "Nova",
        "botVersion": "2.4",
        "escalated": False,
        "escalatedAt": None,
        "resolutionState": "open",
        "messages": list(messages),
    } | fields


# --- HubSpot


def crm(object_id: int | str, updated: float = 0, *, archived: bool = False, **properties: Any) -> Payload:
    return {
        "id": str(object_id),
        "properties": properties,
        "createdAt": stamp(-50_000),
        "updatedAt": stamp(updated),
        "archived": archived,
    } | ({"archivedAt": stamp(updated)} if archived else {})


def thread(thread_id: int, ticket_id: int | None, contact: int, minutes: float = 0) -> Payload:
    associations = {} if ticket_id is None else {"associatedTicketId": str(ticket_id)}
    return {
        "id": str(thread_id),
        "createdAt": stamp(minutes),
        "status": "OPEN",
        "associatedContactId": str(contact),
        "archived": False,
        "threadAssociations": associations,
    }


def entry(thread_id: int, ticket_id: int | None, number: str, actor: str, minutes: float, **fields: Any) -> Payload:
    return {
        "_ticket": None if ticket_id is None else str(ticket_id),
        "id": number,
        "conversationsThreadId": str(thread_id),
        "type": "MESSAGE",
        "createdAt": stamp(minutes),
        "createdBy": actor,
        "senders": [{"actorId": actor, "name": "Somebody"}],
        "direction": "INCOMING" if actor.startswith("V-") else "OUTGOING",
        "archived": False,
        "text": "Hello there",
        "truncationStatus": "NOT_TRUNCATED",
    } | fields


def link(start: str, start_id: int, end: str, *ends: int) -> Payload:
    return {"from": start, "from_id": str(start_id), "to": end, "to_ids": [str(one) for one in ends]}


def owner(number: int, name: str, team: str, updated: float = -1000) -> Payload:
    return {
        "id": str(80_000 + number),
        "userId": 70_000_000 + number,
        "firstName": name,
        "lastName": None,
        "archived": False,
        "createdAt": stamp(-90_000),
        "updatedAt": stamp(updated),
        "teams": [{"id": "1", "name": team, "primary": True}],
    }


def product_event(number: int, distinct_id: str, minutes: float, name: str = "login", **properties: Any) -> Payload:
    return {
        "event": name,
        "properties": {
            "time": int(moment(minutes).timestamp()),
            "distinct_id": distinct_id,
            "$insert_id": f"pev-{number}",
            "mp_processing_time_ms": int(moment(minutes).timestamp() * 1000) + 5000,
            **properties,
        },
    }


def amplitude_event(
    number: int, user_id: str | None, device_id: str, minutes: float, name: str = "login", **fields: Any
) -> Payload:
    written = moment(minutes).strftime("%Y-%m-%d %H:%M:%S.%f")
    return {
        "event_type": name,
        "$insert_id": f"amp-{number}",
        "user_id": user_id,
        "device_id": device_id,
        "amplitude_id": number,
        "event_time": written,
        "server_upload_time": written,
        "event_properties": {},
        "user_properties": {},
        **fields,
    }


def posthog_event(
    number: int, distinct_id: str, minutes: float, name: str = "login", *, email: str | None = None, **properties: Any
) -> Payload:
    written = moment(minutes).strftime("%Y-%m-%d %H:%M:%S.%f")
    return {
        "uuid": f"phg-{number}",
        "event": name,
        "distinct_id": distinct_id,
        "person_id": "of PostHog",
        "person_email": email,
        "properties": properties,
        "timestamp": written,
        "created_at": written,
    }
