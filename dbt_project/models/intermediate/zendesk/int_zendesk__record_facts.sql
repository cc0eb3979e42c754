-- one row per record of Zendesk that changed and moment: what tickets read of it
{{ facts_of(
    source='zendesk', record_type='user', relation='stg_zendesk__users', id='user_id',
    facts="""jsonb_strip_nulls(jsonb_build_object(
            'actor', case
                when
                    records.is_ai_agent
                    or lower(records.agent_type) in ('ai_agent', 'ai', 'bot')
                    or lower(records.role_title) = any('{""" ~ var("ai_agent_titles") | join(",") ~ """}')
                    then 'ai_agent'
                when
                    exists (
                        select 1 from """ ~ ref('int_zendesk__ai_authors') ~ """ as authors
                        where
                            authors.source = records.source and authors.instance = records.instance
                            and authors.author_id = records.user_id and authors.sender = 'bot'
                    )
                    -- one contradiction leaves an account what its role says
                    and not exists (
                        select 1 from """ ~ ref('int_zendesk__ai_authors') ~ """ as authors
                        where
                            authors.source = records.source and authors.instance = records.instance
                            and authors.author_id = records.user_id and authors.sender = 'agent'
                    ) then 'ai_agent'
                when records.is_automation then 'system'
                when records.role in ('agent', 'admin') then 'human_agent'
                when records.role = 'end-user' then 'customer'
            end,
            'automation_reason', case when records.is_automation then 'user field is_automation' end,
            'organization_id', records.organization_id
        ))""",
) }}

union all

{{ facts_of(
    source='zendesk', record_type='group', relation='stg_zendesk__groups', id='group_id',
    facts="jsonb_build_object('team', records.group_name)",
) }}

union all

{{ facts_of(
    source='zendesk', record_type='ticket_fields', relation='int_zendesk__ticket_fields', id=none, load_id='0',
    facts='records.facts',
) }}

union all

{{ facts_of(
    source='zendesk', record_type='organization', relation='stg_zendesk__organizations', id='organization_id',
    history='stg_zendesk__organizations_history',
    facts="jsonb_strip_nulls(jsonb_build_object('tier', records.tier))",
) }}
