"""The page of the gates shows what is on record, and nothing on it can run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from touchstone.quality import page
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

HOSTILE = "<script>alert(1)</script>"
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


@pytest.fixture
def settings(warehouse: Settings, tmp_path: Path) -> Settings:
    """Settings whose page goes to a temporary folder while the contracts stay those of the checkout."""
    (tmp_path / "expectations").symlink_to(warehouse.root / "expectations")
    (tmp_path / "dbt_project").symlink_to(warehouse.root / "dbt_project")
    with connect(settings=warehouse, autocommit=True) as connection:
        connection.execute(
            "truncate ops.gates, ops.quarantine, ops.runs, ops.loads, ops.publications restart identity cascade"
        )
    return warehouse.model_copy(update={"root": tmp_path})


def _record(settings: Settings, gate: str, day: int, failures: dict[str, str], *, error: str | None = None) -> None:
    with connect("loader", settings=settings, autocommit=True) as connection:
        run_id = connection.execute(
            "insert into ops.runs (step, as_of, status, error, finished_at) values (%s, %s, %s, %s, clock_timestamp()) returning run_id",
            [
                gate,
                AS_OF + timedelta(days=day),
                "failed" if "blocking" in failures.values() or error else "succeeded",
                error,
            ],
        ).fetchone()[0]
        if error:
            return
        for claim in ["every message has its id", *failures]:
            failed = 40 if claim in failures else 0
            connection.execute(
                "insert into ops.gates (run_id, gate, as_of, checked_object, expectation, claim, severity, is_success, observed,"
                " failed_row_count, row_count, failed_keys) values (%s, %s, %s, 'staging.x', 'x', %s, %s, %s, %s, %s, 12000, %s)",
                [
                    run_id,
                    gate,
                    AS_OF + timedelta(days=day),
                    claim,
                    failures.get(claim, "blocking"),
                    not failed,
                    f"{failed} of 12000 rows",
                    failed,
                    json.dumps([f"key-{number}" for number in range(20)] if failed else []),
                ],
            )


def test_the_page_shows_claims_counts_keys_history_and_quarantine(settings: Settings) -> None:
    for day in range(35):
        _record(
            settings, "gate_1", day, {"no message is sent after the ledger day": "blocking"} if day in (20, 34) else {}
        )
    _record(settings, "gate_2", 33, {"every indicator tells cases apart": "warning"})
    _record(settings, "gate_3", 33, {}, error="gate_3 reads a relation that does not exist: 'marts_build.x'")
    with connect("loader", settings=settings, autocommit=True) as connection:
        connection.execute(
            "insert into ops.quarantine (quarantine_id, source, instance, stream, reason_code, reason, remedy, payload, run_id, as_of)"
            " select gen_random_uuid(), 'files', 'default', 'messages', 'unknown_actor', 'r', 'Name one of the four actors.',"
            " 'secret words', 1, '2026-03-01' from generate_series(1, 12)"
        )
    path = page.render(settings)
    reader = _read(path)
    text = " ".join(" ".join(reader.words).split())
    assert path == settings.root / "build" / "quality" / "index.html"
    assert "✕ stopped publication" in text
    assert "! passed with warnings" in text
    assert "? could not run" in text
    assert "No message is sent after the ledger day" in text
    assert "Check the clock and the zone of the source, or run with the right --as-of." in text
    assert "key-0, key-1, key-2, key-3, key-4 and 35 more" in text
    assert "12 000" in text
    assert "gate_3 reads a relation that does not exist: 'marts_build.x'" in text
    assert "unknown actor" in text
    assert "12 records wait" in text
    assert "secret words" not in text
    labels = [value for name, value in reader.attributes if name == "aria-label"]
    assert labels.count("as of 2026-03-21 00:00: fails, blocking") == 1
    assert sum("2026-03-05" in label for label in labels) == 0, "only the last 30 runs are shown"


def test_an_empty_ledger_makes_a_page(settings: Settings) -> None:
    text = " ".join(_read(page.render(settings)).words)
    assert text.count("has not run yet") == 3
    assert "Nothing is published yet." in text
    assert "Nothing is quarantined." in text


def test_values_on_the_page_are_escaped(settings: Settings) -> None:
    _record(settings, "gate_1", 1, {HOSTILE: "blocking"})
    _record(settings, "gate_2", 1, {}, error=HOSTILE)
    with connect("loader", settings=settings, autocommit=True) as connection:
        connection.execute("update ops.gates set failed_keys = %s where not is_success", [json.dumps([HOSTILE])])
        connection.execute(
            "insert into ops.quarantine (quarantine_id, source, instance, stream, reason_code, reason, remedy, run_id, as_of)"
            " values (gen_random_uuid(), %s, 'default', 'messages', %s, 'r', %s, 1, '2026-03-01')",
            [HOSTILE, HOSTILE, HOSTILE],
        )
    reader = _read(page.render(settings))
    assert "script" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in ("src", "srcset")]
    assert sum(HOSTILE in words for words in reader.words) >= 5
