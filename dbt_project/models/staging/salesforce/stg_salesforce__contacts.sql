-- one row per contact: renamed and cast, nothing else
select
    'salesforce' as source,
    raw.instance,
    raw.id as contact_id,
    {{ json_text('raw.payload', 'MasterRecordId') }} as master_id,
    {{ json_text('raw.payload', 'AccountId') }} as account_id,
    {{ json_text('raw.payload', 'Email') }} as email,
    {{ salesforce_field('contact', 'emails') }} as additional_emails,
    {{ salesforce_field('contact', 'external_id') }} as external_id,
    coalesce({{ try_cast('raw.payload', 'IsDeleted', 'boolean') }}, false) as is_archived,
    {{ try_cast('raw.payload', 'CreatedDate', 'moment') }} as created_at,
    raw._load_id
{{ salesforce_rows('contacts') }}
