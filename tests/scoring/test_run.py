"""The score step on a real server: what it scores, what it leaves, and what a change of version does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from core_data import AS_OF, SCORE_TABLES, add_interaction, checksums, create_core

from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.rubric import Rubric, load_rubric
from touchstone.scoring.baselines import Baseline
from touchstone.scoring.run import score
from touchstone.scoring.scorer import scorer_version
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

COUNT = 60
DESCRIPTIONS = (
    "scorer_registry",
    "rubric_dimensions",
    "rubric_indicators",
    "rubric_facets",
    "rubric_profiles",
    "baselines",
)


@pytest.fixture(scope="module")
def prepared(warehouse: Settings) -> Settings:
    create_core(warehouse)
    return warehouse


@pytest.fixture
def database(prepared: Settings) -> Iterator[psycopg.Connection]:
    """An empty warehouse with COUNT unscored interactions in core."""
    with connect("transformer", settings=prepared, autocommit=True) as connection:
        for table in (*SCORE_TABLES, *DESCRIPTIONS):
            connection.execute(f"truncate scores.{table}")
        connection.execute("delete from core.messages")
        connection.execute("delete from core.interactions")
        connection.execute("delete from ops.interaction_changes")
        connection.execute("delete from ops.watermarks")
        for number in range(COUNT):
            add_interaction(connection, number)
        yield connection


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    return load_rubric()


def _one(connection: psycopg.Connection, query: str) -> object:
    return connection.execute(query).fetchone()[0]


def test_every_eligible_interaction_is_scored_and_no_other(database: psycopg.Connection) -> None:
    add_interaction(database, COUNT, is_eligible=False)
    seen = []
    result = score(AS_OF, batch_interactions=7, progress=lambda done, total: seen.append((done, total)))
    assert result.interactions == COUNT
    assert result.batches == len(seen) > 1
    assert seen[-1] == (COUNT, COUNT)
    assert _one(database, "select count(distinct interaction_key) from scores.interaction_scores") == COUNT
    assert _one(database, "select count(*) from scores.trajectories") == COUNT
    assert _one(database, "select count(*) from ops.interaction_changes where reason = 'scored'") == COUNT
    assert _one(database, "select scorer_version from scores.scorer_registry where is_active") == result.scorer_version
    assert _one(database, "select count(*) from scores.rubric_indicators") == len(load_rubric().indicators)
    assert database.execute(
        "select status, rows_in, rows_out from ops.runs order by run_id desc limit 1"
    ).fetchone() == (
        "succeeded",
        COUNT,
        COUNT,
    )


def test_every_customer_message_has_its_sentiment_and_every_quote_lies_in_its_message(
    database: psycopg.Connection,
) -> None:
    score(AS_OF)
    unscored = """
        select count(*) from core.messages as messages
        left join scores.message_scores as scored on messages.message_key = scored.message_key
        where messages.actor = 'customer' and scored.message_key is null
        """
    assert _one(database, unscored) == 0
    outside = """
        select count(*) from scores.evidence as evidence
        left join core.messages as messages
            on evidence.message_key = messages.message_key and evidence.interaction_key = messages.interaction_key
        where messages.message_key is null or start_offset < 0 or start_offset >= end_offset or end_offset > length(text)
        """
    assert _one(database, "select count(*) from scores.evidence") > COUNT
    assert _one(database, outside) == 0


def test_a_second_run_writes_nothing(database: psycopg.Connection) -> None:
    score(AS_OF)
    before = checksums(database)
    changes = _one(database, "select max(change_id) from ops.interaction_changes")
    assert score(AS_OF).interactions == 0
    assert checksums(database) == before
    assert _one(database, "select max(change_id) from ops.interaction_changes") == changes


def test_the_size_of_batches_does_not_matter(database: psycopg.Connection) -> None:
    score(AS_OF, batch_interactions=1)
    before = checksums(database)
    for table in (*SCORE_TABLES, "scorer_registry"):
        database.execute(f"truncate scores.{table}")
    score(AS_OF, batch_interactions=500)
    assert checksums(database) == before


def test_a_changed_interaction_is_scored_again_and_its_old_scores_stay(database: psycopg.Connection) -> None:
    score(AS_OF)
    key = add_interaction(database, 3, [("customer", "Hi"), ("human_agent", "Hello!")], input_hash="second")
    result = score(AS_OF)
    assert result.interactions == 1
    hashes = database.execute(
        "select distinct input_hash from scores.interaction_scores where interaction_key = %s", [key]
    ).fetchall()
    assert sorted(hashes) == [("first",), ("second",)]


def test_a_change_that_core_has_not_taken_up_is_left_for_the_next_run(database: psycopg.Connection) -> None:
    score(AS_OF)
    key = f"{5:032x}"
    database.execute(
        "insert into ops.interaction_changes (interaction_key, reason, run_id) values (%s, 'landed', 0)", [key]
    )
    assert score(AS_OF).interactions == 0
    database.execute("update core.interactions set input_hash = 'second' where interaction_key = %s", [key])
    database.execute(
        "update ops.watermarks set change_id = (select max(change_id) from ops.interaction_changes) where step = 'core'"
    )
    assert score(AS_OF).interactions == 1


def test_another_version_scores_everything_and_keeps_the_old_rows(database: psycopg.Connection, rubric: Rubric) -> None:
    old = score(AS_OF)
    before = _one(database, "select count(*) from scores.interaction_scores")
    indicators = _one(database, "select count(*) from scores.indicator_scores")
    other = replace(rubric, version="next", full_version="next-0")
    new = score(AS_OF, rubric=other)
    assert new.interactions == COUNT
    assert new.is_new_version
    assert _one(database, "select count(*) from scores.interaction_scores") == 2 * before
    assert _one(database, "select count(*) from scores.indicator_scores") == indicators, (
        "same indicator versions, same rows"
    )
    assert _one(database, "select scorer_version from scores.scorer_registry where is_active") == new.scorer_version
    changes = _one(database, "select max(change_id) from ops.interaction_changes")
    back = score(AS_OF, rubric=rubric)
    assert (back.interactions, back.scorer_version) == (0, old.scorer_version)
    announced = f"select count(distinct interaction_key) from ops.interaction_changes where change_id > {changes}"
    assert _one(database, announced) == COUNT, "readers see other scores of every interaction"


def test_a_weight_is_changed_without_reading_a_message(database: psycopg.Connection, rubric: Rubric) -> None:
    score(AS_OF)
    before = checksums(database)
    first, *others = rubric.dimensions
    period = rubric.weight_periods[-1]
    heavy = replace(period, weights={**period.weights, first.id: 90.0})
    changed = replace(
        rubric, full_version="heavy-1", dimensions=(replace(first, weight=90.0), *others), weight_periods=(heavy,)
    )
    result = score(AS_OF, rubric=changed, batch_interactions=7)
    assert (result.interactions, result.interactions_read) == (COUNT, 0)
    written = {table for table, count in result.rows.items() if count}
    assert written == {"dimension_scores", "facet_scores", "profile_scores", "interaction_scores"}
    after = checksums(database)
    for table in ("message_scores", "trajectories", "indicator_scores", "evidence"):
        assert after[table] == before[table]
    assert _as_if_scored_anew(database, changed), "adding up gives what reading gives"


def test_a_changed_indicator_is_made_again_and_no_other(database: psycopg.Connection, rubric: Rubric) -> None:
    score(AS_OF)
    first, *others = rubric.indicators
    assert first.id == "takes_ownership"
    changed = replace(
        rubric,
        full_version="other-1",
        indicators=(replace(first, version="2-x", parameters={**first.parameters, "when": ()}), *others),
    )
    result = score(AS_OF, rubric=changed)
    assert result.interactions_read == COUNT
    assert result.rows["message_scores"] == result.rows["trajectories"] == 0
    made = database.execute(
        "select indicator_version, count(*) from scores.indicator_scores where indicator_id = 'takes_ownership' group by 1"
    ).fetchall()
    assert result.rows["indicator_scores"] == dict(made)["2-x"]
    assert (
        _one(database, "select count(*) from scores.evidence where indicator_version = '2-x'")
        == result.rows["evidence"]
    )
    assert _as_if_scored_anew(database, changed)


def test_a_new_behaviour_is_made_and_nothing_else(database: psycopg.Connection, rubric: Rubric) -> None:
    template = next(one for one in rubric.indicators if one.is_template)
    without = replace(
        rubric, full_version="less-1", indicators=tuple(one for one in rubric.indicators if one is not template)
    )
    score(AS_OF, rubric=without)
    result = score(AS_OF, rubric=rubric)
    assert result.rows["indicator_scores"] > 0
    new = "select count(*) from scores.indicator_scores where indicator_id = %s"
    assert database.execute(new, [template.id]).fetchone()[0] == result.rows["indicator_scores"]
    assert _as_if_scored_anew(database, rubric)


def test_versions_stand_side_by_side(database: psycopg.Connection, rubric: Rubric) -> None:
    old = score(AS_OF)
    new = score(AS_OF, rubric=replace(rubric, full_version="later-1"))
    both = """
        select count(*) from scores.interaction_scores as old
        inner join scores.interaction_scores as new
            on old.interaction_key = new.interaction_key and old.subject = new.subject and old.total_score = new.total_score
        where old.rubric_version = %s and new.rubric_version = %s
        """
    count = database.execute(both, [old.rubric_version, new.rubric_version]).fetchone()[0]
    assert count >= COUNT


def _as_if_scored_anew(connection: psycopg.Connection, rubric: Rubric) -> bool:
    """Whether the rows of a rubric are those that it makes with nothing standing."""
    version = scorer_version(rubric)
    query = """
        select interaction_key, subject, total_score, weighted_score, tier, is_critical_failure, rated_dimension_count, language,
            handle_minutes, turn_count, complexity, expected_handle_minutes, baseline_n
        from scores.interaction_scores where scorer_version = %s order by 1, 2
        """
    facets = "select * from scores.facet_scores where rubric_version = %s order by interaction_key, subject, facet_id"
    found = []
    for _ in range(2):
        found.append(
            (
                connection.execute(query, [version]).fetchall(),
                connection.execute(facets, [rubric.full_version]).fetchall(),
            )
        )
        for table in (*SCORE_TABLES, "scorer_registry"):
            connection.execute(f"truncate scores.{table}")
        score(AS_OF, rubric=rubric)
    assert len(found[0][0]) >= COUNT
    return found[0] == found[1]


def test_the_rubric_is_described_with_weights_profiles_and_facets(database: psycopg.Connection, rubric: Rubric) -> None:
    score(AS_OF)
    periods = _one(database, "select weight_periods from scores.rubric_dimensions where dimension_id = 'resolution'")
    assert periods == [{"valid_from": "2026-01-15", "valid_to": None, "weight": 30.0}]
    assert _one(database, "select count(*) from scores.rubric_profiles") == len(rubric.profiles)
    assert _one(database, "select count(*) from scores.rubric_facets") == len(rubric.facets)
    assert _one(database, "select count(*) from scores.rubric_indicators where is_template") == 6


def test_every_interaction_is_held_against_the_baseline_of_the_week_of_its_start(database: psycopg.Connection) -> None:
    score(AS_OF)
    frozen = database.execute("select week_starts_on, baseline_id, interaction_count from scores.baselines").fetchall()
    settled = {
        day: database.execute(
            """
            select count(*) from core.interactions
            where is_eligible and started_at < %(day)s::date - 7 and started_at >= %(day)s::date - 97
            """,
            {"day": day},
        ).fetchone()[0]
        for day, *_ in frozen
    }
    assert {day: count for day, _, count in frozen} == settled
    assert min(settled.values()) == 0
    assert max(settled.values()) >= 10
    held = database.execute(
        """
        select date_trunc('week', interaction_started_at, 'UTC')::date, baseline_id, count(expected_handle_minutes)
        from scores.interaction_scores where unrated_reason is null group by 1, 2
        """
    ).fetchall()
    assert {(day, baseline) for day, baseline, _ in held} == {(day, baseline) for day, baseline, _ in frozen}
    assert all(count > 0 for day, _, count in held if settled[day] >= 10)
    stored = database.execute("select baseline_id, definition from scores.baselines").fetchall()
    assert [Baseline(definition).baseline_id for _, definition in stored] == [baseline for baseline, _ in stored]
    add_interaction(database, COUNT)
    score(AS_OF)
    again = database.execute("select week_starts_on, baseline_id, interaction_count from scores.baselines").fetchall()
    assert again[: len(frozen)] == frozen


def test_a_repeat_contact_is_the_same_customer_on_the_same_topic_within_days(database: psycopg.Connection) -> None:
    score(AS_OF)
    wrong = """
        with stated as (
            select interactions.interaction_key, exists (
                select from core.interactions as earlier
                where earlier.customer_key = interactions.customer_key
                    and earlier.started_at between interactions.started_at - interval '7 days' and interactions.started_at
                    and earlier.interaction_key <> interactions.interaction_key
            ) as is_repeat
            from core.interactions as interactions
        )
        select count(*) filter (where stated.is_repeat), count(*) filter (where stated.is_repeat <> moved.is_repeat_contact)
        from stated inner join scores.trajectories as moved on stated.interaction_key = moved.interaction_key
        """
    assert database.execute(wrong).fetchone()[1] == 0
    assert 0 < database.execute(wrong).fetchone()[0] < COUNT


def test_an_interrupted_new_version_is_finished_although_nothing_changed(database: psycopg.Connection) -> None:
    class Stop(Exception):
        pass

    stopped: list[int] = []

    def stop(done: int, total: int) -> None:
        if done >= 20:
            stopped.append(done)
            raise Stop

    with pytest.raises(Stop):
        score(AS_OF, batch_interactions=10, progress=stop)
    assert _one(database, "select count(distinct interaction_key) from scores.interaction_scores") == stopped[0] < COUNT
    assert _one(database, "select count(*) from scores.scorer_registry where is_active") == 0
    assert score(AS_OF, batch_interactions=10).interactions == COUNT - stopped[0]
    assert _one(database, "select count(distinct interaction_key) from scores.interaction_scores") == COUNT
    assert _one(database, "select count(*) from scores.scorer_registry where is_active") == 1


def test_an_unapproved_rubric_scores_nothing(database: psycopg.Connection, rubric: Rubric) -> None:
    with pytest.raises(ConfigurationError, match="not approved"):
        score(AS_OF, rubric=replace(rubric, status="draft"))
    assert _one(database, "select count(*) from scores.interaction_scores") == 0


def test_an_interaction_that_cannot_be_judged_fails_the_run_by_name(database: psycopg.Connection) -> None:
    key = add_interaction(database, COUNT, [("customer", "Anybody?")])
    with pytest.raises(TouchstoneError, match=key):
        score(AS_OF)
    assert _one(database, "select status from ops.runs order by run_id desc limit 1") == "failed"
    assert _one(database, "select count(*) from ops.watermarks where step = 'score'") == 0


def test_scores_without_a_core_are_refused(database: psycopg.Connection) -> None:
    database.execute("delete from ops.watermarks where step = 'core'")
    with pytest.raises(TouchstoneError, match="core has not been built"):
        score(AS_OF)
