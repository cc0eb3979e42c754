-- one row per change of owner of a case that this run works on: a user, or a queue, which is a team without anybody
select
    changes.source,
    changes.instance,
    changes.case_id as interaction_id,
    case when changes.new_value like '005%' then changes.new_value end as agent_id,
    {{ json_text('queues.facts', 'team') }} as team,
    changes.position,
    changes.changed_at as assigned_at
from {{ ref('int_salesforce__changes') }} as changes
left join {{ ref('int_records__timeline') }} as queues
    on
        changes.source = queues.source
        and changes.instance = queues.instance
        and queues.record_type = 'group'
        and changes.new_value = queues.record_id
where changes.field = 'Owner'
