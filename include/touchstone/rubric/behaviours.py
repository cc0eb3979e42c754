"""Behaviour templates: micro-behaviours that users define, as many as they like, in a rubric's files under `behaviours`.

A behaviour looks for **parts** in the words of the judged side (or, with `by: customer`, of the customer): phrases, regular
expressions, wordings similar to examples, a learned classifier, a named phrase list or marker, a type of personal data, or a
question to an optional LLM judge. `needs` combines the parts (any, all, in order with a largest gap), `at_least` counts hits,
`window` limits the reading to the first seconds or messages, `when` says what makes the behaviour due.

Regular expressions have the syntax of RE2, which matches in time linear in the text: no back-references, no look-around.
Each becomes an indicator with the detector `behaviour`; with weight 0 it is followed without counting in a score.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from touchstone.rubric.catalogue import DETECTORS
from touchstone.rubric.indicators import (
    applies_of,
    better_of,
    entries_of,
    examples_of,
    number_of,
    one_of,
    some_of,
    subjects_of,
    version_of,
)
from touchstone.rubric.model import Indicator, Pattern
from touchstone.rubric.nodes import Document, Place, Reader
from touchstone.rubric.words import Words, check_phrases
from touchstone.text.pii.types import PII_TYPES

_BEHAVIOUR = (
    "id", "version", "dimension", "title", "description", "weight", "critical", "subjects", "applies", "better", "examples",
    "parts", "when", "window", "needs", "at_least", "within_messages", "within_replies", "min_replies", "expect",
)  # fmt: skip
_KINDS = ("phrases", "list", "regex", "similar_to", "classifier", "judge", "pii")
_PART = (*_KINDS, "by", "at_least", "case_sensitive")
_LEAST = {"similar": 0.65, "classifier": 0.5, "judge": 0.5}
_WINDOW = ("first_seconds", "first_messages", "last_messages")
_EVALUATORS = {"judge": "llm", "classifier": "model"}


def read_behaviours(document: Document, dimensions: tuple[str, ...], words: Words) -> Iterator[tuple[Indicator, Place]]:
    """The entries of `behaviours` and where they stand."""
    for number in range(len(entries_of(document, "behaviours"))):
        place = ("behaviours", number)
        yield _behaviour(document, place, dimensions, words), place


def _behaviour(document: Document, place: Place, dimensions: tuple[str, ...], words: Words) -> Indicator:
    reader = Reader(document, place, _BEHAVIOUR)
    identity = reader.take("id", str, "a short name")
    subjects = subjects_of(reader)
    applies = applies_of(document, place, reader)
    specification = DETECTORS["behaviour"].parameters
    names: set[str] = set()
    values: dict[str, Any] = {name: parameter.default for name, parameter in specification.items()}
    values["parts"] = _parts(document, (*place, "parts"), f"{identity}.", "agent", words, reader, names)
    if "when" in reader.value:
        values["when"] = _parts(document, (*place, "when"), f"{identity}.when.", "customer", words, reader, names)
    if "window" in reader.value:
        values["window"] = _window(document, place, reader)
    for name in ("needs", "expect"):
        if name in reader.value:
            values[name] = one_of(reader, name, specification[name].choices)
    for name in ("at_least", "within_messages", "within_replies", "min_replies"):
        if name in reader.value:
            values[name] = number_of(reader, name, specification[name].meaning, is_whole=True)
    _check_structure(reader, values)
    kinds = {words.patterns[name].kind for name in names if name in words.patterns}
    evaluator = next((_EVALUATORS[kind] for kind in _EVALUATORS if kind in kinds), "rule")
    lists = {name for name in names if name not in words.patterns}
    spoken = words.languages_of(lists)
    languages = tuple(language for language in applies.languages or words.languages if language in spoken)
    if not languages:
        raise document.fault(
            place, "wordings that share no language", identity, "Give all parts in one language at least."
        )
    weight = reader.take("weight", (int, float), "a weight, 0 to follow it without counting", optional=True) or 0
    if not 0 <= weight < float("inf"):
        raise reader.fault("weight", "out of range", "Give a weight, 0 to follow it without counting.")
    version = str(reader.take("version", (int, str), "its version", optional=True) or 1)
    return Indicator(
        id=identity,
        version=version_of(version, "behaviour", evaluator, [values, vars(applies)], words.wording(names)),
        dimension=one_of(reader, "dimension", dimensions),
        title=reader.take("title", str, "a title"),
        description=reader.take("description", str, "what is observed, in one or two sentences"),
        weight=float(weight),
        critical=bool(reader.take("critical", bool, "true or false", optional=True)),
        subjects=subjects,
        evaluator=evaluator,
        detector="behaviour",
        parameters=values,
        examples=examples_of(document, place, subjects, words.languages, reader),
        applies=applies,
        languages=languages,
        better=better_of(document, place, reader, words.languages),
        is_template=True,
    )


def _check_structure(reader: Reader, values: dict[str, Any]) -> None:
    if values["needs"] == "in_order" and len(values["parts"]) < 2:
        raise reader.fault("needs", "an order of one part", "Give two parts, or leave `needs` out.")
    if values["within_messages"] is not None and values["needs"] != "in_order":
        raise reader.fault("within_messages", "a gap without an order", "Set `needs: in_order`.")
    if values["within_replies"] is not None and not values["when"]:
        raise reader.fault("within_replies", "counted from nothing", "Say with `when` what comes first.")


def _window(document: Document, place: Place, parent: Reader) -> dict[str, float]:
    parent.take("window", dict, f"one of {', '.join(_WINDOW)}")
    reader = Reader(document, (*place, "window"), _WINDOW)
    if len(reader.value) != 1:
        raise parent.fault("window", "not one limit", f"Give one of {', '.join(_WINDOW)}.")
    name = next(iter(reader.value))
    if name == "first_seconds":
        return {name: reader.positive(name, "seconds from the first reply on")}
    return {name: number_of(reader, name, "a number of messages", is_whole=True)}


def _parts(
    document: Document, place: Place, prefix: str, side: str, words: Words, parent: Reader, names: set[str]
) -> tuple[dict[str, Any], ...]:
    """The parts as the detector reads them: whose words, and under which names their hits are filed."""
    entries = parent.take(str(place[-1]), list, "a list of parts")
    if not entries:
        raise parent.fault(str(place[-1]), "empty list", "Give at least one part.")
    found = []
    for number in range(len(entries)):
        reader = Reader(document, (*place, number), _PART)
        given = [kind for kind in _KINDS if kind in reader.value]
        if len(given) != 1:
            raise document.fault(
                reader.place, "not one kind of part", ", ".join(given), f"Give one of {', '.join(_KINDS)}."
            )
        by = one_of(reader, "by", ("agent", "customer")) if "by" in reader.value else side
        part = _part(document, reader, given[0], f"{prefix}{number + 1}", by, words)
        names |= set(part["names"])
        found.append(part)
    return tuple(found)


def _part(document: Document, reader: Reader, kind: str, name: str, by: str, words: Words) -> dict[str, Any]:
    for key, only in (("at_least", ("similar_to", "classifier", "judge")), ("case_sensitive", ("regex",))):
        if key in reader.value and kind not in only:
            raise reader.fault(
                key, f"an entry that {kind} does not have", f"Leave it out; it is for {', '.join(only)}."
            )
    if kind == "pii":
        return {"by": by, "names": (), "pii": some_of(reader, "pii", PII_TYPES, "unknown type of personal data")}
    if kind == "list":
        return {"by": by, "names": words.named(reader, "list", of_customer=by == "customer"), "pii": ()}
    if kind == "phrases":
        _own_phrases(document, reader, name, words)
    else:
        words.add_pattern(_pattern(document, reader, kind, name, by))
    return {"by": by, "names": (name,), "pii": ()}


def _own_phrases(document: Document, reader: Reader, name: str, words: Words) -> None:
    if isinstance(reader.value["phrases"], dict):
        place = (*reader.place, "phrases")
        by_language = Reader(document, place, words.languages)
        for language in by_language.value:
            words.add(language, name, check_phrases(document, place, language, by_language))
    else:
        words.add(words.languages[0], name, check_phrases(document, reader.place, "phrases", reader))


def _pattern(document: Document, reader: Reader, kind: str, name: str, by: str) -> Pattern:
    if kind == "regex":
        expressions = reader.texts("regex", "regular expressions")
        is_sensitive = reader.take("case_sensitive", bool, "true or false", optional=True)
        for number, expression in enumerate(expressions):
            _check_expression(document, (*reader.place, "regex", number), expression)
        return Pattern(name, by, "regex", tuple(one if is_sensitive else f"(?i){one}" for one in expressions))
    least = None
    kind = {"similar_to": "similar"}.get(kind, kind)
    spec = reader.texts({"similar": "similar_to"}.get(kind, kind), "texts")
    if kind != "similar" and len(spec) > 1:
        raise reader.fault(kind, "more than one", "Give one; further ones are parts of their own.")
    least = float(reader.take("at_least", (int, float), "0 to 1", optional=True) or _LEAST[kind])
    if not 0 < least <= 1:
        raise reader.fault("at_least", "out of range", "Give more than 0 and at most 1.")
    return Pattern(name, by, kind, spec, least)


def _check_expression(document: Document, place: Place, expression: str) -> None:
    try:
        matches_nothing = pc.match_substring_regex(pa.array([""]), pattern=expression)[0].as_py()
    except pa.ArrowInvalid as error:
        raise document.fault(
            place, "not a regular expression", expression,
            f"{str(error).removeprefix('Invalid regular expression: ').capitalize()}; the syntax is that of RE2.",
        ) from None  # fmt: skip
    if matches_nothing:
        raise document.fault(
            place, "an expression that matches the empty text", expression, "Ask for one character at least."
        )
