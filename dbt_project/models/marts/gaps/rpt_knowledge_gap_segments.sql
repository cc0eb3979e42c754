{{ config(unique_key=['gap_id', 'slice_type', 'slice_value'], is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per knowledge gap and segment of those who asked in vain: in which channel, language, tier, area and version it shows
with

questions as (

    select distinct
        gaps.gap_id,
        gaps.window_question_count,
        signals.message_key,
        signals.customer_key,
        signals.channel,
        signals.topic,
        signals.product_area,
        signals.tier,
        signals.language,
        signals.agent_version
    from {{ ref('fct_knowledge_gaps') }} as gaps
    inner join {{ ref('fct_knowledge_gap_signals') }} as signals
        on
            gaps.gap_id = signals.gap_id
            and signals.interaction_date > gaps.window_end - {{ var('gap_window_days') | max }}
            and signals.interaction_date <= gaps.window_end

),

final as (

    select
        questions.gap_id,
        slices.slice_type,
        slices.slice_value,
        count(*)::int as question_count,
        count(distinct questions.customer_key)::int as customer_count,
        max(questions.window_question_count) as n,
        count(*)::double precision / max(questions.window_question_count) as question_share,
        (max(questions.window_question_count) < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from questions
    cross join
        lateral (
            values
            ('channel', questions.channel),
            ('topic', questions.topic),
            ('product_area', questions.product_area),
            ('tier', questions.tier),
            ('language', questions.language),
            ('agent_version', questions.agent_version)
        ) as slices (slice_type, slice_value)
    where slices.slice_value is not null
    group by questions.gap_id, slices.slice_type, slices.slice_value

)

select * from final
