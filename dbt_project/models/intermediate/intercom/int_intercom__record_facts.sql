-- one row per record of Intercom that changed and moment: what conversations read of it
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'intercom'

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
    inner join {{ ref('stg_intercom__contacts') }} as contacts
        on
            changed.source = contacts.source
            and changed.instance = contacts.instance
            and changed.record_id = contacts.contact_id
    where changed.record_type = 'contact' and not contacts.is_archived

),

companies as (
    {%- for relation in ['stg_intercom__companies', 'stg_intercom__companies_history'] %}

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
        where changed.record_type = 'company' and not companies.is_archived
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

teams as (

    select
        teams.source,
        teams.instance,
        'team' as record_type,
        teams.team_id as record_id,
        null::timestamptz as observed_at,
        teams._load_id,
        jsonb_build_object('team', teams.team_name) as facts
    from changed
    inner join {{ ref('stg_intercom__teams') }} as teams
        on
            changed.source = teams.source
            and changed.instance = teams.instance
            and changed.record_id = teams.team_id
    where changed.record_type = 'team'

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
    inner join {{ ref('int_intercom__settings') }} as settings
        on
            changed.source = settings.source
            and changed.instance = settings.instance
    where changed.record_type = 'settings'

),

final as (

    select * from contacts
    union all
    select * from companies
    union all
    select * from teams
    union all
    select * from settings

)

select * from final
