-- one row per statement of an owner: the present one and those that it replaced
with

stated as (

    select
        instance,
        id,
        payload,
        true as is_current,
        _load_id
    from {{ source('raw_hubspot', 'owners') }}

    union all

    select
        instance,
        id,
        payload,
        false as is_current,
        _load_id
    from {{ source('raw_hubspot', 'owners_history') }}

)

select
    'hubspot' as source,
    instance,
    id as owner_id,
    'A-' || {{ json_text('payload', 'userId') }} as actor_id,
    nullif(concat_ws(' ', {{ json_text('payload', 'firstName') }}, {{ json_text('payload', 'lastName') }}), '') as owner_name,
    coalesce(
        jsonb_path_query_first({{ json_value('payload', 'teams') }}, '$[*] ? (@.primary == true).name'),
        {{ json_value('payload', 'teams') }} -> 0 -> 'name'
    ) #>> '{}' as team,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    is_current,
    {{ try_cast('payload', 'createdAt', 'moment') }} as created_at,
    {{ try_cast('payload', 'updatedAt', 'moment') }} as updated_at,
    _load_id
from stated
