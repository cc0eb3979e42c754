-- one row per record of Salesforce that changed and moment: what cases read of it
{{ facts_of(
    source='salesforce', record_type='user', relation='int_salesforce__users', id='user_id', load_id='0',
    facts='records.facts',
) }}

union all

{{ facts_of(
    source='salesforce', record_type='user', relation='int_salesforce__speakers', id='speaker', load_id='0',
    facts='records.facts',
) }}

union all

{{ facts_of(
    source='salesforce', record_type='ticket_fields', relation='int_salesforce__settings', id=none, load_id='0',
    facts='records.facts',
) }}

union all

{{ facts_of(
    source='salesforce', record_type='owner', relation='stg_salesforce__users', id='user_id',
    history='stg_salesforce__users_history',
    facts="jsonb_strip_nulls(jsonb_build_object('team', records.team))",
) }}

union all

{{ facts_of(
    source='salesforce', record_type='company', relation='stg_salesforce__accounts', id='account_id',
    history='stg_salesforce__accounts_history',
    facts="jsonb_strip_nulls(jsonb_build_object('tier', records.tier))",
) }}

union all

{{ facts_of(
    source='salesforce', record_type='contact', relation='stg_salesforce__contacts', id='contact_id',
    facts="jsonb_strip_nulls(jsonb_build_object('actor', 'customer', 'organization_id', records.account_id))",
) }}

union all

{{ facts_of(
    source='salesforce', record_type='group', relation='stg_salesforce__queues', id='queue_id',
    facts="jsonb_strip_nulls(jsonb_build_object('team', records.queue_name))",
) }}
