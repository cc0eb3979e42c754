{{ config(materialized='table', indexes=[{'columns': ['instance', 'trace_id'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per trace of a conversation that this run works on, with what it says in the places of the configuration
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'langfuse'

),

configured as (

    select
        instance,
        options
    from {{ ref('stg_ops__source_options') }}
    where source = 'langfuse'

),

traces as (

    select
        traces.*,
        coalesce(configured.options, '{}') as options,
        ops.langfuse_fields(traces.metadata, traces.tags, configured.options -> 'fields') as fields
    from pending
    inner join {{ ref('stg_langfuse__traces') }} as traces
        on
            pending.instance = traces.instance
            and pending.interaction_id = traces.interaction_id
    left join configured on traces.instance = configured.instance

),

-- where version 3 has no end of a trace, its first span has one
roots as (

    select
        observations.instance,
        observations.trace_id,
        max(observations.ended_at) as ended_at
    from traces
    inner join {{ ref('stg_langfuse__observations') }} as observations
        on
            traces.instance = observations.instance
            and traces.trace_id = observations.trace_id
    where observations.parent_id is null
    group by observations.instance, observations.trace_id

),

final as (

    select
        traces.source,
        traces.instance,
        traces.interaction_id,
        traces.trace_id,
        traces.user_id,
        traces.fields,
        traces.options,
        traces.tags,
        traces.environment,
        ops.said(traces.input, 'user', {{ json_text('traces.options', 'input_path') }}) as asked,
        ops.said(traces.output, 'assistant', {{ json_text('traces.options', 'output_path') }}) as answered,
        coalesce({{ json_text('traces.fields', 'agent') }}, traces.trace_name, 'ai agent') as agent_id,
        coalesce(traces.version, traces.release) as agent_version,
        traces.begun_at,
        coalesce(
            traces.stated_ended_at, roots.ended_at, traces.begun_at + traces.latency_seconds * interval '1 second', traces.begun_at
        ) as ended_at,
        traces._cast_errors || case when traces.begun_at is null then array['timestamp'] else array[]::text[] end as _cast_errors,
        traces._load_id,
        traces._loaded_at,
        bool_or({{ json_text('traces.fields', 'ticket') }} is not null) over conversation as has_ticket
    from traces
    left join roots
        on
            traces.instance = roots.instance
            and traces.trace_id = roots.trace_id
    window conversation as (partition by traces.instance, traces.interaction_id)

)

select * from final
-- what a helpdesk states too counts there, where the configuration says so
where case {{ json_text('options', 'tickets') }} when 'exclude' then not has_ticket when 'only' then has_ticket else true end
