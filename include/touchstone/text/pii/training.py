"""Fits the tagger: on text that is generated here, and on labelled conversations of a company's own.

The shipped `model.json` comes from `train(generated())`: nothing but `templates.yml`, the sandbox company's phrases and the
lists of this package went in. `touchstone pii train LABELS` fits another from labels beside the same generated text.
"""

from __future__ import annotations

import json
import random
import string
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from touchstone.errors import ConfigurationError
from touchstone.sandbox.dice import Dice
from touchstone.sandbox.grammar import Template, compile_template, lines, render
from touchstone.text.pii import rules
from touchstone.text.pii.lexicon import english, lists
from touchstone.text.pii.tagger import OTHER, Context, Read, Span, Word, document_of, features, read
from touchstone.text.pii.types import PII_TYPES

SEED = 20_260
MESSAGES = 40_000
"""Generated messages of a fit."""

_OPEN, _MID, _CLOSE = "\x01", "\x02", "\x03"
_LEAST_SEEN = 4
_STRENGTH = 1.0
_UNLISTED = 0.4  # share of names that the model must know without the lists


@dataclass
class Example:
    """A message with what it holds.

    Attributes:
        spans: What is personal, in order.
        taken: What the rules find by themselves, which the tagger sees as one word.
    """

    text: str
    spans: list[Span]
    context: Context = field(default_factory=Context)
    taken: list[tuple[int, int, str]] = field(default_factory=list)


@cache
def _material() -> dict[str, Any]:
    file = resources.files(__package__) / "templates.yml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@cache
def _blocks() -> dict[str, tuple[Template, ...]]:
    material = _material()
    found = {name: lines(material[name]) for name in ("refusals", "statements", "negatives", "talk", "figures")}
    return found | {f"reply {name}": lines(text) for name, text in material["replies"].items()}


@cache
def _sandbox_lines() -> tuple[Template, ...]:
    """Phrases of the sandbox company whose slots can be filled here."""
    from touchstone.sandbox.grammar import slots_of

    known = set(_slots(Dice(0)))
    found = []
    folder = resources.files("touchstone.sandbox") / "phrases"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.startswith(("en_", "es_", "de_")):
            continue
        for text in _texts(yaml.safe_load(file.read_text(encoding="utf-8"))):
            for line in text.splitlines():
                if line.strip():
                    template = compile_template(line.replace("\\n", "\n"))
                    if slots_of(template) <= known:
                        found.append(template)
    return tuple(found)


def _texts(held: Any) -> Iterator[str]:
    if isinstance(held, str):
        yield held
    elif isinstance(held, dict):
        for value in held.values():
            yield from _texts(value)
    elif isinstance(held, list):
        for value in held:
            yield from _texts(value)


def generated(count: int = MESSAGES, seed: int = SEED) -> list[Example]:
    """Labelled messages, the same for the same seed."""
    dice = Dice(seed)
    blocks = _blocks()
    replies = sorted(name for name in blocks if name.startswith("reply "))
    weights = {"reply name": 5, "reply address": 4, "reply account_number": 3}
    drawn = [name for name in replies for _ in range(weights.get(name, 2))]
    found: list[Example] = []
    while len(found) < count:
        part = dice.random()
        if part < 0.30:
            name = dice.pick(drawn)
            asked = {name.removeprefix("reply ")}
            if dice.chance(0.3):
                asked.add(dice.pick(("name", "address", "account_number", "ssn", "email", "phone")))
            context = Context(frozenset(asked), "dialogue") if dice.chance(0.5) else Context(frozenset(), "stream")
            found.append(_example(dice, blocks[name], context, messy=0.65))
        elif part < 0.36:
            asked = frozenset({dice.pick(("name", "address", "account_number", "ssn", "password", "email", "phone"))})
            found.append(_example(dice, blocks["refusals"], Context(asked, "dialogue"), messy=0.6))
        else:
            place = dice.pick(("none", "none", "stream", "dialogue", "dialogue", "agent"))
            block = (
                blocks["statements"]
                if part < 0.60
                else blocks["negatives"]
                if part < 0.78
                else blocks["talk"]
                if part < 0.87
                else blocks["figures"]
                if part < 0.92
                else _sandbox_lines()
            )
            if block is blocks["figures"]:
                place = dice.pick(
                    ("none", "dialogue", "dialogue", "agent")
                )  # in a stream, a bare number may be an answer
            asked = (
                frozenset({dice.pick(("name", "account_number", "address"))})
                if place == "dialogue" and dice.chance(0.15)
                else frozenset()
            )
            found.append(_example(dice, block, Context(asked, place), messy=0.3))
    return found


