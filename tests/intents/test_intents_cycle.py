"""Intents through the whole daily cycle: from the labels of a warehouse to a model in it, and from a new topic to a promoted intent."""

from __future__ import annotations

import csv

import psycopg
import pytest
from intent_company import conversation, end_of, unheard, usual, write

from checksums import digests
from touchstone import daily
from touchstone.feedback.intake import import_files
from touchstone.intents import files as label_files
from touchstone.intents import model as models
from touchstone.intents import registry
from touchstone.intents.labels import export_labels
from touchstone.settings import Settings
from touchstone.sources import files
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

# what readers see of intents
MARTS = (
    "fct_interaction_intents",
    "rpt_intent_model_accuracy",
    "rpt_intent_model_novelty",
    "rpt_novel_intents_weekly",
)


def _run(folder, day: int, settings: Settings) -> None:
    files.ingest(folder, as_of=end_of(day), settings=settings)
    daily.run_steps(end_of(day), settings)


def _mart(settings: Settings, query: str, *values: object) -> list[tuple]:
    with connect("bi", settings=settings) as connection:
        return connection.execute(query, values).fetchall()


def _counts(settings: Settings) -> list[int]:
    return [_mart(settings, f"select count(*) from marts.{table}")[0][0] for table in MARTS]


@pytest.fixture(scope="module")
def company(server, tmp_path_factory):
    """Two days with topics and labels; then a model that has learned from them, three days with something new, and a decision."""
    folder = tmp_path_factory.mktemp("intent-company")
    with new_warehouse(server, "intent_company", folder / "state") as settings:
        inbox = folder / "inbox"
        write(inbox, "day-1", usual(1, 12))
        write(inbox, "day-2", usual(2, 12))
        _run(inbox, 2, settings)
        empty = _counts(settings)
        # what the helpdesk says of one question is wrong, and a person says so
        labels = folder / "said.csv"
        labels.write_text(
            "interaction_id,true_intent,labelled_by,labelled_at\nrefund_status-1-0,invoice_copy,QA,2026-03-03T00:00:00Z\n"
        )
        import_files("intent_labels", [labels], end_of(2), settings)
        exported = export_labels(folder / "labels.csv", settings)
        found = label_files.read_labels(folder / "labels.csv")
        learned = models.train(found, vectors="static", seed=3)
        registry.register(models.save(learned, folder / "model"), end_of(2), settings)
        registry.activate(learned.version, end_of(2), settings)
        for day, first in ((3, 0), (4, 8)):
            write(inbox, f"day-{day}", usual(day, 3) + unheard(day, first, 8))
            _run(inbox, day, settings)
        yield settings, folder, inbox, learned, exported, empty


def test_without_a_model_the_marts_are_there_and_empty(company):
    assert company[5] == [0, 0, 0, 0]


def test_labels_of_the_warehouse_train_the_model_that_reads_it(company):
    settings, folder, _, learned, exported, _ = company
    assert exported.rows == {"label": 1, "topic": 143}
    with (folder / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["source"] for row in rows if row["intent"] == "invoice_copy"} == {"label", "topic"}
    n, read = _mart(settings, "select count(*), count(distinct model_version) from marts.fct_interaction_intents")[0]
    eligible = _mart(settings, "select count(*) from marts.fct_interactions where excluded_reason is null")[0][0]
    assert (n, read) == (eligible, 1)
    assert _mart(settings, "select distinct model_version from marts.fct_interaction_intents") == [(learned.version,)]


def test_accuracy_is_of_labels_and_of_topics_apart_and_counts_what_the_fact_says(company):
    settings = company[0]
    label = _mart(
        settings, "select true_intent, month_n from marts.rpt_intent_model_accuracy where true_source = 'label'"
    )
    assert label == [("invoice_copy", 1)]
    right, n, pairs = _mart(
        settings,
        "select max(month_correct_count), max(month_n), sum(pair_count) from marts.rpt_intent_model_accuracy where true_source = 'routing'",
    )[0]
    facts = _mart(
        settings,
        "select count(*) filter (where is_correct), count(*) from marts.fct_interaction_intents where true_source = 'routing'",
    )[0]
    assert (right, n) == facts
    assert pairs == n
    assert right / n > 0.9


def test_a_new_topic_becomes_a_cluster_and_its_id_stays(company):
    settings = company[0]
    rows = _mart(
        settings,
        """
        select cluster_id, count(*), count(*) filter (where is_novel) from marts.fct_interaction_intents
        where true_intent is null group by 1 order by 2 desc
        """,
    )
    assert rows[0][0] is not None
    assert sum(row[2] for row in rows) >= 12
    weekly = _mart(
        settings,
        "select question_count, all_question_count, status, recommended_action, owner_team from marts.rpt_novel_intents_weekly where cluster_id = %s",
        rows[0][0],
    )
    assert [row[:3] for row in weekly] == [(rows[0][1], rows[0][1], "open")]
    assert weekly[0][3:] == ("review" if rows[0][1] >= 5 else "wait", "support")


