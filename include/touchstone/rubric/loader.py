"""Reads a rubric from YAML and refuses what cannot work, with the file and the line.

Whether a rubric is a good one (enough dimensions, weights that are reviewed, examples for every tier) is asked by
`touchstone.rubric.check`.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from touchstone.rubric.behaviours import read_behaviours
from touchstone.rubric.catalogue import READING_VERSION
from touchstone.rubric.indicators import applies_of, by_key, one_of, read_indicators
from touchstone.rubric.model import (
    ROLES,
    SUBJECTS,
    TIERS,
    Dimension,
    Facet,
    Indicator,
    Profile,
    Rubric,
    SentimentRules,
    Tier,
    TierExample,
    WeightPeriod,
)
from touchstone.rubric.nodes import Document, Place, Reader, suggestion
from touchstone.rubric.words import MARKER_PREFIX, Words, digest
from touchstone.text.markers import CONTEXTUAL, MARKER_LANGUAGES, MARKERS_VERSION, marker_lists
from touchstone.text.sentiment import SENTIMENT_VERSION

__all__ = ["DEFAULT_RUBRIC", "DIMENSION_COUNTS", "MARKER_PREFIX", "digest", "load_rubric"]

DEFAULT_RUBRIC = Path(__file__).with_name("default.yml")
DIMENSION_COUNTS = range(5, 8)
_STATUSES = ("draft", "approved", "retired")
_TOP = (
    "id", "version", "title", "languages", "approval", "tiers", "sentiment", "dimensions", "weights", "earlier_weights",
    "profiles", "facets", "include", "language", "phrase_lists", "indicators", "behaviours",
)  # fmt: skip
_PART = ("language", "phrase_lists", "indicators", "behaviours")
_REPEAT_CONTACT = "repeat_contact"


def load_rubric(path: Path | str | None = None) -> Rubric:
    """Read and validate a rubric; whether it is approved is asked when it is used (`Rubric.require_approved`).

    Args:
        path: A YAML file; None is the rubric that ships with Touchstone. Files that it names under `include` (relative to
            it; `*` stands for any name) add phrase lists, indicators and behaviours.

    Raises:
        ConfigurationError: Anything is missing, unknown, doubled or out of range; the message names file and line.
    """
    document = Document(Path(path) if path else DEFAULT_RUBRIC)
    top = Reader(document, (), _TOP)
    parts = [document, *_included(document, top)]
    languages = _languages(top)
    words = Words(languages, parts)
    dimensions = _dimensions(document)
    approval = Reader(document, ("approval",), ("status", "approved_by", "approved_at"))
    status = one_of(approval, "status", _STATUSES)
    approved_at = _day(approval, "approved_at", optional=True)
    tiers = Reader(document, ("tiers",), ("acceptable_from", "excellent_from"))
    acceptable = tiers.positive("acceptable_from", "the lowest acceptable score")
    excellent = tiers.positive("excellent_from", "the lowest excellent score")
    if not acceptable < excellent <= 100:
        raise tiers.fault(
            "excellent_from", "thresholds out of order", "Give 0 < acceptable_from < excellent_from <= 100."
        )
    sentiment = _sentiment(document)
    indicators = _all_indicators(parts, dimensions, words)
    periods, review_by = _weight_periods(document, dimensions, approved_at)
    profiles = _profiles(document, dimensions)
    facets = _facets(document, indicators)
    version = str(top.take("version", (str, int, float), "the version of this rubric"))
    identity = top.take("id", str, "a short name")
    content = {
        "reading": READING_VERSION,
        "languages": languages,
        "tiers": [acceptable, excellent],
        "dimensions": [[one.id, one.definition] for one in dimensions],
        "weights": [[period.valid_from, period.valid_to, dict(period.weights)] for period in periods],
        "profiles": [[one.id, one.goal, dict(one.weights), one.applies and vars(one.applies)] for one in profiles],
        "facets": [vars(facet) for facet in facets],
        "indicators": sorted(
            [one.id, one.version, one.weight, one.critical, one.subjects, one.dimension] for one in indicators
        ),
        "sentiment": sentiment_version(sentiment, languages),
    }
    return Rubric(
        id=identity,
        version=version,
        full_version=f"{version}-{digest(content)}",
        title=top.take("title", str, "a title"),
        path=document.path,
        status=status,
        approved_by=approval.take("approved_by", str, "who approved it", optional=True),
        approved_at=approved_at,
        languages=languages,
        acceptable_from=acceptable,
        excellent_from=excellent,
        sentiment=sentiment,
        dimensions=dimensions,
        indicators=indicators,
        phrases=words.phrases,
        patterns=tuple(words.patterns.values()),
        weight_periods=periods,
        review_by=review_by,
        profiles=profiles,
        facets=facets,
    )


def sentiment_version(rules: SentimentRules, languages: tuple[str, ...]) -> str:
    """Names all that decides message scores and trajectories: lexicon, markers, their lists, and thresholds."""
    lists = {name: marker_lists(name).definition for name in languages if name in MARKER_LANGUAGES}
    limits = {**vars(rules), "response_gap_minutes": dict(rules.response_gap_minutes)}
    return digest([READING_VERSION, SENTIMENT_VERSION, MARKERS_VERSION, lists, limits])


def _included(document: Document, top: Reader) -> list[Document]:
    found = []
    for number, name in enumerate(top.texts("include", "names of YAML files beside this one", optional=True)):
        folder = document.path.parent
        paths = sorted(folder.glob(name)) if "*" in name else [folder / name]
        if not paths:
            raise document.fault(("include", number), "no file of this name", name, f"Put one into {folder}.")
        for path in paths:
            found.append(Document(path))
            Reader(found[-1], (), _PART)
    return found


def _languages(top: Reader) -> tuple[str, ...]:
    languages = top.texts("languages", "primary subtags of languages such as [en]")
    for language in languages:
        if language not in MARKER_LANGUAGES:
            raise top.fault("languages", "a language without marker lists", suggestion(language, MARKER_LANGUAGES))
    if len(set(languages)) < len(languages):
        raise top.fault("languages", "a language given twice", "Name each once.")
    return languages


def _day(reader: Reader, key: str, *, optional: bool = False) -> date | None:
    value = reader.take(key, (str, date), "a date such as 2026-01-15", optional=optional)
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise reader.fault(key, "not a date", "Write it as 2026-01-15.") from None


def _dimensions(document: Document) -> tuple[Dimension, ...]:
    entries = Reader(document, (), _TOP).take("dimensions", list, "a list of five to seven dimensions")
    if not entries:
        raise document.fault(("dimensions",), "no dimension", None, "Give five to seven.")
    found: dict[str, Dimension] = {}
    for number in range(len(entries)):
        place = ("dimensions", number)
        names = ("id", "title", "weight", "owner", "purpose", "target_kpi", "role", "tiers")
        reader = Reader(document, place, names)
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
            role=one_of(reader, "role", ROLES) if "role" in reader.value else None,
        )
    return tuple(found.values())


def _tier(document: Document, tiers: Reader, tier: str) -> Tier:
    tiers.take(tier, dict, "a mapping with description and examples")
    place = (*tiers.place, tier)
    reader = Reader(document, place, ("description", "example", "examples"))
    examples = []
    if "example" in reader.value:
        examples.append(TierExample(reader.take("example", str, "an example of it")))
    for number, entry in enumerate(reader.take("examples", list, "examples of it", optional=True) or []):
        if isinstance(entry, str) and entry.strip():
            examples.append(TierExample(entry))
            continue
        one = Reader(document, (*place, "examples", number), ("quote", "interaction_id"))
        examples.append(
            TierExample(
                one.take("quote", str, "what was said"),
                one.take("interaction_id", str, "the conversation that it was said in", optional=True),
            )
        )
    if not examples:
        raise document.fault(place, "a tier without an example", tier, "Add `examples`: what somebody wrote.")
    return Tier(tier, reader.take("description", str, "what it looks like"), tuple(examples))


def _sentiment(document: Document) -> SentimentRules:
    names = tuple(SentimentRules.__dataclass_fields__)
    Reader(document, (), _TOP).take("sentiment", dict, "the thresholds of trajectory and level")
    reader = Reader(document, ("sentiment",), names)
    values: dict[str, Any] = {}
    markers = (*marker_lists().phrases, *CONTEXTUAL, _REPEAT_CONTACT)
    for name in names[:-1]:
        if name.endswith("_markers"):
            values[name] = reader.texts(name, "names of markers", optional=True)
            for marker in values[name]:
                if marker not in markers:
                    raise reader.fault(name, "unknown marker", suggestion(marker, markers))
        else:
            values[name] = reader.take(name, int if name == "sustained_messages" else (int, float), "a number")
    values["response_gap_minutes"] = by_key(document, ("sentiment", "response_gap_minutes"))
    return SentimentRules(**values)


def _all_indicators(parts: list[Document], dimensions: tuple[Dimension, ...], words: Words) -> tuple[Indicator, ...]:
    found: dict[str, Indicator] = {}
    names = tuple(one.id for one in dimensions)
    for document in parts:
        for read in (read_indicators, read_behaviours):
            for indicator, place in read(document, names, words):
                if indicator.id in found:
                    raise document.fault(
                        (*place, "id"), "an indicator given twice", indicator.id, "Rename one of the two."
                    )
                found[indicator.id] = indicator
    for number, dimension in enumerate(dimensions):
        for subject in SUBJECTS:
            if not any(
                one.dimension == dimension.id and subject in one.subjects and one.weight for one in found.values()
            ):
                raise parts[0].fault(
                    ("dimensions", number),
                    f"dimension without an indicator for {subject}",
                    dimension.id,
                    "Add one, or remove the dimension.",
                )
    words.require_all_used()
    return tuple(found.values())


def _weights(document: Document, place: Place, dimensions: tuple[Dimension, ...]) -> dict[str, float]:
    reader = Reader(document, place, [one.id for one in dimensions])
    return {one.id: reader.positive(one.id, "a positive weight of every dimension") for one in dimensions}


def _weight_periods(
    document: Document, dimensions: tuple[Dimension, ...], approved_at: date | None
) -> tuple[tuple[WeightPeriod, ...], date]:
    """Periods in order, each ending where the next begins, and the day of the next review."""
    present = {one.id: one.weight for one in dimensions}
    top = Reader(document, (), _TOP)
    start, review_by = approved_at, None
    if top.take("weights", dict, "valid_from and review_by", optional=True):
        reader = Reader(document, ("weights",), ("valid_from", "review_by"))
        start = _day(reader, "valid_from")
        review_by = _day(reader, "review_by", optional=True)
    start = start or date(1970, 1, 1)
    review_by = review_by or _quarter_after(start)
    if review_by <= start:
        raise document.fault(
            ("weights", "review_by"), "a review before the weights begin", review_by, "Give a later day."
        )
    found: list[WeightPeriod] = []
    entries = top.take("earlier_weights", list, "weights that held before", optional=True) or []
    for number in range(len(entries)):
        place = ("earlier_weights", number)
        reader = Reader(document, place, ("valid_from", "valid_to", "weights"))
        first, last = _day(reader, "valid_from"), _day(reader, "valid_to")
        if last <= first or (found and found[-1].valid_to != first):
            raise reader.fault("valid_from", "periods that do not follow each other", "Let each begin where one ends.")
        reader.take("weights", dict, "a weight of every dimension")
        found.append(WeightPeriod(first, last, _weights(document, (*place, "weights"), dimensions)))
    if found and found[-1].valid_to != start:
        raise document.fault(
            ("earlier_weights", len(found) - 1, "valid_to"), "a gap before the present weights", found[-1].valid_to,
            f"Let it end where they begin, on {start}.",
        )  # fmt: skip
    return (*found, WeightPeriod(start, None, present)), review_by


def _quarter_after(day: date) -> date:
    month = day.month + 2
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1])) + timedelta(0)


def _profiles(document: Document, dimensions: tuple[Dimension, ...]) -> tuple[Profile, ...]:
    entries = Reader(document, (), _TOP).take("profiles", list, "a list of goal profiles", optional=True) or []
    found: dict[str, Profile] = {}
    for number in range(len(entries)):
        place = ("profiles", number)
        reader = Reader(document, place, ("id", "title", "goal", "weights", "applies"))
        identity = reader.take("id", str, "a short name")
        if identity in found:
            raise reader.fault("id", "a profile given twice", "Rename one of the two.")
        reader.take("weights", dict, "a weight of every dimension")
        found[identity] = Profile(
            id=identity,
            title=reader.take("title", str, "a title"),
            goal=reader.take("goal", str, "the figure that it serves"),
            weights=_weights(document, (*place, "weights"), dimensions),
            applies=applies_of(document, place, reader) if "applies" in reader.value else None,
        )
    return tuple(found.values())


def _facets(document: Document, indicators: tuple[Indicator, ...]) -> tuple[Facet, ...]:
    entries = Reader(document, (), _TOP).take("facets", list, "a list of facets", optional=True) or []
    by_id: Mapping[str, Indicator] = {one.id: one for one in indicators}
    found: dict[tuple[str, str], Facet] = {}
    for number in range(len(entries)):
        reader = Reader(document, ("facets", number), ("id", "title", "subject", "indicators"))
        identity, subject = reader.take("id", str, "a short name"), one_of(reader, "subject", SUBJECTS)
        if (identity, subject) in found:
            raise reader.fault("id", "a facet given twice", "Rename one of the two.")
        names = reader.texts("indicators", "ids of indicators")
        for name in names:
            if name not in by_id:
                raise reader.fault("indicators", "unknown indicator", suggestion(name, by_id))
            if subject not in by_id[name].subjects:
                raise reader.fault("indicators", f"an indicator that does not judge {subject}", f"Leave {name} out.")
        found[identity, subject] = Facet(identity, reader.take("title", str, "a title"), subject, names)
    return tuple(found.values())
