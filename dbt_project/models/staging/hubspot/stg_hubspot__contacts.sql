-- one row per contact: renamed and cast, nothing else
{% set properties = "payload -> 'properties'" %}

select
    'hubspot' as source,
    instance,
    id as contact_id,
    {{ json_text(properties, 'associatedcompanyid') }} as company_id,
    {{ json_text(properties, 'product_user_id') }} as external_id,
    {{ json_text(properties, 'email') }} as email,
    {{ json_text(properties, 'hs_additional_emails') }} as additional_emails,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    coalesce({{ try_cast(properties, 'createdate', 'moment') }}, {{ try_cast('payload', 'createdAt', 'moment') }}) as created_at,
    _load_id
from {{ source('raw_hubspot', 'contacts') }}
