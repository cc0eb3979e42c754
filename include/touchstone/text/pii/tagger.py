"""A linear model that says of each word whether it is part of a name, an address or a number that identifies somebody.

What it looks at is general: to which lists a word belongs, how it is written, what stands beside it, how long the message
is and what was asked before. The weights of `model.json` are fitted on text that this project generates; `touchstone pii
train` fits others on labels of a company's own. One pass from left to right, a bounded number of look-ups per word.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from touchstone.errors import ConfigurationError
from touchstone.text.pii.lexicon import english, lists, plain

WORDS = re.compile(r"[^\W_]+(?:['’\-](?![sS]\b)[^\W_]+)*|\n|[^\w\s]|_")
OTHER = "O"
FORMAT = 1
MOST_CHARACTERS = 64
"""Of a word, its first characters decide; nobody's name is longer."""

_VOWELS = frozenset("aeiouy")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|er|ra|ro|do|da)")
_QUANTITY = re.compile(
    r"\d+(?:am|pm|h|hr|hrs|min|mins|kg|g|gb|mb|tb|kb|ms|s|x|k|m|km|cm|mm|px|p|usd|eur|days?|d|ghz|hz|mbps|lbs?|oz|ml|l|in|ft|v|w)"
)
_CONTRACTED = frozenset(("s", "t", "m", "re", "ve", "ll", "d"))
_SENTENCE_ENDS = frozenset('.!?\n:;"“”„()[]<>*-•')


class Word(NamedTuple):
    """What is known of a word without its neighbours.

    Attributes:
        kind: The list that decides, or the shape of a number or a sign.
        case: l small, T capital first, U capitals, M mixed, - no letters.
        pivot: The word itself where its identity matters, else its kind.
        ends: Its first and last letters, where no dictionary knows it.
    """

    kind: str
    case: str
    pivot: str
    ends: tuple[str, ...]


class Span(NamedTuple):
    """Characters `start` to `end` hold data of a type."""

    start: int
    end: int
    type: str


@dataclass(frozen=True)
class Context:
    """What a message is read with.

    Attributes:
        asked: Types that the other side has asked for and not yet got.
        place: none: a text alone; stream: one side of a conversation, the other is not there; dialogue: both are there;
            agent: the text is an agent's.
    """

    asked: frozenset[str] = frozenset()
    place: str = "none"


ALONE = Context()


@cache
def _kinds() -> tuple[tuple[str, frozenset[str]], ...]:
    """Kind of a word by the first list that holds it."""
    held = lists()
    small, proper = english()
    both = held["first_names"] & held["surnames"]
    pivots = held["pivots"] - held["word_names"]
    return (
        ("TIT", held["titles"]),
        ("PAR", held["particles"] - {"a", "la", "el", "le", "y", "mc", "o"} | {"mc"}),
        ("FUN", pivots - {"street", "road", "number", "postal", "no"}),
        ("CHT", held["chat"]),
        ("UNI", held["units"]),
        ("MON", held["months_days"]),
        ("FNW", held["word_names"]),
        ("FNS", both - small),
        ("FN", held["first_names"]),
        ("CTY", held["countries"]),
        ("PPL", held["peoples"]),
        ("BRD", held["brands"]),
        ("CIT", held["cities"]),
        ("REG", held["regions"]),
        ("STW", held["street_words"] & small),
        ("STR", held["street_words"]),
        ("REL", held["relations"]),
        ("COM", held["company_words"]),
        ("SNW", held["surnames"] & small),
        ("SN", held["surnames"]),
        ("FOR", held["spanish"] | held["german"]),
        ("DIC", small),
        ("PRO", proper),
    )


@cache
def _street_endings() -> tuple[str, ...]:
    return tuple(sorted(lists()["street_endings"]))


