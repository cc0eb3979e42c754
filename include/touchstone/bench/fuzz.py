"""Seeded texts that look for differences between two sentiment scorers: one home for tests and benchmarks."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import lru_cache

# fmt: off
_FILLERS = (
    "a", "i", "an", "is", "it", "of", "to", "we", "my", "the", "and", "was", "but", "order", "refund", "ticket", "login",
    "please", "agent", "delivery", "n", "3", "8", "D", "p", "P", "c", "o", "O", "s", "S", "b", "x", "X", "XD", "°O°", "o_O",
)
_CONTRACTIONS = (
    "don't", "can't", "won't", "isn't", "I'm", "it's", "we'll", "they've", "you're", "he'd", "DON'T", "don’t", "it’s",
    "n't", "ain'tn't",
)
_ABBREVIATIONS = (
    "Mr.", "Dr.", "e.g.", "i.e.", "U.S.", "a.m.", "etc.", "vs.", "w/", "o.", "D.", "B|||.", "Bcd.,.", "A.b.c.",
    "x.y.,..", "Hmm.", ".com", "...", "..", ".", "......", "ok.",
)
_ENDS = (".", "!", "?", "...", "!!", "?!", ",", ";", ":", ")", '"', "'", "”", ").", '."', ".'", ".)", "…", "")
_SPACES = (
    " ", " ", " ", " ", "  ", "\t", "\n", "\n\n", "\r\n", "\r\n\r\n", "\r", "\n \n", "\u00a0", "\u2003", "\u2028",
    "\x1f", "\x85",
)
# fmt: on
_EMOTICON_ALPHABET = "<3>:;=8-xXDPpbcoO^)(]}[{°*_.S\\/s'!♥| "
_RANGES = (
    (0x0, 0x7F),
    (0x80, 0x24F),
    (0x300, 0x36F),  # combining marks, as in stacked "zalgo" text
    (0x370, 0x5FF),  # Greek (whose final sigma has a form of its own), Cyrillic, Hebrew
    (0x600, 0x6FF),
    (0x2000, 0x206F),  # spaces, direction marks, quotes
    (0x3000, 0x30FF),
    (0xD800, 0xDFFF),  # lone surrogates
    (0xFE00, 0xFF5E),
    (0x1F300, 0x1F6FF),
    (0x0, 0x10FFFF),
)


@lru_cache(maxsize=1)
def _vocabulary() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """TextBlob's lexicon, its modifiers and its emoticons, each in a fixed order."""
    from textblob._text import EMOTICONS
    from textblob.en import sentiment

    len(sentiment)  # a lazy dictionary: the first question loads it
    known = sorted(dict.keys(sentiment))
    modifiers = [word for word in known if "RB" in dict.__getitem__(sentiment, word)]
    # Few modifiers lack the "-ly" that gives a following negation another target: they get a third of the draws.
    plain = [word for word in modifiers if not word.endswith("ly")]
    modifiers += plain * (len(modifiers) // (2 * len(plain)))
    emoticons = sorted({sign for signs in EMOTICONS.values() for sign in signs})
    return tuple(known), tuple(modifiers), tuple(emoticons)


def lexicon() -> tuple[str, ...]:
    """All words and phrases that TextBlob knows, sorted."""
    return _vocabulary()[0]


def _cased(rng: random.Random, word: str) -> str:
    return rng.choice((word, word, word, word.upper(), word.title()))


def _spread(rng: random.Random, sign: str) -> str:
    """A sign with white space, ends of sentences or nothing between its characters."""
    gaps = rng.choice((("",), ("", " "), (" ",), ("", " ", "\n\n", " END-OF-SENTENCE ")))
    return "".join(character + rng.choice(gaps) for character in sign)


def _lexical(rng: random.Random) -> str:
    """Known words, negations, modifiers, short words, signs and punctuation in any order."""
    words, modifiers, emoticons = _vocabulary()
    parts = []
    for _ in range(rng.randint(1, 14)):
        draw = rng.random()
        if draw < 0.30:
            part = _cased(rng, rng.choice(words))
        elif draw < 0.45:
            part = _cased(rng, rng.choice(modifiers))
        elif draw < 0.60:
            part = _cased(rng, rng.choice(("no", "not", "never", "n't")))
        elif draw < 0.78:
            part = rng.choice(_FILLERS)
        elif draw < 0.84:
            part = rng.choice(_CONTRACTIONS)
        elif draw < 0.88:
            part = rng.choice(_ABBREVIATIONS)
        else:
            part = _spread(rng, rng.choice((*emoticons, "(!)", "(!)", "(!)")))
        if rng.random() < 0.15:
            part = rng.choice(("(", '"', "'", "“", "*", "-", "#")) + part
        parts.append(part + (rng.choice(_ENDS) if rng.random() < 0.3 else "") + rng.choice(_SPACES))
    return "".join(parts)


def _emoticons(rng: random.Random) -> str:
    """Characters of emoticons, mostly without any word."""
    return "".join(rng.choices(_EMOTICON_ALPHABET + " " * 8, k=rng.randint(0, 24)))


def _signs_between_words(rng: random.Random) -> str:
    """Spread signs right beside words, so that a sign may take the end of a word with it."""
    words, _, emoticons = _vocabulary()
    parts = []
    for _ in range(rng.randint(1, 6)):
        parts.append(rng.choice((rng.choice(words), rng.choice(_FILLERS), "(", ">", "really", "")))
        parts.append(rng.choice(("", " ", "\n\n")))
        parts.append(_spread(rng, rng.choice((*emoticons, "(!)"))))
        parts.append(rng.choice(("", " ", ")", "!", ".")))
    return "".join(parts)


def _edges(rng: random.Random) -> str:
    """Abbreviations, quotes, brackets and line breaks, with few words."""
    words = lexicon()
    pool = (
        *_ABBREVIATIONS,
        *_ENDS,
        *_SPACES,
        *_CONTRACTIONS,
        "(",
        "( ! )",
        "(\n\n!)",
        "END-OF-SENTENCE",
        "good",
        "very",
    )
    return "".join(rng.choice(pool) if rng.random() < 0.8 else rng.choice(words) for _ in range(rng.randint(0, 16)))


def _unicode(rng: random.Random) -> str:
    """Characters of one or more ranges, with known words among them."""
    words = lexicon()
    parts = []
    for _ in range(rng.randint(0, 30)):
        if rng.random() < 0.1:
            parts.append(f" {rng.choice(words)}")
        else:
            parts.append(chr(rng.randint(*rng.choice(_RANGES))))
    return "".join(parts)


def _mutated(rng: random.Random) -> str:
    """A lexical text with characters removed, doubled, swapped or replaced."""
    characters = list(_lexical(rng))
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(characters)) if characters else 0
        match rng.randrange(3):
            case 0:
                del characters[place : place + 1]
            case 1:
                characters.insert(place, rng.choice(_EMOTICON_ALPHABET))
            case _:
                characters[place : place + 2] = reversed(characters[place : place + 2])
    return "".join(characters)


_KINDS: tuple[Callable[[random.Random], str], ...] = (
    _lexical,
    _lexical,
    _emoticons,
    _signs_between_words,
    _edges,
    _unicode,
    _mutated,
)


def texts(count: int, seed: int) -> Iterator[str]:
    """`count` texts, the same for the same seed; all kinds take turns."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    for number in range(count):
        yield _KINDS[number % len(_KINDS)](rng)
