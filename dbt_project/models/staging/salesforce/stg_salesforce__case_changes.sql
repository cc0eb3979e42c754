-- one row per change of a field of a case: renamed and cast, nothing else
select
    'salesforce' as source,
    instance,
    interaction_id as case_id,
    id as change_id,
    {{ json_text('payload', 'Field') }} as field,
    {{ json_text('payload', 'OldValue') }} as old_value,
    {{ json_text('payload', 'NewValue') }} as new_value,
    coalesce({{ try_cast('payload', 'IsDeleted', 'boolean') }}, false) as is_deleted,
    {{ try_cast('payload', 'CreatedDate', 'moment') }} as changed_at,
    _load_id
from {{ source('raw_salesforce', 'case_history') }}
