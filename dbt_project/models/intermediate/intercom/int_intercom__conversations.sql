{{ config(materialized='steady_view') }}
-- one row per conversation that this run works on, in the shape that all sources share
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'intercom'

),

conversations as (

    select conversations.*
    from pending
    inner join {{ ref('stg_intercom__conversations') }} as conversations
        on
            pending.instance = conversations.instance
            and pending.interaction_id = conversations.conversation_id

),

fin as (

    select fin.*
    from pending
    inner join {{ ref('stg_intercom__fin_states') }} as fin
        on
            pending.instance = fin.instance
            and pending.interaction_id = fin.conversation_id

),

held as (

    select
        parts.instance,
        parts.conversation_id,
        count(*) as part_count
    from pending
    inner join {{ ref('stg_intercom__parts') }} as parts
        on
            pending.instance = parts.instance
            and pending.interaction_id = parts.conversation_id
    group by parts.instance, parts.conversation_id

),

status_changes as (

    select
        instance,
        conversation_id,
        value,
        position,
        changed_at,
        max(position) filter (where value <> 'closed') over (partition by instance, conversation_id) as last_open_position
    from {{ ref('int_intercom__changes') }}
    where field = 'status'

),

endings as (

    select
        instance,
        conversation_id,
        min(changed_at) as closed_at
    from status_changes
    where value = 'closed' and position > coalesce(last_open_position, 0)
    group by instance, conversation_id

),

joined as (

    select
        conversations.*,
        fin.source_title as fin_source_title,
        fin.last_answer_type as fin_answer_type,
        fin.resolution_state as fin_state,
        fin.content_sources as fin_sources,
        fin.has_participated as has_fin_participated,
        coalesce(held.part_count, 0) < coalesce(conversations.part_count, 0) as is_short,
        -- what a customer says of Fin is said of the conversation where nobody asked about that
        coalesce(conversations.rating, fin.rating) as stated_rating,
        case when conversations.rating is null then fin.rated_at else conversations.rated_at end as stated_rated_at,
        coalesce(endings.closed_at, conversations.last_close_at) as closed_at,
        coalesce(
            conversations.contact_id,
            case when conversations.author_type in ('user', 'lead', 'contact') then conversations.author_id end
        ) as customer_id,
        {%- for attribute in ['topic', 'product_area', 'language'] %}
            nullif(conversations.custom_attributes ->> {{ json_text('settings.facts', attribute) }}, '') as {{ attribute }},
        {%- endfor %}
        case conversations.state when 'open' then 'open' when 'snoozed' then 'pending' when 'closed' then 'closed' end
            as known_status
    from conversations
    left join fin
        on
            conversations.instance = fin.instance
            and conversations.conversation_id = fin.conversation_id
    left join held
        on
            conversations.instance = held.instance
            and conversations.conversation_id = held.conversation_id
    left join endings
        on
            conversations.instance = endings.instance
            and conversations.conversation_id = endings.conversation_id
    left join {{ ref('int_records__timeline') }} as settings
        on
            conversations.source = settings.source
            and conversations.instance = settings.instance
            and settings.record_type = 'settings'
            and settings.record_id = '*'

),

placed as (

    select
        joined.*,
        coalesce(joined.company_id, {{ json_text('contacts.facts', 'organization_id') }}) as account_id
    from joined
    left join {{ ref('int_records__timeline') }} as contacts
        on
            joined.source = contacts.source
            and joined.instance = contacts.instance
            and contacts.record_type = 'contact'
            and joined.customer_id = contacts.record_id

),

final as (

    select
        placed.source,
        placed.instance,
        placed.conversation_id as interaction_id,
        case
            when placed.source_type is null then null
            when placed.source_type in ('conversation', 'whatsapp', 'sms') then 'chat'
            when placed.source_type = 'email' then 'email'
            when placed.source_type in ('phone_call', 'phone_switch') then 'voice'
            when placed.source_type in ('facebook', 'instagram', 'twitter') then 'social'
            else 'other'
        end as channel,
        placed.known_status as status,
        placed.customer_id,
        null::text as customer_email,
        placed.account_id,
        {{ json_text('companies.facts', 'tier') }} as tier,
        placed.language,
        placed.topic,
        case placed.priority when 'priority' then 'high' when 'not_priority' then 'normal' else placed.priority end as priority,
        placed.product_area,
        placed.tags,
        nullif(jsonb_strip_nulls(jsonb_build_object(
            'source_type', placed.source_type,
            'delivered_as', placed.delivered_as,
            -- a state that the model does not know is kept in the source's words
            'stated_status', case when placed.known_status is null then placed.state end,
            'fin_participated', placed.has_fin_participated,
            'fin_source', placed.fin_source_title,
            'fin_answer_type', placed.fin_answer_type,
            'fin_resolution_state', placed.fin_state,
            'fin_content_sources', placed.fin_sources
        )), '{}') as attributes,
        case
            when placed.is_short and not placed.is_archived then jsonb_build_array('parts before the newest that Intercom gives')
        end as quarantined_message_ids,
        placed.stated_rating as rating,
        1::numeric as rating_scale_min,
        5::numeric as rating_scale_max,
        false as is_removed_by_merge,
        placed.created_at as started_at,
        case when placed.known_status = 'closed' then placed.closed_at end as solved_at,
        case when placed.known_status = 'closed' then placed.closed_at end as closed_at,
        case when placed.is_archived then placed.archived_at end as deleted_at,
        placed.stated_rated_at as rated_at,
        placed._cast_errors,
        placed._load_id,
        placed._loaded_at
    from placed
    left join {{ ref('int_records__timeline') }} as companies
        on
            placed.source = companies.source
            and placed.instance = companies.instance
            and companies.record_type = 'company'
            and placed.account_id = companies.record_id
            and placed.created_at >= companies.valid_from
            and placed.created_at < companies.valid_to

)

select * from final
