-- one row per case that this run works on and was handed off: it holds the reason of its last handoff, which the last change of
-- owner carried out
with

assignments as (

    select
        *,
        lag(agent_id) over by_time as from_agent_id,
        lead(position) over by_time is null as is_last
    from {{ ref('int_salesforce__assignments') }}
    window by_time as (partition by instance, interaction_id order by position)

),

final as (

    select
        assignments.source,
        assignments.instance,
        assignments.interaction_id,
        'reason' as stated_by,
        {{ entity_key('assignments.from_agent_id', 'assignments.source', 'assignments.instance') }} as from_agent_key,
        cases.handoff_reason as reason,
        assignments.assigned_at as handed_off_at
    from assignments
    inner join {{ ref('stg_salesforce__cases') }} as cases
        on
            assignments.source = cases.source
            and assignments.instance = cases.instance
            and assignments.interaction_id = cases.case_id
    where assignments.is_last and cases.handoff_reason <> ''

)

select * from final
