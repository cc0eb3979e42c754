{{
    config(
        materialized='table',
        indexes=[{'columns': ['instance', 'conversation_id', 'field']}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per part and what it changed of a conversation that this run works on: the status, the agent, the team or an attribute, in
-- the order in which they changed. A conversation is open from its beginning; value is null for nobody and for what is not known.
with

parts as (

    select
        parts.*,
        stated.field
    from {{ ref('pending_interactions') }} as pending
    inner join {{ ref('stg_intercom__parts') }} as parts
        on
            pending.source = parts.source
            and pending.instance = parts.instance
            and pending.interaction_id = parts.conversation_id
    cross join
        lateral (
            values
            (
                case
                    when parts.part_type in ('close', 'open', 'snoozed', 'unsnoozed', 'timer_unsnooze', 'note_and_reopen')
                        then 'status'
                    when parts.attribute_name is not null then 'attribute'
                    when parts.assigned_type = 'team' then 'team'
                    when parts.assigned_type is not null then 'agent'
                end
            ),
            -- an assignment that reopens is both
            (case when parts.part_type in ('assign_and_reopen', 'assign_and_unsnooze') then 'status' end)
        ) as stated (field)
    where parts.created_at is not null and stated.field is not null

)

select
    source,
    instance,
    conversation_id,
    part_id,
    case when author_type = 'admin' or is_by_fin then author_id end as agent_id,
    field,
    attribute_name,
    case
        when field = 'status' then case part_type when 'close' then 'closed' when 'snoozed' then 'pending' else 'open' end
        when field = 'attribute' then attribute_value
        when field = 'team' then assigned_id
        when assigned_type = 'admin' then assigned_id
    end as value,
    row_number() over (partition by instance, conversation_id order by created_at, position, part_id, field) as position,
    created_at as changed_at
from parts
