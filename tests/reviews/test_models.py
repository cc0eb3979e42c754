"""A model that learns from reviewers on a real warehouse: it observes, is refused, is released, and the marts follow."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
import pytest

from checksums import digests
from cycles import DAYS, WHOLE
from touchstone import daily, pipeline
from touchstone.errors import TouchstoneError
from touchstone.learning.agreement import kappa
from touchstone.learning.reviews import review
from touchstone.reviews import models
from touchstone.reviews.intake import Stated, take_up
from touchstone.sample import FIRST_DAY
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

AS_OF = daily.end_of_day(FIRST_DAY + timedelta(days=DAYS - 1))
MONTH_LATER = AS_OF + timedelta(days=30)
LEARNED_FROM, DOUBLE = 60, 25
_Z = 1.959963984540054


@dataclass
class World:
    """What was seen on the way."""

    settings: Settings
    model_id: str = ""
    heard_count: int = 0
    refused: str = ""
    refused_later: str = ""
    observed: dict[str, tuple[int, str]] = field(default_factory=dict)
    before: dict[str, tuple[int, str]] = field(default_factory=dict)
    reproduced: dict[str, bool] = field(default_factory=dict)
    scored_again: dict[str, int] = field(default_factory=dict)


def give(connection: psycopg.Connection, rows: list[dict], as_of) -> None:
    stated = [Stated(review(one), None, None, "test", number) for number, one in enumerate(rows)]
    result = take_up(connection, stated, as_of, 1, arrived_by="file")
    assert result.unusable == []
    connection.commit()


def row(key: str, subject: str, reviewer: str, value: float, day: str) -> dict:
    return {
        "interaction_id": key,
        "subject": subject,
        "reviewer": reviewer,
        "dimension": "resolution",
        "value": value,
        "scale_min": 1,
        "scale_max": 5,
        "reviewed_at": day,
        "blind": True,
    }


def heard(key: str, subject: str, message: str, reviewer: str, label: str, day: str) -> dict:
    """What a reviewer says of the sentiment of one customer message."""
    return {
        "interaction_id": key,
        "subject": subject,
        "message_id": message,
        "reviewer": reviewer,
        "dimension": "sentiment",
        "value": label,
        "reviewed_at": day,
        "blind": True,
    }


def customer_messages(connection: psycopg.Connection) -> dict[str, list[tuple[str, float]]]:
    """(message_key, polarity) of the customers' messages by interaction."""
    found = defaultdict(list)
    for key, message, polarity in connection.execute(
        """
        select scored.interaction_key, scored.message_key, scored.polarity from scores.message_scores as scored
        inner join core.interactions using (interaction_key, input_hash)
        where scored.polarity is not null order by scored.interaction_key, scored.message_key
        """
    ):
        found[key].append((message, polarity))
    return found


def build_marts(as_of: datetime, settings: Settings) -> None:
    for step in ("facts", "gaps", "marts"):
        pipeline.STEPS[step](as_of, settings)


