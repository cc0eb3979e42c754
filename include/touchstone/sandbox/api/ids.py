"""The vendors' ids of the company's things, both ways.

A vendor's id is a base plus the number at the end of the company's id, so that nothing has to be looked up to compare what
a connector landed with what is true. HubSpot's message ids are digests, which lead one way only.
"""

from __future__ import annotations

from hashlib import md5

from touchstone.errors import SourceError

# company kind: (prefix, digits)
_FORMS = {
    "account": ("acc", 5),
    "customer": ("cus", 6),
    "agent": ("agt", 3),
    "article": ("art", 4),
    "conversation": ("cnv", 6),
    "deal": ("deal", 5),
}
_ZENDESK = {
    "account": 360_000_000_000,
    "customer": 370_000_000_000,
    "agent": 380_000_000_000,
    "article": 400_000_000_000,
    "conversation": 1_000,
}
_HUBSPOT = {
    "account": 5_000_000_000,
    "customer": 6_000_000,
    "deal": 7_000_000_000,
    "agent": 80_000,
    "conversation": 9_000_000_000,
}
_SPAN = 10_000_000  # beyond every number, below every distance between two bases of one vendor

COMMENTS = 390_000_000_000
AUDITS = 391_000_000_000
CHILDREN = 500_000_000_000
REDACTIONS = 700_000_000_000
GROUPS = 410_000_000_000
RATINGS = 420_000_000_000
SECTIONS = 430_000_000_000
METRIC_EVENTS = 440_000_000_000
METRIC_SETS = 450_000_000_000
MEMBERSHIPS = 460_000_000_000
FEEDBACK = 8_000_000_000
THREADS = 1_100_000_000
OWNER_USERS = 70_000_000
SYSTEM_USER = -1

EVENTS_PER_TICKET = 1000


def number(company_id: str) -> int:
    """The number at the end of a company id."""
    try:
        return int(company_id.rpartition("-")[2])
    except ValueError:
        raise SourceError("company id without a number", company_id, "Use ids such as cnv-000123.") from None


def message_numbers(message_id: str) -> tuple[int, int]:
    """Numbers of the conversation and of the message in it, of a message id."""
    _, conversation, ordinal = message_id.split("-")
    return int(conversation), int(ordinal)


def company_id(kind: str, value: int) -> str:
    prefix, digits = _FORMS[kind]
    return f"{prefix}-{value:0{digits}d}"


def zendesk_id(own: str) -> int:
    """Zendesk's id of an account, customer, agent, article, conversation (its ticket) or message (its comment)."""
    prefix, _, rest = own.partition("-")
    if prefix == "msg":
        conversation, ordinal = message_numbers(own)
        if ordinal >= EVENTS_PER_TICKET:
            raise SourceError("message beyond the room of a ticket", own, f"Keep to {EVENTS_PER_TICKET} messages.")
        return COMMENTS + conversation * 1000 + ordinal
    return _ZENDESK[_kind(prefix, own)] + int(rest)


def from_zendesk(kind: str, vendor_id: int | str) -> str:
    """The company id behind Zendesk's id of a thing of that kind (`message` for a comment).

    Raises:
        SourceError: No thing of that kind has such an id.
    """
    value = int(vendor_id)
    if kind == "message":
        conversation, ordinal = divmod(value - COMMENTS, 1000)
        if not 0 <= conversation < 1_000_000:
            raise _unknown("Zendesk", kind, vendor_id)
        return f"msg-{conversation:06d}-{ordinal:03d}"
    return _back("Zendesk", _ZENDESK, kind, value)


def hubspot_id(own: str) -> str:
    """HubSpot's id of an account, customer, deal, agent (its owner), conversation (its ticket) or message."""
    prefix, _, rest = own.partition("-")
    if prefix == "msg":
        return md5(own.encode(), usedforsecurity=False).hexdigest()
    return str(_HUBSPOT[_kind(prefix, own)] + int(rest))


def from_hubspot(kind: str, vendor_id: int | str) -> str:
    """The company id behind HubSpot's id of a thing of that kind (`thread` for a conversation's thread).

    Raises:
        SourceError: No thing of that kind has such an id.
    """
    if kind == "thread":
        return _back("HubSpot", {"conversation": THREADS}, "conversation", int(vendor_id))
    return _back("HubSpot", _HUBSPOT, kind, int(vendor_id))


def thread_id(conversation_id: str) -> str:
    return str(THREADS + number(conversation_id))


def owner_user(agent_number: int) -> int:
    """The user id behind an owner, which is what actors and assignments name."""
    return OWNER_USERS + agent_number


def _kind(prefix: str, own: str) -> str:
    for kind, (known, _) in _FORMS.items():
        if known == prefix:
            return kind
    raise SourceError("company id of an unknown kind", own, f"Known: {', '.join(form for form, _ in _FORMS.values())}.")


def _back(vendor: str, bases: dict[str, int], kind: str, value: int) -> str:
    if kind not in bases or not 0 <= value - bases[kind] < _SPAN:
        raise _unknown(vendor, kind, value)
    return company_id(kind, value - bases[kind])


def _unknown(vendor: str, kind: str, value: object) -> SourceError:
    return SourceError(f"{vendor} id of no {kind}", value, "Compare it with the bases in touchstone.sandbox.api.ids.")
