"""Cases and what belongs to them: comments, e-mails, transcripts of chats, and the history of status and owner.

A case that is merged goes into the recycling bin with the id of the one that is kept, and its parts move there; one that is
deleted takes its parts along.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import Any

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.calls import tainted
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.api.options import Drift
from touchstone.sandbox.api.salesforce_ids import (
    PARTS,
    PORTAL_USERS,
    PROCESS_USER,
    number_id,
    place_of,
    salesforce_id,
    transcript_lines,
)
from touchstone.sandbox.api.salesforce_records import Row, Table, stamp
from touchstone.sandbox.api.timeline import Timeline
from touchstone.sandbox.model import Company, Event
from touchstone.sandbox.state import ConversationState, MessageState, events_at, fold, shown_at

STATUSES = {
    "new": "New",
    "open": "Working",
    "pending": "Waiting on Customer",
    "on_hold": "On Hold",
    "solved": "Solved",
    "closed": "Closed",
}
ORIGINS = {"chat": "Chat", "email": "Email", "ticket": "Web", "voice": "Phone"}
PRIORITIES = {"low": "Low", "normal": "Medium", "high": "High", "urgent": "Critical"}
_REMEMBERED = 20_000
_COMMON = {"Id": "id", "IsDeleted": "boolean", "CreatedDate": "datetime", "SystemModstamp": "datetime"}


class Cases:
    """The cases of a desk, and their tables."""

    def __init__(self, company: Company, desk: Desk) -> None:
        self.desk = desk
        self._queues = {team: number_id("queue", place + 1) for place, team in enumerate(company.teams)}
        self._names = {one.customer_id: one.name for one in company.customers}
        self._addresses = {one.customer_id: one.emails[0] for one in company.customers}
        self._folded: dict[tuple[int, int], ConversationState] = {}
        self._moved = [self._moves(place) for place in range(len(desk))]

    def tables(self) -> Iterable[Table]:
        yield Table("Case", "case", _CASE, Timeline(self._case_changes()), self._case)
        yield self._history()
        yield from self._said()
        yield self._transcripts()

    # --- what cases are

    def state(self, place: int, now: datetime) -> ConversationState:
        """The conversation at a moment; the same between two changes."""
        key = (place, bisect_right(self.desk.moments[place], now))
        if key not in self._folded:
            if len(self._folded) > _REMEMBERED:
                self._folded.clear()
            self._folded[key] = fold(self.desk.conversations[place], now)
        return self._folded[key]

    def _moves(self, place: int) -> list[datetime]:
        """When the parts of a case move or are deleted."""
        moments = [shown_at(event) for event in self.desk.conversations[place].events if event.kind == "delete"]
        merge = self.desk.merge_of.get(place)
        seen = {place}
        while merge is not None and merge.survivor not in seen:
            seen.add(merge.survivor)
            moments.append(merge.at)
            survivor = self.desk.conversations[merge.survivor]
            moments += [shown_at(event) for event in survivor.events if event.kind == "delete"]
            merge = self.desk.merge_of.get(merge.survivor)
        return moments

    def _is_gone(self, place: int, now: datetime) -> bool:
        """Whether the parts of a case are deleted, where it was or where it went."""
        root = self.desk.survivor(place, now)
        return any(self.state(one, now).deleted_at is not None for one in {place, root})

    def _case_id(self, place: int) -> str:
        return salesforce_id(self.desk.conversations[place].conversation_id)

    def _parent(self, place: int, now: datetime) -> str:
        return self._case_id(self.desk.survivor(place, now))

    def _author(self, message: MessageState) -> str:
        """The user who wrote a message."""
        if not message.actor_id:
            return number_id("user", PROCESS_USER)
        number = ids.number(message.actor_id)
        return number_id("user", number + PORTAL_USERS if message.actor_id.startswith("cus") else number)

    def _case_changes(self) -> Iterable[tuple[int, list[datetime]]]:
        for place, moments in enumerate(self.desk.moments):
            yield self.desk.numbers[place], moments

    def _case(self, place: int, now: datetime, drift: Drift) -> Row:
        one, state = self.desk.conversations[place], self.state(place, now)
        number = self.desk.numbers[place]
        shown = events_at(one, now)
        is_scrubbed = any(event.kind == "redact" and not event.message_id for event in shown)
        subject = None if is_scrubbed else one.subject
        merge = self.desk.merge_of.get(place)
        master = merge is not None and merge.at <= now
        is_closed = state.status in ("solved", "closed")
        handoffs = [event.text for event in shown if event.kind == "handoff"]
        row = {
            "IsDeleted": master or state.deleted_at is not None,
            "MasterRecordId": self._case_id(merge.survivor) if master else None,
            "CaseNumber": f"{number:08d}",
            "ContactId": salesforce_id(one.customer_id),
            "AccountId": salesforce_id(one.account_id) if one.account_id else None,
            "OwnerId": self._owner(state),
            "Status": STATUSES[state.status],
            "IsClosed": is_closed,
            "Origin": ORIGINS[one.channel],
            "Priority": PRIORITIES.get(state.priority, state.priority),
            "Type": "Outage" if drift.new_enum and number % 7 == 0 else "Question",
            "Subject": tainted(subject or "", number) if drift.nul_and_surrogates else subject,
            "CreatedDate": stamp(one.created_at),
            "ClosedDate": stamp(state.solved_at) if is_closed else None,
            "LastModifiedDate": stamp(state.updated_at),
            "Topic__c": state.topic,
            "Product_Area__c": one.product_area,
            "Language__c": one.language,
            "Tags__c": ";".join(state.tags) or None,
            "CSAT__c": float(state.rating.value) if state.rating else None,
            "CSAT_At__c": stamp(state.rating.rated_at) if state.rating else None,
            "Handoff_Reason__c": handoffs[-1] if handoffs else None,
        }
        return row | ({"Sentiment__c": number % 100 / 100} if drift.new_field else {})

    def _owner(self, state: ConversationState) -> str:
        if state.assignee_id:
            return salesforce_id(state.assignee_id)
        return self._queues.get(state.team or "", next(iter(self._queues.values())))

    # --- what belongs to them

    def _said(self) -> Iterable[Table]:
        """Comments and e-mails."""
        places: dict[str, list[tuple[int, int, list[datetime]]]] = {"comment": [], "email": []}
        for place, one in enumerate(self.desk.conversations):
            redacted = [event for event in one.events if event.kind == "redact"]
            for event in one.events:
                if event.kind == "message" and (kind := _kind(event, one.channel)) in places:
                    own = [shown_at(other) for other in redacted if other.message_id in ("", event.message_id)]
                    ordinal = ids.message_numbers(event.message_id)[1]
                    moments = _from(shown_at(event), [*own, *self._moved[place]])
                    places[kind].append((self.desk.numbers[place] * PARTS + ordinal, place, moments))
        for found in places.values():
            found.sort(key=lambda entry: entry[0])
        yield self._comments(places["comment"])
        yield self._emails(places["email"])

    def _message(self, number: int, place: int, now: datetime) -> MessageState:
        wanted = number % PARTS
        for message in self.state(place, now).messages:
            if ids.message_numbers(message.message_id)[1] == wanted:
                return message
        raise AssertionError(f"message {wanted} of {self.desk.numbers[place]} is not there yet")

    def _comments(self, found: list[tuple[int, int, list[datetime]]]) -> Table:
        def row(place: int, now: datetime, drift: Drift) -> Row:
            number, case, _ = found[place]
            message = self._message(number, case, now)
            return {
                "IsDeleted": self._is_gone(case, now),
                "ParentId": self._parent(case, now),
                "IsPublished": not message.is_internal,
                "CommentBody": tainted(message.text, number // PARTS) if drift.nul_and_surrogates else message.text,
                "CreatedById": self._author(message),
                "CreatedDate": stamp(message.sent_at),
                "LastModifiedDate": stamp(message.redacted_at or message.sent_at),
            }

        return Table("CaseComment", "comment", _COMMENT, Timeline((one, own) for one, _, own in found), row)

    def _emails(self, found: list[tuple[int, int, list[datetime]]]) -> Table:
        def row(place: int, now: datetime, drift: Drift) -> Row:
            number, case, _ = found[place]
            message = self._message(number, case, now)
            is_incoming = message.actor == "customer"
            who = self._author(message)
            text = tainted(message.text, number // PARTS) if drift.nul_and_surrogates else message.text
            return {
                "IsDeleted": self._is_gone(case, now),
                "ParentId": self._parent(case, now),
                "Subject": self.desk.conversations[case].subject if message.redacted_at is None else None,
                "TextBody": text,
                "HtmlBody": message.html,
                "Incoming": is_incoming,
                "Status": "1" if is_incoming else "3",
                "FromAddress": self._addresses.get(message.actor_id) if is_incoming else "support@sandbox.example",
                "FromName": self._names.get(message.actor_id) if is_incoming else "Support",
                "CreatedById": number_id("user", PROCESS_USER) if is_incoming else who,
                "MessageDate": stamp(message.sent_at),
                "CreatedDate": stamp(message.sent_at),
                "LastModifiedDate": stamp(message.redacted_at or message.sent_at),
            }

        return Table("EmailMessage", "email", _EMAIL, Timeline((one, own) for one, _, own in found), row)

    def _transcripts(self) -> Table:
        found: list[tuple[int, int, list[datetime]]] = []
        for place, one in enumerate(self.desk.conversations):
            lines = [
                shown_at(event)
                for event in one.events
                if event.kind == "message" and _kind(event, one.channel) == "transcript"
            ]
            if lines:
                redacted = [shown_at(event) for event in one.events if event.kind == "redact"]
                moments = _from(min(lines), [*lines, *redacted, *self._moved[place]])
                found.append((self.desk.numbers[place] * PARTS, place, moments))

        def row(place: int, now: datetime, drift: Drift) -> Row:
            number, case, _ = found[place]
            one, state = self.desk.conversations[case], self.state(case, now)
            body = self._body(case, state)
            return {
                "IsDeleted": self._is_gone(case, now),
                "Name": f"{number // PARTS:08d}",
                "CaseId": self._parent(case, now),
                "ContactId": salesforce_id(one.customer_id),
                "AccountId": salesforce_id(one.account_id) if one.account_id else None,
                "OwnerId": self._owner(state),
                "Status": "Completed" if state.status in ("solved", "closed") else "InProgress",
                "Body": tainted(body, number // PARTS) if drift.nul_and_surrogates else body,
                "StartTime": stamp(one.created_at),
                "EndTime": stamp(state.solved_at),
                "CreatedDate": stamp(one.created_at),
                "LastModifiedDate": stamp(state.updated_at),
            }

        changes = Timeline((one, own) for one, _, own in found)
        return Table("LiveChatTranscript", "transcript", _TRANSCRIPT, changes, row)

    def _body(self, place: int, state: ConversationState) -> str:
        """A chat as HTML: who answered in headings, then what was said with the time since the start."""
        one = self.desk.conversations[place]
        lines = transcript_lines(one, state.messages)
        parts = [f'<p align="center">Chat Started: {one.created_at:%A, %B %d, %Y, %H:%M:%S} (+0000)</p>']
        parts.append('<p align="center">Chat Origin: Website</p>')
        heard: list[str] = []
        for message, offset, _ in lines:
            agent = self.desk.agents.get(message.actor_id)
            name = agent.name if agent else self._names.get(message.actor_id, "Visitor")
            if agent and name not in heard:
                heard.append(name)
                parts.append(f'<p align="center">Agent {escape(name)}</p>')
            text = escape(message.text).replace("\n", "<br>")
            parts.append(f"( {_offset(offset)} ) {escape(name)}: {text}<br>")
        return "".join(parts)

    def _history(self) -> Table:
        """Two rows for each change of owner, one with names and one with ids, as Salesforce tracks what looks up a record.

        The field is named after what gave the owner: a rule, whoever took the case, an escalation, or else a hand.
        """
        found: list[tuple[int, int, Row, datetime]] = []
        for place, one in enumerate(self.desk.conversations):
            status, owner = "new", next(iter(self._queues.values()))
            for index, event in enumerate(one.events):
                number = self.desk.numbers[place] * PARTS + index * 2
                if event.kind == "status":
                    change = {"Field": "Status", "OldValue": STATUSES[status], "NewValue": STATUSES[event.value]}
                    found.append((number, place, change | self._by(event), event.at))
                    status = event.value
                elif event.kind == "assign":
                    queue = self._queues.get(event.team, owner if owner in self._queues.values() else "")
                    new = salesforce_id(event.value) if event.value else queue or next(iter(self._queues.values()))
                    for step, (old_value, value) in enumerate(((self._name(owner), self._name(new)), (owner, new))):
                        change = {"Field": _owner_field(event), "OldValue": old_value, "NewValue": value}
                        found.append((number + step, place, change | self._by(event), event.at))
                    owner = new

        def row(place: int, now: datetime, drift: Drift) -> Row:
            _, case, change, moment = found[place]
            return {"IsDeleted": False, "CaseId": self._case_id(case), "CreatedDate": stamp(moment), **change}

        changes = Timeline((number, [moment]) for number, _, _, moment in found)
        return Table("CaseHistory", "history", _HISTORY, changes, row, stamp="CreatedDate")

    def _by(self, event: Event) -> dict[str, str]:
        number = ids.number(event.actor_id) if event.actor_id in self.desk.agents else PROCESS_USER
        return {"CreatedById": number_id("user", number)}

    def _name(self, owner: str) -> str:
        known = {number_id("user", ids.number(one.agent_id)): one.name for one in self.desk.agents.values()}
        known |= {queue: team for team, queue in self._queues.items()}
        return known[owner]


def _owner_field(event: Event) -> str:
    if event.actor == "system":
        return "ownerAssignment"
    if event.actor == "ai_agent":
        return "ownerEscalated"
    return "ownerAccepted" if event.actor_id == event.value else "Owner"


def _kind(event: Event, channel: str) -> str:
    said = MessageState(
        event.message_id, event.actor, event.actor_id, event.at, event.is_internal, event.text, event.html, None
    )
    return place_of(said, channel)


def _from(first: datetime, moments: list[datetime]) -> list[datetime]:
    return sorted({first, *(one for one in moments if one >= first)})


def _offset(seconds: int) -> str:
    """`1h 2m 3s`, without what is nought in front."""
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{hours}h " if hours else ""
    return text + (f"{minutes}m " if hours or minutes else "") + f"{seconds}s"


_CASE = _COMMON | {
    "MasterRecordId": "reference",
    "CaseNumber": "string",
    "ContactId": "reference",
    "AccountId": "reference",
    "OwnerId": "reference",
    "Status": "picklist",
    "IsClosed": "boolean",
    "Origin": "picklist",
    "Priority": "picklist",
    "Type": "picklist",
    "Subject": "string",
    "ClosedDate": "datetime",
    "LastModifiedDate": "datetime",
    "Topic__c": "picklist",
    "Product_Area__c": "picklist",
    "Language__c": "picklist",
    "Tags__c": "multipicklist",
    "CSAT__c": "double",
    "CSAT_At__c": "datetime",
    "Handoff_Reason__c": "textarea",
}
_COMMENT = _COMMON | {
    "ParentId": "reference",
    "IsPublished": "boolean",
    "CommentBody": "textarea",
    "CreatedById": "reference",
    "LastModifiedDate": "datetime",
}
_EMAIL = _COMMON | {
    "ParentId": "reference",
    "Subject": "string",
    "TextBody": "textarea",
    "HtmlBody": "textarea",
    "Incoming": "boolean",
    "Status": "picklist",
    "FromAddress": "email",
    "FromName": "string",
    "CreatedById": "reference",
    "MessageDate": "datetime",
    "LastModifiedDate": "datetime",
}
_TRANSCRIPT = _COMMON | {
    "Name": "string",
    "CaseId": "reference",
    "ContactId": "reference",
    "AccountId": "reference",
    "OwnerId": "reference",
    "Status": "picklist",
    "Body": "textarea",
    "StartTime": "datetime",
    "EndTime": "datetime",
    "LastModifiedDate": "datetime",
}
_HISTORY: dict[str, Any] = {name: kind for name, kind in _COMMON.items() if name != "SystemModstamp"} | {
    "CaseId": "reference",
    "Field": "picklist",
    "OldValue": "anyType",
    "NewValue": "anyType",
    "CreatedById": "reference",
}
