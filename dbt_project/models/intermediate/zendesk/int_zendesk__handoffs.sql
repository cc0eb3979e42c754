-- one row per handoff of a ticket that this run works on: a reason written into the ticket, or an escalation in the AI agents'
-- export that no such reason states too
with

reasons as (

    select
        changes.source,
        changes.instance,
        changes.ticket_id as interaction_id,
        'reason' as stated_by,
        {{ entity_key("nullif(changes.updater_id, '-1')", 'changes.source', 'changes.instance') }} as from_agent_key,
        changes.value as reason,
        changes.changed_at as handed_off_at
    from {{ ref('int_zendesk__changes') }} as changes
    inner join {{ ref('int_records__timeline') }} as fields
        on
            changes.source = fields.source
            and changes.instance = fields.instance
            and fields.record_type = 'ticket_fields'
            and changes.field = 'custom_fields_' || {{ json_text('fields.facts', 'handoff_reason') }}
    where changes.value <> ''

),

escalations as (

    select
        conversations.source,
        conversations.instance,
        conversations.ticket_id as interaction_id,
        'ai_export' as stated_by,
        null::text as from_agent_key,
        conversations.escalation_reason as reason,
        conversations.escalated_at as handed_off_at
    from {{ ref('pending_interactions') }} as pending
    inner join {{ ref('stg_zendesk__ai_conversations') }} as conversations
        on
            pending.source = conversations.source
            and pending.instance = conversations.instance
            and pending.interaction_id = conversations.ticket_id
    where
        conversations.is_escalated
        and conversations.escalated_at is not null
        and not exists (
            select 1 from reasons
            where
                reasons.instance = conversations.instance
                and reasons.interaction_id = conversations.ticket_id
                and reasons.handed_off_at between conversations.escalated_at - interval '1 minute'
                and conversations.escalated_at + interval '1 minute'
        )

),

final as (

    select * from reasons
    union all
    select * from escalations

)

select * from final
