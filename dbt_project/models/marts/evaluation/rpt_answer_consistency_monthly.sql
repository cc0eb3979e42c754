{{
    config(
        unique_key=['period_start', 'slice_type', 'slice_value'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month of the later question and slice: of the pairs of similar questions that one version of an AI agent answered from
-- the same versions of articles, the share whose answers do not contradict each other
with

counted as (

    select
        date_trunc('month', pairs.interaction_date)::date as period_start,
        slices.slice_type,
        slices.slice_value,
        count(*)::int as n,
        (count(*) filter (where cardinality(verdicts.claim_kinds) = 0))::int as consistent_count
    from {{ ref('answer_pairs') }} as pairs
    inner join {{ ref('stg_derived__answer_verdicts') }} as verdicts
        on
            pairs.message_key = verdicts.message_key
            and pairs.other_message_key = verdicts.other_message_key
    cross join
        lateral (
            values
            ('all', 'all'),
            ('agent_version', coalesce(pairs.agent_version, 'unknown')),
            ('topic', pairs.topic),
            ('language', pairs.language)
        ) as slices (slice_type, slice_value)
    where slices.slice_value is not null
    group by date_trunc('month', pairs.interaction_date)::date, slices.slice_type, slices.slice_value

),

final as (

    select
        slice_type,
        slice_value,
        n,
        consistent_count,
        consistent_count::double precision / n as consistency_rate,
        {{ wilson_bound('consistent_count', 'n', '-') }} as ci_low,
        {{ wilson_bound('consistent_count', 'n', '+') }} as ci_high,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        period_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted

)

select * from final
