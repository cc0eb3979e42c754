"""Salesforce's ids of the company's things, both ways: a key prefix, twelve digits, and the three letters that tell upper case.

A thing's digits are the number at the end of the company's id; what belongs to a conversation has the conversation's number
and a number within it.
"""

from __future__ import annotations

from datetime import datetime

from touchstone.errors import SourceError
from touchstone.sandbox.api import ids
from touchstone.sandbox.model import Company, Conversation
from touchstone.sandbox.state import MessageState, fold

PREFIXES = {
    "account": "001",
    "contact": "003",
    "user": "005",
    "deal": "006",
    "queue": "00G",
    "stage": "01J",
    "history": "017",
    "comment": "00a",
    "email": "02s",
    "case": "500",
    "transcript": "570",
}
_KINDS = {"acc": "account", "cus": "contact", "agt": "user", "deal": "deal", "cnv": "case"}
_OWN = {"account": "account", "contact": "customer", "user": "agent", "deal": "deal", "case": "conversation"}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
PARTS = 100_000
"""Room of a conversation for the numbers of its parts."""
PORTAL_USERS = 500_000_000
"""Added to a customer's number: the user with which the customer writes comments."""
PROCESS_USER = 999_999_999
"""The user in whose name Salesforce itself writes."""


def number_id(kind: str, number: int) -> str:
    """The id of eighteen characters of a thing of that kind and number."""
    short = f"{PREFIXES[kind]}{number:012d}"
    bits = [sum(short[start + place].isupper() << place for place in range(5)) for start in (0, 5, 10)]
    return short + "".join(_LETTERS[value] for value in bits)


def salesforce_id(own: str) -> str:
    """Salesforce's id of an account, customer (its contact), deal, agent (its user) or conversation (its case)."""
    prefix = own.partition("-")[0]
    if prefix not in _KINDS:
        raise SourceError("company id of an unknown kind", own, f"Known: {', '.join(_KINDS)}.")
    return number_id(_KINDS[prefix], ids.number(own))


def from_salesforce(vendor_id: str) -> str:
    """The company id behind Salesforce's id of an account, contact, user of staff, opportunity or case.

    Raises:
        SourceError: No such thing has this id.
    """
    kind = next((kind for kind, prefix in PREFIXES.items() if vendor_id[:3] == prefix), None)
    if kind not in _OWN or not vendor_id[3:15].isdigit() or number_id(kind, int(vendor_id[3:15])) != vendor_id:
        raise SourceError("Salesforce id of no thing of the company", vendor_id, "Compare it with `PREFIXES`.")
    return ids.company_id(_OWN[kind], int(vendor_id[3:15]))


def part_id(kind: str, conversation: int, part: int) -> str:
    return number_id(kind, conversation * PARTS + part)


def place_of(message: MessageState, channel: str) -> str:
    """Where a message is kept: as a comment, an e-mail, or a line of the chat's transcript.

    What is internal, or written by no party of the conversation, is a comment; so are calls, which are written down.
    """
    if message.is_internal or message.actor == "system" or channel not in ("chat", "email", "ticket"):
        return "comment"
    return "transcript" if channel == "chat" else "email"


def transcript_lines(conversation: Conversation, messages: list[MessageState]) -> list[tuple[MessageState, int, int]]:
    """The lines of a chat: message, whole seconds since its start, and its number among those of the same second."""
    start = conversation.created_at.replace(microsecond=0)
    lines: list[tuple[MessageState, int, int]] = []
    seen: dict[int, int] = {}
    for message in messages:
        if place_of(message, conversation.channel) == "transcript":
            offset = int((message.sent_at - start).total_seconds())
            seen[offset] = seen.get(offset, 0) + 1
            lines.append((message, offset, seen[offset]))
    return lines


class MessageIds:
    """What core calls the conversations and messages of a company at a moment, by the company's ids."""

    def __init__(self, company: Company, now: datetime) -> None:
        self._ids: dict[str, str] = {}
        for one in company.conversations:
            if one.created_at > now:
                continue
            number = ids.number(one.conversation_id)
            messages = fold(one, now).messages
            for message in messages:
                kind = place_of(message, one.channel)
                if kind != "transcript":
                    self._ids[message.message_id] = part_id(kind, number, ids.message_numbers(message.message_id)[1])
            for message, offset, place in transcript_lines(one, messages):
                self._ids[message.message_id] = f"{part_id('transcript', number, 0)}.{offset}.{place}"

    def __call__(self, own: str) -> str:
        return self._ids[own] if own.startswith("msg-") else salesforce_id(own)
