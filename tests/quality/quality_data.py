"""Statements that make clean relations for each gate; deterministic, no randomness."""

from __future__ import annotations

from evaluation_data import EVALUATION_MARTS
from finance_data import FINANCE_MARTS
from intents_data import INTENT_MARTS, INTENT_SCORES, INTENT_TABLES
from metrics_data import METRIC_MARTS
from revenue_data import REVENUE_MARTS

SECRET = "my card 4111 1111 1111 1111"  # stands for a customer's words: no result may repeat it

STAGING = (
    """
    create table staging.int_conversations__unioned (
        source text, instance text, interaction_id text, interaction_key text, channel text, status text, customer_id text,
        rating numeric, rating_scale_min numeric, rating_scale_max numeric, started_at timestamptz, closed_at timestamptz,
        deleted_at timestamptz, rated_at timestamptz, _cast_errors text[], _load_id bigint
    )
    """,
    """
    create table staging.int_messages__unioned (
        source text, instance text, interaction_id text, interaction_key text, message_id text, message_key text, actor text,
        actor_id text, actor_name text, agent_key text, text text, body_hash uuid, confidence numeric, is_internal bool,
        position int, sent_at timestamptz, _cast_errors text[], _load_id bigint
    )
    """,
    "create table staging.pending_interactions (interaction_key text)",
    # 30 days to 30 March 2026: about 60 conversations on working days, 25 on weekends, with a wave of +-10 %
    """
    insert into staging.int_conversations__unioned
    select
        'files', 'default', 'c-' || day::date || '-' || number, md5('files:default:c-' || day::date || '-' || number),
        (array['chat', 'email', 'ticket', null])[1 + number % 4], (array['solved', 'closed', 'open'])[1 + number % 3],
        'customer-' || number % 37, case when number % 5 = 0 then 4 end, 1, 5,
        day + make_interval(mins => 480 + number * 9), day + make_interval(mins => 480 + number * 9 + 45),
        null, null, '{}', 1
    from generate_series(timestamptz '2026-03-01', '2026-03-30', interval '1 day') as day
    cross join lateral generate_series(
        1,
        round((case when extract(isodow from day) >= 6 then 25 else 60 end) * (1 + 0.1 * sin(extract(day from day) * 2.4)))::int
    ) as number
    """,
    # customer, person, customer, AI agent, two minutes apart; every tenth person's reply is one and the same macro
    f"""
    insert into staging.int_messages__unioned
    select
        source, instance, interaction_id, interaction_key, 'm' || turn, md5(interaction_key || ':m' || turn), actor,
        actor_id, actor_name, case when actor <> 'customer' then md5('files:default:' || actor_id) end, body, md5(body)::uuid,
        case when actor = 'ai_agent' then 0.8 end, false, turn, started_at + make_interval(secs => turn * 120), '{{}}', 1
    from staging.int_conversations__unioned
    cross join lateral (
        values
            (0, 'customer', customer_id, 'Ann Abbot', '{SECRET} ' || interaction_id),
            (
                1, 'human_agent', 'agent-' || abs(hashtext(interaction_id)) % 4, 'Tom Talbot',
                case when abs(hashtext(interaction_id)) % 10 = 0 then 'Thanks for waiting' else 'Answer to ' || interaction_id end
            ),
            (2, 'customer', customer_id, 'Ann Abbot', 'And then? ' || interaction_id),
            (3, 'ai_agent', 'helper', 'Help Bot', 'Here is how')
    ) as turns (turn, actor, actor_id, actor_name, body)
    """,
    "insert into staging.pending_interactions select interaction_key from staging.int_conversations__unioned",
)

CORE = (
    """
    create table core.interactions (
        interaction_key text primary key, input_hash text, is_eligible bool, excluded_reason text, human_message_count int,
        ai_message_count int, started_at timestamptz, interaction_date date
    )
    """,
    """
    create table core.messages (
        message_key text, interaction_key text, actor text, text text, is_internal bool, is_automation bool,
        interaction_started_at timestamptz
    )
    """,
    # 300 interactions over 30 days, every tenth excluded
    """
    insert into core.interactions
    select
        md5('i' || number), md5('hash' || number), number % 10 <> 0, case when number % 10 = 0 then 'no_agent_message' end,
        case when number % 10 = 0 then 0 else 2 end, case when number % 10 = 0 then 0 else number % 2 end,
        timestamptz '2026-03-01' + make_interval(mins => number * 143),
        (timestamptz '2026-03-01' + make_interval(mins => number * 143))::date
    from generate_series(1, 300) as number
    """,
    f"""
    insert into core.messages
    select
        md5(interaction_key || actor), interaction_key, actor, '{SECRET}', false, false, started_at
    from core.interactions
    cross join (values ('customer'), ('human_agent')) as actors (actor)
    """,
)

