-- one row per deal: renamed and cast; an amount in another currency is not known
{% set properties = "payload -> 'properties'" %}
{% set currency = json_text(properties, 'deal_currency_code') %}

select
    'hubspot' as source,
    instance,
    id as deal_id,
    {{ json_text(properties, 'hubspot_owner_id') }} as owner_id,
    {{ json_text(properties, 'dealname') }} as deal_name,
    {{ json_text(properties, 'pipeline') }} as pipeline_id,
    {{ json_text(properties, 'dealstage') }} as stage_id,
    {{ json_text(properties, 'deal_kind') }} as deal_kind,
    {{ own_currency(try_cast(properties, 'amount', 'numeric'), currency) }} as amount,
    {{ own_currency(try_cast(properties, 'arr_before', 'numeric'), currency) }} as arr_before,
    {{ own_currency(try_cast(properties, 'arr_after', 'numeric'), currency) }} as arr_after,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    {{ try_cast(properties, 'closedate', 'moment') }} as close_at,
    coalesce({{ try_cast(properties, 'createdate', 'moment') }}, {{ try_cast('payload', 'createdAt', 'moment') }}) as created_at,
    {{ try_cast('payload', 'updatedAt', 'moment') }} as updated_at,
    _load_id
from {{ source('raw_hubspot', 'deals') }}
