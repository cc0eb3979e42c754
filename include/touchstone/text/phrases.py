"""Phrase lists: a small notation for wordings, and a matcher that finds thousands of them in one pass.

A phrase is a sequence of words. `(did not|didn't) (help|work)` stands for its four combinations, and an empty
alternative makes a word optional: `(really |)frustrated`; groups may be nested. Matching ignores case, typographic apostrophes and everything
between words, and returns code-point offsets into the text as it was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from touchstone.errors import ConfigurationError

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
MAX_COMBINATIONS = 5000
_NEGATORS_TEXT = """
not no never without hardly isn't aren't wasn't weren't don't doesn't didn't won't wouldn't can't cannot
"""
NEGATORS = frozenset(_NEGATORS_TEXT.split())
# Words too frequent to be worth looking up; a phrase is indexed by its longest word outside this set.
_FREQUENT_TEXT = """
a an and any are as at be been but by can could did do does for from get got had has have he her here him
his how i i'd i'll i'm i've if in is it it's its just let like me my no not now of on one or our out
please she so some still that that's the their them then there they this to too up us was we we'll we're
we've were what when where which who why will with would yes you you'll you're you've your
"""
_FREQUENT = frozenset(_FREQUENT_TEXT.split())

Span = tuple[int, int]


def lower_in_place(text: str) -> str:
    """Lower case with the same number of code points, and `'` for the typographic apostrophe.

    `str.lower` may lengthen a text (a dotted capital I becomes two code points); such characters stay as they are, so that
    an offset into the result is an offset into `text`.
    """
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(small if len(small := char.lower()) == 1 else char for char in text)
    return lower.replace("\u2019", "'") if "\u2019" in lower else lower


def expand(phrase: str) -> list[tuple[str, ...]]:
    """All word sequences that a phrase stands for.

    Raises:
        ConfigurationError: The phrase holds no word, an unbalanced bracket or too many combinations.
    """
    texts, rest = _alternatives(phrase, phrase)
    if rest:
        raise _unbalanced(phrase)
    found = dict.fromkeys(tuple(WORD.findall(lower_in_place(text))) for text in texts)
    if not found or () in found:
        raise ConfigurationError("phrase without a word", phrase, "Give at least one word that is always there.")
    return list(found)


def _unbalanced(phrase: str) -> ConfigurationError:
    return ConfigurationError("phrase with unbalanced brackets", phrase, "Write alternatives as (one|two).")


def _alternatives(text: str, phrase: str, *, inside: bool = False) -> tuple[list[str], str]:
    """What the beginning of `text` stands for, up to the bracket that closes it, and the rest after that bracket."""
    found: list[str] = []
    built = [""]
    while text:
        at = next((place for place, char in enumerate(text) if char in "()|"), len(text))
        built = [one + text[:at] for one in built]
        sign, text = text[at : at + 1], text[at + 1 :]
        if sign == "(":
            options, text = _alternatives(text, phrase, inside=True)
            built = [one + option for one in built for option in options]
        elif sign == "|" and inside:
            found += built
            built = [""]
        elif sign == ")" and inside:
            return found + built, text
        elif sign:
            raise _unbalanced(phrase)
        if len(found) + len(built) > MAX_COMBINATIONS:
            raise ConfigurationError(
                f"phrase with more than {MAX_COMBINATIONS} combinations", phrase, "Split it into several phrases."
            )
    if inside:
        raise _unbalanced(phrase)
    return built, ""


class PhraseMatcher:
    """Finds the phrases of many named lists.

    Args:
        lists: name -> phrases in the notation above.
        negatable: Names of lists whose hits do not count when one of the three words before is a negation.
    """

    def __init__(self, lists: Mapping[str, Iterable[str]], negatable: Iterable[str] = ()) -> None:
        index: dict[str, dict[tuple[int, int], dict[tuple[str, ...], list[str]]]] = {}
        for name, phrases in lists.items():
            for words in dict.fromkeys(words for phrase in phrases for words in expand(phrase)):
                place = max(range(len(words)), key=lambda at: (words[at] not in _FREQUENT, len(words[at])))
                shape = (place, len(words))
                index.setdefault(words[place], {}).setdefault(shape, {}).setdefault(words, []).append(name)
        self._index = {
            word: [(place, length, wordings) for (place, length), wordings in shapes.items()]
            for word, shapes in index.items()
        }
        self._anchors = frozenset(self._index)
        self._negatable = frozenset(negatable)
        self.names = frozenset(lists)

    def find(self, lower: str, words: Sequence[str]) -> dict[str, list[Span]]:
        """Hits by list name: code-point spans, half-open, in order, none inside another of the same list.

        Args:
            lower: The text in lower case, from `lower_in_place`.
            words: `WORD.findall(lower)`; passed in because the caller needs it too.
        """
        anchors = self._anchors.intersection(words)
        if not anchors:
            return {}
        found: dict[str, list[Span]] = {}
        for at, word in enumerate(words):
            if word not in anchors:
                continue
            for place, length, wordings in self._index[word]:
                start = at - place
                names = wordings.get(tuple(words[start : start + length])) if start >= 0 else None
                if not names:
                    continue
                negated = not NEGATORS.isdisjoint(words[max(0, start - 3) : start])
                for name in names:
                    if not (negated and name in self._negatable):
                        found.setdefault(name, []).append((start, start + length))
        if not found:
            return {}
        places = [match.span() for match in WORD.finditer(lower)]
        return {
            name: [(places[first][0], places[last - 1][1]) for first, last in _outermost(spans)]
            for name, spans in found.items()
        }


def _outermost(spans: list[Span]) -> list[Span]:
    """The spans without those that lie inside another, in order."""
    kept: list[Span] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or end > kept[-1][1]:
            kept.append((start, end))
    return kept
