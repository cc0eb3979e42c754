"""What the company has written down (help articles, policies), and whether a reply's claims agree with it.

A claim is something that can be looked up: an amount of money, a percentage, a duration, a date, a number of things, a path
through menus. A claim is checked when a text covers the matter of its sentence and states something of the same kind; facts
of one customer's account (the amount of their last bill) are covered by no article and are left alone, and so is what the
customer said first. Versions count by time: a reply is held against the versions that were valid when it was sent.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf, log
from typing import Any

import pandas as pd

from touchstone.errors import TouchstoneError
from touchstone.rubric.model import primary
from touchstone.text.markers import MARKER_LANGUAGES, marker_lists
from touchstone.text.phrases import NEGATORS, WORD, lower_in_place

COLUMNS = ("article_key", "title", "body")
"""Columns that a frame of texts must have; kind (article or policy), language, valid_from, valid_to and version may be there."""
SUPPORTED, UNSUPPORTED, CONTRADICTED = "supported", "unsupported", "contradicted"
_CANDIDATES = 8  # sentences of the library that a claim is held against
_COMMON = 0.25  # a word in more than this share of the sentences finds nothing
_SAME_STATEMENT = 0.7
_MANY_ARTICLES = 20  # a share of so few says nothing about a word
_NUMBER_WORDS = {
    word: value
    for value, words in enumerate(
        (
            "zero null cero", "one eine einen ein un una uno", "two zwei dos", "three drei tres", "four vier cuatro",
            "five funf cinco", "six sechs seis", "seven sieben siete", "eight acht ocho", "nine neun nueve", "ten zehn diez",
            "eleven elf once", "twelve zwolf doce",
        )
    )
    for word in words.split()
}  # fmt: skip
_UNITS = {
    "minute": 1, "minutes": 1, "min": 1, "mins": 1, "minuten": 1, "minuto": 1, "minutos": 1,
    "hour": 60, "hours": 60, "hr": 60, "hrs": 60, "stunde": 60, "stunden": 60, "hora": 60, "horas": 60,
    "day": 1440, "days": 1440, "tag": 1440, "tage": 1440, "tagen": 1440, "werktage": 1440, "werktagen": 1440,
    "arbeitstage": 1440, "arbeitstagen": 1440, "dia": 1440, "dias": 1440,
    "week": 10080, "weeks": 10080, "woche": 10080, "wochen": 10080, "semana": 10080, "semanas": 10080,
    "month": 43200, "months": 43200, "monat": 43200, "monate": 43200, "monaten": 43200, "mes": 43200, "meses": 43200,
    "year": 525600, "years": 525600, "jahr": 525600, "jahre": 525600, "jahren": 525600, "ano": 525600, "anos": 525600,
}  # fmt: skip
_NUMBER = r"\d{1,12}(?:[.,]\d{1,3}){0,4}"
_ANY_NUMBER = rf"(?:{_NUMBER}|{'|'.join(sorted(_NUMBER_WORDS, key=len, reverse=True))})"
_MONTHS = (
    "jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|marz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?"
    "|sep(?:t|tember)?|oct(?:ober)?|okt(?:ober)?|nov(?:ember)?|dec(?:ember)?|dez(?:ember)?"
)
_CLAIM = re.compile(
    rf"(?P<money>(?:[$\u20ac\u00a3]\s?{_NUMBER}|\b{_NUMBER}\s?(?:\u20ac|\$|\u00a3|eur\b|usd\b|gbp\b|euros?\b|dollars?\b)))"
    rf"|(?P<percent>\b{_NUMBER}\s?(?:%|percent\b|prozent\b|por ciento\b))"
    rf"|(?P<date>\b\d{{4}}-\d\d-\d\d\b|\b\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}\b|\b(?:{_MONTHS}) \d{{1,2}}\b|\b\d{{1,2}}\.? (?:{_MONTHS})\b)"
    rf"|(?P<duration>\b{_ANY_NUMBER}[ -](?:business |working |calendar |full |volle |laborables |habiles )?(?:{'|'.join(_UNITS)})\b)"
    r"|(?P<path>\b\w{1,30}(?: \w{1,30})?(?: ?(?:>|\u2192|\u00bb) ?\w{1,30}(?: \w{1,30})?){1,6})"
    rf"|(?P<count>\b{_NUMBER} [a-z]{{4,30}}\b)"
)
_MAY_HOLD_A_CLAIM = re.compile(rf"[\d>\u2192\u00bb]|\b(?:{'|'.join(_NUMBER_WORDS)}) ")
_ARROWS = re.compile(r" ?(?:>|\u2192|\u00bb) ?")
_BLOCK_END = re.compile(r"</(?:p|li|div|tr|h[1-6])>|<br ?/?>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{1,2000}>")
_SENTENCE = re.compile(r"(?:[^.!?\n]|[.](?=\d))+")


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement that can be looked up.

    Attributes:
        start, end: Span in its text.
        value: Comparable: durations in minutes, amounts as numbers, paths and dates as text.
    """

    kind: str
    value: str
    start: int
    end: int