@lru_cache(maxsize=100_000)
def word_of(text: str) -> Word:
    """What is known of one word, number or sign."""
    text = text[:MOST_CHARACTERS]
    if not text[0].isalnum():
        sign = text if text in "\n.,:;?!@#()'\"-/&+*" else "~"
        return Word("." if sign in ".!?" else sign, "-", sign, ())
    low = plain(text).replace("’", "'")
    digits = sum(letter.isdigit() for letter in low)
    if digits:
        return Word(_number_kind(low, digits), "U" if text.isupper() else "-", "#", ())
    case = "l" if text.islower() else "U" if text.isupper() and len(text) > 1 else "T" if text[1:].islower() else "M"
    kind = _kind_of(low)
    if kind == "OOV" and "-" in low:
        parts = [_kind_of(part) for part in low.split("-") if part]
        kind = next((part for part in parts if part in ("FN", "SN", "FNS", "STR")), "OOV" if "OOV" in parts else "HYP")
    pivot = low if low in lists()["pivots"] else kind
    ends = ()
    if kind in ("OOV", "PRO", "FN", "SN", "FNS", "FNW", "SNW", "CIT"):
        # how a word ends tells names of many languages from other words
        ends = (
            f"<{low[:2]}",
            f"{low[-3:]}>",
            f"{low[-2:]}>",
            f"v{not _VOWELS.isdisjoint(low)}{len(low) if len(low) < 9 else 9}",
        )
    return Word(kind, case, pivot, ends)


def _kind_of(low: str) -> str:
    if len(low) == 1 and low not in "aiyo":
        return "LET"
    for kind, words in _kinds():
        if low in words:
            return kind
    for ending in _street_endings():
        if low.endswith(ending) and len(low) > len(ending) + 2:
            return "STE"
    head, mark, tail = low.partition("'")
    if mark and tail in _CONTRACTED and (head in lists()["pivots"] or head in english()[0]):
        return "FUN"
    if low.endswith("s") and low[:-1] in english()[0]:
        return "DIC"
    return "UPC" if low.upper() == low else "OOV"


def _number_kind(low: str, digits: int) -> str:
    if digits == len(low):
        if digits == 4:
            return "YEA" if "1900" <= low <= "2035" else "D4"
        return f"D{digits if digits < 10 else 10 if digits == 10 else 12 if digits < 13 else 19 if digits < 20 else 20}"
    if _ORDINAL.fullmatch(low):
        return "ORD"
    if _QUANTITY.fullmatch(low):
        return "QTY"
    if low.replace("-", "").isdigit():
        return f"DD{min(digits, 12)}"
    return f"MIX{min(digits, 5)}{'+' if digits * 2 > len(low) else ''}"


class Read(NamedTuple):
    """A text in words.

    Attributes:
        places: Start and end of each word.
        words: What is known of each.
        marks: Features of the whole message.
    """

    places: list[tuple[int, int]]
    words: list[Word]
    marks: tuple[str, ...]


def read(text: str, taken: Sequence[tuple[int, int, str]] = ()) -> Read:
    """Words of a text; spans that the rules have taken are one word each of the kind `[type]`.

    Args:
        taken: Non-overlapping spans in order.
    """
    places: list[tuple[int, int]] = []
    words: list[Word] = []
    position = 0
    for start, end, kind in (*taken, (len(text), len(text), "")):
        for match in WORDS.finditer(text, position, start):
            places.append(match.span())
            word = word_of(match.group())
            if word.kind in _PERSONAL and words and words[-1].pivot in _PLACE_STARTS:
                word = Word("CIT", word.case, "CIT", word.ends)  # San Francisco
            words.append(word)
        if kind:
            places.append((start, end))
            words.append(Word(f"[{kind}]", "-", f"[{kind}]", ()))
        position = max(position, end)
    return Read(places, words, _marks(words))


def _marks(words: Sequence[Word]) -> tuple[str, ...]:
    cases = {word.case for word in words}
    foreign = sum(word.kind == "FOR" for word in words)
    count = sum(word.case != "-" or word.pivot == "#" for word in words)
    size = count if count < 4 else 4 if count < 7 else 7 if count < 13 else 13
    case = (
        "low"
        if "T" not in cases and "U" not in cases and "M" not in cases
        else "mix"
        if "l" in cases or "T" in cases
        else "UP"
    )
    return (f"n{size}", case, "foreign" if foreign > 1 and foreign * 6 > count else "english")


_PERSONAL = frozenset(("FN", "FNS", "FNW", "SN", "SNW"))
_PLACE_STARTS = frozenset(
    ["san", "santa", "saint", "los", "las", "port", "fort", "mount", "new", "north", "south", "east", "west"]
)
_EDGE = Word("^", "-", "^", ())


