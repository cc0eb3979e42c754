{{ config(unique_key='period_start', is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per ISO week: knowledge gaps opened, published, verified and dismissed, the backlog at its end and how old it is, and how many
-- of the questions that failed belong to a gap. The present week counts up to the ledger day
with

weeks as (

    select
        weeks.week::date as period_start,
        weeks.week::date + 6 as period_end,
        least((weeks.week + interval '7 days') at time zone 'UTC', {{ as_of() }}) as ends_at
    from (select min(interaction_date) as first_date from {{ ref('ai_question_days') }}) as days
    cross join
        lateral generate_series(
            date_trunc('week', days.first_date::timestamp),
            ({{ as_of() }} - interval '1 microsecond') at time zone 'UTC',
            interval '7 days'
        ) as weeks (week)

),

statuses as (

    select
        *,
        (status in ('open', 'drafting', 'published')) as is_open,
        lag(status) over (partition by gap_id order by status_number) as previous_status,
        -- what a gap is at a midnight is known then
        (date_trunc('week', (since - interval '1 microsecond') at time zone 'UTC'))::date as period_start
    from {{ ref('fct_knowledge_gap_statuses') }}

),

openings as (

    select
        *,
        (is_open and (previous_status is null or previous_status in ('verified', 'dismissed'))) as is_opening,
        max(since) filter (where is_open and (previous_status is null or previous_status in ('verified', 'dismissed'))) over (
            partition by gap_id order by status_number
        ) as opened_at
    from statuses

),

moved as (

    select
        period_start,
        (count(*) filter (where is_opening))::int as opened_count,
        (count(*) filter (where status = 'published'))::int as published_count,
        (count(*) filter (where status = 'verified'))::int as verified_count,
        (count(*) filter (where status = 'dismissed' and previous_status is not null))::int as dismissed_count
    from openings
    group by period_start

),

standing as (

    select
        weeks.period_start,
        count(openings.gap_id)::int as backlog_count,
        percentile_cont(0.5) within group (
            order by extract(epoch from weeks.ends_at - openings.opened_at)::double precision / 86400
        ) as median_open_age_days
    from weeks
    left join openings
        on
            openings.is_open
            and weeks.ends_at >= openings.since
            and (openings.until is null or weeks.ends_at < openings.until)
    group by weeks.period_start

),

failed as (

    select
        weeks.period_start,
        coalesce(sum(days.failed_count), 0)::int as failed_question_count
    from weeks
    left join {{ ref('ai_question_days') }} as days on days.interaction_date between weeks.period_start and weeks.period_end
    group by weeks.period_start

),

closings as (

    select
        gap_id,
        opened_at,
        min(since) filter (where not is_open) as closed_at
    from openings
    where opened_at is not null
    group by gap_id, opened_at

),

failing as (

    select
        questions.gap_id,
        date_trunc('week', questions.asked_date)::date as period_start,
        count(*)::int as failed_count
    from {{ ref('stg_derived__gap_questions') }} as questions
    where questions.is_failed and questions.gap_id in (select closings.gap_id from closings)
    group by questions.gap_id, date_trunc('week', questions.asked_date)

),

-- a failed question is identified when its gap was a gap at some time of the week
identified as (

    select
        weeks.period_start,
        sum(failing.failed_count)::int as identified_question_count
    from weeks
    inner join failing on weeks.period_start = failing.period_start
    where
        exists (
            select 1 from closings
            where
                closings.gap_id = failing.gap_id
                and closings.opened_at <= weeks.ends_at
                and (closings.closed_at is null or closings.closed_at at time zone 'UTC' > weeks.period_start)
        )
    group by weeks.period_start

),

fixed as (

    select
        (date_trunc('week', (fixed_at - interval '1 microsecond') at time zone 'UTC'))::date as period_start,
        count(*)::int as velocity_n,
        percentile_cont(0.5) within group (order by velocity_days) as median_velocity_days
    from {{ ref('rpt_gap_fixes') }}
    where verdict in ('worked', 'too_early')
    group by 1

),

final as (

    select
        weeks.period_start,
        weeks.period_end,
        coalesce(moved.opened_count, 0) as opened_count,
        coalesce(moved.published_count, 0) as published_count,
        coalesce(moved.verified_count, 0) as verified_count,
        coalesce(moved.dismissed_count, 0) as dismissed_count,
        coalesce(moved.verified_count + moved.dismissed_count, 0) as closed_count,
        standing.backlog_count,
        failed.failed_question_count,
        coalesce(identified.identified_question_count, 0) as identified_question_count,
        coalesce(fixed.velocity_n, 0) as velocity_n,
        coalesce(identified.identified_question_count, 0)::double precision / nullif(failed.failed_question_count, 0)
            as identification_rate,
        {{ wilson_bound('coalesce(identified.identified_question_count, 0)', 'failed.failed_question_count', '-') }} as identification_ci_low,
        {{ wilson_bound('coalesce(identified.identified_question_count, 0)', 'failed.failed_question_count', '+') }} as identification_ci_high,
        standing.median_open_age_days,
        fixed.median_velocity_days,
        (failed.failed_question_count < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from weeks
    inner join standing on weeks.period_start = standing.period_start
    inner join failed on weeks.period_start = failed.period_start
    left join moved on weeks.period_start = moved.period_start
    left join identified on weeks.period_start = identified.period_start
    left join fixed on weeks.period_start = fixed.period_start

)

select * from final
