{{ config(unique_key='objective_id', is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per objective of seed objectives: a metric, where it stands, where it is to be, and by when. What the seed leaves open follows
-- from the metric's own first days
with

started as (

    select
        objectives.*,
        metrics.label,
        metrics.direction,
        coalesce(objectives.baseline, baselines.value) as baseline_value,
        case
            when objectives.baseline is not null then 'stated'
            when baselines.value is not null then 'first_days'
        end as baseline_source,
        case when objectives.baseline is null then baselines.n end as baseline_n,
        baselines.last_date as baseline_until_date
    from {{ ref('objectives') }} as objectives
    inner join {{ ref('dim_metrics') }} as metrics on objectives.metric_id = metrics.metric_id
    left join {{ ref('rpt_metric_baselines') }} as baselines
        on
            objectives.metric_id = baselines.metric_id
            and objectives.slice_type = baselines.slice_type
            and objectives.slice_value = baselines.slice_value
            and baselines.baseline_type = 'first_days'
            and baselines.is_complete

)

select
    objective_id,
    metric_id,
    label,
    slice_type,
    slice_value,
    owner,
    baseline_source,
    direction,
    baseline_n,
    baseline_value,
    coalesce(target, baseline_value * (1 + target_change)) as target_value,
    baseline_until_date,
    due_date,
    {{ var('ledger_id') }}::bigint as _ledger_id
from started
