{{ config(materialized='table', indexes=[{'columns': ['interaction_key'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per interaction that this run works on, of every source instance, keyed; a table with statistics, since the
-- planner cannot guess what the casts of the views let through
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

file_conversations as (

    select * from {{ ref('stg_files__conversations') }}

),

unioned as (

    select * from file_conversations

),

final as (

    select
        pending.interaction_key,
        unioned.source,
        unioned.instance,
        unioned.interaction_id,
        channel,
        status,
        customer_id,
        customer_email,
        account_id,
        tier,
        lower(split_part(language, '-', 1)) as language,
        topic,
        priority,
        product_area,
        tags,
        attributes,
        quarantined_message_ids,
        rating,
        rating_scale_min,
        rating_scale_max,
        started_at,
        closed_at,
        deleted_at,
        rated_at,
        _cast_errors,
        _load_id,
        _loaded_at
    from unioned
    inner join pending
        on
            unioned.source = pending.source
            and unioned.instance = pending.instance
            and unioned.interaction_id = pending.interaction_id

)

select * from final
