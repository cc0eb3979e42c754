-- one row per user of Freshdesk that answers customers, of those that this run works out again
with

affected as (

    select agent_key
    from {{ ref('int_entities__affected') }}
    where agent_key is not null

),

staff as (

    select
        *,
        {{ entity_key('user_id') }} as agent_key
    from {{ ref('int_freshdesk__staff') }}

),

final as (

    select
        affected.agent_key,
        staff.source,
        staff.instance,
        staff.user_id as agent_id,
        staff.agent_name,
        case {{ json_text('staff.facts', 'actor') }} when 'system' then 'automation' else {{ json_text('staff.facts', 'actor') }} end
            as kind,
        {{ json_text('staff.facts', 'automation_reason') }} as automation_reason,
        null::timestamptz as hired_at,
        staff.left_at
    from affected
    inner join staff on affected.agent_key = staff.agent_key

)

select * from final
