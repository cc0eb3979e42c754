"""Reads a rubric from YAML and refuses what cannot work, with the file and the line."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from touchstone.errors import ConfigurationError
from touchstone.rubric.catalogue import CHANNELS, DETECTORS, REQUIRED, RULES_VERSION, Parameter
from touchstone.rubric.model import SUBJECTS, TIERS, Dimension, Example, Indicator, Rubric, SentimentRules, Tier
from touchstone.rubric.nodes import Document, Place, Reader, suggestion
from touchstone.text.markers import MARKERS_VERSION, marker_lists
from touchstone.text.phrases import expand
from touchstone.text.pii.types import PII_TYPES
from touchstone.text.sentiment import SENTIMENT_VERSION

DEFAULT_RUBRIC = Path(__file__).with_name("default.yml")
DIMENSION_COUNTS = range(5, 8)
MARKER_PREFIX = "marker."
OUTCOMES = ("holds", "fails", "not_applicable")
_EVALUATORS = ("rule",)
_STATUSES = ("draft", "approved", "retired")
_TOP = (
    "id",
    "version",
    "title",
    "languages",
    "approval",
    "tiers",
    "sentiment",
    "dimensions",
    "include",
    "phrase_lists",
    "indicators",
)
_TEXT_OR_DATE = (str, date)


def load_rubric(path: Path | str | None = None) -> Rubric:
    """Read and validate a rubric; whether it is approved is asked when it is used (`Rubric.require_approved`).

    Args:
        path: A YAML file; None is the rubric that ships with Touchstone. Files that it names under `include` (relative to
            it) add phrase lists and indicators.

    Raises:
        ConfigurationError: Anything is missing, unknown, doubled or out of range; the message names file and line.
    """
    document = Document(Path(path) if path else DEFAULT_RUBRIC)
    top = Reader(document, (), _TOP)
    parts = [document]
    for name in top.texts("include", "names of YAML files beside this one", optional=True):
        parts.append(Document(document.path.parent / name))
        Reader(parts[-1], (), ("phrase_lists", "indicators"))
    phrases = _phrase_lists(parts)
    dimensions = _dimensions(document)
    approval = Reader(document, ("approval",), ("status", "approved_by", "approved_at"))
    status = _one_of(approval, "status", _STATUSES)
    tiers = Reader(document, ("tiers",), ("acceptable_from", "excellent_from"))
    acceptable = tiers.positive("acceptable_from", "the lowest acceptable score")
    excellent = tiers.positive("excellent_from", "the lowest excellent score")
    if not acceptable < excellent <= 100:
        raise tiers.fault(
            "excellent_from", "thresholds out of order", "Give 0 < acceptable_from < excellent_from <= 100."
        )
    languages = tuple(
        language.lower() for language in top.texts("languages", "primary subtags of languages such as [en]")
    )
    sentiment = _sentiment(document)
    shared = {
        "rules": RULES_VERSION,
        "markers": MARKERS_VERSION,
        "sentiment": SENTIMENT_VERSION,
        "lists": marker_lists().definition,
    }
    indicators = _indicators(parts, dimensions, phrases, shared)
    version = str(top.take("version", (str, int, float), "the version of this rubric"))
    identity = top.take("id", str, "a short name")
    content = {
        "shared": shared,
        "languages": languages,
        "tiers": [acceptable, excellent],
        "sentiment": {**vars(sentiment), "response_gap_minutes": dict(sentiment.response_gap_minutes)},
        "dimensions": [[dimension.id, dimension.weight, dimension.definition] for dimension in dimensions],
        "indicators": [
            [one.id, one.version, one.weight, one.critical, one.subjects, one.dimension] for one in indicators
        ],
    }
    approved_at = approval.take("approved_at", _TEXT_OR_DATE, "a date such as 2026-01-15", optional=True)
    return Rubric(
        id=identity,
        version=version,
        full_version=f"{version}-{digest(content)}",
        title=top.take("title", str, "a title"),
        path=document.path,
        status=status,
        approved_by=approval.take("approved_by", str, "who approved it", optional=True),
        approved_at=_date(approval, approved_at),
        languages=languages,
        acceptable_from=acceptable,
        excellent_from=excellent,
        sentiment=sentiment,
        dimensions=dimensions,
        indicators=indicators,
        phrase_lists=phrases,
    )


def digest(content: object) -> str:
    """Eight hexadecimal digits that name a JSON-like content, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _date(reader: Reader, value: str | date | None) -> date | None:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise reader.fault("approved_at", "not a date", "Write it as 2026-01-15.") from None


