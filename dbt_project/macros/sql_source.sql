{# What mapped tables state of the conversations of a scope: one row per conversation with its fields as one object. What messages
   say of their conversation is joined with what its own row says, which wins; of two messages the later one. #}
{% macro sql_statements(scope) -%}
    select
        scope.source,
        scope.instance,
        scope.interaction_id,
        coalesce(told.fields, '{}') || coalesce(own.fields, '{}') as fields,
        nullif(
            coalesce(quarantined.message_ids, '[]')
            || case when own.refused_code is not null then '["#conversation"]'::jsonb else '[]' end, '[]'
        ) as quarantined_message_ids,
        greatest(own._load_id, spoken._load_id) as _load_id,
        greatest(own._loaded_at, spoken._loaded_at) as _loaded_at
    from {{ ref(scope) }} as scope
    left join lateral (
        select conversations.*
        from {{ ref('stg_sql__conversations') }} as conversations
        where
            conversations.instance = scope.instance
            and conversations.interaction_id = scope.interaction_id
        -- two rows may state one conversation, such as under the ids of before and of now: one that is there, and can be used, and
        -- of two the later
        order by
            conversations.is_archived, conversations.refused_code is not null, conversations._load_id desc, conversations.row_id
        limit 1
    ) as own on true
    left join lateral (
        select jsonb_object_agg(stated.key, stated.value order by messages.sent_at, messages.row_id) as fields
        from {{ ref('stg_sql__messages') }} as messages
        cross join lateral jsonb_each(messages.conversation) as stated
        where
            messages.instance = scope.instance
            and messages.interaction_id = scope.interaction_id
            and not messages.is_archived
    ) as told on true
    left join lateral (
        select jsonb_agg(messages.message_id order by messages.message_id) as message_ids
        from {{ ref('stg_sql__messages') }} as messages
        where
            messages.instance = scope.instance
            and messages.interaction_id = scope.interaction_id
            and messages.refused_code is not null
    ) as quarantined on true
    left join lateral (
        select
            max(messages._load_id) as _load_id,
            max(messages._loaded_at) as _loaded_at
        from {{ ref('stg_sql__messages') }} as messages
        where
            messages.instance = scope.instance
            and messages.interaction_id = scope.interaction_id
    ) as spoken on true
    where scope.source = 'sql' and (own.interaction_id is not null or spoken._load_id is not null)
{%- endmacro %}

{# Columns of a company, whose present statement and those that it replaced lie in two tables. #}
{% macro sql_account_columns() -%}
    'sql' as source,
    instance,
    id as row_id,
    interaction_id as account_id,
    {{ json_text('payload', 'account_name') }} as account_name,
    {{ json_text('payload', 'domain') }} as domain,
    {{ json_text('payload', 'crm_id') }} as crm_id,
    {{ json_text('payload', 'tier') }} as tier,
    {{ json_text('payload', 'segment') }} as segment,
    {{ json_text('payload', 'plan') }} as plan,
    {{ json_text('payload', 'health_score') }} as stated_health,
    {{ json_text('payload', 'industry') }} as industry,
    {{ json_text('payload', 'country') }} as country,
    {{ json_text('payload', 'owner_id') }} as owner_id,
    {{ json_text('payload', 'lifecycle_stage') }} as lifecycle_stage,
    {{ try_cast('payload', 'arr', 'numeric') }} as arr,
    {{ try_cast('payload', 'renewal_month', 'numeric') }}::int as renewal_month,
    {{ try_cast('payload', 'churned_at', 'timestamptz') }} as churned_at,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    _load_id
{%- endmacro %}

{# Columns of an event of the product, likewise. Columns that the mapping does not name are properties where it names none. #}
{% macro sql_event_columns() -%}
    'sql' as source,
    instance,
    id as row_id,
    {{ json_text('payload', 'event_id') }} as event_id,
    {{ json_text('payload', 'event_name') }} as event_name,
    {{ json_text('payload', 'customer_id') }} as customer_id,
    {{ json_text('payload', 'customer_email') }} as customer_email,
    {{ json_text('payload', 'external_id') }} as external_id,
    coalesce({{ json_value('payload', 'properties') }}, {{ json_value('payload', 'raw') }}) as properties,
    {{ try_cast('payload', 'occurred_at', 'timestamptz') }} as occurred_at,
    {{ try_cast('payload', 'received_at', 'timestamptz') }} as received_at,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    _load_id
{%- endmacro %}
