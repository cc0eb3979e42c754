"""Personal data and secrets replaced by typed placeholders, conversation by conversation.

Rules find what its form gives away (`pii.rules`), a linear model finds names, addresses and bare numbers (`pii.tagger`), and
the conversation says what a short answer holds: what the other side has asked for is read out of the next messages, and
what was given is known again when it is repeated. Messages are read in order and each with those before it only, so that a
later message changes no earlier one. Linear time in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from touchstone.text.pii import rules
from touchstone.text.pii.asked import asked, first_words
from touchstone.text.pii.lexicon import english, lists, plain
from touchstone.text.pii.tagger import ALONE, Context, Span, Tagger, load_tagger, read
from touchstone.text.pii.types import PII_TYPES, Pii

__all__ = ["PII_TYPES", "REDACTOR_VERSION", "Conversation", "Pii", "redact", "redact_conversation"]

REDACTOR_VERSION = "conversation-1"

THRESHOLD = 0.5
"""Least probability with which the tagger's word is taken."""

STREAM_THRESHOLD = 0.65
"""The same where one side of a conversation is missing: a short answer whose question is not known is doubtful."""

_AGENTS = frozenset(("human_agent", "ai_agent"))
_CAPITAL = re.compile(r"(?<=[\w,] )[A-Z][^\W\d_]+")
_PATIENCE = 2  # messages of the other side after which a question is given up
_MOST_REMEMBERED = 500
_NUMERIC = (
    "ssn",
    "credit_card",
    "card_code",
    "phone",
    "iban",
    "date_of_birth",
    "passport",
    "driver_license",
    "national_id",
    "account_number",
    "order_number",
)
_IN_PARTS = ("name", "address")
_JOINTS = ("", " ", ", ", "-", ". ")
_FILLER = frozenset(
    [
        "yes",
        "yeah",
        "yep",
        "sure",
        "ok",
        "okay",
        "it",
        "it's",
        "its",
        "is",
        "my",
        "the",
        "a",
        "and",
        "here",
        "you",
        "go",
        "of",
        "course",
        "this",
        "that's",
        "thats",
        "name",
        "number",
        "password",
        "pin",
        "user",
        "username",
        "code",
        "last",
        "four",
        "digits",
        "please",
        "thanks",
        "thank",
        "hi",
        "hello",
        "si",
        "claro",
        "es",
        "mi",
        "la",
        "el",
        "ja",
        "klar",
        "mein",
        "das",
        "ist",
        "ich",
        "i",
        "am",
        "im",
        "i'm",
        "for",
        "account",
        "ssn",
        "social",
        "no",
    ]
)
_DECLINES = frozenset(
    [
        "no",
        "not",
        "what",
        "why",
        "forgot",
        "forgotten",
        "dont",
        "don't",
        "cant",
        "can't",
        "how",
        "who",
        "where",
        "when",
        "which",
        "none",
        "nothing",
        "reset",
        "lost",
        "never",
        "unknown",
        "later",
        "wait",
        "moment",
        "stop",
        "agent",
        "ok",
        "okay",
        "yes",
        "yeah",
        "sure",
        "thanks",
        "thank",
        "hi",
        "hello",
        "please",
        "help",
        "sorry",
        "maybe",
        "and",
        "but",
        "nein",
        "nicht",
        "warum",
        "si",
        "claro",
        "gracias",
        "porque",
        "que",
        "olvide",
        "vergessen",
        "danke",
    ]
)


def redact(text: str) -> tuple[str, list[Pii]]:
    """Replace the personal data and secrets of a text that stands alone by placeholders such as `[EMAIL]`.

    Returns:
        The redacted text, which is `text` itself when nothing was found, and the placeholders in it in order. A
        placeholder that `text` already held is text, not a finding.
    """
    return replaced(text, find(text))


def redact_conversation(messages: Iterable[tuple[str, str]]) -> list[tuple[str, list[Pii]]]:
    """Redact messages in their order, each read with those before it.

    Args:
        messages: (actor, text); actors as the warehouse names them: customer, human_agent, ai_agent, system.

    Returns:
        What `redact` returns, for each message.
    """
    conversation = Conversation()
    return [replaced(text, conversation.find(actor, text)) for actor, text in messages]


