"""The contract of the published tables: names, columns, types and keys that readers rely on.

`bi/contract.yml` holds what was promised; the models declare what is built. New tables and columns are taken up by
`python -m touchstone.bi.contract`; what breaks readers is refused until `--breaking` raises the version and CHANGELOG.md
says so.
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from touchstone.errors import EXIT_FAILED, EXIT_OK, ConfigurationError
from touchstone.settings import get_settings
from touchstone.statefiles import write_atomic
from touchstone.warehouse.reshape import EVIDENCE_RELATIONS, LEDGER_COLUMN

HEADER = """\
# Published tables (schema marts) that readers rely on: columns with their types, and the key of a row.
# Written by `make contract`, never by hand, except the list of what is deprecated. Policy: docs/bi.md.
"""
_KEY = re.compile(r"unique_key\s*=\s*(\[[^\]]*\]|'[^']*')")
_SAME_TYPE = {"int": "integer", "timestamptz": "timestamp with time zone", "float": "double precision"}


@dataclass(frozen=True)
class Table:
    """A published table: its key, its columns with types, and which of them (or "" for itself) are described as deprecated."""

    key: tuple[str, ...]
    columns: dict[str, str]
    deprecated: frozenset[str] = frozenset()


@dataclass
class Contract:
    """What was promised to readers.

    Attributes:
        version: Raised by a change that breaks readers.
        deprecated: `table` or `table.column` -> what to read instead; still there.
        broken: What earlier versions promised and later ones do not, by the version that broke it.
    """

    version: int = 1
    tables: dict[str, Table] = field(default_factory=dict)
    deprecated: dict[str, str] = field(default_factory=dict)
    broken: dict[int, list[str]] = field(default_factory=dict)


def contract_file() -> Path:
    """The contract in the checkout."""
    return get_settings().root / "bi" / "contract.yml"


def declared(models: Path | None = None) -> dict[str, Table]:
    """The published tables as the models declare them; dbt's enforced contracts hold the build to it."""
    models = models or get_settings().dbt_dir / "models" / "marts"
    found: dict[str, Table] = {}
    for path in sorted(models.glob("**/_*__models.yml")):
        for model in yaml.safe_load(path.read_text())["models"]:
            name = model["name"]
            if name in EVIDENCE_RELATIONS:
                continue
            key = _KEY.search((path.parent / f"{name}.sql").read_text())
            if key is None:
                raise ConfigurationError("a mart states no key", name, "Give its config a unique_key.")
            columns = [column for column in model.get("columns", []) if column["name"] != LEDGER_COLUMN]
            found[name] = Table(
                key=tuple(re.findall(r"'([^']+)'", key[1])),
                columns={column["name"]: column["data_type"] for column in columns},
                deprecated=frozenset(
                    entry
                    for entry, described in (("", model), *((column["name"], column) for column in columns))
                    if described["description"].startswith("Deprecated")
                ),
            )
    return found


def read(path: Path | None = None) -> Contract:
    """The contract as it is checked in; an empty one where there is no file."""
    path = path or contract_file()
    if not path.exists():
        return Contract()
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return Contract(
        version=content["version"],
        tables={name: Table(tuple(table["key"]), dict(table["columns"])) for name, table in content["tables"].items()},
        deprecated=content.get("deprecated") or {},
        broken=content.get("broken") or {},
    )


def write(contract: Contract, path: Path | None = None) -> None:
    """Write the contract, tables in alphabetical order and columns in that of the models."""
    content = {
        "version": contract.version,
        "deprecated": contract.deprecated,
        "broken": contract.broken,
        "tables": {
            name: {"key": list(table.key), "columns": table.columns} for name, table in sorted(contract.tables.items())
        },
    }
    write_atomic(path or contract_file(), HEADER + yaml.safe_dump(content, sort_keys=False, width=140), 0o644)


