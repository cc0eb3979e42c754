-- one row per record of Intercom that changed, rule and value by which it could be known as somebody
{{ claims_of(
    source='intercom', record_type='contact', entity_type='customer', relation='stg_intercom__contacts', id='contact_id', account_id='company_id',
    claims=[
        ("email", "lower(trim(records.email))"),
        ("external_id", "trim(records.external_id)"),
    ],
    where="not records.is_archived",
) }}

union all

{{ claims_of(
    source='intercom', record_type='company', entity_type='account', relation='stg_intercom__companies', id='company_id',
    claims=[
        ("crm_id", "trim(records.crm_id)"),
        ("domain", domain_of('records.website')),
    ],
    where="not records.is_archived",
) }}
