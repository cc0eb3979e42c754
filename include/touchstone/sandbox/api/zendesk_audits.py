"""Ticket events: each update of a ticket as an audit with its child events, and the events of ticket metrics.

Events of the company at one moment by one actor, and what the helpdesk adds to them, are one audit, with at most one comment. The audits of a merge, on both
sides, say so in `via.source`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from touchstone.errors import SourceError
from touchstone.sandbox.api import ids
from touchstone.sandbox.api.clock import micros, seconds
from touchstone.sandbox.api.options import Drift
from touchstone.sandbox.api.zendesk_tickets import (
    HANDOFF_REASON,
    STATUS,
    TOPIC,
    VIA,
    Tickets,
    actor_of,
    score,
)
from touchstone.sandbox.model import Conversation, Event
from touchstone.sandbox.state import MessageState, fold, shown_at

_PER_EVENT = 10  # room for child events


@dataclass(slots=True)
class _Seen:
    """A ticket's fields while its events are replayed, for the values that they had before."""

    status: str | None = None
    assignee: int | None = None
    group: int | None = None
    priority: str | None = None
    topic: str | None = None
    reason: str | None = None
    rating: str = "unoffered"


class Audits:
    """Every audit that there will ever be, in the order (second in which it shows, id)."""

    def __init__(self, tickets: Tickets) -> None:
        self.tickets = tickets
        places: list[int] = []
        firsts: list[int] = []
        counts: list[int] = []
        shown: list[int] = []
        audit_ids: list[int] = []
        for place, one in enumerate(tickets.desk.conversations):
            base = ids.AUDITS + tickets.desk.numbers[place] * 1000
            if len(one.events) > ids.EVENTS_PER_TICKET:
                raise SourceError(
                    "more events than a ticket has room for", one.conversation_id, "Keep to 1,000 events."
                )
            for first, count in _groups(one.events):
                places.append(place)
                firsts.append(first)
                counts.append(count)
                shown.append(seconds(shown_at(one.events[first])))
                audit_ids.append(base + first)
        order = np.lexsort((np.array(audit_ids, dtype=np.int64), np.array(shown, dtype=np.int64)))
        self.shown = np.array(shown, dtype=np.int64)[order]
        self._place = np.array(places, dtype=np.int32)[order]
        self._first = np.array(firsts, dtype=np.int32)[order]
        self._count = np.array(counts, dtype=np.int32)[order]

    def until(self, last_second: int, keep: np.ndarray | None) -> np.ndarray:
        """Positions of the audits that show by a second, of the tickets that take part."""
        stop = int(np.searchsorted(self.shown, last_second, "right"))
        if keep is None:
            return np.arange(stop)
        return np.flatnonzero(keep[self._place[:stop]])

    def render(
        self, positions: Iterable[int], now: datetime, drift: Drift, with_comments: bool
    ) -> list[dict[str, Any]]:
        """The audits at these positions, in their order."""
        wanted: dict[int, dict[int, int]] = defaultdict(dict)
        result: list[dict[str, Any] | None] = []
        for index, position in enumerate(positions):
            wanted[int(self._place[position])][int(self._first[position])] = index
            result.append(None)
        for place, firsts in wanted.items():
            for first, audit in self._of_ticket(place, firsts, now, drift, with_comments):
                result[firsts[first]] = audit
        return result

    def history(self, place: int, now: datetime, drift: Drift) -> list[dict[str, Any]]:
        """All audits of a ticket as its own list of audits tells them: in other words than the export does."""
        events = self.tickets.desk.conversations[place].events
        firsts = [first for first, _ in _groups(events) if shown_at(events[first]) <= now]
        told = self._of_ticket(place, firsts, now, drift, with_comments=True) if firsts else ()
        return sorted((_told_by_ticket(audit) for _, audit in told), key=lambda audit: audit["id"])

    def _of_ticket(
        self, place: int, firsts: Iterable[int], now: datetime, drift: Drift, with_comments: bool
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        one = self.tickets.desk.conversations[place]
        messages = {message.message_id: message for message in fold(one, now).messages}
        replay = _Replay(self.tickets, place, messages, drift, with_comments)
        wanted = set(firsts)
        last = max(wanted)
        for first, count in _groups(one.events):
            if first > last:
                break
            events = one.events[first : first + count]
            if first in wanted:
                yield first, replay.audit(first, events)
            else:
                replay.skip(events)


def _told_by_ticket(audit: dict[str, Any]) -> dict[str, Any]:
    """An audit of the export as a ticket's own list has it: events with a type, and fields by their name.

    A redaction is an event there, and the comment itself has its new text where it was made.
    """
    is_redaction = any("comment_redaction" in child for child in audit["child_events"])
    events: list[dict[str, Any]] = []
    for child in audit["child_events"]:
        kind, own = child["event_type"], {"id": child["id"], "audit_id": audit["id"]}
        if kind == "Comment":
            if not is_redaction:
                told = {name: value for name, value in child.items() if name not in ("event_type", "created_at", "via")}
                events.append(told | own | {"type": kind})
        elif "comment_redaction" in child:
            events.append(own | {"type": "CommentRedactionEvent", "comment_id": child["comment_id"]})
        else:
            for name, value in child.items():
                if name not in ("id", "event_type", "previous_value", "added_tags", "removed_tags"):
                    field_name = name.removeprefix("custom_fields_")
                    told = {"type": kind, "field_name": field_name, "value": value}
                    events.append(own | told | {"previous_value": child.get("previous_value")})
    via = audit["via"]
    if "merged_ticket_ids" in audit:
        sides = via["source"] | {"from": {"ticket_ids": audit["merged_ticket_ids"]}}
        via = via | {"source": sides}
    return {
        "id": audit["id"],
        "ticket_id": audit["ticket_id"],
        "created_at": audit["created_at"],
        "author_id": audit["updater_id"],
        "metadata": {"system": {}, "custom": {}},
        "events": events,
        "via": via,
    }


def _groups(events: list[Event]) -> Iterable[tuple[int, int]]:
    """(first event, number of events) of each audit; system touches make none."""
    first, has_message = -1, False
    for index, event in enumerate(events):
        if event.kind == "touch":
            if first >= 0:
                yield first, index - first
            first = -1
            continue
        if first >= 0:
            head = events[first]
            is_same = event.at == head.at and event.actor_id in ("", head.actor_id)
            is_same = is_same and shown_at(event) == shown_at(head)
            if is_same and not (has_message and event.kind == "message"):
                has_message = has_message or event.kind == "message"
                continue
            yield first, index - first
        first, has_message = index, event.kind == "message"
    if first >= 0:
        yield first, len(events) - first


class _Replay:
    """One ticket's events told again from the first on."""

    def __init__(
        self, tickets: Tickets, place: int, messages: dict[str, MessageState], drift: Drift, with_comments: bool
    ) -> None:
        self._tickets, self._place, self._drift = tickets, place, drift
        self._one: Conversation = tickets.desk.conversations[place]
        self._number = tickets.desk.numbers[place]
        self._ticket_id = tickets.ticket_id(place)
        self._messages = messages
        self._with_comments = with_comments
        self._seen = _Seen()

    def skip(self, events: list[Event]) -> None:
        for event in events:
            if event.kind not in ("message", "redact", "delete"):
                self._changes(event)

    def audit(self, first: int, events: list[Event]) -> dict[str, Any]:
        head = events[0]
        children: list[dict[str, Any]] = []
        kind = "Create" if first == 0 else "Change"
        if first == 0:
            children.append({"event_type": "Create", "subject": self._one.subject})
        for event in events:
            if event.kind == "message":
                children.append(self._comment(self._messages[event.message_id]))
            elif event.kind == "redact":
                children += self._redaction(event)
            elif event.kind == "delete":
                children.append({"event_type": "Change", "status": "deleted", "previous_value": self._seen.status})
            else:
                children += [{"event_type": kind, **change} for change in self._changes(event)]
        if self._drift.new_enum and self._number % 3 == 0:
            children.append({"event_type": "OrganizationActivity", "subject": "ticket"})
        start = ids.CHILDREN + self._number * 10_000 + first * _PER_EVENT
        for index, child in enumerate(children):
            child.setdefault("id", start + index)
        audit = {
            "id": ids.AUDITS + self._number * 1000 + first,
            "ticket_id": self._ticket_id,
            "timestamp": micros(shown_at(head)) // 1_000_000,
            "created_at": head.at,
            "updater_id": actor_of(head),
            "via": {"channel": VIA[self._one.channel], "source": {"from": {}, "to": {}, "rel": None}},
            "system": {},
            "event_type": "Audit",
            "child_events": children,
        }
        self._name_merge(audit, head)
        if self._drift.new_field:
            audit["workspace"] = {"revision": 1}
        return audit

    def _name_merge(self, audit: dict[str, Any], head: Event) -> None:
        """Say in an audit which tickets a merge joined, where the audit is part of one."""
        desk = self._tickets.desk
        own = desk.merge_of.get(self._place)
        if own is not None and own.at == head.at:
            joined = {"from": self._ticket_id, "to": self._tickets.ticket_id(own.survivor)}
        elif incoming := [merge for merge in desk.merges_into.get(self._place, ()) if merge.at == head.at]:
            losers = [self._tickets.ticket_id(merge.loser) for merge in incoming]
            joined = {"from": losers[0], "to": self._ticket_id}
            audit["merged_ticket_ids"] = losers
        else:
            return
        source = {side: {"ticket_id": ticket} for side, ticket in joined.items()}
        audit["via"] = {"channel": "api", "source": source | {"rel": "merge"}}

    def _comment(self, message: MessageState) -> dict[str, Any]:
        if not self._with_comments:
            return {
                "id": ids.zendesk_id(message.message_id),
                "event_type": "Comment",
                "comment_present": True,
                "comment_public": not message.is_internal,
            }
        return self._tickets.comment(self._place, message, self._drift) | {"event_type": "Comment"}

    def _redaction(self, event: Event) -> Iterable[dict[str, Any]]:
        """For each comment that a redaction concerns: that it was redacted, and the comment with its new text."""
        for message in self._messages.values():
            is_meant = event.message_id in ("", message.message_id) and message.sent_at <= event.at
            if is_meant:
                comment_id = ids.zendesk_id(message.message_id)
                yield {
                    "id": comment_id - ids.COMMENTS + ids.REDACTIONS,
                    "event_type": "Change",
                    "comment_redaction": True,
                    "comment_id": comment_id,
                }
                yield self._comment(message)

    def _changes(self, event: Event) -> list[dict[str, Any]]:
        """What an event changes in the ticket's fields, with the values before."""
        seen = self._seen
        match event.kind:
            case "status":
                return [self._set("status", "status", STATUS.get(event.value, event.value))]
            case "priority":
                return [self._set("priority", "priority", event.value)]
            case "topic":
                return [self._set("topic", f"custom_fields_{TOPIC}", event.value)]
            case "handoff":
                return [self._set("reason", f"custom_fields_{HANDOFF_REASON}", event.text)]
            case "rate":
                change = self._set("rating", "satisfaction_score", score(event.value))
                return [change | {"satisfaction_comment": event.text or None}]
            case "tag":
                return [{"tags": [event.value], "added_tags": [event.value], "removed_tags": []}]
            case "assign":
                assignee = ids.zendesk_id(event.value) if event.value else None
                changes = [self._set("assignee", "assignee_id", assignee)]
                group = self._tickets.groups[event.team] if event.team else seen.group
                if group != seen.group:
                    changes.append(self._set("group", "group_id", group))
                return changes
            case "merge":
                return [self._set("status", "status", "closed")]
        raise SourceError("event of an unknown kind", event.kind, "See Event in touchstone.sandbox.model.")

    def _set(self, name: str, field: str, value: Any) -> dict[str, Any]:
        before = getattr(self._seen, name)
        setattr(self._seen, name, value)
        return {field: value, "previous_value": before}


class MetricEvents:
    """The events of ticket metrics, in the order of their time."""

    def __init__(self, tickets: Tickets) -> None:
        rows: list[tuple[int, int, int, str, str, datetime]] = []
        for place, one in enumerate(tickets.desk.conversations):
            base = ids.METRIC_EVENTS + tickets.desk.numbers[place] * 1000
            for index, (metric, kind, at) in enumerate(_metric_events(one)):
                rows.append((seconds(at), base + index, place, metric, kind, at))
        rows.sort()
        self._rows = rows
        self.times = np.array([row[0] for row in rows], dtype=np.int64)
        self._tickets = tickets

    def render(self, first: int, last: int) -> list[dict[str, Any]]:
        return [
            {
                "id": event_id,
                "ticket_id": self._tickets.ticket_id(place),
                "metric": metric,
                "instance_id": 1,
                "type": kind,
                "time": at,
            }
            for _, event_id, place, metric, kind, at in self._rows[first:last]
        ]


def _metric_events(one: Conversation) -> list[tuple[str, str, datetime]]:
    """Reply time until the first public answer of a person, and the requester's wait until the solution."""
    events = [("reply_time", "activate", one.created_at), ("requester_wait_time", "activate", one.created_at)]
    is_waiting, is_answered = True, False
    for event in one.events:
        shown = shown_at(event)
        if event.kind == "message" and not is_answered and event.actor == "human_agent" and not event.is_internal:
            events.append(("reply_time", "fulfill", shown))
            is_answered = True
        elif event.kind == "status":
            waits = event.value in ("new", "open", "on_hold")
            if waits != is_waiting:
                fulfils = "fulfill" if event.value in ("solved", "closed") else "pause"
                events.append(("requester_wait_time", "activate" if waits else fulfils, shown))
                is_waiting = waits
    return events