@pytest.fixture(scope="module")
def world(server, whole, tmp_path_factory) -> World:
    with new_warehouse(server, "reviews_models", tmp_path_factory.mktemp("models"), WHOLE) as settings:
        found = World(settings)
        with connect("transformer", settings=settings) as connection:
            sides = connection.execute(
                """
                select scored.interaction_key, scored.subject, scored.raw_score from scores.dimension_scores as scored
                inner join core.interactions using (interaction_key, input_hash)
                where dimension_id = 'resolution' and raw_score is not null order by interaction_key, subject
                """
            ).fetchall()
            spoken = customer_messages(connection)
            rows = []
            for number, (key, subject, score) in enumerate(sides[:LEARNED_FROM]):
                rows += [
                    heard(key, subject, message, "ann", "negative" if polarity < 0 else "fine", "2026-03-15")
                    for message, polarity in spoken[key]
                ]
                found.heard_count += len(spoken[key])
                value = 1 + round(4 * score / 100)
                rows.append(row(key, subject, "ann", value, f"2026-03-{10 + number % 5}"))
                if number < DOUBLE:
                    # bob is one step more lenient with every fourth
                    rows.append(row(key, subject, "bob", min(5, value + (number % 4 == 0)), "2026-03-15"))
            give(connection, rows, AS_OF)
        before = digests(settings, "marts_build")
        found.model_id = models.train_model(AS_OF, settings).model_id
        found.reproduced = models.reproduce(found.model_id, settings)
        pipeline.score(AS_OF, settings)
        pipeline.review(AS_OF, settings)
        build_marts(AS_OF, settings)
        found.before, found.observed = before, digests(settings, "marts_build")
        with pytest.raises(TouchstoneError) as refused:
            models.activate(found.model_id, AS_OF, settings)
        found.refused = str(refused.value)
        with connect("transformer", settings=settings) as connection:
            # few labels make a test fast and a model poor: the report says what a larger training set would
            connection.execute(
                """
                update scores.model_registry set metrics = jsonb_set(metrics, '{targets}', (
                    select jsonb_agg(target || '{"items": 250, "calibration_error": 0.02, "human_kappa": 0.8, "machine_kappa": 0.75}'
                        order by number)
                    from jsonb_array_elements(metrics -> 'targets') with ordinality as targets (target, number)
                ))
                """
            )
            live = connection.execute(
                """
                select interaction_key, subject, level from scores.model_scores as scored
                where scored.level is not null and not exists (
                    select from scores.model_training as training
                    where training.interaction_key = scored.interaction_key and training.subject = scored.subject
                )
                order by interaction_key, subject limit 40
                """
            ).fetchall()
            said = [row(key, subject, "cy", 1 + level / 25, "2026-03-25") for key, subject, level in live]
            give(connection, said[:20], MONTH_LATER)
            read = connection.execute(
                """
                select interaction_key, subject, message_key, label from scores.model_scores as scored
                where scored.label is not null and not exists (
                    select from scores.model_training as training
                    where training.interaction_key = scored.interaction_key and training.subject = scored.subject
                )
                order by message_key, subject limit 60
                """
            ).fetchall()
            give(connection, [heard(*one[:3], "cy", one[3], "2026-03-25") for one in read], MONTH_LATER)
        with pytest.raises(TouchstoneError) as refused:
            models.activate(found.model_id, MONTH_LATER, settings)
        found.refused_later = str(refused.value)
        with connect("transformer", settings=settings) as connection:
            give(connection, said[20:], MONTH_LATER)
        models.activate(found.model_id, MONTH_LATER, settings)
        for step in (pipeline.score, pipeline.review, build_marts):
            step(MONTH_LATER, settings)
        yield found


@pytest.fixture
def database(world) -> psycopg.Connection:
    with connect("transformer", settings=world.settings, autocommit=True) as connection:
        yield connection


def test_the_registrys_row_makes_the_same_model_again(world, database):
    assert world.reproduced == {"data": True, "model": True}
    kept = database.execute(
        "select review_count, interaction_count, reviewer_count, targets, length(artifact) > 1000 from scores.model_registry"
    ).fetchone()
    reviews = LEARNED_FROM + DOUBLE + world.heard_count
    assert kept == (reviews, kept[1], 2, ["resolution", "sentiment"], True)


