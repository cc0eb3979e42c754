"""What a word can be: the lists of `lexicon.yml` and `words.yml`, and the English dictionary that TextBlob ships."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import yaml

from touchstone.errors import ConfigurationError

_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "’": "'"}
)


def plain(word: str) -> str:
    """The word in small letters without accents, as the lists have it."""
    if word.isascii():
        return word.lower()
    spread = unicodedata.normalize("NFKD", word.lower().translate(_LETTERS))
    return "".join(letter for letter in spread if not unicodedata.combining(letter))


@cache
def lists() -> dict[str, frozenset[str]]:
    """Every list of both files by its name, folded by `plain`."""
    here = resources.files(__package__)
    found: dict[str, frozenset[str]] = {}
    for name in ("lexicon.yml", "words.yml"):
        for key, words in yaml.safe_load((here / name).read_text(encoding="utf-8")).items():
            found[key] = frozenset(plain(word) for word in words.split())
    return found


@cache
def english() -> tuple[frozenset[str], frozenset[str]]:
    """English words that are written small, and those that only ever stand with a capital (folded)."""
    spec = find_spec("textblob")  # found, not imported: the import costs seconds, the file is all that is read
    if spec is None or spec.origin is None:
        raise ConfigurationError("a package is missing", "textblob", "Install the requirements of this version.")
    small: set[str] = set()
    proper: set[str] = set()
    path = Path(spec.origin).parent / "en" / "en-lexicon.txt"
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            word, _, tag = line.partition(" ")
            if not word[:1].isalpha():
                continue
            if tag.startswith("NNP"):
                proper.add(word.lower())
            elif word.islower():
                small.add(word)
    small |= lists()["chat"]
    return frozenset(small), frozenset(proper - small)
