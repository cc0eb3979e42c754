{{
    config(
        materialized='table',
        indexes=[{'columns': ['instance', 'ticket_id', 'field']}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per change of status, owner or queue of a ticket that this run works on, in the order in which they happened; what each
-- was at the beginning follows from its first change, or else from the ticket as it stands
with

transactions as (

    select transactions.*
    from {{ ref('pending_interactions') }} as pending
    inner join {{ ref('stg_rt__transactions') }} as transactions
        on
            pending.source = transactions.source
            and pending.instance = transactions.instance
            and pending.interaction_id = transactions.ticket_id
    where
        transactions.created_at is not null
        and (
            transactions.transaction_type = 'Create'
            -- RT notes a new owner twice: as a change of the ticket, and of those who watch it
            or (transactions.field in ('Status', 'Owner', 'Queue') and transactions.transaction_type <> 'SetWatcher')
        )

),

changes as (

    select
        source,
        instance,
        ticket_id,
        lower(field) as field,
        new_value as value,
        old_value as previous_value,
        position,
        created_at as changed_at,
        row_number() over (partition by instance, ticket_id, field order by position) as place
    from transactions
    where transaction_type <> 'Create'

),

beginnings as (

    select
        created.source,
        created.instance,
        created.ticket_id,
        stated.field,
        case
            when firsts.ticket_id is not null then firsts.previous_value
            else stated.value
        end as value,
        null::text as previous_value,
        created.position,
        created.created_at as changed_at
    from transactions as created
    inner join {{ ref('stg_rt__tickets') }} as tickets
        on
            created.instance = tickets.instance
            and created.ticket_id = tickets.ticket_id
    cross join
        lateral (
            values ('status', tickets.status), ('owner', tickets.owner_id), ('queue', tickets.queue_id)
        ) as stated (field, value)
    left join changes as firsts
        on
            created.instance = firsts.instance
            and created.ticket_id = firsts.ticket_id
            and stated.field = firsts.field
            and firsts.place = 1
    where created.transaction_type = 'Create'

),

final as (

    select
        source,
        instance,
        ticket_id,
        field,
        value,
        previous_value,
        position,
        changed_at
    from changes

    union all

    select * from beginnings

)

select * from final
