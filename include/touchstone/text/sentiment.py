"""Polarity and subjectivity of many texts: TextBlob's figures to the last bit, in a small part of its time.

TextBlob spends its time on a class created per call, on loops over characters and on a lazy dictionary; none of
that changes a result. What remains rests on three facts about ``textblob._text.find_tokens``:

1. Contractions, quotes and punctuation are split inside a *chunk*, a run of characters without white space. So the
   words of a text are the words of its chunks, and what a chunk does to the score can be remembered.
2. Only two replacements look across chunks: emoticons (``: )`` becomes ``:)``) and the ``( ! )`` of sarcasm. Both
   need a chunk that starts with an inner part of such a sign right after a character that can precede it there.
   A text with such a pair is split as a whole (`_Engine.words`); all others are put together from remembered chunks.
3. The end of a sentence matters only because no sign is joined across it; it is never a word of its own.

A word acts on the score through a few state changes (an *effect*, below), which `_fold` applies in TextBlob's order
of floating-point operations. Every step takes time in proportion to the length of the text.

Two habits of TextBlob that surprise are kept, because the named library's meaning is the contract: ``n't`` never
negates (its apostrophe is split off first), and a number before a closing parenthesis may smile (``(at 8)``).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import import_module, metadata
from importlib.util import find_spec
from itertools import chain
from types import ModuleType
from typing import Any, Final

import numpy as np

SENTIMENT_VERSION: Final = f"textblob-pattern-en-{metadata.version('textblob')}"
"""Names the algorithm and its lexicon; part of the version of every scorer that reads the two figures."""

CHUNK_MEMO_SIZE: Final = 1 << 16
"""Chunks remembered at most. Order numbers and addresses never end, so the memo is emptied when it is full."""

CHUNK_MEMO_LENGTH: Final = 40
"""Characters of the longest chunk that is remembered: longer ones are rarely seen twice."""

# An effect is (kind, polarity, subjectivity, intensity, modifier, negates). Words that are not in the lexicon only
# ever forget what came before them: RESET forgets negation and modifier, SHORT (two letters) the negation alone.
# Words of one letter forget nothing and have no effect. TextBlob has one more rule for them, a modifier in "-ly"
# together with a pending negation; but that pair is resolved by the negation itself and never lasts until a next word.
_KNOWN, _SIGN, _EXCLAIM, _NEGATE, _JOIN, _FORGET = range(6)
_NO_MODIFIER, _MODIFIER, _MODIFIER_LY = range(3)

Effect = tuple[int, float, float, float, int, bool]

_RESET: Final[Effect] = (_FORGET, 0.0, 0.0, 0.0, 2, False)
_SHORT: Final[Effect] = (_FORGET, 0.0, 0.0, 0.0, 1, False)
_JOINABLE: Final[Effect] = (_JOIN, 0.0, 0.0, 0.0, 0, False)
_PLAIN: Final[tuple[Effect, ...]] = (_RESET,)

_QUOTES: Final = "“”‘’'\""
_SENTENCE_ENDS: Final = frozenset(("...", ".", "!", "?"))
_CLOSERS: Final = frozenset(("”", "’", "...", ".", "!", "?", ")"))
# TextBlob's RE_ABBR2 and RE_ABBR3 without their final anchor: where they stop is read once per chunk instead of
# once per trailing period. The "|" is in TextBlob's class too.
_INITIALS = re.compile(r"(?:[A-Za-z]\.)++")
_CAPITAL_AND_CONSONANTS = re.compile(r"[A-Z][bcdfghjklmnpqrstvwxz|]++")


class _Memo(dict[str, tuple[Effect, ...]]):
    """Effects by chunk, filled on first sight and bounded by `CHUNK_MEMO_SIZE`."""

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine

    def __missing__(self, chunk: str) -> tuple[Effect, ...]:
        effects = self._engine.chunk_effects(chunk)
        if len(chunk) <= CHUNK_MEMO_LENGTH:
            if len(self) >= CHUNK_MEMO_SIZE:
                self.clear()
            self[chunk] = effects
        return effects


def _textblob_parts() -> tuple[ModuleType, Any]:
    """TextBlob's signs and its English lexicon.

    Its package imports nltk and with it scipy, 2.4 s of CPU that the two modules read here do without. So they are imported
    under an empty package, and forgotten afterwards: who imports TextBlob later gets all of it.
    """
    if "textblob" not in sys.modules:
        package = ModuleType("textblob")
        package.__path__ = find_spec("textblob").submodule_search_locations
        sys.modules["textblob"] = package
        try:
            return import_module("textblob._text"), import_module("textblob.en").sentiment
        finally:
            for name in [name for name in sys.modules if name.partition(".")[0] == "textblob"]:
                del sys.modules[name]
    return import_module("textblob._text"), import_module("textblob.en").sentiment


class _Engine:
    """TextBlob's lexicon and signs in the form that the loops below read.

    The lexicon is copied when the engine is made: later calls of ``textblob.en.sentiment.annotate`` do not reach it.
    """

    def __init__(self) -> None:
        _text, reference = _textblob_parts()
        len(reference)  # a lazy dictionary: the first question loads it
        self._abbreviations: frozenset[str] = frozenset(_text.ABBREVIATIONS)
        self._abbreviation_length = max(map(len, self._abbreviations))
        self._punctuation = frozenset(_text.PUNCTUATION) - {"."}
        self._edges = self._punctuation | {"."}
        self._end_of_sentence: str = _text.EOS
        self._sarcasm = _text.RE_SARCASM
        self._emoticons = _text.RE_EMOTICONS
        self._words = self._word_table(reference, _text.EMOTICONS, _text.PUNCTUATION)
        self._before = self._join_table([sign for signs in _text.EMOTICONS.values() for sign in signs] + ["(!)"])
        self.memo = _Memo(self)

    @staticmethod
    def _word_table(reference, emoticons, punctuation: str) -> dict[str, tuple[Effect, ...]]:
        """Effects of the words that do more than forget: lexicon, negations, exclamation marks, signs."""
        table: dict[str, tuple[Effect, ...]] = {}
        for (_, polarity), signs in emoticons.items():
            for sign in map(str.lower, signs):
                if not sign.isalpha() and len(sign) <= 5 and sign not in punctuation:
                    mood: Effect = (_SIGN, polarity, 1.0, 1.0, 0, False)
                    table.setdefault(sign, (*_forgetting(sign), mood))  # the first group that lists it decides
        table["(!)"] = (_RESET, (_SIGN, 0.0, 1.0, 1.0, 0, False))
        table["!"] = ((_EXCLAIM, 0.0, 0.0, 0.0, 0, False),)
        for word in reference.negations:
            table[word] = ((_NEGATE, 0.0, 0.0, 0.0, int(len(word) > 2), True),)
        for word, by_tag in dict.items(reference):
            if None in by_tag:
                polarity, subjectivity, intensity = by_tag[None]
                modifier = _NO_MODIFIER
                if any(tag in by_tag for tag in reference.modifiers):
                    modifier = _MODIFIER_LY if reference.modifier(word) else _MODIFIER
                negates = word in reference.negations
                table[word] = ((_KNOWN, polarity, subjectivity, intensity, modifier, negates),)
        return table

    @staticmethod
    def _join_table(signs: list[str]) -> dict[str, frozenset[str]]:
        """For each inner part of a sign: the characters that may stand right before it."""
        before: dict[str, set[str]] = {}
        for sign in signs:
            for start in range(1, len(sign)):
                for end in range(start + 1, len(sign) + 1):
                    before.setdefault(sign[start:end], set()).add(sign[start - 1])
        return {part: frozenset(characters) for part, characters in before.items()}

    def score(self, text: str) -> tuple[float, float]:
        """Polarity -1..1 and subjectivity 0..1 of one text."""
        chunks = text.split()
        effects = list(map(self.memo.__getitem__, chunks))
        result = _fold(chain.from_iterable(effects), checked=False)
        if result is not None:
            return result
        if self._may_join(chunks, effects):
            return _fold(chain.from_iterable(map(self._word_effects, self.words(text))), checked=True)
        return _fold(chain.from_iterable(effects), checked=True)

    def _may_join(self, chunks: list[str], effects: list[tuple[Effect, ...]]) -> bool:
        """Whether a sign could reach across two chunks (a false alarm costs time, never the result)."""
        previous = ""
        for chunk, chunk_effects in zip(chunks, effects, strict=True):
            if chunk_effects and chunk_effects[0] is _JOINABLE:
                first = self._first_token(chunk)
                if first == self._end_of_sentence or previous in self._before.get(first, ()):
                    return True
            previous = chunk[-1]
        return False

    def _first_token(self, chunk: str) -> str:
        if self._end_of_sentence in chunk:
            # TextBlob's own mark, written in the text: it stands for no word, so its neighbours are adjacent.
            return self._end_of_sentence
        if chunk.isalnum():
            return chunk
        return chunk[0] if chunk[0] in self._punctuation else self._tokens(chunk)[0]

    def chunk_effects(self, chunk: str) -> tuple[Effect, ...]:
        """Effects of one chunk, led by `_JOINABLE` where a sign could begin before it."""
        if chunk.isalnum():
            effects = self._word_effects(chunk.lower())
            return (_JOINABLE, *effects) if chunk in self._before else effects
        tokens = self._tokens(chunk)
        effects = []
        for effect in chain.from_iterable(map(self._word_effects, self._joined(tokens))):
            if effect is _RESET or effect is _SHORT:
                last = effects[-1] if effects else None
                if last is _RESET or last is effect:
                    continue
                if last is _SHORT:
                    effects.pop()
            effects.append(effect)
        if tokens[0] in self._before or self._end_of_sentence in tokens:
            return (_JOINABLE, *effects)
        return _PLAIN if effects == [_RESET] else tuple(effects)

    def _word_effects(self, word: str) -> tuple[Effect, ...]:
        effects = self._words.get(word)
        return _forgetting(word) if effects is None else effects

    def words(self, text: str) -> list[str]:
        """The words of a text in lower case, exactly those that TextBlob assesses."""
        marked = re.sub(r"\n{2,}", f" {self._end_of_sentence} ", text.replace("\r\n", "\n"))
        return self._joined(self._tokens(marked))

    def _tokens(self, text: str) -> list[str]:
        """The tokens of a text, `textblob._text.EOS` included."""
        # Of the contractions only "n't" shows: all others begin at an apostrophe, which stands alone anyway.
        text = text.replace("n't", " n't")
        for quote in _QUOTES:
            if quote in text:
                text = text.replace(quote, f" {quote} ")
        tokens: list[str] = []
        edges = self._edges
        for piece in text.split():
            if len(piece) == 1 or (piece[0] not in edges and piece[-1] not in edges):
                tokens.append(piece)
            else:
                self._split_edges(piece, tokens)
        return tokens

    def _split_edges(self, piece: str, tokens: list[str]) -> None:
        """Append a piece to the tokens, its leading and trailing punctuation as tokens of their own."""
        punctuation = self._punctuation
        start, end = 0, len(piece)
        while start < end and piece[start] in punctuation:
            tokens.append(piece[start])
            start += 1
        tail: list[str] = []
        initials_end = consonants_end = -1
        while end > start and piece[end - 1] in self._edges:
            if piece[end - 1] in punctuation:
                tail.append(piece[end - 1])
                end -= 1
            if piece.endswith("...", start, end):
                tail.append("...")
                end -= 3
                while end > start and piece[end - 1] == ".":
                    end -= 1
            if end > start and piece[end - 1] == ".":
                if initials_end < 0:
                    match = _INITIALS.match(piece, start)
                    initials_end = match.end() if match else start
                    match = _CAPITAL_AND_CONSONANTS.match(piece, start)
                    consonants_end = match.end() if match else start
                length = end - start
                if (
                    (length <= self._abbreviation_length and piece[start:end] in self._abbreviations)
                    or (end <= initials_end and length % 2 == 0)
                    or (length > 2 and end - 1 <= consonants_end)
                ):
                    break
                tail.append(".")
                end -= 1
        if end > start:
            tokens.append(piece[start:end])
        tail.reverse()
        tokens.extend(tail)

    def _joined(self, tokens: list[str]) -> list[str]:
        """Words in lower case: ends of sentences dropped, emoticons and the sign of sarcasm put together."""
        before = self._before
        words: list[str] = []
        start = 0  # of the sentence at hand, in `words`
        ending = joinable = False
        previous = ""
        for token in tokens:
            is_mark = token == self._end_of_sentence
            if is_mark or token in _SENTENCE_ENDS:
                ending = True
            elif ending and token not in _CLOSERS:
                if joinable:
                    words[start:] = self._join(words[start:])
                start = len(words)
                ending = joinable = False
                previous = ""
            if not is_mark:
                if token in before and previous in before[token]:
                    joinable = True
                words.append(token)
                previous = token[-1]
        if joinable:
            words[start:] = self._join(words[start:])
        return [word.lower() for word in words]

    def _join(self, sentence: list[str]) -> list[str]:
        line = self._sarcasm.sub("(!)", " ".join(sentence))
        return self._emoticons.sub(lambda match: match[1].replace(" ", "") + match[2], line).split()


def _forgetting(word: str) -> tuple[Effect, ...]:
    """Effect of a word that is not in the lexicon."""
    # TextBlob strips apostrophes before it measures for the negation: a no-op, as each apostrophe is its own word.
    length = len(word)
    return _PLAIN if length > 2 else (_SHORT,) if length == 2 else ()


def _fold(effects: Iterable[Effect], *, checked: bool) -> tuple[float, float] | None:
    """Mean polarity and subjectivity over the assessments that the effects build up.

    Args:
        effects: In the order of the words.
        checked: Whether it is settled that no sign reaches across chunks; if not, the first place where one could
            ends the fold with None.
    """
    total_polarity = total_subjectivity = 0.0
    count = 0
    # The open assessment: the only one that later words may change. TextBlob keeps all in a list and sums at the end,
    # in the same order.
    polarity = subjectivity = 0.0
    intensity = 1.0
    negative = False
    modifier = _NO_MODIFIER
    negated = False
    for effect in effects:
        if effect is _RESET:
            modifier = _NO_MODIFIER
            negated = False
            continue
        if effect is _SHORT:
            negated = False
            continue
        kind, effect_polarity, effect_subjectivity, effect_intensity, effect_modifier, negates = effect
        if kind == _KNOWN:
            if modifier:
                polarity = max(-1.0, min(effect_polarity * intensity, 1.0))
                subjectivity = max(-1.0, min(effect_subjectivity * intensity, 1.0))
                intensity = effect_intensity
            else:
                total_polarity += polarity * -0.5 if negative else polarity
                total_subjectivity += subjectivity
                count += 1
                polarity = effect_polarity
                subjectivity = effect_subjectivity
                intensity = effect_intensity
                negative = False
            if negated:
                intensity = 1.0 / intensity
                negative = True
            modifier = effect_modifier
            negated = negates
        elif kind == _SIGN:
            total_polarity += polarity * -0.5 if negative else polarity
            total_subjectivity += subjectivity
            count += 1
            polarity = effect_polarity
            subjectivity = effect_subjectivity
            intensity = effect_intensity
            negative = False
        elif kind == _EXCLAIM:
            polarity = max(-1.0, min(polarity * 1.25, 1.0))
        elif kind == _NEGATE:
            if modifier == _MODIFIER_LY:  # "really not": the negation falls back on the modifier
                negative = True
                negated = False
            else:
                negated = True
                if effect_modifier:
                    modifier = _NO_MODIFIER
        elif not checked:  # _JOIN
            return None
    total_polarity += polarity * -0.5 if negative else polarity
    total_subjectivity += subjectivity
    return total_polarity / (count or 1.0), total_subjectivity / (count or 1.0)


@lru_cache(maxsize=1)
def _engine() -> _Engine:
    return _Engine()


def forget() -> None:
    """Empty the memo of chunks; results stay the same, the next texts take longer."""
    _engine().memo.clear()


def sentiment(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Polarity and subjectivity of texts, bit for bit those of ``TextBlob(text).sentiment``.

    Args:
        texts: Any characters and any length; a text without a known word scores 0 and 0.

    Returns:
        Two float64 arrays of shape (len(texts),): polarity -1 (negative) to 1 (positive), and subjectivity 0 (a
        fact) to 1 (an opinion). Both are pure numbers, in the order of the texts.

    Raises:
        TypeError: `texts` is itself a string, or an item is not one (None, bytes, NaN); the message names its place.
            TextBlob refuses the same items.
    """
    if isinstance(texts, str | bytes):
        raise TypeError("texts is a single string. Pass a sequence of strings.")
    score = _engine().score
    polarities: list[float] = []
    subjectivities: list[float] = []
    for position, text in enumerate(texts):
        if type(text) is not str:
            if not isinstance(text, str):
                raise TypeError(
                    f"texts[{position}] is {type(text).__name__}, not str. Drop or replace missing texts first."
                )
            text = str(text)
        polarity, subjectivity = score(text)
        polarities.append(polarity)
        subjectivities.append(subjectivity)
    return np.array(polarities, dtype=np.float64), np.array(subjectivities, dtype=np.float64)
