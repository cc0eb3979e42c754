-- one row per record of Zendesk that changed and moment: what tickets read of it
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'zendesk'

),

users as (

    select
        users.source,
        users.instance,
        'user' as record_type,
        users.user_id as record_id,
        null::timestamptz as observed_at,
        users._load_id,
        jsonb_strip_nulls(jsonb_build_object(
            'actor', case
                when
                    users.is_ai_agent
                    or lower(users.agent_type) in ('ai_agent', 'ai', 'bot')
                    or lower(users.role_title) = any('{{ "{" ~ var("ai_agent_titles") | join(",") ~ "}" }}')
                    then 'ai_agent'
                when
                    exists (
                        select 1 from {{ ref('int_zendesk__ai_authors') }} as authors
                        where
                            authors.source = users.source and authors.instance = users.instance
                            and authors.author_id = users.user_id and authors.sender = 'bot'
                    )
                    -- one contradiction leaves an account what its role says
                    and not exists (
                        select 1 from {{ ref('int_zendesk__ai_authors') }} as authors
                        where
                            authors.source = users.source and authors.instance = users.instance
                            and authors.author_id = users.user_id and authors.sender = 'agent'
                    ) then 'ai_agent'
                when users.is_automation then 'system'
                when users.role in ('agent', 'admin') then 'human_agent'
                when users.role = 'end-user' then 'customer'
            end,
            'automation_reason', case when users.is_automation then 'user field is_automation' end,
            'organization_id', users.organization_id
        )) as facts
    from changed
    inner join {{ ref('stg_zendesk__users') }} as users
        on
            changed.source = users.source
            and changed.instance = users.instance
            and changed.record_id = users.user_id
    where changed.record_type = 'user'

),

groups as (

    select
        groups.source,
        groups.instance,
        'group' as record_type,
        groups.group_id as record_id,
        null::timestamptz as observed_at,
        groups._load_id,
        jsonb_build_object('team', groups.group_name) as facts
    from changed
    inner join {{ ref('stg_zendesk__groups') }} as groups
        on
            changed.source = groups.source
            and changed.instance = groups.instance
            and changed.record_id = groups.group_id
    where changed.record_type = 'group'

),

ticket_fields as (

    select
        fields.source,
        fields.instance,
        'ticket_fields' as record_type,
        '*' as record_id,
        null::timestamptz as observed_at,
        0::bigint as _load_id,
        fields.facts
    from changed
    inner join {{ ref('int_zendesk__ticket_fields') }} as fields
        on
            changed.source = fields.source
            and changed.instance = fields.instance
    where changed.record_type = 'ticket_fields'

),

organizations as (
    {%- for relation in ['stg_zendesk__organizations', 'stg_zendesk__organizations_history'] %}

        select
            organizations.source,
            organizations.instance,
            'organization' as record_type,
            organizations.organization_id as record_id,
            organizations.updated_at as observed_at,
            organizations._load_id,
            jsonb_strip_nulls(jsonb_build_object('tier', organizations.tier)) as facts
        from changed
        inner join {{ ref(relation) }} as organizations
            on
                changed.source = organizations.source
                and changed.instance = organizations.instance
                and changed.record_id = organizations.organization_id
        where changed.record_type = 'organization'
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

final as (

    select * from users
    union all
    select * from groups
    union all
    select * from ticket_fields
    union all
    select * from organizations

)

select * from final
