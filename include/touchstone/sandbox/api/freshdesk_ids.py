"""Freshdesk's ids of the company's things: a base plus the number at the end of the company's id.

The first message of a conversation is its ticket's description, and has the ticket's id.
"""

from __future__ import annotations

from touchstone.errors import SourceError
from touchstone.sandbox.api import ids

CONTACTS = 150_000_000_000
AGENTS = 160_000_000_000
GROUPS = 165_000_000_000
COMPANIES = 170_000_000_000
ARTICLES = 180_000_000_000
CATEGORIES = 181_000_000_000
FOLDERS = 182_000_000_000
NOTES = 190_000_000_000
RATINGS = 195_000_000_000
FIELDS = 198_000_000_000
SURVEY = 199_000_000_001
PER_TICKET = 1000

_BASES = {
    "acc": COMPANIES,
    "cus": CONTACTS,
    "agt": AGENTS,
    "art": ARTICLES,
    # the numbers that merge notices name
    "cnv": ids.zendesk_id("cnv-0"),
}


def freshdesk_id(own: str) -> int:
    """The id of an account, customer, agent, article, conversation (its ticket) or message (a note, or the description)."""
    prefix, _, rest = own.partition("-")
    if prefix == "msg":
        conversation, ordinal = ids.message_numbers(own)
        if ordinal >= PER_TICKET:
            raise SourceError("message beyond the room of a ticket", own, f"Keep to {PER_TICKET} messages.")
        return _BASES["cnv"] + conversation if ordinal == 1 else NOTES + conversation * PER_TICKET + ordinal
    if prefix not in _BASES:
        raise SourceError("company id of an unknown kind", own, f"Known: {', '.join(_BASES)}, msg.")
    return _BASES[prefix] + int(rest)
