"""What every page of a report shares: one snapshot of the published marts, how figures read, and the words of its templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from jinja2 import Environment, PackageLoader, StrictUndefined
from psycopg.rows import dict_row

from touchstone.errors import WarehouseError
from touchstone.reports import formats
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

Row = dict[str, Any]


class Snapshot:
    """The published marts at one moment: a publication in between changes no figure of a page."""

    def __init__(self, connection: psycopg.Connection, parameters: dict[str, Any]) -> None:
        self.connection = connection
        self.parameters = parameters

    def rows(self, query: str, values: Any = None) -> list[Row]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()

    def is_published(self, relations: Sequence[str]) -> bool:
        """Whether the marts that a page reads are published; False before the first publication.

        Raises:
            WarehouseError: Some are and others are not.
        """
        missing = [
            row["name"]
            for row in self.rows(
                "select name from unnest(%s::text[]) as names (name) where to_regclass(name) is null", [list(relations)]
            )
        ]
        if missing and len(missing) < len(relations):
            raise WarehouseError(
                "the report needs marts that are not published",
                ", ".join(missing),
                "Run `touchstone publish`, and see `touchstone status` for a step that failed.",
            )
        return not missing

    def published_as_of(self) -> datetime | None:
        """The ledger day that the marts show: of the newest gate or load; None before either."""
        found = self.rows(
            """
            select greatest(
                (select max(as_of) from marts.rpt_gate_results),
                (select max(last_successful_as_of) from marts.rpt_source_health)
            ) as as_of
            """
        )[0]["as_of"]
        return None if found is None else found.astimezone(UTC)


@contextmanager
def snapshot(settings: Settings) -> Iterator[Snapshot]:
    """Read as the reviewer role, in one transaction.

    Raises:
        WarehouseError: The warehouse does not answer.
    """
    with connect("reviewer", settings=settings, application_name="touchstone report") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield Snapshot(connection, settings.parameters)


def environment(**words: Any) -> Environment:
    """Templates whose values are escaped and whose figures read as `formats` says."""
    found = Environment(
        loader=PackageLoader("touchstone.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("number", "score", "signed", "percent", "span", "duration", "words", "day", "moment", "counted"):
        found.filters[name] = getattr(formats, name)
    found.filters |= {
        "share": formats.share,
        "short_key": formats.short_key,
        "shortened": formats.shortened,
        "listed": formats.listed,
        "side": formats.SIDES.__getitem__,
        "actor": lambda actor: formats.ACTORS.get(actor, formats.words(actor)),
    }
    found.globals |= words
    return found
