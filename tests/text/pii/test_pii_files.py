"""Conversation files redacted: the same format comes out, and no value is left or printed."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
import typer
from pyarrow import parquet
from typer.testing import CliRunner

from touchstone.errors import EXIT_FAILED, SourceError
from touchstone.sources.readers import read_file
from touchstone.text.pii import cli
from touchstone.text.pii.files import redact_files

SECRETS = ("123456789", "zorvane", "kim@example.com", "4111")
ROWS: list[dict[str, Any]] = [
    {
        "interaction_id": "a",
        "sent_at": "2026-03-01T09:00:00Z",
        "actor": "human_agent",
        "actor_name": "Ada",
        "text": "Your SSN?",
    },
    {
        "interaction_id": "b",
        "sent_at": "2026-03-01T09:00:01Z",
        "actor": "customer",
        "actor_name": "Zorvane K",
        "text": "it cost 450",
    },
    {
        "interaction_id": "a",
        "sent_at": "2026-03-01T09:00:02Z",
        "actor": "customer",
        "actor_name": "Zorvane K",
        "text": "123456789",
    },
]
DOCUMENT = {
    "interaction_id": "a",
    "customer_email": "kim@example.com",
    "topic": "card 4111 1111 1111 1111",
    "attributes": {"note": "call kim@example.com", "count": 3},
    "messages": [
        {"sent_at": "2026-03-01T09:00:00Z", "actor": "human_agent", "text": "Your SSN?"},
        {"sent_at": "2026-03-01T09:00:02Z", "actor": "customer", "text": "123456789"},
    ],
}


def _records(path: Path) -> list[dict[str, Any]]:
    return [read.record for read in read_file(path)]


def test_a_document_is_redacted_with_all_its_fields(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps(DOCUMENT) + "\n", encoding="utf-8")
    summary = redact_files([source], tmp_path / "out")
    (record,) = _records(tmp_path / "out" / "in.jsonl")
    assert record["interaction_id"] == "a"
    assert record["customer_email"] is None
    assert record["topic"] == "card [CREDIT_CARD]"
    assert record["attributes"] == {"note": "call [EMAIL]", "count": 3}
    assert [message["text"] for message in record["messages"]] == ["Your SSN?", "[SSN]"]
    assert summary.types == {"ssn": 1, "credit_card": 1, "email": 1}
    assert (summary.files, summary.messages, summary.redacted) == (1, 2, 1)


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.parquet", "in.parquet.gz", "in.jsonl.gz"])
def test_rows_of_a_conversation_find_each_other_in_every_format(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    plain = tmp_path / name.removesuffix(".gz")
    if ".csv" in name:
        with plain.open("w", encoding="utf-8", newline="") as stream:
            rows = csv.DictWriter(stream, list(ROWS[0]), delimiter=";")
            rows.writeheader()
            rows.writerows(ROWS)
    elif ".parquet" in name:
        parquet.write_table(pyarrow.Table.from_pylist(ROWS), plain)
    else:
        plain.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    if source != plain:
        source.write_bytes(gzip.compress(plain.read_bytes()))
    redact_files([source], tmp_path / "out")
    records = _records(tmp_path / "out" / name)
    assert [record["text"] for record in records] == ["Your SSN?", "it cost 450", "[SSN]"]
    assert [record.get("actor_name") for record in records] == ["Ada", None, None]
    assert [record["sent_at"] for record in records] == [row["sent_at"] for row in ROWS]


def _app() -> typer.Typer:
    app = typer.Typer()
    app.command("redact")(cli.redact)
    app.add_typer(cli.app, name="pii")
    return app


def test_the_command_prints_types_and_no_values(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps(DOCUMENT) + "\n", encoding="utf-8")
    result = CliRunner().invoke(_app(), ["redact", str(source), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "1 files, 2 messages, 1 of them with personal data" in result.output
    assert "ssn" in result.output
    written = (tmp_path / "out" / "in.jsonl").read_text(encoding="utf-8")
    assert not any(secret in result.output + written for secret in SECRETS)
    result = CliRunner().invoke(_app(), ["redact", str(source), "--out", str(tmp_path / "out"), "--json"])
    assert json.loads(result.stdout)["types"] == {"ssn": 1, "credit_card": 1, "email": 1}


def test_a_record_that_cannot_be_read_is_left_out_and_named_without_its_content(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"interaction_id": "kim@example.com", \n' + json.dumps(DOCUMENT) + "\n", encoding="utf-8")
    result = CliRunner().invoke(_app(), ["redact", str(source), "--out", str(tmp_path / "out")])
    assert result.exit_code == EXIT_FAILED
    assert "line 1" in result.output
    assert "kim@" not in result.output
    assert len(_records(tmp_path / "out" / "in.jsonl")) == 1


def test_an_input_is_never_replaced(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps(DOCUMENT) + "\n", encoding="utf-8")
    with pytest.raises(SourceError, match="replace its input"):
        redact_files([source], tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "in.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(SourceError, match="two files have one name"):
        redact_files([source, tmp_path / "other"], tmp_path / "out")
    with pytest.raises(SourceError, match="no such file"):
        redact_files([tmp_path / "absent.jsonl"], tmp_path / "out")
