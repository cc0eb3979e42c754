-- one row per record of Zendesk that is no part of a ticket and that landed since core was last built, or that is configured
{#- per kind of record: the model that lands it, which column names the record, and what it is. Which users are agents follows from
    what is known of them. #}
{%- set landed = [
    ('user', 'stg_zendesk__users', 'user_id', 'customer'),
    ('staff', 'stg_zendesk__group_memberships', 'user_id', 'agent'),
    ('group', 'stg_zendesk__groups', 'group_id', none),
    ('organization', 'stg_zendesk__organizations', 'organization_id', 'account'),
    ('article', 'stg_zendesk__articles', 'record_id', 'article'),
] %}
with

changed as (

    {{ landed_records(landed) }}

    union all

    -- an account that the AI agents' export speaks of for the first time
    select
        authors.source,
        authors.instance,
        'user' as record_type,
        authors.author_id as record_id,
        'customer' as entity_type,
        null::jsonb as facts
    from {{ ref('int_zendesk__ai_authors') }} as authors
    where authors._ledger_id > {{ last_run_of('core') }}

    union all

    -- a group that is renamed renames the team of all its members
    select
        memberships.source,
        memberships.instance,
        'staff' as record_type,
        memberships.user_id as record_id,
        'agent' as entity_type,
        null::jsonb as facts
    from {{ ref('stg_zendesk__groups') }} as groups
    inner join {{ ref('stg_zendesk__group_memberships') }} as memberships
        on
            groups.instance = memberships.instance
            and groups.group_id = memberships.group_id
    where {{ is_pending('groups') }}

    union all

    -- which field of a ticket means what: stated by the instance or by its configuration, which no load brings
    select
        fields.source,
        fields.instance,
        'ticket_fields' as record_type,
        '*' as record_id,
        null as entity_type,
        fields.facts
    from {{ ref('int_zendesk__ticket_fields') }} as fields

)

select * from changed
