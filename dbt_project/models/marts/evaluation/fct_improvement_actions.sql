{{
    config(
        unique_key='action_key',
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per improvement action: what it is for, who owns it, what the offline test said, and what the days after it show against the
-- days before on the metric that it aims at
with

actions as (

    select
        *,
        record_key as action_key,
        coalesce(topic, channel, 'all') as slice_value,
        case
            when topic is not null then 'topic'
            when channel is not null then 'channel'
            else 'all'
        end as slice_type,
        {{ utc_date('coalesce(deployed_at, done_at)') }} as effective_date,
        {{ utc_date('follow_up_at') }} as follow_up_date
    from {{ ref('stg_feedback__improvement_actions') }}

),

-- the days before, the days after, and those up to the follow-up; the day on which it took effect is in none of them
spans as (

    select
        actions.action_key,
        spans.span,
        spans.metric,
        actions.slice_type,
        actions.slice_value,
        actions.agent_version,
        spans.from_date,
        spans.until_date
    from actions
    cross join
        lateral (
            values
            (
                'before', actions.target_metric, actions.effective_date - {{ var('effect_days') }}, actions.effective_date - 1
            ),
            (
                'after', actions.target_metric, actions.effective_date + 1, actions.effective_date + {{ var('effect_days') }}
            ),
            (
                'follow_up', coalesce(actions.follow_up_metric, actions.target_metric),
                actions.follow_up_date - {{ var('effect_days') }}, actions.follow_up_date - 1
            )
        ) as spans (span, metric, from_date, until_date)
    where spans.from_date is not null

),

summed as (

    select
        spans.action_key,
        spans.span,
        spans.metric,
        {%- for name in ai_sums() %}
            sum(daily.{{ name }}) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from spans
    inner join {{ ref('rpt_ai_daily') }} as daily
        on
            spans.slice_type = daily.slice_type
            and spans.slice_value = daily.slice_value
            and daily.interaction_date between spans.from_date and spans.until_date
            and (spans.agent_version is null or spans.agent_version = daily.agent_version)
    group by spans.action_key, spans.span, spans.metric

),

measured as (

    select
        summed.action_key,
        max(metrics.direction) filter (where summed.span in ('before', 'after')) as direction,
        max(metrics.total) filter (where summed.span = 'after') as total,
        coalesce(max(metrics.n) filter (where summed.span = 'after'), 0) as n,
        max(metrics.square_sum) filter (where summed.span = 'after') as square_sum,
        max(metrics.total) filter (where summed.span = 'before') as previous_total,
        coalesce(max(metrics.n) filter (where summed.span = 'before'), 0) as previous_n,
        max(metrics.square_sum) filter (where summed.span = 'before') as previous_square_sum,
        max(metrics.total) filter (where summed.span = 'follow_up') as follow_up_total,
        coalesce(max(metrics.n) filter (where summed.span = 'follow_up'), 0) as follow_up_n
    from summed
    cross join lateral ({{ ai_metric_values('summed') }}) as metrics (metric, direction, total, n, square_sum)
    where summed.metric = metrics.metric
    group by summed.action_key

),

valued as (

    select
        *,
        total::double precision / nullif(n, 0) as value,
        previous_total::double precision / nullif(previous_n, 0) as previous_value
    from measured

),

bounded as (

    select
        *,
        case when n > 0 and previous_n > 0 then {{ difference_bound('-', var('z_95')) }} end as ci_low,
        case when n > 0 and previous_n > 0 then {{ difference_bound('+', var('z_95')) }} end as ci_high
    from valued

),

final as (

    select
        actions.action_key,
        actions.action_id,
        actions.change_id,
        actions.issue,
        actions.priority,
        actions.recommended_action,
        actions.owner,
        actions.fix_type,
        actions.workflow_fix_category,
        actions.target_metric,
        actions.slice_type,
        actions.slice_value,
        actions.topic,
        actions.channel,
        actions.agent_version,
        coalesce(actions.offline_test_result, 'not_run') as offline_test_result,
        coalesce(actions.follow_up_metric, actions.target_metric) as follow_up_metric,
        case
            when actions.deployed_at is not null then 'deployed'
            when actions.done_at is not null then 'done'
            when actions.triaged_at is not null then 'triaged'
            else 'open'
        end as status,
        case
            when
                actions.effective_date is null
                or actions.effective_date + {{ var('effect_days') }} >= {{ utc_date(as_of()) }}
                or least(coalesce(bounded.n, 0), coalesce(bounded.previous_n, 0)) < {{ var('effect_min_n') }}
                then 'too_early'
            when case bounded.direction when 1 then bounded.ci_low > 0 else bounded.ci_high < 0 end then 'worked'
            when case bounded.direction when 1 then bounded.ci_high < 0 else bounded.ci_low > 0 end then 'worse'
            else 'no_effect'
        end as verdict,
        coalesce(bounded.n, 0)::int as n,
        coalesce(bounded.previous_n, 0)::int as previous_n,
        coalesce(bounded.follow_up_n, 0)::int as follow_up_n,
        bounded.value,
        bounded.previous_value,
        bounded.value - bounded.previous_value as difference,
        bounded.ci_low,
        bounded.ci_high,
        bounded.follow_up_total::double precision / nullif(bounded.follow_up_n, 0) as follow_up_value,
        coalesce(actions.done_at is null and actions.follow_up_at < {{ as_of() }}, false) as is_overdue,
        (least(coalesce(bounded.n, 0), coalesce(bounded.previous_n, 0)) < {{ var('min_cell_n') }}) as is_below_min_n,
        actions.reported_at,
        actions.triaged_at,
        actions.done_at,
        actions.deployed_at,
        actions.follow_up_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from actions
    left join bounded on actions.action_key = bounded.action_key

)

select * from final
