-- one row per span of a conversation that this run works on: what it was told and what it said, whichever way the conventions of
-- its time put that
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'otel'

),

traces as (

    select traces.*
    from pending
    inner join {{ ref('stg_otel__traces') }} as traces
        on
            pending.instance = traces.instance
            and pending.interaction_id = traces.interaction_id

),

events as (

    select
        events.*,
        ops.otel_message(events.event_name, events.attributes, events.body) as message
    from traces
    inner join {{ ref('stg_otel__events') }} as events
        on
            traces.instance = events.instance
            and traces.trace_id = events.trace_id

),

told as (

    select
        instance,
        trace_id,
        span_id,
        -- the newer conventions may put whole messages into one event
        max({{ json_text('attributes', 'gen_ai.input.messages') }}) as input_messages,
        max({{ json_text('attributes', 'gen_ai.output.messages') }}) as output_messages,
        -- a span may be told its whole history at one moment
        jsonb_agg(message order by happened_at, ordinal, event_id)
        filter (where message is not null and event_name <> 'gen_ai.choice') as heard,
        jsonb_agg(message order by happened_at, ordinal, event_id) filter (where event_name = 'gen_ai.choice') as chosen
    from events
    group by instance, trace_id, span_id

)

select
    traces.source,
    traces.interaction_id,
    spans.instance,
    spans.trace_id,
    spans.span_key,
    coalesce(spans.operation = 'invoke_agent', false) as is_agent,
    spans.begun_at,
    spans.ended_at,
    ops.said(coalesce(spans.input_messages, told.input_messages, told.heard::text), 'user', null) as asked,
    ops.said(coalesce(spans.output_messages, told.output_messages, told.chosen::text), 'assistant', null) as answered
from traces
inner join {{ ref('stg_otel__spans') }} as spans
    on
        traces.instance = spans.instance
        and traces.trace_id = spans.trace_id
left join told
    on
        spans.instance = told.instance
        and spans.trace_id = told.trace_id
        and spans.span_id = told.span_id
where coalesce(spans.operation not in ('execute_tool', 'retrieval', 'embeddings'), true)
