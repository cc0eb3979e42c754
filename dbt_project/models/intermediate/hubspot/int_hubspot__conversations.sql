{{ config(materialized='steady_view') }}
-- one row per ticket that this run works on, in the shape that all sources share
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'hubspot'

),

tickets as (

    select tickets.*
    from pending
    inner join {{ ref('stg_hubspot__tickets') }} as tickets
        on
            pending.instance = tickets.instance
            and pending.interaction_id = tickets.ticket_id

),

-- who wrote first; a ticket that took in another is associated with both customers
first_threads as (

    select distinct on (threads.instance, threads.ticket_id) threads.*
    from pending
    inner join {{ ref('stg_hubspot__threads') }} as threads
        on
            pending.instance = threads.instance
            and pending.interaction_id = threads.ticket_id
    where threads.contact_id is not null
    order by threads.instance asc, threads.ticket_id asc, threads.created_at asc, threads.thread_id asc

),

associated as (

    select
        associations.instance,
        associations.ticket_id,
        (array_agg(associations.to_id order by associations.ordinal) filter (where associations.to_type = 'contacts'))[1]
            as contact_id,
        (array_agg(associations.to_id order by associations.ordinal) filter (where associations.to_type = 'companies'))[1]
            as company_id
    from pending
    inner join {{ ref('stg_hubspot__associations') }} as associations
        on
            pending.instance = associations.instance
            and pending.interaction_id = associations.ticket_id
    where associations.from_type = 'tickets' and associations.to_id is not null
    group by associations.instance, associations.ticket_id

),

ratings as (

    select distinct on (feedback.instance, feedback.ticket_id) feedback.*
    from pending
    inner join {{ ref('int_hubspot__feedback') }} as feedback
        on
            pending.instance = feedback.instance
            and pending.interaction_id = feedback.ticket_id
    -- effort and recommendation are asked on other scales, and are ratings of their own
    where feedback.survey_type = 'csat'
    order by feedback.instance asc, feedback.ticket_id asc, feedback.submitted_at desc nulls last, feedback.record_id desc

),

joined as (

    select
        tickets.*,
        coalesce(first_threads.contact_id, associated.contact_id) as contact_id,
        associated.company_id as associated_company_id,
        ratings.rating,
        ratings.submitted_at as rated_at,
        coalesce(
            case
                when tickets.status_detail in ('new', 'open', 'pending', 'on_hold', 'solved', 'closed') then tickets.status_detail
            end,
            {{ json_text('stages.facts', 'status') }},
            -- the stages of the pipeline that every account has
            case
                when tickets.pipeline_id = '0'
                    then case tickets.stage_id when '1' then 'new' when '2' then 'pending' when '3' then 'open' when '4' then 'closed' end
            end
        ) as known_status
    from tickets
    left join first_threads
        on
            tickets.instance = first_threads.instance
            and tickets.ticket_id = first_threads.ticket_id
    left join associated
        on
            tickets.instance = associated.instance
            and tickets.ticket_id = associated.ticket_id
    left join ratings
        on
            tickets.instance = ratings.instance
            and tickets.ticket_id = ratings.ticket_id
    left join {{ ref('int_records__timeline') }} as stages
        on
            tickets.source = stages.source
            and tickets.instance = stages.instance
            and stages.record_type = 'stage'
            and stages.record_id = 'tickets:' || tickets.pipeline_id || ':' || tickets.stage_id

),

placed as (

    select
        joined.*,
        coalesce(joined.associated_company_id, {{ json_text('contacts.facts', 'organization_id') }}) as account_id
    from joined
    left join {{ ref('int_records__timeline') }} as contacts
        on
            joined.source = contacts.source
            and joined.instance = contacts.instance
            and contacts.record_type = 'contact'
            and joined.contact_id = contacts.record_id

),

final as (

    select
        placed.source,
        placed.instance,
        placed.ticket_id as interaction_id,
        case
            when placed.source_type is null then null
            when placed.source_type = 'CHAT' then 'chat'
            when placed.source_type = 'EMAIL' then 'email'
            when placed.source_type = 'FORM' then 'ticket'
            when placed.source_type in ('PHONE', 'CALL', 'CALLING') then 'voice'
            when placed.source_type in ('FACEBOOK', 'INSTAGRAM', 'TWITTER') then 'social'
            else 'other'
        end as channel,
        placed.known_status as status,
        placed.contact_id as customer_id,
        null::text as customer_email,
        placed.account_id,
        {{ json_text('companies.facts', 'tier') }} as tier,
        placed.language,
        placed.topic,
        case when placed.priority = 'MEDIUM' then 'normal' else lower(placed.priority) end as priority,
        placed.product_area,
        to_jsonb(placed.tags) as tags,
        jsonb_strip_nulls(jsonb_build_object(
            'source_type', placed.source_type,
            'pipeline_id', placed.pipeline_id,
            'stage_id', placed.stage_id
        )) as attributes,
        null::jsonb as quarantined_message_ids,
        placed.rating,
        1::numeric as rating_scale_min,
        5::numeric as rating_scale_max,
        -- HubSpot takes a merged ticket away
        true as is_removed_by_merge,
        placed.created_at as started_at,
        case when placed.known_status in ('solved', 'closed') then placed.closed_at end as solved_at,
        case when placed.known_status = 'closed' then placed.closed_at end as closed_at,
        case when placed.is_archived then placed.archived_at end as deleted_at,
        placed.rated_at,
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
