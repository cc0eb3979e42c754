{{
    config(
        materialized='table',
        indexes=[{'columns': ['record_type', 'source', 'instance', 'record_id'], 'unique': true}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per record that is no part of an interaction (a person, a company, an article) and that landed since core was last built
{%- set known = built_before('staging', 'int_records__timeline', {
    'source': 'text', 'instance': 'text', 'record_type': 'text', 'facts': 'jsonb', '_ledger_id': 'bigint'
}) %}
{#- per kind of record: the model that lands it, which column names the record, and which of its rows count #}
{%- set landed = [
    ('user', 'stg_zendesk__users', 'landed.user_id', none),
    ('staff', 'stg_zendesk__group_memberships', 'landed.user_id', none),
    ('group', 'stg_zendesk__groups', 'landed.group_id', none),
    ('organization', 'stg_zendesk__organizations', 'landed.organization_id', none),
    ('article', 'stg_zendesk__articles', 'landed.record_id', none),
    ('owner', 'stg_hubspot__owners', 'landed.actor_id', none),
    ('actor', 'stg_hubspot__actors', 'landed.actor_id', none),
    ('contact', 'stg_hubspot__contacts', 'landed.contact_id', none),
    ('company', 'stg_hubspot__companies', 'landed.company_id', none),
    ('deal', 'stg_hubspot__deals', 'landed.deal_id', none),
    ('deal', 'stg_hubspot__associations', 'landed.from_id', "landed.from_type = 'deals'"),
    ('feedback', 'stg_hubspot__feedback_submissions', 'landed.feedback_id', none),
    (
        'feedback', 'stg_hubspot__associations', 'landed.from_id',
        "landed.from_type = 'feedback_submissions' and landed.to_type = 'tickets'",
    ),
    (
        'stage', 'stg_hubspot__pipeline_stages',
        "landed.object_type || ':' || landed.pipeline_id || ':' || landed.stage_id", none,
    ),
] %}
with

changed as (
    {%- for record_type, relation, record_id, condition in landed %}

        select
            landed.source,
            landed.instance,
            '{{ record_type }}' as record_type,
            {{ record_id }} as record_id
        from {{ ref(relation) }} as landed
        where {{ is_pending('landed') }}{% if condition %} and {{ condition }}{% endif %}

        union
    {%- endfor %}

    -- an account that the AI agents' export speaks of for the first time
    select
        authors.source,
        authors.instance,
        'user' as record_type,
        authors.author_id as record_id
    from {{ ref('int_zendesk__ai_authors') }} as authors
    where authors._ledger_id > {{ last_run_of('core') }}

    union

    -- a group that is renamed renames the team of all its members
    select
        memberships.source,
        memberships.instance,
        'staff' as record_type,
        memberships.user_id as record_id
    from {{ ref('stg_zendesk__groups') }} as groups
    inner join {{ ref('stg_zendesk__group_memberships') }} as memberships
        on
            groups.instance = memberships.instance
            and groups.group_id = memberships.group_id
    where {{ is_pending('groups') }}

    union

    -- which field of a ticket means what: stated by the instance or by its configuration, which no load brings
    select
        fields.source,
        fields.instance,
        'ticket_fields' as record_type,
        '*' as record_id
    from {{ ref('int_zendesk__ticket_fields') }} as fields
    left join {{ known }} as known
        on
            fields.source = known.source
            and fields.instance = known.instance
            and known.record_type = 'ticket_fields'
    where
        known.facts is distinct from fields.facts
        or known._ledger_id > {{ last_run_of('core') }}

)

select
    source,
    instance,
    record_type,
    record_id
from changed
where record_id is not null
