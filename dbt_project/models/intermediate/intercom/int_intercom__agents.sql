-- one row per teammate of Intercom, of those that this run works out again; bots are known by what they write
select
    affected.agent_key,
    admins.source,
    admins.instance,
    admins.admin_id as agent_id,
    admins.admin_name as agent_name,
    'human_agent' as kind,
    null as automation_reason,
    null::timestamptz as hired_at,
    admins.archived_at as left_at
from {{ ref('int_entities__affected') }} as affected
inner join {{ ref('stg_intercom__admins') }} as admins
    on affected.agent_key = {{ entity_key('admins.admin_id', 'admins.source', 'admins.instance') }}
where affected.agent_key is not null