def test_scores_of_a_model_in_observation_are_labelled_and_in_no_mart(world, database):
    counted = database.execute(
        """
        select count(*), count(distinct state), min(state) from scores.model_scores
        where scored_as_of = %s and message_key = ''
        """,
        [AS_OF],
    ).fetchone()
    sides = database.execute(
        """
        select count(*) from scores.interaction_scores inner join core.interactions using (interaction_key, input_hash)
        where is_eligible
        """
    ).fetchone()[0]
    assert counted == (sides, 1, "observe")
    changed = {name for name in world.before if world.before[name] != world.observed[name]}
    about_reviews = {
        f"marts_build.{name}"
        for name in (
            "dim_scoring_models",
            "rpt_agreement_monthly",
            "rpt_evaluator_bias",
            "rpt_gold_set_balance",
            "rpt_review_queue",
            "rpt_score_discrepancies",
            "rpt_scorer_health_monthly",
            "rpt_sentiment_alarms",
            "rpt_gate_results",
        )
    }
    assert changed <= about_reviews
    assert "marts_build.rpt_agreement_monthly" in changed


def test_activation_is_refused_with_what_is_missing(world):
    assert "days of observation: 0, needed at least 30" in world.refused
    assert "judgements in observation: 0, needed at least 30" in world.refused
    assert "reviewed items: 60, needed at least 200" in world.refused
    assert "days of observation" not in world.refused_later
    assert "judgements in observation: 20, needed at least 30" in world.refused_later


def test_a_page_says_what_the_release_lacks(world, tmp_path, capsys):
    from touchstone.reviews.cli import write_report

    write_report(world.model_id, tmp_path, AS_OF.isoformat())
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Judgements in observation" in page
    assert "Resolution, per interaction" in page
    assert "Sentiment, per message" in page


def test_activation_changes_the_calibrated_scores_and_nothing_else(world, database):
    state, shown, history = database.execute(
        """
        select state, shown_targets, (select array_agg(state order by event_id) from scores.model_events)
        from scores.model_registry
        """
    ).fetchone()
    assert (state, shown, history) == ("active", ["resolution", "sentiment"], ["observe", "active"])
    differing = database.execute(
        """
        select count(*) from marts_build.fct_dimension_scores as facts
        inner join core.interactions using (interaction_key)
        left join scores.model_scores as scored on scored.interaction_key = facts.interaction_key
            and scored.subject = facts.subject and scored.dimension_id = facts.dimension_id
            and scored.input_hash = interactions.input_hash and scored.interaction_started_at = interactions.started_at
        where (facts.calibrated_score, facts.score) is distinct from (scored.score, coalesce(scored.score, facts.raw_score))
            or (scored.score is not null and (facts.tier, facts.confidence, facts.calibrator_version)
                is distinct from (scored.tier, scored.confidence, scored.model_id))
        """
    ).fetchone()[0]
    assert differing == 0
    rows = database.execute(
        """
        select totals.interaction_key || totals.subject, totals.total_score, totals.raw_total_score, totals.is_critical_failure,
            dimensions.score, weights.weight::float
        from marts_build.fct_interaction_scores as totals
        inner join marts_build.fct_dimension_scores as dimensions using (interaction_key, subject)
        inner join marts_build.dim_rubric_dimensions as weights using (dimension_id)
        """
    ).fetchall()
    parts = defaultdict(list)
    shown_totals = {}
    for key, total, _, critical, score, weight in rows:
        shown_totals[key] = (total, critical)
        if score is not None:
            parts[key].append((weight, score))
    assert len(parts) > 500
    for key, (total, critical) in shown_totals.items():
        mean = sum(weight * score for weight, score in parts[key]) / sum(weight for weight, _ in parts[key])
        assert total == pytest.approx(0 if critical else mean), key
    moved = database.execute(
        "select count(*) from marts_build.fct_interaction_scores where total_score <> raw_total_score"
    ).fetchone()[0]
    assert moved > 400


