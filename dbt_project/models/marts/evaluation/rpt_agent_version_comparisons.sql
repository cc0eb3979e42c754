{{
    config(
        unique_key=['agent_key', 'agent_version', 'metric', 'slice_type', 'slice_value'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per version of an AI agent, metric and slice: how it differs from the version before it, and on which day it was surely worse
with

daily as (

    select * from {{ ref('rpt_ai_daily') }}
    where agent_version <> 'unknown'

),

versions as (

    select
        agent_key,
        agent_version,
        {{ utc_date('min(first_answered_at)') }} as first_date,
        lag(agent_version) over (partition by agent_key order by min(first_answered_at), agent_version) as previous_version
    from daily
    where slice_type = 'all' and first_answered_at is not null
    group by agent_key, agent_version

),

pairs as (

    select
        *,
        first_date - {{ var('baseline_days') }} as baseline_from,
        first_date + {{ var('version_looks') | max }} - 1 as watched_until
    from versions
    where previous_version is not null

),

-- versions that run side by side are compared on the same days; otherwise the days before
side_by_side as (

    select
        pairs.agent_key,
        pairs.agent_version,
        coalesce(sum(daily.n), 0) >= {{ var('min_cell_n') }} as is_concurrent
    from pairs
    left join daily
        on
            pairs.agent_key = daily.agent_key
            and pairs.previous_version = daily.agent_version
            and daily.slice_type = 'all'
            and daily.interaction_date between pairs.first_date and pairs.watched_until
    group by pairs.agent_key, pairs.agent_version

),

looks as (

    select
        pairs.*,
        side_by_side.is_concurrent,
        days.look_days,
        pairs.first_date + days.look_days - 1 as look_date
    from pairs
    inner join side_by_side
        on
            pairs.agent_key = side_by_side.agent_key
            and pairs.agent_version = side_by_side.agent_version
    cross join (values {% for days in var('version_looks') %}({{ days }}){{ ", " if not loop.last }}{% endfor %}) as days (look_days)
    where pairs.first_date + days.look_days <= {{ utc_date(as_of()) }}

),

new_sums as (

    select
        looks.agent_key,
        looks.agent_version,
        looks.previous_version,
        looks.is_concurrent,
        looks.first_date,
        looks.look_days,
        looks.look_date,
        daily.slice_type,
        daily.slice_value,
        {%- for name in ai_sums() %}
            sum(daily.{{ name }}) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from looks
    inner join daily
        on
            looks.agent_key = daily.agent_key
            and looks.agent_version = daily.agent_version
            and daily.interaction_date between looks.first_date and looks.look_date
    group by
        looks.agent_key, looks.agent_version, looks.previous_version, looks.is_concurrent, looks.first_date, looks.look_days,
        looks.look_date, daily.slice_type, daily.slice_value

),

-- side by side the older version is read up to the same day
old_sums as (

    select
        looks.agent_key,
        looks.agent_version,
        looks.look_days,
        daily.slice_type,
        daily.slice_value,
        {%- for name in ai_sums() %}
            sum(daily.{{ name }}) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from looks
    inner join daily
        on
            looks.agent_key = daily.agent_key
            and looks.previous_version = daily.agent_version
            and daily.interaction_date between
            case when looks.is_concurrent then looks.first_date else looks.baseline_from end
            and case when looks.is_concurrent then looks.look_date else looks.first_date - 1 end
    group by looks.agent_key, looks.agent_version, looks.look_days, daily.slice_type, daily.slice_value

),

compared as (

    select
        new_sums.agent_key,
        new_sums.agent_version,
        new_sums.previous_version,
        new_sums.slice_type,
        new_sums.slice_value,
        case when new_sums.is_concurrent then 'side_by_side' else 'before_and_after' end as comparison_type,
        new_sums.look_days,
        new_sums.first_date,
        new_sums.look_date,
        metrics.metric,
        metrics.direction,
        metrics.total,
        metrics.n,
        metrics.square_sum,
        metrics.total::double precision / metrics.n as value,
        previous.total as previous_total,
        previous.n as previous_n,
        previous.square_sum as previous_square_sum,
        previous.total::double precision / previous.n as previous_value
    from new_sums
    inner join old_sums
        on
            new_sums.agent_key = old_sums.agent_key
            and new_sums.agent_version = old_sums.agent_version
            and new_sums.look_days = old_sums.look_days
            and new_sums.slice_type = old_sums.slice_type
            and new_sums.slice_value = old_sums.slice_value
    cross join lateral ({{ ai_metric_values('new_sums') }}) as metrics (metric, direction, total, n, square_sum)
    cross join lateral ({{ ai_metric_values('old_sums') }}) as previous (metric, direction, total, n, square_sum)
    where
        metrics.metric = previous.metric
        and metrics.metric in ('{{ (var("version_primary_metrics") + var("version_guardrail_metrics")) | join("', '") }}')
        and metrics.n > 0
        and previous.n > 0

),

-- one chance of a false alarm is shared out over all comparisons of a version and all looks at them
shared as (

    select
        agent_key,
        agent_version,
        count(distinct (metric, slice_type, slice_value)) as comparison_count
    from compared
    group by agent_key, agent_version

),

levels as (

    select
        compared.*,
        shared.comparison_count,
        {{ normal_upper_quantile(
            '(' ~ var('version_alarm_share') ~ '::double precision / (shared.comparison_count * ' ~ (var('version_looks') | length) ~ '))'
        ) }} as z
    from compared
    inner join shared
        on
            compared.agent_key = shared.agent_key
            and compared.agent_version = shared.agent_version

),

differences as (

    select
        *,
        {{ difference_bound('-', var('z_95')) }} as ci_low,
        {{ difference_bound('+', var('z_95')) }} as ci_high,
        -- a mean of few is not normal so far out
        case when square_sum is null or least(n, previous_n) >= {{ var('min_cell_n') }} then {{ difference_bound('-', 'z') }} end
            as adjusted_ci_low,
        case when square_sum is null or least(n, previous_n) >= {{ var('min_cell_n') }} then {{ difference_bound('+', 'z') }} end
            as adjusted_ci_high
    from levels

),

alarmed as (

    select
        *,
        coalesce(
            case when direction = 1 then adjusted_ci_high < 0 else adjusted_ci_low > 0 end, false
        ) as is_surely_worse
    from differences

),

dated as (

    select
        *,
        min(look_date) filter (where is_surely_worse)
            over (partition by agent_key, agent_version, metric, slice_type, slice_value) as alarm_date,
        row_number() over (partition by agent_key, agent_version, metric, slice_type, slice_value order by look_days desc) as place
    from alarmed

),

final as (

    select
        agent_key,
        agent_version,
        previous_version,
        metric,
        case when metric in ('{{ var("version_primary_metrics") | join("', '") }}') then 'primary' else 'guardrail' end as role,
        slice_type,
        slice_value,
        comparison_type,
        look_days,
        comparison_count::int as comparison_count,
        n::int as n,
        previous_n::int as previous_n,
        total::double precision as total,
        previous_total::double precision as previous_total,
        direction,
        value,
        previous_value,
        value - previous_value as difference,
        ci_low,
        ci_high,
        adjusted_ci_low,
        adjusted_ci_high,
        coalesce(case when direction = 1 then ci_high < 0 else ci_low > 0 end, false) as is_worse,
        coalesce(case when direction = 1 then ci_low > 0 else ci_high < 0 end, false) as is_better,
        (alarm_date is not null) as is_alarm,
        (least(n, previous_n) < {{ var('min_cell_n') }}) as is_below_min_n,
        first_date as version_started_date,
        look_date,
        alarm_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from dated
    where place = 1

)

select * from final
