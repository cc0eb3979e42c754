-- one row per record of Intercom that is no part of a conversation and that landed since core was last built, or that is configured
{#- per kind of record: the model that lands it, which column names the record, and what it is #}
{%- set landed = [
    ('contact', 'stg_intercom__contacts', 'contact_id', 'customer'),
    ('company', 'stg_intercom__companies', 'company_id', 'account'),
    ('admin', 'stg_intercom__admins', 'admin_id', 'agent'),
    ('team', 'stg_intercom__teams', 'team_id', none),
    ('article', 'stg_intercom__articles', 'article_id', 'article'),
] %}
with

changed as (

    {{ landed_records(landed) }}

    union all

    -- a team that is renamed renames the team of all who are or were in it
    {%- for relation in ['stg_intercom__admins', 'stg_intercom__admins_history'] %}

        select
            admins.source,
            admins.instance,
            'admin' as record_type,
            admins.admin_id as record_id,
            'agent' as entity_type,
            null::jsonb as facts
        from {{ ref('stg_intercom__teams') }} as teams
        inner join {{ ref(relation) }} as admins
            on
                teams.instance = admins.instance
                and teams.team_id = admins.team_id
        where {{ is_pending('teams') }}

        union all
    {%- endfor %}

    -- which attribute means what: no load brings it
    select
        settings.source,
        settings.instance,
        'settings' as record_type,
        '*' as record_id,
        null as entity_type,
        settings.facts
    from {{ ref('int_intercom__settings') }} as settings

)

select * from changed
