{# What sources share that hold traces of AI agents. Each has, of the conversations that a run works on, int_<source>__turns (one row
   per trace: what was said, when, by whom, what its fields say), int_<source>__steps (what was looked up and called on the way) and
   int_<source>__scores (what was said of a trace or of the whole); these macros make of them what all sources share. #}

{% macro traced_conversations(source) -%}
{%- set fields = ['account', 'channel', 'email', 'language', 'product_area', 'ticket', 'tier', 'topic'] %}
with

turns as (

    select * from {{ ref('int_' ~ source ~ '__turns') }}

),

conversations as (

    select
        source,
        instance,
        interaction_id,
        -- what the first trace says that says it at all
        {%- for field in fields %}
            (array_agg({{ json_text('fields', field) }} order by begun_at, trace_id)
            filter (where {{ json_text('fields', field) }} is not null))[1] as {{ field }},
        {%- endfor %}
        (array_agg(user_id order by begun_at, trace_id) filter (where user_id is not null))[1] as user_id,
        (array_agg(environment order by begun_at, trace_id))[1] as environment,
        (array_agg(options))[1] as options,
        min(begun_at) as started_at,
        count(*) as trace_count,
        max(_load_id) as _load_id,
        max(_loaded_at) as _loaded_at
    from turns
    group by source, instance, interaction_id

),

tags as (

    select
        turns.instance,
        turns.interaction_id,
        jsonb_agg(distinct held.tag) as tags
    from turns
    cross join lateral {{ json_elements('turns.tags') }} as held (tag)
    group by turns.instance, turns.interaction_id

),

ratings as (

    select distinct on (scores.instance, scores.interaction_id)
        scores.instance,
        scores.interaction_id,
        scores.number_value as rating,
        scores.given_at
    from {{ ref('int_' ~ source ~ '__scores') }} as scores
    inner join conversations
        on
            scores.instance = conversations.instance
            and scores.interaction_id = conversations.interaction_id
    where scores.score_name = {{ json_text("conversations.options -> 'rating'", 'score') }} and scores.number_value is not null
    order by scores.instance asc, scores.interaction_id asc, scores.given_at desc nulls last, scores.score_id desc

)

select
    conversations.source,
    conversations.instance,
    conversations.interaction_id,
    case
        when conversations.channel in ('chat', 'email', 'ticket', 'voice', 'social', 'other') then conversations.channel
        when conversations.channel is not null then 'other'
    end as channel,
    null as status,
    conversations.user_id as customer_id,
    coalesce(conversations.email, case when conversations.user_id like '%_@_%' then conversations.user_id end) as customer_email,
    conversations.account as account_id,
    conversations.tier,
    conversations.language,
    conversations.topic,
    null as priority,
    conversations.product_area,
    tags.tags,
    jsonb_strip_nulls(jsonb_build_object(
        'environment', conversations.environment,
        'ticket_id', conversations.ticket,
        'trace_count', conversations.trace_count
    )) as attributes,
    -- the days before the start are read to tell what had begun there; how much earlier, nobody knows
    case
        when conversations.started_at < {{ try_cast('conversations.options', 'start', 'moment') }}
            then jsonb_build_array('messages before the start')
    end as quarantined_message_ids,
    ratings.rating,
    {{ try_cast("conversations.options -> 'rating'", 'min', 'numeric') }} as rating_scale_min,
    {{ try_cast("conversations.options -> 'rating'", 'max', 'numeric') }} as rating_scale_max,
    false as is_removed_by_merge,
    conversations.started_at,
    null::timestamptz as solved_at,
    null::timestamptz as closed_at,
    null::timestamptz as deleted_at,
    ratings.given_at as rated_at,
    array[]::text[] as _cast_errors,
    conversations._load_id,
    conversations._loaded_at
from conversations
left join tags
    on
        conversations.instance = tags.instance
        and conversations.interaction_id = tags.interaction_id
left join ratings
    on
        conversations.instance = ratings.instance
        and conversations.interaction_id = ratings.interaction_id
{%- endmacro %}

{% macro traced_messages(source) -%}
with

turns as (

    select * from {{ ref('int_' ~ source ~ '__turns') }}

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
    from {{ ref('int_' ~ source ~ '__scores') }} as scores
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
left join {{ ref('int_' ~ source ~ '__steps') }} as steps
    on
        said.instance = steps.instance
        and said.trace_id = steps.trace_id
left join feedback
    on
        said.instance = feedback.instance
        and said.trace_id = feedback.trace_id
{%- endmacro %}

{% macro traced_handoffs(source) -%}
with

turns as (

    select * from {{ ref('int_' ~ source ~ '__turns') }}

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
        steps.handoff_said as said,
        coalesce(steps.handoff_at, turns.ended_at) as handed_off_at
    from turns
    inner join {{ ref('int_' ~ source ~ '__steps') }} as steps
        on
            turns.instance = steps.instance
            and turns.trace_id = steps.trace_id

    union all

    select
        turns.instance,
        turns.trace_id,
        3 as rank,
        coalesce(scores.text_value, case when scores.number_value > 0 then coalesce(scores.comment, 'true') end) as said,
        turns.ended_at as handed_off_at
    from turns
    inner join {{ ref('int_' ~ source ~ '__scores') }} as scores
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
{%- endmacro %}