def features(message: Read, at: int, before: str, context: Context) -> list[str]:
    """What the model looks at for one word.

    Args:
        before: Label of the word before.
    """
    words = message.words
    here = words[at]
    left = words[at - 1] if at else _EDGE
    left2 = words[at - 2] if at > 1 else _EDGE
    last = len(words) - 1
    right = words[at + 1] if at < last else _EDGE
    right2 = words[at + 2] if at < last - 1 else _EDGE
    size, caps, tongue = message.marks
    kind = here.kind
    case = here.case
    if case == "T" and (left is _EDGE or left.pivot in _SENTENCE_ENDS):
        case = "I"
    shape = kind + case if caps == "mix" or case == "-" else f"{kind}{caps}"
    lkind, rkind = left.kind + left.case, right.kind + right.case
    found = [
        "0" + shape,
        f"0{shape}{tongue}",
        f"0{shape}{context.place}",
        f"0{shape}{size}",
        f"0{kind}{context.place}{size}{caps}",
        "-1" + lkind,
        "+1" + rkind,
        f"-1{lkind}{shape}",
        f"+1{rkind}{shape}",
        f"-2{left2.kind}{shape}",
        f"+2{right2.kind}{shape}",
        f"w-1{left.pivot}",
        f"w-1{left.pivot}{kind}",
        f"w+1{right.pivot}{kind}",
        f"w-2{left2.pivot} {left.pivot}",
        f"w-2{left2.pivot} {left.pivot} {kind}",
        f"w+2{right.pivot} {right2.pivot}",
        f"{lkind} {shape} {rkind}",
        f"t{before}",
        f"t{before}{shape}",
        f"t{before}{lkind}{shape}",
        f"t{before}{rkind}",
    ]
    if here.pivot is not kind:
        found.append("w" + here.pivot)
    for end in here.ends:
        found.append("e" + end)
        found.append(f"e{end}{case}")
    for asked in context.asked:
        found.append(f"a{asked}{kind}")
        found.append(f"a{asked}{shape}{size}")
        found.append(f"a{asked}t{before}")
    return found


_BETWEEN_LINES = frozenset(",\n.>?|-*~")  # among them the marks of quoted lines
_BEFORE_STREET = frozenset(("D1", "D2", "D3", "D4", "YEA", "D5", "STR"))
_AFTER_STREET = frozenset(("D1", "D2", "D3", "D4", "D5", "D6", "D9", "CTY", "REG"))
# Kinds of words that are personal only beside others, and of signs.
_CLOSED = frozenset(
    (*".\n,:;?!@#()'\"-/&+*~", "FUN", "CHT", "DIC", "FOR", "TIT", "MON", "PPL", "COM", "BRD", "REL", "HYP", "CTY")
)
_ANNOUNCES = frozenset(("name", "named", "is", "nombre", "llamo", "heisse", "soy"))
_SHORT = 8  # words of a message in which an answer may be common words
_CERTAIN = 3.0  # further below, no sum of the other types reaches the threshold


class Tagger:
    """The weights and what they make of a message.

    Attributes:
        labels: The types that it tells apart; the first is `O`, none.
    """

    def __init__(self, labels: Sequence[str], bias: Sequence[float], weights: dict[str, tuple[float, ...]]) -> None:
        self.labels = tuple(labels)
        self.bias = tuple(bias)
        self._weights = weights

    def spans(
        self,
        text: str,
        message: Read,
        context: Context = ALONE,
        threshold: float = 0.5,
    ) -> list[Span]:
        """Spans of one type each, in order.

        Args:
            threshold: Least probability that a word is no `O`.
        """
        labels = self.tag(message, context, threshold)
        return list(_joined(text, message, labels))

    def tag(self, message: Read, context: Context = ALONE, threshold: float = 0.5) -> list[str]:
        """The label of each word, from left to right."""
        least = math.log(threshold / (1 - threshold))
        get = self._weights.get
        number = range(1, len(self.labels))
        words = message.words
        many = len(words) > _SHORT
        before = OTHER
        found: list[str] = []
        for at, word in enumerate(words):
            if word.kind[0] == "[" or (
                before is OTHER and word.kind in _CLOSED and (many or not context.asked) and _is_plain(words, at)
            ):
                before = OTHER
                found.append(OTHER)
                continue
            rows = [row for row in map(get, features(message, at, before, context)) if row is not None]
            scores = [sum(column) for column in zip(self.bias, *rows, strict=True)]
            best = max(number, key=scores.__getitem__)
            top = scores[best]
            none = scores[0]
            if top - none > least - _CERTAIN:
                # log of the summed odds of all types against none
                odds = top + math.log(sum([math.exp(score - top) for score in scores[1:]])) - none
                before = self.labels[best] if odds >= least else OTHER
            else:
                before = OTHER
            found.append(before)
        return found


