"""Phrase lists: a small notation for wordings, and a matcher that finds thousands of them in one pass.

A phrase is a sequence of words. `(did not|didn't) (help|work)` stands for its four combinations, and an empty
alternative makes a word optional: `(really |)frustrated`; groups may be nested. `have .. corrected` allows up to five other
words of the same sentence in between. Matching ignores case, accents, typographic
apostrophes and everything between words, and returns code-point offsets into the text as it was given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from touchstone.errors import ConfigurationError

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
MAX_COMBINATIONS = 5000
MAX_GAP = 5
_GAP = re.compile(r"\s+\.\.\s+")
_SENTENCE_END = re.compile(r"[.!?\n]")
_NEGATORS_TEXT = """
not no never without hardly isn't aren't wasn't weren't don't doesn't didn't won't wouldn't can't cannot
nunca tampoco jamas sin nicht kein keine keinen nie niemals ohne weder
"""
NEGATORS = frozenset(_NEGATORS_TEXT.split())
# Words too frequent to be worth looking up; a phrase is indexed by its longest word outside this set.
_FREQUENT_TEXT = """
a an and any are as at be been but by can could did do does for from get got had has have he her here him
his how i i'd i'll i'm i've if in is it it's its just let like me my no not now of on one or our out
please she so some still that that's the their them then there they this to too up us was we we'll we're
we've were what when where which who why will with would yes you you'll you're you've your
al con como de del el en ella es esta este esto he hemos la las le les lo los me mi muy nos o para pero por que se ser si
sin su sus te tengo un una usted y ya yo
aber als am auch auf aus bei bin bitte da das dem den der des die dies diese du ein eine einen er es fur habe haben hat ich
ihnen ihr ihre im ist ja kann konnen mich mir mit nach nicht noch oder sich sie sind so uber um und uns von war was wenn
werden wie wir wird zu zum zur
"""
_FREQUENT = frozenset(_FREQUENT_TEXT.split())
# Accented letters that are a letter and an accent: people who type in haste leave the accent out.
_BASES = {
    code: base
    for code in range(0xC0, 0x250)
    if (base := unicodedata.normalize("NFD", chr(code))[0]) != chr(code) and base.isascii()
}

Span = tuple[int, int]


def lower_in_place(text: str) -> str:
    """Lower case without accents, with the same number of code points, and `'` for the typographic apostrophe.

    `str.lower` may lengthen a text (a dotted capital I becomes two code points); such characters stay as they are or lose the dot, so that
    an offset into the result is an offset into `text`.
    """
    lower = text.lower()
    if text.isascii():
        return lower
    if len(lower) != len(text):
        lower = "".join(small if len(small := char.lower()) == 1 else char for char in text)
    return lower.replace("\u2019", "'").translate(_BASES)


def segments(phrase: str) -> list[tuple[tuple[str, ...], ...]]:
    """The stretches of a phrase between its gaps, each as the word sequences that it stands for.

    Raises:
        ConfigurationError: A stretch holds no word, an unbalanced bracket or too many combinations.
    """
    return [expand(part) for part in _GAP.split(phrase)]


@lru_cache(maxsize=20_000)
def expand(phrase: str) -> tuple[tuple[str, ...], ...]:
    """All word sequences that a phrase without a gap stands for.

    Raises:
        ConfigurationError: The phrase holds no word, an unbalanced bracket or too many combinations.
    """
    texts, rest = _alternatives(phrase, phrase)
    if rest:
        raise _unbalanced(phrase)
    found = dict.fromkeys(tuple(WORD.findall(lower_in_place(text))) for text in texts)
    if not found or () in found or ".." in phrase:
        raise ConfigurationError("phrase without a word", phrase, "Give at least one word that is always there.")
    return tuple(found)


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


class _Segment:
    """Word sequences of which one must follow, or come before, within the gap."""

    __slots__ = ("lengths", "sequences")

    def __init__(self, sequences: Iterable[tuple[str, ...]]) -> None:
        self.sequences = frozenset(sequences)
        self.lengths = sorted({len(one) for one in self.sequences}, reverse=True)

    def after(self, words: Sequence[str], end: int) -> Span | None:
        """The nearest sequence that begins at most `MAX_GAP` words behind `end`."""
        for start in range(end, min(end + MAX_GAP + 1, len(words))):
            for length in self.lengths:
                found = tuple(words[start : start + length])
                if len(found) == length and found in self.sequences:
                    return start, start + length
        return None

    def before(self, words: Sequence[str], start: int) -> Span | None:
        """The nearest sequence that ends at most `MAX_GAP` words before `start`."""
        for end in range(start, max(start - MAX_GAP - 1, 0), -1):
            for length in self.lengths:
                if end >= length and tuple(words[end - length : end]) in self.sequences:
                    return end - length, end
        return None


Rest = tuple[tuple[_Segment, ...], tuple[_Segment, ...]]
"""Segments before the anchor, nearest first, and segments behind it."""


class PhraseMatcher:
    """Finds the phrases of many named lists in one pass: the cost depends on the text, hardly on the number of lists.

    Every wording is filed under its rarest word; a text is looked up word by word.

    Args:
        lists: name -> phrases in the notation above.
        negatable: Names of lists whose hits do not count when one of the three words before is a negation.
    """

    def __init__(self, lists: Mapping[str, Iterable[str]], negatable: Iterable[str] = ()) -> None:
        index: dict[str, dict[tuple[int, int], dict[tuple[str, ...], list[tuple[str, Rest | None]]]]] = {}
        for name, phrases in lists.items():
            plain: dict[tuple[str, ...], None] = {}
            for phrase in phrases:
                parts = segments(phrase)
                if len(parts) == 1:
                    plain.update(dict.fromkeys(parts[0]))
                else:
                    at = max(range(len(parts)), key=lambda place: min(_rarity(words) for words in parts[place]))
                    made = [_Segment(part) for part in parts]
                    rest = tuple(made[:at][::-1]), tuple(made[at + 1 :])
                    for words in parts[at]:
                        _file(index, words, name, rest)
            for words in plain:
                _file(index, words, name, None)
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
        apart: list[tuple[str, Span]] = []
        for at, word in enumerate(words):
            if word not in anchors:
                continue
            for place, length, wordings in self._index[word]:
                start = at - place
                names = wordings.get(tuple(words[start : start + length])) if start >= 0 else None
                if not names:
                    continue
                negated = None
                for name, rest in names:
                    if rest is not None:
                        span = _around(words, start, start + length, rest)
                        if span is not None:
                            apart.append((name, span))
                        continue
                    if name in self._negatable:
                        if negated is None:
                            negated = not NEGATORS.isdisjoint(words[max(0, start - 3) : start])
                        if negated:
                            continue
                    found.setdefault(name, []).append((start, start + length))
        if not found and not apart:
            return {}
        places = [match.span() for match in WORD.finditer(lower)]
        for name, (start, end) in apart:
            if name in self._negatable and not NEGATORS.isdisjoint(words[max(0, start - 3) : start]):
                continue
            if not _SENTENCE_END.search(lower, places[start][1], places[end - 1][0]):
                found.setdefault(name, []).append((start, end))
        return {
            name: [(places[first][0], places[last - 1][1]) for first, last in _outermost(spans)]
            for name, spans in found.items()
        }


def _rarity(words: tuple[str, ...]) -> tuple[bool, int]:
    return max((word not in _FREQUENT, len(word)) for word in words)


def _file(index: dict, words: tuple[str, ...], name: str, rest: Rest | None) -> None:
    place = max(range(len(words)), key=lambda at: (words[at] not in _FREQUENT, len(words[at])))
    shape = (place, len(words))
    index.setdefault(words[place], {}).setdefault(shape, {}).setdefault(words, []).append((name, rest))


def _around(words: Sequence[str], start: int, end: int, rest: Rest) -> Span | None:
    """The span of a phrase with gaps whose anchor stands from `start` to `end`; None where a part of it is missing."""
    before, after = rest
    for segment in before:
        found = segment.before(words, start)
        if found is None:
            return None
        start = found[0]
    for segment in after:
        found = segment.after(words, end)
        if found is None:
            return None
        end = found[1]
    return start, end


def _outermost(spans: list[Span]) -> list[Span]:
    """The spans without those that lie inside another, in order."""
    kept: list[Span] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or end > kept[-1][1]:
            kept.append((start, end))
    return kept
