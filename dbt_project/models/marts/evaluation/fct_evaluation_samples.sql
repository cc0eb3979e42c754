{{
    config(
        unique_key=['period_start', 'interaction_key', 'episode_number'],
        scope='affected_periods',
        scope_columns=['period_type', 'period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per week and episode of an AI agent that was drawn for people to read and check: so many failures, near-failures and others,
-- by a hash, so that the same week gives the same draw
with

episodes as (

    select
        periods.period_type,
        periods.period_start,
        episodes.*,
        {{ episode_stratum('episodes') }} as stratum,
        md5(periods.period_start || ':' || episodes.interaction_key || ':' || episodes.episode_number) as draw
    from {{ ref('affected_periods') }} as periods
    inner join {{ ref('fct_ai_episodes') }} as episodes
        on episodes.interaction_date between periods.period_start and periods.period_end
    where periods.period_type = 'week' and episodes.outcome <> 'pending'

),

ranked as (

    select
        *,
        row_number() over (partition by period_start, stratum order by draw) as place,
        count(*) over (partition by period_start, stratum) as stratum_count
    from episodes

),

sizes (stratum, size) as (

    values
    {%- for stratum, size in var('sample_sizes').items() %}
        ('{{ stratum }}', {{ size }}){{ "," if not loop.last }}
    {%- endfor %}

),

drawn as (

    select ranked.*
    from ranked
    inner join sizes
        on
            ranked.stratum = sizes.stratum
            and ranked.place <= sizes.size

),

-- of an episode one answer is checked, drawn in the same way
answers as (

    select distinct on (drawn.period_start, answers.interaction_key, answers.episode_number)
        drawn.period_start,
        answers.interaction_key,
        answers.episode_number,
        answers.message_key
    from drawn
    inner join {{ ref('fct_ai_answers') }} as answers
        on
            drawn.interaction_key = answers.interaction_key
            and drawn.episode_number = answers.episode_number
    order by
        drawn.period_start asc, answers.interaction_key asc, answers.episode_number asc,
        md5(drawn.period_start || ':' || answers.message_key) asc

),

final as (

    select
        drawn.period_type,
        drawn.interaction_key,
        answers.message_key,
        drawn.agent_version,
        drawn.topic,
        drawn.channel,
        drawn.stratum,
        drawn.outcome,
        drawn.episode_number,
        drawn.place::int as draw_number,
        drawn.stratum_count::int as stratum_count,
        -- read first what harms most
        (
            case drawn.stratum when 'failure' then 1 when 'near_failure' then 0.5 else 0 end
            + case when drawn.is_confidently_wrong then 1 else 0 end
            + case when drawn.policy_violation_count > 0 then 1 else 0 end
            + case when drawn.is_high_risk then 0.5 else 0 end
            + case when drawn.is_missed_escalation then 0.5 else 0 end
        )::double precision as priority,
        drawn.period_start,
        drawn.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from drawn
    left join answers
        on
            drawn.period_start = answers.period_start
            and drawn.interaction_key = answers.interaction_key
            and drawn.episode_number = answers.episode_number

)

select * from final
