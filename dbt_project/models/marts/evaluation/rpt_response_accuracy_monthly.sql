{{
    config(
        unique_key=['period_start', 'topic'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month and topic (or all): how many answers of AI agents were found correct, by people or against an article, and
-- whether the last three months go up
with

-- the last judgement of each reviewer's item counts
reviews as (

    select distinct on (interaction_key, coalesce(message_key, ''))
        interaction_key,
        (score >= {{ var('tier_acceptable') }}) as is_correct
    from {{ ref('stg_feedback__human_reviews') }}
    where subject = 'ai_agent' and dimension_id = '{{ var("accuracy_dimension") }}' and indicator_id is null and score is not null
    order by interaction_key asc, coalesce(message_key, '') asc, judged_at desc, review_id desc

),

last_checks as (

    select distinct on (message_key, claim_number)
        interaction_key,
        message_key,
        verdict
    from {{ ref('fct_factuality_checks') }}
    where verdict <> 'not_checkable'
    order by message_key asc, claim_number asc, checked_at desc, check_key asc

),

checks as (

    select
        interaction_key,
        bool_and(verdict = 'supported') as is_correct
    from last_checks
    group by interaction_key, message_key

),

judged as (

    select
        interaction_key,
        is_correct,
        true as is_review
    from reviews

    union all

    select
        interaction_key,
        is_correct,
        false as is_review
    from checks

),

counted as (

    select
        date_trunc('month', interactions.interaction_date)::date as period_start,
        slices.topic,
        count(*) as n,
        count(*) filter (where judged.is_correct) as correct_count,
        count(*) filter (where judged.is_review) as reviewed_n,
        count(*) filter (where not judged.is_review) as checked_n
    from judged
    inner join {{ ref('interactions') }} as interactions on judged.interaction_key = interactions.interaction_key
    cross join lateral (values ('all'), (interactions.topic)) as slices (topic)
    group by date_trunc('month', interactions.interaction_date)::date, slices.topic

),

-- one judgement is added on each side for the variance only
varied as (

    select
        *,
        correct_count::double precision / n as correct_rate,
        power(n + 2, 3) / ((correct_count + 1.0) * (n - correct_count + 1)) as precision_of_rate
    from counted

),

-- the months are -1, 0 and 1: three that follow each other
sequenced as (

    select
        *,
        (
            lag(period_start, 2) over months = (period_start - interval '2 months')::date
            and lag(period_start) over months = (period_start - interval '1 month')::date
        ) as has_three_months,
        lag(correct_rate, 2) over months as first_rate,
        lag(correct_rate) over months as second_rate,
        lag(precision_of_rate, 2) over months as first_weight,
        lag(precision_of_rate) over months as second_weight
    from varied
    window months as (
        partition by topic
        order by period_start
    )

),

centred as (

    select
        *,
        (precision_of_rate - first_weight) / (first_weight + second_weight + precision_of_rate) as centre
    from sequenced

),

sloped as (

    select
        *,
        case
            when has_three_months then
                first_weight * power(-1 - centre, 2) + second_weight * power(centre, 2) + precision_of_rate * power(1 - centre, 2)
        end as spread,
        case
            when has_three_months then
                first_weight * (-1 - centre) * first_rate - second_weight * centre * second_rate
                + precision_of_rate * (1 - centre) * correct_rate
        end as covariance
    from centred

),

final as (

    select
        sloped.topic,
        case
            when covariance / spread + {{ var('z_95') }} / sqrt(spread) <= 0 then 'Read the wrong answers of the last month on '
            when n < {{ var('min_cell_n') }} then 'Have more answers checked on '
            else 'Keep checking a sample of answers on '
        end || case sloped.topic when 'all' then 'all topics' else sloped.topic end as recommended_action,
        {{ routed_team() }} as owner,
        n::int as n,
        correct_count::int as correct_count,
        reviewed_n::int as reviewed_n,
        checked_n::int as checked_n,
        correct_rate,
        {{ wilson_bound('correct_count', 'n', '-') }} as ci_low,
        {{ wilson_bound('correct_count', 'n', '+') }} as ci_high,
        covariance / spread as slope,
        covariance / spread - {{ var('z_95') }} / sqrt(spread) as slope_ci_low,
        covariance / spread + {{ var('z_95') }} / sqrt(spread) as slope_ci_high,
        coalesce(covariance / spread + {{ var('z_95') }} / sqrt(spread) <= 0, false) as is_flat_or_declining,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        period_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from sloped
    {{ route_joins("'accuracy_declining'", "nullif(sloped.topic, 'all')") }}

)

select * from final
