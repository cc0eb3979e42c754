-- one row per user of Salesforce that answers customers, of those that this run works out again
with

affected as (

    select agent_key
    from {{ ref('int_entities__affected') }}
    where agent_key is not null

),

final as (

    select
        affected.agent_key,
        users.source,
        users.instance,
        users.user_id as agent_id,
        users.user_name as agent_name,
        case {{ json_text('users.facts', 'actor') }} when 'system' then 'automation' else {{ json_text('users.facts', 'actor') }} end
            as kind,
        {{ json_text('users.facts', 'automation_reason') }} as automation_reason,
        null::timestamptz as hired_at,
        null::timestamptz as left_at
    from affected
    inner join {{ ref('int_salesforce__users') }} as users
        on affected.agent_key = {{ entity_key('users.user_id', 'users.source', 'users.instance') }}
    where
        {{ json_text('users.facts', 'actor') }} in ('human_agent', 'ai_agent', 'system')
        -- in whose name Salesforce itself writes, answers nobody
        and {{ json_text('users.facts', 'is_nobody') }} is null

)

select * from final
