"""Values of the registered metrics: held against SQL that was written by hand, against late data, and against MetricFlow."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from checksums import digests
from cycles import DAYS, WHOLE, run_day
from touchstone import daily, pipeline
from touchstone.dbt import dbt_environment, parse_project
from touchstone.metrics.registry import read_registry
from touchstone.sample import FIRST_DAY
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

HANDLED = "from marts.fct_interactions where handled_by <> 'unhandled'"
CONTAINED = "('returned', 'abandoned', 'confirmed', 'assumed')"
BY_HAND = {
    "time_to_resolution": f"select interaction_date, sum(resolution_minutes), count(resolution_minutes) {HANDLED} group by 1",
    "first_contact_resolution": f"""
        select interaction_date, count(*) filter (where is_first_contact_resolved_7d), count(is_first_contact_resolved_7d)
        {HANDLED} group by 1
    """,
    "automated_satisfaction": """
        select interaction_date, count(*) filter (where is_positive), count(is_positive) from marts.fct_satisfaction_signals
        where source_type = 'csat' and handled_by = 'ai_only' group by 1
    """,
    "self_service_success": """
        select interaction_date, count(*) filter (where last_outcome = 'confirmed'), count(*) from marts.fct_issues
        where handled_by = 'ai_only' and last_outcome <> 'pending' group by 1
    """,
    "repeat_contact_rate": """
        select interaction_date, count(*) filter (where contact_count > 1), count(*) from marts.fct_issues
        where is_observed group by 1
    """,
    "containment_quality": f"""
        select interaction_date, count(*) filter (where outcome in ('confirmed', 'assumed')), count(*)
        from marts.fct_ai_episodes where outcome in {CONTAINED} group by 1
    """,
    "escalation_rate": """
        select interaction_date, sum(escalated_count), sum(n) from marts.rpt_ai_daily where slice_type = 'all' group by 1
    """,
    "automated_effort": """
        select interaction_date, sum(effort_sum), sum(effort_n) from marts.rpt_ai_daily where slice_type = 'all' group by 1
    """,
    "clarification_rate": """
        select interaction_date, sum(clarification_count), sum(after_answer_count) from marts.rpt_ai_daily
        where slice_type = 'all' group by 1
    """,
    "human_quality": """
        select interaction_date, sum(total_score), count(total_score) from marts.fct_interaction_scores
        where subject = 'human_agent' group by 1
    """,
    "human_behavior_rate": """
        select interaction_date, count(*) filter (where outcome = 'holds'), count(*) from marts.fct_indicator_results
        where subject = 'human_agent' and outcome in ('holds', 'fails') and agent_key is not null group by 1
    """,
    "context_preservation": """
        select interaction_date, sum(context_preservation), count(context_preservation) from marts.fct_handoffs group by 1
    """,
    "open_backlog": "select backlog_date, open_count, 1 from marts.rpt_backlog_daily where slice_type = 'all'",
    "compliance": """
        select interaction_date, count(*) filter (where not is_critical_failure), count(*) from marts.fct_interactions
        where scoring_status = 'scored' group by 1
    """,
}


@pytest.fixture(scope="module")
def published(server, whole, tmp_path_factory):
    """The cycle's warehouse: seventeen days of the sample, published."""
    with new_warehouse(server, "metric_values", tmp_path_factory.mktemp("metric_values"), template=WHOLE) as settings:
        yield settings


def _rows(settings, query: str, *values: object) -> list[tuple]:
    with connect("bi", settings=settings) as connection:
        return connection.execute(query, values).fetchall()


# --- in the order in which the module runs: what was published first, late data after it


def test_what_is_published_of_a_metric_is_what_the_registry_says(published) -> None:
    registered = read_registry(parse_project(published))
    rows = _rows(
        published,
        """
        select place, metric_id, label, description, purpose, formula, grain, unit, owner, tier, indicator_type, target_kpi, evaluator_type,
            semantic_model, expression, denominator_expression, slices, maturity_stage, direction, is_behavior, in_default_profile
        from marts.dim_metrics order by place
        """,
    )
    assert rows == [
        (
            place,
            *(m.name, m.label, m.description, m.purpose, m.formula, m.grain, m.unit, m.owner, m.tier, m.indicator_type),
            *(m.target_kpi, m.evaluator_type, m.semantic_model, m.expression, m.denominator, " ".join(m.slices)),
            *(m.maturity_stage, {"higher": 1, "lower": -1}[m.direction], m.is_behavior, m.in_default_profile),
        )
        for place, m in enumerate(registered, start=1)
    ]


