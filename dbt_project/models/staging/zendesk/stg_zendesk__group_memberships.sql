-- one row per statement of an agent's place in a group: the present one and those that it replaced
with

stated as (

    select
        instance,
        id,
        payload,
        true as is_current,
        _load_id
    from {{ source('raw_zendesk', 'group_memberships') }}

    union all

    select
        instance,
        id,
        payload,
        false as is_current,
        _load_id
    from {{ source('raw_zendesk', 'group_memberships_history') }}

)

select
    'zendesk' as source,
    instance,
    id as membership_id,
    {{ json_text('payload', 'user_id') }} as user_id,
    {{ json_text('payload', 'group_id') }} as group_id,
    {{ try_cast('payload', 'default', 'boolean') }} as is_default,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    is_current,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
from stated