def _example(dice: Dice, templates: tuple[Template, ...], context: Context, messy: float) -> Example:
    marked = render(templates, dice, _slots(dice))
    text, spans = _unmarked(marked)
    if dice.chance(messy):
        text, spans = _as_typed(text, spans, dice)
    return _beside_rules(text, spans, context)


def _beside_rules(text: str, spans: Iterable[Span], context: Context) -> Example:
    """What is left for the tagger when the rules have taken theirs, as when it is used."""
    shadow = rules.shadow_of(text)
    taken = rules.found(shadow)
    free = [span for span in spans if not any(span.start < end and start < span.end for start, end, _ in taken)]
    return Example(shadow, sorted(free), context, list(taken))


def _unmarked(marked: str) -> tuple[str, list[Span]]:
    pieces: list[str] = []
    spans: list[Span] = []
    length = 0
    for number, piece in enumerate(marked.split(_OPEN)):
        if number:
            kind, _, rest = piece.partition(_MID)
            value, _, piece = rest.partition(_CLOSE)
            spans.append(Span(length, length + len(value), kind))
            pieces.append(value)
            length += len(value)
        pieces.append(piece)
        length += len(piece)
    return "".join(pieces), spans


def _as_typed(text: str, spans: list[Span], dice: Dice) -> tuple[str, list[Span]]:
    """As people type in a hurry: small letters, no signs, letters swapped."""
    kept_signs = dice.chance(0.5)
    lower = dice.chance(0.8)
    letters: list[str] = []
    owners: list[int] = []
    for at, letter in enumerate(text):
        if not kept_signs and not letter.isalnum() and not letter.isspace():
            continue
        if letter == "\n" and not kept_signs:
            letter = " "
        letters.append(letter.lower() if lower and len(letter.lower()) == 1 else letter)
        owners.append(at)
    typed = "".join(letters)
    found: list[Span] = []
    for span in spans:
        places = [place for place, owner in enumerate(owners) if span.start <= owner < span.end]
        if places:
            found.append(Span(places[0], places[-1] + 1, span.type))
    return typed, found


def _mark(kind: str, value: str) -> str:
    return f"{_OPEN}{kind}{_MID}{value}{_CLOSE}"


@cache
def _pools() -> dict[str, list[str]]:
    held = lists()
    small, _ = english()
    words = sorted(word for word in small if 3 < len(word) < 10 and word.isalpha())
    firsts = sorted(
        held["first_names"]
        | held["word_names"] - {"will", "may", "can", "per", "an", "ma", "le", "so", "li", "fe", "sky", "till", "wing"}
    )
    return {
        "first": firsts,
        "last": sorted(held["surnames"]),
        "city": sorted(
            held["cities"]
            - {"york", "cape", "tel", "kuala", "abu", "san", "antonio", "jose", "diego", "jersey", "angeles", "vegas"}
        ),
        "region": sorted(held["regions"]),
        "country": sorted(
            held["countries"]
            - {"burkina", "faso", "reino", "unido", "estados", "unidos", "paises", "bajos", "europe", "africa", "asia"}
        ),
        "state": [code for code in sorted(held["state_codes"]) if len(code) == 2],
        "brand": sorted(held["brands"]),
        "people": sorted(held["peoples"]),
        "word": words,
        "company": [
            word
            for word in sorted(held["company_words"])
            if word not in {"as", "ab", "sa", "co", "shop", "team", "center", "centre"}
        ],
    }


