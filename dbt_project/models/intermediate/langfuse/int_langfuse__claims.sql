-- one row per claim of a user that a trace has made: what one has said of a user stays said, so each claim is a record of its own,
-- and one of a statement that was replaced before core was built of it is made, too
{%- set statements = [('stg_langfuse__traces', is_pending('traces')), ('stg_langfuse__traces_history', was_pending('traces'))] %}
with

users as (

    {%- for relation, has_landed in statements %}
        select distinct
            traces.source,
            traces.instance,
            {{ entity_key('traces.user_id', 'traces.source', 'traces.instance') }} as entity_key,
            traces.user_id,
            coalesce(
                ops.langfuse_field(traces.metadata, traces.tags, {{ json_text("configured.options -> 'fields'", 'email') }}),
                case when traces.user_id like '%_@_%' then traces.user_id end
            ) as email
        from {{ ref(relation) }} as traces
        left join {{ ref('stg_ops__source_options') }} as configured
            on
                traces.source = configured.source
                and traces.instance = configured.instance
        where traces.user_id is not null and {{ has_landed }}
        {%- if not loop.last %}

            union
        {%- endif %}
    {%- endfor %}

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
