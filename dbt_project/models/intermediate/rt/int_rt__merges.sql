-- one row per ticket that landed and merge that it states
select
    stated.source,
    stated.instance,
    stated.ticket_id as interaction_id,
    stated.loser_id,
    stated.survivor_id
from {{ ref('landed_interactions') }} as landed
inner join {{ ref('stg_rt__merges') }} as stated
    on
        landed.source = stated.source
        and landed.instance = stated.instance
        and landed.interaction_id = stated.ticket_id