def claims(lower: str, start: int = 0, end: int | None = None) -> list[Claim]:
    """The claims of a stretch of text in lower case."""
    end = len(lower) if end is None else end
    if not _MAY_HOLD_A_CLAIM.search(lower, start, end):
        return []
    found = []
    for match in _CLAIM.finditer(lower, start, end):
        kind = match.lastgroup
        value = _value(kind, match.group())
        if value is not None:
            found.append(Claim(kind, value, match.start(), match.end()))
    return found


def _value(kind: str, text: str) -> str | None:
    if kind == "path":
        return ">".join(_ARROWS.split(text))
    if kind == "date":
        return text
    if kind == "duration":
        words = re.split(r"[ -]", text)
        number = _NUMBER_WORDS.get(words[0])
        number = float(_plain(words[0])) if number is None else number
        return f"{number * _UNITS[words[-1]]:g}"
    number = re.search(_NUMBER, text).group()
    if kind == "count":
        return f"{float(_plain(number)):g} {text.rsplit(' ', 1)[1].rstrip('s')}"
    return f"{float(_plain(number)):g}"


def _plain(number: str) -> str:
    """1,000.50 and 1.000,50 as 1000.50: the last sign that does not part thousands is the decimal one."""
    parts = re.split(r"[.,]", number)
    if len(parts) > 1 and (len(parts[-1]) != 3 or (len(parts) > 2 and number.count(number[-4]) == 1)):
        return "".join(parts[:-1]) + "." + parts[-1]
    return "".join(parts)


@dataclass(slots=True)
class _Sentence:
    article: int
    content: frozenset[str]
    weight: float
    claims: list[Claim]
    is_negated: bool


