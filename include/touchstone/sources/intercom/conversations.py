"""Intercom's conversations: a search says which ones moved, and each of those is read with all its parts.

A part's own time says nothing of when it can be read, so no part is left out by it: a conversation whose `updated_at` moved is
read whole, and lands in one transaction with its parts. Parts are never taken away by a later reading, since an answer holds
the newest 500 only. A deleted conversation is simply gone: whatever is held and no longer found is asked for by its id.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from touchstone.sources.http.faults import RequestRefused
from touchstone.sources.http.streams import Context, Page, Placed, Record, State, Stream, Window
from touchstone.sources.intercom.searches import newest, searched, updated_at
from touchstone.sources.intercom.source import Intercom

PATH = "/conversations"
SEARCH = "/conversations/search"
MARGIN = int(timedelta(minutes=15).total_seconds())
TOGETHER = 20
PLAIN = {"display_as": "plaintext"}
# neither text nor person: what a deleted conversation is still counted by
_KEPT = ("type", "id", "created_at", "updated_at", "open", "state", "priority", "statistics", "ai_agent_participated")


def stream() -> Stream:
    """The walk over all conversations."""
    return Stream("conversations", lambda context, state: _Walk(context, state).pages(), backfill=_interval)


def _interval(window: Window) -> State:
    """A backfill reads what was last updated within the interval."""
    first, last = window.interval
    return {"from": _midnight(first), "until": _midnight(last + timedelta(days=1))}


def _midnight(day: Any) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def is_due(context: Context, state: State, name: str = "reconciled") -> bool:
    """Whether all ids are to be compared with what is held; the last time is a second by the run's present."""
    last = state.get(name)
    days = context.source.options(Intercom).reconcile_days
    return last is None or context.window.now.timestamp() - last >= days * 86_400


def read(context: Context, conversation_id: str) -> Record | None:
    """A conversation with its newest parts, in plain text; None where it is gone."""
    return context.api.get(f"{PATH}/{conversation_id}", PLAIN, absent=(404,))


def rows(conversation: Record) -> dict[str, list[Any]]:
    """What lands of a conversation that was read: itself, and its parts."""
    own = str(conversation["id"])
    stated = conversation.get("conversation_parts") or {}
    alone = {
        **conversation,
        "conversation_parts": {name: value for name, value in stated.items() if name != "conversation_parts"},
    }
    parts = [
        Placed(part, f"{own}:{part['id']}" if part.get("id") else None, own) if isinstance(part, dict) else part
        for part in stated.get("conversation_parts") or ()
    ]
    return {"conversations": [alone], "conversation_parts": parts}


def together(found: list[dict[str, list[Any]]]) -> dict[str, list[Any]]:
    """The rows of several conversations."""
    return {name: [row for one in found for row in one[name]] for name in ("conversations", "conversation_parts")}


class _Walk:
    """One walk: what moved since the last one, or all of it where that is due; then what is no longer there.

    Its state:
        since: Second from which on something may have moved unseen, by the API's own time.
        reconciled: When all ids were last compared with what is held.
        after: Cursor of the page of a whole reading that comes next, while one is under way.
        from, until: A backfill's interval, in seconds.
    """

    def __init__(self, context: Context, state: State) -> None:
        self._context = context
        self._state: dict[str, Any] = dict(state)
        self._short = 0

    def pages(self) -> Iterator[Page]:
        if "until" in self._state:
            yield from self._moved(self._state["from"], self._state["from"], self._state["until"])
            return
        began = newest(self._context.api, SEARCH)
        if began is None:
            return
        if "since" not in self._state:
            # from here on, what a first reading holds may be short of something, however often it is stopped
            self._state["since"] = began - MARGIN
            yield Page({}, dict(self._state))
        if is_due(self._context, self._state):
            yield from self._all()
        else:
            yield from self._moved(self._state["since"], self._state["since"])
        if self._short:
            self._context.warn(f"{self._short} conversations have more parts than Intercom gives; they stay incomplete")
        self._state["since"] = began - MARGIN
        yield Page({}, dict(self._state))

    def _all(self) -> Iterator[Page]:
        """Every conversation since the start; one that is held and not among them is asked for by its id."""
        start = int(self._context.window.start.timestamp())
        present = set(self._context.rows.present("conversations"))
        is_whole = "after" not in self._state
        left = set(present)
        try:
            yield from self._moved(start, self._state["since"], present=present, left=left, checkpoint=True)
        except RequestRefused:
            if is_whole:
                raise
            del self._state["after"]  # a cursor that Intercom no longer knows
            is_whole = True
            yield from self._moved(start, self._state["since"], present=present, left=left, checkpoint=True)
        self._state.pop("after", None)
        if is_whole:
            yield from self._gone(sorted(left))
            self._state["reconciled"] = int(self._context.window.now.timestamp())

    def _moved(
        self,
        since: int,
        fresh: int,
        until: int | None = None,
        *,
        present: set[str] | None = None,
        left: set[str] | None = None,
        checkpoint: bool = False,
    ) -> Iterator[Page]:
        """Conversations updated since, as far as they are not held as they are stated.

        Args:
            fresh: From this second on a conversation is read again, since one second may hold two updates.
            present: Ids that are held and not gone.
            left: Loses the ids that are found.
            checkpoint: Whether the state keeps each page's cursor.
        """
        for found, following in searched(
            self._context.api, SEARCH, since, self._state.get("after") if checkpoint else None
        ):
            moments = {str(one["id"]): updated_at(one) for one in found if one.get("id") is not None}
            if left is not None:
                left.difference_update(moments)
            held = self._context.held("conversations", list(moments))
            wanted = [
                own
                for own, second in moments.items()
                if second is None
                or (
                    since <= second
                    and (until is None or second < until)
                    and (
                        second >= fresh
                        or (held.get(own) or -1) < second
                        or (present is not None and own not in present)
                    )
                )
            ]
            for start in range(0, len(wanted), TOGETHER):
                yield Page(self._whole(wanted[start : start + TOGETHER]), None)
            if checkpoint and following is not None:
                self._state["after"] = following
                yield Page({}, dict(self._state))

    def _whole(self, wanted: list[str]) -> dict[str, list[Any]]:
        found = []
        for own in wanted:
            conversation = read(self._context, own)
            if conversation is None:
                self._context.skip("conversations that vanished while they were read")
                continue
            found.append(rows(conversation))
            stated = (conversation.get("statistics") or {}).get("count_conversation_parts")
            self._short += isinstance(stated, int) and stated > len(found[-1]["conversation_parts"])
        return together(found)

    def _gone(self, lacking: list[str]) -> Iterator[Page]:
        """What a search no longer finds: read where it is there all the same, else deleted, with what was said in it."""
        for start in range(0, len(lacking), TOGETHER):
            asked = lacking[start : start + TOGETHER]
            answers = {own: read(self._context, own) for own in asked}
            page = together([rows(one) for one in answers.values() if one is not None])
            gone = self._context.rows.payloads("conversations", [own for own, one in answers.items() if one is None])
            if gone:
                self._context.count_deleted("conversations", len(gone))
            page["conversations"] += [tombstone(one, self._context, _KEPT) for one in gone.values()]
            yield Page(page, None, replaced={"conversation_parts": set(gone)} if gone else {})


def tombstone(record: Record, context: Context, kept: tuple[str, ...]) -> dict[str, Any]:
    """A record that takes the place of one that is gone: when it went is not told, only when that was found."""
    stays = {name: record[name] for name in kept if name in record}
    return {**stays, "archived": True, "archived_at": int(context.window.now.timestamp())}
