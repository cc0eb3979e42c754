-- one row per record of Freshdesk that changed and moment: what tickets read of it
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'freshdesk'

),

users as (

    select
        changed.source,
        changed.instance,
        changed.record_type,
        changed.record_id,
        null::timestamptz as observed_at,
        coalesce(staff._load_id, contacts._load_id) as _load_id,
        -- an agent may be listed as a contact too
        coalesce(
            staff.facts,
            jsonb_strip_nulls(jsonb_build_object(
                'actor', 'customer',
                'organization_id', contacts.company_id,
                'language', contacts.language
            ))
        ) as facts
    from changed
    left join {{ ref('int_freshdesk__staff') }} as staff
        on
            changed.instance = staff.instance
            and changed.record_id = staff.user_id
    left join {{ ref('stg_freshdesk__contacts') }} as contacts
        on
            changed.instance = contacts.instance
            and changed.record_id = contacts.contact_id
    where changed.record_type = 'user' and coalesce(staff.user_id, contacts.contact_id) is not null

),

staff as (
    {%- for relation in ['stg_freshdesk__agents', 'stg_freshdesk__agents_history'] %}

        select
            agents.source,
            agents.instance,
            'staff' as record_type,
            agents.agent_id as record_id,
            agents.updated_at as observed_at,
            agents._load_id,
            jsonb_strip_nulls(jsonb_build_object('team', groups.group_name)) as facts
        from changed
        inner join {{ ref(relation) }} as agents
            on
                changed.source = agents.source
                and changed.instance = agents.instance
                and changed.record_id = agents.agent_id
        left join {{ ref('stg_freshdesk__groups') }} as groups
            on
                agents.instance = groups.instance
                and agents.group_id = groups.group_id
        where changed.record_type = 'staff'
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

companies as (
    {%- for relation in ['stg_freshdesk__companies', 'stg_freshdesk__companies_history'] %}

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
        -- what is deleted says nothing any more, and is told by the time of what it said last
        where changed.record_type = 'company' and not companies.is_archived
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

surveys as (

    select
        surveys.source,
        surveys.instance,
        'survey' as record_type,
        surveys.survey_id as record_id,
        null::timestamptz as observed_at,
        surveys._load_id,
        jsonb_strip_nulls(jsonb_build_object('accepted_ratings', surveys.accepted_ratings)) as facts
    from changed
    inner join {{ ref('stg_freshdesk__surveys') }} as surveys
        on
            changed.source = surveys.source
            and changed.instance = surveys.instance
            and changed.record_id = surveys.survey_id
    where changed.record_type = 'survey'

),

settings as (

    select
        settings.source,
        settings.instance,
        'settings' as record_type,
        '*' as record_id,
        null::timestamptz as observed_at,
        0::bigint as _load_id,
        settings.facts
    from changed
    inner join {{ ref('int_freshdesk__settings') }} as settings
        on
            changed.source = settings.source
            and changed.instance = settings.instance
    where changed.record_type = 'settings'

),

final as (

    select * from users
    union all
    select * from staff
    union all
    select * from companies
    union all
    select * from surveys
    union all
    select * from settings

)

select * from final
