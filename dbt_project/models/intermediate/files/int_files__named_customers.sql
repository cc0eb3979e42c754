-- one row per conversation of a file that landed and names its customer's address
select
    conversations.source,
    conversations.instance,
    conversations.interaction_id,
    conversations.customer_id,
    conversations.customer_email
from {{ ref('landed_interactions') }} as landed
inner join {{ ref('stg_files__conversations') }} as conversations
    on
        landed.source = conversations.source
        and landed.instance = conversations.instance
        and landed.interaction_id = conversations.interaction_id
where conversations.customer_email is not null
