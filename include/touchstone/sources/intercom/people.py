"""Intercom's contacts, companies and teammates.

A contact that was merged into another is in no list and is not found by its id; nothing tells into which one it went, but its
conversations name the other from then on. So they are read again, and what they agree on is kept as `merged_into`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from touchstone.sources.http import client
from touchstone.sources.http.faults import BrokenAnswer, RequestRefused
from touchstone.sources.http.streams import Context, Page, Record, State
from touchstone.sources.intercom.conversations import TOGETHER, is_due, read, rows, together, tombstone
from touchstone.sources.intercom.searches import listed, newest, searched, updated_at

log = logging.getLogger(__name__)

CONTACTS, CONTACT_SEARCH = "/contacts", "/contacts/search"
SCROLL = "/companies/scroll"
# a new contact is found some minutes late, and by the full time of its making
MARGIN = int(timedelta(hours=1).total_seconds())
SCROLLS = 10
SCROLL_PAUSES = 12
LONGEST_PAUSE = 15.0
_GONE = ("type", "id", "created_at", "updated_at")


def contacts(context: Context, state: State) -> Iterator[Page]:
    """Contacts that were updated since the last walk, or all of them where that is due, and then those that are gone.

    Its state:
        since, reconciled, after: As of conversations.
    """
    state = dict(state)
    began = newest(context.api, CONTACT_SEARCH)
    if began is None:
        return
    if "since" in state and not is_due(context, state):
        for found, _ in searched(context.api, CONTACT_SEARCH, state["since"]):
            # a search goes by whole days
            yield Page({"contacts": [one for one in found if (updated_at(one) or began) >= state["since"]]}, None)
        yield Page({}, {**state, "since": began - MARGIN})
        return
    state.setdefault("since", began - MARGIN)
    is_whole = "after" not in state
    left = set(context.rows.present("contacts"))
    try:
        for found, following in listed(context.api, CONTACTS, state.get("after")):
            left.difference_update(str(one.get("id")) for one in found)
            state["after"] = following
            yield Page({"contacts": found}, dict(state) if following is not None else None)
    except RequestRefused:
        if is_whole:
            raise
        # a cursor that Intercom no longer knows: the next run begins anew
        del state["after"]
        yield Page({}, state)
        raise
    del state["after"]
    if is_whole:
        yield from _gone_contacts(context, sorted(left))
        state["reconciled"] = int(context.window.now.timestamp())
    yield Page({}, {**state, "since": began - MARGIN})


def _gone_contacts(context: Context, lacking: list[str]) -> Iterator[Page]:
    """Contacts that are held and no longer listed, some of them together; what has landed is not asked for again."""
    named_in: dict[str, list[str]] | None = None
    for start in range(0, len(lacking), TOGETHER):
        asked = lacking[start : start + TOGETHER]
        answers = {own: context.api.get(f"{CONTACTS}/{own}", absent=(404,)) for own in asked}
        gone = context.rows.payloads("contacts", [own for own, one in answers.items() if one is None])
        if gone:
            context.count_deleted("contacts", len(gone))
            if named_in is None:
                named_in = _conversations_of(context, set(lacking))
        page = _merged(context, gone, named_in or {})
        page["contacts"] += [one for one in answers.values() if one is not None]
        yield Page(page, None)


def _merged(context: Context, gone: dict[str, Record], named_in: dict[str, list[str]]) -> dict[str, list[Any]]:
    """Contacts that are gone, each with the one that its conversations agree on, and these conversations as they are now."""
    again: dict[str, Record] = {}
    contacts: list[Record] = []
    for own, record in gone.items():
        numbers = named_in.get(own, [])
        for number in numbers:
            if number not in again and (found := read(context, number)) is not None:
                again[number] = found
        survivors = {one for number in numbers if number in again for one in _contacts_of(again[number])}
        merged_into = survivors.pop() if len(survivors) == 1 else None
        stated = {"merged_into": merged_into if merged_into != own else None}
        contacts.append({**tombstone(record, context, _GONE), **stated})
    return {"contacts": contacts, **together([rows(one) for one in again.values()])}


def _conversations_of(context: Context, contact_ids: set[str]) -> dict[str, list[str]]:
    """Ids of the held conversations that name one of these contacts, by the contact."""
    found: dict[str, list[str]] = {}
    for conversation_id, named in context.rows.told("conversations", 0, ("contacts",)):
        stated = json.loads(named) if named and named.startswith("{") else {}
        for own in contact_ids.intersection(_contacts_of({"contacts": stated})):
            found.setdefault(own, []).append(conversation_id)
    return found


def _contacts_of(conversation: Record) -> list[str]:
    return [str(one["id"]) for one in (conversation.get("contacts") or {}).get("contacts") or () if one.get("id")]


def companies(context: Context, state: State) -> Iterator[Page]:
    """All companies, by the only walk without an end at 10,000: the scroll.

    It goes on with every request, whether or not its answer arrives, so that a fault of any kind begins it anew. There is one
    for the whole workspace: somebody else's, or our own that was stopped, is waited for until it ends.
    """
    left = set(context.rows.present("companies"))
    for number in range(1, SCROLLS + 1):
        try:
            yield from _scroll(context, left)
            break
        except _Ended as ended:
            if number == SCROLLS:
                raise BrokenAnswer(
                    f"{context.api.name}: the scroll over companies ended {SCROLLS} times before its end",
                    str(ended),
                    "Run it again later.",
                ) from None
            log.warning("%s: the scroll over companies ended (%s); again from its beginning", context.api.name, ended)
    yield from unlisted(context, "companies", sorted(left))


def unlisted(context: Context, stream: str, lacking: list[str]) -> Iterator[Page]:
    """What is held and no longer listed: as its own address has it, else as what is deleted and keeps what it said."""
    for start in range(0, len(lacking), TOGETHER):
        asked = lacking[start : start + TOGETHER]
        answers = {own: context.api.get(f"/{stream}/{own}", absent=(404,)) for own in asked}
        gone = context.rows.payloads(stream, [own for own, one in answers.items() if one is None])
        if gone:
            context.count_deleted(stream, len(gone))
        there = [one for one in answers.values() if one is not None]
        yield Page({stream: [*there, *(tombstone(one, context, tuple(one)) for one in gone.values())]}, None)


class _Ended(Exception):
    """A scroll that ended before its end."""


def _scroll(context: Context, left: set[str]) -> Iterator[Page]:
    param = None
    while True:
        try:
            answer = _opened(context) if param is None else context.api.get(SCROLL, {"scroll_param": param}, attempts=1)
        except BrokenAnswer as fault:
            raise _Ended(str(fault)) from None
        except RequestRefused as refusal:
            if param is None or refusal.status not in (400, 404):
                raise
            raise _Ended("it was left alone for too long") from None
        found = answer.get("data") or []
        if not found:
            return
        left.difference_update(str(one.get("id")) for one in found)
        param = answer["scroll_param"]
        yield Page({"companies": found}, None)


def _opened(context: Context) -> Any:
    """The first answer of a new scroll."""
    for number in range(SCROLL_PAUSES):
        try:
            return context.api.get(SCROLL, attempts=1)
        except RequestRefused as refusal:
            if "scroll_exists" not in str(refusal):
                raise
            pause = min(client.FIRST_PAUSE * 2**number, LONGEST_PAUSE)
            log.warning("%s: another scroll over companies is open; again in %.1f s", context.api.name, pause)
            time.sleep(pause)
    raise BrokenAnswer(
        f"{context.api.name}: another scroll over companies stays open",
        SCROLL,
        "See which other programme reads companies; run it again later.",
    )


def admins(context: Context, state: State) -> Iterator[Page]:
    """Teammates as they are now; one that is no longer listed has left."""
    found = context.api.get("/admins")["admins"]
    lacking = sorted(set(context.rows.present("admins")) - {str(one.get("id")) for one in found})
    held = context.rows.payloads("admins", lacking)
    kept = ("type", "id", "name", "email", "job_title", "team_ids")
    yield Page({"admins": [*found, *(tombstone(one, context, kept) for one in held.values())]}, None)
