{{
    config(
        unique_key=['interaction_date', 'slice_type', 'slice_value', 'handled_by'],
        scope='affected_dates',
        scope_columns=['interaction_date'],
        indexes=[{'columns': ['slice_type', 'slice_value', 'interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per day, slice and kind of handling: times, touches, first-contact resolution and SLA, each with its n
with

interactions as (

    select
        interactions.*,
        case when interactions.handled_by in ('ai_only', 'ai_then_human', 'human_then_ai') then interactions.agent_version end
            as slice_version
    from {{ ref('fct_interactions') }} as interactions
    inner join {{ ref('affected_dates') }} as affected on interactions.interaction_date = affected.interaction_date
    where interactions.handled_by <> 'unhandled'

),

sliced as (

    select
        interactions.*,
        slices.slice_type,
        slices.slice_value,
        handling.handled_as
    from interactions
    cross join
        lateral (
            values
            ('all', 'all'),
            ('agent', coalesce(interactions.primary_human_agent_key, interactions.primary_ai_agent_key)),
            ('team', interactions.team),
            ('channel', interactions.channel),
            ('topic', interactions.topic),
            ('tier', interactions.tier),
            ('language', interactions.language),
            ('agent_version', interactions.slice_version)
        ) as slices (slice_type, slice_value)
    -- every interaction counts once in its own kind and once in all of them
    cross join lateral (values ('all'), (interactions.handled_by)) as handling (handled_as)
    where slices.slice_value is not null

),

final as (

    select
        interaction_date,
        slice_type,
        slice_value,
        handled_as as handled_by,
        count(*)::int as interaction_count,
        count(*) filter (where is_solved)::int as solved_count,
        count(first_response_minutes)::int as first_response_n,
        count(next_response_minutes)::int as next_response_n,
        count(resolution_minutes)::int as resolution_n,
        count(is_rated_positive)::int as rated_count,
        count(*) filter (where is_rated_positive)::int as rated_positive_count,
        sum(reopen_count)::int as reopen_count,
        sum(handoff_count)::int as handoff_count,
        sum(human_handoff_count)::int as human_handoff_count,
        count(*) filter (where handled_by = 'ai_then_human')::int as ai_to_human_count,
        count(*) filter (where touch_count = 1)::int as one_touch_count,
        count(*) filter (where touch_count = 2)::int as two_touch_count,
        {%- for days in var('fcr_windows_days') %}
            count(is_first_contact_resolved_{{ days }}d)::int as fcr_{{ days }}d_n,
            count(*) filter (where is_first_contact_resolved_{{ days }}d)::int as fcr_{{ days }}d_count,
        {%- endfor %}
        count(is_first_response_in_sla)::int as first_response_sla_n,
        count(*) filter (where is_first_response_in_sla)::int as first_response_sla_met_count,
        count(is_resolution_in_sla)::int as resolution_sla_n,
        count(*) filter (where is_resolution_in_sla)::int as resolution_sla_met_count,
        percentile_cont(0.5) within group (order by first_response_minutes) as first_response_median_minutes,
        percentile_cont(0.9) within group (order by first_response_minutes) as first_response_p90_minutes,
        percentile_cont(0.5) within group (order by first_response_bh_minutes) as first_response_median_bh_minutes,
        percentile_cont(0.5) within group (order by next_response_minutes) as next_response_median_minutes,
        percentile_cont(0.5) within group (order by resolution_minutes) as resolution_median_minutes,
        percentile_cont(0.9) within group (order by resolution_minutes) as resolution_p90_minutes,
        percentile_cont(0.5) within group (order by resolution_bh_minutes) as resolution_median_bh_minutes,
        percentile_cont(0.5) within group (order by handle_minutes) as handle_median_minutes,
        (avg(turn_count) filter (where is_solved))::double precision as turns_per_resolution,
        avg(touch_count)::double precision as mean_touch_count,
        (count(*) < {{ var('min_cell_n') }}) as is_below_min_n,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from sliced
    group by interaction_date, slice_type, slice_value, handled_as

)

select * from final
