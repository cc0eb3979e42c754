-- one row per handoff of a conversation that this run works on whose reason was written into it
select
    changes.source,
    changes.instance,
    changes.conversation_id as interaction_id,
    'reason' as stated_by,
    {{ entity_key('changes.agent_id', 'changes.source', 'changes.instance') }} as from_agent_key,
    changes.value as reason,
    changes.changed_at as handed_off_at
from {{ ref('int_intercom__changes') }} as changes
inner join {{ ref('int_records__timeline') }} as settings
    on
        changes.source = settings.source
        and changes.instance = settings.instance
        and settings.record_type = 'settings'
        and changes.attribute_name = {{ json_text('settings.facts', 'handoff') }}
where changes.field = 'attribute' and changes.value <> ''
