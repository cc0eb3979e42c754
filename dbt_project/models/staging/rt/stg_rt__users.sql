-- one row per account: renamed and cast, nothing else
select
    'rt' as source,
    instance,
    id as user_id,
    {{ json_text('payload', 'Name') }} as user_name,
    nullif(trim({{ json_text('payload', 'RealName') }}), '') as real_name,
    {{ json_text('payload', 'EmailAddress') }} as email,
    coalesce({{ try_cast('payload', 'Privileged', 'boolean') }}, false) as is_privileged,
    _load_id
from {{ source('raw_rt', 'users') }}
