"""Gate 2: clean scores pass; every seeded corruption is caught by the claim that names it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from quality_data import SECRET

from touchstone.errors import GateError, WarehouseError
from touchstone.quality.gates import run_gate

GATE = "gate_2"
AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
ONE = "interaction_key = md5('i7')"
HUMAN = f"{ONE} and subject = 'human_agent'"


def test_clean_scores_pass_and_are_not_judged_again(database, prepared, failing) -> None:
    assert failing() == (set(), set())
    judged = database.execute("select min(row_count) from ops.gates").fetchone()[0]
    assert judged > 0, "a claim that judged nothing would pass whatever the data is"
    assert failing() == (set(), set())
    second = database.execute(
        "select max(row_count) from ops.gates where run_id = (select max(run_id) from ops.runs) "
        "and checked_object <> 'scores.scorer_registry'"
    ).fetchone()[0]
    assert second == 0


def test_a_failed_gate_judges_the_same_rows_again(database, failing) -> None:
    database.execute(f"update scores.interaction_scores set total_score = 120 where {HUMAN}")
    first, _ = failing()
    assert first == failing()[0] != set()


BLOCKING = [
    ("update scores.scorer_registry set is_active = false", "exactly one scorer is active"),
    (
        "update core.interactions set excluded_reason = null where not is_eligible",
        "an interaction is either eligible or excluded with a reason",
    ),
    (
        f"update core.interactions set input_hash = null where {ONE}",
        "every eligible interaction has the hash of what is scored",
    ),
    (
        f"delete from scores.interaction_scores where {HUMAN}",
        "every side that replied in public in an eligible interaction is scored",
    ),
    (
        f"update core.interactions set input_hash = 'newer' where {ONE}",
        "every side that replied in public in an eligible interaction is scored",
    ),
    (
        f"update core.interactions set is_eligible = false, excluded_reason = 'spam_or_test' where {ONE}",
        "no excluded interaction carries a score",
    ),
    (f"update core.interactions set human_message_count = 0 where {ONE}", "no side is scored that never replied"),
    (
        f"delete from scores.intents where {ONE}",
        "the active model of intents has read every eligible interaction, if only to say that there is nothing to read",
    ),
    (
        f"update scores.interaction_scores set subject = 'agent' where {HUMAN}",
        "the judged side is a person or an AI agent",
    ),
    (
        f"update scores.interaction_scores set total_score = 101 where {HUMAN}",
        "every total score lies between 0 and 100",
    ),
    (
        f"update scores.interaction_scores set confidence = 1.01 where {HUMAN}",
        "every stated certainty of a total lies between 0 and 1",
    ),
    (
        f"update scores.interaction_scores set tier = 'excellent', total_score = 62 where {HUMAN}",
        "every tier is one of the rubric and fits its score",
    ),
    (
        f"update scores.interaction_scores set is_critical_failure = true where {HUMAN}",
        "a failed critical indicator makes the total 0",
    ),
    (
        f"update scores.interaction_scores set rated_dimension_count = 0 where {HUMAN}",
        "a total is missing exactly where no dimension is rated",
    ),
    (
        f"update scores.dimension_scores set raw_score = 70, tier = 'acceptable' where {HUMAN} and dimension_id = 'clarity'",
        "every total is the weighted mean of its dimensions",
    ),
    (
        f"update scores.interaction_scores set scored_as_of = '2026-04-01' where {HUMAN}",
        "nothing is scored for a day that lies ahead",
    ),
    (
        f"update scores.dimension_scores set raw_score = -1 where {HUMAN}",
        "every dimension score lies between 0 and 100",
    ),
    (
        f"update scores.dimension_scores set confidence = -0.1 where {HUMAN}",
        "every stated certainty of a dimension lies between 0 and 1",
    ),
    (
        "delete from scores.rubric_dimensions where dimension_id = 'empathy'",
        "every dimension is one of the active rubric",
    ),
    (
        f"update scores.dimension_scores set applicable_indicator_count = 0 where {HUMAN}",
        "a dimension has a score exactly where an indicator applies",
    ),
    (f"update scores.dimension_scores set tier = 'good' where {HUMAN}", "every tier of a dimension fits its score"),
    (
        f"update scores.indicator_scores set confidence = 7 where {HUMAN}",
        "every indicator is stated with a certainty between 0 and 1",
    ),
    (
        f"delete from scores.indicator_scores where {HUMAN} and indicator_id = 'greets'",
        "every scored side has a result for each indicator of its rubric",
    ),
    (f"update scores.evidence set end_offset = 9999 where {HUMAN}", "every quote lies inside its redacted message"),
    (
        f"update scores.evidence set start_offset = end_offset where {HUMAN}",
        "every quote lies inside its redacted message",
    ),
    (f"update scores.evidence set start_offset = -1 where {HUMAN}", "every quote lies inside its redacted message"),
    (
        f"update scores.evidence set message_key = md5(md5('i8') || 'customer') where {HUMAN}",
        "every quote is of a message of its own interaction",
    ),
    (
        f"update scores.indicator_scores set outcome = 'not_applicable' where {HUMAN}",
        "every quote belongs to an indicator that applies",
    ),
    (f"update scores.message_scores set polarity = 1.5 where {ONE}", "every polarity lies between -1 and 1"),
    (f"update scores.message_scores set subjectivity = -0.5 where {ONE}", "every subjectivity lies between 0 and 1"),
    (
        f"delete from scores.message_scores where {ONE}",
        "every customer message of a scored interaction has its sentiment",
    ),
    (f"delete from scores.trajectories where {ONE}", "every scored interaction has its trajectory"),
    (
        f"update scores.trajectories set trajectory_class = '{SECRET}' where {ONE}",
        "every trajectory class is one of the dictionary",
    ),
    (
        f"update scores.trajectories set sentiment_level = 'panic' where {ONE}",
        "every sentiment level is one of the dictionary",
    ),
    (
        f"update scores.trajectories set mean_polarity = 2 where {ONE}",
        "every polarity of a trajectory lies between -1 and 1",
    ),
]


@pytest.mark.parametrize(
    ("corruption", "claim"), BLOCKING, ids=[f"{claim} ({n})" for n, (_, claim) in enumerate(BLOCKING)]
)
def test_a_seeded_corruption_stops_publication(database, failing, corruption: str, claim: str) -> None:
    database.execute(corruption)
    assert claim in failing()[0]
    assert SECRET not in database.execute("select string_agg(gates::text, ' ') from ops.gates").fetchone()[0]


def test_scores_of_a_version_that_is_not_active_are_not_judged(database, failing) -> None:
    database.execute(
        "insert into scores.interaction_scores (interaction_started_at, interaction_key, input_hash, subject, scorer_version,"
        " rubric_version, calibrator_version, total_score, tier, confidence, is_critical_failure, rated_dimension_count,"
        " scored_as_of, scored_at, evaluator_type, evaluator_version)"
        " select interaction_started_at, interaction_key, input_hash, subject, 's0', 'r0', calibrator_version, 900, 'x', 5,"
        " is_critical_failure, 0, scored_as_of, scored_at, 'rule', 's0' from scores.interaction_scores"
    )
    assert failing() == (set(), set())


WARNING = [
    (
        "delete from scores.evidence where indicator_id = 'greets';"
        "update scores.indicator_scores set outcome = 'not_applicable' where indicator_id = 'greets'",
        "every indicator applies somewhere",
    ),
    (
        "update scores.indicator_scores set outcome = 'holds' where indicator_id = 'greets'",
        "every indicator tells cases apart",
    ),
    (
        "create table marts.fct_interactions as select md5('old' || n) as interaction_key, 20.0 + n % 5 as human_total_score,"
        " null::numeric as ai_total_score, date '2026-03-20' as interaction_date from generate_series(1, 400) as n",
        "new scores are spread like the published ones",
    ),
]


@pytest.mark.parametrize(("oddity", "claim"), WARNING, ids=[claim for _, claim in WARNING])
def test_an_oddity_warns_and_lets_the_data_pass(database, failing, oddity: str, claim: str) -> None:
    database.execute(oddity)
    assert failing() == (set(), {claim})


def test_scores_spread_like_the_published_ones_raise_no_warning(database, failing) -> None:
    database.execute(
        "create table marts.fct_interactions as select md5('old' || interaction_key) as interaction_key, total_score as"
        " human_total_score, null::numeric as ai_total_score, date '2026-03-20' as interaction_date"
        " from scores.interaction_scores where subject = 'human_agent'"
    )
    assert failing() == (set(), set())
    observed = database.execute(
        "select observed from ops.gates where expectation = 'scores_keep_their_distribution'"
    ).fetchone()
    assert observed[0].startswith("human_agent: index 0.000 over 270 new and 270 published scores")


def test_a_missing_relation_is_named(database, prepared) -> None:
    database.execute("alter table core.messages rename to gone")
    try:
        with pytest.raises(WarehouseError, match=r"gate_2 reads a relation that does not exist: 'core\.messages'"):
            run_gate(GATE, AS_OF, prepared)
    finally:
        database.execute("alter table core.gone rename to messages")


def test_the_failed_step_is_on_the_ledger(database, prepared) -> None:
    database.execute("delete from scores.trajectories")
    with pytest.raises(GateError):
        run_gate(GATE, AS_OF, prepared)
    assert database.execute("select status, error like 'gate_2 stops publication%' from ops.runs").fetchone() == (
        "failed",
        True,
    )
    assert database.execute("select count(*) from ops.watermarks").fetchone()[0] == 0
