-- one row per opportunity, of those that this run works out again
with

affected as (

    select deal_key
    from {{ ref('int_entities__affected') }}
    where deal_key is not null

),

deals as (

    select
        {{ entity_key('deals.deal_id', 'deals.source', 'deals.instance') }} as deal_key,
        deals.*
    from {{ ref('stg_salesforce__opportunities') }} as deals

),

-- a name that was given anew leaves an inactive stage of the same name behind
stages as (

    select distinct on (instance, stage_id)
        instance,
        stage_id,
        stage_label
    from {{ ref('stg_salesforce__opportunity_stages') }}
    order by instance asc, stage_id asc, is_active desc, record_id asc

),

final as (

    select
        deals.deal_key,
        {{ entity_key('deals.account_id', 'deals.source', 'deals.instance') }} as account_key,
        deals.source,
        deals.instance,
        deals.deal_id,
        deals.owner_id,
        deals.deal_name,
        deals.deal_kind,
        null::text as pipeline_id,
        deals.stage_id,
        coalesce(stages.stage_label, deals.stage_id) as stage_label,
        case when deals.is_won then 'won' when deals.is_closed then 'lost' else 'open' end as outcome,
        deals.amount,
        deals.arr_before,
        deals.arr_after,
        deals.is_archived,
        deals.close_date,
        deals.created_at,
        deals.updated_at
    from affected
    inner join deals on affected.deal_key = deals.deal_key
    left join stages
        on
            deals.instance = stages.instance
            and deals.stage_id = stages.stage_id

)

select * from final