@dataclass(slots=True)
class _Text:
    key: str
    reference: str
    kind: str
    language: str | None
    valid_from: float
    valid_to: float
    content: frozenset[str]
    claims: list[Claim]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the library says of a claim; `reference` names the text, as `<article key>@<version>`."""

    claim: Claim
    outcome: str
    reference: str


class Library:
    """Texts of all versions, indexed by the words of their sentences.

    Args:
        frame: One row per text and version: article_key, title, body; and, where known, kind (article or policy; article
            unless stated), language, valid_from, valid_to (times), version.

    Raises:
        TouchstoneError: A column is missing or a kind is unknown.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        missing = [name for name in COLUMNS if name not in frame.columns]
        if missing:
            raise TouchstoneError("articles without a column", ", ".join(missing), f"Pass {', '.join(COLUMNS)}.")
        self._texts: list[_Text] = []
        self._sentences: list[_Sentence] = []
        rows: list[tuple[int, str, frozenset[str]]] = []
        for row in frame.to_dict("records"):
            self._add(row, rows)
        frequency: dict[str, int] = {}
        for _, _, content in rows:
            for word in content:
                frequency[word] = frequency.get(word, 0) + 1
        limit = max(_MANY_ARTICLES, _COMMON * len(rows))
        self._weights = {word: log(1 + len(rows) / count) for word, count in frequency.items() if count <= limit}
        self._rarest = log(1 + max(1, len(rows)))
        self._postings: dict[str, list[int]] = {}
        for article, sentence, content in rows:
            place = len(self._sentences)
            kept = frozenset(word for word in content if word in self._weights)
            self._sentences.append(
                _Sentence(
                    article,
                    kept,
                    sum(self._weights[word] for word in kept),
                    claims(sentence),
                    not NEGATORS.isdisjoint(WORD.findall(sentence)),
                )
            )
            for word in kept:
                self._postings.setdefault(word, []).append(place)
        self.kinds = frozenset(text.kind for text in self._texts)

    def _add(self, row: Mapping[str, Any], rows: list[tuple[int, str, frozenset[str]]]) -> None:
        kind = _stated(row, "kind") or "article"
        if kind not in ("article", "policy"):
            raise TouchstoneError("unknown kind of text", kind, "Use article or policy.")
        title, body = _stated(row, "title") or "", _plain_text(_stated(row, "body") or "")
        language = _stated(row, "language") or _stated(row, "locale")
        language = primary(language) if language else None
        stop = marker_lists(language if language in MARKER_LANGUAGES else "en").stop_words
        lower = lower_in_place(f"{title}\n{body}")
        place = len(self._texts)
        sentences = [match.group() for match in _SENTENCE.finditer(lower)]
        named = frozenset(WORD.findall(lower_in_place(title))) - stop
        everything: set[str] = set()
        for sentence in sentences:
            content = _content(WORD.findall(sentence), stop)
            everything |= content
            # a sentence is about what its article is about, too
            rows.append((place, sentence, content | named))
        version = _stated(row, "version") or _stated(row, "version_number") or ""
        self._texts.append(
            _Text(
                str(row["article_key"]),
                f"{row['article_key']}@{version}" if version else str(row["article_key"]),
                kind,
                language,
                _seconds(row.get("valid_from"), -inf),
                _seconds(row.get("valid_to"), inf),
                frozenset(everything),
                claims(lower),
            )
        )

    def check(
        self,
        lower: str,
        start: int,
        end: int,
        sent_at: float,
        language: str,
        kinds: Iterable[str],
        min_overlap: float,
        known: frozenset[tuple[str, str]] = frozenset(),
    ) -> Iterator[Verdict]:
        """Verdicts on the claims of one sentence that can be checked.

        Args:
            lower: The reply in lower case; the sentence is its slice.
            sent_at: Seconds since 1970.
            kinds: Kinds of texts that are asked.
            min_overlap: Share of the sentence's content, by rarity, that a text must have in common to cover its matter.
            known: (kind, value) of what the customer has said: their own facts.
        """
        stated = [one for one in claims(lower, start, end) if (one.kind, one.value) not in known]
        asks_policy = "policy" in kinds and "policy" in self.kinds
        if not stated and not asks_policy:
            return
        words = WORD.findall(lower, start, end)
        content = _content(words, marker_lists(language).stop_words)
        covering = self._covering(content, sent_at, language, frozenset(kinds), min_overlap)
        for claim in stated:
            verdict = self._verdict(claim, covering)
            if verdict:
                yield verdict
        if asks_policy and not stated and covering:
            yield from self._denied(words, content, covering, start, end)

    def _covering(
        self, content: frozenset[str], sent_at: float, language: str, kinds: frozenset[str], min_overlap: float
    ) -> list[_Sentence]:
        """Sentences that cover a content, best first."""
        weight = sum(self._weights.get(word, self._rarest) for word in content)
        if not weight:
            return []
        shared: dict[int, float] = {}
        for word in content:
            for place in self._postings.get(word, ()):
                shared[place] = shared.get(place, 0.0) + self._weights[word]
        found = []
        for place, common in shared.items():
            sentence = self._sentences[place]
            text = self._texts[sentence.article]
            if (
                common >= min_overlap * min(weight, max(sentence.weight, 1e-9))
                and common >= 0.5 * min_overlap * weight
                and text.kind in kinds
                and text.language in (None, language)
                and text.valid_from <= sent_at < text.valid_to
            ):
                found.append((-common / (weight + sentence.weight - common), place))
        found.sort()
        return [self._sentences[place] for _, place in found[:_CANDIDATES]]

    def _verdict(self, claim: Claim, covering: list[_Sentence]) -> Verdict | None:
        other: _Sentence | None = None
        articles: dict[int, None] = {}
        for sentence in covering:
            articles[sentence.article] = None
            same_kind = [one for one in sentence.claims if _comparable(one, claim)]
            if any(one.value == claim.value for one in same_kind):
                return Verdict(claim, SUPPORTED, self._texts[sentence.article].reference)
            if same_kind and other is None:
                other = sentence
        for place in articles:
            text = self._texts[place]
            if any(one.kind == claim.kind and one.value == claim.value for one in text.claims):
                return Verdict(claim, SUPPORTED, text.reference)
        if other is not None:
            return Verdict(claim, CONTRADICTED, self._texts[other.article].reference)
        for place in articles:
            text = self._texts[place]
            if any(_comparable(one, claim) for one in text.claims):
                return Verdict(claim, UNSUPPORTED, text.reference)
        return None

    def _denied(
        self, words: list[str], content: frozenset[str], covering: list[_Sentence], start: int, end: int
    ) -> Iterator[Verdict]:
        """A policy that says nearly the same with the opposite sign."""
        is_negated = not NEGATORS.isdisjoint(words)
        for sentence in covering:
            text = self._texts[sentence.article]
            common = len(content & sentence.content)
            if text.kind == "policy" and common >= _SAME_STATEMENT * len(content | sentence.content):
                if sentence.is_negated != is_negated:
                    yield Verdict(Claim("statement", "", start, end), CONTRADICTED, text.reference)
                return