def test_a_dashboard_leads_with_behaviours_of_the_stages_that_are_reached(published) -> None:
    shown = _rows(
        published,
        "select metric_id, is_behavior, maturity_stage from marts.dim_metrics where is_reached order by place",
    )
    assert {stage for _, _, stage in shown} == {published.parameters["metric_maturity_stage"]}
    begun = _rows(published, "select metric_id from marts.dim_metrics where is_reached and in_default_profile")
    assert len(begun) == 3
    assert any(is_behavior for _, is_behavior, _ in shown)


@pytest.mark.parametrize("metric", BY_HAND)
def test_a_day_of_a_metric_is_what_a_query_by_hand_says(published, metric) -> None:
    expected = {day: (float(total or 0), n) for day, total, n in _rows(published, BY_HAND[metric]) if n}
    built = {
        day: (numerator, n)
        for day, numerator, n in _rows(
            published,
            """
            select period_start, numerator, n from marts.fct_metric_values
            where metric_id = %s and period_type = 'day' and slice_type = 'all'
            """,
            metric,
        )
    }
    assert len(built) > 5
    assert built.keys() == expected.keys()
    for day, (numerator, n) in built.items():
        assert n == expected[day][1], day
        assert numerator == pytest.approx(expected[day][0], rel=1e-9, abs=1e-9), day


def test_weeks_and_months_are_the_sums_of_their_days(published) -> None:
    compared = _rows(
        published,
        """
        with days as (select * from marts.fct_metric_values where period_type = 'day')
        select longer.metric_id, longer.slice_value, longer.n, sum(days.n), longer.numerator, sum(days.numerator)
        from marts.fct_metric_values as longer
        inner join days
            on longer.metric_id = days.metric_id and longer.slice_type = days.slice_type and longer.slice_value = days.slice_value
            and days.period_start between longer.period_start and longer.period_end
        where longer.period_type <> 'day'
        group by longer.metric_id, longer.slice_type, longer.slice_value, longer.period_type, longer.period_start
        """,
    )
    assert len(compared) > 500
    for metric, slice_value, n, days_n, numerator, days_numerator in compared:
        assert n == days_n, (metric, slice_value)
        assert numerator == pytest.approx(days_numerator, rel=1e-9), (metric, slice_value)


def test_slices_that_everybody_has_add_up_to_the_whole(published) -> None:
    assert (
        _rows(
            published,
            """
            select period_start from marts.fct_metric_values
            where metric_id = 'compliance' and period_type = 'day' and slice_type in ('all', 'topic')
            group by period_start
            having sum(n) filter (where slice_type = 'all') <> sum(n) filter (where slice_type = 'topic')
            """,
        )
        == []
    )


def _metricflow() -> str | None:
    """The program `mf`: beside this Python, on the path, or where TOUCHSTONE_METRICFLOW says."""
    return os.environ.get("TOUCHSTONE_METRICFLOW") or shutil.which("mf")


@pytest.mark.skipif(
    _metricflow() is None, reason="dbt-metricflow is not installed; TOUCHSTONE_METRICFLOW names its `mf`"
)
def test_metricflow_says_what_is_published(published, tmp_path) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(published.dbt_dir, project, ignore=shutil.ignore_patterns("target", "logs"))
    program = Path(_metricflow())
    names = [
        m.name
        for m in read_registry(parse_project(published))
        if m.semantic_model not in ("gap_weeks", "interaction_intents")
    ]
    result = tmp_path / "values.csv"
    with dbt_environment(published):
        environment = os.environ | {"DBT_PROFILES_DIR": str(project), "HOME": str(tmp_path)}
        for command in (
            [str(program.parent / "dbt"), "parse", "--quiet"],
            [
                str(program),
                "query",
                "--metrics",
                ",".join(names),
                "--group-by",
                "metric_time__day",
                "--csv",
                str(result),
            ],
        ):
            subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True, timeout=300)
    expected = {
        (metric, day.isoformat()): value
        for metric, day, value in _rows(
            published,
            "select metric_id, period_start, value from marts.fct_metric_values where period_type = 'day' and slice_type = 'all'",
        )
        if metric in names
    }
    with result.open(newline="") as file:
        found = {
            (metric, row["metric_time__day"][:10]): float(row[metric])
            for row in csv.DictReader(file)
            for metric in names
            if row[metric]
        }
    assert len(found) > 100
    assert found.keys() == expected.keys()
    for key, value in found.items():
        assert value == pytest.approx(expected[key], rel=1e-9, abs=1e-12), key


