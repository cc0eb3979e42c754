"""Request Tracker 5: REST2 over the company's desk, with what a real one does to whoever reads it.

Lists give no more of a row than its id unless fields are named, in the order of creation unless another is asked, and the fields of
what a row refers to where they are asked one by one. An account is named by its name, unless its id is among the fields asked.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import numpy as np

from touchstone.sandbox.api import rt_ids
from touchstone.sandbox.api.calls import Answer, Call, Endpoint, Refusal, html, integer
from touchstone.sandbox.api.clock import moment_of
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.api.limits import Limit
from touchstone.sandbox.api.options import SandboxOptions
from touchstone.sandbox.api.rt_ledger import PARTS, Ledger, Transaction
from touchstone.sandbox.api.rt_records import Records
from touchstone.sandbox.api.rt_search import Condition, from_json, from_sql, refused, time_fits
from touchstone.sandbox.model import Company
from touchstone.sandbox.state import fold

REST = "/REST/2.0"
MOST = 100
DEFAULT = 20
_COLUMN = "%Y-%m-%d %H:%M:%S"
Row = dict[str, Any]


class RequestTracker:
    """The company's Request Tracker."""

    prefix = "/rt"

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        self._desk = Desk(company, "zendesk")
        self._ledger = Ledger(company, self._desk)
        self._records = Records(company, self._desk, self._ledger)

    def endpoints(self) -> list[Endpoint]:
        table = {
            "rt": ("rt", self.version),
            "transactions": ("transactions", self.transactions),
            "tickets": ("tickets", self.tickets),
            "ticket": ("ticket/{id:int}", self.ticket),
            "history": ("ticket/{id:int}/history", self.history),
            "attachments": ("attachments", self.attachments),
            "attachment": ("attachment/{id:int}", self.attachment),
            "users": ("users", self.users),
            "queues": ("queues", self.queues),
            "groups": ("groups", self.groups),
            "members": ("group/{id:int}/members", self.members),
        }
        return [Endpoint(f"rt.{name}", "GET", f"{REST}/{path}", handler) for name, (path, handler) in table.items()]

    # --- manners

    def authorise(self, call: Call) -> None:
        known = call.credentials.rt
        scheme, _, given = call.headers.get("authorization", "").partition(" ")
        if call.basic() != (known.user, known.password) and (scheme.lower(), given) != ("token", known.token):
            raise Refusal(Answer({"message": "Unauthorized"}, 401))

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer:
        """Of a proxy in front of it: RT has no limit of its own."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return Answer({"message": "Too Many Requests"}, 429, headers)

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        return {}

    def failure(self, status: int) -> Answer:
        return Answer({"message": "Internal Server Error"}, status)

    def unknown(self, path: str) -> Answer:
        return Answer({"message": "Not Found"}, 404)

    def version(self, call: Call) -> Answer:
        return Answer({"Version": "5.0.3", "Plugins": []})

    # --- lists

    def transactions(self, call: Call) -> Answer:
        """Of everything that has shown by now; `query` in either language."""
        conditions = self._conditions(call, ("id", "ObjectType"))
        ranks = np.flatnonzero(self._shown(call) <= call.micros)
        for one in conditions:
            if one.field == "id":
                fits = _holding(self._ledger.ids[ranks], one)
            elif one.field == "Created":
                moment = datetime.strptime(f"{one.value}+0000", f"{_COLUMN}%z")
                fits = _holding(self._ledger.at[ranks] // 1_000_000, Condition("", one.operator, moment.timestamp()))
            elif one.field == "ObjectType":
                fits = np.full(len(ranks), one.holds("RT::Ticket"))
            else:
                raise refused(f"Unknown field: {one.field}")
            ranks = ranks[fits]
        if call.query.get("orderby") != "id":
            ranks = ranks[np.argsort(self._ledger.at[ranks], kind="stable")]
        elif call.query.get("order", "ASC").upper() == "DESC":
            ranks = ranks[::-1]
        return self._page(
            call, ranks.tolist(), lambda rank: self._records.transaction(self._ledger.rows[rank]), "transaction"
        )

    def tickets(self, call: Call) -> Answer:
        """By RT's own language; what is deleted or merged away is never found."""
        joiner, conditions = from_sql(call.query.get("query", ""), ("id", "Status", "LastUpdated"))
        named = [int(one.value) for one in conditions if one.field == "id" and one.operator == "="]
        if joiner == "OR" and len(named) == len(conditions):
            places = sorted({place for one in named if (place := self._place(one, call.now)) is not None})
        else:
            places = [place for place, one in enumerate(self._desk.conversations) if one.created_at <= call.now]
        found = []
        for place in places:
            state = fold(self._desk.conversations[place], call.now)
            if state.deleted_at is not None or state.merged_into is not None:
                continue
            record = {"id": self._records.ticket_id(place), "LastUpdated": state.stated_at}
            fits = [
                time_fits(one, record["LastUpdated"], call.traps.rt_zone_hours)
                if one.field == "LastUpdated"
                else one.field == "Status" or one.holds(record["id"])
                for one in conditions
            ]
            if (any if joiner == "OR" else all)(fits):
                found.append(place)
        return self._page(call, found, lambda place: self._ticket(place, call), "ticket")

    def attachments(self, call: Call) -> Answer:
        """By ids of their transactions or their own, in JSON; a part's content is text here, and base64 by itself."""
        if "Parent" in call.query.get("fields", "").split(","):
            raise Refusal(self.failure(500))
        conditions = from_json(call.query.get("query", "[]"))
        wanted: set[int] = set()
        for one in conditions:
            if one.field in ("TransactionId", "id") and one.operator == "IN":
                wanted |= {int(value) // (PARTS if one.field == "id" else 1) for value in one.value}
        found: list[Row] = []
        for transaction_id in sorted(wanted):
            rank = self._ledger.rank(transaction_id)
            if rank is not None and self._shown(call)[rank] <= call.micros:
                row = self._ledger.rows[rank]
                found += self._records.attachments(row, call.now, call.traps.drift)
        fitting = [row for row in found if all(one.holds(row[one.field]) for one in conditions)]
        return self._page(call, fitting, lambda row: row, "attachment")

    def users(self, call: Call) -> Answer:
        conditions = from_json(call.query.get("query", "[]"))
        found = []
        for user_id, record in sorted(self._records.users.items()):
            columns = {**record, "id": user_id, "LastUpdated": record["LastUpdated"].strftime(_COLUMN)}
            if record["Created"] <= call.now and all(one.holds(columns[one.field]) for one in conditions):
                found.append(record)
        if call.query.get("orderby") == "LastUpdated":
            is_last_first = call.query.get("order", "ASC").upper() == "DESC"
            found.sort(key=lambda record: record["LastUpdated"], reverse=is_last_first)
        return self._page(call, found, lambda record: record, "user")

    def queues(self, call: Call) -> Answer:
        conditions = from_json(call.query.get("query", "[]"))
        found = [row for row in self._records.queues().values() if all(one.holds(row[one.field]) for one in conditions)]
        return self._page(call, sorted(found, key=lambda row: row["id"]), lambda row: row, "queue")

    def groups(self, call: Call) -> Answer:
        known = {3: "Everyone", rt_ids.PRIVILEGED: "Privileged", 5: "Unprivileged"}
        rows = [{"id": key, "Name": name, "Domain": "SystemInternal"} for key, name in known.items()]
        conditions = from_json(call.query.get("query", "[]"))
        found = [row for row in rows if all(one.holds(row[one.field]) for one in conditions)]
        return self._page(call, found, lambda row: row, "group")

    def members(self, call: Call) -> Answer:
        """The accounts of a group, which lists of groups name by their ids."""
        if call.path["id"] != rt_ids.PRIVILEGED:
            return self.unknown("")
        found = [one for one in self._records.staff if self._records.users[one]["Created"] <= call.now]
        return self._page(call, found, lambda user_id: {"id": user_id}, "user")

    # --- single things

    def ticket(self, call: Call) -> Answer:
        """The ticket of an id: what it was merged into is shown in its place, under the other id."""
        if call.path["id"] in call.traps.html_403_for_ids:
            return html(403)
        if call.path["id"] in call.traps.html_404_for_ids:
            return html(404)
        place = self._place(call.path["id"], call.now)
        if place is None:
            return self.unknown("")
        record = self._ticket(self._desk.survivor(place, call.now), call)
        shown = {name: self._shape(call, name, value, "") for name, value in record.items()}
        # one by one a ticket says no more of its requestors than their names
        shown["Requestor"] = [self._shape(call, "", one, "") for one in record["Requestor"]]
        effective = record["EffectiveId"]
        shown["EffectiveId"] = {"type": "ticket", "id": effective, "_url": call.url(f"{REST}/ticket/{effective}")}
        return Answer(
            {**shown, "_hyperlinks": [{"ref": "history", "_url": call.url(f"{REST}/ticket/{record['id']}/history")}]}
        )

    def history(self, call: Call) -> Answer:
        """All that happened to a ticket, and to whatever was merged into it or with it."""
        place = self._place(call.path["id"], call.now)
        if place is None:
            return self.unknown("")
        root = self._desk.survivor(place, call.now)
        family = [*self._desk.absorbed(root, call.now), root]
        ranks = [
            rank for one in family for rank in self._ledger.of_ticket[one] if self._shown(call)[rank] <= call.micros
        ]
        by_id = call.query.get("orderby") == "id"
        ranks.sort(key=lambda rank: rank if by_id else (self._ledger.at[rank], rank))
        return self._page(call, ranks, lambda rank: self._records.transaction(self._ledger.rows[rank]), "transaction")

    def attachment(self, call: Call) -> Answer:
        rank = self._ledger.rank(call.path["id"] // PARTS)
        if rank is None:
            return self.failure(500)
        row: Transaction = self._ledger.rows[rank]
        for part in self._records.attachments(row, call.now, call.traps.drift):
            if part["id"] == call.path["id"]:
                content = base64.b64encode(part["Content"].encode()).decode()
                return Answer(
                    {**{name: value for name, value in part.items() if name != "Creator"}, "Content": content}
                )
        return self.failure(500)

    # --- shape

    def _place(self, ticket_id: int, now: datetime) -> int | None:
        place = self._desk.place(ticket_id - rt_ids.TICKETS)
        return place if place is not None and self._desk.conversations[place].created_at <= now else None

    def _ticket(self, place: int, call: Call) -> Row:
        return self._records.ticket(place, call.now, call.traps.drift)

    def _shown(self, call: Call) -> np.ndarray:
        """When each transaction shows; of some the end comes late, and those after it show before."""
        late = call.traps.rt_late_commit_seconds
        if not late:
            return self._ledger.shown
        return self._ledger.shown + np.where(self._ledger.ids % 4 == 1, late * 1_000_000, 0)

    def _conditions(self, call: Call, fields: tuple[str, ...]) -> list[Condition]:
        query = call.query.get("query", "")
        if query.lstrip().startswith("["):
            return from_json(query)
        joiner, found = from_sql(query, fields)
        if joiner == "OR":
            raise refused(f"OR: {query}")
        return found

    def _page(self, call: Call, found: list[Any], render: Callable[[Any], Row], kind: str) -> Answer:
        size = integer(call, "per_page") or DEFAULT
        size = min(size, MOST)
        number = max(integer(call, "page") or 1, 1)
        shown = found[(number - 1) * size : number * size]
        answer: dict[str, Any] = {
            "count": len(shown),
            "page": number,
            "per_page": size,
            "items": [self._item(call, render(one), kind) for one in shown],
        }
        # to an account that may not see everything RT does not count
        sees_all = call.credentials.rt.sees_all
        answer |= {
            "total": len(found) if sees_all else None,
            "pages": math.ceil(len(found) / size) if sees_all else None,
        }
        if sees_all and number < answer["pages"]:
            rest = {name: value for name, value in call.query.items() if name != "page"}
            answer["next_page"] = call.url(call.request.url.path.removeprefix(call.prefix), **rest, page=number + 1)
        return Answer(answer)

    def _item(self, call: Call, record: Row, kind: str) -> Row:
        asked = [name for name in call.query.get("fields", "").split(",") if name]
        named = record.get("Name") if kind == "user" else None
        item: Row = {
            "type": kind,
            "id": named or str(record["id"]),
            "_url": call.url(f"{REST}/{kind}/{named or record['id']}"),
        }
        for name in asked:
            item[name] = self._shape(call, name, record.get(name, ""), name)
        if call.endpoint.name == "rt.members":
            item["id"] = record["id"]
        return item

    def _shape(self, call: Call, name: str, value: Any, expanded: str) -> Any:
        """A value as it is shown: references with the fields that were asked of them."""
        if isinstance(value, datetime):
            return moment_of(0) if value.year == 1970 else value
        if isinstance(value, list) and value and isinstance(value[0], tuple):
            return [self._shape(call, name, one, expanded) for one in value]
        if not isinstance(value, tuple):
            return value
        kind, key, own_name = value
        shown: Row = {
            "type": kind,
            "id": own_name if kind == "user" else str(key),
            "_url": call.url(f"{REST}/{kind}/{own_name}"),
        }
        for field in _fields(call.query.get(f"fields[{name}]", "")):
            shown[field] = {"id": key, "Name": own_name}.get(field, "")
        return shown


def _fields(stated: str) -> Iterable[str]:
    return [one for one in stated.split(",") if one]


def _holding(values: np.ndarray, condition: Condition) -> np.ndarray:
    wanted = int(condition.value)
    return {
        "=": values == wanted,
        "<": values < wanted,
        "<=": values <= wanted,
        ">": values > wanted,
        ">=": values >= wanted,
    }[condition.operator]
