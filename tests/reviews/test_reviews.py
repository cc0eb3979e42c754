"""Reviews on a real warehouse: what comes in, what people are asked, and what became of both."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from cycles import DAYS, WHOLE
from touchstone import daily, pipeline
from touchstone.errors import ConfigurationError
from touchstone.reviews import sampling
from touchstone.reviews.export import export
from touchstone.reviews.intake import import_files
from touchstone.sample import FIRST_DAY
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

AS_OF = daily.end_of_day(FIRST_DAY + timedelta(days=DAYS - 1))
LATER = "2026-03-19T10:00:00Z"


@pytest.fixture(scope="module")
def world(server, whole, tmp_path_factory) -> Settings:
    """A copy of a warehouse with 17 days of conversations."""
    with new_warehouse(server, "reviews_world", tmp_path_factory.mktemp("reviews"), WHOLE) as settings:
        yield settings


@pytest.fixture
def database(world) -> psycopg.Connection:
    with connect("transformer", settings=world, autocommit=True) as connection:
        connection.execute("update feedback.review_queue set status = 'withdrawn' where status = 'open'")
        yield connection


@pytest.fixture(scope="module")
def people_only(world) -> list[tuple[str, str]]:
    """(key, native id) of interactions in which people alone replied."""
    with connect("transformer", settings=world) as connection:
        return connection.execute(
            """
            select interaction_key, interaction_id from core.interactions
            where handled_by = 'human_only' and is_eligible order by interaction_key
            """
        ).fetchall()


def row(interaction_id: str, value=4, **said) -> dict:
    return {
        "interaction_id": interaction_id,
        "reviewer": "ann",
        "dimension": "overall",
        "value": value,
        "scale_min": 1,
        "scale_max": 5,
        "reviewed_at": LATER,
    } | said


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def open_reasons(database: psycopg.Connection) -> dict[str, int]:
    return dict(
        database.execute(
            "select reason_code, count(*) from ops.quarantine where source = 'reviews' and resolved_at is null group by 1"
        ).fetchall()
    )


def test_rows_in_are_rows_out_and_quarantined_and_a_corrected_row_leaves_quarantine(database, people_only, tmp_path):
    mixed = database.execute(
        "select interaction_id from core.interactions where handled_by = 'ai_then_human' and is_eligible limit 1"
    ).fetchone()[0]
    good = [row(people_only[0][1]), row(people_only[1][0], 2, dimension="clarity", rubric_version=None)]
    bad = [
        row("nowhere"),
        row(people_only[0][1], dimension="claritty"),
        row(people_only[0][1], 9),
        row(people_only[0][1], indicator="nothing", dimension="clarity"),
        row(people_only[0][1], message_id="nothing"),
        row(people_only[0][1], rubric_version="of tomorrow"),
        row(people_only[0][1], subject="ai_agent"),
        row(mixed),
    ]
    bad = [one | {"reviewer": f"rater {number}"} for number, one in enumerate(bad)]
    result = import_files([write(tmp_path / "reviews.jsonl", good + bad)], AS_OF)
    assert (result.rows_in, result.new, len(result.unusable)) == (10, 2, 8)
    assert {one.code for one in result.unusable} == {
        "unknown_interaction",
        "unknown_dimension",
        "not_a_review",
        "unknown_indicator",
        "unknown_message",
        "unknown_rubric_version",
        "unknown_subject",
        "ambiguous_subject",
    }
    assert "Did you mean 'clarity'?" in next(one.remedy for one in result.unusable if one.code == "unknown_dimension")
    assert sum(open_reasons(database).values()) == 8
    again = import_files([tmp_path / "reviews.jsonl"], AS_OF)
    assert (again.new, again.unchanged) == (0, 2)
    assert sum(open_reasons(database).values()) == 8, "the same bad rows are the same rows of quarantine"
    repaired = import_files([write(tmp_path / "repaired.jsonl", [bad[-1] | {"subject": "ai_agent"}])], AS_OF)
    assert repaired.new == 1
    assert "ambiguous_subject" not in open_reasons(database)
    assert database.execute(
        "select status, rows_in, rows_out, rows_quarantined from ops.runs where step = 'reviews_import' order by run_id limit 1"
    ).fetchone() == ("succeeded", 10, 2, 8)


def test_a_correction_supersedes_and_a_second_judgement_stands_beside(database, people_only, tmp_path):
    native = people_only[2][1]
    import_files([write(tmp_path / "one.jsonl", [row(native, 2)])], AS_OF)
    result = import_files(
        [write(tmp_path / "two.jsonl", [row(native, 3), row(native, 5, reviewed_at="2026-03-20")])], AS_OF
    )
    assert (result.new, result.corrected) == (1, 1)
    held = database.execute(
        """
        select value, score, superseded_by is null, evaluator_type, evaluator_version from feedback.human_reviews
        where interaction_key = %s order by review_id
        """,
        [people_only[2][0]],
    ).fetchall()
    assert held == [
        (2, 25, False, "human", "ann"),
        (3, 50, True, "human", "ann"),
        (5, 100, True, "human", "ann"),
    ]


def test_the_inbox_takes_rows_of_a_role_that_reads_nothing(world, database, people_only):
    statement = "insert into feedback.review_inbox (interaction_id, reviewer, dimension, value, scale_min, scale_max) values (%s, 'bo', %s, '4', '1', '5')"
    with connect("feedback", settings=world, autocommit=True) as sender:
        sender.execute(statement, [people_only[3][1], "overall"])
        sender.execute(statement, [people_only[3][1], "overal"])
        for denied in (
            "select * from feedback.review_inbox",
            "select * from core.messages",
            "delete from feedback.review_inbox",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sender.execute(denied)
    first = pipeline.review(AS_OF, world).taken_up
    assert (first.rows_in, first.new, len(first.unusable)) == (2, 1, 1)
    reason, remedy = database.execute(
        "select reason, remedy from feedback.review_inbox where taken_up_run_id is null"
    ).fetchone()
    assert "no dimension 'overal'" in reason
    assert "'overall'" in remedy
    database.execute("update feedback.review_inbox set dimension = 'clarity' where taken_up_run_id is null")
    second = pipeline.review(AS_OF, world).taken_up
    assert (second.rows_in, second.new) == (1, 1)
    assert pipeline.review(AS_OF, world).taken_up.rows_in == 0
    assert database.execute(
        "select distinct source, arrived_by from feedback.human_reviews where reviewer = 'bo'"
    ).fetchall() == [("table", "table")]


def test_a_low_score_asks_for_a_person_whose_review_says_where_it_came_from(world, database, people_only, tmp_path):
    pipeline.review(AS_OF, world)
    asked = database.execute(
        """
        select queue.interaction_key, queue.metrics, queue.priority, queue.priority_parts
        from feedback.review_queue as queue
        where status = 'open' and task_type = 'low_score' and subject = 'human_agent'
            and not exists (select from feedback.human_reviews as reviews where reviews.interaction_key = queue.interaction_key)
        order by priority desc, task_key limit 1
        """
    ).fetchone()
    key, metrics, priority, parts = asked
    low = database.execute(
        """
        select array_agg(dimension_id order by dimension_id) from scores.dimension_scores inner join core.interactions
            using (interaction_key, input_hash)
        where interaction_key = %s and subject = 'human_agent' and raw_score < 40
        """,
        [key],
    ).fetchone()[0]
    assert [one for one in metrics if one != "overall"] == (low or [])
    assert priority == pytest.approx(sum(parts.values()))
    before = write(
        tmp_path / "before.jsonl", [row(key, reviewer="zoe", reviewed_at="2026-03-10", subject="human_agent")]
    )
    import_files([before], AS_OF)
    status = "select status, reviewer from feedback.review_queue where interaction_key = %s and subject = 'human_agent' and task_type = 'low_score'"
    assert database.execute(status, [key]).fetchone() == ("open", None), "a review of last week answers nothing"
    said = [row(key, subject="human_agent"), row(key, 2, dimension="clarity", subject="human_agent")]
    import_files([write(tmp_path / "after.jsonl", said)], AS_OF)
    assert database.execute(status, [key]).fetchone() == ("done", "ann")
    assert database.execute(
        "select dimension_id, source from feedback.human_reviews where interaction_key = %s and reviewer = 'ann' order by 1",
        [key],
    ).fetchall() == [("clarity", "low_score"), ("overall", "low_score")]
    pipeline.review(AS_OF, world)
    assert database.execute(status, [key]).fetchone() == ("done", "ann"), "what was answered is not asked again"


def test_a_task_of_a_rule_leaves_when_the_rule_no_longer_holds_and_expires_with_time(world, database):
    pipeline.review(AS_OF, world)
    count = "select count(*) from feedback.review_queue where status = %s and task_type = 'low_score'"
    waiting = database.execute(count, ["open"]).fetchone()[0]
    assert waiting > 50
    database.execute("begin")
    database.execute("update scores.dimension_scores set raw_score = 90 where raw_score < 40")
    database.execute("update scores.interaction_scores set total_score = 90 where total_score < 60")
    database.execute("commit")
    pipeline.review(AS_OF, world)
    assert database.execute(count, ["open"]).fetchone()[0] == 0
    assert database.execute(count, ["withdrawn"]).fetchone()[0] >= waiting


def test_raters_of_a_session_see_the_same_conversations_and_not_the_scores(world, database, tmp_path):
    with connect("transformer", settings=world) as connection:
        session = sampling.inter_rater(connection, AS_OF, 1, count=20, days=30, seed="s")
        again = sampling.inter_rater(connection, AS_OF, 1, count=20, days=30, seed="s")
        connection.commit()
    assert (session.drawn, again.is_new, again.balance) == (20, False, session.balance)
    sheets = []
    for slot in (1, 2):
        written = export(tmp_path / f"{slot}.csv", session_id=session.session_id, slot=slot)
        with written.path.open(encoding="utf-8-sig", newline="") as file:
            sheets.append(list(csv.DictReader(file)))
    assert written.tasks == 20
    assert {one["interaction_id"] for one in sheets[0]} == {one["interaction_id"] for one in sheets[1]}
    assert {one["reasons"] for one in sheets[0]} == {""}
    assert {one["blind"] for one in sheets[0]} == {"true"}
    for number, (name, sheet) in enumerate((("ann", sheets[0]), ("bob", sheets[1]))):
        filled = [
            one
            | (
                {"reviewer": name, "value": (place + number) % 5 + 1, "reviewed_at": LATER}
                if one["dimension"] == "overall"
                else {}
            )
            for place, one in enumerate(sheet)
        ]
        with (tmp_path / f"filled-{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, sheet[0].keys())
            writer.writeheader()
            writer.writerows(filled)
        result = import_files([tmp_path / f"filled-{name}.csv"], AS_OF)
        assert (result.new, result.blank, result.unusable) == (20, len(sheet) - 20, [])
    assert database.execute(
        "select slot, status, reviewer, count(*) from feedback.review_queue where session_id = %s group by 1, 2, 3 order by 1",
        [session.session_id],
    ).fetchall() == [(1, "done", "ann", 20), (2, "done", "bob", 20)]
    pipeline.review(AS_OF, world)
    raters, shared, ambiguous = database.execute(
        "select rater_count, n, is_ambiguous from derived.dimension_ambiguity where session_id = %s and dimension_id = 'overall'",
        [session.session_id],
    ).fetchone()
    assert (raters, shared, ambiguous) == (2, 20, True)
    with pytest.raises(ConfigurationError, match="no such task is open"):
        export(tmp_path / "none.csv", session_id=session.session_id)


def test_a_session_of_another_size_is_refused(world):
    with connect("transformer", settings=world) as connection, pytest.raises(ConfigurationError, match="20 to 30"):
        sampling.inter_rater(connection, AS_OF, 1, count=31, days=30, seed="s")


def test_words_that_a_spreadsheet_would_evaluate_are_neutralised(world, database, people_only, tmp_path):
    key = people_only[5][0]
    database.execute(
        "update core.interactions set topic = '=cmd|calc', channel = '@sum' where interaction_key = %s", [key]
    )
    with connect("transformer", settings=world) as connection:
        connection.execute(
            """
            insert into feedback.review_queue (task_key, interaction_started_at, interaction_key, subject, task_type, priority,
                is_blind, raised_at, created_as_of, run_id)
            select 'formula', started_at, interaction_key, 'human_agent', 'gold_sample', 99, true, started_at, %s, 1
            from core.interactions where interaction_key = %s
            """,
            [AS_OF, key],
        )
        connection.commit()
    path = export(tmp_path / "sheet.csv", limit=1).path
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["topic"], first["channel"]) == ("'=cmd|calc", "'@sum")


def test_a_month_is_checked_once_it_is_over(world, database):
    april = daily.end_of_day(FIRST_DAY + timedelta(days=31))
    pipeline.review(april, world)
    drawn = database.execute(
        "select drawn_count from feedback.review_sessions where session_id = 'monthly-2026-03'"
    ).fetchone()[0]
    assert drawn >= 30
    tasks = "select count(*) from feedback.review_queue where session_id = 'monthly-2026-03'"
    assert database.execute(tasks).fetchone()[0] == drawn
    pipeline.review(april, world)
    assert database.execute(tasks).fetchone()[0] == drawn
