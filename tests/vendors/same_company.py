"""What core and the marts hold of the simulated company, without what only names things: keys, ids of a vendor, loads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from against_truth import native_of
from psycopg import sql
from psycopg.types.string import TextLoader

from touchstone import daily
from touchstone.sandbox.api import SandboxOptions, serve
from touchstone.sandbox.company import build
from touchstone.sandbox.entries import entry
from touchstone.sandbox.model import Company
from touchstone.sandbox.service import secrets
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect


def company() -> Company:
    """The simulated company, doing only what every helpdesk has a word for.

    Nothing is merged or deleted, priorities are those of all, a customer waits or does not, and writes by e-mail or chat.
    """
    found = build(seed=29, conversations_per_day=14, days=24, hubspot_share=0.0)
    left_out = {event.value for one in found.conversations for event in one.events if event.kind == "merge"}
    found.conversations = [
        one
        for one in found.conversations
        if one.conversation_id not in left_out and not any(event.kind in ("merge", "delete") for event in one.events)
    ]
    for one in found.conversations:
        one.channel = "email" if one.channel == "ticket" else one.channel
        for event in one.events:
            if event.kind in _COMMON:
                event.value = _COMMON[event.kind].get(event.value, event.value)
    return found


_COMMON = {"status": {"on_hold": "pending"}, "priority": {"low": "normal", "urgent": "high"}}
# names of things, not the things
_NAMES = re.compile(r"(^_|_keys?$|_ids?$|^ids?$|_hash$|^(source|instance|url|evidence|run)$)")
# a moment's part of a second
_FRACTION = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d+(?=\+)")
_KEY = re.compile(r"^[0-9a-f]{32}$")


@dataclass
class World:
    """Core and marts of the company as one vendor states it.

    Attributes:
        tables: Rows by table, each a tuple of (column, value) pairs of what is no name of a thing.
    """

    source: str
    tables: dict[str, Counter[tuple[tuple[str, Any], ...]]]

    def rows(self, table: str, *without: str, slices: Collection[str] = ()) -> Counter[tuple[tuple[str, Any], ...]]:
        """Rows of a table without some of its columns, and without those of some kinds of slices."""
        found: Counter[tuple[tuple[str, Any], ...]] = Counter()
        for row, count in self.tables[table].items():
            if dict(row).get("slice_type") not in slices:
                found[tuple(pair for pair in row if pair[0] not in without)] += count
        return found


def run(source: str, firm: Company, now: datetime, settings: Settings) -> World:
    """Read the company through one vendor, build everything, and look at it."""
    options = SandboxOptions(clock=now, vendors=(source,))
    with serve(firm, options) as sandbox:
        stated = {name: _at(value, sandbox.url) for name, value in entry(source).items()}
        place = SourceInstance(parsed(stated, "the test's entry"))
        daily.ingest_source(place, as_of=now, settings=settings, secrets=secrets(sandbox.credentials)[source])
    daily.run_steps(now, settings)
    own = native_of(source, firm)
    native = {str(own(one.conversation_id)): one.conversation_id for one in firm.conversations}
    with connect(settings=settings) as connection:
        # as text, since some are infinite
        connection.adapters.register_loader("timestamptz", TextLoader)
        named = {
            key: native[interaction_id]
            for key, interaction_id in connection.execute(
                "select interaction_key, interaction_id from core.interactions"
            )
        }
        tables = [
            f"{schema}.{table}"
            for schema, table in connection.execute(
                "select schemaname, tablename from pg_tables where schemaname in ('core', 'marts')"
                " and tablename not like '\\_%' order by 1, 2"
            )
        ]
        return World(source, {table: _rows(connection, table, named) for table in tables})


def _rows(connection, table: str, named: dict[str, str]) -> Counter[tuple[tuple[str, Any], ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("select * from {}").format(sql.Identifier(*table.split("."))))
        names = [column.name for column in cursor.description]
        found: Counter[tuple[tuple[str, Any], ...]] = Counter()
        for row in cursor:
            pairs = [
                ("conversation", named[value]) if name == "interaction_key" else (name, _plain(value))
                for name, value in zip(names, row, strict=True)
                if name == "interaction_key" or not _NAMES.search(name)
            ]
            found[tuple(pairs)] += 1
        return found


def _plain(value: Any) -> Any:
    """A value that compares by content: moments to the second, sums to nine digits."""
    if isinstance(value, str) and _KEY.match(value):
        return "a key"
    if isinstance(value, str):
        return _FRACTION.sub(r"\1", value)
    if isinstance(value, float):
        return float(f"{value:.9g}")
    return str(value) if isinstance(value, list | dict) else value


def _at(value: Any, url: str) -> Any:
    if isinstance(value, dict):
        return {name: _at(inner, url) for name, inner in value.items()}
    return value.replace("{sandbox}", url) if isinstance(value, str) else value
