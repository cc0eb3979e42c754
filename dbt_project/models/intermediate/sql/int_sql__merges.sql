-- one row per conversation that landed and went into another
select
    landed.source,
    landed.instance,
    landed.interaction_id,
    conversations.interaction_id as loser_id,
    conversations.merged_into as survivor_id
from {{ ref('landed_interactions') }} as landed
inner join {{ ref('stg_sql__conversations') }} as conversations
    on
        landed.source = conversations.source
        and landed.instance = conversations.instance
        and landed.interaction_id = conversations.interaction_id
where conversations.merged_into is not null
