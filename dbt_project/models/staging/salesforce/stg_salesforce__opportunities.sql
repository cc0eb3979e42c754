-- one row per opportunity: renamed and cast, nothing else
select
    'salesforce' as source,
    raw.instance,
    raw.id as deal_id,
    {{ json_text('raw.payload', 'AccountId') }} as account_id,
    {{ json_text('raw.payload', 'OwnerId') }} as owner_id,
    {{ json_text('raw.payload', 'Name') }} as deal_name,
    {{ json_text('raw.payload', 'StageName') }} as stage_id,
    {{ salesforce_field('opportunity', 'kind') }} as deal_kind,
    {{ try_cast('raw.payload', 'Amount', 'numeric') }} as amount,
    ops.try_cast_numeric({{ salesforce_field('opportunity', 'arr_before') }}) as arr_before,
    ops.try_cast_numeric({{ salesforce_field('opportunity', 'arr_after') }}) as arr_after,
    {{ try_cast('raw.payload', 'IsClosed', 'boolean') }} as is_closed,
    {{ try_cast('raw.payload', 'IsWon', 'boolean') }} as is_won,
    coalesce({{ try_cast('raw.payload', 'IsDeleted', 'boolean') }}, false) as is_archived,
    {{ try_cast('raw.payload', 'CloseDate', 'date') }} as close_date,
    {{ try_cast('raw.payload', 'CreatedDate', 'moment') }} as created_at,
    {{ salesforce_stamp() }} as updated_at,
    raw._load_id
{{ salesforce_rows('opportunities') }}
