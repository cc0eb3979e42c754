-- one row per record of HubSpot that changed and moment: what tickets read of it
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'hubspot'

),

companies as (
    {%- for relation in ['stg_hubspot__companies', 'stg_hubspot__companies_history'] %}

        select
            companies.source,
            companies.instance,
            'company' as record_type,
            companies.company_id as record_id,
            companies.updated_at as observed_at,
            companies._load_id,
            jsonb_strip_nulls(jsonb_build_object('tier', companies.tier)) as facts
        from changed
        inner join {{ ref(relation) }} as companies
            on
                changed.source = companies.source
                and changed.instance = companies.instance
                and changed.record_id = companies.company_id
        where changed.record_type = 'company'
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

contacts as (

    select
        contacts.source,
        contacts.instance,
        'contact' as record_type,
        contacts.contact_id as record_id,
        null::timestamptz as observed_at,
        contacts._load_id,
        jsonb_strip_nulls(jsonb_build_object('actor', 'customer', 'organization_id', contacts.company_id)) as facts
    from changed
    inner join {{ ref('stg_hubspot__contacts') }} as contacts
        on
            changed.source = contacts.source
            and changed.instance = contacts.instance
            and changed.record_id = contacts.contact_id
    where changed.record_type = 'contact' and not contacts.is_archived

),

owners as (
    {%- for relation in ['stg_hubspot__owners', 'stg_hubspot__owners_history'] %}

        select
            owners.source,
            owners.instance,
            'owner' as record_type,
            owners.actor_id as record_id,
            owners.updated_at as observed_at,
            owners._load_id,
            jsonb_strip_nulls(jsonb_build_object('team', owners.team)) as facts
        from changed
        inner join {{ ref(relation) }} as owners
            on
                changed.source = owners.source
                and changed.instance = owners.instance
                and changed.record_id = owners.actor_id
        where changed.record_type = 'owner'
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

stages as (

    select
        stages.source,
        stages.instance,
        'stage' as record_type,
        changed.record_id,
        null::timestamptz as observed_at,
        stages._load_id,
        jsonb_strip_nulls(jsonb_build_object('status', case
            when stages.ticket_state = 'CLOSED' then 'closed'
            when stages.stage_label ilike 'new' then 'new'
            when stages.stage_label ilike '%on contact%' or stages.stage_label ilike '%on customer%' then 'pending'
            when stages.stage_label ilike '%hold%' then 'on_hold'
            when stages.ticket_state = 'OPEN' then 'open'
        end)) as facts
    from changed
    inner join {{ ref('stg_hubspot__pipeline_stages') }} as stages
        on
            changed.source = stages.source
            and changed.instance = stages.instance
            and changed.record_id = stages.object_type || ':' || stages.pipeline_id || ':' || stages.stage_id
    where changed.record_type = 'stage' and stages.object_type = 'tickets'

),

final as (

    select * from companies
    union all
    select * from contacts
    union all
    select * from owners
    union all
    select * from stages

)

select * from final
