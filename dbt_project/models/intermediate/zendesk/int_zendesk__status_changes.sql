-- one row per change of status of a ticket that this run works on; null is a status that the model does not know
select
    source,
    instance,
    ticket_id as interaction_id,
    case value
        when 'new' then 'new'
        when 'open' then 'open'
        when 'pending' then 'pending'
        when 'hold' then 'on_hold'
        when 'solved' then 'solved'
        when 'closed' then 'closed'
    end as status,
    changed_at
from {{ ref('int_zendesk__changes') }}
where field = 'status'