def replaced(text: str, spans: Sequence[Span]) -> tuple[str, list[Pii]]:
    """The text with a placeholder for each span, and where the placeholders lie."""
    if not spans:
        return text, []
    pieces: list[str] = []
    pii: list[Pii] = []
    position = length = 0
    for start, end, kind in spans:
        placeholder = f"[{kind.upper()}]"
        pieces += (text[position:start], placeholder)
        length += start - position
        pii.append({"type": kind, "start": length, "end": length + len(placeholder)})
        length += len(placeholder)
        position = end
    pieces.append(text[position:])
    return "".join(pieces), pii


def find(
    text: str,
    context: Context = ALONE,
    tagger: Tagger | None = None,
    threshold: float | None = None,
    known: Sequence[Span] = (),
) -> list[Span]:
    """Personal data of one text, in order and without overlaps.

    Args:
        context: What is known before it is read.
        tagger: Another than the one that ships.
        threshold: Another than that of the context.
        known: What is in it for certain, unless a rule sees more around it.
    """
    shadow = rules.shadow_of(text)
    low = shadow.lower()
    words = set(rules.WORD.findall(low))
    has_signs = rules.has_signs(shadow, low) or len(words & rules.SPOKEN_DIGITS) > 1
    if not has_signs and not context.asked and not known and not _is_notable(shadow, words):
        return []
    kept: list[Span] = []
    taken = bytearray(len(text))
    if has_signs or not words.isdisjoint(first_words()):
        for span in rules.found(shadow, words):
            if _placeholder_free(shadow, span):
                rules.claim(_as_asked(shadow, span, context.asked), taken, kept)
    for span in known:
        rules.claim(span, taken, kept)
    if context.asked:
        for span in _answers(shadow, context.asked, taken):
            rules.claim(span, taken, kept)
    kept.sort()
    if not (context.asked or has_signs or _is_notable(shadow, words)):
        return kept
    if context.place == "none" and not words:
        return kept  # figures of which nothing is known
    tagger = tagger or load_tagger()
    if threshold is None:
        threshold = STREAM_THRESHOLD if context.place == "stream" else THRESHOLD
    for span in tagger.spans(shadow, read(shadow, _passed_over(shadow, kept, taken)), context, threshold):
        if _says_something(shadow, span, context):
            rules.claim(span, taken, kept)
    return _merged(shadow, sorted(kept))


def _merged(text: str, spans: list[Span]) -> list[Span]:
    """Neighbouring parts of a name, or of an address, as one."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].type == span.type in _IN_PARTS and text[found[-1].end : span.start] in _JOINTS:
            found[-1] = found[-1]._replace(end=span.end)
        else:
            found.append(span)
    return found


class Conversation:
    """What is known while the messages of a conversation are read one after the other.

    Args:
        tagger: Another than the one that ships.
    """

    def __init__(self, tagger: Tagger | None = None, threshold: float | None = None) -> None:
        self.tagger = tagger
        self.threshold = threshold
        self._asked: dict[str, int] = {}  # by type, for how many more messages of the other side
        self._said = 0
        self._heard_agent = False
        self._known: dict[str, str] = {}  # what was given, in its plain form, and its type

    def context(self, actor: str) -> Context:
        """What the next message is read with if it is this actor's."""
        if actor != "customer":
            return _OF_AGENT
        return _context(frozenset(self._asked), "dialogue" if self._heard_agent else "stream" if self._said else "none")

    def find(self, actor: str, text: str) -> list[Span]:
        """Personal data of the next message, in order and without overlaps."""
        context = self.context(actor)
        spans = find(text, context, self.tagger, self.threshold, self._repeated(text) if self._known else ())
        if actor in _AGENTS:
            self._hear(text)
        elif actor == "customer":
            self._said += 1
            for span in spans:
                self._asked.pop(span.type, None)
        if spans:
            self._remember(text, spans)
        return spans

    def _hear(self, text: str) -> None:
        self._heard_agent = True
        for kind in list(self._asked):
            self._asked[kind] -= 1
            if not self._asked[kind]:
                del self._asked[kind]
        if not first_words().isdisjoint(rules.WORD.findall(text.lower())):
            for item in asked(text):
                self._asked[item.type] = _PATIENCE

    def _remember(self, text: str, spans: Sequence[Span]) -> None:
        if len(self._known) >= _MOST_REMEMBERED:
            return
        small, _ = english()
        for span in spans:
            value = plain(text[span.start : span.end])
            if span.type == "name":
                for word in rules.WORD.findall(value):
                    if len(word) > 2 and word not in small and word not in lists()["pivots"]:
                        self._known[word] = "name"
            else:
                digits = "".join(char for char in value if char.isdigit())
                if (
                    len(digits) > 3
                    and len(digits) * 2 > len(value)
                    and span.type not in ("address", "ip_address", "url")
                ):
                    self._known[digits] = span.type

    def _repeated(self, text: str) -> list[Span]:
        """What was given before, wherever it stands again."""
        known = self._known
        spans = []
        for match in _REPEATABLE.finditer(text):
            value = match.group()
            kind = known.get("".join(char for char in value if char.isdigit()) if value[0].isdigit() else plain(value))
            if kind is not None:
                spans.append(Span(match.start(), match.end(), kind))
        return spans


