"""A source instance of its own per test, in the module's warehouse."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from touchstone.settings import Settings
from touchstone.sources.files import ingest
from touchstone.warehouse.engine import connect

_numbers = itertools.count(1)


class Place:
    """A folder of files and the source instance that they land in."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.instance = f"i{next(_numbers)}"

    def write_jsonl(self, name: str, records: list[dict | str | bytes]) -> Path:
        lines = [
            record
            if isinstance(record, bytes)
            else record.encode()
            if isinstance(record, str)
            else json.dumps(record).encode()
            for record in records
        ]
        return self.write(name, b"".join(line + b"\n" for line in lines))

    def write_csv(self, name: str, records: list[dict]) -> Path:
        path = self.folder / name
        names = list(dict.fromkeys(key for record in records for key in record))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(records)
        return path

    def write_parquet(self, name: str, records: list[dict]) -> Path:
        import pyarrow
        from pyarrow import parquet

        path = self.folder / name
        names = list(dict.fromkeys(key for record in records for key in record))
        columns = {key: [record.get(key) for record in records] for key in names}
        parquet.write_table(pyarrow.table(columns), path)
        return path

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    def ingest(self, target: str | Path | None = None, **options):
        return ingest(target or self.folder, instance=self.instance, settings=self.settings, **options)

    def query(self, statement: str, *parameters: object) -> list[tuple]:
        """Rows of a statement in which %(instance)s is this place's instance."""
        with connect(settings=self.settings) as connection:
            return connection.execute(statement.replace("INSTANCE", "%s"), [self.instance, *parameters]).fetchall()

    def execute(self, statement: str) -> None:
        with connect(settings=self.settings) as connection:
            connection.execute(statement, [self.instance])

    def messages(self) -> dict[str, dict]:
        return dict(self.query("select id, payload from raw_files.messages where instance = INSTANCE order by id"))

    def conversations(self) -> dict[str, dict]:
        return dict(self.query("select id, payload from raw_files.conversations where instance = INSTANCE order by id"))

    def snapshot(self) -> list[tuple]:
        """Everything that a run must leave alone when nothing has changed."""
        return [
            *self.query("select * from raw_files.conversations where instance = INSTANCE order by id"),
            *self.query("select * from raw_files.messages where instance = INSTANCE order by id"),
            *self.query("select * from raw_files.conversations_history where instance = INSTANCE order by id"),
            *self.query("select * from raw_files.messages_history where instance = INSTANCE order by id"),
        ]

    def quarantine(self) -> list[dict]:
        with connect(settings=self.settings) as connection:
            cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
            cursor.execute(
                "select * from ops.quarantine where instance = %s order by file, line, record_id", [self.instance]
            )
            return cursor.fetchall()

    def open_codes(self) -> list[str]:
        return sorted(row["reason_code"] for row in self.quarantine() if row["resolved_at"] is None)


@pytest.fixture
def place(tmp_path: Path, warehouse: Settings) -> Place:
    folder = tmp_path / "files"
    folder.mkdir()
    return Place(folder, warehouse)


@pytest.fixture
def document() -> Callable[..., dict]:
    """A sound conversation of two messages; keywords overlay its header."""

    def make(interaction_id: str = "c1", texts: tuple[str, ...] = ("Hello", "Hi, how can I help?"), **header) -> dict:
        return {
            "interaction_id": interaction_id,
            "channel": "chat",
            **header,
            "messages": [
                {
                    "message_id": f"m{number}",
                    "sent_at": f"2026-03-01T09:{number:02}:00Z",
                    "actor": "human_agent" if number % 2 else "customer",
                    "actor_id": "a1" if number % 2 else "u1",
                    "text": text,
                }
                for number, text in enumerate(texts)
            ],
        }

    return make
