"""The step `intents` on a real server: what it reads, what it leaves, new questions and decisions, and kills."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from datetime import UTC

import numpy as np
import orjson
import psycopg
import pytest
from intents_world import INTENTS, new_questions, wordings
from psycopg.types.json import Jsonb

from scoring.core_data import AS_OF, add_interaction, create_core
from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.intents import model as models
from touchstone.intents import registry
from touchstone.intents.questions import openings
from touchstone.intents.step import intents
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

TABLES = ("scores.intents", "derived.novel_questions", "derived.novel_intents", "derived.novel_groups")
REPLY = ("human_agent", "Let me look into that.")
_CHILD = f"""
from datetime import datetime
from touchstone.intents.step import intents
intents(datetime.fromisoformat({AS_OF.isoformat()!r}), batch_interactions=4, progress=lambda *done: print(*done, flush=True))
"""


@pytest.fixture(scope="module")
def folder(static_model, tmp_path_factory):
    return models.save(static_model, tmp_path_factory.mktemp("models") / "intents")


@pytest.fixture(scope="module")
def prepared(warehouse: Settings) -> Settings:
    create_core(warehouse)
    return warehouse


@pytest.fixture
def database(prepared: Settings):
    """An empty warehouse with 30 usual questions in core."""
    with connect(settings=prepared, autocommit=True) as connection:
        connection.execute(
            f"truncate {', '.join(TABLES)}, scores.intent_models, scores.intent_model_events, feedback.records, ops.watermarks, "
            "ops.interaction_changes, core.messages, core.interactions"
        )
    with connect("transformer", settings=prepared, autocommit=True) as connection:
        for number, (_, text) in enumerate(_usual(30)):
            add_interaction(connection, number, [("customer", text), REPLY])
        yield connection


def _usual(count: int) -> list[tuple[str, str]]:
    dice = random.Random(5)
    return [(intent, dice.choice(wordings(*INTENTS[intent]))) for intent in dice.choices(sorted(INTENTS), k=count)]


@pytest.fixture
def ready(database, folder, static_model):
    registry.register(folder, AS_OF)
    registry.activate(static_model.version, AS_OF)
    return database


def _rows(connection: psycopg.Connection, table: str, *leave_out: str) -> list[dict]:
    return [
        row[0]
        for row in connection.execute(
            f'select to_jsonb(rows) - %s::text[] from {table} as rows order by to_jsonb(rows)::text collate "C"',
            [["scored_at", "run_id", *leave_out]],
        )
    ]


def _decide(connection: psycopg.Connection, number: int, **record: str) -> None:
    said = {"decided_by": "QA", "reason": "seen", "decided_at": f"2026-03-0{number}T00:00:00Z"} | record
    connection.execute(
        """
        insert into feedback.records (kind, record_key, record, arrived_by, taken_up_as_of, run_id)
        values ('intent_decisions', %s, %s, 'file', %s, 0)
        """,
        [str(number), Jsonb(said), AS_OF],
    )


def test_without_a_model_nothing_is_read_and_the_ledger_says_so(database):
    done = intents(AS_OF)
    assert (done.model_version, done.interactions) == (None, 0)
    assert _rows(database, "scores.intents") == []
    detail = database.execute(
        "select detail from ops.runs where step = 'intents' order by run_id desc limit 1"
    ).fetchone()
    assert "no model of intents is active" in detail[0]["nothing_read"]


def test_a_registered_model_waits_for_its_activation(database, folder, static_model):
    assert registry.register(folder, AS_OF).is_new
    assert not registry.register(folder, AS_OF).is_new
    assert intents(AS_OF).model_version is None
    assert all(check.holds for check in registry.activate(static_model.version, AS_OF))
    with pytest.raises(ConfigurationError, match="active already"):
        registry.activate(static_model.version, AS_OF)
    with pytest.raises(ConfigurationError, match="no such model"):
        registry.activate("intents-000000000000", AS_OF)


def test_a_model_is_refused_by_name_of_what_its_report_lacks(database, static_model, tmp_path):
    poor = models.Model(
        "intents-poor", static_model.intents, static_model.machine, dict(static_model.report), static_model.manifest
    )
    poor.report |= {"accuracy": {"value": 0.2, "hits": 12, "n": 60, "low": 0.12, "high": 0.32}}
    registry.register(models.save(poor, tmp_path / "poor"), AS_OF)
    with pytest.raises(
        TouchstoneError, match=r"tested questions: 60, needed at least 100; accuracy, lower limit: 0\.120"
    ):
        registry.activate("intents-poor", AS_OF)
    silent = models.Model("intents-silent", static_model.intents, static_model.machine, {}, static_model.manifest)
    registry.register(models.save(silent, tmp_path / "silent"), AS_OF)
    with pytest.raises(TouchstoneError, match="figures of unseen questions: none"):
        registry.activate("intents-silent", AS_OF)
    damaged = models.save(static_model, tmp_path / "damaged")
    (damaged / "arrays.npz").write_bytes(b"not arrays")
    with pytest.raises(ConfigurationError, match="were changed"):
        registry.register(damaged, AS_OF)


def test_the_question_is_what_the_customer_says_before_a_reply_and_more_after_a_greeting(database):
    said = {
        1: [
            ("customer", "Hello"),
            ("ai_agent", "Hi!"),
            ("customer", "where is my parcel?"),
            REPLY,
            ("customer", "thanks a lot"),
        ],
        2: [("customer", "where is my"), ("customer", "parcel please"), REPLY, ("customer", "It has come by now")],
        3: [("human_agent", "Good morning, how can I help?"), ("customer", "My card is gone")],
    }
    keys = {number: add_interaction(database, 100 + number, turns) for number, turns in said.items()}
    moments = dict(database.execute("select interaction_key, started_at from core.interactions").fetchall())
    found = openings(database, [(key, moments[key]) for key in keys.values()], 3)
    assert [found[keys[number]].text for number in said] == [
        "Hello\nwhere is my parcel?",
        "where is my\nparcel please",
        "My card is gone",
    ]
    assert found[keys[1]].message_key == f"{keys[1]}:1"


def test_every_eligible_interaction_has_one_row_and_only_new_content_is_read_again(ready, static_model):
    add_interaction(ready, 90, [("customer", "[EMAIL] ???"), REPLY])
    add_interaction(ready, 91, [("customer", "my card is gone"), REPLY], is_eligible=False)
    done = intents(AS_OF, batch_interactions=7)
    assert (done.interactions, done.model_version) == (31, static_model.version)
    rows = _rows(ready, "scores.intents")
    assert len(rows) == 31
    abstained = [row for row in rows if row["is_abstained"]]
    assert [(row["interaction_key"], row["intent"], row["is_novel"]) for row in abstained] == [
        (f"{90:032x}", None, None)
    ]
    said = {row["interaction_key"]: row["intent"] for row in rows}
    right = sum(said[f"{number:032x}"] == intent for number, (intent, _) in enumerate(_usual(30)))
    assert right >= 28
    assert intents(AS_OF).interactions == 0

    # another reply is another content with the same question; another question is read
    question = _usual(30)[0][1]
    add_interaction(ready, 0, [("customer", question), REPLY, ("customer", "thank you very much")], input_hash="second")
    again = intents(AS_OF)
    assert (again.interactions, again.read) == (1, 0)
    add_interaction(ready, 1, [("customer", "please send me the invoice for May"), REPLY], input_hash="second")
    other = intents(AS_OF)
    assert (other.interactions, other.read) == (1, 1)
    after = _rows(ready, "scores.intents")
    assert [row for row in after if row["input_hash"] == "first"] == rows
    second = {row["interaction_key"]: row for row in after if row["input_hash"] == "second"}
    assert second[f"{1:032x}"]["intent"] == "invoice_copy"
    said_before = next(row for row in rows if row["interaction_key"] == f"{0:032x}")
    assert second[f"{0:032x}"] | {"input_hash": "first"} == said_before


def test_a_new_topic_becomes_a_cluster_whose_id_stays(ready):
    texts = new_questions(30)
    for number, text in enumerate(texts[:10], 200):
        add_interaction(ready, number, [("customer", text), REPLY])
    first = intents(AS_OF)
    assert first.new_questions >= 10
    held = dict(ready.execute("select interaction_key, cluster_id from derived.novel_questions").fetchall())
    own = {held.get(f"{number:032x}") for number in range(200, 210)} - {None}
    assert len(own) >= 1
    cluster = ready.execute(
        "select cluster_id, name, question_count from derived.novel_intents order by question_count desc limit 1"
    ).fetchone()
    for number, text in enumerate(texts[10:20], 300):
        add_interaction(ready, number, [("customer", text), REPLY])
    second = intents(AS_OF)
    assert second.interactions == 10
    after = dict(ready.execute("select interaction_key, cluster_id from derived.novel_questions").fetchall())
    assert {key: after[key] for key, one in held.items() if one} == {key: one for key, one in held.items() if one}
    grown = ready.execute(
        "select name, question_count from derived.novel_intents where cluster_id = %s", [cluster[0]]
    ).fetchone()
    assert grown[0] == cluster[1]
    assert grown[1] > cluster[2]
    assert not any(text in str(_rows(ready, table)) for table in TABLES[1:3] for text in texts)


def _two_clusters(connection) -> tuple[str, str]:
    """Two clusters of new questions, made by hand of one that the step has found."""
    for number, text in enumerate(new_questions(10), 200):
        add_interaction(connection, number, [("customer", text), REPLY])
    intents(AS_OF)
    for number, text in enumerate(
        [f"my {pet} ate the {thing}" for pet in ("dog", "cat", "parrot") for thing in ("curtains", "carpet", "sofa")],
        400,
    ):
        add_interaction(connection, number, [("customer", text), REPLY])
    intents(AS_OF)
    found = connection.execute(
        "select cluster_id from derived.novel_intents where question_count > 0 order by question_count desc limit 2"
    ).fetchall()
    return found[0][0], found[1][0]


def test_decisions_promote_dismiss_and_merge_and_come_back_when_they_are_taken_back(ready):
    one, other = _two_clusters(ready)
    counts = dict(ready.execute("select cluster_id, question_count from derived.novel_intents").fetchall())
    _decide(ready, 1, cluster_id=one, decision="promote", intent="jobs", owner_team="people")
    _decide(ready, 2, cluster_id=other, decision="merge", into_cluster_id=one)
    _decide(ready, 3, cluster_id="c99999", decision="dismiss")
    intents(AS_OF)
    shown = {row["cluster_id"]: row for row in _rows(ready, "derived.novel_intents")}
    assert (shown[one]["status"], shown[one]["intent"], shown[one]["owner_team"]) == ("promoted", "jobs", "people")
    assert shown[one]["promoted_at"].startswith("2026-03-01")
    assert shown[one]["is_learned"] is False
    assert (shown[other]["status"], shown[other]["into_cluster_id"], shown[other]["question_count"]) == (
        "merged",
        one,
        0,
    )
    assert shown[one]["question_count"] == counts[one] + counts[other]
    detail = ready.execute(
        "select detail from ops.runs where step = 'intents' order by run_id desc limit 1"
    ).fetchone()[0]
    assert len(detail["decisions_without_effect"]) == 1
    # what moved is announced to the marts
    announced = ready.execute(
        "select count(*) from ops.interaction_changes where run_id = (select max(run_id) from ops.runs where step = 'intents')"
    ).fetchone()[0]
    assert announced == counts[other]

    _decide(ready, 4, cluster_id=one, decision="dismiss")
    intents(AS_OF)
    after = {row["cluster_id"]: row for row in _rows(ready, "derived.novel_intents")}
    assert (after[one]["status"], after[one]["intent"], after[one]["promoted_at"]) == ("dismissed", None, None)
    assert after[one]["question_count"] == shown[one]["question_count"]


def test_a_question_that_says_something_else_leaves_its_cluster(ready):
    one, _ = _two_clusters(ready)
    key, hash_before = ready.execute(
        "select interaction_key, question_hash from derived.novel_questions where cluster_id = %s order by 1 limit 1",
        [one],
    ).fetchone()
    before = ready.execute("select question_count from derived.novel_intents where cluster_id = %s", [one]).fetchone()[
        0
    ]
    add_interaction(ready, int(key, 16), [("customer", "where is my parcel"), REPLY], input_hash="second")
    intents(AS_OF)
    left = ready.execute(
        "select question_hash from derived.novel_questions where interaction_key = %s", [key]
    ).fetchone()
    assert left is None or left[0] != hash_before
    after = ready.execute("select question_count from derived.novel_intents where cluster_id = %s", [one]).fetchone()[0]
    assert after == before - 1


def test_another_model_reads_everything_and_the_rows_of_the_old_one_stay(ready, static_model, tmp_path):
    intents(AS_OF)
    old = _rows(ready, "scores.intents")
    other = models.Model(
        "intents-other", static_model.intents, static_model.machine, static_model.report, static_model.manifest
    )
    registry.register(models.save(other, tmp_path / "other"), AS_OF)
    registry.activate("intents-other", AS_OF)
    assert intents(AS_OF).interactions == 30
    rows = _rows(ready, "scores.intents")
    assert [row for row in rows if row["model_version"] == static_model.version] == old
    assert len(rows) == 60
    # back to the first one: nothing is read, and readers are told of all
    registry.activate(static_model.version, AS_OF)
    last = ready.execute("select max(change_id) from ops.interaction_changes").fetchone()[0]
    assert intents(AS_OF).interactions == 0
    told = ready.execute("select count(*) from ops.interaction_changes where change_id > %s", [last]).fetchone()[0]
    assert told == 30
    states = dict(ready.execute("select model_version, state from scores.intent_models").fetchall())
    assert states == {static_model.version: "active", "intents-other": "retired"}


def test_a_model_that_cannot_be_read_any_more_is_retired_with_the_reason(ready, static_model):
    ready.execute("update scores.intent_models set artifact = 'x'")
    done = intents(AS_OF)
    assert done.model_version is None
    state, reason = ready.execute(
        """
        select models.state, events.reason from scores.intent_models as models
        inner join scores.intent_model_events as events using (model_version) order by events.event_id desc limit 1
        """
    ).fetchone()
    assert state == "retired"
    assert "was changed" in reason


def test_clusters_of_another_version_keep_ids_and_go_on(ready):
    one, _ = _two_clusters(ready)
    before = _rows(ready, "derived.novel_questions")
    # vectors of another version mean nothing to this one
    with np.load(io.BytesIO(ready.execute("select arrays from derived.novel_groups").fetchone()[0])) as held:
        arrays = {name: np.zeros_like(values) for name, values in held.items()} | {
            "floors": np.ones(len(held["floors"]))
        }
    written = io.BytesIO()
    np.savez_compressed(written, **arrays)
    ready.execute("update derived.novel_groups set versions = 'earlier', arrays = %s", [written.getvalue()])
    for number, text in enumerate(new_questions(20)[10:], 600):
        add_interaction(ready, number, [("customer", text), REPLY])
    intents(AS_OF)
    after = {row["interaction_key"]: row for row in _rows(ready, "derived.novel_questions")}
    assert all(
        after[row["interaction_key"]]["cluster_id"] == row["cluster_id"]
        for row in before
        if row["cluster_id"] is not None
    )
    joined = [row["cluster_id"] for key, row in after.items() if int(key, 16) >= 600]
    assert one in joined


def test_a_killed_run_and_another_one_give_what_an_undisturbed_one_gives(ready, prepared, static_model):
    for number, text in enumerate(new_questions(10), 200):
        add_interaction(ready, number, [("customer", text), REPLY])
    intents(AS_OF, batch_interactions=4)
    whole = {table: _rows(ready, table, "arrays") for table in TABLES}
    environment = os.environ | {"TOUCHSTONE_WAREHOUSE_URL": prepared.warehouse_url.get_secret_value()}
    for after in (8, 40):
        for table in TABLES:
            ready.execute(f"truncate {table}")
        ready.execute("delete from ops.watermarks where step = 'intents'")
        ready.execute("delete from ops.interaction_changes where reason = 'scored'")
        ready.execute("update scores.intent_models set is_complete = false")
        with subprocess.Popen(
            [sys.executable, "-c", _CHILD], stdout=subprocess.PIPE, text=True, env=environment
        ) as child:
            done = 0
            while done < after:
                line = child.stdout.readline()
                assert line, "the step ended before it was killed"
                done = int(line.split()[0])
            child.kill()
        assert len(_rows(ready, "scores.intents")) >= after
        intents(AS_OF, batch_interactions=4)
        assert {table: _rows(ready, table, "arrays") for table in TABLES} == whole


def test_a_month_at_once_makes_the_clusters_of_a_run_a_day(ready):
    texts = new_questions(24)
    for number, text in enumerate(texts, 200):
        add_interaction(ready, number, [("customer", text), REPLY])
    days = ready.execute(
        "select interaction_key, started_at from core.interactions order by (started_at at time zone 'UTC')::date, interaction_key"
    ).fetchall()
    intents(AS_OF)
    at_once = _rows(ready, "derived.novel_questions")
    assert len({row["asked_on"] for row in at_once}) > 5
    assert any(row["cluster_id"] for row in at_once)
    for table in TABLES:
        ready.execute(f"truncate {table}")
    ready.execute("delete from ops.watermarks where step = 'intents'")
    ready.execute("update scores.intent_models set is_complete = false")
    ready.execute("update core.interactions set is_eligible = false")
    for day in sorted({moment.astimezone(UTC).date() for _, moment in days}):
        keys = [key for key, moment in days if moment.astimezone(UTC).date() == day]
        ready.execute("update core.interactions set is_eligible = true where interaction_key = any(%s)", [keys])
        ready.execute(
            "insert into ops.interaction_changes (interaction_key, reason, run_id) select key, 'landed', 0 from unnest(%s::text[]) as key",
            [keys],
        )
        ready.execute(
            "update ops.watermarks set change_id = (select max(change_id) from ops.interaction_changes) where step = 'core'"
        )
        intents(AS_OF)
    assert _rows(ready, "derived.novel_questions") == at_once


def test_labels_of_people_come_before_promoted_clusters_and_these_before_topics(ready, tmp_path):
    from touchstone.intents.files import read_labels
    from touchstone.intents.labels import export_labels

    one, _ = _two_clusters(ready)
    _decide(ready, 1, cluster_id=one, decision="promote", intent="jobs")
    for number, record in enumerate(
        (
            {"true_intent": "old", "labelled_at": "2026-03-01T00:00:00Z"},
            {"true_intent": "parcel", "labelled_at": "2026-03-02T00:00:00Z"},
        )
    ):
        ready.execute(
            """
            insert into feedback.records (kind, record_key, interaction_key, record, arrived_by, taken_up_as_of, run_id)
            values ('intent_labels', %s, %s, %s, 'file', %s, 0)
            """,
            [f"label {number}", f"{3:032x}", Jsonb(record), AS_OF],
        )
    intents(AS_OF)
    done = export_labels(tmp_path / "labels.jsonl")
    rows = {row["id"]: row for row in map(orjson.loads, (tmp_path / "labels.jsonl").read_bytes().splitlines())}
    assert rows[f"{3:032x}"]["intent"] == "parcel"
    promoted = ready.execute(
        "select interaction_key from derived.novel_questions where cluster_id = %s", [one]
    ).fetchall()
    assert {rows[key]["intent"] for (key,) in promoted} == {"jobs"}
    assert {row["intent"] for row in rows.values() if row["source"] == "topic"} == {"delivery"}
    assert dict(done.rows) == {"label": 1, "promoted": len(promoted), "topic": len(rows) - len(promoted) - 1}
    assert read_labels(tmp_path / "labels.jsonl").rows_in == len(rows)
    assert export_labels(tmp_path / "few.csv", with_topics=False).intents == 2
