-- one row per interaction of every source instance, keyed
with

file_conversations as (

    select * from {{ ref('stg_files__conversations') }}

),

unioned as (

    select * from file_conversations

),

final as (

    select
        {{ entity_key('interaction_id') }} as interaction_key,
        source,
        instance,
        interaction_id,
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

)

select * from final
