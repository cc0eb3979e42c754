{{
    config(
        unique_key=['period_type', 'period_start', 'first_definition', 'second_definition'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month and pair of definitions of resolution: of how many episodes both have a verdict, and on how many they agree
with

periods as (

    select
        period_type,
        period_start,
        period_end
    from {{ ref('affected_periods') }}
    where period_type = 'month'

),

verdicts as (

    select
        periods.period_type,
        periods.period_start,
        verdicts.*
    from periods
    inner join {{ ref('fct_outcome_definitions') }} as verdicts
        on verdicts.interaction_date between periods.period_start and periods.period_end
    where verdicts.is_resolved is not null

),

paired as (

    select
        first_verdicts.period_type,
        first_verdicts.period_start,
        first_verdicts.definition as first_definition,
        second_verdicts.definition as second_definition,
        count(*)::int as n,
        count(*) filter (where first_verdicts.is_resolved = second_verdicts.is_resolved)::int as agree_count,
        count(*) filter (where first_verdicts.is_resolved and not second_verdicts.is_resolved)::int as first_only_count,
        count(*) filter (where second_verdicts.is_resolved and not first_verdicts.is_resolved)::int as second_only_count,
        count(*) filter (where first_verdicts.is_resolved and second_verdicts.is_resolved)::int as both_count
    from verdicts as first_verdicts
    inner join verdicts as second_verdicts
        on
            first_verdicts.interaction_key = second_verdicts.interaction_key
            and first_verdicts.episode_number = second_verdicts.episode_number
            and first_verdicts.period_start = second_verdicts.period_start
            and first_verdicts.definition < second_verdicts.definition
    group by
        first_verdicts.period_type, first_verdicts.period_start, first_verdicts.definition, second_verdicts.definition

),

final as (

    select
        period_type,
        period_start,
        first_definition,
        second_definition,
        n,
        agree_count,
        first_only_count,
        second_only_count,
        both_count,
        agree_count::double precision / n as agree_rate,
        (first_only_count + both_count)::double precision / n as first_resolved_rate,
        (second_only_count + both_count)::double precision / n as second_resolved_rate,
        {{ wilson_bound('agree_count', 'n', '-') }} as ci_low,
        {{ wilson_bound('agree_count', 'n', '+') }} as ci_high,
        (n < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from paired

)

select * from final
