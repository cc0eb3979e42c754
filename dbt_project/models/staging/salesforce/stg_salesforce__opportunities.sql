{% set currency = json_text('raw.payload', 'CurrencyIsoCode') %}
-- one row per opportunity: renamed and cast; an amount in another currency is not known
select
    'salesforce' as source,
    raw.instance,
    raw.id as deal_id,
    {{ json_text('raw.payload', 'AccountId') }} as account_id,
    {{ json_text('raw.payload', 'OwnerId') }} as owner_id,
    {{ json_text('raw.payload', 'Name') }} as deal_name,
    {{ json_text('raw.payload', 'StageName') }} as stage_id,
    {{ salesforce_field('opportunity', 'kind') }} as deal_kind,
    {{ own_currency(try_cast('raw.payload', 'Amount', 'numeric'), currency) }} as amount,
    {{ own_currency('ops.try_cast_numeric(' ~ salesforce_field('opportunity', 'arr_before') ~ ')', currency) }} as arr_before,
    {{ own_currency('ops.try_cast_numeric(' ~ salesforce_field('opportunity', 'arr_after') ~ ')', currency) }} as arr_after,
    {{ try_cast('raw.payload', 'IsClosed', 'boolean') }} as is_closed,
    {{ try_cast('raw.payload', 'IsWon', 'boolean') }} as is_won,
    coalesce({{ try_cast('raw.payload', 'IsDeleted', 'boolean') }}, false) as is_archived,
    {{ try_cast('raw.payload', 'CloseDate', 'date') }} as close_date,
    {{ try_cast('raw.payload', 'CreatedDate', 'moment') }} as created_at,
    {{ salesforce_stamp() }} as updated_at,
    raw._load_id
{{ salesforce_rows('opportunities') }}
