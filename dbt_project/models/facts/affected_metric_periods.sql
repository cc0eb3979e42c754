{{
    config(
        materialized='table',
        indexes=[{'columns': ['semantic_model', 'period_type', 'period_start'], 'unique': true}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per semantic model and day, ISO week or month whose metrics this run adds up again
select distinct
    affected.semantic_model,
    periods.period_type,
    periods.period_start,
    periods.period_end
from {{ ref('affected_metric_days') }} as affected
cross join
    lateral (
        values
        ('day', affected.metric_date, affected.metric_date),
        ('week', date_trunc('week', affected.metric_date)::date, date_trunc('week', affected.metric_date)::date + 6),
        (
            'month',
            date_trunc('month', affected.metric_date)::date,
            (date_trunc('month', affected.metric_date) + interval '1 month')::date - 1
        )
    ) as periods (period_type, period_start, period_end)
