"""What a message asks for: which personal data the next messages of the other side are expected to hold.

`items.yml` names each type in English, Spanish and German. A sentence asks when it is a question or a request to the reader
and names a type, unless it forbids it ("never send your password").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache
from importlib import resources
from typing import NamedTuple

import yaml

from touchstone.text.pii.lexicon import plain


class Named(NamedTuple):
    """A type of data that a text names, at characters `start` to `end`."""

    type: str
    start: int
    end: int


@cache
def _items() -> tuple[re.Pattern[str], dict[str, str], frozenset[str]]:
    """The pattern of all names of data, the type of each name, and the first words of them."""
    held = yaml.safe_load((resources.files(__package__) / "items.yml").read_text(encoding="utf-8"))
    type_of: dict[str, str] = {}
    for kind, names in held["items"].items():
        for name in names.split("\n"):
            for one in name.split(","):
                if one.strip():
                    type_of[plain(one.strip())] = kind
    longest_first = sorted(type_of, key=len, reverse=True)
    pattern = re.compile(
        r"(?<![\w])(?:" + "|".join(re.escape(name).replace(r"\ ", "[ -]") for name in longest_first) + r")(?![\w])"
    )
    return pattern, type_of, frozenset(_WORD.findall(name)[0] for name in type_of)


def first_words() -> frozenset[str]:
    """Words without which a text names no data."""
    return _items()[2]


_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|[0-9]")


def named(low: str, words: Collection[str] | None = None) -> Iterator[Named]:
    """The data that a folded text (`plain`) names, in order; `none` covers other things with such a word in them.

    Args:
        words: Its words where they are known already.
    """
    pattern, type_of, first = _items()
    starts: list[int] = []
    for word in first.intersection(_WORD.findall(low) if words is None else words):
        at = low.find(word)
        while at >= 0:
            starts.append(at)
            at = low.find(word, at + len(word))
    floor = 0
    for start in sorted(starts):
        if start < floor:
            continue
        match = pattern.match(low, start)
        if match is None:
            continue
        floor = match.end()
        kind = type_of.get(match.group()) or type_of[match.group().replace("-", " ")]
        if kind != "none":
            yield Named(kind, match.start(), match.end())


_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")
_ASKS = re.compile(
    r"\?\s*\Z|\bplease\b|\bkindly\b|\b(?:can|could|may|might|would|will) (?:you|i|we)\b|\bwhat(?:'s|s| is| are| was)\b|\bwhich\b|\bwho am i\b"
    r"|^\W*(?:and |so |then |now |first |just |also |ok(?:ay)?,? |great,? |sure,? )?(?:provide|share|confirm|verify|enter|tell|give|send|spell|type|state|reply)\b"
    r"|\b(?:i|we)(?:'ll|ll| will| would|'d)? (?:also |just |still )?(?:need|require)\b|\b(?:provide|share|give|tell|send|confirm|verify|have|know|get) (?:me |us )?(?:with )?(?:your|the)\b"
    r"|\b(?:puede|podria|me (?:da|dice|indica|facilita|confirma)|indique(?:me)?|facilite(?:me)?|digame|dime|cual es|proporcione|necesito|necesitamos|confirme|por favor|con quien)\b"
    r"|\b(?:konnen|konnten|koennten|wurden|bitte|wie (?:ist|lautet|heissen)|nennen|geben sie|teilen sie|brauche|brauchen|benotige|benotigen|bestatigen|mit wem)\b"
)
_FORBIDS = re.compile(
    r"\b(?:never|do not|don't|dont|does not|doesn't|not (?:share|send|post|give|enter|need|ask)|no (?:comparta|envie|mande|escriba)|nunca|nie|niemals|nicht|keine|kein|without|instead of|no need|reset|change|update|forgot|forgotten|expired|restablecer|cambiar|zurucksetzen|andern)\b"
)
_ASKS_TO_BE_TOLD = re.compile(
    r"\bwhat(?:'s|s| is| are| was)\b|\b(?:tell|give|send|provide|share|confirm|verify|spell|state|email me|text me|reply with|read (?:me|out))\b|\b(?:can|could|may) (?:i|we) (?:please )?(?:have|get|know|ask)\b"
    r"|\b(?:i|we)(?:'ll|ll| will| would|'d)? (?:also |just |still )?(?:need|require)\b|\b(?:have|type|enter)\b.{0,30}\b(?:here|below|in (?:the |this )?chat|for me)\b|\b(?:your|the)\b[^?]{0,40}\bplease\b|\A\W*(?:your|full|and (?:the|your))\b[^?]{0,60}\?"
    r"|\b(?:me (?:da|dice|indica|facilita|confirma)|indique(?:me)?|facilite(?:me)?|digame|dime|deme|envieme|mandeme|cual es|proporcione|necesito|necesitamos|confirme)\b"
    r"|\b(?:wie (?:ist|lautet)|nennen|geben sie|teilen sie|schicken sie|senden sie|sagen sie|brauche|brauchen|benotige|benotigen|bestatigen)\b"
)


def asked(text: str, to_be_told: bool = False) -> list[Named]:
    """The data that a message asks its reader for.

    Args:
        text: Words without letters' accents matter little; offsets are those of `text`.
        to_be_told: Only what is to be written back: not what is to be entered or changed elsewhere.
    """
    low = _folded(text)
    found: list[Named] = []
    for sentence in _SENTENCE.finditer(low):
        said = sentence.group()
        items = list(named(said))
        if not items or not _ASKS.search(said) or _FORBIDS.search(said):
            continue
        if to_be_told and not _ASKS_TO_BE_TOLD.search(said):
            continue
        offset = sentence.start()
        found += [Named(kind, offset + start, offset + end) for kind, start, end in items]
    return found


def _folded(text: str) -> str:
    """`plain`, one letter for one."""
    if text.isascii():
        return text.lower()
    return "".join((plain(letter) or " ")[:1] for letter in text)
