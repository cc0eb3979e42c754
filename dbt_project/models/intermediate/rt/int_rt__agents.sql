-- one row per account of RT that answers customers, of those that this run works out again
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
        coalesce(users.real_name, users.user_name) as agent_name,
        case {{ json_text('known.facts', 'actor') }} when 'system' then 'automation' else {{ json_text('known.facts', 'actor') }} end
            as kind,
        {{ json_text('known.facts', 'automation_reason') }} as automation_reason,
        null::timestamptz as hired_at,
        null::timestamptz as left_at
    from affected
    inner join {{ ref('int_records__timeline') }} as known
        on
            affected.agent_key = known.record_key
            and known.record_type = 'user'
    inner join {{ ref('stg_rt__users') }} as users
        on
            known.source = users.source
            and known.instance = users.instance
            and known.record_id = users.user_id
    where {{ json_text('known.facts', 'actor') }} in ('human_agent', 'ai_agent', 'system')

)

select * from final
