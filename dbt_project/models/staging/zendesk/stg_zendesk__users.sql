-- one row per statement of a user: the present one and those that it replaced
{% set fields = "payload -> 'user_fields'" %}
with

stated as (

    select
        instance,
        id,
        payload,
        true as is_current,
        _load_id
    from {{ source('raw_zendesk', 'users') }}

    union all

    select
        instance,
        id,
        payload,
        false as is_current,
        _load_id
    from {{ source('raw_zendesk', 'users_history') }}

)

select
    'zendesk' as source,
    instance,
    id as user_id,
    {{ json_text('payload', 'organization_id') }} as organization_id,
    {{ json_text('payload', 'external_id') }} as external_id,
    {{ json_text('payload', 'name') }} as user_name,
    {{ json_text('payload', 'email') }} as email,
    {{ json_text('payload', 'role') }} as role,
    {{ json_text(fields, 'role_title') }} as role_title,
    {{ json_text(fields, 'agent_type') }} as agent_type,
    {{ json_text(fields, 'role_history') }} as role_history,
    {{ try_cast(fields, 'is_automation', 'boolean') }} as is_automation,
    {{ try_cast(fields, 'is_ai_agent', 'boolean') }} as is_ai_agent,
    is_current,
    {{ try_cast(fields, 'hired_on', 'moment') }} as hired_at,
    {{ try_cast(fields, 'left_on', 'moment') }} as left_at,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
from stated
