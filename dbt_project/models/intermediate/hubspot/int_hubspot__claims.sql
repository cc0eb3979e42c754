-- one row per record of HubSpot that changed, rule and value by which it could be known as somebody
{{ claims_of(
    source='hubspot', record_type='contact', entity_type='customer', relation='stg_hubspot__contacts', id='contact_id', account_id='company_id',
    claims=[
        ("external_id", "trim(records.external_id)"),
        ("email", "lower(trim(addresses.address))", "unnest(string_to_array(concat_ws(';', records.email, records.additional_emails), ';')) as addresses (address)"),
    ],
    where="not records.is_archived",
) }}

union all

{{ claims_of(
    source='hubspot', record_type='company', entity_type='account', relation='stg_hubspot__companies', id='company_id',
    claims=[
        ("crm_id", "records.company_id"),
        ("domain", domain_of('names.name'), "unnest(string_to_array(concat_ws(';', records.domain, records.additional_domains), ';')) as names (name)"),
    ],
    where="not records.is_archived",
) }}
