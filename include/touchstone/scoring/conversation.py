"""One conversation as the detectors see it: public turns in order, with what was found in each text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from touchstone.scoring.regions import Templates, is_automatic, own_words
from touchstone.text.markers import MarkerLists, Question, questions
from touchstone.text.phrases import WORD, PhraseMatcher, Span, lower_in_place

EVIDENCE_LENGTH = 500
"""Code points of the longest quote; a longer message is quoted by its beginning."""

_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++(?=\s|$)|\n++")


class Features:
    """What was found in one text; equal texts of a batch share one.

    Attributes:
        lower: The text in lower case without accents; what its author has not written for this occasion (quoted history,
            signature, canned text) is blank, with every offset kept.
        hits: Spans by the name of the phrase list, marker or pattern.
        is_partial: Whether anything is blank that was not.
        is_automatic: Whether the text says of itself that a machine sent it unasked.
    """

    __slots__ = ("_content", "_questions", "_sentences", "hits", "is_automatic", "is_partial", "lower", "text", "words")

    def __init__(self, text: str, matcher: PhraseMatcher, templates: Templates | None = None) -> None:
        self.text = text
        lower = lower_in_place(text)
        self.lower = own_words(lower)
        self.words: list[str] = WORD.findall(self.lower)
        if templates is not None:
            self.lower = templates.without(self.lower, self.words)
            self.words = WORD.findall(self.lower)
        self.is_partial = self.lower != lower
        self.is_automatic = is_automatic(self.lower)
        self.hits: dict[str, list[Span]] = matcher.find(self.lower, self.words)
        self._questions: list[Question] | None = None
        self._sentences: list[Span] | None = None
        self._content: frozenset[str] | None = None

    def questions(self, lists: MarkerLists) -> list[Question]:
        if self._questions is None:
            self._questions = questions(self.lower, self.words, lists)
        return self._questions

    @property
    def own(self) -> str:
        """The text as it was written, with what is not its author's own blank."""
        if not self.is_partial:
            return self.text
        pairs = zip(self.text, self.lower, strict=True)
        return "".join(char if low != " " or char.isspace() else " " for char, low in pairs)

    @property
    def sentences(self) -> list[Span]:
        """Spans of the sentences that hold anything, without the signs that end them."""
        if self._sentences is None:
            self._sentences = []
            begin = 0
            for end, after in [*((one.start(), one.end()) for one in _SENTENCE_END.finditer(self.lower)), (None, None)]:
                part = self.lower[begin:end]
                if part.strip():
                    start = begin + len(part) - len(part.lstrip())
                    self._sentences.append((start, begin + len(part.rstrip())))
                if after is not None:
                    begin = after
        return self._sentences

    @property
    def sentence_count(self) -> int:
        return max(1, len(self.sentences))

    @property
    def word_set(self) -> frozenset[str]:
        if self._content is None:
            self._content = frozenset(self.words)
        return self._content


class Turn:
    """One public message of the customer or of a judged side.

    Attributes:
        position: Place among the turns, from 0.
        subject: human_agent or ai_agent; None for the customer.
        agent_key: Who of that side wrote it; None where the source does not say.
        sent_at: Seconds since 1970.
        polarity: -1 to 1; 0 in a language without a lexicon.
        reply_before: The last reply before this turn; None at the start.
        reply_after: The next reply after this turn; None when none came.
    """

    __slots__ = (
        "agent_key",
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
        agent_key: str | None,
        text: str,
        sent_at: float,
        pii: Sequence[Mapping[str, Any]],
        features: Features,
        polarity: float,
    ) -> None:
        self.position = position
        self.message_key = message_key
        self.subject = subject
        self.agent_key = agent_key
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
        said_by: The same by subject that replied.
        waits: (first of the customer's turns that waited, the reply to it).
        about: What the interaction's header says, by column.
        context: What is read beside the conversation: library and baselines.
        judged: Hits of the judge in the words of this conversation, by side and pattern.
    """

    __slots__ = (
        "about",
        "channel",
        "context",
        "customers",
        "judged",
        "language",
        "lists",
        "replies",
        "said",
        "said_by",
        "turns",
        "waits",
    )

    def __init__(
        self,
        about: Mapping[str, Any],
        language: str,
        turns: list[Turn],
        lists: MarkerLists,
        context: Any = None,
    ) -> None:
        self.about = about
        self.channel = about.get("channel") or "default"
        self.language = language
        self.turns = turns
        self.lists = lists
        self.context = context
        self.judged: dict[str, dict[str, list[Evidence]]] = {}
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


Reader = Callable[[str], Features]


def feature_reader(matcher: PhraseMatcher, templates: Templates | None = None) -> Reader:
    """A function text -> Features that reads equal texts once."""
    seen: dict[str, Features] = {}

    def read(text: str) -> Features:
        features = seen.get(text)
        if features is None:
            features = seen[text] = Features(text, matcher, templates)
        return features

    return read