_REPEATABLE = re.compile(r"[0-9](?:[ \-]?[0-9]){3,40}|[^\W\d_]{3,40}")
_OF_AGENT = Context(frozenset(), "agent")


@cache
def _context(types: frozenset[str], place: str) -> Context:
    return Context(types, place)


@cache
def _quiet() -> frozenset[str]:
    """Words, written small, with which a text needs no second look."""
    held = lists()
    small, _ = english()
    quiet = small | held["pivots"] | held["chat"] | held["spanish"] | held["german"]
    for name in (
        "brands",
        "cities",
        "regions",
        "countries",
        "peoples",
        "months_days",
        "company_words",
        "street_words",
        "units",
        "word_names",
    ):
        quiet |= held[name]
    names = (held["first_names"] | held["surnames"]) - held["word_names"] - held["pivots"]
    return frozenset(quiet - (held["first_names"] - held["word_names"]) - (names - small))


@cache
def _ambiguous() -> frozenset[str]:
    held = lists()
    return (held["word_names"] | held["surnames"]) - {"will", "may", "can"}


@cache
def _announcing() -> frozenset[str]:
    """Words that announce a name which may be a common word."""
    return frozenset(["name", "named", "mr", "mrs", "ms", "dr", "herr", "frau", "nombre", "llamo"])


def _is_notable(text: str, words: set[str]) -> bool:
    if not words <= _quiet():
        for word in words - _quiet():
            if (
                not (word.endswith("s") and word[:-1] in _quiet())
                and plain(word) not in _quiet()
                and not _is_contracted(word)
            ):
                return True
    if not words.isdisjoint(_announcing()):
        return True
    return not words.isdisjoint(_ambiguous()) and any(word.lower() in _ambiguous() for word in _CAPITAL.findall(text))


def _is_contracted(word: str) -> bool:
    head, mark, tail = word.partition("'")
    return bool(mark) and head in _quiet() and tail in ("s", "t", "m", "re", "ve", "ll", "d")


_HELD = re.compile(r"\[[A-Z_]{3,20}\]")
_HELD_OR_PAGE = re.compile(r"\[[A-Z_]{3,20}\]|(?<![a-z])(?:https?|ftp)://[^\s<>\"']+", re.IGNORECASE)


def _passed_over(text: str, kept: list[Span], taken: bytearray) -> list[tuple[int, int, str]]:
    """What the tagger takes as one word each: the spans of the rules, placeholders that the text came with, addresses of pages."""
    if "[" not in text and "://" not in text:
        return kept
    held = [
        (match.start(), match.end(), "held")
        for match in _HELD_OR_PAGE.finditer(text)
        if taken.find(1, match.start(), match.end()) < 0
    ]
    return sorted([*kept, *held])


def _placeholder_free(text: str, span: Span) -> bool:
    return "[" not in text or _HELD.search(text, max(0, span.start - 1), span.end + 1) is None


