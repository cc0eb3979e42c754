"""Feedback on a real warehouse: by file and by table, corrected, refused and tried again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from touchstone.feedback.intake import import_files, take_up_inbox
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(warehouse) -> Settings:
    """A warehouse in which two instances hold conversations; two of them share an id."""
    with connect("transformer", settings=warehouse, autocommit=True) as connection:
        connection.execute(
            """
            create table core.interactions (interaction_key text, started_at timestamptz);
            create table core.messages (message_key text, interaction_key text, interaction_started_at timestamptz);
            """
        )
    with connect("loader", settings=warehouse, autocommit=True) as connection:
        connection.execute("insert into ops.runs (step, as_of) values ('ingest', now())")
        for instance in ("a", "b"):
            connection.execute(
                """
                insert into ops.loads (run_id, source, instance, batch, as_of, rows_in, rows_inserted, rows_updated,
                    rows_unchanged, rows_quarantined) values (1, 'files', %s, %s, now(), 0, 0, 0, 0, 0)
                """,
                [instance, instance],
            )
    with connect("transformer", settings=warehouse, autocommit=True) as connection:
        for instance, native in (("a", "9"), ("a", "10"), ("b", "10")):
            connection.execute(
                "insert into core.interactions values (md5(%s), '2026-03-01')", [f"files:{instance}:{native}"]
            )
            connection.execute(
                "insert into core.messages values (md5(%s), md5(%s), '2026-03-01')",
                [f"files:{instance}:{native}:m1", f"files:{instance}:{native}"],
            )
    return warehouse


@pytest.fixture
def database(world) -> psycopg.Connection:
    with connect("transformer", settings=world, autocommit=True) as connection:
        yield connection


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def change(change_id: str, **said) -> dict:
    return {"change_id": change_id, "change_type": "prompt", "changed": "tone", "changed_at": "2026-03-10"} | said


def open_reasons(database: psycopg.Connection) -> dict[str, int]:
    return dict(
        database.execute(
            "select reason_code, count(*) from ops.quarantine where source = 'feedback' and resolved_at is null group by 1"
        ).fetchall()
    )


def test_rows_in_are_rows_out_and_quarantined_and_the_same_file_again_changes_nothing(database, tmp_path):
    rows = [
        change("c1"),
        change("c2", topic="refunds"),
        change("c3", change_type="poem"),
        change("c2", changed="voice"),
        {"change_id": "c4", "note": "call me on 0171 555"},
    ]
    path = write(tmp_path / "changes.jsonl", rows)
    path.write_text(path.read_text() + "not json\n")
    result = import_files("change_log", [path], AS_OF)
    assert (result.rows_in, result.new, len(result.unusable)) == (6, 2, 4)
    assert {one.fault.code for one in result.unusable} == {
        "unknown_value",
        "repeated",
        "unknown_column",
        "not_a_record",
    }
    assert sum(open_reasons(database).values()) == 4
    again = import_files("change_log", [path], AS_OF)
    assert (again.new, again.corrected, again.unchanged) == (0, 0, 2)
    assert sum(open_reasons(database).values()) == 4, "the same bad rows are the same rows of quarantine"
    payloads = [row[0] for row in database.execute("select payload from ops.quarantine where source = 'feedback'")]
    assert not any("0171" in payload for payload in payloads), "a column that the kind does not know is not kept"
    assert database.execute(
        "select rows_in, rows_out, rows_quarantined, detail->>'new' from ops.runs where step = 'feedback_import' order by run_id limit 1"
    ).fetchone() == (6, 2, 4, "2")
    import_files("change_log", [write(tmp_path / "repaired.jsonl", [change("c3")])], AS_OF)
    assert "unknown_value" not in open_reasons(database)


def test_a_correction_supersedes_and_what_it_corrects_stays(database, tmp_path):
    import_files("change_log", [write(tmp_path / "one.jsonl", [change("d1", changed_by="ann")])], AS_OF)
    corrected = import_files("change_log", [write(tmp_path / "two.jsonl", [change("d1", changed_by="bob")])], AS_OF)
    assert (corrected.new, corrected.corrected) == (0, 1)
    assert database.execute(
        "select record->>'changed_by', superseded_by is null from feedback.records where record->>'change_id' = 'd1' order by record_id"
    ).fetchall() == [("ann", False), ("bob", True)]


def test_free_words_are_stored_without_personal_data(database, tmp_path):
    said = change("p1", reason="ask ann.smith@example.com, phone +44 20 7946 0958")
    import_files("change_log", [write(tmp_path / "p.jsonl", [said])], AS_OF)
    reason = database.execute(
        "select record->>'reason' from feedback.records where record->>'change_id' = 'p1'"
    ).fetchone()[0]
    assert reason.startswith("ask ")
    assert "example.com" not in reason
    assert "7946" not in reason
    assert import_files("change_log", [tmp_path / "p.jsonl"], AS_OF).unchanged == 1


def test_csv_and_parquet_say_the_same_as_json(database, tmp_path):
    import pyarrow
    from pyarrow import parquet

    said = change("e1", topic="refunds", reason="three complaints; see board")
    write(tmp_path / "e.jsonl", [said])
    (tmp_path / "e.csv").write_text(",".join(said) + "\n" + ",".join(said.values()) + "\n")
    parquet.write_table(pyarrow.Table.from_pylist([said]), tmp_path / "e.parquet")
    assert import_files("change_log", [tmp_path / "e.jsonl"], AS_OF).new == 1
    for name in ("e.csv", "e.parquet"):
        assert import_files("change_log", [tmp_path / name], AS_OF).unchanged == 1, name


def test_a_row_about_a_message_is_keyed_like_the_warehouse(database, tmp_path):
    def check(interaction_id: str, message_id: str = "m1", **said) -> dict:
        return {
            "interaction_id": interaction_id,
            "message_id": message_id,
            "verdict": "supported",
            "checked_by": "ann",
            "checked_at": "2026-03-12T10:00:00Z",
        } | said

    rows = [check("9"), check("10"), check("11"), check("9", "m2"), check("10", instance="b")]
    result = import_files("factuality_checks", [write(tmp_path / "checks.jsonl", rows)], AS_OF)
    assert (result.rows_in, result.new) == (5, 2)
    assert sorted(one.fault.code for one in result.unusable) == [
        "ambiguous_interaction",
        "unknown_interaction",
        "unknown_message",
    ]
    assert database.execute(
        """
        select count(*) from feedback.records
        where kind = 'factuality_checks' and interaction_key in (md5('files:a:9'), md5('files:b:10'))
            and message_key in (md5('files:a:9:m1'), md5('files:b:10:m1'))
        """
    ).fetchone() == (2,)
    key = database.execute("select md5('files:a:9')").fetchone()[0]
    by_key = write(
        tmp_path / "by_key.jsonl", [check(key, database.execute("select md5('files:a:9:m1')").fetchone()[0])]
    )
    assert import_files("factuality_checks", [by_key], AS_OF).unchanged == 1
    named = import_files("factuality_checks", [write(tmp_path / "ten.jsonl", [check("10")])], AS_OF, instance="a")
    assert (named.new, named.unusable) == (1, [])


def test_the_inbox_takes_rows_of_a_role_that_reads_nothing(world, database):
    statement = "insert into feedback.inbox (kind, record) values (%s, %s)"
    with connect("feedback", settings=world, autocommit=True) as sender:
        sender.execute(statement, ["change_log", Jsonb(change("f1"))])
        sender.execute(statement, ["change_log", Jsonb(change("f1", changed="voice"))])
        sender.execute(statement, ["change_log", Jsonb(change("f2", change_type="poem"))])
        sender.execute(statement, ["changelog", Jsonb({})])
        sender.execute(statement, ["change_log", Jsonb([1])])
        for denied in ("select * from feedback.inbox", "select * from feedback.records", "delete from feedback.inbox"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sender.execute(denied)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sender.execute("insert into feedback.inbox (kind, record, taken_up_run_id) values ('change_log', '{}', 1)")
    first = take_up_inbox(AS_OF, world)
    assert (first.rows_in, first.new, first.corrected, len(first.unusable)) == (5, 1, 1, 3), (
        "rows of one key follow each other"
    )
    waiting = dict(
        database.execute(
            "select kind, remedy from feedback.inbox where taken_up_run_id is null and reason <> ''"
        ).fetchall()
    )
    assert "'change_log'" in waiting["changelog"]
    database.execute(
        "update feedback.inbox set kind = 'change_log', record = %s where kind = 'changelog'", [Jsonb(change("f3"))]
    )
    second = take_up_inbox(AS_OF, world)
    assert (second.rows_in, second.new, len(second.unusable)) == (3, 1, 2)
    assert "unknown_kind" not in open_reasons(database)
    assert database.execute(
        "select record->>'changed' from feedback.records where record->>'change_id' = 'f1' and superseded_by is null"
    ).fetchone() == ("voice",)


def test_staging_gives_each_kind_its_types(world, database):
    """The views read what the intake wrote, whatever it was: a value that a cast cannot take never gets there."""
    from touchstone.dbt import run_dbt

    label = {"interaction_id": "9", "true_intent": "refund", "labelled_by": "ann"}
    folder = Path(world.home)
    import_files("intent_labels", [write(folder / "l1.jsonl", [label])], AS_OF)
    import_files("intent_labels", [write(folder / "l2.jsonl", [label | {"true_intent": "invoice"}])], AS_OF)
    run_dbt("run", as_of=AS_OF, ledger_id=1, settings=world, arguments=("--select", "path:models/staging/feedback"))
    for kind in ("change_log", "improvement_actions", "factuality_checks", "regression_results", "intent_labels"):
        built, held = database.execute(
            f"""
            select (select count(*) from (select to_jsonb(view) as row from staging.stg_feedback__{kind} as view) as rows),
                (select count(*) from feedback.records where kind = %s and superseded_by is null)
            """,
            [kind],
        ).fetchone()
        assert built == held
    assert database.execute("select true_intent, is_corrected from staging.stg_feedback__intent_labels").fetchall() == [
        ("invoice", True)
    ]
