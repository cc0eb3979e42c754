-- one row per ticket that landed and merge that it states
select
    tickets.source,
    tickets.instance,
    tickets.ticket_id as interaction_id,
    trim(losers.loser_id) as loser_id,
    tickets.ticket_id as survivor_id
from {{ ref('landed_interactions') }} as landed
inner join {{ ref('stg_hubspot__tickets') }} as tickets
    on
        landed.source = tickets.source
        and landed.instance = tickets.instance
        and landed.interaction_id = tickets.ticket_id
cross join lateral unnest(tickets.merged_ticket_ids) as losers (loser_id)
where trim(losers.loser_id) not in ('', tickets.ticket_id)
