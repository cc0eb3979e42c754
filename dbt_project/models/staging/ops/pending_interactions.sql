{{ config(materialized='table', indexes=[{'columns': ['interaction_key'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per interaction that gate 1, clean and core work on in this run: what is noted as changed, what reads a record that
-- changed, and the other sides of their mergers
with

landed as (

    select
        interaction_key,
        source,
        instance,
        interaction_id,
        'landed' as reason
    from {{ ref('landed_interactions') }}

),

outdated as (

    select outdated.*
    from {{ ref('int_interactions__outdated') }} as outdated
    left join landed on outdated.interaction_key = landed.interaction_key
    where landed.interaction_key is null

),

direct as (

    select * from landed
    union all
    select * from outdated

),

mergers as (

    select * from {{ ref('int_interactions__merges') }}

),

{#- the circle of a merge: who went into whom, from either side #}

neighbours as (

    select
        source,
        instance,
        loser_id as interaction_id,
        survivor_id as other_id
    from mergers

    union

    select
        source,
        instance,
        survivor_id as interaction_id,
        loser_id as other_id
    from mergers

),

reached as (

    with recursive steps as (

        select
            source,
            instance,
            interaction_id
        from direct

        union

        select
            neighbours.source,
            neighbours.instance,
            neighbours.other_id as interaction_id
        from steps
        inner join neighbours
            on
                steps.source = neighbours.source
                and steps.instance = neighbours.instance
                and steps.interaction_id = neighbours.interaction_id

    )

    select * from steps

),

merged as (

    select
        {{ entity_key('reached.interaction_id', 'reached.source', 'reached.instance') }} as interaction_key,
        reached.source,
        reached.instance,
        reached.interaction_id,
        'merged' as reason
    from reached
    left join direct
        on
            reached.source = direct.source
            and reached.instance = direct.instance
            and reached.interaction_id = direct.interaction_id
    where direct.interaction_key is null

),

final as (

    select * from direct
    union all
    select * from merged

)

select * from final
