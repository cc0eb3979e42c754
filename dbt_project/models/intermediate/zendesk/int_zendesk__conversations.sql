{{ config(materialized='steady_view') }}
-- one row per ticket that this run works on, in the shape that all sources share
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'zendesk'

),

tickets as (

    select tickets.*
    from pending
    inner join {{ ref('stg_zendesk__tickets') }} as tickets
        on
            pending.instance = tickets.instance
            and pending.interaction_id = tickets.ticket_id

),

-- what was said before the instance's start is not in the export of events; a ticket is whole when its first audit is held
first_audits as (

    select
        audits.instance,
        audits.ticket_id,
        min(audits.created_at) as created_at
    from pending
    inner join {{ ref('stg_zendesk__ticket_audits') }} as audits
        on
            pending.instance = audits.instance
            and pending.interaction_id = audits.ticket_id
    group by audits.instance, audits.ticket_id

),

configured as (

    select
        instance,
        {{ try_cast('options', 'start', 'moment') }} as start_at
    from {{ ref('stg_ops__source_options') }}
    where source = 'zendesk'

),

status_changes as (

    select
        instance,
        ticket_id,
        value,
        position,
        changed_at,
        max(position) filter (where value not in ('solved', 'closed')) over (partition by instance, ticket_id) as last_open_position
    from {{ ref('int_zendesk__changes') }}
    where field = 'status' and value <> 'deleted'

),

-- a deleted ticket no longer says which status it had
last_statuses as (

    select distinct on (instance, ticket_id)
        instance,
        ticket_id,
        value as status
    from status_changes
    order by instance asc, ticket_id asc, position desc

),

endings as (

    select
        instance,
        ticket_id,
        min(changed_at) as solved_at,
        min(changed_at) filter (where value = 'closed') as closed_at
    from status_changes
    where value in ('solved', 'closed') and position > coalesce(last_open_position, 0)
    group by instance, ticket_id

),

ratings as (

    select distinct on (ratings.instance, ratings.ticket_id) ratings.*
    from pending
    inner join {{ ref('stg_zendesk__satisfaction_ratings') }} as ratings
        on
            pending.instance = ratings.instance
            and pending.interaction_id = ratings.ticket_id
    order by ratings.instance asc, ratings.ticket_id asc, ratings.updated_at desc nulls last, ratings.rating_id desc

),

deletions as (

    select deletions.*
    from pending
    inner join {{ ref('stg_zendesk__deleted_tickets') }} as deletions
        on
            pending.instance = deletions.instance
            and pending.interaction_id = deletions.ticket_id

),

measured as (

    select measured.*
    from pending
    inner join {{ ref('stg_zendesk__metric_sets') }} as measured
        on
            pending.instance = measured.instance
            and pending.interaction_id = measured.ticket_id

),

joined as (

    select
        tickets.*,
        endings.solved_at as told_solved_at,
        endings.closed_at,
        measured.solved_at as measured_solved_at,
        ratings.updated_at as rated_at,
        (
            tickets.created_at < configured.start_at
            and coalesce(first_audits.created_at > tickets.created_at + interval '1 minute', true)
        ) as is_without_past,
        coalesce(ratings.score, tickets.rating_score) as score,
        coalesce(tickets.organization_id, {{ json_text('requesters.facts', 'organization_id') }}) as account_id,
        {%- for attribute in ['topic', 'product_area', 'language'] %}
            (
                select max(nullif({{ json_text('given.entry', 'value') }}, ''))
                from {{ json_elements('tickets.custom_fields') }} as given (entry)
                where {{ json_text('given.entry', 'id') }} = {{ json_text('fields.facts', attribute) }}
            ) as {{ attribute }},
        {%- endfor %}
        case case when tickets.status = 'deleted' then last_statuses.status else tickets.status end
            when 'hold' then 'on_hold'
            when 'new' then 'new'
            when 'open' then 'open'
            when 'pending' then 'pending'
            when 'solved' then 'solved'
            when 'closed' then 'closed'
        end as known_status,
        -- the list of deleted tickets keeps a ticket that was restored; the ticket itself then says something newer
        case
            when tickets.status = 'deleted' then coalesce(deletions.deleted_at, tickets.generated_at)
            when deletions.deleted_at >= coalesce(tickets.generated_at, deletions.deleted_at) then deletions.deleted_at
        end as deleted_at
    from tickets
    left join last_statuses
        on
            tickets.instance = last_statuses.instance
            and tickets.ticket_id = last_statuses.ticket_id
    left join endings
        on
            tickets.instance = endings.instance
            and tickets.ticket_id = endings.ticket_id
    left join measured
        on
            tickets.instance = measured.instance
            and tickets.ticket_id = measured.ticket_id
    left join first_audits
        on
            tickets.instance = first_audits.instance
            and tickets.ticket_id = first_audits.ticket_id
    left join configured on tickets.instance = configured.instance
    left join ratings
        on
            tickets.instance = ratings.instance
            and tickets.ticket_id = ratings.ticket_id
    left join deletions
        on
            tickets.instance = deletions.instance
            and tickets.ticket_id = deletions.ticket_id
    left join {{ ref('int_records__timeline') }} as requesters
        on
            tickets.source = requesters.source
            and tickets.instance = requesters.instance
            and requesters.record_type = 'user'
            and tickets.requester_id = requesters.record_id
    left join {{ ref('int_records__timeline') }} as fields
        on
            tickets.source = fields.source
            and tickets.instance = fields.instance
            and fields.record_type = 'ticket_fields'
            and fields.record_id = '*'

),