def _invented(dice: Dice, pool: Sequence[str]) -> str:
    """The start of one name and the end of another: a name that no list holds."""
    first, second = dice.pick(pool), dice.pick(pool)
    return first[: max(2, (len(first) + 1) // 2)] + second[len(second) // 2 :]


def _mistyped(dice: Dice, word: str) -> str:
    at = dice.whole(1, len(word) - 2)
    way = dice.whole(0, 3)
    if way == 0:
        return word[:at] + word[at + 1 :]
    if way == 1:
        return word[:at] + word[at] + word[at:]
    if way == 2:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + dice.pick(string.ascii_lowercase) + word[at + 1 :]


def _title(text: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))


class _Slots(dict):
    """Values by slot, drawn when asked for, so that a slot named twice holds two values."""

    def __init__(self, makers: dict[str, Callable[[], str]]) -> None:
        super().__init__(makers)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name)()


def _slots(dice: Dice) -> _Slots:
    pools = _pools()
    material = _material()

    def digits(count: int) -> str:
        return str(dice.whole(1, 9)) + "".join(str(dice.whole(0, 9)) for _ in range(count - 1))

    def letters(count: int) -> str:
        return "".join(dice.pick(string.ascii_lowercase) for _ in range(count))

    def first() -> str:
        return _title(_invented(dice, pools["first"]) if dice.chance(0.2) else dice.pick(pools["first"]))

    def last() -> str:
        one = _title(_invented(dice, pools["last"]) if dice.chance(0.35) else dice.pick(pools["last"]))
        if dice.chance(0.04):
            one = dice.pick(("de ", "van ", "von ", "van der ", "De ", "del ", "O'", "Mc")) + one
        elif dice.chance(0.03):
            one = f"{one}-{_title(dice.pick(pools['last']))}"
        return one

    def name() -> str:
        way = dice.random()
        if way < 0.3:
            return first()
        middle = f" {first()[0]}{dice.pick(('.', ''))}" if dice.chance(0.08) else ""
        return f"{first()}{middle} {last()}"

    def city() -> str:
        if dice.chance(0.45):
            ending = dice.pick(
                (
                    "ville",
                    "burg",
                    "ton",
                    "stadt",
                    "ford",
                    "port",
                    "land",
                    "field",
                    "berg",
                    "view",
                    "haven",
                    "ovo",
                    "ice",
                    "ino",
                    "nagar",
                    "pur",
                    "by",
                    "mouth",
                )
            )
            return _title(dice.pick(pools["last"] if dice.chance(0.5) else pools["first"]) + ending)
        prefix = (
            dice.pick(("San ", "Port ", "New ", "North ", "St. ", "El ", "Bad ", "Lake ")) if dice.chance(0.12) else ""
        )
        return prefix + _title(dice.pick(pools["city"]))

    def country() -> str:
        return _title(dice.pick(pools["country"]))

    def street() -> str:
        way = dice.random()
        base = _title(
            dice.pick(material["streets_en"])
            if dice.chance(0.5)
            else dice.pick(pools["last"] if dice.chance(0.5) else pools["first"])
        )
        if way < 0.45:
            return f"{dice.pick(('N. ', 'W ', 'East ', 'South ', 'North ')) if dice.chance(0.12) else ''}{base} {dice.pick(material['street_types_en'])}"
        if way < 0.62:
            kind = dice.pick(
                (
                    "Calle",
                    "Avenida",
                    "Rue",
                    "Rue de",
                    "Via",
                    "Rua",
                    "Avenue",
                    "Plaza",
                    "Carrera",
                    "Ulica",
                    "Rue du",
                    "Calle de la",
                    "Piazza",
                    "Jalan",
                    "Paseo de",
                    "Strada",
                )
            )
            if dice.chance(0.4):
                return f"{kind} {dice.pick(material['streets_es'])}"
            return f"{kind} {base}{' ' + _title(dice.pick(pools['last'])) if dice.chance(0.3) else ''}"
        if way < 0.85:
            stem = dice.pick(pools["last"]) if dice.chance(0.6) else dice.pick(material["streets_de"])
            ending = dice.pick(
                (
                    "straße",
                    "strasse",
                    "str.",
                    "gasse",
                    "weg",
                    "platz",
                    "allee",
                    "straat",
                    "laan",
                    "plein",
                    "gatan",
                    "gata",
                    "vägen",
                    "vej",
                    "gade",
                    "katu",
                    "vegur",
                    "kade",
                    "singel",
                    "ring",
                    "ufer",
                )
            )
            return _title(stem + ending) if dice.chance(0.8) else f"{_title(stem)} {_title(ending)}"
        return (
            f"{base} {dice.pick(('utca', 'út', 'tér', 'sokak', 'Nagar', 'Colony', 'Cadde', 'namesti', 'trg', 'Marg'))}"
            if dice.chance(0.6)
            else base
        )

    def postcode() -> str:
        way = dice.random()
        if way < 0.7:
            return digits(dice.pick((5, 5, 5, 4, 6, 9)))
        if way < 0.85:
            return f"{letters(dice.pick((1, 2))).upper()}{dice.whole(1, 20)} {dice.whole(1, 9)}{letters(2).upper()}"
        return f"{digits(4)} {letters(2).upper()}"

    def address() -> str:
        number = digits(dice.pick((1, 2, 2, 3, 3, 4, 5))) + (dice.pick("abc") if dice.chance(0.06) else "")
        head = f"{number} {street()}" if dice.chance(0.65) else f"{street()} {number}"
        if dice.chance(0.06):
            head = f"{dice.pick(('P.O. Box', 'PO Box', 'Postfach', 'PSC'))} {digits(4)}"
        if dice.chance(0.08):
            head = f"{dice.pick(('no', 'No.', 'house', 'door no', 'flat no', '#'))} {head}"
        if dice.chance(0.08):
            head = f"{digits(2)} {head}"
        gap = dice.pick((", ", ", ", " ", "\n", " ", ",\n"))
        parts = [head]
        if dice.chance(0.25):
            parts.append(
                f"{dice.pick(('Apt', 'Apt.', 'Suite', 'Unit', 'Flat', 'Floor', 'piso', 'Etage', '#', 'apartment'))} {dice.pick((digits(1), digits(2), digits(3), digits(2) + 'B'))}"
            )
        way = dice.random()
        if way < 0.25:
            parts.append(f"{city()}{dice.pick((', ', ' '))}{dice.pick(pools['state']).upper()} {postcode()}")
        elif way < 0.5:
            parts.append(
                f"{postcode()} {city()}" if dice.chance(0.5) else f"{city()}{dice.pick((' ', ', '))}{postcode()}"
            )
        elif way < 0.75:
            parts.append(city())
        elif way < 0.8:
            parts.append(postcode())
        if way < 0.8 and dice.chance(0.15):
            parts.append(_title(dice.pick(pools["region"])))
        if dice.chance(0.25):
            parts.append(country() + (f" {postcode()}" if dice.chance(0.3) else ""))
        return gap.join(parts)

    def account() -> str:
        return dice.pick(
            (
                digits(dice.whole(5, 12)),
                digits(9),
                digits(6),
                digits(8),
                f"{letters(3)} {digits(3)}",
                f"{letters(3)}{digits(dice.whole(3, 9))}",
                f"{letters(3)} {digits(9)}",
                f"{letters(1)}{digits(2)}{letters(1)}{digits(2)}".upper(),
                f"{letters(1)} {digits(2)} {letters(1)} {digits(2)}",
                f"{letters(2).upper()}-{digits(6)}",
                f"{digits(4)} {digits(4)} {digits(4)}",
                scrambled(),
                scrambled(),
                f"{letters(2)} {digits(4)}",
                f"{letters(2)}{digits(2)}{letters(2)}",
            )
        )

    def scrambled() -> str:
        """A code read out piece by piece."""
        pieces = [
            letters(dice.whole(1, 3)) if (place + turn) % 2 else digits(dice.whole(1, 4))
            for turn in (dice.whole(0, 1),)
            for place in range(dice.whole(2, 5))
        ]
        return dice.pick((" ", " ", "")).join(pieces)

    def card() -> str:
        head = dice.pick("345678912")
        groups = [head + digits(3), digits(4), digits(4), digits(4)]
        return dice.pick((" ", " ", "-", "", "")).join(groups)

    def expiry() -> str:
        return f"{dice.whole(1, 12):02d}{dice.pick(('/', '/', ' ', '-', ''))}{dice.pick((dice.whole(22, 35), dice.whole(2022, 2035)))}"

    def ssn() -> str:
        return dice.pick(
            (
                f"{digits(3)}-{digits(2)}-{digits(4)}",
                digits(9),
                f"{digits(3)} {digits(2)} {digits(4)}",
                " ".join(digits(9)),
                digits(9),
            )
        )

    def four() -> str:
        number = dice.whole(0, 9999)
        return f"{number if not 1900 <= number <= 2035 else number + 200:04d}"

    def password() -> str:
        base = dice.pick((dice.pick(pools["first"]), dice.pick(pools["word"]), letters(5), letters(4)))
        return dice.pick(
            (
                f"{base}{digits(3)}",
                f"{base}@{digits(3)}",
                f"{base} {digits(4)}",
                f"{_title(base)}{digits(2)}!",
                digits(4),
                digits(6),
                f"{base}{dice.pick(pools['word'])}",
                f"{letters(3)}{digits(3)}{letters(2)}",
            )
        )

    def phone() -> str:
        return dice.pick(
            (
                digits(10),
                digits(10),
                f"({digits(3)}) {digits(3)}-{digits(4)}",
                f"{digits(3)}-{digits(3)}-{digits(4)}",
                f"+{digits(2)} {digits(2)} {digits(7)}",
                f"{digits(3)} {digits(3)} {digits(4)}",
                digits(9),
                f"0{digits(4)} {digits(6)}",
            )
        )

    def email() -> str:
        return f"{dice.pick(pools['first'])}{dice.pick(('', '.', '_', ''))}{dice.pick((digits(2), letters(3), ''))}{dice.pick(('@', '', ' at '))}{dice.pick(('gmail', 'yahoo', 'hotmail', 'mail', 'outlook'))}{dice.pick(('.com', 'com', '.com'))}"

    def org() -> str:
        base = dice.pick(
            (
                last(),
                _title(dice.pick(pools["word"])),
                f"{last()} and {last()}",
                f"{_title(dice.pick(pools['word']))} {_title(dice.pick(pools['word']))}",
                f"{last()}-{last()}",
                _title(_mistyped(dice, dice.pick(pools["word"]))),
            )
        )
        return f"{base} {dice.pick(('Inc', 'Ltd', 'Ltd.', 'LLC', 'GmbH', 'Group', 'Corp.', 'Bank', _title(dice.pick(pools['company'])), _title(dice.pick(pools['company'])), _title(dice.pick(pools['company']))))}"

    def word() -> str:
        return dice.pick(pools["word"])

    def oov() -> str:
        way = dice.random()
        return (
            _mistyped(dice, word()) if way < 0.55 else word() + word()[:4] if way < 0.8 else letters(dice.whole(4, 7))
        )

    months = ("January", "March", "April", "June", "July", "August", "October", "December", "Mai", "enero")
    days = ("Monday", "Tuesday", "Friday", "Sunday", "lunes", "Montag")

    def date() -> str:
        return dice.pick(
            (
                f"{dice.whole(1, 28)} {dice.pick(months)}",
                f"{dice.pick(months)} {dice.whole(1, 28)}",
                f"{dice.whole(1, 12)}/{dice.whole(1, 28)}/{dice.whole(1950, 2026)}",
                f"20{dice.whole(10, 26)}-0{dice.whole(1, 9)}-{dice.whole(10, 28)}",
            )
        )

    def plain_of(values: Sequence[str]) -> Callable[[], str]:
        return lambda: dice.pick(values)

    return _Slots(
        {
            "name": lambda: _mark("name", name()),
            "first": lambda: _mark("name", first()),
            "last": lambda: _mark("name", last()),
            "agent": lambda: _mark("name", first()),
            "address": lambda: _mark("address", address()),
            "street": lambda: _mark(
                "address",
                f"{street()} {dice.whole(1, 200)}" if dice.chance(0.5) else f"{dice.whole(1, 999)} {street()}",
            ),
            "account": lambda: _mark("account_number", account()),
            "account4": lambda: _mark("account_number", four()),
            "card": lambda: _mark("credit_card", card()),
            "role": plain_of(material["roles"]),
            "cvv": lambda: _mark("credit_card", digits(3)),
            "expiry": expiry,
            "ssn": lambda: _mark("ssn", ssn()),
            "ssn4": lambda: _mark("ssn", four()),
            "pin": lambda: _mark("password", four()),
            "password": lambda: _mark("password", password()),
            "phone": lambda: _mark("phone", phone()),
            "email": lambda: _mark("email", email()),
            "city": city,
            "City": city,
            "country": country,
            "org": org,
            "company": org,
            "brand": lambda: _title(dice.pick(pools["brand"])),
            "People": lambda: _title(dice.pick(pools["people"])),
            "food": plain_of(material["foods"]),
            "word": word,
            "Word": lambda: _title(word()),
            "WORD": lambda: word().upper(),
            "oov": oov,
            "Oov": lambda: _title(oov()),
            "month": plain_of(months),
            "weekday": plain_of(days),
            "date": date,
            "date2": date,
            "year": lambda: str(dice.whole(1950, 2026)),
            "time": lambda: f"{dice.whole(1, 12)}{dice.pick((':30', ' pm', 'am', ':15'))}",
            "hour": lambda: f"{dice.whole(6, 18):02d}:{dice.whole(0, 59):02d}",
            "money": lambda: dice.pick(
                (
                    f"{dice.whole(5, 900)}",
                    f"{dice.whole(5, 900)}.{dice.whole(10, 99)}",
                    f"{dice.whole(1, 90)}00",
                    f"{dice.whole(1, 12)},{dice.whole(100, 999)}",
                    f"{dice.whole(1, 9)}0000",
                )
            ),
            "amount": lambda: f"{dice.whole(5, 900)}.{dice.whole(10, 99)}",
            "amount2": lambda: f"{dice.whole(1, 12)},{dice.whole(100, 999)}",
            "n": lambda: str(dice.whole(1, 25)),
            "num": lambda: digits(dice.pick((1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5))),
            "digit": lambda: digits(1),
            "n3": lambda: dice.pick(("404", "500", "403", "401", "503")),
            "count": lambda: str(dice.whole(12, 95)),
            "count2": lambda: str(dice.whole(100, 980)),
            "days": lambda: str(dice.whole(2, 9)),
            "order": lambda: f"ORD-{digits(5)}",
            "invoice": lambda: f"INV-{digits(4)}-{digits(5)}",
            "bug": lambda: f"{letters(2).upper()}-{digits(4)}",
            "workspace": lambda: f"{dice.pick(pools['word'])}-{dice.pick(('main', 'prod', 'eu', 'ops', 'team'))}",
            "noun": lambda: f"the {word()} {word()}",
            "error": lambda: f"{_title(word())} {word()} failed",
            "browser": lambda: f"{_title(dice.pick(('chrome', 'firefox', 'safari')))} {dice.whole(18, 140)}",
            "team_name": lambda: _title(word()),
            "to_team": lambda: _title(word()),
            "plan": lambda: _title(word()),
            "plan2": lambda: _title(word()),
        }
    )


