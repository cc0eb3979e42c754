-- one row per case: renamed and cast, nothing else
{% set casts = {'CreatedDate': 'moment', 'ClosedDate': 'moment', 'IsDeleted': 'boolean', 'IsClosed': 'boolean'} %}

select
    'salesforce' as source,
    raw.instance,
    raw.id as case_id,
    {{ json_text('raw.payload', 'MasterRecordId') }} as master_id,
    {{ json_text('raw.payload', 'CaseNumber') }} as case_number,
    {{ json_text('raw.payload', 'ContactId') }} as contact_id,
    {{ json_text('raw.payload', 'AccountId') }} as account_id,
    {{ json_text('raw.payload', 'OwnerId') }} as owner_id,
    {{ json_text('raw.payload', 'SuppliedEmail') }} as supplied_email,
    {{ json_text('raw.payload', 'Status') }} as status,
    {{ json_text('raw.payload', 'Origin') }} as origin,
    {{ json_text('raw.payload', 'Priority') }} as priority,
    {{ json_text('raw.payload', 'Type') }} as case_type,
    {{ salesforce_field('case', 'topic') }} as topic,
    {{ salesforce_field('case', 'product_area') }} as product_area,
    {{ salesforce_field('case', 'language') }} as language,
    {{ salesforce_field('case', 'handoff_reason') }} as handoff_reason,
    string_to_array(nullif({{ salesforce_field('case', 'tags') }}, ''), ';') as tags,
    ops.try_cast_numeric({{ salesforce_field('case', 'rating') }}) as rating,
    ops.try_cast_moment({{ salesforce_field('case', 'rated_at') }}) as rated_at,
    {{ try_cast('raw.payload', 'IsClosed', 'boolean') }} as is_closed,
    coalesce({{ try_cast('raw.payload', 'IsDeleted', 'boolean') }}, false) as is_deleted,
    {{ try_cast('raw.payload', 'CreatedDate', 'moment') }} as created_at,
    {{ try_cast('raw.payload', 'ClosedDate', 'moment') }} as closed_at,
    {{ salesforce_stamp() }} as updated_at,
    {{ cast_errors('raw.payload', casts) }} as _cast_errors,
    raw._load_id,
    raw._loaded_at
{{ salesforce_rows('cases') }}