def contradictions(
    title: str,
    body: str,
    other: Library,
    language: str,
    min_overlap: float,
    known: frozenset[tuple[str, str]] = frozenset(),
) -> list[Claim]:
    """Claims of a text about whose matter the other texts state something else.

    Args:
        body: Words, or HTML.
        language: One that markers are written for.
        min_overlap, known: As `Library.check` takes them.
    """
    lower = lower_in_place(f"{title}\n{_plain_text(body)}")
    return [
        verdict.claim
        for sentence in _SENTENCE.finditer(lower)
        for verdict in other.check(
            lower, sentence.start(), sentence.end(), 0.0, language, ("article",), min_overlap, known
        )
        if verdict.outcome == CONTRADICTED
    ]


def _comparable(one: Claim, other: Claim) -> bool:
    """Whether two claims may state different values of one thing."""
    if one.kind != other.kind:
        return False
    if one.kind == "count":
        return one.value.split(" ")[1] == other.value.split(" ")[1]
    if one.kind == "path":
        return one.value.split(">")[0] == other.value.split(">")[0]
    return True


def _content(words: list[str], stop: frozenset[str]) -> frozenset[str]:
    return frozenset(
        word
        for word in words
        if word not in stop and word not in NEGATORS and not word[0].isdigit() and word not in _UNITS
    )


def _stated(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None or (isinstance(value, float) and value != value) or value is pd.NaT:
        return None
    return str(value)


def _plain_text(body: str) -> str:
    """The words of an article that may be HTML."""
    if "<" not in body:
        return body
    return html.unescape(_TAG.sub(" ", _BLOCK_END.sub("\n", body)))


def _seconds(value: object, default: float) -> float:
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return default
    if not isinstance(value, datetime):
        raise TouchstoneError(
            "validity of an article", str(value), "Give valid_from and valid_to as times with a zone."
        )
    return value.timestamp()
