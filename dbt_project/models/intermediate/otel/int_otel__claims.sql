-- one row per claim of a user that a span has made: what one has said of a user stays said, so each claim is a record of its own,
-- and one of a statement that was replaced before core was built of it is made, too
{%- set statements = [('stg_otel__spans', is_pending('stated')), ('stg_otel__spans_history', was_pending('stated'))] %}
with

users as (

    select distinct
        spans.source,
        spans.instance,
        {{ entity_key('spans.user_id', 'spans.source', 'spans.instance') }} as entity_key,
        spans.user_id,
        coalesce(spans.email, case when spans.user_id like '%_@_%' then spans.user_id end) as email
    from (
        {%- for relation, has_landed in statements %}
            select
                stated.source,
                stated.instance,
                coalesce(
                    stated.attributes ->> {{ json_text("configured.options -> 'fields'", 'customer') }}, stated.user_id
                ) as user_id,
                stated.attributes ->> {{ json_text("configured.options -> 'fields'", 'email') }} as email
            from {{ ref(relation) }} as stated
            left join {{ ref('stg_ops__source_options') }} as configured
                on
                    stated.source = configured.source
                    and stated.instance = configured.instance
            where {{ has_landed }}
            {%- if not loop.last %}

                union all
            {%- endif %}
        {%- endfor %}
    ) as spans
    where spans.user_id is not null

)

select distinct
    'customer' as entity_type,
    case when claims.rule = 'self' then users.entity_key else md5(users.entity_key || claims.rule || claims.value) end as record_key,
    users.entity_key,
    null as account_key,
    users.source,
    users.instance,
    claims.rule,
    claims.value
from users
cross join
    lateral (
        values ('self', users.entity_key), ('email', lower(trim(users.email))), ('external_id', trim(users.user_id))
    ) as claims (rule, value)
where claims.value is not null
