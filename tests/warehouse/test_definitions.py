"""What counts as another definition, and of which relations; what is taken out, and what is not."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest

from touchstone.dbt import parse_project
from touchstone.errors import WarehouseError
from touchstone.warehouse.definitions import CORE_SCHEMAS, MART_SCHEMAS, Definitions, outdated, retire, waiting
from touchstone.warehouse.engine import connect


@pytest.fixture(scope="module")
def manifest(warehouse):
    return parse_project(warehouse)


@pytest.fixture
def changed(manifest, warehouse):
    """Calls a function on a copy of the manifest and the variables; the relations whose definition is another then."""

    def change(edit) -> set[str]:
        after = SimpleNamespace(
            metadata=manifest.metadata,
            nodes=copy.deepcopy(
                {n: node for n, node in manifest.nodes.items() if node.resource_type in ("model", "seed")}
            ),
            macros=copy.deepcopy(
                {n: macro for n, macro in manifest.macros.items() if macro.package_name == "touchstone"}
            ),
            metrics=copy.deepcopy(manifest.metrics),
            semantic_models=copy.deepcopy(manifest.semantic_models),
            variables=copy.deepcopy(warehouse.parameters),
        )
        edit(after)
        before = Definitions(manifest, warehouse.parameters).by_relation
        found = Definitions(after, after.variables).by_relation
        assert found.keys() == before.keys()
        return {name for name in before if before[name] != found[name]}

    return change


def _model(project, name):
    return project.nodes[f"model.touchstone.{name}"]


def _macro(project, name):
    return project.macros[f"macro.touchstone.{name}"]


def _replace(node, attribute: str, old: str, new: str) -> None:
    text = getattr(node, attribute)
    assert old in text
    setattr(node, attribute, text.replace(old, new))


def test_a_mart_alone(changed):
    found = changed(lambda project: _replace(_model(project, "rpt_satisfaction_weekly"), "raw_code", "kinds", "sorts"))
    assert found == {"marts_build.rpt_satisfaction_weekly"}


def test_a_view_of_staging_is_all_that_is_built_on_it(changed):
    found = changed(lambda project: _replace(_model(project, "stg_hubspot__deals"), "raw_code", "deals", "offers"))
    assert "core.deals" in found
    assert "core.interactions" in changed(
        lambda project: _replace(_model(project, "stg_files__messages"), "raw_code", "select", "select distinct")
    )
    assert "core.business_calendar" not in found


def test_a_macro_and_one_that_it_calls(changed):
    found = changed(lambda project: _replace(_macro(project, "wilson_bound"), "macro_sql", "2.0", "2.1"))
    assert "marts_build.rpt_agent_scorecards" in found
    assert "marts_build.fct_interactions" not in found
    # business_minutes_between, which the model calls, calls this one
    assert "marts_build.fct_interactions" in changed(
        lambda project: _replace(_macro(project, "business_minutes_until"), "macro_sql", "greatest", "least")
    )


def test_a_variable_counts_where_it_is_used(changed):
    found = changed(lambda project: project.variables.update(issue_gap_days=3))
    assert {"facts.issues", "marts_build.fct_interactions"} <= found
    assert not any(name.startswith(("core.", "staging.")) for name in found)
    # through a macro
    assert "marts_build.rpt_agent_scorecards" in changed(lambda project: project.variables.update(z_95=1.0))
    assert changed(lambda project: project.variables.update(nobody_reads_this=1)) == set()


MEASURED = {"facts.metric_days", "marts_build.fct_metric_values", "marts_build.rpt_metric_baselines"}


def test_a_measure_counts_for_what_is_made_of_the_registry(changed):
    def expression(project):
        model = project.semantic_models["semantic_model.touchstone.ai_episodes"]
        next(measure for measure in model.measures if measure.name == "containment_quality").expr = "is_contained::int"

    found = changed(expression)
    assert found >= MEASURED
    assert "marts_build.fct_ai_episodes" not in found
    slices = changed(lambda p: p.semantic_models["semantic_model.touchstone.issues"].dimensions.pop())
    assert slices >= MEASURED
    assert changed(lambda p: p.metrics["metric.touchstone.compliance"].config.meta.update(unit="score")) >= MEASURED
    assert changed(lambda p: p.metrics["metric.touchstone.compliance"].config.meta.pop("tier") and None) >= MEASURED


def test_what_a_metric_is_for_builds_nothing_anew(changed):
    assert changed(lambda p: p.metrics["metric.touchstone.compliance"].config.meta.update(purpose="Another.")) == set()


def test_a_seed_a_key_an_index_and_a_type(changed):
    def holidays(project):
        project.nodes["seed.touchstone.business_holidays"].checksum.checksum = "x"

    found = changed(holidays)
    assert {"core.business_calendar", "facts.response_times"} <= found
    assert "core.interactions" not in found
    report = "marts_build.rpt_coverage_daily"
    assert report in changed(_rekey)
    assert report in changed(lambda p: _model(p, "rpt_coverage_daily").config._extra.update(indexes=[]))
    assert report in changed(
        lambda p: setattr(_model(p, "rpt_coverage_daily").columns["eligible_count"], "data_type", "bigint")
    )
    assert report in changed(lambda p: _model(p, "rpt_coverage_daily").columns["interaction_date"].constraints.clear())


def _rekey(project) -> None:
    _model(project, "rpt_coverage_daily").config.unique_key = ["interaction_date", "eligible_count"]


def test_words_and_layout_build_no_other_rows(changed):
    def edit(project):
        for node in project.nodes.values():
            if node.resource_type == "model":
                node.raw_code = "{# said\nanew #}\n-- in other words\n" + node.raw_code.replace("\n    ", "\n        ")
                node.description += " More."
                for column in node.columns.values():
                    column.description += " More."

    assert changed(edit) == set()


def test_two_parses_of_one_project_agree(manifest, warehouse, tmp_path):
    again = parse_project(warehouse.model_copy(update={"home": tmp_path}))
    assert (
        Definitions(again, warehouse.parameters).by_relation == Definitions(manifest, warehouse.parameters).by_relation
    )


# --- what is in the warehouse


@pytest.fixture
def connection(warehouse):
    with connect("transformer", settings=warehouse) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def definitions(manifest, warehouse) -> Definitions:
    return Definitions(manifest, warehouse.parameters)


def _built(connection, relation: str, definition: str | None, kind: str = "table") -> None:
    connection.execute(f"create {kind} {relation} as select 1 as id")
    if definition:
        connection.execute("insert into ops.built_relations values (%s, %s, 1)", [relation, definition])


def _watermarks(connection) -> set[str]:
    return {step for (step,) in connection.execute("select step from ops.watermarks")}


def test_only_what_another_definition_built_is_taken_out(connection, definitions):
    present = definitions.by_relation
    _built(connection, "core.interactions", "x")
    _built(connection, "core.messages", present["core.messages"])
    _built(connection, "core.agents", None)
    _built(connection, "core.deals", present["core.deals"], kind="view")
    _built(connection, "core.of_an_earlier_model", "x")
    _built(connection, "core.of_somebody_else", None)
    _built(connection, "facts.issues", "x")
    connection.execute("create view staging.reads_it as select * from core.interactions")
    connection.execute(
        "insert into ops.watermarks (step, change_id) values ('core', 1), ('score', 1), ('gate_2', 1), ('marts', 1)"
    )
    retired = {entry.relation: entry.reason for entry in retire(connection, definitions, CORE_SCHEMAS)}
    assert retired.keys() == {"core.interactions", "core.agents", "core.deals", "core.of_an_earlier_model"}
    left = {
        name
        for (name,) in connection.execute(
            "select relnamespace::regnamespace || '.' || relname from pg_class where relkind in ('r', 'v')"
            " and relnamespace::regnamespace::text in ('core', 'facts', 'staging')"
        )
    }
    assert left == {"core.messages", "core.of_somebody_else", "facts.issues"}
    assert _watermarks(connection) == set()
    assert outdated(connection, definitions, CORE_SCHEMAS) == []
    assert [entry.relation for entry in outdated(connection, definitions, MART_SCHEMAS)] == ["facts.issues"]


def test_marts_alone_leave_the_watermark_of_core(connection, definitions):
    _built(connection, "marts_build.fct_interactions", "x")
    connection.execute("insert into ops.watermarks (step, change_id) values ('core', 1), ('score', 1), ('marts', 1)")
    connection.execute("insert into ops.mart_deletions values ('fct_interactions', '{}', 1), ('dim_agents', '{}', 1)")
    retire(connection, definitions, MART_SCHEMAS)
    assert _watermarks(connection) == {"core", "score"}
    assert connection.execute("select relation from ops.mart_deletions").fetchall() == [("dim_agents",)]


def _all_built(connection, definitions: Definitions) -> None:
    for relation, digest in definitions.by_relation.items():
        connection.execute("insert into ops.built_relations values (%s, %s, 1)", [relation, digest])


def test_a_table_that_is_new_to_a_version_is_built_of_everything(connection, definitions):
    _all_built(connection, definitions)
    connection.execute("insert into ops.watermarks (step, change_id) values ('core', 1), ('marts', 1)")
    assert retire(connection, definitions, MART_SCHEMAS) == []
    assert _watermarks(connection) == {"core", "marts"}
    connection.execute("delete from ops.built_relations where relation = 'marts_build.fct_policy_violations'")
    assert retire(connection, definitions, CORE_SCHEMAS) == []
    assert _watermarks(connection) == {"core", "marts"}
    assert retire(connection, definitions, MART_SCHEMAS) == []
    assert _watermarks(connection) == {"core"}


def test_what_every_run_works_out_whole_leaves_the_watermarks(connection, definitions):
    _all_built(connection, definitions)
    connection.execute("delete from ops.built_relations where relation = 'core.business_calendar'")
    _built(connection, "core.business_calendar", "x")
    connection.execute("insert into ops.watermarks (step, change_id) values ('core', 1)")
    assert len(retire(connection, definitions, CORE_SCHEMAS)) == 1
    assert _watermarks(connection) == {"core"}


def test_a_seed_with_other_columns_is_made_anew(connection, definitions):
    connection.execute("create table staging.team_schedules (team text, note text)")
    connection.execute(
        "create table staging.business_hours (schedule_id text, iso_weekday int, opens text, closes text)"
    )
    _built(connection, "core.business_calendar", "x")
    retire(connection, definitions, CORE_SCHEMAS)
    assert connection.execute(
        "select to_regclass('staging.team_schedules') is null, to_regclass('staging.business_hours') is null"
    ).fetchone() == (True, False)


def test_a_view_of_somebody_else_is_named_and_nothing_is_taken_out(connection, definitions):
    _built(connection, "core.interactions", "x")
    connection.execute("reset role")
    connection.execute("create schema analytics")
    connection.execute("create view staging.between as select * from core.interactions")
    connection.execute("create view analytics.mine as select * from staging.between")
    with pytest.raises(WarehouseError, match=r"analytics\.mine.*let it read marts"):
        retire(connection, definitions, CORE_SCHEMAS)
    assert connection.execute("select count(*) from core.interactions").fetchone() == (1,)


def test_views_are_left_out_while_all_of_them_stand(connection, definitions, manifest):
    views = {manifest.nodes[name].alias: definitions.views[name] for name in definitions.views_of_staging}
    for name, digest in views.items():
        _built(connection, f"staging.{name}", digest, "view")
    assert definitions.views_stand(connection)
    connection.execute("update ops.built_relations set definition = 'x' where relation = 'staging.stg_files__messages'")
    assert not definitions.views_stand(connection)
    connection.execute(
        "update ops.built_relations set definition = %s where definition = 'x'", [views["stg_files__messages"]]
    )
    assert definitions.views_stand(connection)
    connection.execute("drop view staging.stg_files__messages")
    assert not definitions.views_stand(connection)


def test_a_view_is_another_with_other_words(manifest, definitions, warehouse):
    after = copy.deepcopy(manifest)
    _model(after, "stg_files__messages").description += " More."
    found = Definitions(after, warehouse.parameters).views
    assert {name for name, digest in definitions.views.items() if found[name] != digest} == {
        "model.touchstone.stg_files__messages"
    }


def test_no_view_that_is_left_out_is_another_one_in_each_run(manifest, definitions, warehouse):
    assert len(definitions.views_of_staging) > 100
    assert not any(map(definitions.changes_with_runs, definitions.views_of_staging))
    # it reads a table that every run makes anew
    assert definitions.changes_with_runs("model.touchstone.int_zendesk__conversations")
    after = copy.deepcopy(manifest)
    _macro(after, "json_text").macro_sql += "{{ var('as_of') }}"
    assert Definitions(after, warehouse.parameters).changes_with_runs("model.touchstone.stg_hubspot__deals")


def test_a_killed_upgrade_is_still_waiting(connection, definitions):
    assert waiting(connection, definitions) == []
    connection.execute("reset role")
    connection.execute(
        """
        insert into ops.runs (step, as_of) values ('marts', now());
        insert into ops.publications (run_id, as_of, ledger_id, rows_upserted, rows_deleted, tables)
        select max(run_id), now(), 7, 0, 0, '{}' from ops.runs;
        """
    )
    _all_built(connection, definitions)
    connection.execute("update ops.built_relations set run_id = 7")
    assert waiting(connection, definitions) == []
    connection.execute("delete from ops.built_relations where relation = 'core.messages'")
    connection.execute(
        "update ops.built_relations set run_id = 8 where relation in ('marts_build.dim_agents', 'facts.issues')"
    )
    assert {entry.relation: entry.reason for entry in waiting(connection, definitions)} == {
        "core.messages": "it has not been built",
        "marts_build.dim_agents": "it has not been published",
    }
