-- one row per record of HubSpot that changed and moment: what tickets read of it
{{ facts_of(
    source='hubspot', record_type='company', relation='stg_hubspot__companies', id='company_id',
    history='stg_hubspot__companies_history',
    facts="jsonb_strip_nulls(jsonb_build_object('tier', records.tier))",
) }}

union all

{{ facts_of(
    source='hubspot', record_type='contact', relation='stg_hubspot__contacts', id='contact_id',
    facts="jsonb_strip_nulls(jsonb_build_object('actor', 'customer', 'organization_id', records.company_id))",
    where="not records.is_archived",
) }}

union all

{{ facts_of(
    source='hubspot', record_type='owner', relation='stg_hubspot__owners', id='actor_id',
    history='stg_hubspot__owners_history',
    facts="jsonb_strip_nulls(jsonb_build_object('team', records.team))",
) }}

union all

{{ facts_of(
    source='hubspot', record_type='stage', relation='stg_hubspot__pipeline_stages',
    id="records.object_type || ':' || records.pipeline_id || ':' || records.stage_id",
    facts="""jsonb_strip_nulls(jsonb_build_object('status', case
            when records.ticket_state = 'CLOSED' then 'closed'
            when records.stage_label ilike 'new' then 'new'
            when records.stage_label ilike '%on contact%' or records.stage_label ilike '%on customer%' then 'pending'
            when records.stage_label ilike '%hold%' then 'on_hold'
            when records.ticket_state = 'OPEN' then 'open'
        end))""",
    where="records.object_type = 'tickets'",
) }}
