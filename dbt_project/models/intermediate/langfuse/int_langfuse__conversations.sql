-- one row per session of AI agents that this run works on, in the shape that all sources share
{%- set fields = ['account', 'channel', 'email', 'language', 'product_area', 'ticket', 'tier', 'topic'] %}
with

turns as (

    select * from {{ ref('int_langfuse__turns') }}

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
    from {{ ref('int_langfuse__scores') }} as scores
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