def test_an_active_model_of_sentiment_reads_every_customer_message_and_raises_levels(world, database):
    rows = database.execute(
        """
        select sentiment.dissatisfaction, sentiment.is_dissatisfied,
            (select avg(scored.probability_low) from scores.model_scores as scored
                where scored.interaction_key = sentiment.interaction_key and scored.message_key = sentiment.message_key
                    and scored.dimension_id = 'sentiment')
        from marts_build.fct_message_sentiment as sentiment
        """
    ).fetchall()
    learned = [one for one in rows if one[0] is not None]
    assert len(learned) > 0.9 * len(rows) > 1_000
    assert all(low == pytest.approx(mean) and is_low == (low >= 0.5) for low, is_low, mean in learned)
    assert 0 < sum(is_low for _, is_low, _ in learned) < len(learned)
    levels = database.execute(
        """
        select built.sentiment_level, built.level_rule, scored.sentiment_level, scored.level_rule, facts.sentiment_level,
            built.dissatisfied_message_count
        from marts_build.fct_sentiment_trajectories as built
        inner join core.interactions using (interaction_key)
        inner join scores.trajectories as scored on scored.interaction_key = interactions.interaction_key
            and scored.input_hash = interactions.input_hash
        inner join marts_build.fct_interactions as facts on facts.interaction_key = built.interaction_key
        """
    ).fetchall()
    order = ("none", "monitor", "supervisor", "escalate")
    for level, rule, before, rule_before, shown, dissatisfied in levels:
        assert level == shown
        assert order.index(level) >= order.index(before)
        assert (rule == rule_before) == (level == before)
        assert not dissatisfied or level != "none"
    assert {"dissatisfied_message"} <= {rule for _, rule, *_ in levels} <= {rule for *_, rule, _, _ in levels} | {
        "dissatisfied_message", "sustained_dissatisfaction"
    }  # fmt: skip


def test_alarms_of_sentiment_are_held_against_people_by_segment(world, database):
    built = database.execute(
        """
        select evaluator_type, n, negative_n, found_count, false_alarm_count from marts_build.rpt_sentiment_alarms
        where segment_type = 'all' order by evaluator_type
        """
    ).fetchall()
    (model, model_n, *_, false_alarms), (rule, rule_n, *_) = built
    assert (model, rule) == ("model", "rule")
    # cy agrees with the model, and what it has learned from is left out
    assert (0 < model_n <= 60, false_alarms) == (True, 0)
    assert rule_n > model_n


def test_the_same_day_again_changes_nothing(world):
    schemas = ("marts_build", "scores", "feedback", "derived")
    before = digests(world.settings, *schemas)
    for step in (pipeline.score, pipeline.review, build_marts):
        step(MONTH_LATER, world.settings)
    after = digests(world.settings, *schemas)
    # besides what speaks of the runs themselves
    told = {"marts_build.rpt_gate_results", "derived.gap_groups", "derived.gap_scope"}
    assert {name for name in before if before[name] != after[name]} <= told


# --- marts against a computation by hand


def wilson(holds: int, n: int) -> tuple[float, float]:
    share = holds / n
    centre = share + _Z**2 / (2 * n)
    half = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    return (centre - half) / (1 + _Z**2 / n), (centre + half) / (1 + _Z**2 / n)


def test_the_behaviours_of_a_day_are_the_outcomes_of_that_day(database):
    counted = defaultdict(lambda: [0, 0])
    for day, agent, subject, indicator, outcome in database.execute(
        """
        select interaction_date, agent_key, subject, indicator_id, outcome from marts_build.fct_indicator_results
        where agent_key is not null
        """
    ):
        if outcome != "not_applicable":
            counted[day, agent, subject, indicator][outcome == "fails"] += 1
    built = database.execute(
        """
        select interaction_date, agent_key, subject, indicator_id, n, holds_count, fails_count, holds_rate, ci_low, ci_high
        from marts_build.rpt_agent_behaviors_daily
        """
    ).fetchall()
    assert len(built) == len(counted) > 1_000
    for *key, n, holds, fails, rate, low, high in built:
        assert [holds, fails] == counted[tuple(key)]
        assert rate == holds / n
        assert (low, high) == pytest.approx(wilson(holds, n))


