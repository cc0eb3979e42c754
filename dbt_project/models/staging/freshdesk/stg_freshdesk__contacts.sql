-- one row per contact: renamed and cast, nothing else
select
    'freshdesk' as source,
    instance,
    id as contact_id,
    {{ json_text('payload', 'company_id') }} as company_id,
    {{ json_text('payload', 'unique_external_id') }} as external_id,
    {{ json_text('payload', 'name') }} as contact_name,
    {{ json_text('payload', 'email') }} as email,
    {{ json_value('payload', 'other_emails') }} as other_emails,
    {{ json_text('payload', 'language') }} as language,
    coalesce({{ try_cast('payload', 'isDeletedForGood', 'boolean') }}, false) as is_deleted_for_good,
    _load_id
from {{ source('raw_freshdesk', 'contacts') }}