def test_the_same_day_again_changes_nothing(company):
    settings, _, inbox, _, _, _ = company
    before = digests(settings, "scores", "derived", "marts")
    _run(inbox, 4, settings)
    after = digests(settings, "scores", "derived", "marts")
    changed = {name for name in before if before[name] != after[name]}
    # what later runs read keeps the number of its run
    assert changed <= {"derived.novel_groups", "derived.gap_groups", "derived.gap_scope"}


def test_a_later_message_reads_nothing_again_and_a_promoted_cluster_is_learned(company):
    settings, folder, inbox, learned, _, _ = company
    cluster = _mart(
        settings, "select cluster_id from marts.rpt_novel_intents_weekly order by all_question_count desc limit 1"
    )[0][0]
    with connect("transformer", settings=settings) as connection:
        before = dict(connection.execute("select interaction_key, cluster_id from derived.novel_questions").fetchall())
        count = connection.execute("select count(*) from scores.intents").fetchone()[0]
    decisions = folder / "decisions.csv"
    decisions.write_text(
        "cluster_id,decision,intent,owner_team,decided_by,decided_at,reason\n"
        f"{cluster},promote,jobs,people,QA lead,2026-03-05T10:00:00Z,asked every day\n"
    )
    import_files("intent_decisions", [decisions], end_of(5), settings)
    write(inbox, "day-5", [_longer(usual(4, 3)[0])])
    _run(inbox, 5, settings)
    with connect("transformer", settings=settings) as connection:
        detail = connection.execute(
            "select detail from ops.runs where step = 'intents' order by run_id desc limit 1"
        ).fetchone()[0]
        after = dict(connection.execute("select interaction_key, cluster_id from derived.novel_questions").fetchall())
        assert connection.execute("select count(*) from scores.intents").fetchone()[0] == count + 1
    assert detail["questions_read"] == 0
    assert after == before
    shown = _mart(
        settings,
        "select distinct status, promoted_intent, promoted_at::date::text, owner_team, recommended_action from marts.rpt_novel_intents_weekly where cluster_id = %s",
        cluster,
    )
    assert shown == [("promoted", "jobs", "2026-03-05", "people", "train_again")]

    export_labels(folder / "more.csv", settings)
    found = label_files.read_labels(folder / "more.csv")
    assert sum(row.intent == "jobs" for row in found.rows) >= 3
    second = models.train(found, vectors="static", seed=3)
    assert "jobs" in second.intents
    registry.register(models.save(second, folder / "second"), end_of(5), settings)
    registry.activate(second.version, end_of(5), settings)
    _run(inbox, 5, settings)
    shown = _mart(
        settings,
        "select distinct recommended_action, is_learned, still_novel_count from marts.rpt_novel_intents_weekly where cluster_id = %s",
        cluster,
    )
    assert shown[0][:2] == ("none", True)
    assert shown[0][2] < len([one for one in before.values() if one == cluster])
    assert _mart(settings, "select distinct model_version from marts.fct_interaction_intents") == [(second.version,)]
    with connect("transformer", settings=settings) as connection:
        assert (
            dict(
                connection.execute(
                    "select interaction_key, cluster_id from derived.novel_questions where cluster_id is not null"
                ).fetchall()
            ).items()
            >= {key: one for key, one in before.items() if one is not None}.items()
        )
        held = connection.execute(
            "select count(*) from scores.intents where model_version = %s", [learned.version]
        ).fetchone()[0]
    assert held == count + 1


def _longer(record: dict) -> dict:
    said = [(one["actor"], one["text"]) for one in record["messages"]] + [("customer", "Thank you, all is well.")]
    _, day, _ = record["interaction_id"].rsplit("-", 2)
    return conversation(record["interaction_id"], int(day), said, topic=record["topic"])


def test_a_full_refresh_gives_what_the_days_gave(company):
    settings = company[0]
    before = {name: value for name, value in digests(settings, "marts").items() if name.split(".")[1] in MARTS}
    with connect(settings=settings, autocommit=True) as connection:
        _take_out(connection)
    daily.run_steps(end_of(5), settings)
    after = {name: value for name, value in digests(settings, "marts").items() if name.split(".")[1] in MARTS}
    assert after == before


def _take_out(connection: psycopg.Connection) -> None:
    """What an upgrade would build anew: core, facts and marts."""
    connection.execute("update ops.built_relations set definition = 'earlier'")
