-- one row per record of Freshdesk that is no part of a ticket and that landed since core was last built, or that is configured
{#- per kind of record: the model that lands it, which column names the record, and what it is. Which users are agents follows
    from what is known of them. #}
{%- set landed = [
    ('user', 'stg_freshdesk__contacts', 'contact_id', 'customer'),
    ('user', 'stg_freshdesk__agents', 'agent_id', 'customer'),
    ('staff', 'stg_freshdesk__agents', 'agent_id', 'agent'),
    ('company', 'stg_freshdesk__companies', 'company_id', 'account'),
    ('survey', 'stg_freshdesk__surveys', 'survey_id', none),
    ('article', 'stg_freshdesk__articles', 'article_id', 'article'),
] %}
with

changed as (

    {{ landed_records(landed) }}

    union all

    -- a group that is renamed renames the team of all who are or were in it
    {%- for relation in ['stg_freshdesk__agents', 'stg_freshdesk__agents_history'] %}

        select
            agents.source,
            agents.instance,
            'staff' as record_type,
            agents.agent_id as record_id,
            'agent' as entity_type,
            null::jsonb as facts
        from {{ ref('stg_freshdesk__groups') }} as groups
        inner join {{ ref(relation) }} as agents
            on
                groups.instance = agents.instance
                and groups.group_id = agents.group_id
        where {{ is_pending('groups') }}

        union all
    {%- endfor %}

    -- who is an AI agent is configured, which no load brings
    select
        staff.source,
        staff.instance,
        'user' as record_type,
        staff.user_id as record_id,
        'customer' as entity_type,
        staff.facts
    from {{ ref('int_freshdesk__staff') }} as staff

    union all

    select
        settings.source,
        settings.instance,
        'settings' as record_type,
        '*' as record_id,
        null as entity_type,
        settings.facts
    from {{ ref('int_freshdesk__settings') }} as settings

)

select * from changed
