{{
    config(
        materialized='table',
        pre_hook='set local enable_nestloop = off',
        post_hook='analyze {{ this }}'
    )
}}
-- one row per claim of the customers and accounts that this run works on, with who they are taken to be. External and CRM ids are
-- strong, addresses and domains weak: what is joined never holds two different strong values. The steps have no statistics, and the
-- planner guesses one row where there are thousands: joined row by row, they would take minutes.
with

recursive

considered as (

    select
        *,
        (rule in ('external_id', 'crm_id')) as is_strong
    from {{ ref('int_identity__considered') }}

),

held as (

    select
        entity_type,
        rule,
        value_hash,
        bool_or(is_strong) as is_strong,
        count(distinct entity_key) + max(outside_holder_count) as holder_count,
        least(min(entity_key), min(outside_hub_key)) as hub_key
    from considered
    where rule <> 'self'
    group by entity_type, rule, value_hash

),

-- a value that very many records share is a shared mailbox or a placeholder, and says nothing of anybody
usable as (

    select distinct
        considered.entity_type,
        considered.entity_key,
        considered.rule,
        considered.value_hash,
        considered.is_strong
    from considered
    inner join held
        on
            considered.entity_type = held.entity_type
            and considered.rule = held.rule
            and considered.value_hash = held.value_hash
    where held.holder_count <= {{ var('identity_max_holders') }}

),

named as (

    select
        entity_type,
        entity_key,
        count(*) as name_count,
        min(value_hash) as name
    from usable
    where is_strong
    group by entity_type, entity_key

),

contradicted as (

    -- one address, two people by their ids: it joins none of them
    select
        usable.entity_type,
        usable.rule,
        usable.value_hash
    from usable
    inner join usable as strong
        on
            usable.entity_type = strong.entity_type
            and usable.entity_key = strong.entity_key
            and strong.is_strong
    where not usable.is_strong
    group by usable.entity_type, usable.rule, usable.value_hash
    having count(distinct strong.value_hash) > 1

),

joining as (

    select
        usable.*,
        coalesce(named.name_count, 0) <= 1 as is_consistent,
        contradicted.rule is not null as is_contradicted
    from usable
    left join named
        on
            usable.entity_type = named.entity_type
            and usable.entity_key = named.entity_key
    left join contradicted
        on
            usable.entity_type = contradicted.entity_type
            and usable.rule = contradicted.rule
            and usable.value_hash = contradicted.value_hash

),

{%- set graphs = {
    'cluster': 'true',
    'group': 'is_consistent and not is_contradicted',
    'named': 'is_consistent and is_strong'
} %}
{%- for graph, condition in graphs.items() %}

    {{ graph }}_edges as (

        select distinct
            joining.entity_type,
            joining.entity_key,
            min(joining.entity_key) over (partition by joining.entity_type, joining.rule, joining.value_hash) as hub_key
        from joining
        where {{ condition }}

    ),

    {{ graph }}_steps as (

        select
            entity_type,
            entity_key,
            hub_key as other_key
        from {{ graph }}_edges
        where entity_key <> hub_key

        union

        select
            entity_type,
            hub_key as entity_key,
            entity_key as other_key
        from {{ graph }}_edges
        where entity_key <> hub_key

    ),

    {{ graph }}_reach (entity_type, entity_key, reached_key) as (

        select distinct
            entity_type,
            entity_key,
            entity_key as reached_key
        from {{ graph }}_steps

        union

        select
            reach.entity_type,
            reach.entity_key,
            steps.other_key as reached_key
        from {{ graph }}_reach as reach
        inner join {{ graph }}_steps as steps
            on
                reach.entity_type = steps.entity_type
                and reach.reached_key = steps.entity_key

    ),

    {{ graph }}_sets as (

        select
            entity_type,
            entity_key,
            min(reached_key) as set_key
        from {{ graph }}_reach
        group by entity_type, entity_key

    ),
{%- endfor %}

-- a chain may bring two people together although no single address does
chained as (

    select
        group_sets.entity_type,
        group_sets.set_key
    from group_sets
    inner join named
        on
            group_sets.entity_type = named.entity_type
            and group_sets.entity_key = named.entity_key
    group by group_sets.entity_type, group_sets.set_key
    having count(distinct named.name) > 1

),

entities as (

    select distinct
        entity_type,
        entity_key
    from considered

),

resolved as (

    select
        entities.entity_type,
        entities.entity_key,
        coalesce(cluster_sets.set_key, entities.entity_key) as cluster_key,
        coalesce(
            case when chained.set_key is null then group_sets.set_key else named_sets.set_key end, entities.entity_key
        ) as canonical_key
    from entities
    left join cluster_sets
        on
            entities.entity_type = cluster_sets.entity_type
            and entities.entity_key = cluster_sets.entity_key
    left join group_sets
        on
            entities.entity_type = group_sets.entity_type
            and entities.entity_key = group_sets.entity_key
    left join named_sets
        on
            entities.entity_type = named_sets.entity_type
            and entities.entity_key = named_sets.entity_key
    left join chained
        on
            group_sets.entity_type = chained.entity_type
            and group_sets.set_key = chained.set_key

),

judged as (

    select
        considered.entity_type,
        considered.record_key,
        considered.entity_key,
        considered.rule,
        considered.value_hash,
        considered.account_key,
        considered.source,
        considered.instance,
        resolved.cluster_key,
        resolved.canonical_key,
        held.hub_key as left_key,
        held.holder_count,
        case
            when considered.rule = 'self' then 'self'
            when held.holder_count = 1 then 'single'
            when held.hub_key = considered.entity_key then 'hub'
            when resolved.canonical_key = hubs.canonical_key then 'matched'
            else 'conflict'
        end as match_status
    from considered
    inner join resolved
        on
            considered.entity_type = resolved.entity_type
            and considered.entity_key = resolved.entity_key
    left join held
        on
            considered.entity_type = held.entity_type
            and considered.rule = held.rule
            and considered.value_hash = held.value_hash
    left join resolved as hubs
        on
            held.entity_type = hubs.entity_type
            and held.hub_key = hubs.entity_key

),

final as (

    select
        entity_type,
        record_key,
        entity_key,
        left_key,
        cluster_key,
        canonical_key,
        account_key,
        source,
        instance,
        rule,
        value_hash,
        match_status,
        case
            when match_status = 'matched'
                then case rule
                    when 'email' then 'both records hold this e-mail address, ignoring case'
                    when 'external_id' then 'both records hold this user id of the product'
                    when 'domain' then 'both records hold this domain of a company'
                    when 'crm_id' then 'the helpdesk names this company of the CRM'
                end
            when match_status = 'conflict' and holder_count > {{ var('identity_max_holders') }}
                then 'more records share the value than one person or company has'
            when match_status = 'conflict' then case entity_type
                when 'customer' then 'the value is shared, but the records belong to different user ids of the product'
                else 'the value is shared, but the records belong to different companies of the CRM'
            end
        end as reason
    from judged

)

select * from final
