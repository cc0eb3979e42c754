"""Checks of what people write into the seeds assumptions.csv and scenarios.csv, before anything is worked out with it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from touchstone.errors import ConfigurationError
from touchstone.settings import Settings, get_settings

ASSUMPTIONS = "assumptions.csv"
SCENARIOS = "scenarios.csv"
ASSUMPTION_COLUMNS = ("name", "applies_to", "value", "unit", "source", "owner", "stated_on", "valid_from")
SCENARIO_COLUMNS = ("scenario", "parameter", "change", "unit")
BASE = "base"
_DIGITS = 14
"""Before the point; six decimals follow."""
_PLACES = 6
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Kind:
    """What may be assumed.

    Attributes:
        unit: As the file has to state it; `{currency}` stands for the currency of the warehouse.
        least: Smallest value.
        most: Largest value; None for no bound.
        narrower: What a row may apply to beside all: "team", "segment" or nothing.
    """

    unit: str
    least: Decimal
    most: Decimal | None = None
    narrower: str | None = None


_NOTHING, _ONE = Decimal(0), Decimal(1)
_CENT_PART = Decimal("0.000001")
KINDS: dict[str, Kind] = {
    "human_hourly_rate": Kind("{currency} per hour", _CENT_PART, narrower="team"),
    "ai_cost_per_episode": Kind("{currency} per episode", _NOTHING),
    "ai_cost_per_answer": Kind("{currency} per answer", _NOTHING),
    # what sources of traces state of model calls is in dollars
    "usd_exchange_rate": Kind("{currency} per USD", _CENT_PART),
    "recontact_cost": Kind("{currency} per recontact", _NOTHING),
    "residual_mix_factor": Kind("ratio", Decimal("0.1"), Decimal(10)),
    "escalation_load_minutes": Kind("minutes per escalation", _NOTHING, Decimal(1440)),
    "gross_margin": Kind("share", _NOTHING, _ONE, narrower="segment"),
    "retention_effect": Kind("share of ARR per year", _NOTHING, _ONE),
}
PARAMETERS: dict[str, tuple[str, ...]] = {
    "containment_quality": ("percent", "points"),
    "first_contact_resolution": ("percent", "points"),
    "ai_cost": ("percent",),
    "escalations": ("percent",),
}


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row: where, the value, and what to do."""

    place: str
    thing: str
    value: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.thing}: {self.value!r}. {self.remedy}"


def require_usable(settings: Settings | None = None) -> None:
    """Refuse to work with assumptions or scenarios of which a row is wrong.

    Raises:
        ConfigurationError: Names the first fault, and how many more there are.
    """
    found = faults(settings)
    if not found:
        return
    first, more = found[0], len(found) - 1
    others = f" {more} more: `touchstone check` lists them." if more else ""
    raise ConfigurationError(f"{first.place}: {first.thing}", first.value, first.remedy + others)


def faults(settings: Settings | None = None) -> list[Fault]:
    """Everything that is wrong with the two seeds, in the order of their lines."""
    settings = settings or get_settings()
    folder = settings.dbt_dir / "seeds"
    currency = str(settings.parameters["currency"])
    return [
        *_faults_of(folder / ASSUMPTIONS, ASSUMPTION_COLUMNS, lambda rows: _assumption_faults(rows, currency)),
        *_faults_of(folder / SCENARIOS, SCENARIO_COLUMNS, _scenario_faults),
    ]


Rows = list[tuple[str, dict[str, str]]]


def _faults_of(path: Path, columns: tuple[str, ...], check: Callable[[Rows], Iterator[Fault]]) -> list[Fault]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, restkey="")
        if tuple(reader.fieldnames or ()) != columns:
            stated = ",".join(reader.fieldnames or ())
            return [Fault(f"{path.name}:1", "other columns than expected", stated, f"Use {','.join(columns)}.")]
        rows, broken = [], []
        for row in reader:
            place = f"{path.name}:{reader.line_num}"
            if "" in row or None in row.values():
                broken.append(
                    Fault(
                        place,
                        "a line with another number of cells",
                        str(row.get(columns[0])),
                        f"Write {len(columns)} cells, in quotes where one holds a comma.",
                    )
                )
            else:
                rows.append((place, row))
    return broken or list(check(rows))