def breaks(promised: dict[str, Table], built: dict[str, Table]) -> list[str]:
    """What a reader of `promised` does not find in `built`: `table`, `table.column`, a type or a key, each in words."""
    found: list[str] = []
    for name, table in promised.items():
        if name not in built:
            found.append(f"{name} is gone")
            continue
        if table.key != built[name].key:
            found.append(f"{name} has the key ({', '.join(built[name].key)}), not ({', '.join(table.key)})")
        for column, data_type in table.columns.items():
            present = built[name].columns.get(column)
            if present is None:
                found.append(f"{name}.{column} is gone")
            elif _canonical(present) != _canonical(data_type):
                found.append(f"{name}.{column} is {present}, not {data_type}")
    return found


def additions(promised: dict[str, Table], built: dict[str, Table]) -> list[str]:
    """Tables and columns that nothing promises yet."""
    return [name for name in built if name not in promised] + [
        f"{name}.{column}"
        for name, table in promised.items()
        if name in built
        for column in built[name].columns
        if column not in table.columns
    ]


def problems(contract: Contract, built: dict[str, Table], changelog: str) -> list[str]:
    """Why the contract and the models do not fit together, each with its remedy; empty where they do."""
    found = [
        f"{one}: readers rely on it. Keep it, or announce the change (docs/bi.md) and run `make contract BREAKING=1`."
        for one in breaks(contract.tables, built)
    ]
    found += [f"{one} is new: run `make contract`." for one in additions(contract.tables, built)]
    for version in range(2, contract.version + 1):
        for one in contract.broken.get(version, []):
            name = one.split(" ")[0].split(".")[0]
            if not re.search(rf"^\|(?=.*contract {version}\b)(?=.*`{name}\b).*\| yes\b", changelog, re.MULTILINE):
                found.append(
                    f"CHANGELOG.md does not announce that {one}: add a line with `{name}`, "
                    f'"contract {version}" and "yes" under breaking.'
                )
        if not contract.broken.get(version):
            found.append(f"version {version} of the contract breaks nothing: take it back.")
    for name in contract.deprecated:
        table, _, column = name.partition(".")
        if table not in built or (column and column not in built[table].columns):
            found.append(f"{name} is deprecated, but not there: take it from the list.")
        elif column not in built[table].deprecated:
            found.append(f'{name} is deprecated: begin its description with "Deprecated", so that readers see it.')
    listed = {(name.partition(".")[0], name.partition(".")[2]) for name in contract.deprecated}
    found += [
        f"{table}{'.' if column else ''}{column} is described as deprecated: name it in bi/contract.yml with what to read instead."
        for table, described in built.items()
        for column in sorted(described.deprecated)
        if (table, column) not in listed
    ]
    return found


def updated(contract: Contract, built: dict[str, Table], *, breaking: bool = False) -> Contract:
    """The contract that promises what is built.

    Raises:
        ConfigurationError: Readers would lose something, and `breaking` is not asked for.
    """
    lost = breaks(contract.tables, built)
    if lost and not breaking:
        raise ConfigurationError(
            "a published table loses what readers rely on",
            "; ".join(lost),
            "Keep it, or announce the change in CHANGELOG.md and run `make contract BREAKING=1`.",
        )
    version = contract.version + bool(lost)
    gone = {one.split(" ")[0] for one in lost if one.endswith(" is gone")}
    return Contract(
        version=version,
        tables={name: Table(table.key, table.columns) for name, table in built.items()},
        deprecated={name: text for name, text in contract.deprecated.items() if name not in gone},
        broken=contract.broken | ({version: lost} if lost else {}),
    )


def _canonical(data_type: str) -> str:
    return _SAME_TYPE.get(data_type, data_type)


def main(arguments: list[str] | None = None) -> int:
    """Take up what is new, and with `--breaking` what breaks; say what is left to do."""
    parser = ArgumentParser(prog="make contract", description=main.__doc__)
    parser.add_argument("--breaking", action="store_true", help="raise the version for what readers lose")
    asked = parser.parse_args(arguments)
    built = declared()
    before = read()
    try:
        after = updated(before, built, breaking=asked.breaking)
    except ConfigurationError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    write(after)
    sys.stdout.write(f"contract {after.version}: {len(after.tables)} tables\n")
    left = problems(after, built, (get_settings().root / "CHANGELOG.md").read_text())
    sys.stdout.write("".join(f"{one}\n" for one in left))
    return EXIT_FAILED if left else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