final as (

    select
        joined.source,
        joined.instance,
        joined.ticket_id as interaction_id,
        case
            when joined.via_channel is null then null
            when joined.via_channel = 'email' then 'email'
            when joined.via_channel in ('chat', 'messaging', 'native_messaging', 'web_messaging', 'sunshine_conversations_api')
                then 'chat'
            when joined.via_channel in ('whatsapp', 'line', 'wechat', 'sms', 'apple_business_chat', 'google_business_messages')
                then 'chat'
            when
                joined.via_channel in ('voice', 'phone', 'voicemail', 'phone_call_inbound', 'phone_call_outbound')
                then 'voice'
            when
                joined.via_channel in (
                    'twitter', 'twitter_dm', 'facebook', 'facebook_post', 'facebook_message', 'messenger',
                    'instagram', 'instagram_dm', 'any_channel'
                )
                then 'social'
            when
                joined.via_channel in (
                    'web', 'web_form', 'web_service', 'web_widget', 'api', 'mobile', 'mobile_sdk', 'help_center', 'forum',
                    'side_conversation', 'closed_ticket', 'sample_ticket'
                )
                then 'ticket'
            else 'other'
        end as channel,
        joined.known_status as status,
        joined.requester_id as customer_id,
        null::text as customer_email,
        joined.account_id,
        {{ json_text('organizations.facts', 'tier') }} as tier,
        joined.language,
        joined.topic,
        joined.priority,
        joined.product_area,
        case when jsonb_typeof(joined.tags) = 'array' then joined.tags end as tags,
        jsonb_strip_nulls(jsonb_build_object(
            'via_channel', joined.via_channel,
            'support_type', joined.support_type,
            'brand_id', joined.brand_id,
            -- a status that the model does not know is kept in the source's words
            'stated_status', case when joined.known_status is null and joined.status <> 'deleted' then joined.status end
        )) as attributes,
        case when joined.is_without_past then jsonb_build_array('messages before the start') end as quarantined_message_ids,
        (case joined.score when 'good' then 1 when 'good_with_comment' then 1 when 'bad' then 0 when 'bad_with_comment' then 0 end)
        ::numeric as rating,
        0::numeric as rating_scale_min,
        1::numeric as rating_scale_max,
        -- a ticket that is deleted after its merge is deleted
        false as is_removed_by_merge,
        joined.created_at as started_at,
        case
            when joined.known_status in ('solved', 'closed') then coalesce(joined.told_solved_at, joined.measured_solved_at)
        end as solved_at,
        case when joined.known_status = 'closed' then joined.closed_at end as closed_at,
        joined.deleted_at,
        joined.rated_at,
        joined._cast_errors,
        joined._load_id,
        joined._loaded_at
    from joined
    left join {{ ref('int_records__timeline') }} as organizations
        on
            joined.source = organizations.source
            and joined.instance = organizations.instance
            and organizations.record_type = 'organization'
            and joined.account_id = organizations.record_id
            and joined.created_at >= organizations.valid_from
            and joined.created_at < organizations.valid_to

)

select * from final
