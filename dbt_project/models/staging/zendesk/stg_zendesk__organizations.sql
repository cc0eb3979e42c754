-- one row per statement of an organization: the present one and those that it replaced
{% set fields = "payload -> 'organization_fields'" %}
with

stated as (

    select
        instance,
        id,
        payload,
        true as is_current,
        _load_id
    from {{ source('raw_zendesk', 'organizations') }}

    union all

    select
        instance,
        id,
        payload,
        false as is_current,
        _load_id
    from {{ source('raw_zendesk', 'organizations_history') }}

)

select
    'zendesk' as source,
    instance,
    id as organization_id,
    {{ json_text(fields, 'crm_id') }} as crm_id,
    {{ json_text('payload', 'name') }} as organization_name,
    {{ json_text(fields, 'tier') }} as tier,
    {{ json_text(fields, 'segment') }} as segment,
    {{ json_value('payload', 'domain_names') }} as domain_names,
    is_current,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
from stated
