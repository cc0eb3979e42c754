"""Reads the indicators of a rubric's file: what they are, the parameters of their detectors, and their examples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from touchstone.rubric.catalogue import (
    CHANNELS,
    DETECTORS,
    HANDLED_BY,
    READING_VERSION,
    REQUIRED,
    Parameter,
)
from touchstone.rubric.model import SUBJECTS, Applies, Example, Indicator
from touchstone.rubric.nodes import Document, Place, Reader, suggestion
from touchstone.rubric.words import Words, digest
from touchstone.text.markers import MARKER_LANGUAGES, marker_lists
from touchstone.text.pii.types import PII_TYPES
from touchstone.text.sentiment import SENTIMENT_VERSION

OUTCOMES = ("holds", "fails", "not_applicable")
_EVALUATORS = ("rule",)
_INDICATOR = (
    "id", "version", "dimension", "title", "description", "weight", "critical", "subjects", "evaluator", "detector", "parameters",
    "applies", "better", "examples",
)  # fmt: skip


def read_indicators(document: Document, dimensions: tuple[str, ...], words: Words) -> Iterator[tuple[Indicator, Place]]:
    """The entries of `indicators` and where they stand."""
    for number in range(len(entries_of(document, "indicators"))):
        place = ("indicators", number)
        yield _indicator(document, place, dimensions, words), place


def entries_of(document: Document, key: str) -> list[Any]:
    """The list under a key of a file, or an empty one."""
    value = document.value.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise document.fault((key,), "not a list", value, f"Give a list of {key}.")
    return value


def one_of(reader: Reader, key: str, choices: tuple[str, ...]) -> str:
    value = reader.take(key, str, f"one of {', '.join(choices)}")
    if value not in choices:
        raise reader.fault(key, "unknown value", suggestion(value, choices))
    return value


def some_of(reader: Reader, key: str, choices: tuple[str, ...], problem: str) -> tuple[str, ...]:
    values = reader.texts(key, f"some of {', '.join(choices)}", optional=True)
    for value in values:
        if value not in choices:
            raise reader.fault(key, problem, suggestion(value, choices))
    if len(set(values)) < len(values):
        raise reader.fault(key, "a value given twice", "Name each once.")
    return values


def by_key(
    document: Document, place: Place, names: tuple[str, ...] = CHANNELS, rest: str = "default"
) -> dict[str, float]:
    """A mapping of channel (or another name) -> positive number; `rest` is required."""
    parent: Any = document.value
    for part in place[:-1]:
        parent = parent[part]
    Reader(document, place[:-1], parent).take(str(place[-1]), dict, f"a mapping of name -> number with `{rest}`")
    reader = Reader(document, place, (rest, *names))
    found = {rest: reader.positive(rest, "the number of everything else")}
    return found | {name: reader.positive(name, "a number") for name in reader.value if name != rest}


def subjects_of(reader: Reader) -> tuple[str, ...]:
    """Whom it judges; both sides unless stated."""
    return some_of(reader, "subjects", SUBJECTS, "unknown subject") or SUBJECTS


def applies_of(document: Document, place: Place, parent: Reader) -> Applies:
    """The conversations that an entry is for."""
    if parent.take("applies", dict, "channels, products, topics, languages, handled_by", optional=True) is None:
        return Applies()
    reader = Reader(document, (*place, "applies"), tuple(Applies.__dataclass_fields__))
    return Applies(
        channels=some_of(reader, "channels", CHANNELS, "unknown channel"),
        products=reader.texts("products", "product areas", optional=True),
        topics=reader.texts("topics", "topics as their source names them", optional=True),
        languages=some_of(reader, "languages", MARKER_LANGUAGES, "unknown language"),
        handled_by=some_of(reader, "handled_by", HANDLED_BY, "unknown way of handling"),
    )


def better_of(document: Document, place: Place, parent: Reader, languages: tuple[str, ...]) -> dict[str, str]:
    """By language, a wording that would have passed; a plain text is in the main language."""
    value = parent.take("better", (str, dict), "a wording that passes, by language", optional=True)
    if value is None:
        return {}
    if isinstance(value, str):
        return {languages[0]: value}
    reader = Reader(document, (*place, "better"), languages)
    return {name: reader.take(name, str, "a wording that passes") for name in reader.value}


def version_of(version: object, detector: str, evaluator: str, content: list[object], wording: dict[str, Any]) -> str:
    """The author's version and a digest of everything that decides the outcome."""
    definition = DETECTORS[detector]
    shared: dict[str, object] = {"reading": READING_VERSION, "detector": [detector, definition.version]}
    if definition.reads_sentiment:
        shared["sentiment"] = SENTIMENT_VERSION
    if definition.reads_questions:
        shared["questions"] = [
            [lists.definition["contextual"], sorted(lists.stop_words)] for lists in map(marker_lists, MARKER_LANGUAGES)
        ]
    return f"{version}-{digest([shared, evaluator, content, wording])}"


