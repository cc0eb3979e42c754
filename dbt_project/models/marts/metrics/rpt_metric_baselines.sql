{{ config(unique_key='baseline_key', is_whole=true, indexes=[{'columns': ['metric_id']}, {'columns': ['_ledger_id']}]) }}
-- one row per metric, slice and baseline: the metric's own first days, or the last ones before a change where the change acts. Counts have
-- no baseline: a month's volume is no target
with

metrics as (

    select
        metric_id,
        semantic_model,
        unit
    from {{ ref('dim_metrics') }}

),

days as (

    select *
    from {{ ref('metric_days') }}
    where denominator is not null

),

first_days as (

    select
        metric_id,
        min(metric_date) as first_date
    from days
    where slice_type = 'all'
    group by metric_id

),

of_first_days as (

    select
        days.metric_id,
        'first_days' as baseline_type,
        null::text as change_key,
        days.slice_type,
        days.slice_value,
        first_days.first_date,
        first_days.first_date + {{ var('baseline_days') }} - 1 as last_date,
        days.numerator,
        days.denominator,
        days.n,
        days.square_sum
    from first_days
    inner join days
        on
            first_days.metric_id = days.metric_id
            and days.metric_date between first_days.first_date and first_days.first_date + {{ var('baseline_days') }} - 1

),

changes as (

    select
        change_key,
        coalesce(topic, channel, 'all') as slice_value,
        case
            when topic is not null then 'topic'
            when channel is not null then 'channel'
            else 'all'
        end as slice_type,
        change_date - {{ var('baseline_days') }} as first_date,
        change_date - 1 as last_date
    from {{ ref('fct_changes') }}
    where is_logged or change_type = 'agent_version'

),

of_changes as (

    select
        days.metric_id,
        'before_change' as baseline_type,
        changes.change_key,
        changes.slice_type,
        changes.slice_value,
        changes.first_date,
        changes.last_date,
        days.numerator,
        days.denominator,
        days.n,
        days.square_sum
    from changes
    inner join days
        on
            changes.slice_type = days.slice_type
            and changes.slice_value = days.slice_value
            and days.metric_date between changes.first_date and changes.last_date

),

sums as (

    select
        baselines.metric_id,
        baselines.baseline_type,
        baselines.change_key,
        baselines.slice_type,
        baselines.slice_value,
        baselines.first_date,
        baselines.last_date,
        sum(baselines.numerator) as numerator,
        sum(baselines.denominator) as denominator,
        sum(baselines.n)::bigint as n,
        sum(baselines.square_sum) as square_sum
    from (
        select * from of_first_days
        union all
        select * from of_changes
    ) as baselines
    group by
        baselines.metric_id, baselines.baseline_type, baselines.change_key, baselines.slice_type, baselines.slice_value,
        baselines.first_date, baselines.last_date

),

final as (

    select
        md5(concat_ws('|', sums.metric_id, sums.slice_type, sums.slice_value, sums.baseline_type, sums.change_key)) as baseline_key,
        sums.metric_id,
        sums.baseline_type,
        sums.change_key,
        sums.slice_type,
        sums.slice_value,
        sums.numerator::double precision as numerator,
        sums.denominator::double precision as denominator,
        sums.n,
        {{ metric_estimate('sums', 'metrics.unit') }},
        (sums.last_date < {{ utc_date(as_of()) }}) as is_complete,
        (sums.n < {{ var('min_cell_n') }}) as is_below_min_n,
        sums.first_date,
        sums.last_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from sums
    inner join metrics on sums.metric_id = metrics.metric_id

)

select * from final