def labels_of(message: Read, spans: Sequence[Span]) -> list[str]:
    """The label of each word: the type of the span that it touches."""
    found = [OTHER] * len(message.words)
    at = 0
    for span in sorted(spans):
        while at < len(found) and message.places[at][1] <= span.start:
            at += 1
        place = at
        while place < len(found) and message.places[place][0] < span.end:
            found[place] = span.type
            place += 1
    return found


def train(
    examples: Iterable[Example], own: Iterable[Example] = (), own_weight: float = 1.0, seed: int = SEED
) -> dict[str, Any]:
    """A model document of a regularised multinomial regression over what `features` looks at.

    Args:
        examples: Generated messages: names of them are hidden from the lists at random, so that others are known, too.
        own: Labelled messages as they are.
        own_weight: What one of them counts against a generated one.
    """
    from sklearn.linear_model import LogisticRegression

    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    rows: list[list[str]] = []
    truths: list[str] = []
    weights: list[float] = []
    for is_own, source in ((False, examples), (True, own)):
        for example in source:
            message = read(example.text, example.taken)
            truth = labels_of(message, example.spans)
            if not is_own:
                message = _unlisted(message, truth, dice)
            before = OTHER
            for at, label in enumerate(truth):
                if message.words[at].kind[0] == "[":
                    before = OTHER
                    continue
                rows.append(features(message, at, before, example.context))
                truths.append(label)
                weights.append(own_weight if is_own else 1.0)
                # the label before is the model's own guess when it is used: it errs now and then
                before = label if dice.random() > 0.08 else dice.choice((OTHER, "name", "address"))
    return _fit(rows, truths, weights, LogisticRegression)