SCORES = (
    """
    insert into scores.scorer_registry
        (scorer_version, rubric_id, rubric_version, sentiment_version, calibrator_version, reading_version, is_active)
    values ('s0', 'r', 'r0', 'v', 'none', 's0', false), ('s1', 'r', 'r1', 'v', 'none', 's1', true)
    """,
    """
    insert into scores.rubric_dimensions
    values ('r1', 'clarity', 1, 'Clarity', 60, '{}'), ('r1', 'empathy', 2, 'Empathy', 40, '{}')
    """,
    """
    insert into scores.rubric_indicators
    values
        ('r1', 'answers', '1', 'clarity', 'Answers', 1, false, '{human_agent,ai_agent}', 'rule', '{}'),
        ('r1', 'greets', '1', 'empathy', 'Greets', 1, false, '{human_agent}', 'rule', '{}')
    """,
    "select ops.ensure_month_partition(parent::regclass, timestamptz '2026-03-01') from unnest(array["
    "'scores.message_scores', 'scores.trajectories', 'scores.indicator_scores', 'scores.evidence', 'scores.dimension_scores', "
    "'scores.interaction_scores']) as parent",
    """
    create view staging.judged_side as
    select interactions.*, sides.subject, abs(hashtext(interaction_key || subject)) % 2 as outcome
    from core.interactions as interactions
    cross join lateral (
        values ('human_agent', human_message_count), ('ai_agent', ai_message_count)
    ) as sides (subject, reply_count)
    where is_eligible and reply_count > 0
    """,
    """
    insert into scores.interaction_scores (interaction_started_at, interaction_key, input_hash, subject, scorer_version, rubric_version,
        calibrator_version, total_score, tier, confidence, is_critical_failure, rated_dimension_count, scored_as_of, scored_at,
        evaluator_type, evaluator_version)
    select
        started_at, interaction_key, input_hash, subject, 's1', 'r1', 'none', total,
        case when total >= 85 then 'excellent' when total >= 60 then 'acceptable' else 'needs_improvement' end, 0.7, false, 2,
        '2026-03-31', '2026-03-31', 'rule', 's1'
    from staging.judged_side
    cross join lateral (select (60 * (50 + 50 * outcome) + 40 * 80) / 100.0 as total) as totals
    """,
    """
    insert into scores.dimension_scores (interaction_started_at, interaction_key, input_hash, subject, rubric_version, calibrator_version,
        dimension_id, raw_score, calibrated_score, tier, confidence, applicable_indicator_count, evaluator_type, evaluator_version)
    select
        started_at, interaction_key, input_hash, subject, 'r1', 'none', dimension_id, score, null,
        case when score >= 85 then 'excellent' when score >= 60 then 'acceptable' else 'needs_improvement' end, 0.7, 1,
        'rule', 's1'
    from staging.judged_side
    cross join lateral (values ('clarity', 50 + 50 * outcome), ('empathy', 80)) as dimensions (dimension_id, score)
    """,
    """
    insert into scores.indicator_scores
    select
        started_at, interaction_key, input_hash, subject, indicator_id, '1',
        (array['fails', 'holds'])[1 + (outcome + length(indicator_id)) % 2], 0.9, 'rule', '1'
    from staging.judged_side
    cross join (values ('answers'), ('greets')) as indicators (indicator_id)
    where indicator_id = 'answers' or subject = 'human_agent'
    """,
    """
    insert into scores.evidence
    select
        interaction_started_at, interaction_key, input_hash, subject, indicator_id, indicator_version, 1,
        md5(interaction_key || 'human_agent'), 0, 7
    from scores.indicator_scores
    """,
    """
    insert into scores.message_scores (interaction_started_at, interaction_key, input_hash, reading_version, message_key, polarity, subjectivity,
        markers, evaluator_type, evaluator_version)
    select
        interactions.started_at, interactions.interaction_key, input_hash, 's1', message_key, -0.25, 0.5, '[]', 'rule', 's1'
    from core.messages
    inner join core.interactions using (interaction_key)
    where is_eligible and actor = 'customer'
    """,
    """
    insert into scores.trajectories (interaction_started_at, interaction_key, input_hash, reading_version, customer_message_count, start_polarity,
        end_polarity, mean_polarity, slope, minimum_polarity, largest_drop, trajectory_class, sentiment_level, level_rule,
        evaluator_type, evaluator_version)
    select
        started_at, interaction_key, input_hash, 's1', 1, -0.25, -0.25, -0.25, null, -0.25, null, 'too_short', 'none', 'none',
        'rule', 's1'
    from core.interactions
    where is_eligible
    """,
    "insert into ops.interaction_changes (interaction_key, reason, run_id) select interaction_key, 'landed', 1 from core.interactions",
)

