-- one row per change of status or owner of a case that this run works on, in their order; of an owner the row that holds ids
with

changes as (

    select
        changes.source,
        changes.instance,
        changes.case_id,
        changes.change_id,
        case when changes.field = 'Status' then 'Status' else 'Owner' end as field,
        changes.old_value,
        changes.new_value,
        changes.changed_at
    from {{ ref('pending_interactions') }} as pending
    inner join {{ ref('stg_salesforce__case_changes') }} as changes
        on
            pending.source = changes.source
            and pending.instance = changes.instance
            and pending.interaction_id = changes.case_id
    where
        changes.changed_at is not null
        and not changes.is_deleted
        and (
            changes.field = 'Status'
            -- the same change stands there twice: by names, and by ids
            or (
                -- a new owner is also told as what gave it: a rule, somebody who took the case, or an escalation
                changes.field in ('Owner', 'ownerAssignment', 'ownerAccepted', 'ownerEscalated')
                and changes.new_value ~ '^(005|00G)[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$'
            )
        )

),

counted as (

    select
        *,
        row_number() over (partition by instance, case_id, field, changed_at, new_value order by change_id) as repetition
    from changes

),

final as (

    select
        source,
        instance,
        case_id,
        field,
        old_value,
        new_value,
        changed_at,
        row_number() over (partition by instance, case_id order by changed_at, change_id) as position
    from counted
    where field = 'Status' or repetition = 1

)

select * from final