def _unlisted(message: Read, truth: Sequence[str], dice: random.Random) -> Read:
    words = list(message.words)
    for at, label in enumerate(truth):
        word = words[at]
        if label == "name" and word.kind in ("FN", "SN", "FNS") and dice.random() < _UNLISTED:
            words[at] = Word("OOV" if dice.random() < 0.7 else "PRO", word.case, "OOV", word.ends)
    return Read(message.places, words, message.marks)


def _fit(rows: list[list[str]], truths: list[str], weights: list[float], regression: Any) -> dict[str, Any]:
    import numpy as np
    from scipy.sparse import csr_matrix

    seen = Counter(name for row in rows for name in row)
    names = sorted(name for name, count in seen.items() if count >= _LEAST_SEEN)
    number_of = {name: number for number, name in enumerate(names)}
    columns: list[int] = []
    starts = [0]
    for row in rows:
        columns += sorted({number_of[name] for name in row if name in number_of})
        starts.append(len(columns))
    matrix = csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(rows), len(names)))
    labels = [OTHER, *sorted(set(truths) - {OTHER})]
    model = regression(C=_STRENGTH, max_iter=400, tol=1e-4)
    model.fit(matrix, [labels.index(truth) for truth in truths], sample_weight=weights)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(labels) == 2:
        coefficients, intercepts = (
            np.vstack([-coefficients / 2, coefficients / 2]),
            [-intercepts[0] / 2, intercepts[0] / 2],
        )
    return document_of(labels, intercepts, names, coefficients)


