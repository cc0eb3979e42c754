-- one row per trace of a conversation that this run works on which says that a person takes over: in a field, by a tool that it
-- calls, or by a score
with

turns as (

    select * from {{ ref('int_langfuse__turns') }}

),

stated as (

    select
        turns.instance,
        turns.trace_id,
        1 as rank,
        {{ json_text('turns.fields', 'handoff') }} as said,
        turns.ended_at as handed_off_at
    from turns

    union all

    select
        turns.instance,
        turns.trace_id,
        2 as rank,
        coalesce({{ json_text('ops.try_json(observations.input)', 'reason') }}, 'true') as said,
        coalesce(observations.begun_at, turns.ended_at) as handed_off_at
    from turns
    inner join {{ ref('stg_langfuse__observations') }} as observations
        on
            turns.instance = observations.instance
            and turns.trace_id = observations.trace_id
    where {{ json_value('turns.options', 'handoff_tools') }} ? observations.observation_name

    union all

    select
        turns.instance,
        turns.trace_id,
        3 as rank,
        coalesce(scores.text_value, case when scores.number_value > 0 then coalesce(scores.comment, 'true') end) as said,
        turns.ended_at as handed_off_at
    from turns
    inner join {{ ref('int_langfuse__scores') }} as scores
        on
            turns.instance = scores.instance
            and turns.trace_id = scores.trace_id
    where {{ json_value('turns.options', 'handoff_scores') }} ? scores.score_name

),

-- what a trace states in several ways is one handoff
handoffs as (

    select distinct on (instance, trace_id) stated.*
    from stated
    where lower(said) not in ('false', 'no', 'none', '0', 'null')
    order by instance asc, trace_id asc, rank asc, handed_off_at asc, said asc

)

select
    turns.source,
    turns.instance,
    turns.interaction_id,
    'ai_export' as stated_by,
    {{ entity_key('turns.agent_id', 'turns.source', 'turns.instance') }} as from_agent_key,
    case when lower(handoffs.said) not in ('true', 'yes', '1') then handoffs.said end as reason,
    handoffs.handed_off_at
from handoffs
inner join turns
    on
        handoffs.instance = turns.instance
        and handoffs.trace_id = turns.trace_id
