-- one row per change of status of a case that this run works on; null is a status that the model does not know
select
    changes.source,
    changes.instance,
    changes.case_id as interaction_id,
    {{ salesforce_status('changes.new_value', "(settings.facts -> 'statuses')") }} as status,
    changes.changed_at
from {{ ref('int_salesforce__changes') }} as changes
left join {{ ref('int_records__timeline') }} as settings
    on
        changes.source = settings.source
        and changes.instance = settings.instance
        and settings.record_type = 'ticket_fields'
        and settings.record_id = '*'
where changes.field = 'Status'
