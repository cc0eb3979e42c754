-- one row per change of status of a ticket that this run works on; null is a status that the model does not know
select
    changes.source,
    changes.instance,
    changes.ticket_id as interaction_id,
    {{ rt_status('changes.value', 'configured.facts') }} as status,
    changes.changed_at
from {{ ref('int_rt__changes') }} as changes
left join {{ ref('int_records__timeline') }} as configured
    on
        changes.source = configured.source
        and changes.instance = configured.instance
        and configured.record_type = 'configuration'
where changes.field = 'status' and changes.value <> 'deleted'
