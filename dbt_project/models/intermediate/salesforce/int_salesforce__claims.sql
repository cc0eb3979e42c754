-- one row per record of Salesforce that changed, rule and value by which it could be known as somebody. One that was merged away is
-- known as the record that was kept: by its addresses and ids
{{ claims_of(
    source='salesforce', record_type='contact', entity_type='customer', relation='stg_salesforce__contacts', id='contact_id', account_id='account_id',
    claims=[
        ("external_id", "trim(case when records.master_id is null then records.external_id else masters.external_id end)"),
        ("email", "lower(trim(addresses.address))", """unnest(string_to_array(case
            when records.master_id is null then concat_ws(';', records.email, records.additional_emails)
            else concat_ws(';', masters.email, masters.additional_emails)
        end, ';')) as addresses (address)"""),
    ],
    joins="""
    left join """ ~ ref('stg_salesforce__contacts') ~ """ as masters
        on
            records.instance = masters.instance
            and records.master_id = masters.contact_id""",
    where="(not records.is_archived or records.master_id is not null)",
) }}

union all

{{ claims_of(
    source='salesforce', record_type='company', entity_type='account', relation='stg_salesforce__accounts', id='account_id',
    claims=[
        ("crm_id", "coalesce(records.master_id, records.account_id)"),
        ("domain", domain_of('records.domain')),
    ],
    where="(not records.is_archived or records.master_id is not null)",
) }}
