-- one row per stage of opportunities: renamed and cast, nothing else
select
    'salesforce' as source,
    instance,
    coalesce({{ json_text('payload', 'ApiName') }}, {{ json_text('payload', 'MasterLabel') }}) as stage_id,
    {{ json_text('payload', 'MasterLabel') }} as stage_label,
    id as record_id,
    coalesce({{ try_cast('payload', 'IsActive', 'boolean') }}, true) as is_active,
    _load_id
from {{ source('raw_salesforce', 'opportunity_stages') }}