MARTS = (
    """
    create table marts_build.fct_interactions as
    select
        interaction_key, case when is_eligible then 'scored' else 'excluded' end as scoring_status, excluded_reason, is_eligible,
        case when is_eligible then 72.5 end as human_total_score, case when is_eligible and ai_message_count > 0 then 64.0 end
            as ai_total_score,
        'chat' as channel, 'billing' as topic, 'invoices' as product_area, 'gold' as tier, 'en' as language, 'normal' as priority,
        'care' as team, 12.5 as first_response_minutes, 0 as reopen_count, interaction_date, started_at,
        started_at + interval '1 hour' as last_message_at, started_at + interval '2 hours' as resolved_at, 7::bigint as _ledger_id
    from core.interactions
    """,
    """
    create table marts_build.fct_interaction_scores as
    select interaction_key, 'human_agent' as subject, human_total_score as total_score, interaction_date, 7::bigint as _ledger_id
    from marts_build.fct_interactions where is_eligible
    """,
    """
    create table marts_build.fct_dimension_scores as
    select scores.*, 'clarity' as dimension_id, 'shown' as calibrator_version, 60.0 as calibrated_score
    from marts_build.fct_interaction_scores as scores
    """,
    """
    create table marts_build.fct_indicator_results as
    select scores.*, 'secret' as indicator_id, 'fails' as outcome from marts_build.fct_interaction_scores as scores
    """,
    "create table marts_build.fct_policy_violations as table marts_build.fct_indicator_results",
    """
    create table marts_build.fct_message_sentiment as
    select
        interaction_key, md5(interaction_key) as message_key, 0.25::double precision as polarity,
        0.7::double precision as dissatisfaction, 0.5::double precision as dissatisfaction_threshold, true as is_dissatisfied,
        interaction_date, 7::bigint as _ledger_id
    from marts_build.fct_interaction_scores
    """,
    """
    create table marts_build.fct_sentiment_trajectories as
    select interaction_key, 'monitor' as sentiment_level, 'declining' as level_rule, 7::bigint as _ledger_id
    from marts_build.fct_interaction_scores
    """,
    """
    create table marts_build.fct_satisfaction_signals as
    select md5(interaction_key || ':rating') as signal_key, interaction_key, 75.0 as score, 7::bigint as _ledger_id
    from marts_build.fct_interaction_scores
    """,
    """
    create table marts_build.rpt_score_discrepancies as
    select date '2026-03-01' as period_start, 's1' as evaluator_version, 'human_agent' as subject, 'clarity' as dimension_id
    """,
    """
    create table marts_build.rpt_sentiment_alarms as
    select
        'all' as segment_type, 'all' as segment_value, 'lexicon' as evaluator_version, 40 as n, 10 as negative_n,
        30 as not_negative_n, 3 as false_alarm_count, 7 as found_count, 0.1 as false_alarm_rate
    """,
    "create table marts_build.fct_evidence as table marts_build.fct_interaction_scores",
    """
    create table marts_build.rpt_exclusions_daily as
    select interaction_date, excluded_reason, count(*) as interaction_count
    from marts_build.fct_interactions where excluded_reason is not null group by 1, 2
    """,
    """
    create table marts_build.rpt_coverage_daily as
    select
        interaction_date, count(*) as interaction_count, count(*) filter (where is_eligible) as eligible_count,
        count(*) filter (where scoring_status = 'scored') as scored_count,
        count(*) filter (where scoring_status = 'excluded') as excluded_count,
        count(*) filter (where scoring_status = 'pending') as pending_count, 1.0 as coverage_rate
    from marts_build.fct_interactions group by 1
    """,
    """
    create table marts_build.rpt_quality_trends as
    select
        'day' as period_type, interaction_date as period_start, 'topic' as slice_type, 'billing' as slice_value,
        'human_agent' as subject, 'total' as measure_type, 'total' as measure_id, count(*) as n, 72.5 as mean_score,
        70.0 as ci_low, 75.0 as ci_high, 0 as excellent_count, count(*) as acceptable_count, 0 as needs_improvement_count,
        0 as critical_failure_count, count(*) < 30 as is_below_min_n
    from marts_build.fct_interaction_scores group by interaction_date
    """,
    """
    create table marts_build.rpt_agent_scorecards as
    select
        'week' as period_type, date '2026-03-02' as period_start, md5('agent' || number) as agent_key, 'human_agent' as subject,
        'total' as measure_type, 'total' as measure_id, 40 as n, 72.5 as value, 70.0 as ci_low, 75.0 as ci_high,
        false as is_below_min_n
    from generate_series(1, 20) as number
    """,
    """
    create table marts_build.rpt_service_daily as
    select
        interaction_date, 'all' as slice_type, 'all' as slice_value, 'all' as handled_by, count(*) as interaction_count,
        12.5 as first_response_median_minutes, 4 as solved_count, 3 as rated_count, 2 as rated_positive_count,
        5 as first_response_n, 4 as resolution_n, 2 as fcr_1d_count, 3 as fcr_1d_n, 2 as fcr_7d_count, 3 as fcr_7d_n,
        2 as fcr_14d_count, 3 as fcr_14d_n, 4 as first_response_sla_met_count, 5 as first_response_sla_n,
        3 as resolution_sla_met_count, 4 as resolution_sla_n, count(*) < 30 as is_below_min_n
    from marts_build.fct_interactions group by interaction_date
    """,
    """
    create table marts_build.rpt_backlog_daily as
    select interaction_date as backlog_date, 'all' as slice_type, 'all' as slice_value, 5 as open_count
    from marts_build.fct_interactions group by interaction_date
    """,
    """
    create table marts_build.rpt_agent_behaviors_daily as
    select
        interaction_date, md5('agent') as agent_key, 'human_agent' as subject, 'greets' as indicator_id, 10 as n, 8 as holds_count,
        2 as fails_count, 0.8 as holds_rate, 0.5 as ci_low, 0.9 as ci_high, 7::bigint as _ledger_id
    from marts_build.fct_interactions group by interaction_date
    """,
    """
    create table marts_build.rpt_agreement_monthly as
    select
        date '2026-03-01' as period_start, 'human_machine' as comparison, 's1' as evaluator_version, 'human_agent' as subject,
        'all' as segment_type, 'all' as segment_value, 'clarity' as dimension_id, figure_id, 40 as n, 0.7 as value
    from unnest(array['weighted_kappa', 'exact']) as figure_id
    """,
    """
    create table marts_build.rpt_bottom_cohort_failures as
    select
        date '2026-03-01' as period_start, 'human_agent' as subject, 'greets' as indicator_id, 20 as agent_count,
        5 as cohort_agent_count, 40 as cohort_n, 30 as cohort_fails_count, 100 as rest_n, 20 as rest_fails_count,
        0.75 as cohort_fails_rate
    """,
    """
    create table marts_build.rpt_recovery_rates as
    select
        'month' as period_type, date '2026-03-01' as period_start, 'all' as slice_type, 'all' as slice_value,
        'human_agent' as subject, 100 as interaction_count, 40 as n, 10 as recovered_count, 0.25 as recovery_rate
    """,
    """
    create table marts_build.rpt_review_queue as
    select md5('task' || number) as task_key, 1.5 as priority from generate_series(1, 5) as number
    """,
    """
    insert into scores.model_registry (model_id, kind, state, targets, shown_targets, last_review_id, data_hash, feature_version,
        seed, parameters, review_count, interaction_count, reviewer_count, metrics, artifact, artifact_hash, trained_as_of, run_id)
    select
        name, name, state, '{clarity,empathy}', shown, 1, '', '1', 1, '{}', 250, 200, 2, '{}', '', '', '2026-03-01', 1
    from (values ('shown', 'active', '{clarity}'::text[]), ('seen', 'observe', '{}')) as models (name, state, shown)
    """,
    """
    create table marts_build.fct_ai_episodes as
    select
        interaction_key, 1 as episode_number, 'assumed' as outcome, true as is_contained, 2.5::double precision as effort,
        3 as answer_count, 7::bigint as _ledger_id
    from marts_build.fct_interactions where ai_total_score is not null
    """,
    """
    create table marts_build.fct_outcome_definitions as
    select interaction_key, episode_number, definition, 'resolved' as verdict, true as is_resolved, 7::bigint as _ledger_id
    from marts_build.fct_ai_episodes cross join (values ('ada'), ('hubspot')) as definitions (definition)
    """,
    """
    create table marts_build.fct_ai_answers as
    select
        md5(interaction_key) as message_key, interaction_key, 2 as retrieval_count, true as is_useful, true as is_explicitly_useful,
        7::bigint as _ledger_id
    from marts_build.fct_ai_episodes
    """,
    """
    create table marts_build.fct_handoffs as
    select
        interaction_key, 1 as episode_number, 2 as items_given_count, 1 as items_asked_again_count, 5.0 as minutes_before,
        0.5::double precision as items_kept_share, null::double precision as context_fields_share,
        1.0::double precision as continued_share, 0.75::double precision as context_preservation, 7::bigint as _ledger_id
    from marts_build.fct_ai_episodes
    """,
    """
    create table marts_build.fct_ai_failures as
    select interaction_key, 1 as episode_number, 'returned' as outcome, 7::bigint as _ledger_id
    from marts_build.fct_ai_episodes
    """,
    """
    create table marts_build.fct_ai_patterns as
    select interaction_key, 1 as episode_number, 'fast_but_wrong' as pattern, 7::bigint as _ledger_id
    from marts_build.fct_ai_episodes
    """,
    """
    create table marts_build.rpt_ai_patterns_weekly as
    select date '2026-03-02' as period_start, 'all' as topic, 'fast_but_wrong' as pattern, 40 as n, 4 as pattern_count
    """,
    """
    create table marts_build.rpt_ai_scorecards as
    select
        'week' as period_type, date '2026-03-02' as period_start, 'all' as slice_type, 'all' as slice_value, 42 as episode_count,
        2 as pending_count, 40 as n, 20 as resolved_count, 15 as strictly_resolved_count, 30 as contained_count,
        10 as escalated_count, 0.5 as resolution_rate
    """,
    """
    create table marts_build.rpt_confidence_reliability as
    select
        'month' as period_type, date '2026-03-01' as period_start, 'all' as slice_type, 'all' as slice_value, 9 as bin_number,
        40 as n, 90 as slice_n, 0.1 as calibration_error, 0.2 as squared_error_mean
    """,
    """
    create table marts_build.rpt_confidence_thresholds as
    select
        'month' as period_type, date '2026-03-01' as period_start, 'all' as slice_type, 'all' as slice_value, 0.5 as threshold,
        40 as n, 10 as escalated_count, 20 as judged_n, 5 as error_count
    """,
    """
    create table marts_build.rpt_definition_disagreements as
    select
        date '2026-03-01' as period_start, 'ada' as first_definition, 'hubspot' as second_definition, 40 as n, 30 as agree_count,
        4 as first_only_count, 6 as second_only_count, 25 as both_count
    """,
    """
    create table marts_build.rpt_escalation_accuracy as
    select
        'week' as period_type, date '2026-03-02' as period_start, 'all' as slice_type, 'all' as slice_value, 40 as episode_count,
        10 as escalated_count, 6 as needed_count, 3 as avoidable_count, 1 as unknown_count, 2 as missed_count
    """,
    """
    create table marts_build.rpt_handoffs_weekly as
    select
        'week' as period_type, date '2026-03-02' as period_start, 'all' as slice_type, 'all' as slice_value, 10 as n,
        6 as needed_count, 3 as avoidable_count, 1 as unknown_count, 8 as timed_n, 3 as early_count, 4 as on_time_count,
        1 as late_count
    """,
    """
    create table marts_build.rpt_post_handoff_resolution as
    select
        'month' as period_type, date '2026-03-01' as period_start, 'all' as slice_type, 'all' as slice_value, 40 as handoff_count,
        30 as handoff_n, 50 as human_n, 1.1 as median_ratio, 0.9 as ci_low, 1.4 as ci_high
    """,
    """
    create table marts_build.rpt_tool_health_daily as
    select
        date '2026-03-09' as interaction_date, 'lookup' as tool_name, 10 as n, 7 as ok_count, 1 as failed_count,
        1 as timeout_count, 1 as partial_count, 0 as unknown_count, 0.3 as failure_rate
    """,
    """
    create table marts_build.fct_knowledge_gap_signals as
    select
        'q1' as message_key, 'no_article_found' as signal_type, date '2026-03-09' as interaction_date,
        timestamptz '2026-03-09 09:00+00' as asked_at, timestamptz '2026-03-09 09:01+00' as signalled_at, 1::bigint as _ledger_id
    """,
    """
    create table marts_build.fct_knowledge_gap_statuses as
    select
        'g1' as gap_id, 1 as status_number, 'open' as status, timestamptz '2026-03-10 00:00+00' as since,
        timestamptz '2026-03-12 00:00+00' as until
    """,
    """
    create table marts_build.fct_knowledge_gaps as
    select
        'g1' as gap_id, 'content' as owner_team, 'content' as owner, 'Write it.' as recommended_action, true as is_open,
        null::timestamptz as closed_at, timestamptz '2026-03-10 00:00+00' as opened_at, 20::double precision as asked_count,
        10 as failed_count, 0.5 as failure_rate, 0.3 as failure_ci_low, 0.7 as failure_ci_high, 2.5 as impact,
        1200::double precision as arr_touched, 5 as age_days
    """,
    """
    create table marts_build.rpt_article_health as
    select 'x' as article_key, 10 as question_count, 4 as failed_count, 3 as unhelpful_count, 0.3 as unhelpful_rate
    """,
    """
    create table marts_build.rpt_gap_fixes as
    select
        'g1' as gap_id, 1 as fix_number, 'worked' as verdict, 20::double precision as before_n, 20::double precision as after_n,
        0.9 as before_rate, 0.2 as after_rate, -0.7 as rate_change, -0.9 as ci_low, -0.4 as ci_high
    """,
    """
    create table marts_build.rpt_knowledge_gap_segments as
    select
        'g1' as gap_id, 'channel' as slice_type, 'chat' as slice_value, 6 as question_count, 5 as customer_count, 10 as n,
        0.6 as question_share
    """,
    """
    create table marts_build.rpt_knowledge_gaps_weekly as
    select
        date '2026-03-09' as period_start, 1 as opened_count, 2 as closed_count, 1 as verified_count, 1 as dismissed_count,
        20 as failed_question_count, 10 as identified_question_count, 0.5 as identification_rate
    """,
    "create table marts_build.rpt_source_health as select 'files' as source, 'default' as instance, false as is_stale",
)

_SCORE_TABLES = (
    "scores.scorer_registry",
    "scores.rubric_dimensions",
    "scores.rubric_indicators",
    "scores.message_scores",
    "scores.trajectories",
    "scores.indicator_scores",
    "scores.evidence",
    "scores.dimension_scores",
    "scores.interaction_scores",
)
ALL_MARTS = (*MARTS, *EVALUATION_MARTS, *INTENT_MARTS, *METRIC_MARTS, *REVENUE_MARTS, *FINANCE_MARTS)
MART_NAMES = tuple(
    statement.split("marts_build.", 1)[1].split()[0]
    for statement in ALL_MARTS
    if "create table marts_build." in statement
)

GATE_TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "gate_1": (
        ("staging.int_conversations__unioned", "staging.int_messages__unioned", "staging.pending_interactions"),
        STAGING,
    ),
    "gate_2": (("core.interactions", "core.messages", *_SCORE_TABLES, *INTENT_TABLES), CORE + INTENT_SCORES + SCORES),
    "gate_3": (
        ("core.interactions", "core.account_history", *(f"marts_build.{name}" for name in MART_NAMES)),
        CORE + ALL_MARTS,
    ),
}
