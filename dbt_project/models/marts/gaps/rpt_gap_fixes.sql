{{ config(unique_key=['gap_id', 'fix_number'], is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per fix of a knowledge gap: how many of its questions failed before and after, the difference with its interval, and what
-- that says
with

fixes as (

    select * from {{ ref('stg_derived__gap_fixes') }}

),

gaps as (

    select * from {{ ref('fct_knowledge_gaps') }}

),

counted as (

    select
        fixes.*,
        gaps.title,
        gaps.topic,
        gaps.owner_team,
        fixes.before_failed_count / nullif(fixes.before_asked_count, 0) as before_rate,
        fixes.after_failed_count / nullif(fixes.after_asked_count, 0) as after_rate,
        {{ wilson_bound('fixes.before_failed_count', 'fixes.before_asked_count', '-') }} as before_low,
        {{ wilson_bound('fixes.before_failed_count', 'fixes.before_asked_count', '+') }} as before_high,
        {{ wilson_bound('fixes.after_failed_count', 'fixes.after_asked_count', '-') }} as after_low,
        {{ wilson_bound('fixes.after_failed_count', 'fixes.after_asked_count', '+') }} as after_high
    from fixes
    inner join gaps on fixes.gap_id = gaps.gap_id

),

final as (

    select
        gap_id,
        title,
        topic,
        source as fix_source,
        article_key,
        verdict,
        owner_team,
        case verdict
            when 'worked' then 'Nothing: fewer questions fail since the fix.'
            when 'too_early' then 'Wait for more questions after the fix.'
            when 'worse' then 'Take the change back, or correct it: more questions fail since.'
            else 'Read the example questions again: the fix did not help.'
        end as recommended_action,
        fix_number,
        before_asked_count as before_n,
        before_failed_count,
        after_asked_count as after_n,
        after_failed_count,
        before_rate,
        after_rate,
        after_rate - before_rate as rate_change,
        -- Newcombe's interval of a difference, from the Wilson bounds of both
        after_rate - before_rate - sqrt(power(after_rate - after_low, 2) + power(before_high - before_rate, 2)) as ci_low,
        after_rate - before_rate + sqrt(power(after_high - after_rate, 2) + power(before_rate - before_low, 2)) as ci_high,
        extract(epoch from fixed_at - first_sign_on::timestamp at time zone 'UTC')::double precision / 86400 as velocity_days,
        is_new_article,
        (least(before_asked_count, after_asked_count) < {{ var('min_cell_n') }}) as is_below_min_n,
        measured_until,
        fixed_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted

)

select * from final
