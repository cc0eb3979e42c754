{{ config(materialized='steady_view') }}
-- one row per ticket that this run works on, in the shape that all sources share
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'rt'

),

tickets as (

    select
        tickets.*,
        tickets.effective_id <> tickets.ticket_id as is_merged
    from pending
    inner join {{ ref('stg_rt__tickets') }} as tickets
        on
            pending.instance = tickets.instance
            and pending.interaction_id = tickets.ticket_id
    -- approvals and reminders are tickets to RT, and nobody's conversation
    where tickets.ticket_type = 'ticket'

),

configured as (

    select * from {{ ref('int_records__timeline') }}
    where source = 'rt' and record_type = 'configuration'

),

beginnings as (

    select
        transactions.instance,
        transactions.ticket_id,
        min(transactions.created_at) as created_at,
        min(transactions.transaction_id) as transaction_id,
        min(transactions.author_id) as author_id
    from pending
    inner join {{ ref('stg_rt__transactions') }} as transactions
        on
            pending.instance = transactions.instance
            and pending.interaction_id = transactions.ticket_id
    where transactions.transaction_type = 'Create'
    group by transactions.instance, transactions.ticket_id

),

statuses as (

    select
        changes.instance,
        changes.ticket_id,
        changes.value as stated_status,
        changes.position,
        changes.changed_at,
        {{ rt_status('changes.value', 'configured.facts') }} as status
    from {{ ref('int_rt__changes') }} as changes
    left join configured on changes.instance = configured.instance
    where changes.field = 'status'

),

last_statuses as (

    select distinct on (instance, ticket_id) *
    from statuses
    order by instance asc, ticket_id asc, position desc

),

-- a deleted ticket no longer says which status it had
last_living as (

    select distinct on (instance, ticket_id)
        instance,
        ticket_id,
        status
    from statuses
    where stated_status <> 'deleted'
    order by instance asc, ticket_id asc, position desc

),

placed as (

    select
        *,
        max(position) filter (where coalesce(status, '') not in ('solved', 'closed'))
            over (partition by instance, ticket_id) as last_open_position
    from statuses
    where stated_status <> 'deleted'

),

endings as (

    select
        instance,
        ticket_id,
        min(changed_at) as solved_at,
        min(changed_at) filter (where status = 'closed') as closed_at
    from placed
    where status in ('solved', 'closed') and position > coalesce(last_open_position, 0)
    group by instance, ticket_id

),

ratings as (

    select distinct on (transactions.instance, transactions.ticket_id)
        transactions.instance,
        transactions.ticket_id,
        transactions.created_at as rated_at
    from tickets
    inner join configured on tickets.instance = configured.instance
    cross join lateral {{ json_elements('tickets.custom_fields') }} as given (entry)
    inner join {{ ref('stg_rt__transactions') }} as transactions
        on
            tickets.instance = transactions.instance
            and tickets.ticket_id = transactions.ticket_id
            and {{ json_text('given.entry', 'id') }} = transactions.field
    where
        {{ json_text('given.entry', 'name') }} = {{ json_text('configured.facts', 'csat') }}
        and transactions.transaction_type = 'CustomField' and transactions.new_value is not null
    order by transactions.instance asc, transactions.ticket_id asc, transactions.position desc

),

ways as (

    select distinct on (attachments.instance, attachments.ticket_id)
        attachments.instance,
        attachments.ticket_id,
        attachments.interface
    from beginnings
    inner join {{ ref('stg_rt__attachments') }} as attachments
        on
            beginnings.instance = attachments.instance
            and beginnings.ticket_id = attachments.ticket_id
            and beginnings.transaction_id = attachments.transaction_id
    where attachments.interface is not null
    order by attachments.instance asc, attachments.ticket_id asc, attachments.position asc

),