def _assumption_faults(rows: Rows, currency: str) -> Iterator[Fault]:
    seen: dict[tuple[str, str, str], str] = {}
    for place, row in rows:
        yield from _assumption_fault(place, row, currency)
        key = (row["name"], row["applies_to"], row["valid_from"])
        if key in seen:
            yield Fault(place, "two versions from the same day", ", ".join(key), f"Keep one of it and {seen[key]}.")
        seen.setdefault(key, place)
    yield from _missing_faults(rows)


def _assumption_fault(place: str, row: dict[str, str], currency: str) -> Iterator[Fault]:
    kind = KINDS.get(row["name"])
    if kind is None:
        yield Fault(place, "an unknown assumption", row["name"], f"Use one of {', '.join(KINDS)}.")
        return
    accepted = "all" if kind.narrower is None else f"all or {kind.narrower}:NAME"
    scope, _, name = row["applies_to"].partition(":")
    if row["applies_to"] != "all" and (scope != kind.narrower or not name):
        yield Fault(place, f"{row['name']} cannot apply to this", row["applies_to"], f"Write {accepted}.")
    yield from _number_fault(place, row["name"], row["value"], kind.least, kind.most)
    unit = kind.unit.format(currency=currency)
    if row["unit"] != unit:
        yield Fault(place, f"{row['name']} has another unit", row["unit"], f"State the value in {unit}.")
    for column in ("source", "owner"):
        if not row[column].strip():
            yield Fault(place, f"{row['name']} has no {column}", row[column], f"Say in {column} who or what it is.")
    for column in ("stated_on", "valid_from"):
        if not _is_day(row[column]):
            yield Fault(place, f"{column} is no date", row[column], "Write it as 2026-01-31.")


def _missing_faults(rows: Rows) -> Iterator[Fault]:
    """Every assumption applies to all from the first day on which it applies to anything."""
    for name in KINDS:
        versions = [row for _, row in rows if row["name"] == name and _is_day(row["valid_from"])]
        general = [row["valid_from"] for row in versions if row["applies_to"] == "all"]
        if not general:
            yield Fault(ASSUMPTIONS, "an assumption is missing", name, f"Add a row for {name} that applies to all.")
        for row in versions:
            if general and row["valid_from"] < min(general):
                yield Fault(
                    ASSUMPTIONS,
                    f"{name} of {row['applies_to']} begins before that of all",
                    row["valid_from"],
                    f"Add a row for {name} that applies to all from then on.",
                )


def _scenario_faults(rows: Rows) -> Iterator[Fault]:
    seen: dict[tuple[str, str], str] = {}
    for place, row in rows:
        yield from _scenario_fault(place, row)
        key = (row["scenario"], row["parameter"])
        if key in seen:
            yield Fault(place, "two changes of one parameter", ", ".join(key), f"Keep one of it and {seen[key]}.")
        seen.setdefault(key, place)


def _scenario_fault(place: str, row: dict[str, str]) -> Iterator[Fault]:
    if not row["scenario"].strip():
        yield Fault(place, "a scenario without a name", row["scenario"], "Give it one.")
    if row["scenario"] == BASE:
        yield Fault(
            place, "a scenario cannot be called so", BASE, "It stands for the month as it is; use another name."
        )
    units = PARAMETERS.get(row["parameter"])
    if units is None:
        yield Fault(place, "an unknown parameter", row["parameter"], f"Use one of {', '.join(PARAMETERS)}.")
        return
    if row["unit"] not in units:
        yield Fault(place, f"{row['parameter']} cannot change by this unit", row["unit"], f"Use {' or '.join(units)}.")
    yield from _number_fault(place, row["parameter"], row["change"], Decimal(-100), Decimal(1000))


def _number_fault(place: str, name: str, stated: str, least: Decimal, most: Decimal | None) -> Iterator[Fault]:
    bound = f"of at least {least}" if most is None else f"from {least} to {most}"
    remedy = f"Write a number {bound}, with a point and at most {_PLACES} decimals."
    try:
        value = Decimal(stated) if _NUMBER.fullmatch(stated) else None
    except InvalidOperation:
        value = None
    if value is None:
        yield Fault(place, f"{name} is no number", stated, remedy)
    elif value < least or (most is not None and value > most) or value.adjusted() >= _DIGITS:
        yield Fault(place, f"{name} is out of range", stated, remedy)
    elif -value.as_tuple().exponent > _PLACES:
        yield Fault(place, f"{name} has too many decimals", stated, remedy)


def _is_day(stated: str) -> bool:
    try:
        return bool(_DAY.fullmatch(stated) and date.fromisoformat(stated))
    except ValueError:
        return False