def test_the_bottom_group_is_the_quarter_with_the_lowest_totals(database):
    totals = defaultdict(list)
    for agent, subject, total in database.execute(
        """
        select agent_key, subject, total_score from marts_build.fct_interaction_scores
        where agent_key is not null and total_score is not null and interaction_date < '2026-04-01' and interaction_date >= '2026-03-01'
        """
    ):
        totals[subject, agent].append(total)
    ranked = sorted(
        (sum(scores) / len(scores), agent)
        for (subject, agent), scores in totals.items()
        if subject == "human_agent" and len(scores) >= 5
    )
    bottom = {agent for _, agent in ranked[: math.ceil(len(ranked) / 4)]}
    failed = defaultdict(lambda: [0, 0])
    for agent, indicator, outcome in database.execute(
        """
        select agent_key, indicator_id, outcome from marts_build.fct_indicator_results
        where subject = 'human_agent' and outcome <> 'not_applicable' and interaction_date between '2026-03-01' and '2026-03-31'
        """
    ):
        if agent in bottom:
            failed[indicator][0] += 1
            failed[indicator][1] += outcome == "fails"
    built = database.execute(
        """
        select indicator_id, cohort_n, cohort_fails_count, agent_count from marts_build.rpt_bottom_cohort_failures
        where subject = 'human_agent' and period_start = '2026-03-01' and cohort_n > 0
        """
    ).fetchall()
    assert {indicator: [n, fails] for indicator, n, fails, _ in built} == dict(failed)
    assert {count for *_, count in built} == {len(ranked)}


def test_recoveries_are_counted_among_what_turned_negative(database):
    counted = defaultdict(lambda: [0, 0])
    for team, agent, subject, minimum, kind in database.execute(
        """
        select facts.team, scores.agent_key, scores.subject, trajectories.minimum_polarity, trajectories.trajectory_class
        from marts_build.fct_interaction_scores as scores
        inner join marts_build.fct_interactions as facts using (interaction_key)
        inner join core.interactions using (interaction_key)
        inner join scores.trajectories as trajectories on trajectories.interaction_key = interactions.interaction_key
            and trajectories.input_hash = interactions.input_hash
        where trajectories.minimum_polarity is not null and trajectories.trajectory_class <> 'too_short'
            and scores.interaction_date between '2026-03-01' and '2026-03-31'
        """
    ):
        for name in (("all", "all"), ("team", team), ("agent", agent)):
            if name[1] is not None and minimum < -0.2:
                counted[(*name, subject)][0] += 1
                counted[(*name, subject)][1] += kind == "recovered"
    built = database.execute(
        """
        select slice_type, slice_value, subject, n, recovered_count from marts_build.rpt_recovery_rates
        where period_type = 'month' and period_start = '2026-03-01' and n > 0
        """
    ).fetchall()
    assert {tuple(row[:3]): list(row[3:]) for row in built} == dict(counted)
    assert sum(row[4] for row in built) > 0


def test_agreement_is_that_of_the_judgements(database):
    pairs = database.execute(
        """
        select one.value, two.value from feedback.human_reviews as one
        inner join feedback.human_reviews as two using (interaction_key, subject, dimension_id)
        where one.reviewer = 'ann' and two.reviewer = 'bob' and one.subject = 'human_agent'
        """
    ).fetchall()
    built = dict(
        database.execute(
            """
            select figure_id, array[n, value, ci_low, ci_high] from marts_build.rpt_agreement_monthly
            where comparison = 'human_human' and subject = 'human_agent' and segment_type = 'all'
                and dimension_id = 'resolution' and period_start = '2026-03-01'
            """
        ).fetchall()
    )
    exact = sum(one == two for one, two in pairs) / len(pairs)
    assert built["exact"][:2] == pytest.approx([len(pairs), exact])
    assert built["mae"][1] == pytest.approx(sum(25 * abs(one - two) for one, two in pairs) / len(pairs))
    either = [kappa([one for one, _ in pairs], [two for _, two in pairs])]
    assert built["weighted_kappa"][1] == pytest.approx(either[0], abs=0.05), "which of the two comes first is drawn"
    assert built["weighted_kappa"][2] <= built["weighted_kappa"][1] <= built["weighted_kappa"][3]
    leniency = dict(
        database.execute(
            "select reviewer, leniency from marts_build.rpt_evaluator_bias where dimension_id = 'resolution'"
        )
    )
    assert leniency["bob"] == pytest.approx(-leniency["ann"])
    assert leniency["bob"] > 0


