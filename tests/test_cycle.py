"""The daily cycle as a whole, on a real warehouse, with real dbt and real Great Expectations."""

from __future__ import annotations

import json
from datetime import timedelta

import psycopg
import pytest

from checksums import digests
from cycles import DAYS, SCHEMAS, WHOLE, run_day, write_days
from touchstone import daily, pipeline
from touchstone.dbt import run_dbt
from touchstone.errors import GateError, TouchstoneError
from touchstone.rubric import load_rubric
from touchstone.sample import FIRST_DAY
from touchstone.sources import files
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse


@pytest.fixture(scope="module")
def stepwise(server, tmp_path_factory):
    """A warehouse that grew day by day, the last two days apart."""
    folder = tmp_path_factory.mktemp("stepwise")
    with new_warehouse(server, "cycle_stepwise", folder / "state") as settings:
        for last, first in ((DAYS - 2, 0), (DAYS - 1, DAYS - 2), (DAYS, DAYS - 1)):
            write_days(folder, first, last)
            run_day(folder, last, settings)
        yield settings, folder


def test_day_by_day_gives_what_one_build_gives(whole, stepwise):
    settings, _ = stepwise
    built, _ = whole
    grown = digests(settings, *SCHEMAS)
    assert grown.keys() == built.keys()
    assert {name for name in built if grown[name] != built[name]} == set()
    assert built["marts.fct_interactions"][0] > 500


def test_the_same_day_again_changes_nothing(stepwise):
    settings, folder = stepwise
    before = digests(settings, "raw_files", "scores", *SCHEMAS)
    run_day(folder, DAYS, settings)
    assert digests(settings, "raw_files", "scores", *SCHEMAS) == before
    with connect("loader", settings=settings) as connection:
        tables = connection.execute(
            "select tables from ops.publications order by publication_id desc limit 1"
        ).fetchone()[0]
    changed = {name for name, (upserted, deleted) in tables.items() if upserted or deleted}
    # only what speaks of the runs themselves has changed
    assert changed <= {"rpt_gate_results", "rpt_source_health"}


def test_every_interaction_is_scored_or_excluded_and_every_table_is_described(stepwise):
    settings, _ = stepwise
    with connect("bi", settings=settings) as connection:
        waiting, total, parts = connection.execute(
            "select sum(pending_count), sum(interaction_count), sum(scored_count + excluded_count) from marts.rpt_coverage_daily"
        ).fetchone()
        undescribed = connection.execute(
            """
            select table_name, column_name from information_schema.columns
            where table_schema = 'marts' and col_description((table_schema || '.' || table_name)::regclass, ordinal_position) is null
            """
        ).fetchall()
    assert (waiting, parts) == (0, total)
    assert undescribed == []


def test_a_policy_is_violated_where_its_indicator_failed(stepwise):
    settings, _ = stepwise
    rubric = load_rubric()
    policy_dimensions = {one.id for one in rubric.dimensions if one.role == "script"}
    policies = {
        one.id
        for one in rubric.indicators
        if one.critical
        or (one.dimension in policy_dimensions and one.detector in settings.parameters["policy_detectors"])
    }
    assert {"no_prohibited_promise", "keeps_secrets", "safe_answers", "follows_policy"} <= policies
    assert policies.isdisjoint({"closes_properly", "offers_human_when_asked", "greets", "polite_language", "grounded"})
    key = ("interaction_key", "subject", "indicator_id")
    with connect("bi", settings=settings) as connection:
        failed = connection.execute(
            f"""
            select {", ".join(key)}, is_critical, agent_key, due_message_key from marts.fct_indicator_results
            where outcome = 'fails' and indicator_id = any(%s)
            """,
            [list(policies)],
        ).fetchall()
        first = {
            tuple(row[:3]): row[3:]
            for row in connection.execute(
                f"""
                select distinct on ({", ".join(key)}) {", ".join(key)}, message_key, start_offset, end_offset
                from marts.fct_evidence order by {", ".join(key)}, evidence_ordinal
                """
            )
        }
        built = connection.execute(
            f"""
            select {", ".join(key)}, is_critical, agent_key, message_key, start_offset, end_offset
            from marts.fct_policy_violations
            """
        ).fetchall()
    expected = [(*row[:5], *first.get(tuple(row[:3]), (row[5], None, None))) for row in failed]
    assert sorted(built) == sorted(expected)
    assert {row[2] for row in built} >= {"no_prohibited_promise", "keeps_secrets"}


