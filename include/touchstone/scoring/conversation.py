"""One conversation as the detectors see it: public turns in order, with what was found in each text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from touchstone.text.markers import MarkerLists, Question, questions
from touchstone.text.phrases import WORD, PhraseMatcher, Span, lower_in_place

EVIDENCE_LENGTH = 500
"""Code points of the longest quote; a longer message is quoted by its beginning."""

_QUOTED_LINE = re.compile(r"^[ \t]*>[^\n]*", re.MULTILINE)
_SENTENCE = re.compile(r"(?<![.!?])[.!?]++(?=\s|$)|\n++")


class Features:
    """What was found in one text; equal texts of a batch share one.

    Quoted lines of an e-mail (`> ...`) are somebody else's words: they are blank here, with every offset kept.
    """

    __slots__ = ("_content", "_questions", "_sentences", "hits", "lower", "words")

    def __init__(self, text: str, matcher: PhraseMatcher) -> None:
        self.lower = _without_quotes(lower_in_place(text))
        self.words: list[str] = WORD.findall(self.lower)
        self.hits: dict[str, list[Span]] = matcher.find(self.lower, self.words)
        self._questions: list[Question] | None = None
        self._sentences: int | None = None
        self._content: frozenset[str] | None = None

    def questions(self, lists: MarkerLists) -> list[Question]:
        if self._questions is None:
            self._questions = questions(self.lower, self.words, lists)
        return self._questions

    @property
    def sentence_count(self) -> int:
        if self._sentences is None:
            self._sentences = max(1, sum(1 for _ in _SENTENCE.finditer(self.lower.strip())))
        return self._sentences

    @property
    def word_set(self) -> frozenset[str]:
        if self._content is None:
            self._content = frozenset(self.words)
        return self._content


def _without_quotes(lower: str) -> str:
    if ">" not in lower:
        return lower
    return _QUOTED_LINE.sub(lambda match: " " * len(match.group()), lower)


class Turn:
    """One public message of the customer or of a judged side.

    Attributes:
        position: Place among the turns, from 0.
        subject: human_agent or ai_agent; None for the customer.
        sent_at: Seconds since 1970.
        reply_before: The last reply before this turn; None at the start.
        reply_after: The next reply after this turn; None when none came.
    """

    __slots__ = (
        "features",
        "message_key",
        "pii",
        "polarity",
        "position",
        "reply_after",
        "reply_before",
        "sent_at",
        "subject",
        "text",
    )

    def __init__(
        self,
        position: int,
        message_key: str,
        subject: str | None,
        text: str,
        sent_at: float,
        pii: Sequence[Mapping[str, Any]],
        features: Features,
        polarity: float,
    ) -> None:
        self.position = position
        self.message_key = message_key
        self.subject = subject
        self.text = text
        self.sent_at = sent_at
        self.pii = pii
        self.features = features
        self.polarity = polarity
        self.reply_before: Turn | None = None
        self.reply_after: Turn | None = None


Evidence = tuple[Turn, int, int]


class Conversation:
    """The turns of one interaction.

    Attributes:
        turns: Customer messages and replies in order. Internal notes, automation and system messages are none of them:
            they are never replies, and they earn and lose nothing.
        customers: The customer's turns.
        replies: Turns by subject; only subjects that replied are keys.
        said: Names of all phrase lists that the customer's turns hit.
    """

    __slots__ = ("channel", "customers", "lists", "replies", "said", "said_by", "turns", "waits")

    def __init__(self, channel: str | None, turns: list[Turn], lists: MarkerLists) -> None:
        self.channel = channel or "default"
        self.turns = turns
        self.lists = lists
        self.customers = [turn for turn in turns if turn.subject is None]
        self.replies: dict[str, list[Turn]] = {}
        self.said: set[str] = set()
        self.said_by: dict[str, set[str]] = {}
        self.waits: list[tuple[Turn, Turn]] = []
        self._link()

    def _link(self) -> None:
        reply: Turn | None = None
        waiting: list[Turn] = []
        for turn in self.turns:
            turn.reply_before = reply
            if turn.subject is None:
                waiting.append(turn)
                self.said.update(turn.features.hits)
                continue
            for customer in waiting:
                customer.reply_after = turn
            if waiting:
                self.waits.append((waiting[0], turn))
                waiting = []
            reply = turn
            self.replies.setdefault(turn.subject, []).append(turn)
            self.said_by.setdefault(turn.subject, set()).update(turn.features.hits)

    @property
    def last_speaker(self) -> str | None:
        """The subject of the last reply of all."""
        for turn in reversed(self.turns):
            if turn.subject is not None:
                return turn.subject
        return None

    def customer_hits(self, names: Sequence[str]) -> list[Evidence]:
        """Where the customer says a phrase of one of the lists."""
        return hits(self.customers, names) if not self.said.isdisjoint(names) else []

    def agent_hits(self, subject: str, names: Sequence[str]) -> list[Evidence]:
        """Where a reply of the subject holds a phrase of one of the lists."""
        return hits(self.replies[subject], names) if not self.said_by[subject].isdisjoint(names) else []

    def limit(self, by_channel: Mapping[str, float]) -> float:
        """The channel's number, else the default."""
        return by_channel.get(self.channel, by_channel["default"])


def hits(turns: Sequence[Turn], names: Sequence[str]) -> list[Evidence]:
    """Spans of phrases of the lists in the turns, in order."""
    found: list[Evidence] = []
    for turn in turns:
        in_turn = turn.features.hits
        if in_turn:
            spans = sorted(span for name in names for span in in_turn.get(name, ()))
            found += [(turn, start, end) for start, end in spans]
    return found


def whole(turn: Turn) -> list[Evidence]:
    """The message itself as evidence, at most `EVIDENCE_LENGTH` code points; nothing when it is blank."""
    return [(turn, 0, min(len(turn.text), EVIDENCE_LENGTH))] if turn.text.strip() else []


def feature_reader(matcher: PhraseMatcher) -> Callable[[str], Features]:
    """A function text -> Features that reads equal texts once."""
    seen: dict[str, Features] = {}

    def read(text: str) -> Features:
        features = seen.get(text)
        if features is None:
            features = seen[text] = Features(text, matcher)
        return features

    return read
