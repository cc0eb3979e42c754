{{
    config(
        unique_key=['change_key', 'metric'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per change and metric of AI agents: the days before it against the days after, where it acts; the day itself is in neither.
-- It is what shifted with the change, not proof that the change did it
with

-- of an article that was edited nobody has said where it acts
changes as (

    select
        change_key,
        change_type,
        changed,
        coalesce(topic, channel, 'all') as slice_value,
        case
            when topic is not null then 'topic'
            when channel is not null then 'channel'
            else 'all'
        end as slice_type,
        change_date,
        change_date - {{ var('effect_days') }} as before_from,
        change_date + {{ var('effect_days') }} as after_until
    from {{ ref('fct_changes') }}
    where is_logged or change_type = 'agent_version'

),

summed as (

    select
        changes.change_key,
        (daily.interaction_date > changes.change_date) as is_after,
        {%- for name in ai_sums() %}
            sum(daily.{{ name }}) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from changes
    inner join {{ ref('rpt_ai_daily') }} as daily
        on
            changes.slice_type = daily.slice_type
            and changes.slice_value = daily.slice_value
            and daily.interaction_date between changes.before_from and changes.after_until
            and daily.interaction_date <> changes.change_date
    group by changes.change_key, daily.interaction_date > changes.change_date

),

metrics as (

    select
        summed.change_key,
        metrics.metric,
        max(metrics.direction) as direction,
        max(metrics.total) filter (where summed.is_after) as total,
        coalesce(max(metrics.n) filter (where summed.is_after), 0) as n,
        max(metrics.square_sum) filter (where summed.is_after) as square_sum,
        max(metrics.total) filter (where not summed.is_after) as previous_total,
        coalesce(max(metrics.n) filter (where not summed.is_after), 0) as previous_n,
        max(metrics.square_sum) filter (where not summed.is_after) as previous_square_sum
    from summed
    cross join lateral ({{ ai_metric_values('summed') }}) as metrics (metric, direction, total, n, square_sum)
    group by summed.change_key, metrics.metric

),

valued as (

    select
        *,
        total::double precision / nullif(n, 0) as value,
        previous_total::double precision / nullif(previous_n, 0) as previous_value
    from metrics
    where n > 0 or previous_n > 0

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
        changes.change_key,
        changes.change_type,
        changes.changed,
        changes.slice_type,
        changes.slice_value,
        bounded.metric,
        case
            when changes.after_until >= {{ utc_date(as_of()) }} then 'too_early'
            when least(bounded.n, bounded.previous_n) < {{ var('effect_min_n') }} then 'too_few'
            when case bounded.direction when 1 then bounded.ci_low > 0 else bounded.ci_high < 0 end then 'better'
            when case bounded.direction when 1 then bounded.ci_high < 0 else bounded.ci_low > 0 end then 'worse'
            else 'no_effect'
        end as verdict,
        bounded.direction,
        bounded.n::int as n,
        bounded.previous_n::int as previous_n,
        bounded.value,
        bounded.previous_value,
        bounded.value - bounded.previous_value as difference,
        bounded.ci_low,
        bounded.ci_high,
        (least(bounded.n, bounded.previous_n) < {{ var('min_cell_n') }}) as is_below_min_n,
        changes.change_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from changes
    inner join bounded on changes.change_key = bounded.change_key

)

select * from final
