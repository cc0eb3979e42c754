-- one row per trace of a conversation that this run works on: what the AI agent looked up, called and used on its way
with

spans as (

    select
        spans.*,
        ops.retrieved(spans.documents) as found,
        (spans.operation = 'execute_tool') as is_tool,
        ({{ json_value('turns.options', 'handoff_tools') }} ? spans.tool_name) as is_handoff
    from {{ ref('int_otel__turns') }} as turns
    inner join {{ ref('stg_otel__spans') }} as spans
        on
            turns.instance = spans.instance
            and turns.trace_id = spans.trace_id

),

entries as (

    select
        spans.instance,
        spans.trace_id,
        jsonb_agg(found.entry order by spans.begun_at, spans.span_key, found.ordinal) as sources
    from spans
    cross join lateral {{ json_elements('spans.found') }} with ordinality as found (entry, ordinal)
    group by spans.instance, spans.trace_id

),

steps as (

    select
        instance,
        trace_id,
        bool_or(found is not null) as has_retrieval,
        jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object(
                'name', coalesce(tool_name, span_name),
                'status', case
                    when lower(concat_ws(' ', error_type, status_message)) ~ 'time[d ]*-?out' then 'timeout'
                    when lower(error_type) = 'partial' then 'partial'
                    when error_type is not null or status_code in ('2', 'STATUS_CODE_ERROR', 'ERROR', 'Error') then 'failed'
                    when ended_at is null then 'unknown'
                    else 'ok'
                end,
                'duration_ms', round(extract(epoch from ended_at - begun_at) * 1000)
            ))
            order by begun_at, span_key
        ) filter (where is_tool) as tool_calls,
        min(model) as model,
        null as generation_version,
        -- an agent's own span sums up those of its model
        coalesce(
            sum(input_tokens) filter (where coalesce(operation <> 'invoke_agent', true)), max(input_tokens)
        ) as input_tokens,
        coalesce(
            sum(output_tokens) filter (where coalesce(operation <> 'invoke_agent', true)), max(output_tokens)
        ) as output_tokens,
        null::numeric as cost,
        (
            array_agg(coalesce({{ json_text('ops.try_json(tool_arguments)', 'reason') }}, 'true') order by begun_at, span_key)
            filter (where is_handoff)
        )[1] as handoff_said,
        min(begun_at) filter (where is_handoff) as handoff_at
    from spans
    group by instance, trace_id

)

select
    steps.*,
    -- an empty list says that nothing was found; without a retrieval nothing is known
    case when steps.has_retrieval then coalesce(entries.sources, '[]') end as sources
from steps
left join entries
    on
        steps.instance = entries.instance
        and steps.trace_id = entries.trace_id
