"""HubSpot's conversations: threads, all that was written in them, and who wrote it.

A thread and its messages land together, and the messages are read whole whenever the thread may have changed. Its own
`latestMessageTimestamp` tells of new messages alone: that one was redacted, that a ticket was merged, closed or assigned shows
in the ticket. So the threads of every ticket that changed are read too. What a thread no longer holds of what it held was
deleted, and so was a thread that is there no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from touchstone.sources.http.faults import BrokenAnswer, NoProgress
from touchstone.sources.http.streams import Context, Page, Placed, Record, State, Stream, Window
from touchstone.sources.hubspot.moments import epoch_ms, iso, midnight_ms, ms
from touchstone.sources.hubspot.objects import MARGIN, is_due
from touchstone.sources.hubspot.sweep import Sweep, deleted

PATH = "/conversations/v3/conversations/threads"
ACTORS = "/conversations/v3/conversations/actors/batch/read"
PAGE = 100
TOGETHER = 25
ACTOR_BATCH = 100
TEXTS = ("MESSAGE", "WELCOME_MESSAGE", "COMMENT")


def stream() -> Stream:
    """The walk over threads; it comes after that of tickets."""

    def walk(context: Context, state: State) -> Iterator[Page]:
        return _ThreadWalk(context, state).pages()

    return Stream("threads", walk, backfill=_interval)


def _interval(window: Window) -> State:
    """A backfill asks for threads whose latest message lies within the interval."""
    first, last = window.interval
    return {"phase": "moved", "since": midnight_ms(first), "until": midnight_ms(last + timedelta(days=1))}


def ticket_id(thread: Record) -> str | None:
    value = (thread.get("threadAssociations") or {}).get("associatedTicketId")
    return None if value is None else str(value)


class _ThreadWalk:
    """One walk: the whole list where that is due, threads with new messages, those of changed tickets, archived ones.

    Its state:
        since: Milliseconds from which on threads with new messages are asked for.
        newest: Latest message that was seen.
        listed: When the last reading of the whole list began.
        passed: Last id of the page of that list that was read last.
        ticket_load: The load of tickets up to which their threads have been read.
        phase: list, moved, tickets or archived, while the walk is under way; `began` when that phase did, `after` how far.
        until: End of a backfill's interval.
    """

    def __init__(self, context: Context, state: State) -> None:
        self._context = context
        self._api = context.api
        self._now = ms(context.window.now)
        self._start = ms(context.window.start)
        self.state: dict[str, Any] = dict(state)
        self._fresh: set[str] = set()
        self._actors: set[str] = set()
        self._sweep = Sweep(context, "threads", self.state)

    def pages(self) -> Iterator[Page]:
        if "phase" not in self.state:
            listed = self.state.get("listed")
            if is_due(self._context, listed):
                # the first list reads every thread, and so all of these tickets'
                self.state.setdefault("ticket_load", self._context.rows.last_load("tickets"))
                self._begin("list")
            else:
                self._begin("moved")
        if self.state["phase"] == "list":
            yield from self._list()
        if self.state["phase"] == "moved":
            yield from self._moved()
        if self.state.get("phase") == "tickets":
            yield from self._of_tickets()
        if self.state.get("phase") == "archived":
            yield from self._list(archived=True)

    # --- state

    def _begin(self, phase: str) -> None:
        self.state |= {"phase": phase, "began": self._now}
        self.state.pop("after", None)

    def _end(self) -> None:
        for name in ("phase", "began", "after"):
            self.state.pop(name, None)

    def _next_since(self, began: int) -> int:
        return min(began, self.state.get("newest", began)) - MARGIN // timedelta(milliseconds=1)

    # --- phases

    def _list(self, *, archived: bool = False) -> Iterator[Page]:
        """All threads by id; messages are read of those that are not held as they are stated."""
        while True:
            after = self.state.get("after")
            answer = self._api.get(
                PATH,
                {"limit": PAGE, **({"archived": "true"} if archived else {}), **({"after": after} if after else {})},
            )
            threads = self._context.rows.news("threads", self._of_interest(answer["results"]))
            following = ((answer.get("paging") or {}).get("next") or {}).get("after")
            if following is not None and following == after:
                raise NoProgress(
                    f"{self._api.name}: {PATH} stands still", str(after), "HubSpot repeats its page; run it again."
                )
            if not archived:
                yield from self._gone([str(one["id"]) for one in answer["results"]], is_last=following is None)
            if following is not None:
                pages = self._whole(threads, {"after": following})
            elif archived:
                pages = self._whole(threads, None, end=True)
            else:
                began = self.state["began"]
                pages = self._whole(threads, {"listed": began, "since": self._next_since(began)}, begin="moved")
            yield from pages
            if following is None:
                return

    def _gone(self, listed: list[str], *, is_last: bool) -> Iterator[Page]:
        """A page with the threads that should have been among these and were deleted for good."""
        gone = [one for one in self._sweep.lacking(listed, is_last=is_last) if self._thread(one) is None]
        held = self._context.rows.payloads("threads", gone)
        if not held:
            return
        self._context.count_deleted("threads", len(held))
        of_threads = self._held_messages(held)
        found = self._context.rows.payloads("messages", [one for ids in of_threads.values() for one in ids])
        threads = [deleted(thread, self._context, ("threadAssociations",)) for thread in held.values()]
        yield Page({"threads": threads, "messages": self._deleted_messages(found)}, None)

    def _held_messages(self, threads: dict[str, Record]) -> dict[str, list[str]]:
        """Ids of the rows that are held of the messages of threads, by thread."""
        found: dict[str, list[str]] = {thread_id: [] for thread_id in threads}
        owners = {owner for thread in threads.values() if (owner := ticket_id(thread))}
        for row_id in self._context.rows.ids("messages", sorted(owners)):
            thread_id = row_id.partition(":")[0]
            if thread_id in found:
                found[thread_id].append(row_id)
        return found

    def _deleted_messages(self, held: dict[str, Record]) -> list[Record]:
        """What takes the place of messages that are gone; what only tells of an event stays."""
        kept = ("type", "conversationsThreadId")
        gone = {row_id: one for row_id, one in held.items() if one.get("type") in TEXTS and not one.get("archived")}
        if gone:
            self._context.count_deleted("messages", len(gone))
        return [Placed(deleted(one, self._context, kept), row_id) for row_id, one in gone.items()]

    def _moved(self) -> Iterator[Page]:
        """Threads by their latest message, each request from the last one seen: a thread that moves on comes again."""
        until = self.state.get("until")
        since = int(self.state.get("after", self.state["since"]))
        page_after = None
        seen: set[tuple[str, int]] = set()
        while True:
            answer = self._api.get(
                PATH,
                {
                    "limit": PAGE,
                    "sort": "latestMessageTimestamp",
                    "latestMessageTimestampAfter": iso(since),
                    **({"after": page_after} if page_after else {}),
                },
            )
            threads = answer["results"]
            moments = [epoch_ms(thread.get("latestMessageTimestamp")) or 0 for thread in threads]
            if moments != sorted(moments):
                raise BrokenAnswer(
                    f"{self._api.name}: {PATH} is not in the order that was asked for", None, "Run it again."
                )
            following = ((answer.get("paging") or {}).get("next") or {}).get("after")
            is_over = following is None or (until is not None and bool(moments) and moments[-1] >= until)
            pairs = list(zip(threads, moments, strict=True))
            moved = [
                thread
                for thread, moment in pairs
                if (str(thread["id"]), moment) not in seen and (until is None or moment < until)
            ]
            if following is not None and following == page_after:
                raise NoProgress(f"{self._api.name}: {PATH} stands still", iso(since), "Run it again.")
            if moments and until is None:
                self.state["newest"] = max(self.state.get("newest", 0), moments[-1])
            # one millisecond back: whether the bound itself is included is not said
            reached = max(since, moments[-1] - 1) if moments else since
            if not is_over:
                yield from self._whole(moved, {"after": reached})
            elif until is not None:
                yield from self._whole(moved, None)
                self._end()
                return
            else:
                since_next = self._next_since(self.state["began"])
                yield from self._whole(moved, {"since": since_next}, begin="tickets")
                return
            page_after = following if reached == since else None
            since = reached
            seen = {(one, moment) for one, moment in seen if moment >= since} | {
                (str(thread["id"]), moment) for thread, moment in pairs if moment >= since
            }

    def _of_tickets(self) -> Iterator[Page]:
        """Threads of the tickets that changed since they were last read, load by load of what has landed."""
        while (found := self._context.rows.changed("tickets", self.state["ticket_load"])) is not None:
            load_id, tickets = found
            wanted = [thread_id for thread_id in self._threads_of(tickets) if thread_id not in self._fresh]
            threads = [thread for thread_id in wanted if (thread := self._thread(thread_id)) is not None]
            yield from self._whole(threads, {"ticket_load": load_id})
        self._begin("archived")

    def _threads_of(self, tickets: list[tuple[str, Record]]) -> list[str]:
        """Ids of the threads of tickets: by association, and those that are held, since an archived ticket has none."""
        links = self._context.rows.payloads("associations", [f"tickets:{one}:conversations" for one, _ in tickets])
        linked = [str(one) for link in links.values() for one in link["to_ids"]]
        return list(dict.fromkeys(linked + self._context.rows.ids("threads", [one for one, _ in tickets])))

    def _thread(self, thread_id: str) -> Record | None:
        """A thread as it stands, archived or not; None for what was deleted for good."""
        path = f"{PATH}/{thread_id}"
        return self._api.get(path, absent=(404,)) or self._api.get(path, {"archived": "true"}, absent=(404,))

    # --- what lands

    def _of_interest(self, threads: list[Record]) -> list[Record]:
        """Threads that moved since the instance's start, or whose ticket did."""
        owners = [owner for thread in threads if (owner := ticket_id(thread))]
        held = self._context.held("tickets", owners)
        return [
            thread
            for thread in threads
            if (epoch_ms(thread.get("latestMessageTimestamp")) or epoch_ms(thread.get("createdAt")) or 0) >= self._start
            or ticket_id(thread) in held
        ]

    def _whole(
        self, threads: list[Record], progress: State | None, *, begin: str | None = None, end: bool = False
    ) -> Iterator[Page]:
        """Pages of threads with their messages; the state moves on with the last.

        Args:
            progress: What changes in the state then.
            begin: The phase that follows then.
            end: Whether the walk is over then.
        """
        chunks = [threads[start : start + TOGETHER] for start in range(0, len(threads), TOGETHER)] or [[]]
        for number, chunk in enumerate(chunks, start=1):
            records: dict[str, list[Any]] = {"threads": [], "messages": []}
            # what was held of these threads before; an owner of its own may have changed since
            held = self._held_messages(self._context.rows.payloads("threads", [str(one["id"]) for one in chunk]))
            for thread in chunk:
                messages = self._messages(str(thread["id"]))
                if messages is None:
                    self._context.skip("threads that vanished while they were read")
                    continue
                owner = ticket_id(thread)
                records["threads"].append(thread)
                records["messages"] += [
                    Placed(message, f"{thread['id']}:{message['id']}" if message.get("id") else None, owner)
                    for message in messages
                ]
                records["messages"] += self._taken_out(str(thread["id"]), held, messages)
                if self.state["phase"] == "moved":
                    self._fresh.add(str(thread["id"]))
            actors = self._new_actors(records)
            if actors:
                records["actors"] = actors
            is_last = number == len(chunks)
            if is_last:
                self.state |= progress or {}
                if begin:
                    self._begin(begin)
                if end:
                    self._end()
            yield Page(records, dict(self.state) if is_last else None)

    def _taken_out(self, thread_id: str, held: dict[str, list[str]], messages: list[Record]) -> list[Record]:
        """What takes the place of messages that a thread held, that it does not state, and that are not found either."""
        stated = {f"{thread_id}:{message.get('id')}" for message in messages}
        lacking = [row_id for row_id in held.get(thread_id, ()) if row_id not in stated]
        payloads = self._context.rows.payloads("messages", lacking) if lacking else {}
        gone = {
            row_id: one
            for row_id, one in payloads.items()
            if one.get("type") in TEXTS
            and not one.get("archived")
            and self._api.get(f"{PATH}/{thread_id}/messages/{one['id']}", absent=(404,)) is None
        }
        return self._deleted_messages(gone)

    def _messages(self, thread_id: str) -> list[Record] | None:
        """Everything in a thread; None where the thread is gone."""
        path = f"{PATH}/{thread_id}/messages"
        messages: list[Record] = []
        after = None
        while True:
            answer = self._api.get(path, {"limit": PAGE, **({"after": after} if after else {})}, absent=(404,))
            if answer is None:
                return None
            messages += answer["results"]
            following = ((answer.get("paging") or {}).get("next") or {}).get("after")
            if following is None:
                return messages
            if following == after:
                raise NoProgress(f"{self._api.name}: {path} stands still", str(after), "Run it again.")
            after = following

    def _new_actors(self, records: dict[str, list[Any]]) -> list[Record]:
        """Actors whom these threads name: visitors once and for all, everybody else once in a run."""
        named = {actor for record in (*records["threads"], *records["messages"]) for actor in _actors_of(record)}
        visitors = {actor for actor in named if actor.startswith("V-")}
        others = named - visitors - self._actors
        self._actors |= others
        found: list[Record] = []
        ordered = sorted(others | (visitors - set(self._context.held("actors", list(visitors)))))
        for start in range(0, len(ordered), ACTOR_BATCH):
            found += self._api.post(ACTORS, {"inputs": ordered[start : start + ACTOR_BATCH]})["results"]
        return found


def _actors_of(record: Record) -> frozenset[str]:
    """Ids of everybody whom a thread or a message names."""
    parties = [*(record.get("senders") or ()), *(record.get("recipients") or ())]
    stated = [record.get(name) for name in ("assignedTo", "assignedFrom", "createdBy")]
    stated += [party.get("actorId") for party in parties if isinstance(party, dict)]
    return frozenset(actor for actor in stated if isinstance(actor, str) and actor)
