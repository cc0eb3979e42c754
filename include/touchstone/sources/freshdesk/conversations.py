"""What was written in Freshdesk's tickets: replies and notes, page after page, whenever their ticket changed.

A ticket's own list is all that tells of them. Which tickets changed is known by what landed, not by a date of theirs: a run that
ends between a ticket and its conversations reads them next time.
"""

from __future__ import annotations

from collections.abc import Iterator

from touchstone.sources.freshdesk.tickets import MOVED, PATH, PER_PAGE
from touchstone.sources.http.streams import Context, Page, Record, State, Stream

TOGETHER = 25


def stream() -> Stream:
    """The walk over conversations; it comes after those of tickets. A backfill leaves them to the next run."""
    return Stream("conversations", _walk)


def _walk(context: Context, state: State) -> Iterator[Page]:
    """All that was written in the tickets of each load since the last one whose were read.

    Its state:
        ticket_load: That load of tickets.
        after: Last ticket of the next load that is done, where a run was stopped within it.
    """
    load_id = int(state.get("ticket_load", 0))
    after = state.get("after", "")
    while (found := context.rows.changed("tickets", load_id)) is not None:
        following, tickets = found
        wanted = [one for one, ticket in tickets if one > after and not _is_hidden(ticket)]
        for start in range(0, len(wanted), TOGETHER):
            group = wanted[start : start + TOGETHER]
            yield _whole(context, group, {"ticket_load": load_id, "after": group[-1]})
        load_id, after = following, ""
        yield Page({}, {"ticket_load": load_id})


def _is_hidden(ticket: Record) -> bool:
    """Whether what was written in a ticket is not shown, and stays as it is held."""
    return ticket.get("deleted") is True or ticket.get("archived") is True


def _whole(context: Context, tickets: list[str], state: State) -> Page:
    """The conversations of some tickets, each stated in full."""
    page = Page({"conversations": []}, state, {"conversations": set()})
    for one in tickets:
        records = _conversations(context, one)
        if records is None:
            context.skip("tickets whose conversations are not to be seen")
            continue
        page.records["conversations"] += records
        page.replaced["conversations"].add(one)
    return page


def _conversations(context: Context, ticket: str) -> list[Record] | None:
    """All of a ticket's conversations; None where it was deleted meanwhile, or is not to be seen."""
    records: list[Record] = []
    number = 1
    while True:
        path = f"{PATH}/{ticket}/conversations"
        # what stands in the way of an answer may speak HTML: the status says it all
        found, following = context.api.page(path, {"per_page": PER_PAGE, "page": number}, absent=(MOVED, 403, 404))
        if found is None:
            return None
        # whose they are is known by the address that was asked
        records += [{**record, "ticket_id": record.get("ticket_id") or int(ticket)} for record in found]
        if following is None:
            return records
        number += 1
