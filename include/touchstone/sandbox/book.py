"""The phrase books: for each language the phrases of every topic, and those that belong to none.

A topic's `open` lines are its cases: line 3 is the third thing that customers ask about it. A line of another phrase that
starts with `[1,3]` fits those cases only, one without it fits all. `ask` and `give`, and `second` and `second_answer`, are
pairs by line: what is asked and the answer to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from touchstone.errors import ConfigurationError
from touchstone.sandbox.grammar import Template, compile_template, lines
from touchstone.sandbox.world import load

LANGUAGES = ("en", "es", "de")
_FILES = {
    "en": ("en_billing", "en_technical", "en_access", "en_product"),
    "es": ("es_topics", "es_topics_more"),
    "de": ("de_topics", "de_topics_more"),
}
_COMMON = {"en": ("en_customers", "en_agents", "en_machines"), "es": ("es_common",), "de": ("de_common",)}
_NEEDED = ("noun", "open", "answer", "next", "fact", "wrong", "title")
_PAIRS = {"ask": "give", "second": "second_answer"}
_TAG = re.compile(r"\[([\d,]+)\] ")

Phrases = dict[str, tuple[Template, ...]]
Pair = tuple[Template, Template]


@dataclass(slots=True)
class TopicBook:
    """A topic's phrases.

    Attributes:
        cases: Phrases by name, for each case those that fit it.
        pairs: For each case, by the name of the first half, the pairs that fit it.
        everything: Phrases by name, whatever the case.
    """

    cases: list[Phrases] = field(default_factory=list)
    pairs: list[dict[str, tuple[Pair, ...]]] = field(default_factory=list)
    everything: Phrases = field(default_factory=dict)


@cache
def topics() -> dict[str, dict[str, Any]]:
    """Facts about each topic, as phrases/topics.yml states them."""
    return load("topics")


@cache
def common(language: str) -> Phrases:
    """Phrases that belong to no topic.

    Raises:
        ConfigurationError: One that English has, and that customers see, is missing.
    """
    found: Phrases = {}
    for file in _COMMON[language]:
        found |= {name: lines(text) for name, text in load(file).items()}
    if language != "en":
        seen = {name for name in common("en") if not name.startswith(("note", "auto_engineering"))}
        _refuse(language, sorted(seen - set(found)))
    return found


@cache
def book(language: str) -> dict[str, TopicBook]:
    """The phrases of every topic.

    Raises:
        ConfigurationError: A topic is missing, a case has no phrase of a needed kind, or a pair lacks its other half.
    """
    raw = {topic: block for file in _FILES[language] for topic, block in load(file).items()}
    _refuse(language, sorted(set(topics()) - set(raw)))
    return {topic: _topic(f"{language} {topic}", raw[topic]) for topic in topics()}


def _refuse(where: str, missing: list[str]) -> None:
    if missing:
        raise ConfigurationError(f"phrases missing in {where}", ", ".join(missing), "Write them in sandbox/phrases/.")


def _topic(where: str, block: dict[str, str]) -> TopicBook:
    tagged = {name: [_tagged(line) for line in text.splitlines() if line.strip()] for name, text in block.items()}
    _refuse(where, [name for name in _NEEDED if name not in tagged])
    for first, second in _PAIRS.items():
        if len(tagged.get(first, ())) != len(tagged.get(second, ())):
            raise ConfigurationError(
                f"{first} and {second} in {where} have unequal lines", remedy="Write them in pairs."
            )
    found = TopicBook(everything={name: tuple(line for _, line in entries) for name, entries in tagged.items()})
    for case in range(1, len(tagged["open"]) + 1):
        phrases = {
            name: tuple(line for cases, line in entries if not cases or case in cases)
            for name, entries in tagged.items()
        }
        phrases["open"] = (tagged["open"][case - 1][1],)
        _refuse(f"{where}, case {case}", [name for name in phrases if not phrases[name]])
        found.cases.append(phrases)
        found.pairs.append(
            {
                first: tuple(
                    (line, other)
                    for (cases, line), (_, other) in zip(tagged[first], tagged[second], strict=True)
                    if not cases or case in cases
                )
                for first, second in _PAIRS.items()
                if first in tagged
            }
        )
    return found


def _tagged(line: str) -> tuple[frozenset[int], Template]:
    tag = _TAG.match(line)
    if tag is None:
        return frozenset(), compile_template(line.replace("\\n", "\n"))
    return frozenset(map(int, tag[1].split(","))), compile_template(line[tag.end() :].replace("\\n", "\n"))