def _one_of(reader: Reader, key: str, choices: tuple[str, ...]) -> str:
    value = reader.take(key, str, f"one of {', '.join(choices)}")
    if value not in choices:
        raise reader.fault(key, "unknown value", suggestion(value, choices))
    return value


def _phrase_lists(parts: list[Document]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for document in parts:
        if "phrase_lists" not in document.value:
            continue
        names = document.value["phrase_lists"]
        reader = Reader(document, ("phrase_lists",), names if isinstance(names, dict) else ())
        for name in reader.value:
            if name in found:
                raise reader.fault(name, "a phrase list given twice", "Rename one of the two.")
            found[name] = reader.texts(name, "a list of phrases")
            for number, phrase in enumerate(found[name]):
                try:
                    expand(phrase)
                except ConfigurationError as error:
                    raise document.fault(("phrase_lists", name, number), error.thing, phrase, error.remedy) from None
    return found


def _dimensions(document: Document) -> tuple[Dimension, ...]:
    entries = Reader(document, (), _TOP).take("dimensions", list, "a list of five to seven dimensions")
    if len(entries) not in DIMENSION_COUNTS:
        raise document.fault(
            ("dimensions",), "number of dimensions", len(entries), "Give five to seven: fewer hide, more blur."
        )
    found: dict[str, Dimension] = {}
    for number in range(len(entries)):
        place = ("dimensions", number)
        reader = Reader(document, place, ("id", "title", "weight", "owner", "purpose", "target_kpi", "tiers"))
        identity = reader.take("id", str, "a short name")
        if identity in found:
            raise reader.fault("id", "a dimension given twice", "Rename one of the two.")
        reader.take("tiers", dict, f"what {', '.join(TIERS)} look like")
        tiers = Reader(document, (*place, "tiers"), TIERS)
        found[identity] = Dimension(
            id=identity,
            ordinal=number + 1,
            title=reader.take("title", str, "a title"),
            weight=reader.positive("weight", "a positive weight"),
            owner=reader.take("owner", str, "who answers for this dimension"),
            purpose=reader.take("purpose", str, "what it is measured for"),
            target_kpi=reader.take("target_kpi", str, "the figure of the business that it should move"),
            tiers=tuple(_tier(document, tiers, tier) for tier in TIERS),
        )
    return tuple(found.values())


def _tier(document: Document, tiers: Reader, tier: str) -> Tier:
    tiers.take(tier, dict, "a mapping with description and example")
    reader = Reader(document, (*tiers.place, tier), ("description", "example"))
    return Tier(
        tier,
        reader.take("description", str, "what it looks like"),
        reader.take("example", str, "an example of it"),
    )


def _sentiment(document: Document) -> SentimentRules:
    names = tuple(SentimentRules.__dataclass_fields__)
    Reader(document, (), _TOP).take("sentiment", dict, "the thresholds of trajectory and level")
    reader = Reader(document, ("sentiment",), names)
    values: dict[str, Any] = {}
    for name in names[:-1]:
        values[name] = reader.take(name, int if name == "sustained_messages" else (int, float), "a number")
    values["response_gap_minutes"] = _by_channel(document, ("sentiment", "response_gap_minutes"))
    return SentimentRules(**values)


def _by_channel(document: Document, place: Place) -> dict[str, float]:
    parent = Reader(document, place[:-1], document_keys(document, place[:-1]))
    parent.take(str(place[-1]), dict, "a mapping of channel -> number with `default`")
    reader = Reader(document, place, ("default", *CHANNELS))
    found = {"default": reader.positive("default", "the number of every other channel")}
    return found | {name: reader.positive(name, "a number") for name in reader.value if name != "default"}


def document_keys(document: Document, place: Place) -> tuple[str, ...]:
    """The keys of the mapping at a place, for a reader that checks no names."""
    value = document.value
    for part in place:
        value = value[part]
    return tuple(value) if isinstance(value, dict) else ()


_INDICATOR = (
    "id", "version", "dimension", "title", "description", "weight", "critical", "subjects", "evaluator", "detector", "parameters",
    "examples",
)  # fmt: skip


def _indicators(
    parts: list[Document],
    dimensions: tuple[Dimension, ...],
    phrases: dict[str, tuple[str, ...]],
    shared: Mapping[str, Any],
) -> tuple[Indicator, ...]:
    found: dict[str, Indicator] = {}
    used: set[str] = set()
    for document in parts:
        entries = Reader(document, (), (*_TOP,)).take("indicators", list, "a list of indicators", optional=True) or []
        for number in range(len(entries)):
            indicator = _indicator(document, ("indicators", number), dimensions, phrases, shared, used)
            if indicator.id in found:
                raise document.fault(
                    ("indicators", number, "id"), "an indicator given twice", indicator.id, "Rename one of the two."
                )
            found[indicator.id] = indicator
    main = parts[0]
    for number, dimension in enumerate(dimensions):
        for subject in SUBJECTS:
            if not any(one.dimension == dimension.id and subject in one.subjects for one in found.values()):
                raise main.fault(
                    ("dimensions", number),
                    f"dimension without an indicator for {subject}",
                    dimension.id,
                    "Add one, or remove the dimension.",
                )
    for document in parts:
        for name in document_keys(document, ("phrase_lists",)) if "phrase_lists" in document.value else ():
            if name not in used:
                raise document.fault(
                    ("phrase_lists", name), "a phrase list that no indicator uses", name, "Use it, or remove it."
                )
    return tuple(found.values())


def _indicator(
    document: Document,
    place: Place,
    dimensions: tuple[Dimension, ...],
    phrases: dict[str, tuple[str, ...]],
    shared: Mapping[str, Any],
    used: set[str],
) -> Indicator:
    reader = Reader(document, place, _INDICATOR)
    dimension = _one_of(reader, "dimension", tuple(one.id for one in dimensions))
    detector = _one_of(reader, "detector", tuple(DETECTORS))
    subjects = reader.texts("subjects", f"some of {', '.join(SUBJECTS)}")
    for subject in subjects:
        if subject not in SUBJECTS:
            raise reader.fault("subjects", "unknown subject", suggestion(subject, SUBJECTS))
    if len(set(subjects)) < len(subjects):
        raise reader.fault("subjects", "a subject given twice", "Name each once.")
    evaluator = _one_of(reader, "evaluator", _EVALUATORS)
    parameters, lists = _parameters(document, (*place, "parameters"), detector, phrases, reader)
    used |= lists
    version = str(reader.take("version", (int, str), "the indicator's version"))
    wording = {name: phrases[name] for name in lists}
    content = [shared, detector, evaluator, parameters, wording]
    return Indicator(
        id=reader.take("id", str, "a short name"),
        version=f"{version}-{digest(content)}",
        dimension=dimension,
        title=reader.take("title", str, "a title"),
        description=reader.take("description", str, "what is observed, in one or two sentences"),
        weight=reader.positive("weight", "a positive weight"),
        critical=bool(reader.take("critical", bool, "true or false", optional=True)),
        subjects=subjects,
        evaluator=evaluator,
        detector=detector,
        parameters=parameters,
        examples=_examples(document, place, subjects, reader),
    )


def _examples(document: Document, place: Place, subjects: tuple[str, ...], parent: Reader) -> tuple[Example, ...]:
    entries = parent.take("examples", list, "a list of example conversations", optional=True) or []
    found = []
    for number in range(len(entries)):
        reader = Reader(document, (*place, "examples", number), ("outcome", "says", "subject", "channel", "quotes"))
        subject = _one_of(reader, "subject", subjects) if "subject" in reader.value else None
        channel = _one_of(reader, "channel", CHANNELS) if "channel" in reader.value else "chat"
        found.append(
            Example(
                outcome=_one_of(reader, "outcome", OUTCOMES),
                says=reader.texts("says", "the messages, such as 'C: Hello'"),
                subject=subject,
                channel=channel,
                quotes=reader.texts("quotes", "what the evidence quotes", optional=True),
                line=document.line(reader.place),
            )
        )
    return tuple(found)


def _parameters(
    document: Document, place: Place, detector: str, phrases: dict[str, tuple[str, ...]], parent: Reader
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
            reader = Reader(document, place, specification)
            values[name] = _parameter(reader, name, parameter, phrases, lists)
    return values, lists


def _parameter(
    reader: Reader, name: str, parameter: Parameter, phrases: dict[str, tuple[str, ...]], lists: set[str]
) -> Any:
    kind = parameter.kind
    if kind in ("agent_phrases", "customer_phrases"):
        return _named_lists(reader, name, kind, phrases, lists)
    if kind == "choice":
        return _one_of(reader, name, parameter.choices)
    if kind == "by_channel":
        return _by_channel(reader.document, (*reader.place, name))
    if kind == "items":
        return _items(reader, name, phrases, lists)
    if kind == "pii_types":
        types = reader.texts(name, f"some of {', '.join(PII_TYPES)}")
        for entry in types:
            if entry not in PII_TYPES:
                raise reader.fault(name, "unknown type of personal data", suggestion(entry, PII_TYPES))
        return types
    if kind == "boolean":
        return reader.take(name, bool, "true or false")
    value = reader.take(name, int if kind == "integer" else (int, float), parameter.meaning)
    if not math.isfinite(value) or (kind == "integer" and value < 1):
        raise reader.fault(name, "out of range", f"Give {parameter.meaning}.")
    return value


def _named_lists(
    reader: Reader, name: str, kind: str, phrases: dict[str, tuple[str, ...]], lists: set[str]
) -> tuple[str, ...]:
    known = set(phrases)
    if kind == "customer_phrases":
        known |= {MARKER_PREFIX + marker for marker in marker_lists().phrases}
    names = reader.texts(name, "names of phrase lists")
    for entry in names:
        if entry not in known:
            raise reader.fault(name, "unknown phrase list", suggestion(entry, known))
    lists |= set(names) & set(phrases)
    return names


def _items(
    reader: Reader, name: str, phrases: dict[str, tuple[str, ...]], lists: set[str]
) -> tuple[dict[str, Any], ...]:
    entries = reader.take(name, list, "a list of pieces of information")
    found = []
    for number in range(len(entries)):
        item = Reader(reader.document, (*reader.place, name, number), ("item", "asked", "given", "given_pii"))
        types = item.texts("given_pii", "types of redacted data", optional=True)
        for entry in types:
            if entry not in PII_TYPES:
                raise item.fault("given_pii", "unknown type of personal data", suggestion(entry, PII_TYPES))
        given = _named_lists(item, "given", "customer_phrases", phrases, lists) if "given" in item.value else ()
        if not types and not given:
            raise item.fault("given", "nothing says when the item is given", "Add `given` or `given_pii`.")
        found.append(
            {
                "item": item.take("item", str, "a short name"),
                "asked": _named_lists(item, "asked", "agent_phrases", phrases, lists),
                "given": given,
                "given_pii": types,
            }
        )
    return tuple(found)
