-- one row per trace of a conversation that this run works on: what the AI agent looked up, called and used on its way
with

turns as (

    select * from {{ ref('int_langfuse__turns') }}

),

observations as (

    select
        observations.*,
        (
            observations.observation_type = 'RETRIEVER'
            or {{ json_value('turns.options', 'retrievers') }} ? observations.observation_name
        ) as is_retrieval,
        (
            observations.observation_type = 'TOOL'
            or {{ json_value('turns.options', 'tools') }} ? observations.observation_name
        ) as is_tool,
        ({{ json_value('turns.options', 'handoff_tools') }} ? observations.observation_name) as is_handoff
    from turns
    inner join {{ ref('stg_langfuse__observations') }} as observations
        on
            turns.instance = observations.instance
            and turns.trace_id = observations.trace_id

),

found as (

    select
        observations.instance,
        observations.trace_id,
        observations.begun_at,
        observations.observation_id,
        entries.entry,
        entries.ordinal
    from observations
    cross join
        lateral {{ json_elements('ops.retrieved(observations.output)') }} with ordinality as entries (entry, ordinal)
    where observations.is_retrieval

),

sources as (

    select
        instance,
        trace_id,
        jsonb_agg(entry order by begun_at, observation_id, ordinal) as sources
    from found
    group by instance, trace_id

),

steps as (

    select
        instance,
        trace_id,
        bool_or(is_retrieval and ops.retrieved(output) is not null) as has_retrieval,
        jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object(
                'name', observation_name,
                'status', case
                    when lower(status_message) ~ 'time[d ]*-?out' then 'timeout'
                    when level = 'ERROR' then 'failed'
                    when level = 'WARNING' then 'partial'
                    when ended_at is null then 'unknown'
                    else 'ok'
                end,
                'duration_ms', round(extract(epoch from ended_at - begun_at) * 1000)
            ))
            order by begun_at, observation_id
        ) filter (where is_tool) as tool_calls,
        min(model) filter (where observation_type = 'GENERATION') as model,
        min(version) filter (where observation_type = 'GENERATION') as generation_version,
        sum({{ try_cast('usage_details', 'input', 'numeric') }}) as input_tokens,
        sum({{ try_cast('usage_details', 'output', 'numeric') }}) as output_tokens,
        sum(total_cost) filter (where observation_type = 'GENERATION') as cost,
        (
            array_agg(coalesce({{ json_text('ops.try_json(input)', 'reason') }}, 'true') order by begun_at, observation_id)
            filter (where is_handoff)
        )[1] as handoff_said,
        min(begun_at) filter (where is_handoff) as handoff_at
    from observations
    group by instance, trace_id

)

select
    steps.*,
    -- an empty list says that nothing was found; without a retrieval nothing is known
    case when steps.has_retrieval then coalesce(sources.sources, '[]') end as sources
from steps
left join sources
    on
        steps.instance = sources.instance
        and steps.trace_id = sources.trace_id
