{{ config(materialized='steady_view') }}
-- one row per case that this run works on, in the shape that all sources share
with

pending as (

    select * from {{ ref('pending_interactions') }}
    where source = 'salesforce'

),

cases as (

    select cases.*
    from pending
    inner join {{ ref('stg_salesforce__cases') }} as cases
        on
            pending.instance = cases.instance
            and pending.interaction_id = cases.case_id

),

statuses as (

    select
        *,
        max(changed_at) filter (where status not in ('solved', 'closed')) over (partition by instance, interaction_id)
            as last_open_at
    from {{ ref('int_salesforce__status_changes') }}

),

endings as (

    select
        instance,
        interaction_id,
        min(changed_at) as solved_at,
        min(changed_at) filter (where status = 'closed') as closed_at
    from statuses
    where status in ('solved', 'closed') and changed_at >= coalesce(last_open_at, changed_at)
    group by instance, interaction_id

),

joined as (

    select
        cases.*,
        settings.facts as settings,
        endings.solved_at as told_solved_at,
        endings.closed_at as told_closed_at,
        coalesce(cases.account_id, {{ json_text('contacts.facts', 'organization_id') }}) as stated_account_id,
        coalesce(
            {{ salesforce_status('cases.status', "(settings.facts -> 'statuses')") }},
            -- a status of the organisation's own says at least this
            case when cases.is_closed then 'closed' when not cases.is_closed then 'open' end
        ) as known_status
    from cases
    left join endings
        on
            cases.instance = endings.instance
            and cases.case_id = endings.interaction_id
    left join {{ ref('int_records__timeline') }} as contacts
        on
            cases.source = contacts.source
            and cases.instance = contacts.instance
            and contacts.record_type = 'contact'
            and cases.contact_id = contacts.record_id
    left join {{ ref('int_records__timeline') }} as settings
        on
            cases.source = settings.source
            and cases.instance = settings.instance
            and settings.record_type = 'ticket_fields'
            and settings.record_id = '*'

),

final as (

    select
        joined.source,
        joined.instance,
        joined.case_id as interaction_id,
        case
            when joined.origin is null then null
            when joined.origin ilike '%mail%' then 'email'
            when joined.origin ilike '%chat%' or joined.origin ilike '%messag%' or joined.origin ilike '%sms%' then 'chat'
            when joined.origin ilike '%phone%' or joined.origin ilike '%voice%' or joined.origin ilike '%call%' then 'voice'
            when joined.origin ~* '(facebook|twitter|instagram|social|linkedin)' then 'social'
            when joined.origin ~* '(web|portal|community|form)' then 'ticket'
            else 'other'
        end as channel,
        joined.known_status as status,
        joined.contact_id as customer_id,
        case when joined.contact_id is null then joined.supplied_email end as customer_email,
        joined.stated_account_id as account_id,
        {{ json_text('accounts.facts', 'tier') }} as tier,
        joined.language,
        joined.topic,
        case lower(joined.priority) when 'medium' then 'normal' when 'critical' then 'urgent' else lower(joined.priority) end
            as priority,
        joined.product_area,
        to_jsonb(joined.tags) as tags,
        jsonb_strip_nulls(jsonb_build_object(
            'origin', joined.origin,
            'case_number', joined.case_number,
            'case_type', joined.case_type,
            'stated_status', joined.status
        )) as attributes,
        null::jsonb as quarantined_message_ids,
        joined.rating,
        coalesce(ops.try_cast_numeric(joined.settings #>> '{rating_scale,min}'), 1) as rating_scale_min,
        coalesce(ops.try_cast_numeric(joined.settings #>> '{rating_scale,max}'), 5) as rating_scale_max,
        -- a merge puts the case into the recycling bin
        true as is_removed_by_merge,
        joined.created_at as started_at,
        case when joined.known_status in ('solved', 'closed') then coalesce(joined.told_solved_at, joined.closed_at) end
            as solved_at,
        case when joined.known_status = 'closed' then coalesce(joined.told_closed_at, joined.closed_at) end as closed_at,
        case when joined.is_deleted then joined.updated_at end as deleted_at,
        case when joined.rating is not null then coalesce(joined.rated_at, joined.updated_at) end as rated_at,
        joined._cast_errors,
        joined._load_id,
        joined._loaded_at
    from joined
    left join {{ ref('int_records__timeline') }} as accounts
        on
            joined.source = accounts.source
            and joined.instance = accounts.instance
            and accounts.record_type = 'company'
            and joined.stated_account_id = accounts.record_id
            and joined.created_at >= accounts.valid_from
            and joined.created_at < accounts.valid_to

)

select * from final
