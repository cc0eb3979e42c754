"""What fills the gaps in a conversation's phrases: names, numbers, dates, personal data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from touchstone.sandbox import pii
from touchstone.sandbox.book import topics
from touchstone.sandbox.case import Case
from touchstone.sandbox.dice import Dice
from touchstone.sandbox.model import TIERS
from touchstone.sandbox.staff import AI_MAIN, AI_TRIAGE
from touchstone.sandbox.world import World, load, tier_at

PLANS = ("Free", "Standard", "Business", "Enterprise")
_MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "es": [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    "de": [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
}


def day_name(moment: datetime, language: str) -> str:
    """Like `5 March`, `5 de marzo`, `5. März`, whatever locale the process has."""
    month = _MONTHS[language][moment.month - 1]
    return {"en": f"{moment.day} {month}", "es": f"{moment.day} de {month}", "de": f"{moment.day}. {month}"}[language]


def fill_slots(world: World, case: Case, dice: Dice) -> dict[str, Any]:
    """Values by name of the slot; `noun`, what the conversation is about, is still empty."""
    cast, customer, account, born = load("cast"), case.customer, case.household.account, case.born
    language = case.language
    tier = tier_at(account, born)
    plan = TIERS.index(tier)
    first, _, last = customer.name.partition(" ")
    card = pii.card(dice)
    head = "".join(word[0] for word in account.name.split())
    amounts = cast["amounts"]
    return {
        "first": first,
        "last": last,
        "name": customer.name,
        "email": customer.emails[0],
        "phone": customer.phone,
        "company": account.name,
        "tier": tier,
        "workspace": f"{account.domain.split('-')[0]}-{dice.pick(('main', 'prod', 'eu', 'ops', 'team', 'hq', 'live'))}",
        "order": f"ORD-{dice.whole(10_000, 99_999)}",
        "invoice": f"INV-{born:%Y}-{dice.whole(1, 99_999):05d}",
        "amount": dice.pick(amounts),
        "amount2": dice.pick(amounts),
        "count": str(dice.whole(12, 95)),
        "count2": str(dice.whole(100, 980)),
        "days": str(dice.whole(2, 9)),
        "hour": f"{dice.whole(6, 18):02d}:{dice.whole(0, 59):02d}",
        "date": day_name(born - timedelta(days=dice.whole(2, 12)), language),
        "date2": day_name(born + timedelta(days=dice.whole(2, 12)), language),
        "plan": PLANS[plan],
        "plan2": PLANS[plan + 1 if plan < 3 else 2],
        "card": card,
        "card4": card[-4:],
        "iban": pii.iban(dice),
        "street": pii.street(account.country, int(account.account_id[4:])),
        "error": dice.pick(cast["errors"]),
        "browser": dice.pick(cast["browsers"]),
        "hex": f"{dice.getrandbits(32):08x}",
        "bug": f"{head[:2].upper()}-{dice.whole(1000, 9999)}",
        "ref": case.conversation_id,
        "role": dice.pick(cast["role_titles"][language]),
        "ai": AI_MAIN if case.desk == "zendesk" else AI_TRIAGE,
        "agent": AI_MAIN,
        "agent_name": AI_MAIN,
        "team": topics()[case.topic]["team"],
        "to_team": topics()[case.topic]["team"],
        "team_name": topics()[case.topic]["team"],
        "noun": "",
        "crm": dice.pick(cast["crms"]),
        "idp": dice.pick(cast["idps"]),
        "report": dice.pick(cast["reports"][language]),
        "feature": dice.pick(cast["features"][language]),
    }
