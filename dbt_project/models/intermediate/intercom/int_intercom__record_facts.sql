-- one row per record of Intercom that changed and moment: what conversations read of it
{{ facts_of(
    source='intercom', record_type='contact', relation='stg_intercom__contacts', id='contact_id',
    facts="jsonb_strip_nulls(jsonb_build_object('actor', 'customer', 'organization_id', records.company_id))",
    where="not records.is_archived",
) }}

union all

{{ facts_of(
    source='intercom', record_type='company', relation='stg_intercom__companies', id='company_id',
    history='stg_intercom__companies_history',
    facts="jsonb_strip_nulls(jsonb_build_object('tier', records.tier))",
    where="not records.is_archived",
) }}

union all

{{ facts_of(
    source='intercom', record_type='team', relation='stg_intercom__teams', id='team_id',
    facts="jsonb_build_object('team', records.team_name)",
) }}

union all

{{ facts_of(
    source='intercom', record_type='settings', relation='int_intercom__settings', id=none,
    load_id='0',
    facts='records.facts',
) }}
