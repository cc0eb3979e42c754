{{
    config(
        unique_key='interaction_key',
        scope='pending_interactions',
        scope_columns=['interaction_key'],
        indexes=[
            {'columns': ['person_key', 'topic']},
            {'columns': ['customer_key']},
            {'columns': ['account_key']},
            {'columns': ['merged_into_interaction_key']},
            {'columns': ['interaction_date']},
            {'columns': ['last_message_at']},
            {'columns': ['source', 'instance', 'interaction_id'], 'unique': true}
        ]
    )
}}
-- one row per interaction: what its source states, its counts, and whether it can be scored
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

conversations as (

    select conversations.*
    from {{ ref('int_conversations__unioned') }} as conversations
    inner join pending on conversations.interaction_key = pending.interaction_key
    where cardinality(conversations._cast_errors) = 0

),

messages as (

    select messages.*
    from {{ ref('messages') }} as messages
    inner join pending on messages.interaction_key = pending.interaction_key

),

unreadable_messages as (

    select
        messages.interaction_key,
        count(*) as unreadable_message_count
    from {{ ref('int_messages__unioned') }} as messages
    inner join pending on messages.interaction_key = pending.interaction_key
    where cardinality(messages._cast_errors) > 0
    group by messages.interaction_key

),

counted as (

    select
        interaction_key,
        min(interaction_started_at) as started_at,
        max(sent_at) as last_message_at,
        min(sent_at) filter (where actor = 'customer') as first_customer_message_at,
        min(sent_at) filter (where actor = 'ai_agent' and not is_internal and not is_automation) as first_ai_reply_at,
        min(sent_at) filter (where actor = 'human_agent' and not is_internal and not is_automation) as first_human_reply_at,
        max(sent_at) filter (where actor = 'ai_agent' and not is_internal and not is_automation) as last_ai_reply_at,
        count(*) filter (where actor = 'customer') as customer_message_count,
        count(*) filter (where actor = 'human_agent' and not is_internal and not is_automation) as human_message_count,
        count(*) filter (where actor = 'ai_agent' and not is_internal and not is_automation) as ai_message_count,
        count(*) filter (where actor = 'system') as system_message_count,
        count(*) filter (where is_internal) as internal_message_count,
        count(*) as message_count,
        (array_agg(team order by ordinal desc) filter (where team is not null and actor = 'human_agent' and not is_internal))[1]
            as human_team,
        (array_agg(team order by ordinal desc) filter (where team is not null and not is_internal))[1] as any_team,
        (array_agg(agent_version order by ordinal desc) filter (where agent_version is not null and actor = 'ai_agent'))[1]
            as agent_version,
        md5(string_agg(
            concat_ws(
                '|', ordinal, message_key, actor, agent_key, agent_version, sent_at, is_internal, is_automation,
                redactor_version, md5(text), pii
            ), e'\n' order by ordinal
        )) as messages_hash
    from messages
    group by interaction_key

),

replies_per_agent as (

    select
        interaction_key,
        actor,
        agent_key,
        count(*) as reply_count,
        max(ordinal) as last_ordinal
    from messages
    where actor in ('human_agent', 'ai_agent') and agent_key is not null and not is_internal and not is_automation
    group by interaction_key, actor, agent_key

),

primary_agents as (

    -- the agent with the most replies stands for its side; of two with as many, the one who spoke last
    select
        interaction_key,
        (array_agg(agent_key order by reply_count desc, last_ordinal desc) filter (where actor = 'human_agent'))[1]
            as primary_human_agent_key,
        (array_agg(agent_key order by reply_count desc, last_ordinal desc) filter (where actor = 'ai_agent'))[1]
            as primary_ai_agent_key
    from replies_per_agent
    group by interaction_key

),

customers as (

    select distinct {{ customer_key('conversations') }} as customer_key
    from conversations

),

people as materialized (

    {{ people_of('customers') }}

),

organizations as materialized (

    select
        entity_key as account_key,
        min(canonical_key) as organization_key
    from {{ ref('int_identity__evidence') }}
    where
        entity_type = 'account'
        and rule = 'self'
        and entity_key in (
            select {{ entity_key('conversations.account_id', 'conversations.source', 'conversations.instance') }} from conversations
        )
    group by entity_key

),

named as (

    select
        conversations.*,
        {{ customer_key('conversations') }} as customer_key,
        {{ entity_key('conversations.account_id', 'conversations.source', 'conversations.instance') }} as account_key
    from conversations

),

