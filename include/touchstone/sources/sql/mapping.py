"""Rows of a mapped table become records in the vocabulary of the conversation file, or are refused with a reason of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from touchstone.sources.characters import storable
from touchstone.sources.http.streams import Placed
from touchstone.sources.reasons import Refused, kept_payload
from touchstone.sources.rules import field_rule
from touchstone.sources.schema import CONVERSATION_FIELDS
from touchstone.sources.sql.database import CURSOR
from touchstone.sources.sql.kinds import KINDS
from touchstone.sources.sql.source import Column, Table, text_of
from touchstone.sources.sql.values import at_path, binary, converted, plain, row_id
from touchstone.sources.validate import Checker, Ties

CONVERSATION = "#conversation"
"""Stands for a conversation's own row among the ids of what was refused."""
WITHOUT_ID = "#no-id/"
"""Begins the id, behind the prefix, of what marks a conversation some of whose rows have no id."""
_RAW = "raw"
Refusal = tuple[str, str, str, str, str]  # stream, code, reason, remedy, piece: see `streams.Page.refused`


class Mapper:
    """The mapping of one table.

    Attributes:
        replaced_characters: How many U+FFFD stand for what PostgreSQL cannot hold.
    """

    def __init__(self, entry: Table, zone: ZoneInfo | None, now: datetime) -> None:
        self.entry = entry
        self.kind = KINDS[entry.kind]
        self.replaced_characters = 0
        self._zone = zone
        self._checker = Checker(None, now)
        latest = self._checker.latest
        # what names a record of another table is written as its id is
        self._kinds = {
            one.name: "id" if one.name.endswith("_id") or one.name == "merged_into" else one.kind
            for one in self.kind.fields
        }
        self._rules = {one.name: field_rule(one, latest, latest) for one in self.kind.fields}
        self._mapped = {entry.id, CURSOR, *entry.leave_out} | {
            name for column in entry.fields.values() if column.path is None for name in column.column
        }

    def records(self, rows: list[dict[str, Any]]) -> tuple[list[Placed], list[Refusal]]:
        """The records of rows, and what is refused of them.

        A message or conversation that is refused leaves a record with the reason's code behind, by which its conversation counts
        as incomplete until the row is corrected.
        """
        records: list[Placed] = []
        refused: list[Refusal] = []
        for row in rows:
            try:
                records.append(self.record(row))
            except Refused as refusal:
                refused.append(self.refusal(row, refusal))
                if mark := self.mark(row, refusal):
                    records.append(mark)
        return records, refused

    def refusal(self, row: dict[str, Any], refusal: Refused) -> Refusal:
        """What the quarantine is to say of a row, without the columns that are left out."""
        own = {self.entry.id: binary(row.get(self.entry.id))}
        kept = {name: value for name, value in row.items() if name != CURSOR and name not in self.entry.leave_out}
        piece = kept_payload({name: plain(own.get(name, value)) for name, value in kept.items()})
        where = f"of {self.entry.table or 'the query'} with {self.entry.id} {plain(own[self.entry.id])!r}"
        remedy = _REMEDIES.get(refusal.code, refusal.remedy)
        return (self.kind.name, refusal.code, f"{where}: {refusal.reason}", remedy, piece)

    def record(self, row: dict[str, Any]) -> Placed:
        """One record.

        Raises:
            Refused: A field is missing, or holds what it cannot.
        """
        own_id = row_id(row[self.entry.id])
        stated = self._stated(row, own_id)
        match self.kind.name:
            case "conversations":
                payload = self._conversation(stated)
            case "messages":
                payload = self._message(stated, row[self.entry.id])
            case _:
                payload = self._checked(stated)
        raw = {name: plain(value) for name, value in row.items() if name not in self._mapped and value is not None}
        if raw:
            payload[_RAW], count = storable(raw)
            self.replaced_characters += count
        owner = payload.get(self.kind.owner) if self.kind.owner else None
        return Placed(payload, self.entry.id_prefix + own_id, owner)

    def tombstone(self, held_id: str, held: dict[str, Any], now: datetime) -> Placed:
        """What stays of a record whose row is gone: its ids; of a conversation also its times, which place it."""
        names = ("interaction_id", "message_id", "customer_id", "account_id", "event_id", "started_at", "closed_at")
        kept = {name: held[name] for name in names if name in held}
        if self.kind.name == "conversations":
            kept["deleted_at"] = now.isoformat()
        return Placed({**kept, "archived": True}, held_id, held.get(self.kind.owner) if self.kind.owner else None)

    # --- values

    def _stated(self, row: dict[str, Any], own_id: str | None) -> dict[str, Any]:
        stated: dict[str, Any] = {}
        for name, column in self.entry.fields.items():
            value = converted(_value(column, row), self._kinds[name], self._zone, column.unit)
            if value is not None:
                stated[name], count = storable(value)
                self.replaced_characters += count
        if self.kind.own_id and own_id is not None:
            stated.setdefault(self.kind.own_id, self.entry.id_prefix + own_id)
        return stated

    def _checked(self, stated: dict[str, Any]) -> dict[str, Any]:
        payload = {name: stored for name, value in stated.items() if (stored := self._rules[name](value)) is not None}
        for name in self.kind.required:
            if not payload.get(name) and payload.get(name) != 0:
                raise Refused("interaction_id_missing" if name == "interaction_id" else "field_missing", name)
        if payload.pop("deleted_at", None):
            payload["archived"] = True
        self._checker.consistent(payload)
        return payload

    def _conversation(self, stated: dict[str, Any]) -> dict[str, Any]:
        merged_into = self._rules["merged_into"](stated.pop("merged_into", ""))
        payload = self._checker.document({**stated, "messages": []}).header
        return {**payload, "merged_into": merged_into} if merged_into else payload

    def _message(self, stated: dict[str, Any], number: Any) -> dict[str, Any]:
        deleted_at = self._rules["deleted_at"](stated.pop("deleted_at", ""))
        position = self._rules["position"](stated.pop("position", number if type(number) is int else 0))
        checked = self._checker.row(stated, 0, Ties())
        payload = {**checked.message, "position": position}
        header = {name: value for name, value in checked.header.items() if name in _OF_A_CONVERSATION}
        if header:
            payload["conversation"] = header
        if deleted_at:
            payload["archived"] = True
        return payload

    def mark(self, row: dict[str, Any], refusal: Refused) -> Placed | None:
        """What marks the conversation of a refused row as incomplete; None where it is not known, or does not need it."""
        if self.kind.name not in ("conversations", "messages"):
            return None
        number = row[self.entry.id]
        own_id = None if number is None else row_id(number)
        stated = self._stated(row, own_id)
        try:
            interaction_id = self._rules["interaction_id"](stated.get("interaction_id"))
        except Refused:
            return None
        if not interaction_id:
            return None
        if own_id is None:
            own_id = f"{WITHOUT_ID}{interaction_id}"
        message_id = CONVERSATION if self.kind.name == "conversations" else own_id
        payload = {"interaction_id": interaction_id, "refused": refusal.code, "message_id": message_id}
        return Placed(payload, self.entry.id_prefix + own_id, interaction_id)


_VALUES = "Say under `values:` of the field what it means."
_REMEDIES = {
    "time_without_zone": "Set `time_zone:` of the instance.",
    "time_not_a_string": "Give the field a `unit:`, such as seconds.",
    "actor_unknown": _VALUES,
    "channel_unknown": _VALUES,
    "status_unknown": _VALUES,
    "text_missing": "Give the field a `default:`, such as an empty text.",
}
_OF_A_CONVERSATION = {one.name for one in CONVERSATION_FIELDS} - {"interaction_id"}


def _value(column: Column, row: dict[str, Any]) -> Any:
    """What a row says of a field, in the source's own type unless `values` gives it another meaning."""
    if not column.column:
        return column.constant
    found = None
    for name in column.column:
        found = row[name] if column.path is None else at_path(row[name], column.path)
        if found is not None:
            break
    if found is None:
        return column.default
    if column.values is not None:
        return column.values.get(text_of(plain(found)), found if column.default is None else column.default)
    return found
