-- one row per message of a file's conversation that this run works on, in the shape that all sources share
select
    messages.*,
    messages.actor_name as stated_actor_name,
    null as author_id
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('stg_files__messages') }} as messages
    on
        pending.instance = messages.instance
        and pending.interaction_id = messages.interaction_id
where pending.source = 'files'
