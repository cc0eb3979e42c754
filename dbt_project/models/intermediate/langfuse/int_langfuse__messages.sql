-- one row per text of a trace that this run works on, in the shape that all sources share: what the customer asked when it began,
-- and what the AI agent answered when it ended
with

turns as (

    select * from {{ ref('int_langfuse__turns') }}

),

feedback as (

    select
        scores.instance,
        scores.trace_id,
        jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object(
                'name', scores.score_name,
                'value', case
                    when scores.number_value > 0 then 'up'
                    when scores.number_value is not null then 'down'
                    else lower(scores.text_value)
                end,
                'comment', scores.comment
            ))
            order by scores.given_at, scores.score_id
        ) as feedback
    from {{ ref('int_langfuse__scores') }} as scores
    inner join turns
        on
            scores.instance = turns.instance
            and scores.trace_id = turns.trace_id
    where {{ json_value('turns.options', 'feedback') }} ? scores.score_name
    group by scores.instance, scores.trace_id

),

said as (

    select
        turns.*,
        'customer' as actor,
        'input' as side,
        texts.text,
        texts.ordinal,
        false as is_last_answer
    from turns
    cross join lateral jsonb_array_elements_text(turns.asked) with ordinality as texts (text, ordinal)

    union all

    select
        turns.*,
        'ai_agent' as actor,
        'output' as side,
        texts.text,
        texts.ordinal,
        (texts.ordinal = jsonb_array_length(turns.answered)) as is_last_answer
    from turns
    cross join lateral jsonb_array_elements_text(turns.answered) with ordinality as texts (text, ordinal)

)

select
    said.source,
    said.instance,
    said.interaction_id,
    said.trace_id || ':' || said.side || case when said.ordinal > 1 then ':' || said.ordinal else '' end as message_id,
    said.actor,
    case said.actor when 'ai_agent' then said.agent_id else said.user_id end as actor_id,
    null as actor_name,
    null as stated_actor_name,
    case when said.actor = 'ai_agent' then coalesce(said.agent_version, steps.generation_version) end as agent_version,
    null as team,
    null as author_id,
    said.text,
    -- what was looked up and called on the way belongs to the last of several answers
    case when said.is_last_answer then {{ json_text('said.fields', 'intent') }} end as intent,
    case when said.is_last_answer then steps.sources end as sources,
    case when said.is_last_answer then steps.tool_calls end as tool_calls,
    case when said.is_last_answer then feedback.feedback end as feedback,
    case
        when said.is_last_answer
            then nullif(jsonb_strip_nulls(jsonb_build_object(
                'model', steps.model,
                'input_tokens', steps.input_tokens,
                'output_tokens', steps.output_tokens,
                'cost_usd', steps.cost
            )), '{}')
    end as attributes,
    case said.side when 'input' then 0 else 1000 end + said.ordinal as position,
    case when said.is_last_answer then {{ try_cast('said.fields', 'confidence', 'numeric') }} end as confidence,
    false as is_internal,
    case said.side when 'input' then said.begun_at else said.ended_at end as sent_at,
    said._cast_errors,
    said._load_id,
    said._loaded_at
from said
left join {{ ref('int_langfuse__steps') }} as steps
    on
        said.instance = steps.instance
        and said.trace_id = steps.trace_id
left join feedback
    on
        said.instance = feedback.instance
        and said.trace_id = feedback.trace_id
