{{ config(materialized='table', indexes=[{'columns': ['instance', 'trace_id'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per trace of a conversation that this run works on: what the customer asked, what the AI agent answered, and what the
-- attributes of the configuration say
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'otel'

),

configured as (

    select
        instance,
        options
    from {{ ref('stg_ops__source_options') }}
    where source = 'otel'

),

traces as (

    select
        traces.*,
        coalesce(configured.options, '{}') as options
    from pending
    inner join {{ ref('stg_otel__traces') }} as traces
        on
            pending.instance = traces.instance
            and pending.interaction_id = traces.interaction_id
    left join configured on traces.instance = configured.instance

),

spans as (

    select
        traces.options,
        spans.*
    from traces
    inner join {{ ref('stg_otel__spans') }} as spans
        on
            traces.instance = spans.instance
            and traces.trace_id = spans.trace_id

),

-- other spans land for what they say of the conversation or the customer: alone, they are a visit to a page like any other
generative as (

    select
        instance,
        trace_id
    from spans
    where jsonb_path_exists(attributes, '$.keyvalue() ? (@.key starts with "gen_ai.")', '{}', true)

    union

    select
        events.instance,
        events.trace_id
    from traces
    inner join {{ ref('stg_otel__events') }} as events
        on
            traces.instance = events.instance
            and traces.trace_id = events.trace_id
    where starts_with(events.event_name, 'gen_ai.')

),

-- the first span that says it at all
stated as (

    select distinct on (spans.instance, spans.trace_id, places.name)
        spans.instance,
        spans.trace_id,
        places.name,
        coalesce(spans.attributes ->> places.place, spans.resource ->> places.place) as value
    from spans
    cross join
        lateral jsonb_each_text(
            case when jsonb_typeof(spans.options -> 'fields') = 'object' then spans.options -> 'fields' else '{}' end
        ) as places (name, place)
    where btrim(coalesce(spans.attributes ->> places.place, spans.resource ->> places.place)) <> ''
    order by spans.instance asc, spans.trace_id asc, places.name asc, spans.begun_at asc, spans.span_key asc

),

fields as (

    select
        instance,
        trace_id,
        jsonb_object_agg(name, value) as fields
    from stated
    group by instance, trace_id

),

whole as (

    select
        instance,
        trace_id,
        min(begun_at) as begun_at,
        max(ended_at) as ended_at,
        (array_agg(agent_name order by begun_at, span_key) filter (where agent_name is not null))[1] as agent_name,
        (array_agg(agent_version order by begun_at, span_key) filter (where agent_version is not null))[1] as agent_version,
        (array_agg(service_name order by begun_at, span_key) filter (where service_name is not null))[1] as service_name,
        (array_agg(service_version order by begun_at, span_key) filter (where service_version is not null))[1]
            as service_version,
        (array_agg(user_id order by begun_at, span_key) filter (where user_id is not null))[1] as user_id,
        (array_agg({{ json_text('resource', 'deployment.environment.name') }} order by begun_at, span_key))[1] as environment
    from spans
    group by instance, trace_id

),

-- the agent as a whole before the calls of its model; of those the first heard the customer, and the last gave the answer
questions as (

    select distinct on (instance, trace_id)
        instance,
        trace_id,
        asked
    from {{ ref('int_otel__texts') }}
    where jsonb_array_length(asked) > 0
    order by instance asc, trace_id asc, is_agent desc, begun_at asc, span_key asc

),

replies as (

    select distinct on (instance, trace_id)
        instance,
        trace_id,
        answered,
        ended_at
    from {{ ref('int_otel__texts') }}
    where jsonb_array_length(answered) > 0
    order by instance asc, trace_id asc, is_agent desc, ended_at desc nulls last, span_key desc

),

final as (

    select
        traces.source,
        traces.instance,
        traces.interaction_id,
        traces.trace_id,
        coalesce({{ json_text('fields.fields', 'customer') }}, whole.user_id) as user_id,
        coalesce(fields.fields, '{}') as fields,
        traces.options,
        null::jsonb as tags,
        whole.environment,
        coalesce(questions.asked, '[]') as asked,
        coalesce(replies.answered, '[]') as answered,
        coalesce({{ json_text('fields.fields', 'agent') }}, whole.agent_name, whole.service_name, 'ai agent') as agent_id,
        coalesce(whole.agent_version, whole.service_version) as agent_version,
        whole.begun_at,
        coalesce(replies.ended_at, whole.ended_at, whole.begun_at) as ended_at,
        case when whole.begun_at is null then array['startTimeUnixNano'] else array[]::text[] end as _cast_errors,
        traces._load_id,
        traces._loaded_at,
        bool_or({{ json_text('fields.fields', 'ticket') }} is not null) over conversation as has_ticket
    from traces
    -- an event whose spans are still to come is no turn yet
    inner join whole
        on
            traces.instance = whole.instance
            and traces.trace_id = whole.trace_id
    inner join generative
        on
            traces.instance = generative.instance
            and traces.trace_id = generative.trace_id
    left join fields
        on
            traces.instance = fields.instance
            and traces.trace_id = fields.trace_id
    left join questions
        on
            traces.instance = questions.instance
            and traces.trace_id = questions.trace_id
    left join replies
        on
            traces.instance = replies.instance
            and traces.trace_id = replies.trace_id
    window conversation as (partition by traces.instance, traces.interaction_id)

)

select * from final
-- what a helpdesk states too counts there, where the configuration says so
where case {{ json_text('options', 'tickets') }} when 'exclude' then not has_ticket when 'only' then has_ticket else true end
