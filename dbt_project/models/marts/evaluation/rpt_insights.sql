{{
    config(
        unique_key='insight_key',
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per thing to act on, of all reports of evaluation, the most costly first: the evidence, what to do, and the team that owns it.
-- A report joins the list with a CTE of the same columns and its name in `kinds`; record_key tells apart what bears one name
{%- set kinds = [
    'versions', 'drifts', 'accuracies', 'changes', 'actions', 'factuality', 'training_data', 'loops', 'regressions', 'confusions',
    'gaps', 'qualities', 'segments',
] %}
with

today as (

    select {{ utc_date(as_of()) }} as as_of_date

),

-- the newest version of each agent; what it took the place of is decided
newest_versions as (

    select distinct on (agent_key) *
    from {{ ref('rpt_agent_version_decisions') }}
    order by agent_key asc, version_started_date desc, agent_version desc

),

versions as (

    select
        'version_worse' as insight_type,
        newest.worst_slice_type as slice_type,
        newest.worst_slice_value as slice_value,
        newest.worst_metric as metric,
        'version ' || newest.agent_version as subject,
        newest.agent_key as record_key,
        newest.recommended_action,
        null::text as person,
        comparisons.n,
        comparisons.value,
        comparisons.previous_value as expected_value,
        comparisons.ci_low,
        comparisons.ci_high,
        newest.alarm_date as since_date
    from newest_versions as newest
    inner join {{ ref('rpt_agent_version_comparisons') }} as comparisons
        on
            newest.agent_key = comparisons.agent_key
            and newest.agent_version = comparisons.agent_version
            and newest.worst_metric = comparisons.metric
            and newest.worst_slice_type = comparisons.slice_type
            and newest.worst_slice_value = comparisons.slice_value
    where newest.decision = 'roll_back'

),

newest_signals as (

    select distinct on (signals.signal, signals.slice_type, signals.slice_value) signals.*
    from {{ ref('rpt_drift_signals_daily') }} as signals
    cross join today
    where signals.interaction_date >= today.as_of_date - 7
    order by signals.signal asc, signals.slice_type asc, signals.slice_value asc, signals.interaction_date desc

),

drifts as (

    select
        'drift_' || signal as insight_type,
        slice_type,
        slice_value,
        signal as metric,
        null::text as subject,
        null::text as record_key,
        recommended_action,
        null::text as person,
        n,
        moving_value as value,
        baseline_value as expected_value,
        null::double precision as ci_low,
        null::double precision as ci_high,
        first_out_date as since_date
    from newest_signals
    where is_worse

),

newest_accuracies as (

    select distinct on (topic) *
    from {{ ref('rpt_response_accuracy_monthly') }}
    order by topic asc, period_start desc

),

accuracies as (

    select
        'accuracy_declining' as insight_type,
        case topic when 'all' then 'all' else 'topic' end as slice_type,
        topic as slice_value,
        'response_accuracy' as metric,
        null::text as subject,
        null::text as record_key,
        recommended_action,
        null::text as person,
        n,
        correct_rate as value,
        correct_rate - slope as expected_value,
        ci_low,
        ci_high,
        period_start as since_date
    from newest_accuracies
    where is_flat_or_declining and n >= {{ var('effect_min_n') }}

),

changes as (

    select
        'change_harmful' as insight_type,
        effects.slice_type,
        effects.slice_value,
        effects.metric,
        effects.change_type || ' ' || effects.changed as subject,
        effects.change_key as record_key,
        'Look at the change of ' || replace(effects.change_type, '_', ' ') || ' ' || effects.changed || ': '
        || replace(effects.metric, '_', ' ') || ' is worse since' as recommended_action,
        null::text as person,
        effects.n,
        effects.value,
        effects.previous_value as expected_value,
        effects.ci_low,
        effects.ci_high,
        effects.change_date as since_date
    from {{ ref('rpt_change_effects') }} as effects
    cross join today
    where effects.verdict = 'worse' and effects.change_date >= today.as_of_date - {{ var('insight_days') }}

),

actions as (

    select
        case when actions.is_overdue then 'action_overdue' else 'action_without_effect' end as insight_type,
        actions.slice_type,
        actions.slice_value,
        actions.target_metric as metric,
        'action ' || actions.action_id as subject,
        actions.action_key as record_key,
        case
            when actions.is_overdue then 'Do it, or plan it anew: ' || actions.recommended_action
            when actions.verdict = 'worse' then 'Take the fix back: ' || actions.target_metric || ' is worse since'
            else 'Find another cause: ' || actions.target_metric || ' is as before the fix'
        end as recommended_action,
        actions.owner as person,
        actions.n,
        actions.value,
        actions.previous_value as expected_value,
        actions.ci_low,
        actions.ci_high,
        {{ utc_date('coalesce(actions.deployed_at, actions.done_at, actions.follow_up_at)') }} as since_date
    from {{ ref('fct_improvement_actions') }} as actions
    cross join today
    where
        actions.is_overdue
        or (
            actions.verdict in ('no_effect', 'worse')
            and coalesce(actions.deployed_at, actions.done_at) >= today.as_of_date - {{ var('insight_days') }}
        )

),

newest_factuality as (

    select distinct on (slice_type, slice_value) *
    from {{ ref('rpt_factuality_monthly') }}
    order by slice_type asc, slice_value asc, period_start desc

),

factuality as (

    select
        'unfactual_answers' as insight_type,
        slice_type,
        slice_value,
        'factuality' as metric,
        null::text as subject,
        null::text as record_key,
        'Correct what unsupported answers rest on'
        || case slice_type when 'all' then '' else ', on ' || replace(slice_type, '_', ' ') || ' ' || slice_value end as recommended_action,
        null::text as person,
        n,
        supported_rate as value,
        {{ var('factuality_target') }}::double precision as expected_value,
        ci_low,
        ci_high,
        period_start as since_date
    from newest_factuality
    where ci_high < {{ var('factuality_target') }} and n >= {{ var('effect_min_n') }}

),

newest_training_data as (

    select *
    from {{ ref('rpt_training_data_quality_monthly') }}
    order by period_start desc
    limit 1

),

training_data as (

    select
        'training_data' as insight_type,
        'all' as slice_type,
        'all' as slice_value,
        'suitable_rate' as metric,
        null::text as subject,
        null::text as record_key,
        recommended_action,
        null::text as person,
        n,
        suitable_rate as value,
        1::double precision as expected_value,
        ci_low,
        ci_high,
        period_start as since_date
    from newest_training_data
    where not is_sound

),

loops as (

    select
        'slow_feedback_loop' as insight_type,
        'fix_type' as slice_type,
        fix_type as slice_value,
        'open_days' as metric,
        to_char(period_start, 'YYYY-MM') as subject,
        null::text as record_key,
        recommended_action,
        null::text as person,
        open_count as n,
        open_days_median as value,
        {{ var('loop_days_max') }}::double precision as expected_value,
        null::double precision as ci_low,
        null::double precision as ci_high,
        period_start as since_date
    from {{ ref('rpt_feedback_loop_velocity') }}
    where fix_type = 'all' and open_days_median > {{ var('loop_days_max') }}

),

newest_suites as (

    select distinct on (suite, metric, case_type) *
    from {{ ref('rpt_regression_suites') }}
    where case_type <> 'all'
    order by suite asc, metric asc, case_type asc, ran_at desc, agent_version desc

),

regressions as (

    select
        'regression' as insight_type,
        'case_type' as slice_type,
        case_type as slice_value,
        metric,
        suite || ' version ' || agent_version as subject,
        null::text as record_key,
        recommended_action,
        null::text as person,
        n,
        pass_rate as value,
        (passed_count + regressed_count - repaired_count)::double precision / n as expected_value,
        ci_low,
        ci_high,
        {{ utc_date('ran_at') }} as since_date
    from newest_suites
    where is_regressed

),

newest_intents as (

    select intents.*
    from {{ ref('rpt_intent_accuracy_monthly') }} as intents
    inner join (
        select max(period_start) as period_start
        from {{ ref('rpt_intent_accuracy_monthly') }}
    ) as newest
        on intents.period_start = newest.period_start

),

confusions as (

    select
        'intent_confusion' as insight_type,
        'topic' as slice_type,
        true_intent as slice_value,
        'intent_accuracy' as metric,
        true_source || ': ' || predicted_intent as subject,
        null::text as record_key,
        'Teach the AI agent to tell ' || true_intent || ' from ' || predicted_intent as recommended_action,
        null::text as person,
        n,
        pair_rate as value,
        0::double precision as expected_value,
        ci_low,
        ci_high,
        period_start as since_date
    from newest_intents
    where not is_correct and pair_count >= {{ var('effect_min_n') }} and ci_low > {{ var('confusion_share_min') }}

),

gaps as (

    select
        'knowledge_gap' as insight_type,
        case when topic is null then 'all' else 'topic' end as slice_type,
        coalesce(topic, 'all') as slice_value,
        'failure_rate' as metric,
        'gap ' || gap_id as subject,
        null::text as record_key,
        recommended_action,
        owner as person,
        round(asked_count)::int as n,
        failure_rate as value,
        reference_rate as expected_value,
        failure_ci_low as ci_low,
        failure_ci_high as ci_high,
        {{ utc_date('opened_at') }} as since_date
    from {{ ref('fct_knowledge_gaps') }}
    where status in ('open', 'drafting')

),

newest_limits as (

    select distinct on (limits.slice_type, limits.slice_value, limits.subject, limits.measure_type, limits.measure_id) limits.*
    from {{ ref('rpt_quality_control_limits') }} as limits
    cross join today
    where limits.interaction_date >= today.as_of_date - 7
    order by
        limits.slice_type asc, limits.slice_value asc, limits.subject asc, limits.measure_type asc, limits.measure_id asc,
        limits.interaction_date desc

),

qualities as (

    select
        'quality_decline' as insight_type,
        slice_type,
        slice_value,
        'quality' as metric,
        subject || ' ' || measure_id as subject,
        change_key as record_key,
        recommended_action,
        null::text as person,
        n,
        moving_value as value,
        expected_value,
        null::double precision as ci_low,
        null::double precision as ci_high,
        first_out_date as since_date
    from newest_limits
    where verdict = 'decline'

),

newest_segments as (

    select distinct on (weekly.segment) weekly.*
    from {{ ref('rpt_segment_quality_weekly') }} as weekly
    cross join today
    where weekly.week_start >= today.as_of_date - 14
    order by weekly.segment asc, weekly.week_start desc

),

segments as (

    select
        'segment_quality_decline' as insight_type,
        'segment' as slice_type,
        segment as slice_value,
        'quality' as metric,
        null::text as subject,
        null::text as record_key,
        recommended_action,
        null::text as person,
        run_n as n,
        run_value as value,
        expected_value,
        ci_low,
        ci_high,
        run_start as since_date
    from newest_segments
    where verdict = 'decline'

),

insights as (
    {%- for kind in kinds %}

        select * from {{ kind }}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

-- how many episodes a week the slice has: what a difference of a share costs
volumes as (

    select
        daily.slice_type,
        daily.slice_value,
        sum(daily.n) / 4.0 as weekly_n
    from {{ ref('rpt_ai_daily') }} as daily
    cross join today
    where daily.interaction_date >= today.as_of_date - 28
    group by daily.slice_type, daily.slice_value

),

valued as (

    select
        insights.*,
        -- two agents may run versions of one name, and one article may be edited twice
        md5(
            concat_ws(
                '|', insights.insight_type, insights.slice_type, insights.slice_value, insights.metric, insights.subject,
                insights.record_key
            )
        ) as insight_key,
        -- a gap has the team that was decided on, or that of its own seed
        coalesce(gaps.owner_team, {{ routed_team() }}) as owner_team,
        (
            case
                when insights.metric in ('effort', 'turns_per_resolution', 'open_days', 'quality') then null
                else abs(insights.value - insights.expected_value)
            end * volumes.weekly_n
        )::double precision as weekly_episodes
    from insights
    left join volumes
        on
            insights.slice_type = volumes.slice_type
            and insights.slice_value = volumes.slice_value
    left join {{ ref('fct_knowledge_gaps') }} as gaps
        on
            insights.insight_type = 'knowledge_gap'
            and insights.subject = 'gap ' || gaps.gap_id
    {{ route_joins('insights.insight_type', "case when insights.slice_type = 'topic' then insights.slice_value end") }}

),

final as (

    select
        insight_key,
        insight_type,
        slice_type,
        slice_value,
        metric,
        subject,
        recommended_action,
        owner_team,
        coalesce(person, owner_team) as owner,
        (row_number() over (order by weekly_episodes desc nulls last, n desc, insight_key asc))::int as place,
        n::int as n,
        value,
        expected_value,
        value - expected_value as difference,
        ci_low,
        ci_high,
        weekly_episodes,
        since_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from valued

)

select * from final