def _says_something(text: str, span: Span, context: Context) -> bool:
    """Whether a span of the tagger is more than a letter, a title, or one word of an address that was not asked for."""
    value = text[span.start : span.end]
    if span.type == "name":
        return len(value) > 1 and value.lower() not in lists()["titles"]
    if span.type == "address" and context.place in ("none", "agent") and not any(map(str.isspace, value)):
        return sum(map(str.isdigit, value)) > 4
    return len(value) > 1


def _as_asked(text: str, span: Span, kinds: frozenset[str]) -> Span:
    """What only looks like a telephone number is what was asked for, where it has as many digits."""
    if span.type != "phone" or "phone" in kinds:
        return span
    digits = sum(char.isdigit() for char in text[span.start : span.end])
    return next((span._replace(type=kind) for kind in _NUMERIC if kind in kinds and _fits(kind, digits)), span)


_RUN = re.compile(r"(?<![\w$€£.,])(?<![A-Za-z]-)[0-9](?:[ \-.]?[0-9])*(?![\w%€$]|[.,][0-9])")
_CODE = re.compile(r"(?<![\w$€£.\-])(?=[A-Za-z\-]{0,12}[0-9])[A-Za-z0-9](?:-?[A-Za-z0-9]){3,29}(?!\w)")
_CODED = ("passport", "driver_license", "national_id", "account_number", "order_number")
_ANSWER_REACH = 160
_TOKEN = re.compile(r"\S+")


def _answers(text: str, kinds: frozenset[str], taken: bytearray) -> list[Span]:
    """What the types that were asked for make of the numbers and short words of an answer."""
    spans: list[Span] = []
    numeric = [kind for kind in _NUMERIC if kind in kinds]
    if "date_of_birth" in kinds:
        spans += [Span(match.start(), match.end(), "date_of_birth") for match in rules.dates(text[:_ANSWER_REACH])]
    # an answer comes first: what stands further down is a signature or an older message
    coded = next((kind for kind in _CODED if kind in kinds), None)
    if coded:
        spans += [
            Span(match.start(), match.end(), coded)
            for match in _CODE.finditer(text, 0, _ANSWER_REACH)
            if not rules.is_quantity(text, match.end()) and not rules.is_date(match.group())
        ]
    if numeric:
        for match in _RUN.finditer(text, 0, _ANSWER_REACH):
            kind = _kind_of_number(sum(char.isdigit() for char in match.group()), numeric)
            if kind and not rules.is_quantity(text, match.end()) and not rules.is_date(match.group()):
                spans.append(Span(match.start(), match.end(), kind))
    for kind in ("password", "username"):
        if kind in kinds and len(text) < 200:
            tokens = [
                (match.start(), match.end())
                for match in _TOKEN.finditer(text)
                if match.group().lower().strip(".,:;!?") not in _FILLER
            ]
            tokens = [
                (start, end)
                for start, end in tokens
                if any(char.isalnum() for char in text[start:end]) and not taken[start]
            ]
            said = {text[start:end].lower().strip(".,:;!?") for start, end in tokens}
            if len(tokens) == 1 and said.isdisjoint(_DECLINES | lists()["chat"]):
                start, end = tokens[0]
                while end - start > 1 and text[end - 1] in ".,":
                    end -= 1
                spans.append(Span(start, end, kind))
            elif tokens and len(tokens) < 6 and said.isdisjoint(_DECLINES):
                spans += [
                    Span(start, end, kind) for start, end in tokens if any(char.isdigit() for char in text[start:end])
                ]
    return spans


def _kind_of_number(digits: int, kinds: Sequence[str]) -> str | None:
    """The type that a bare number of so many digits answers."""
    for kind in kinds:
        if _fits(kind, digits):
            return kind
    return kinds[0] if digits > 4 else None


_DIGITS_OF = {
    "ssn": (4, 9),
    "credit_card": (4, *range(12, 20)),
    "card_code": (3, 4),
    "phone": range(7, 16),
    "iban": range(10, 35),
    "date_of_birth": (6, 8),
    "passport": range(6, 11),
    "driver_license": range(5, 15),
    "national_id": range(5, 16),
    "account_number": range(4, 21),
    "order_number": range(3, 21),
}


def _fits(kind: str, digits: int) -> bool:
    return digits in _DIGITS_OF[kind]