def test_a_discrepancy_is_measured_and_has_a_cause(world, database):
    pairs = defaultdict(list)
    for month, subject, person, machine in database.execute(
        """
        select to_char(reviews.judged_at, 'YYYY-MM'), reviews.subject, reviews.score, scored.raw_score
        from feedback.human_reviews as reviews
        inner join scores.dimension_scores as scored using (interaction_key, input_hash, subject, dimension_id)
        where reviews.superseded_by is null and scored.raw_score is not null
        """
    ):
        pairs[month, subject].append(machine - person)
    limits = world.settings.parameters
    built = {
        (month, subject): values
        for month, subject, *values in database.execute(
            """
            select to_char(period_start, 'YYYY-MM'), subject, n, bias, mean_absolute_error, far_apart_rate, human_kappa, cause
            from marts_build.rpt_score_discrepancies where evaluator_type = 'rule' and dimension_id = 'resolution'
            """
        )
    }
    assert set(built) == {key for key, apart in pairs.items() if len(apart) >= 5}
    for (month, subject), (n, bias, size, far, kappa_of_people, cause) in built.items():
        apart = pairs[month, subject]
        assert n == len(apart)
        assert (bias, size) == pytest.approx((sum(apart) / n, sum(map(abs, apart)) / n))
        assert far == pytest.approx(sum(abs(one) > limits["discrepancy_points"] for one in apart) / n)
        if kappa_of_people is not None and kappa_of_people < limits["ambiguous_kappa"]:
            expected = "clarify_criteria"
        elif abs(bias) > limits["discrepancy_bias"] or far > limits["discrepancy_share"]:
            expected = "recalibrate"
        else:
            expected = "none"
        assert cause == expected
    measured = database.execute(
        """
        select value from marts_build.rpt_agreement_monthly where comparison = 'human_human' and subject = 'human_agent'
            and segment_type = 'all' and figure_id = 'weighted_kappa' and period_start = '2026-03-01'
        """
    ).fetchone()[0]
    assert built["2026-03", "human_agent"][4] == measured
    states = database.execute(
        "select distinct evaluator_version, evaluator_state from marts_build.rpt_score_discrepancies where evaluator_type = 'model'"
    ).fetchall()
    assert states == [(world.model_id, "active")]


def test_a_model_is_compared_on_what_it_has_not_learned_from(world, database):
    held = database.execute(
        """
        select dimension_id, sum(n)::int from marts_build.rpt_agreement_monthly
        where evaluator_version = %s and segment_type = 'all' and figure_id = 'exact'
        group by dimension_id order by dimension_id
        """,
        [world.model_id],
    ).fetchall()
    assert held == [("resolution", 40), ("sentiment", 60)]
    exact = database.execute(
        "select distinct value from marts_build.rpt_agreement_monthly where evaluator_version = %s and figure_id = 'exact'",
        [world.model_id],
    ).fetchall()
    assert exact == [(1.0,)], "cy said what the model says"


def test_shares_of_the_gold_set_add_up(database):
    for gold, population, n, counted in database.execute(
        """
        select sum(gold_share), sum(population_share), max(gold_n), sum(gold_count)
        from marts_build.rpt_gold_set_balance group by subject, stratum_type
        """
    ):
        assert (gold, population) == pytest.approx((1, 1))
        assert n == counted