def test_bi_reads_marts_and_nothing_else(stepwise):
    settings, _ = stepwise
    with connect("bi", settings=settings, autocommit=True) as connection:
        assert connection.execute("select count(*) from marts.fct_interactions").fetchone()[0] > 0
        for relation in (
            "marts_evidence.fct_evidence_quotes",
            "core.messages",
            "raw_files.messages",
            "ops.runs",
            "clean.messages",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select * from {relation} limit 1")
        with pytest.raises((psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)):
            connection.execute("delete from marts.fct_interactions")


def test_an_edited_conversation_is_followed_and_its_old_day_is_corrected(stepwise):
    settings, folder = stepwise
    source = folder / f"conversations-{FIRST_DAY + timedelta(days=4)}.jsonl"
    document = next(
        record
        for record in map(json.loads, source.read_text().splitlines())
        if record.get("topic") and record["messages"]
    )
    moved = document | {"topic": "moved_topic"}
    moved.pop("updated_at", None)
    (folder / "edit.jsonl").write_text(json.dumps(moved) + "\n")
    run_day(folder, DAYS, settings)
    with connect("bi", settings=settings) as connection:
        assert (
            connection.execute("select count(*) from marts.fct_interactions where topic = 'moved_topic'").fetchone()[0]
            == 1
        )
        count = connection.execute(
            "select sum(n) from marts.rpt_quality_trends where slice_type = 'topic' and period_type = 'day' and measure_type = 'total'"
        ).fetchone()[0]
        whole_count = connection.execute(
            """
            select count(*) from marts.fct_interaction_scores inner join marts.fct_interactions using (interaction_key)
            where total_score is not null
            """
        ).fetchone()[0]
    assert count == whole_count


FUTURE = "update raw_files.messages set payload = jsonb_set(payload, '{sent_at}', '\"2031-01-01T00:00:00.000000Z\"') where id in (select id from raw_files.messages where _load_id = %(load)s limit 3)"
ROBOT = 'update raw_files.messages set payload = payload || \'{"actor_name": "Autoresponder Bot", "actor_id": "bot-1"}\' where _load_id = %(load)s and payload ->> \'actor\' = \'human_agent\''
THIRD = "delete from raw_files.conversations where _load_id = %(load)s and hashtext(id) %% 3 <> 0"
CLAIMS = {
    "future dates": "after the ledger day",
    "an automation account as a human": "automation|machine|human",
    "a third of a day": "usual|fewer|day",
}
DEFECTS: dict[str, str] = {"future dates": FUTURE, "an automation account as a human": ROBOT, "a third of a day": THIRD}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_past_the_loader_stops_publication(server, whole, defect):
    """Readers keep the day before."""
    _, folder = whole
    name = f"defect_{list(DEFECTS).index(defect)}"
    with new_warehouse(server, name, folder / "state", template=WHOLE) as settings:
        before = digests(settings, "marts", "marts_evidence")
        write_days(folder, DAYS, DAYS + 1)
        as_of = daily.end_of_day(FIRST_DAY + timedelta(days=DAYS))
        files.ingest(folder, as_of=as_of, instance="sample", settings=settings)
        with connect(settings=settings) as connection:
            load = connection.execute("select max(load_id) from ops.loads where rows_inserted > 0").fetchone()[0]
            assert connection.execute(DEFECTS[defect], {"load": load}).rowcount > 0
        pipeline.stage(as_of, settings)
        with pytest.raises(GateError, match=CLAIMS[defect]):
            pipeline.validate("gate_1", as_of, settings)
        assert digests(settings, "marts", "marts_evidence") == before


def test_data_tests_read_what_changed_since_the_last_good_build(server, whole, tmp_path):
    """A wrong value stops every build until one succeeds; rows of earlier good builds have passed and are not read again."""
    wrong = """
        update marts_build.fct_indicator_results
        set outcome = 'perhaps', _ledger_id = (select run_id from ops.watermarks where step = 'marts') + %s
        where (interaction_key, subject, indicator_id) = (
            select interaction_key, subject, indicator_id from marts_build.fct_indicator_results order by 1, 2, 3 limit 1
        )
        """
    arguments = ("--select", "fct_indicator_results,test_type:generic")
    with new_warehouse(server, "cycle_wrong_value", tmp_path, template=WHOLE) as settings:
        with connect(settings=settings) as connection:
            connection.execute(wrong, [1])
        for _ in range(2):
            with pytest.raises(
                TouchstoneError, match=r"failed in 1 nodes: 'accepted_values_fct_indicator_results_outcome"
            ):
                run_dbt("test", tests_changes_only=True, arguments=arguments, settings=settings)
        with connect(settings=settings) as connection:
            connection.execute(wrong, [0])
        run_dbt("test", tests_changes_only=True, arguments=arguments, settings=settings)
        # by hand, or with other tests than the last good build had, everything is read
        with pytest.raises(TouchstoneError, match="accepted_values_fct_indicator_results_outcome"):
            run_dbt("test", arguments=arguments, settings=settings)


def test_a_build_that_gate_3_has_not_passed_is_not_published(stepwise):
    settings, _ = stepwise
    as_of = daily.end_of_day(FIRST_DAY + timedelta(days=DAYS - 1))
    pipeline.build_marts(as_of, settings)
    with pytest.raises(GateError, match="has not passed gate 3"):
        pipeline.publish(as_of, settings)


def test_star_dev_is_scored_or_excluded_to_the_last_message(server, shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("star")
    with new_warehouse(server, "cycle_star", folder) as settings:
        result = files.ingest(shared_data / "star-dev", settings=settings)
        daily.run_steps(result.as_of, settings)
        with connect("bi", settings=settings) as connection:
            total, parts = connection.execute(
                "select sum(interaction_count), sum(scored_count + excluded_count) from marts.rpt_coverage_daily"
            ).fetchone()
            messages = connection.execute("select sum(message_count) from marts.fct_interactions").fetchone()[0]
    assert (total, parts, messages) == (3839, 3839, 63329)
