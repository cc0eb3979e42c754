-- one row per record of Freshdesk that changed, rule and value by which it could be known as somebody
{{ claims_of(
    source='freshdesk', record_type='user', entity_type='customer', relation='stg_freshdesk__contacts', id='contact_id', account_id='company_id',
    claims=[
        ("email", "lower(trim(records.email))"),
        ("email", "lower(trim(others.address #>> '{}'))", json_elements('records.other_emails') ~ ' as others (address)'),
        ("external_id", "trim(records.external_id)"),
    ],
    joins="""
    left join """ ~ ref('int_freshdesk__staff') ~ """ as staff
        on
            records.instance = staff.instance
            and records.contact_id = staff.user_id""",
    where="staff.user_id is null",
) }}

union all

{{ claims_of(
    source='freshdesk', record_type='company', entity_type='account', relation='stg_freshdesk__companies', id='company_id',
    claims=[
        ("crm_id", "trim(records.crm_id)"),
        ("domain", domain_of("names.name #>> '{}'"), json_elements('records.domains') ~ ' as names (name)'),
    ],
) }}