def written(document: dict[str, Any]) -> str:
    """The text of a model file."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def labelled(conversations: Iterable[Sequence[tuple[str, str, Sequence[Span]]]]) -> Iterator[Example]:
    """Examples of labelled conversations, each message read with what the redactor knows before it.

    Args:
        conversations: (actor, text, what is personal in it) of each message, in order.
    """
    from touchstone.text.redact import Conversation

    for messages in conversations:
        conversation = Conversation()
        for actor, text, spans in messages:
            context = conversation.context(actor)
            conversation.find(actor, text)
            yield _beside_rules(text, spans, context)


def read_labels(path: Path) -> Iterator[list[tuple[str, str, list[Span]]]]:
    """Conversations of a JSONL file: `{"messages": [{"actor", "text", "pii": [{"type", "start", "end"}]}]}`.

    Raises:
        ConfigurationError: A line is not of that form, a type is none of `PII_TYPES`, or a span lies outside its text.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            place = f"{path}, line {number}"
            try:
                messages = [
                    (
                        str(message["actor"]),
                        str(message["text"]),
                        [Span(int(entry["start"]), int(entry["end"]), str(entry["type"])) for entry in message["pii"]],
                    )
                    for message in json.loads(line)["messages"]
                ]
            except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
                raise ConfigurationError(
                    "a labelled conversation cannot be read",
                    f"{place}: {type(error).__name__} {error}",
                    'Write {"messages": [{"actor": ..., "text": ..., "pii": [{"type", "start", "end"}]}]}.',
                ) from error
            for _, text, spans in messages:
                for span in spans:
                    if span.type not in PII_TYPES:
                        raise ConfigurationError(
                            "an unknown type of personal data",
                            f"{place}: {span.type}",
                            f"Use one of {', '.join(PII_TYPES)}.",
                        )
                    if not 0 <= span.start < span.end <= len(text):
                        raise ConfigurationError(
                            "a label outside its text",
                            f"{place}: {span.start} to {span.end} of {len(text)}",
                            "Count code points from 0; the end is exclusive.",
                        )
            yield messages
