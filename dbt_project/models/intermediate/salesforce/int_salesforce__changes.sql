-- one row per change of status or owner of a case that this run works on, in their order; of an owner the row that holds ids
with

changes as (

    select changes.*
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
            or (changes.field = 'Owner' and changes.new_value ~ '^(005|00G)[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$')
        )

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
    from changes

)

select * from final
