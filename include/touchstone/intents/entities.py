"""What a customer has given, and what a question asks for: so that nobody has to say the same thing twice.

Personal data come from the redactor's rules and model (`text.redact`), what is asked for from its lists (`text.pii.asked`),
errors and steps from the wordings of the rubric and of `entities.yml`, amounts from the claims of the knowledge check. In
redacted text a placeholder says that something was given; its value, and so its hash, is not known.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import yaml

from touchstone.rubric import load_rubric
from touchstone.scoring.knowledge import claims
from touchstone.text.phrases import WORD, PhraseMatcher, lower_in_place
from touchstone.text.pii import rules
from touchstone.text.pii.asked import asked as asked_data
from touchstone.text.pii.types import PII_TYPES
from touchstone.text.redact import find

ENTITIES_VERSION = "1"
TYPES = (
    "order_id",
    "email",
    "account",
    "phone",
    "name",
    "address",
    "error",
    "steps_tried",
    "product",
    "date",
    "amount",
)
LANGUAGES = ("en", "es", "de")
_OF_PII = {
    "order_number": "order_id",
    "email": "email",
    "account_number": "account",
    "iban": "account",
    "username": "account",
    "phone": "phone",
    "name": "name",
    "address": "address",
}
_PLACEHOLDER = re.compile(
    r"\[(" + "|".join(sorted((kind.upper() for kind in PII_TYPES), key=len, reverse=True)) + r")\]"
)
# a code that stands for an error by its form: E-1042, ERR_CONNECTION_RESET, 0x80070057, HTTP 503, error 42
_ERROR_CODE = re.compile(
    r"\b(?:0x[0-9A-Fa-f]{4,16}|(?:ERR|ERROR|E)[_-][A-Z0-9_]{2,60}|ERR[0-9]{2,8}|E[0-9]{3,6}"
    r"|(?:(?:error|fehler|status|http)(?: ?(?:code|codigo))?|(?:codigo de )?error)[ :#]{1,3}[0-9]{2,6})\b"
    r"|\b[A-Z][A-Za-z]{2,40}(?:Exception|Error)\b"
)
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»\n]{4,200})[\"”“»]")
_RELATIVE_DAY = re.compile(
    r"\b(?:yesterday|today|last (?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|week|month)|ayer|hoy|gestern|heute"
    r"|(?:on )?(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r"|(?:january|february|march|april|may|june|july|august|september|october|november|december) \d{1,2}(?:st|nd|rd|th)?)\b"
)
# "the e-mail on your account": where something is kept, not what is asked for
_WHERE = re.compile(r"\b(?:on|in|of|to|for|with) (?:your |the )?\Z")
_SENTENCE_END = re.compile(r"[.!?\n]")


class Entity(NamedTuple):
    """Something that a message holds.

    Attributes:
        type: One of `TYPES`.
        value_hash: Digest of the normalised value: equal for "+1 (415) 555-0100" and "14155550100"; None where the text holds a
            placeholder in its stead.
        start, end: Code points, half-open.
    """

    type: str
    value_hash: str | None
    start: int
    end: int


@cache
def _own() -> Mapping[str, Mapping[str, list[str]]]:
    return yaml.safe_load(resources.files(__package__).joinpath("entities.yml").read_text("utf-8"))


@cache
def _wordings(language: str) -> PhraseMatcher:
    """Wordings of one language, named by what they are: asks_error, gives_error, asks_steps, gives_steps, ..."""
    held: dict[str, list[str]] = {name: list(phrases) for name, phrases in _own()[language].items()}
    of_rubric = load_rubric().phrases.get(language, {})
    for name, ours in (
        ("asks_error", "asks_error"),
        ("gives_error", "gives_error"),
        ("asks_tried", "asks_steps"),
        ("gives_tried", "gives_steps"),
    ):
        held.setdefault(ours, []).extend(of_rubric.get(name, ()))
    return PhraseMatcher(held)


def value_hash(kind: str, value: str, key: bytes = b"") -> str:
    """Digest of a value, 16 hexadecimal digits, alike for every way to write it.

    Args:
        key: A secret of the company; without one, a short number can be found from its digest by trying all.
    """
    return hashlib.blake2b(f"{kind}\0{normalised(kind, value)}".encode(), digest_size=8, key=key[:64]).hexdigest()


def normalised(kind: str, value: str) -> str:
    """A value without what people write differently."""
    low = lower_in_place(value).strip()
    if kind == "phone":
        digits = re.sub(r"\D", "", low)
        # with or without the country's code and the leading zero it is one line
        return digits.lstrip("0")[-9:]
    if kind in ("order_id", "account"):
        return re.sub(r"[^a-z0-9]", "", low)
    if kind == "email":
        return low
    if kind == "amount":
        return low
    return " ".join(WORD.findall(low))


def extract(text: str, *, products: Sequence[str] = (), language: str = "en", key: bytes = b"") -> list[Entity]:
    """What a customer's message gives, in order.

    Args:
        text: Raw or redacted.
        products: Names of the company's products and plans.
        language: Primary subtag; wordings of another language than `LANGUAGES` are not known, forms are.
        key: As in `value_hash`.
    """
    found: list[Entity] = []
    taken = bytearray(len(text))

    def take(kind: str, start: int, end: int, value: str | None) -> None:
        if start < end and taken.find(1, start, end) < 0:
            taken[start:end] = b"\x01" * (end - start)
            found.append(Entity(kind, None if value is None else value_hash(kind, value, key), start, end))

    for match in _PLACEHOLDER.finditer(text):
        kind = _OF_PII.get(match.group(1).lower())
        if kind:
            take(kind, match.start(), match.end(), None)
        else:
            taken[match.start() : match.end()] = b"\x01" * (match.end() - match.start())
    for match in _ERROR_CODE.finditer(text):
        take("error", match.start(), match.end(), match.group())
    for span in find(text):
        kind = _OF_PII.get(span.type)
        if kind:
            take(kind, span.start, span.end, text[span.start : span.end])
    lower = lower_in_place(text)
    hits = _wordings(language).find(lower, WORD.findall(lower)) if language in LANGUAGES else {}
    for start, end in hits.get("gives_error", ()):
        _take_error(text, start, end, take)
    for start, end in hits.get("gives_steps", ()):
        stop = _SENTENCE_END.search(text, end)
        last = stop.start() if stop else len(text)
        held = taken.find(1, end, last)  # what the sentence gives beside the steps stays what it is
        last = last if held < 0 else held
        take("steps_tried", start, last, text[start:last])
    for match in rules.dates(text):
        take("date", match.start(), match.end(), match.group())
    for claim in claims(lower):
        if claim.kind in ("money", "date"):
            kind = "amount" if claim.kind == "money" else "date"
            take(kind, claim.start, claim.end, claim.value)
    for match in _RELATIVE_DAY.finditer(lower):
        take("date", match.start(), match.end(), match.group())
    for product in products:
        for match in re.finditer(rf"(?<!\w){re.escape(lower_in_place(product))}(?!\w)", lower):
            take("product", match.start(), match.end(), product)
    return sorted(found, key=lambda one: (one.start, one.end))


def _take_error(text: str, start: int, end: int, take) -> None:
    """The wording of an error: what stands in quotes behind it, else the rest of the sentence."""
    stop = _SENTENCE_END.search(text, end)
    last = stop.start() if stop else len(text)
    quoted = _QUOTED.search(text, end, min(len(text), end + 220))
    if quoted is not None and quoted.start() <= last:
        take("error", quoted.start(1), quoted.end(1), quoted.group(1))
    else:
        take("error", start, last, text[end:last] or text[start:end])


def asks_for(text: str, *, language: str = "en") -> set[str]:
    """Types of what an agent's message asks the customer to give, of `TYPES`."""
    found = {
        _OF_PII[one.type]
        for one in asked_data(text, to_be_told=True)
        if one.type in _OF_PII and not _WHERE.search(lower_in_place(text), max(0, one.start - 12), one.start)
    }
    if language in LANGUAGES:
        lower = lower_in_place(text)
        for name in _wordings(language).find(lower, WORD.findall(lower)):
            if name.startswith("asks_"):
                found.add({"steps": "steps_tried"}.get(name[5:], name[5:]))
    return found


def asked_again(
    question: str, said_before: Iterable[str], *, products: Sequence[str] = (), language: str = "en"
) -> set[str]:
    """Types that a question asks for although the customer's earlier messages hold them (metrics: context preservation)."""
    wanted = asks_for(question, language=language)
    if not wanted:
        return set()
    given = {one.type for text in said_before for one in extract(text, products=products, language=language)}
    return wanted & given