def _indicator(document: Document, place: Place, dimensions: tuple[str, ...], words: Words) -> Indicator:
    reader = Reader(document, place, _INDICATOR)
    dimension = one_of(reader, "dimension", dimensions)
    detector = one_of(reader, "detector", tuple(name for name in DETECTORS if name != "behaviour"))
    subjects = subjects_of(reader)
    evaluator = one_of(reader, "evaluator", _EVALUATORS)
    applies = applies_of(document, place, reader)
    parameters, lists = _parameters(document, (*place, "parameters"), detector, words, reader)
    languages = words.languages_of(lists)
    wanted = applies.languages or words.languages
    for language in wanted:
        if language not in languages:
            absent = sorted(name for name in lists if language not in words.languages_of([name]))
            raise document.fault(
                place, f"no {language} wording for", ", ".join(absent),
                "Add the lists in that language, or say `applies: {languages: [...]}`.",
            )  # fmt: skip
    version = str(reader.take("version", (int, str), "the indicator's version"))
    return Indicator(
        id=reader.take("id", str, "a short name"),
        version=version_of(version, detector, evaluator, [parameters, vars(applies)], words.wording(lists)),
        dimension=dimension,
        title=reader.take("title", str, "a title"),
        description=reader.take("description", str, "what is observed, in one or two sentences"),
        weight=reader.positive("weight", "a positive weight"),
        critical=bool(reader.take("critical", bool, "true or false", optional=True)),
        subjects=subjects,
        evaluator=evaluator,
        detector=detector,
        parameters=parameters,
        examples=examples_of(document, place, subjects, words.languages, reader),
        applies=applies,
        languages=wanted,
        better=better_of(document, place, reader, words.languages),
    )


def examples_of(
    document: Document, place: Place, subjects: tuple[str, ...], languages: tuple[str, ...], parent: Reader
) -> tuple[Example, ...]:
    """Conversations with the outcome that they must have."""
    entries = parent.take("examples", list, "a list of example conversations", optional=True) or []
    names = ("outcome", "says", "subject", "channel", "language", "quotes")
    found = []
    for number in range(len(entries)):
        reader = Reader(document, (*place, "examples", number), names)
        found.append(
            Example(
                outcome=one_of(reader, "outcome", OUTCOMES),
                says=reader.texts("says", "the messages, such as 'C: Hello'"),
                subject=one_of(reader, "subject", subjects) if "subject" in reader.value else None,
                channel=one_of(reader, "channel", CHANNELS) if "channel" in reader.value else "chat",
                language=one_of(reader, "language", languages) if "language" in reader.value else languages[0],
                quotes=reader.texts("quotes", "what the evidence quotes", optional=True),
                path=document.path,
                line=document.line(reader.place),
            )
        )
    return tuple(found)


def _parameters(
    document: Document, place: Place, detector: str, words: Words, parent: Reader
) -> tuple[dict[str, Any], set[str]]:
    """Values of all parameters of a detector, defaults included, and the phrase lists that they name."""
    specification = DETECTORS[detector].parameters
    given: dict[str, Any] = parent.take("parameters", dict, "the detector's parameters", optional=True) or {}
    if given:
        Reader(document, place, specification)
    lists: set[str] = set()
    values: dict[str, Any] = {}
    for name, parameter in specification.items():
        if name not in given:
            if parameter.default is REQUIRED:
                raise document.fault(place, "missing parameter", name, f"Add `{name}`: {parameter.meaning}.")
            values[name] = parameter.default
        else:
            values[name] = _parameter(Reader(document, place, specification), name, parameter, words, lists)
    return values, lists


def _parameter(reader: Reader, name: str, parameter: Parameter, words: Words, lists: set[str]) -> Any:
    kind = parameter.kind
    if kind in ("agent_phrases", "customer_phrases"):
        names = words.named(reader, name, of_customer=kind == "customer_phrases")
        lists |= set(names)
        return names
    if kind == "choice":
        return one_of(reader, name, parameter.choices)
    if kind == "by_channel":
        return by_key(reader.document, (*reader.place, name))
    if kind == "by_language":
        return by_key(reader.document, (*reader.place, name), MARKER_LANGUAGES)
    if kind == "items":
        return _items(reader, name, words, lists)
    if kind == "texts":
        return reader.texts(name, parameter.meaning)
    if kind == "pii_types":
        return some_of(reader, name, PII_TYPES, "unknown type of personal data")
    if kind == "boolean":
        return reader.take(name, bool, "true or false")
    return number_of(reader, name, parameter.meaning, is_whole=kind == "integer")


def number_of(reader: Reader, name: str, meaning: str, *, is_whole: bool) -> float:
    value = reader.take(name, int if is_whole else (int, float), meaning)
    if not math.isfinite(value) or (is_whole and value < 1):
        raise reader.fault(name, "out of range", f"Give {meaning}.")
    return value


def _items(reader: Reader, name: str, words: Words, lists: set[str]) -> tuple[dict[str, Any], ...]:
    entries = reader.take(name, list, "a list of pieces of information")
    found = []
    for number in range(len(entries)):
        item = Reader(reader.document, (*reader.place, name, number), ("item", "asked", "given", "given_pii"))
        types = some_of(item, "given_pii", PII_TYPES, "unknown type of personal data")
        given = words.named(item, "given", of_customer=True) if "given" in item.value else ()
        if not types and not given:
            raise item.fault("given", "nothing says when the item is given", "Add `given` or `given_pii`.")
        asked = words.named(item, "asked", of_customer=False)
        lists |= {*asked, *given}
        found.append(
            {
                "item": item.take("item", str, "a short name"),
                "asked": asked,
                "given": given,
                "given_pii": types,
            }
        )
    return tuple(found)