joined as (

    select
        tickets.*,
        configured.facts,
        ways.interface,
        ratings.rated_at,
        endings.solved_at,
        endings.closed_at,
        beginnings.ticket_id is null as is_without_past,
        coalesce(tickets.created_at, beginnings.created_at) as started_at,
        -- of a ticket that was merged before it was read only its transactions tell anything: who made it asked for it
        coalesce(
            tickets.requestor_id, case when {{ json_text('makers.facts', 'actor') }} = 'customer' then beginnings.author_id end
        ) as customer_id,
        {{ rt_field('tickets', 'configured.facts', 'topic', var('ticket_field_titles')['topic']) }} as topic,
        {{ rt_field('tickets', 'configured.facts', 'product_area', var('ticket_field_titles')['product_area']) }} as product_area,
        {{ rt_field('tickets', 'configured.facts', 'language', var('ticket_field_titles')['language']) }} as language,
        {{ rt_field('tickets', 'configured.facts', 'channel') }} as channel,
        ops.try_cast_numeric({{ rt_field('tickets', 'configured.facts', 'csat') }}) as rating,
        case
            when tickets.status = 'deleted' then last_living.status
            when tickets.is_merged then 'closed'
            else {{ rt_status('tickets.status', 'configured.facts') }}
        end as known_status,
        -- what was merged away leads to another ticket, and only its own transactions tell of its end
        case
            when last_statuses.stated_status = 'deleted' then last_statuses.changed_at
            when tickets.status = 'deleted' and not tickets.is_merged then tickets.updated_at
        end as deleted_at
    from tickets
    left join configured on tickets.instance = configured.instance
    left join beginnings
        on
            tickets.instance = beginnings.instance
            and tickets.ticket_id = beginnings.ticket_id
    left join last_statuses
        on
            tickets.instance = last_statuses.instance
            and tickets.ticket_id = last_statuses.ticket_id
    left join last_living
        on
            tickets.instance = last_living.instance
            and tickets.ticket_id = last_living.ticket_id
    left join endings
        on
            tickets.instance = endings.instance
            and tickets.ticket_id = endings.ticket_id
    left join ratings
        on
            tickets.instance = ratings.instance
            and tickets.ticket_id = ratings.ticket_id
    left join ways
        on
            tickets.instance = ways.instance
            and tickets.ticket_id = ways.ticket_id
    left join {{ ref('int_records__timeline') }} as makers
        on
            tickets.source = makers.source
            and tickets.instance = makers.instance
            and makers.record_type = 'user'
            and beginnings.author_id = makers.record_id

),

final as (

    select
        joined.source,
        joined.instance,
        joined.ticket_id as interaction_id,
        case
            when joined.channel in ('chat', 'email', 'ticket', 'voice', 'social') then joined.channel
            when joined.interface is null then null
            when joined.interface = 'Email' then 'email'
            when joined.interface in ('Web', 'Mobile', 'REST', 'REST2', 'SelfService', 'CLI') then 'ticket'
            else 'other'
        end as channel,
        joined.known_status as status,
        joined.customer_id,
        null::text as customer_email,
        null::text as account_id,
        null::text as tier,
        joined.language,
        joined.topic,
        -- as RT names them from version 5 on
        case when joined.priority >= 100 then 'high' when joined.priority >= 50 then 'medium' when joined.priority >= 0 then 'low' end
            as priority,
        joined.product_area,
        null::jsonb as tags,
        jsonb_strip_nulls(jsonb_build_object(
            'interface', joined.interface,
            'stated_priority', joined.priority,
            -- a status that the model does not know is kept in the source's words
            'stated_status', case when joined.known_status is null and joined.status <> 'deleted' then joined.status end
        )) as attributes,
        case when joined.is_without_past then jsonb_build_array('messages before the start') end as quarantined_message_ids,
        case
            when
                joined.rating between ops.try_cast_numeric({{ json_text('joined.facts', 'csat_min') }})
                and ops.try_cast_numeric({{ json_text('joined.facts', 'csat_max') }})
                then joined.rating
        end as rating,
        ops.try_cast_numeric({{ json_text('joined.facts', 'csat_min') }}) as rating_scale_min,
        ops.try_cast_numeric({{ json_text('joined.facts', 'csat_max') }}) as rating_scale_max,
        false as is_removed_by_merge,
        joined.started_at,
        case when joined.known_status in ('solved', 'closed') then coalesce(joined.solved_at, joined.resolved_at) end as solved_at,
        case when joined.known_status = 'closed' then joined.closed_at end as closed_at,
        joined.deleted_at,
        joined.rated_at,
        joined._cast_errors,
        joined._load_id,
        joined._loaded_at
    from joined

)

select * from final
