"""Markers in what customers say: explicit ones by wording, contextual ones by what came before.

A marker is a name with a span, so that a score can be explained by the words that caused it. The lists are data
(`markers.yml`); the contextual markers are `repeat_question`, `all_caps`, `response_gap` and `escalation_request` (which is
worded, but needs the conversation to be judged).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from touchstone.errors import ConfigurationError
from touchstone.text.phrases import WORD, Span

MARKERS_VERSION = "3"
MARKER_LANGUAGES = ("en", "es", "de")
"""Languages that have lists; `markers.yml` is the English one and holds the thresholds of all."""
CONTEXTUAL = ("all_caps", "repeat_question", "response_gap")
_COMPARED_BACK = 20  # a question is compared with this many before it, so that cost stays linear in the conversation
MOST_QUESTIONS = 50
"""Questions of one message that are read; a message with more is no talk between people."""
_SENTENCE_ENDS = ".!?\n"
_TWO_CAPITALS = re.compile("[A-Z]{2}")


@dataclass(frozen=True)
class MarkerLists:
    """The markers of one language.

    Attributes:
        phrases: Name of an explicit marker -> its phrases.
        negatable: Markers whose hits do not count after a negation.
        stop_words: Words that carry no content when questions and answers are compared.
        definition: All that decides the markers; part of the versions of what reads them.
    """

    language: str
    phrases: dict[str, tuple[str, ...]]
    negatable: frozenset[str]
    question_words: frozenset[str]
    repeat_similarity: float
    repeat_content_words: int
    all_caps_words: int
    stop_words: frozenset[str]
    definition: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a message: its span and the words that carry its content."""

    start: int
    end: int
    content: frozenset[str]


@cache
def marker_lists(language: str = "en") -> MarkerLists:
    """The marker lists that ship with Touchstone.

    Raises:
        ConfigurationError: There are none in that language.
    """
    if language not in MARKER_LANGUAGES:
        raise ConfigurationError("no marker lists in this language", language, f"Use {', '.join(MARKER_LANGUAGES)}.")
    english = _document("markers.yml")
    own = english if language == "en" else _document(f"markers.{language}.yml")
    contextual = {**english["contextual"], **own["contextual"]}
    return MarkerLists(
        language=language,
        phrases={name: tuple(entry["phrases"]) for name, entry in own["explicit"].items()},
        negatable=frozenset(name for name, entry in own["explicit"].items() if entry.get("negatable", False)),
        question_words=frozenset(contextual["question_words"]),
        repeat_similarity=contextual["repeat_similarity"],
        repeat_content_words=contextual["repeat_content_words"],
        all_caps_words=contextual["all_caps_words"],
        stop_words=frozenset(own["stop_words"].split()),
        definition={**own, "contextual": contextual},
    )


def _document(name: str) -> dict[str, Any]:
    return yaml.safe_load(resources.files("touchstone.text").joinpath(name).read_text("utf-8"))


def content_words(words: Sequence[str], lists: MarkerLists) -> frozenset[str]:
    """The words that are not stop words."""
    return frozenset(words) - lists.stop_words


def similarity(left: frozenset[str], right: frozenset[str]) -> float:
    """Jaccard similarity, 0 to 1; of two empty sets 0."""
    common = len(left & right)
    return common / (len(left) + len(right) - common) if common else 0.0


def questions(lower: str, words: Sequence[str], lists: MarkerLists) -> list[Question]:
    """The questions of a message: each sentence that ends in a question mark, or, where there is none, a message of up to
    25 words that starts with a question word. One pass over the text.
    """
    found = []
    if "?" in lower:
        begin, at = 0, lower.find("?")
        while at >= 0 and len(found) < MOST_QUESTIONS:
            end = at + 1
            while end < len(lower) and lower[end] in "?!":
                end += 1
            start = 1 + max(lower.rfind(char, begin, at) for char in _SENTENCE_ENDS)
            start = max(start, begin)
            start += len(lower[start:at]) - len(lower[start:at].lstrip())
            content = frozenset(WORD.findall(lower, start, at))
            if content:
                found.append(Question(start, end, content - lists.stop_words))
            begin = end
            at = lower.find("?", end)
    elif words and words[0] in lists.question_words and len(words) <= 25:
        start = len(lower) - len(lower.lstrip())
        found.append(Question(start, len(lower.rstrip()), frozenset(words) - lists.stop_words))
    return found


def repeated(question: Question, earlier: Sequence[Question], lists: MarkerLists) -> Question | None:
    """The earliest of the last 20 questions before that asks the same as `question`, else None."""
    if len(question.content) < lists.repeat_content_words:
        return None
    for other in earlier[-_COMPARED_BACK:]:
        if (
            len(other.content) >= lists.repeat_content_words
            and similarity(question.content, other.content) >= lists.repeat_similarity
        ):
            return other
    return None


def all_caps(text: str, pii: Sequence[dict[str, Any]], lists: MarkerLists) -> list[Span]:
    """Runs of words in capitals; placeholders of redacted text (`[EMAIL]`) and single letters are none."""
    if text.isascii() and not _TWO_CAPITALS.search(text):
        return []
    redacted = [(entry["start"], entry["end"]) for entry in pii]
    spans: list[Span] = []
    run: list[Span] = []
    for match in WORD.finditer(text):
        word = match.group()
        start, end = match.span()
        if redacted and any(first <= start and end <= last for first, last in redacted):
            continue
        if len(word) > 1 and word.isupper() and word.isalpha():
            run.append((start, end))
            continue
        if len(run) >= lists.all_caps_words:
            spans.append((run[0][0], run[-1][1]))
        run = []
    if len(run) >= lists.all_caps_words:
        spans.append((run[0][0], run[-1][1]))
    return spans
