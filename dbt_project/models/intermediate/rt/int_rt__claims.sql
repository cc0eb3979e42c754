-- one row per customer of RT that changed, rule and value by which it could be known as somebody
with

users as (

    select
        users.*,
        {{ entity_key('users.user_id', 'users.source', 'users.instance') }} as entity_key
    from {{ ref('int_records__changed') }} as changed
    inner join {{ ref('stg_rt__users') }} as users
        on
            changed.source = users.source
            and changed.instance = users.instance
            and changed.record_id = users.user_id
    where
        changed.source = 'rt' and changed.record_type = 'user'
        and not users.is_privileged and users.user_name not in ('RT_System', 'Nobody')

)

select
    'customer' as entity_type,
    users.entity_key as record_key,
    users.entity_key,
    null::text as account_key,
    users.source,
    users.instance,
    claims.rule,
    claims.value
from users
cross join lateral (values ('self', users.entity_key), ('email', lower(trim(users.email)))) as claims (rule, value)
where claims.value <> ''
