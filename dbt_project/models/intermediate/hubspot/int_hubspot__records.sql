-- one row per record of HubSpot that is no part of a ticket and that landed since core was last built
{#- per kind of record: the model that lands it, which column names the record, and what it is #}
{%- set landed = [
    ('owner', 'stg_hubspot__owners', 'actor_id', 'agent'),
    ('actor', 'stg_hubspot__actors', 'actor_id', 'agent'),
    ('contact', 'stg_hubspot__contacts', 'contact_id', 'customer'),
    ('company', 'stg_hubspot__companies', 'company_id', 'account'),
    ('feedback', 'stg_hubspot__feedback_submissions', 'feedback_id', none),
] %}
with

landed_stages as (

    select * from {{ ref('stg_hubspot__pipeline_stages') }} as stages
    where {{ is_pending('stages') }}

),

landed_deals as (

    select
        deals.instance,
        deals.deal_id
    from {{ ref('stg_hubspot__deals') }} as deals
    where {{ is_pending('deals') }}

    union

    select
        landed.instance,
        landed.from_id as deal_id
    from {{ ref('stg_hubspot__associations') }} as landed
    where {{ is_pending('landed') }} and landed.from_type = 'deals'

    union

    -- a stage that is closed or won all at once changes the deals that stand in it
    select
        deals.instance,
        deals.deal_id
    from landed_stages
    inner join {{ ref('stg_hubspot__deals') }} as deals
        on
            landed_stages.instance = deals.instance
            and landed_stages.pipeline_id = deals.pipeline_id
            and landed_stages.stage_id = deals.stage_id
    where landed_stages.object_type = 'deals'

),

changed as (

    {{ landed_records(landed) }}

    union all

    select
        'hubspot' as source,
        instance,
        'deal' as record_type,
        deal_id as record_id,
        'deal' as entity_type,
        null::jsonb as facts
    from landed_deals

    union all

    -- a deal changes the history of the account that it is associated with
    select
        'hubspot' as source,
        associations.instance,
        'company' as record_type,
        associations.to_id as record_id,
        'account' as entity_type,
        null::jsonb as facts
    from landed_deals
    inner join {{ ref('stg_hubspot__associations') }} as associations
        on
            landed_deals.instance = associations.instance
            and associations.association_id = 'deals:' || landed_deals.deal_id || ':companies'

    union all

    select
        landed.source,
        landed.instance,
        'feedback' as record_type,
        landed.from_id as record_id,
        null as entity_type,
        null::jsonb as facts
    from {{ ref('stg_hubspot__associations') }} as landed
    where {{ is_pending('landed') }} and landed.from_type = 'feedback_submissions' and landed.to_type = 'tickets'

    union all

    select
        source,
        instance,
        'stage' as record_type,
        object_type || ':' || pipeline_id || ':' || stage_id as record_id,
        null as entity_type,
        null::jsonb as facts
    from landed_stages

)

select * from changed
