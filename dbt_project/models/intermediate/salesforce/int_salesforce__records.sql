-- one row per record of Salesforce that is no part of a case and that landed since core was last built, or that is configured
{#- per kind of record: the model that lands it, which column names the record, and what it is #}
{%- set landed = [
    ('owner', 'stg_salesforce__users', 'user_id', 'agent'),
    ('group', 'stg_salesforce__queues', 'queue_id', none),
    ('company', 'stg_salesforce__accounts', 'account_id', 'account'),
    ('contact', 'stg_salesforce__contacts', 'contact_id', 'customer'),
] %}
with

landed_deals as (

    select
        deals.instance,
        deals.deal_id,
        deals.account_id
    from {{ ref('stg_salesforce__opportunities') }} as deals
    where {{ is_pending('deals') }}

    union

    -- a stage that is given another label changes the deals that stand in it
    select
        deals.instance,
        deals.deal_id,
        deals.account_id
    from {{ ref('stg_salesforce__opportunity_stages') }} as stages
    inner join {{ ref('stg_salesforce__opportunities') }} as deals
        on
            stages.instance = deals.instance
            and stages.stage_id = deals.stage_id
    where {{ is_pending('stages') }}

),

changed as (

    {{ landed_records(landed) }}

    union all

    select
        'salesforce' as source,
        instance,
        'deal' as record_type,
        deal_id as record_id,
        'deal' as entity_type,
        null::jsonb as facts
    from landed_deals

    union all

    -- a contact that was merged away is known by the addresses of the one that was kept
    select
        merged.source,
        merged.instance,
        'contact' as record_type,
        merged.contact_id as record_id,
        'customer' as entity_type,
        null::jsonb as facts
    from {{ ref('stg_salesforce__contacts') }} as kept
    inner join {{ ref('stg_salesforce__contacts') }} as merged
        on
            kept.instance = merged.instance
            and kept.contact_id = merged.master_id
    where {{ is_pending('kept') }}

    union

    -- a deal changes the history of its account
    select
        'salesforce' as source,
        instance,
        'company' as record_type,
        account_id as record_id,
        'account' as entity_type,
        null::jsonb as facts
    from landed_deals
    where account_id is not null

    union all

    -- who a user is, and what the fields of a case mean, the entry says, which no load brings
    select
        source,
        instance,
        'user' as record_type,
        user_id as record_id,
        'agent' as entity_type,
        facts
    from {{ ref('int_salesforce__users') }}

    union all

    select
        source,
        instance,
        'user' as record_type,
        speaker as record_id,
        null as entity_type,
        facts
    from {{ ref('int_salesforce__speakers') }}

    union all

    select
        source,
        instance,
        'ticket_fields' as record_type,
        '*' as record_id,
        null as entity_type,
        facts
    from {{ ref('int_salesforce__settings') }}

)

select * from changed
