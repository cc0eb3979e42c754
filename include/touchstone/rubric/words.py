"""The wordings of a rubric while it is read: phrase lists by language, what behaviours add, and which of them are used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from touchstone.errors import ConfigurationError
from touchstone.rubric.catalogue import SIMILARITY_VERSION
from touchstone.rubric.model import Pattern
from touchstone.rubric.nodes import Document, Place, Reader, suggestion
from touchstone.text.markers import MARKER_LANGUAGES, marker_lists
from touchstone.text.phrases import segments

MARKER_PREFIX = "marker."


def digest(content: object) -> str:
    """Eight hexadecimal digits that name a JSON-like content, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


class Words:
    """Phrase lists of all files of a rubric.

    Attributes:
        languages: Of the rubric, the main one first.
        phrases: Language -> name -> phrases.
        patterns: By name; what behaviours look for beside phrases.
        used: Names of lists that something refers to.
    """

    def __init__(self, languages: tuple[str, ...], parts: list[Document]) -> None:
        self.languages = languages
        self.phrases: dict[str, dict[str, tuple[str, ...]]] = {language: {} for language in languages}
        self.patterns: dict[str, Pattern] = {}
        self.used: set[str] = set()
        self._places: dict[tuple[str, str], tuple[Document, Place]] = {}
        for document in parts:
            self._read(document)

    def _read(self, document: Document) -> None:
        if "phrase_lists" not in document.value:
            return
        language = document.value.get("language", self.languages[0])
        if language not in self.languages:
            raise document.fault(
                ("language",), "phrase lists in a language that the rubric does not declare", language,
                f"Add it to `languages`, or use one of {', '.join(self.languages)}.",
            )  # fmt: skip
        names = document.value["phrase_lists"]
        reader = Reader(document, ("phrase_lists",), names if isinstance(names, dict) else ())
        for name in reader.value:
            if name in self.phrases[language]:
                raise reader.fault(name, "a phrase list given twice", "Rename one of the two.")
            self.phrases[language][name] = check_phrases(document, ("phrase_lists",), name, reader)
            self._places[language, name] = document, ("phrase_lists", name)

    def add(self, language: str, name: str, phrases: tuple[str, ...]) -> None:
        """A list of a behaviour's own."""
        self.phrases[language][name] = phrases
        self.used.add(name)

    def add_pattern(self, pattern: Pattern) -> None:
        self.patterns[pattern.name] = pattern

    def named(self, reader: Reader, key: str, *, of_customer: bool) -> tuple[str, ...]:
        """Names of lists, checked and noted as used; a customer's may be markers."""
        known = {name for lists in self.phrases.values() for name in lists}
        if of_customer:
            known |= {MARKER_PREFIX + marker for marker in marker_lists().phrases}
        names = reader.texts(key, "names of phrase lists")
        for entry in names:
            if entry not in known:
                raise reader.fault(key, "unknown phrase list", suggestion(entry, known))
        self.used |= {name for name in names if not name.startswith(MARKER_PREFIX)}
        return names

    def languages_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Languages of the rubric in which every one of the lists exists."""
        return tuple(
            language
            for language in self.languages
            if all(
                language in MARKER_LANGUAGES if name.startswith(MARKER_PREFIX) else name in self.phrases[language]
                for name in names
            )
        )

    def wording(self, names: Iterable[str]) -> dict[str, Any]:
        """All that the lists and patterns hold, for a version."""
        found: dict[str, Any] = {}
        for name in sorted(names):
            if name in self.patterns:
                pattern = self.patterns[name]
                found[name] = [pattern.kind, pattern.side, pattern.spec, pattern.at_least]
                if pattern.kind == "similar":
                    found[name].append(SIMILARITY_VERSION)
            elif name.startswith(MARKER_PREFIX):
                marker = name.removeprefix(MARKER_PREFIX)
                found[name] = {
                    language: marker_lists(language).definition["explicit"][marker]
                    for language in self.languages
                    if language in MARKER_LANGUAGES
                }
            else:
                found[name] = {
                    language: lists[name] for language, lists in self.phrases.items() if name in lists
                }  # fmt: skip
        return found

    def require_all_used(self) -> None:
        """Refuse lists that nothing uses: they would be kept up for nothing, or a name was mistyped."""
        for (_, name), (document, place) in self._places.items():
            if name not in self.used:
                raise document.fault(place, "a phrase list that no indicator uses", name, "Use it, or remove it.")


def check_phrases(document: Document, place: Place, name: str, reader: Reader) -> tuple[str, ...]:
    """The phrases of a list, each of which stands for something."""
    phrases = reader.texts(name, "a list of phrases")
    for number, phrase in enumerate(phrases):
        try:
            segments(phrase)
        except ConfigurationError as error:
            raise document.fault((*place, name, number), error.thing, phrase, error.remedy) from None
    return phrases
