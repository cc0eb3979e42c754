-- one row per deal, of those that this run works out again
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
    from {{ ref('stg_hubspot__deals') }} as deals

),

stages as (

    select * from {{ ref('stg_hubspot__pipeline_stages') }}
    where object_type = 'deals'

),

final as (

    select
        deals.deal_key,
        {{ entity_key('associations.to_id', 'deals.source', 'deals.instance') }} as account_key,
        deals.source,
        deals.instance,
        deals.deal_id,
        deals.owner_id,
        deals.deal_name,
        deals.deal_kind,
        deals.pipeline_id,
        deals.stage_id,
        stages.stage_label,
        case
            when deals.stage_id = 'closedwon' or (stages.is_closed and stages.probability = 1) then 'won'
            when deals.stage_id = 'closedlost' or (stages.is_closed and stages.probability = 0) then 'lost'
            else 'open'
        end as outcome,
        deals.amount,
        deals.arr_before,
        deals.arr_after,
        deals.is_archived,
        {{ utc_date('deals.close_at') }} as close_date,
        deals.created_at,
        deals.updated_at
    from affected
    inner join deals on affected.deal_key = deals.deal_key
    left join stages
        on
            deals.instance = stages.instance
            and deals.pipeline_id = stages.pipeline_id
            and deals.stage_id = stages.stage_id
    left join {{ ref('stg_hubspot__associations') }} as associations
        on
            deals.instance = associations.instance
            and associations.association_id = 'deals:' || deals.deal_id || ':companies'
            and associations.ordinal = 1

)

select * from final
