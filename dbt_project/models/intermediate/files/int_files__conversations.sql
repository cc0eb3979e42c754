-- one row per conversation of a file that this run works on, in the shape that all sources share
select
    conversations.*,
    false as is_removed_by_merge,
    conversations.closed_at as solved_at
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('stg_files__conversations') }} as conversations
    on
        pending.instance = conversations.instance
        and pending.interaction_id = conversations.interaction_id
where pending.source = 'files'
