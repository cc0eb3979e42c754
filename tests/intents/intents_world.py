"""Questions of our own: templates and slots, so that every intent has many wordings and none is anybody's."""

from __future__ import annotations

import itertools
import random

INTENTS = {
    "card_lost": (
        ("I {lost} my {card}", "my {card} is gone, I {lost} it", "{help} I {lost} the {card}", "I think I {lost} my {card} {when}"),
        {"lost": ("lost", "misplaced", "dropped", "cannot find"), "card": ("card", "debit card", "bank card"),
         "help": ("help,", "please help,", "hello,"), "when": ("yesterday", "on the bus", "in the shop", "this morning")},
    ),
    "password_reset": (
        ("how do I {reset} my {secret}", "I {forgot} my {secret}", "{cannot} log in, the {secret} is wrong", "need to {reset} the {secret} {where}"),
        {"reset": ("reset", "change", "recover"), "secret": ("password", "passcode", "login password"),
         "forgot": ("forgot", "do not remember", "have forgotten"), "cannot": ("I cannot", "I can't", "unable to"),
         "where": ("for my account", "in the app", "on the website")},
    ),
    "delivery_late": (
        ("where is my {parcel}", "my {parcel} has not {come}", "the {parcel} is {late}", "{parcel} should have {come} {when}"),
        {"parcel": ("parcel", "package", "delivery", "shipment"), "come": ("arrived", "come", "been delivered"),
         "late": ("late", "delayed", "overdue"), "when": ("last week", "two days ago", "on Monday")},
    ),
    "refund_status": (
        ("when do I get my {money} back", "my {refund} is still {missing}", "I was promised a {refund} {when}", "{missing} {refund} for the returned {item}"),
        {"money": ("money", "cash"), "refund": ("refund", "reimbursement"), "missing": ("missing", "pending", "not here"),
         "when": ("weeks ago", "last month", "in March"), "item": ("shoes", "jacket", "order")},
    ),
    "invoice_copy": (
        ("please send me the {invoice} {month}", "I need a {copy} of my {invoice}", "where can I download the {invoice}", "the {invoice} {month} is not in my {place}"),
        {"invoice": ("invoice", "bill", "receipt"), "copy": ("copy", "duplicate", "pdf"),
         "month": ("for May", "for June", "of last month"), "place": ("mailbox", "profile", "documents")},
    ),
    "plan_cancel": (
        ("I want to {cancel} my {plan}", "please {cancel} the {plan} {when}", "how can I {cancel} my {plan}", "stop my {plan}, I will {cancel} it"),
        {"cancel": ("cancel", "end", "terminate"), "plan": ("subscription", "membership", "plan", "contract"),
         "when": ("today", "at the end of the month", "now")},
    ),
}  # fmt: skip
NEW_INTENT = (
    ("do you {hire} {people}", "are there {jobs} for {people}", "I would like to {apply} for a {job} as {people}", "who reads {jobs} from {people}"),
    {"hire": ("hire", "employ", "recruit"), "people": ("drivers", "students", "engineers", "cooks"),
     "jobs": ("jobs", "vacancies", "applications"), "apply": ("apply", "ask"), "job": ("job", "position")},
)  # fmt: skip


def wordings(templates: tuple[str, ...], slots: dict[str, tuple[str, ...]]) -> list[str]:
    found = []
    for template in templates:
        names = [name for name in slots if f"{{{name}}}" in template]
        for values in itertools.product(*(slots[name] for name in names)):
            found.append(template.format(**dict(zip(names, values, strict=True))))
    return list(dict.fromkeys(found))


def questions(per_intent: int, seed: int = 1) -> list[tuple[str, str]]:
    """(text, intent), shuffled; as many per intent as asked for, or as there are."""
    dice = random.Random(seed)
    rows = []
    for intent, (templates, slots) in INTENTS.items():
        texts = wordings(templates, slots)
        dice.shuffle(texts)
        rows += [(text, intent) for text in texts[:per_intent]]
    dice.shuffle(rows)
    return rows


def new_questions(count: int) -> list[str]:
    texts = wordings(*NEW_INTENT)
    random.Random(2).shuffle(texts)
    return texts[:count]
