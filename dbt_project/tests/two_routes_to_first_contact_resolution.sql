-- the metric is added up from interactions, the service report counts its own: both have the same first contacts
with

metrics as (

    select
        period_start as interaction_date,
        slice_type,
        slice_value,
        numerator,
        n
    from {{ ref('fct_metric_values') }}
    where metric_id = 'first_contact_resolution' and period_type = 'day'

),

service as (

    select
        interaction_date,
        slice_type,
        slice_value,
        fcr_7d_count,
        fcr_7d_n
    from {{ ref('rpt_service_daily') }}
    where handled_by = 'all' and fcr_7d_n > 0 and slice_type in ('all', 'team', 'topic', 'channel', 'tier', 'language')

)

select *
from metrics
full outer join service using (interaction_date, slice_type, slice_value)
where metrics.n is distinct from service.fcr_7d_n or metrics.numerator is distinct from service.fcr_7d_count
