-- one row per record of Freshdesk that changed and moment: what tickets read of it
{{ facts_of(
    source='freshdesk', record_type='user', relation='int_freshdesk__staff', id='user_id',
    facts='records.facts',
) }}

union all

{# an agent may be listed as a contact too -#}
{{ facts_of(
    source='freshdesk', record_type='user', relation='stg_freshdesk__contacts', id='contact_id',
    facts="jsonb_strip_nulls(jsonb_build_object('actor', 'customer', 'organization_id', records.company_id, 'language', records.language))",
    joins="""
    left join """ ~ ref('int_freshdesk__staff') ~ """ as staff
        on
            records.instance = staff.instance
            and records.contact_id = staff.user_id""",
    where="staff.user_id is null",
) }}

union all

{{ facts_of(
    source='freshdesk', record_type='staff', relation='stg_freshdesk__agents', id='agent_id',
    history='stg_freshdesk__agents_history',
    facts="jsonb_strip_nulls(jsonb_build_object('team', groups.group_name))",
    joins="""
    left join """ ~ ref('stg_freshdesk__groups') ~ """ as groups
        on
            records.instance = groups.instance
            and records.group_id = groups.group_id""",
) }}

union all

{# what is deleted says nothing any more, and is told by the time of what it said last -#}
{{ facts_of(
    source='freshdesk', record_type='company', relation='stg_freshdesk__companies', id='company_id',
    history='stg_freshdesk__companies_history',
    facts="jsonb_strip_nulls(jsonb_build_object('tier', records.tier))",
    where="not records.is_archived",
) }}

union all

{{ facts_of(
    source='freshdesk', record_type='survey', relation='stg_freshdesk__surveys', id='survey_id',
    facts="jsonb_strip_nulls(jsonb_build_object('accepted_ratings', records.accepted_ratings))",
) }}

union all

{{ facts_of(
    source='freshdesk', record_type='settings', relation='int_freshdesk__settings', id=none,
    load_id='0',
    facts='records.facts',
) }}
