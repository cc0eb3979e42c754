{{ config(materialized='steady_view') }}
-- one row per ticket that this run works on, in the shape that all sources share
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'freshdesk'

),

tickets as (

    select tickets.*
    from pending
    inner join {{ ref('stg_freshdesk__tickets') }} as tickets
        on
            pending.instance = tickets.instance
            and pending.interaction_id = tickets.ticket_id

),

replied as (

    select distinct
        conversations.instance,
        conversations.ticket_id
    from pending
    inner join {{ ref('stg_freshdesk__conversations') }} as conversations
        on
            pending.instance = conversations.instance
            and pending.interaction_id = conversations.ticket_id
    where conversations.is_incoming = false

),

ratings as (

    select distinct on (ratings.instance, ratings.ticket_id) ratings.*
    from pending
    inner join {{ ref('stg_freshdesk__satisfaction_ratings') }} as ratings
        on
            pending.instance = ratings.instance
            and pending.interaction_id = ratings.ticket_id
    where ratings.rating_code is not null
    order by ratings.instance asc, ratings.ticket_id asc, ratings.updated_at desc nulls last, ratings.rating_id desc

),

-- a survey has three, five or seven of the values from -103 to 103, and says which; old ones have 1 (happy) to 3 (unhappy)
rated as (

    select
        ratings.instance,
        ratings.ticket_id,
        ratings.updated_at as rated_at,
        case
            when ratings.rating_code between 1 and 3 then 4 - ratings.rating_code
            when {{ json_text('surveys.facts', 'accepted_ratings') }} is not null
                then (
                    select count(*) from {{ json_elements("surveys.facts -> 'accepted_ratings'") }} as accepted (code)
                    where accepted.code::numeric <= ratings.rating_code
                )
            when ratings.rating_code < 0 then ratings.rating_code + 104
            when ratings.rating_code between 100 and 103 then ratings.rating_code - 96
        end as rating,
        case
            when ratings.rating_code between 1 and 3 then 3
            when {{ json_text('surveys.facts', 'accepted_ratings') }} is not null
                then jsonb_array_length(surveys.facts -> 'accepted_ratings')
            else 7
        end as scale_max
    from ratings
    left join {{ ref('int_records__timeline') }} as surveys
        on
            ratings.source = surveys.source
            and ratings.instance = surveys.instance
            and surveys.record_type = 'survey'
            and ratings.survey_id = surveys.record_id

),

joined as (

    select
        tickets.*,
        rated.rating,
        rated.scale_max,
        rated.rated_at,
        -- somebody has answered, and no answer is held: what was written has not been read
        (
            tickets.agent_responded_at is not null and replied.ticket_id is null and not tickets.is_deleted
            and tickets.source_code is distinct from '10'
        ) as is_without_conversations,
        coalesce(tickets.company_id, {{ json_text('requesters.facts', 'organization_id') }}) as account_id,
        {%- for attribute in ['topic', 'product_area'] %}
            nullif(tickets.custom_fields ->> {{ json_text('settings.facts', attribute) }}, '') as {{ attribute }},
        {%- endfor %}
        coalesce(
            nullif(tickets.custom_fields ->> {{ json_text('settings.facts', 'language') }}, ''),
            {{ json_text('requesters.facts', 'language') }}
        ) as language,
        case tickets.status
            when '2' then 'open'
            when '3' then 'pending'
            when '4' then 'solved'
            when '5' then 'closed'
            when '6' then 'pending'
            when '7' then 'on_hold'
        end as known_status
    from tickets
    left join rated
        on
            tickets.instance = rated.instance
            and tickets.ticket_id = rated.ticket_id
    left join replied
        on
            tickets.instance = replied.instance
            and tickets.ticket_id = replied.ticket_id
    left join {{ ref('int_records__timeline') }} as requesters
        on
            tickets.source = requesters.source
            and tickets.instance = requesters.instance
            and requesters.record_type = 'user'
            and tickets.requester_id = requesters.record_id
    left join {{ ref('int_records__timeline') }} as settings
        on
            tickets.source = settings.source
            and tickets.instance = settings.instance
            and settings.record_type = 'settings'
            and settings.record_id = '*'

),

final as (

    select
        joined.source,
        joined.instance,
        joined.ticket_id as interaction_id,
        case
            when joined.source_code is null then null
            when joined.source_code in ('1', '10') then 'email'
            when joined.source_code in ('2', '4', '8', '9') then 'ticket'
            when joined.source_code = '3' then 'voice'
            when joined.source_code in ('5', '6') then 'social'
            when joined.source_code in ('7', '12', '13') then 'chat'
            else 'other'
        end as channel,
        joined.known_status as status,
        joined.requester_id as customer_id,
        null::text as customer_email,
        joined.account_id,
        {{ json_text('companies.facts', 'tier') }} as tier,
        joined.language,
        joined.topic,
        case joined.priority when '1' then 'low' when '2' then 'normal' when '3' then 'high' when '4' then 'urgent' end as priority,
        joined.product_area,
        case
            when jsonb_typeof(joined.tags) <> 'array' then case when joined.is_spam then '["spam"]'::jsonb end
            when joined.is_spam and not joined.tags @> '["spam"]' then joined.tags || '["spam"]'
            else joined.tags
        end as tags,
        jsonb_strip_nulls(jsonb_build_object(
            'source_code', joined.source_code,
            'group_id', joined.group_id,
            -- a status of the account's own is kept as its number
            'stated_status', case when joined.known_status is null then joined.status end
        )) as attributes,
        case when joined.is_without_conversations then jsonb_build_array('conversations') end as quarantined_message_ids,
        joined.rating::numeric as rating,
        case when joined.rating is not null then 1::numeric end as rating_scale_min,
        case when joined.rating is not null then joined.scale_max::numeric end as rating_scale_max,
        -- a ticket that is deleted after its merge is deleted
        false as is_removed_by_merge,
        joined.created_at as started_at,
        case when joined.known_status in ('solved', 'closed') then coalesce(joined.resolved_at, joined.closed_at) end as solved_at,
        case when joined.known_status = 'closed' then joined.closed_at end as closed_at,
        case when joined.is_deleted then coalesce(joined.deleted_found_at, joined.updated_at) end as deleted_at,
        joined.rated_at,
        joined._cast_errors,
        joined._load_id,
        joined._loaded_at
    from joined
    left join {{ ref('int_records__timeline') }} as companies
        on
            joined.source = companies.source
            and joined.instance = companies.instance
            and companies.record_type = 'company'
            and joined.account_id = companies.record_id
            and joined.created_at >= companies.valid_from
            and joined.created_at < companies.valid_to

)

select * from final