joined as (

    select
        conversations.interaction_key,
        conversations.merged_into_interaction_key,
        conversations.customer_key,
        people.person_key,
        conversations.account_key,
        -- the account that the source names, under the key that all systems share; without one, the account of the person
        coalesce(organizations.organization_key, conversations.account_key, people.organization_key) as organization_key,
        primary_agents.primary_human_agent_key,
        primary_agents.primary_ai_agent_key,
        conversations.source,
        conversations.instance,
        conversations.interaction_id,
        conversations.customer_id,
        conversations.account_id,
        conversations.channel,
        conversations.language,
        coalesce(conversations.topic, 'unknown') as topic,
        conversations.priority,
        conversations.product_area,
        conversations.tier,
        conversations.status,
        coalesce(counted.human_team, counted.any_team) as team,
        counted.agent_version,
        case
            when counted.first_human_reply_at is null and counted.first_ai_reply_at is null then 'unhandled'
            when counted.first_human_reply_at is null then 'ai_only'
            when counted.first_ai_reply_at is null then 'human_only'
            when counted.first_ai_reply_at <= counted.first_human_reply_at then 'ai_then_human'
            else 'human_then_ai'
        end as handled_by,
        case
            when conversations.deleted_at is not null then 'deleted'
            when conversations.merged_into_interaction_key is not null then 'merged'
            when
                jsonb_array_length(coalesce(conversations.quarantined_message_ids, '[]')) > 0
                or unreadable_messages.unreadable_message_count > 0 then 'incomplete'
            when conversations.tags @> '["spam"]' or conversations.tags @> '["test"]' then 'spam_or_test'
            when coalesce(counted.customer_message_count, 0) = 0 then 'no_customer_message'
            when coalesce(counted.human_message_count, 0) + coalesce(counted.ai_message_count, 0) = 0 then 'no_agent_message'
            when
                conversations.language not in (
                    {%- for code in var('supported_languages') %}
                        '{{ code }}'{{ "," if not loop.last }}
                    {%- endfor %}
                )
                then 'unsupported_language'
        end as excluded_reason,
        md5(concat_ws(
            '|', counted.messages_hash, counted.started_at, conversations.channel, conversations.language,
            conversations.topic, conversations.priority
        )) as input_hash,
        conversations.tags,
        conversations.attributes,
        coalesce(counted.message_count, 0)::int as message_count,
        coalesce(counted.customer_message_count, 0)::int as customer_message_count,
        coalesce(counted.human_message_count, 0)::int as human_message_count,
        coalesce(counted.ai_message_count, 0)::int as ai_message_count,
        coalesce(counted.system_message_count, 0)::int as system_message_count,
        coalesce(counted.internal_message_count, 0)::int as internal_message_count,
        (
            jsonb_array_length(coalesce(conversations.quarantined_message_ids, '[]'))
            + coalesce(unreadable_messages.unreadable_message_count, 0)
        )::int as quarantined_message_count,
        (conversations.deleted_at is not null) as is_deleted,
        coalesce(conversations.started_at, counted.started_at) as started_at,
        counted.first_customer_message_at,
        counted.first_ai_reply_at,
        counted.first_human_reply_at,
        counted.last_message_at,
        case
            when conversations.status in ('solved', 'closed')
                then coalesce(conversations.solved_at, conversations.closed_at, counted.last_message_at)
        end as solved_at,
        conversations.closed_at,
        conversations.deleted_at,
        conversations._loaded_at as landed_at,
        loads.as_of as landed_as_of
    from named as conversations
    left join people on conversations.customer_key = people.customer_key
    left join organizations on conversations.account_key = organizations.account_key
    left join counted on conversations.interaction_key = counted.interaction_key
    left join primary_agents on conversations.interaction_key = primary_agents.interaction_key
    left join unreadable_messages on conversations.interaction_key = unreadable_messages.interaction_key
    left join {{ ref('stg_ops__loads') }} as loads on conversations._load_id = loads.load_id

),

final as (

    select
        *,
        (excluded_reason is null) as is_eligible,
        -- without any time of its own an interaction counts on the ledger day on which it landed
        {{ utc_date("coalesce(started_at, closed_at, deleted_at, landed_as_of - interval '1 microsecond')") }} as interaction_date
    from joined

)

select * from final
