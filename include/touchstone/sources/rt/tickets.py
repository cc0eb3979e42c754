"""Tickets as they stand, each read once in a run: after everything that happened to it has landed.

A search finds neither a deleted ticket nor one that was merged into another, whatever it is asked. What it does not find is asked
for by its id, and then a merged ticket's id gives the ticket that it went into, under that one's id.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from touchstone.sources.http.streams import Context, Page, Record, State
from touchstone.sources.rt.lists import PER_PAGE, PERSON, REST, by_id, conditions, moment_of, text_id
from touchstone.sources.rt.messages import MESSAGES, texts

FIELDS = (
    "Subject",
    "Status",
    "Queue",
    "Owner",
    "Creator",
    "Requestor",
    "Priority",
    "Type",
    "EffectiveId",
    "CustomFields",
    "Created",
    "Started",
    "Resolved",
    "Told",
    "LastUpdated",
)
TRANSACTION_FIELDS = "Type,Field,OldValue,NewValue,OldReference,NewReference,ReferenceType,Data,Creator,Created,ObjectType,ObjectId,TimeTaken"
_EXPANDED = {"fields[Queue]": PERSON, "fields[Owner]": PERSON, "fields[Creator]": PERSON, "fields[Requestor]": PERSON}


def walk(context: Context, state: State) -> Iterator[Page]:
    """The tickets of all transactions that landed since, a hundred at a time.

    A ticket from before the instance's start lands with its past, which names what was merged into it: that is read too.

    Its state:
        ticket_load: The load of transactions up to which their tickets have been read.
    """
    load_id = int(state.get("ticket_load", 0))
    done: set[str] = set()
    wanted: dict[str, None] = {}
    is_over = False
    while not is_over:
        found = context.rows.changed("transactions", load_id)
        if found is None:
            is_over = True
        else:
            load_id, transactions = found
            named = (text_id(one.get("ObjectId")) for _, one in transactions if _is_asked(context, one))
            wanted |= dict.fromkeys(one for one in named if one and one not in done)
        if len(wanted) >= PER_PAGE or (is_over and wanted):
            batch = list(wanted)
            wanted = {}
            done.update(batch)
            last = len(batch) - 1
            for place in range(0, len(batch), PER_PAGE):
                records = _read(context, batch[place : place + PER_PAGE])
                yield Page(records, {"ticket_load": load_id} if place + PER_PAGE > last else None)
            is_over = False  # a past that landed with them may name others
        elif is_over:
            yield Page({}, {"ticket_load": load_id})


def _is_asked(context: Context, transaction: Record) -> bool:
    """Whether a transaction's ticket is to be read: a backfill reads those of its days."""
    interval = context.window.interval
    if interval is None:
        return True
    created = moment_of(transaction.get("Created"))
    return created is not None and interval[0] <= created.astimezone(UTC).date() <= interval[1]


def _read(context: Context, ids: list[str]) -> dict[str, list[Any]]:
    """Tickets as they stand, with the past of those that are older than the start."""
    tickets = _found(context, ids)
    for missing in [one for one in ids if one not in tickets]:
        record = _asked(context, missing)
        if record is not None:
            tickets[missing] = record
    records: dict[str, list[Any]] = {"tickets": list(tickets.values())}
    older = [one for one, record in tickets.items() if _is_older(context, record)]
    past = [transaction for one in _without_past(context, older) for transaction in history(context, one)]
    if past:
        records["transactions"] = past
        records["attachments"] = texts(context.api, said_in(past))
    return records


def _found(context: Context, ids: list[str]) -> dict[str, Record]:
    def query(after: int) -> str:
        return " OR ".join(f"id = {one}" for one in ids if int(one) > after) or "id = 0"

    pages = by_id(context.api, "/tickets", query, fields=",".join(("id", *FIELDS)), **_EXPANDED)
    return {str(record["id"]): _plain(record) for page in pages for record in page.records}


def _plain(record: Record) -> Record:
    """A ticket in one shape, however it was asked for."""
    kept = {name: record[name] for name in FIELDS if name in record}
    return {"id": str(record["id"]), **kept, "EffectiveId": text_id(record.get("EffectiveId"))}


def _asked(context: Context, ticket_id: str) -> Record | None:
    """A ticket that no search finds: deleted, merged, or of a kind that searches leave out."""
    expanded = {name: fields for name, fields in _EXPANDED.items() if name != "fields[Requestor]"}
    answer = context.api.get(f"{REST}/ticket/{ticket_id}", expanded, absent=(403, 404))
    if answer is None:
        context.skip("tickets that RT does not show")
        return None
    if str(answer["id"]) != ticket_id:
        # what was merged away says no more of itself than what is held of it
        held = context.rows.payloads("tickets", [ticket_id]).get(ticket_id, {"id": ticket_id, "Type": "ticket"})
        return held | {"EffectiveId": str(answer["id"])}
    return _with_requestors(context, _plain(answer))


def _with_requestors(context: Context, record: Record) -> Record:
    """A single ticket names people by their names, where a list states their ids."""
    named = [one for one in record.get("Requestor") or [] if isinstance(one, dict) and one.get("type") == "user"]
    names = [str(one["id"]) for one in named]
    if not names:
        return record
    query = conditions(("Name", "IN", names))
    asked = {"query": query, "fields": PERSON, "find_disabled_rows": 1, "per_page": PER_PAGE}
    ids = {str(one["Name"]): one["id"] for one in context.api.get(f"{REST}/users", asked)["items"]}
    return record | {
        "Requestor": [
            {**one, "id": ids.get(name, one["id"]), "Name": name} for one, name in zip(named, names, strict=True)
        ]
    }


# --- before the start


def _is_older(context: Context, record: Record) -> bool:
    """Whether it began before the start; of one that was merged away unseen nothing is known but its past."""
    created = moment_of(record.get("Created"))
    return created is None or created < context.window.start


def _without_past(context: Context, ids: list[str]) -> list[str]:
    """Those of which the transaction that made them is not held."""
    if not ids:
        return []
    held = context.rows.payloads("transactions", context.rows.ids("transactions", ids))
    whole = {str(one.get("ObjectId")) for one in held.values() if one.get("Type") == "Create"}
    return [one for one in ids if one not in whole]


def history(context: Context, ticket_id: str) -> list[Record]:
    """All that ever happened to a ticket, and to what was merged into it; page by page, since it takes no search."""
    found: dict[str, Record] = {}
    page = 1
    while True:
        asked = {"orderby": "id", "order": "ASC", "per_page": PER_PAGE, "page": page, "fields": TRANSACTION_FIELDS}
        answer = context.api.get(
            f"{REST}/ticket/{ticket_id}/history", asked | {"fields[Creator]": PERSON}, absent=(403, 404)
        )
        records = [] if answer is None else answer["items"]
        fresh = {str(one["id"]): one for one in records if str(one["id"]) not in found}
        found |= fresh
        if not fresh or (answer.get("pages") is not None and page >= int(answer["pages"])):
            return list(found.values())
        page += 1


def said_in(transactions: list[Record]) -> dict[str, str]:
    """The ticket of each transaction in which somebody wrote, by the id of the transaction."""
    return {
        str(one["id"]): ticket_id for one in transactions if one.get("Type") in MESSAGES and (ticket_id := placed(one))
    }


def placed(transaction: Record) -> str | None:
    """The ticket that a transaction belongs to, None for one of another object."""
    return text_id(transaction.get("ObjectId")) if transaction.get("ObjectType") == "RT::Ticket" else None
