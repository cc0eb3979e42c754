"""The score step on a real server: what it scores, what it leaves, and what a change of version does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from core_data import AS_OF, SCORE_TABLES, add_interaction, checksums, create_core

from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.rubric import Rubric, load_rubric
from touchstone.scoring.run import score
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

COUNT = 60


@pytest.fixture(scope="module")
def prepared(warehouse: Settings) -> Settings:
    create_core(warehouse)
    return warehouse


@pytest.fixture
def database(prepared: Settings) -> Iterator[psycopg.Connection]:
    """An empty warehouse with COUNT unscored interactions in core."""
    with connect("transformer", settings=prepared, autocommit=True) as connection:
        for table in (*SCORE_TABLES, "scorer_registry", "rubric_dimensions", "rubric_indicators"):
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


def test_an_interrupted_new_version_is_finished_although_nothing_changed(database: psycopg.Connection) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done >= 20:
            raise Stop

    with pytest.raises(Stop):
        score(AS_OF, batch_interactions=10, progress=stop)
    assert _one(database, "select count(distinct interaction_key) from scores.interaction_scores") == 20
    assert _one(database, "select count(*) from scores.scorer_registry where is_active") == 0
    assert score(AS_OF, batch_interactions=10).interactions == COUNT - 20
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
