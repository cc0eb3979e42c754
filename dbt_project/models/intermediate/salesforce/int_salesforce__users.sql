-- one row per user: who it is by its kind, or as its instance's entry says, which no load brings
with

users as (

    select
        users.*,
        (
            coalesce({{ json_value('settings.facts', 'ai_agents') }} ? users.user_id, false)
            or coalesce({{ json_value('settings.facts', 'ai_agents') }} ? users.user_name, false)
        ) as is_ai_agent,
        (
            coalesce({{ json_value('settings.facts', 'automations') }} ? users.user_id, false)
            or coalesce({{ json_value('settings.facts', 'automations') }} ? users.user_name, false)
        ) as is_automation
    from {{ ref('stg_salesforce__users') }} as users
    left join {{ ref('int_salesforce__settings') }} as settings on users.instance = settings.instance

),

final as (

    select
        source,
        instance,
        user_id,
        user_name,
        jsonb_strip_nulls(jsonb_build_object(
            'actor', case
                when is_ai_agent then 'ai_agent'
                when is_automation then 'system'
                when user_type in ('AutomatedProcess', 'CloudIntegrationUser') then 'system'
                when contact_id is not null then 'customer'
                when user_type in ('CspLitePortal', 'CustomerSuccess', 'PowerCustomerSuccess', 'CSNOnly', 'Guest', 'SelfService')
                    then 'customer'
                else 'human_agent'
            end,
            'automation_reason', case
                when is_automation then 'named in `automations`'
                when user_type in ('AutomatedProcess', 'CloudIntegrationUser') then 'user of type ' || user_type
            end,
            'is_nobody', case when user_type in ('AutomatedProcess', 'CloudIntegrationUser') and not is_automation then true end,
            'contact_id', contact_id,
            'name', user_name,
            'is_active', is_active
        )) as facts
    from users

)

select * from final