def _document(folder: Path, interaction_id: str) -> dict:
    for path in sorted(folder.glob("conversations-*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if record["interaction_id"] == interaction_id:
                return record
    raise AssertionError(interaction_id)


def _later(moment: str, days: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(days=days)).isoformat()


def _value(settings, metric: str, day, slice_type: str = "all", slice_value: str = "all") -> tuple[float, int]:
    found = _rows(
        settings,
        """
        select numerator, n from marts.fct_metric_values
        where metric_id = %s and period_type = 'day' and period_start = %s and slice_type = %s and slice_value = %s
        """,
        *(metric, day, slice_type, slice_value),
    )
    return found[0] if found else (0.0, 0)


@pytest.fixture(scope="module")
def late(published, whole, tmp_path_factory):
    """Three conversations of the first days are told otherwise on the last day; figures before and after, of the day it is about."""
    _, days = whole
    single = """
        select interactions.interaction_id, issues.interaction_date, issues.topic
        from marts.fct_issues as issues
        inner join core.interactions on issues.first_interaction_key = interactions.interaction_key
        inner join marts.fct_interactions as facts on facts.interaction_key = interactions.interaction_key
        where issues.contact_count = 1 and issues.is_observed and issues.is_solved and facts.handled_by = %s
            and facts.is_rated_positive is null
        order by interactions.interaction_id
    """
    with connect(settings=published) as connection:
        (back_id, back_day, _), (moved_id, moved_day, topic), *_ = connection.execute(single, ["human_only"]).fetchall()
        rated_id, rated_day, _ = connection.execute(single, ["ai_only"]).fetchone()
    first = _document(days, back_id)
    back = first | {"interaction_id": "late-return", "closed_at": None, "status": "open", "started_at": None}
    back["messages"] = [
        message | {"message_id": f"late-{number}", "sent_at": _later(message["sent_at"], 2)}
        for number, message in enumerate(first["messages"])
    ]
    moved = _document(days, moved_id) | {"topic": "moved_topic", "updated_at": None}
    rated = _document(days, rated_id)
    rated |= {"rating": 5, "rating_scale_min": 1, "rating_scale_max": 5, "rated_at": rated["messages"][-1]["sent_at"]}
    asked = {
        "back": ("repeat_contact_rate", back_day),
        "left": ("handle_time", moved_day, "topic", topic),
        "came": ("handle_time", moved_day, "topic", "moved_topic"),
        "rated": ("automated_satisfaction", rated_day),
    }
    before = {name: _value(published, *arguments) for name, arguments in asked.items()}
    folder = tmp_path_factory.mktemp("late")
    (folder / "late.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (back, moved, rated)))
    run_day(folder, DAYS, published)
    return before, {name: _value(published, *arguments) for name, arguments in asked.items()}


def test_a_customer_who_came_back_makes_an_old_day_worse(late) -> None:
    before, after = late
    assert after["back"] == (before["back"][0] + 1, before["back"][1])


def test_an_interaction_that_moves_leaves_one_segment_for_another(late) -> None:
    before, after = late
    assert after["left"][1] == before["left"][1] - 1
    assert (before["came"][1], after["came"][1]) == (0, 1)


def test_a_late_rating_counts_on_the_day_of_its_interaction(late) -> None:
    before, after = late
    assert after["rated"] == (before["rated"][0] + 1, before["rated"][1] + 1)


def test_what_was_corrected_is_what_a_build_from_nothing_says(late, published) -> None:
    names = {
        "facts.metric_days",
        "marts_build.fct_issues",
        "marts_build.fct_metric_values",
        "marts_build.rpt_metric_baselines",
        "marts_build.rpt_readiness",
    }
    corrected = digests(published, "facts", "marts_build")
    with connect(settings=published) as connection:
        connection.execute(
            "update ops.built_relations set definition = 'of an earlier version' where relation like 'facts.%'"
        )
    as_of = daily.end_of_day(FIRST_DAY + timedelta(days=DAYS - 1))
    for step in ("stage", "core", "facts", "gaps", "marts"):
        pipeline.STEPS[step](as_of, published)
    built = digests(published, "facts", "marts_build")
    assert {name for name in names if corrected[name] != built[name]} == set()
    assert all(built[name][0] for name in names)
