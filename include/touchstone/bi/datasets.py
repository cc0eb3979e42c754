"""What charts read: published tables, and pairs of them that are joined on a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from touchstone.errors import ConfigurationError

_JOINED = frozenset({"table", "with", "key", "take"})
Tables = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Dataset:
    """A published table, or one that takes columns of another.

    Attributes:
        columns: Column name -> type, from the contract.
        origins: Column name -> published table that it comes from.
        sql: Query of a joined dataset; None for a table.
    """

    name: str
    columns: dict[str, str]
    origins: dict[str, str]
    sql: str | None = None

    @property
    def source(self) -> str:
        """What a query selects from."""
        return f"({self.sql}) as {self.name}" if self.sql else f"marts.{self.name}"

    @property
    def tables(self) -> frozenset[str]:
        """Published tables that are read."""
        return frozenset(self.origins.values())


def datasets(file: str, joined: Mapping[str, Mapping[str, Any]], tables: Tables) -> dict[str, Dataset]:
    """Name -> what a dashboard's charts may read.

    Raises:
        ConfigurationError: A joined dataset names a table, a column or a key that there is not.
    """
    found = {name: Dataset(name, dict(columns), dict.fromkeys(columns, name)) for name, columns in tables.items()}
    for name, content in joined.items():
        if name in tables:
            raise ConfigurationError(f"{file}: a joined dataset has the name of a published table", name, "Rename it.")
        found[name] = _joined(file, name, content, tables)
    return found


def _joined(file: str, name: str, content: Mapping[str, Any], tables: Tables) -> Dataset:
    if wrong := sorted(_JOINED.symmetric_difference(content)):
        raise ConfigurationError(
            f"{file}, {name}: a joined dataset has four keys",
            ", ".join(wrong),
            f"It takes {', '.join(sorted(_JOINED))}.",
        )
    left, right, key, taken = content["table"], content["with"], content["key"], content["take"]
    for table in (left, right):
        if table not in tables:
            raise ConfigurationError(f"{file}, {name}: no published table", table, "bi/contract.yml lists them.")
    missing = [one for one in (key, *taken) if one not in tables[right]] + [key] * (key not in tables[left])
    doubled = [one for one in taken if one in tables[left]]
    if missing or doubled:
        raise ConfigurationError(
            f"{file}, {name}: cannot be joined",
            ", ".join(missing or doubled),
            f"Take columns of {right} that {left} does not have, on a key of both.",
        )
    columns = dict(tables[left]) | {one: tables[right][one] for one in taken}
    chosen = ", ".join([f"{left}.*", *(f"{right}.{one}" for one in taken)])
    origins = dict.fromkeys(tables[left], left) | dict.fromkeys(taken, right)
    lines = [f"select {chosen}", f"from marts.{left}", f"inner join marts.{right} on {left}.{key} = {right}.{key}"]
    return Dataset(name, columns, origins, "\n".join(lines))
