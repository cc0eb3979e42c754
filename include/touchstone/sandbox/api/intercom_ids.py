"""Intercom's ids of the company's things, both ways: numbers for what is said and who answers, 24 hex digits for contacts and
companies."""

from __future__ import annotations

from touchstone.errors import SourceError
from touchstone.sandbox.api import ids

_NUMBERS = {"agt": 7_000_000, "art": 9_000_000, "cnv": 215_000_000_000}
_HEX = {"cus": "65", "acc": "66"}
PARTS = 16_000_000_000_000
PER_CONVERSATION = 10_000
EVENTS = 2_000  # parts of a conversation that nobody wrote begin here
TEAMS = 5_000_000
TAGS = 4_000_000
OPERATOR = "6999999"
_HEX_LENGTH = 24


def intercom_id(own: str) -> str:
    """Intercom's id of an account, customer, agent, article, conversation or message.

    A conversation's first message is its source, the others are its parts; both are numbered alike here.

    Raises:
        SourceError: Things of that kind are not at Intercom.
    """
    prefix, _, rest = own.partition("-")
    if prefix == "msg":
        conversation, ordinal = ids.message_numbers(own)
        return str(PARTS + conversation * PER_CONVERSATION + ordinal)
    if prefix in _NUMBERS:
        return str(_NUMBERS[prefix] + int(rest))
    if prefix in _HEX:
        return _HEX[prefix] + format(int(rest), "022x")
    raise SourceError(
        "company id that Intercom has no form for", own, f"Known: {', '.join((*_NUMBERS, *_HEX, 'msg'))}."
    )


def conversation_number(intercom_conversation_id: str) -> int | None:
    """The number behind a conversation's id; None for what is no such id."""
    if not intercom_conversation_id.isdigit():
        return None
    number = int(intercom_conversation_id) - _NUMBERS["cnv"]
    return number if number >= 0 else None


def hex_number(prefix: str, vendor_id: str) -> int | None:
    """The number behind the id of a contact (cus) or a company (acc); None for what is no such id."""
    if len(vendor_id) != _HEX_LENGTH or not vendor_id.startswith(_HEX[prefix]):
        return None
    try:
        return int(vendor_id[2:], 16)
    except ValueError:
        return None


def event_part(conversation_number: int, index: int, piece: int = 0) -> str:
    """Id of the part that tells of an event; an event may be told in two pieces."""
    return str(PARTS + conversation_number * PER_CONVERSATION + EVENTS + index * 2 + piece)
