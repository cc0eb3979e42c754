"""Contracts of the gates, read from expectations/<gate>.yml and checked before anything runs."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import Any

import yaml

from touchstone.errors import ConfigurationError
from touchstone.quality.sql import render
from touchstone.settings import Settings

GATES = ("gate_1", "gate_2", "gate_3")
SEVERITIES = ("blocking", "warning")


@dataclass(frozen=True)
class Claim:
    """One expectation in plain words, with what to do when it does not hold.

    Attributes:
        type: Name of an expectation of Great Expectations or of `touchstone.quality.expectations`, in snake case.
        kwargs: Its arguments; `$name` stands for a parameter, `columns: {like: pattern, unlike: pattern}` for
            the columns of that pattern.
    """

    claim: str
    type: str
    severity: str
    remedy: str
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class RowSet:
    """Rows that a gate judges; `row_key` names a row without telling its content.

    Attributes:
        name: Name of the temporary table, which later sets of the contract may read.
        checks: The relation that the claims are about, as reports show it.
        sql: Query of the rows.
        sql_when_absent: The query that holds while `optional` does not exist yet.
        row_counts: In place of a query: tables whose sizes in marts_build and marts are compared.
        keep: Whether the rows are copied into a temporary table once, or read in place.
        conventions: Whether the contract's conventions hold for its columns too.
    """

    name: str
    checks: str
    sql: str
    claims: tuple[Claim, ...]
    optional: str | None = None
    sql_when_absent: str | None = None
    row_counts: tuple[str, ...] = ()
    keep: bool = True
    conventions: bool = False


@dataclass(frozen=True)
class Contract:
    """What holds at one gate."""

    gate: str
    title: str
    relations: tuple[str, ...]
    parameters: dict[str, Any]
    sets: tuple[RowSet, ...]
    conventions: tuple[Claim, ...] = field(default=())


def load_contract(gate: str, settings: Settings) -> Contract:
    """The contract of a gate.

    Raises:
        ConfigurationError: The gate is unknown, its file is missing, or an entry of it is not well formed.
    """
    if gate not in GATES:
        raise ConfigurationError("unknown gate", gate, f"Use one of {', '.join(GATES)}.")
    path = settings.root / "expectations" / f"{gate}.yml"
    if not path.is_file():
        raise ConfigurationError(
            "the contract of a gate is missing", str(path), "Set TOUCHSTONE_ROOT to the folder of the checkout."
        )
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if document["gate"] != gate:
        raise ConfigurationError("a contract names another gate", document["gate"], f"Write `gate: {gate}` in {path}.")
    return Contract(
        gate=gate,
        title=document["title"],
        relations=tuple(document["relations"]),
        parameters={
            name: _parameter(name, entry, settings, gate) for name, entry in (document.get("parameters") or {}).items()
        },
        sets=tuple(_row_set(entry, gate) for entry in document["sets"]),
        conventions=tuple(_claim(entry, gate) for entry in document.get("conventions") or []),
    )


def resolve(claim: Claim, parameters: dict[str, Any], columns: list[str]) -> dict[str, Any] | None:
    """The arguments of a claim with parameters and column patterns filled in.

    Returns:
        The arguments, or None when a column pattern fits no column of the set.
    """
    resolved: dict[str, Any] = {}
    for name, value in claim.kwargs.items():
        if isinstance(value, dict) and value.keys() in ({"like"}, {"like", "unlike"}):
            fitting = [
                column
                for column in columns
                if fnmatch.fnmatch(column, value["like"]) and not fnmatch.fnmatch(column, value.get("unlike", ""))
            ]
            if not fitting:
                return None
            resolved[name] = fitting
        elif isinstance(value, str) and value.startswith("$") and value[1:] in parameters:
            resolved[name] = parameters[value[1:]]
        elif name == "condition":
            resolved[name] = render(value, parameters)
        else:
            resolved[name] = value
    return resolved


def _parameter(name: str, entry: Any, settings: Settings, gate: str) -> Any:
    if not isinstance(entry, dict) or "why" not in entry or len(entry.keys() & {"value", "var"}) != 1:
        raise ConfigurationError(
            f"parameter {name} of {gate} is not well formed", None, "Give it `value:` or `var:`, and `why:`."
        )
    if "value" in entry:
        return entry["value"]
    if entry["var"] not in settings.parameters:
        raise ConfigurationError(
            f"parameter {name} of {gate} reads an unknown var",
            entry["var"],
            "Define it under `vars:` of dbt_project.yml.",
        )
    return settings.parameters[entry["var"]]


def _row_set(entry: dict[str, Any], gate: str) -> RowSet:
    unknown = entry.keys() - {
        "name",
        "checks",
        "sql",
        "optional",
        "sql_when_absent",
        "row_counts",
        "keep",
        "conventions",
        "expectations",
    }
    if (
        unknown
        or not {"name", "checks"} <= entry.keys()
        or ("sql" in entry) == ("row_counts" in entry)
        or ("optional" in entry) != ("sql_when_absent" in entry)
    ):
        raise ConfigurationError(
            f"set {entry.get('name')} of {gate} is not well formed",
            ", ".join(sorted(unknown)) or None,
            "A set has name, checks and either sql or row_counts; optional comes with sql_when_absent.",
        )
    return RowSet(
        name=entry["name"],
        checks=entry["checks"],
        sql=entry.get("sql", ""),
        claims=tuple(_claim(claim, gate) for claim in entry.get("expectations") or []),
        optional=entry.get("optional"),
        sql_when_absent=entry.get("sql_when_absent"),
        row_counts=tuple(entry.get("row_counts", ())),
        keep=entry.get("keep", True),
        conventions=entry.get("conventions", False),
    )


def _claim(entry: dict[str, Any], gate: str) -> Claim:
    if entry.keys() - {"kwargs"} != {"claim", "type", "severity", "remedy"} or entry["severity"] not in SEVERITIES:
        raise ConfigurationError(
            f"an expectation of {gate} is not well formed",
            str(entry.get("claim") or entry.get("type")),
            f"It has claim, type, severity ({' or '.join(SEVERITIES)}), remedy and kwargs.",
        )
    return Claim(
        claim=entry["claim"],
        type=entry["type"],
        severity=entry["severity"],
        remedy=entry["remedy"],
        kwargs=entry.get("kwargs") or {},
    )
