-- one row per contact, lead or user: renamed and cast, nothing else
select
    'intercom' as source,
    instance,
    id as contact_id,
    {{ json_text("payload -> 'companies' -> 'data' -> 0", 'id') }} as company_id,
    {{ json_text('payload', 'external_id') }} as external_id,
    {{ json_text('payload', 'merged_into') }} as merged_into_contact_id,
    {{ json_text('payload', 'role') }} as role,
    {{ json_text('payload', 'name') }} as contact_name,
    {{ json_text('payload', 'email') }} as email,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast('payload', 'created_at', 'epoch') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'epoch') }} as updated_at,
    _load_id
from {{ source('raw_intercom', 'contacts') }}
