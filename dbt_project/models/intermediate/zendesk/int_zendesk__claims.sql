-- one row per record of Zendesk that changed, rule and value by which it could be known as somebody
{{ claims_of(
    source='zendesk', record_type='user', entity_type='customer', relation='stg_zendesk__users', id='user_id', account_id='organization_id',
    claims=[
        ("email", "lower(trim(records.email))"),
        ("external_id", "trim(records.external_id)"),
    ],
    where="records.role = 'end-user'",
) }}

union all

{{ claims_of(
    source='zendesk', record_type='organization', entity_type='account', relation='stg_zendesk__organizations', id='organization_id',
    claims=[
        ("crm_id", "trim(records.crm_id)"),
        ("domain", domain_of("names.name #>> '{}'"), json_elements('records.domain_names') ~ ' as names (name)'),
    ],
) }}
