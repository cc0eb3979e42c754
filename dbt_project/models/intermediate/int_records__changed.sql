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
with

changed as (

    select
        users.source,
        users.instance,
        'user' as record_type,
        users.user_id as record_id
    from {{ ref('stg_zendesk__users') }} as users
    where {{ is_pending('users') }}

    union

    -- an account that the AI agents' export speaks of for the first time
    select
        authors.source,
        authors.instance,
        'user' as record_type,
        authors.author_id as record_id
    from {{ ref('int_zendesk__ai_authors') }} as authors
    where authors._ledger_id > {{ last_run_of('core') }}

    union

    select
        memberships.source,
        memberships.instance,
        'staff' as record_type,
        memberships.user_id as record_id
    from {{ ref('stg_zendesk__group_memberships') }} as memberships
    where memberships.user_id is not null and {{ is_pending('memberships') }}

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
    where memberships.user_id is not null and {{ is_pending('groups') }}

    union

    select
        groups.source,
        groups.instance,
        'group' as record_type,
        groups.group_id as record_id
    from {{ ref('stg_zendesk__groups') }} as groups
    where {{ is_pending('groups') }}

    union

    select
        organizations.source,
        organizations.instance,
        'organization' as record_type,
        organizations.organization_id as record_id
    from {{ ref('stg_zendesk__organizations') }} as organizations
    where {{ is_pending('organizations') }}

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

    union

    select
        articles.source,
        articles.instance,
        'article' as record_type,
        articles.record_id
    from {{ ref('stg_zendesk__articles') }} as articles
    where {{ is_pending('articles') }}

    union

    select
        owners.source,
        owners.instance,
        'owner' as record_type,
        owners.actor_id as record_id
    from {{ ref('stg_hubspot__owners') }} as owners
    where owners.actor_id is not null and {{ is_pending('owners') }}

    union

    select
        actors.source,
        actors.instance,
        'actor' as record_type,
        actors.actor_id as record_id
    from {{ ref('stg_hubspot__actors') }} as actors
    where {{ is_pending('actors') }}

    union

    select
        contacts.source,
        contacts.instance,
        'contact' as record_type,
        contacts.contact_id as record_id
    from {{ ref('stg_hubspot__contacts') }} as contacts
    where {{ is_pending('contacts') }}

    union

    select
        companies.source,
        companies.instance,
        'company' as record_type,
        companies.company_id as record_id
    from {{ ref('stg_hubspot__companies') }} as companies
    where {{ is_pending('companies') }}

    union

    select
        deals.source,
        deals.instance,
        'deal' as record_type,
        deals.deal_id as record_id
    from {{ ref('stg_hubspot__deals') }} as deals
    where {{ is_pending('deals') }}

    union

    select
        associations.source,
        associations.instance,
        'deal' as record_type,
        associations.from_id as record_id
    from {{ ref('stg_hubspot__associations') }} as associations
    where associations.from_type = 'deals' and {{ is_pending('associations') }}

    union

    select
        feedback.source,
        feedback.instance,
        'feedback' as record_type,
        feedback.feedback_id as record_id
    from {{ ref('stg_hubspot__feedback_submissions') }} as feedback
    where {{ is_pending('feedback') }}

    union

    select
        associations.source,
        associations.instance,
        'feedback' as record_type,
        associations.from_id as record_id
    from {{ ref('stg_hubspot__associations') }} as associations
    where associations.from_type = 'feedback_submissions' and associations.to_type = 'tickets' and {{ is_pending('associations') }}

    union

    select
        stages.source,
        stages.instance,
        'stage' as record_type,
        stages.object_type || ':' || stages.pipeline_id || ':' || stages.stage_id as record_id
    from {{ ref('stg_hubspot__pipeline_stages') }} as stages
    where {{ is_pending('stages') }}

)

select
    source,
    instance,
    record_type,
    record_id
from changed
where record_id is not null
