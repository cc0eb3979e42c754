-- the mean of a day over all interactions is the mean of its channels, weighted by n, where every interaction has a channel
select
    whole.period_start,
    whole.subject
from {{ ref('rpt_quality_trends') }} as whole
inner join (
    select
        period_type,
        period_start,
        subject,
        measure_id,
        sum(n) as n,
        sum(mean_score * n) / sum(n) as mean_score
    from {{ ref('rpt_quality_trends') }}
    where slice_type = 'channel'
    group by period_type, period_start, subject, measure_id
) as parts
    on
        whole.period_type = parts.period_type
        and whole.period_start = parts.period_start
        and whole.subject = parts.subject
        and whole.measure_id = parts.measure_id
        and whole.n = parts.n
where whole.slice_type = 'all' and abs(whole.mean_score - parts.mean_score) > 1e-6
