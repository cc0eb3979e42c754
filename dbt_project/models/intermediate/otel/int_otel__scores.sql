-- one row per evaluation of a trace of a conversation that this run works on
select
    turns.interaction_id,
    turns.trace_id,
    turns.source,
    turns.instance,
    events.event_id as score_id,
    {{ json_text('events.attributes', 'gen_ai.evaluation.name') }} as score_name,
    {{ json_text('events.attributes', 'gen_ai.evaluation.explanation') }} as comment,
    {{ try_cast('events.attributes', 'gen_ai.evaluation.score.value', 'numeric') }} as number_value,
    {{ json_text('events.attributes', 'gen_ai.evaluation.score.label') }} as text_value,
    events.happened_at as given_at
from {{ ref('int_otel__turns') }} as turns
inner join {{ ref('stg_otel__events') }} as events
    on
        turns.instance = events.instance
        and turns.trace_id = events.trace_id
where events.event_name = 'gen_ai.evaluation.result'