def _is_plain(words: Sequence[Word], at: int) -> bool:
    """Whether a common word, written small, stands where none is part of a name or an address."""
    if words[at].case not in "l-":
        return False
    if at:
        left = words[at - 1]
        if left.pivot == "#" or left.pivot in _ANNOUNCES:
            return False
    return at + 1 >= len(words) or words[at + 1].pivot != "#"


def _joined(text: str, message: Read, labels: Sequence[str]) -> Iterator[Span]:
    """Neighbours of one type as one span: over an address's commas, line ends and up to two words, a name's points."""
    places, words = message.places, message.words
    at = 0
    while at < len(labels):
        label = labels[at]
        if label == OTHER or not (words[at].case != "-" or words[at].pivot == "#"):
            at += 1
            continue
        last = at
        gap = 0
        for following in range(at + 1, len(labels)):
            word = words[following]
            if labels[following] == label and (word.case != "-" or word.pivot == "#"):
                last, gap = following, 0
                continue
            if word.kind[0] == "[":
                break
            letters = word.case != "-" or word.pivot == "#"
            if label == "address":
                gap += 1 if letters else 0.34
                if gap > 2.1:
                    break
            elif label == "name":
                if letters or word.pivot not in ".-'’":
                    break
                gap += 1
                if gap > 1:
                    break
            else:
                break
        first = at
        if label == "address":
            first, last = _whole_address(words, labels, at, last)
        elif label == "name":
            while (first and words[first - 1].kind == "TIT") or (
                first > 1 and words[first - 1].pivot == "." and words[first - 2].kind == "TIT"
            ):
                first -= 1
        yield Span(places[first][0], places[last][1], label)
        at = last + 1


def _whole_address(words: Sequence[Word], labels: Sequence[str], first: int, last: int) -> tuple[int, int]:
    """An address with the house number before it, and with the unit, postcode, state and country behind it."""
    while first and labels[first - 1] == OTHER and words[first - 1].kind in _BEFORE_STREET:
        first -= 1
    at = last + 1
    while at < len(words) and labels[at] == OTHER:
        word = words[at]
        if word.kind in _AFTER_STREET or (
            word.kind == "UNI" and at + 1 < len(words) and (words[at + 1].pivot == "#" or words[at + 1].pivot == ".")
        ):
            last = at
        elif word.pivot not in _BETWEEN_LINES or at - last > 5:
            break
        at += 1
    return first, last


def load_tagger(path: Path | None = None) -> Tagger:
    """The tagger of a model file; the one that ships when none is named.

    Raises:
        ConfigurationError: The file is no model of this format.
    """
    if path is None:
        return _shipped()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigurationError(
            "a tagger cannot be read", f"{path}: {error}", "Name a file of `pii train`."
        ) from error
    return tagger_of(document, str(path))


@cache
def _shipped() -> Tagger:
    file = resources.files(__package__) / "model.json"
    return tagger_of(json.loads(file.read_text(encoding="utf-8")), "model.json")


def tagger_of(document: Any, name: str = "a model") -> Tagger:
    """The tagger of a model document.

    Raises:
        ConfigurationError: It is none of this format.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ConfigurationError("a tagger has another format", name, f"Train it again: format {FORMAT} is read.")
    labels = document["labels"]
    weights: dict[str, list[float]] = {}
    for number, held in enumerate(document["weights"]):
        for feature, weight in held.items():
            weights.setdefault(feature, [0.0] * len(labels))[number] = weight / 100
    return Tagger(labels, document["bias"], {feature: tuple(row) for feature, row in weights.items()})


def document_of(
    labels: Sequence[str], bias: Iterable[float], names: Sequence[str], rows: Iterable[Iterable[float]]
) -> dict[str, Any]:
    """What a model file holds: hundredths, zeros left out."""
    return {
        "format": FORMAT,
        "labels": list(labels),
        "bias": [round(float(value), 3) for value in bias],
        "weights": [
            {name: round(float(weight) * 100) for name, weight in zip(names, row, strict=True) if abs(weight) >= 0.06}
            for row in rows
        ],
    }
