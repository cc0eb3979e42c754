-- one row per ticket and merge that it states: by its transactions, and by the ticket that its id leads to
with

told as (

    select
        instance,
        interaction_id as ticket_id,
        interaction_id as loser_id,
        substring({{ json_text('payload', 'NewValue') }} from '/ticket/([0-9]+)$') as survivor_id,
        _load_id
    from {{ source('raw_rt', 'transactions') }}
    where {{ json_text('payload', 'Field') }} = 'MergedInto' and {{ json_text('payload', 'Type') }} = 'AddLink'

),

led as (

    select
        instance,
        id as ticket_id,
        id as loser_id,
        {{ json_text('payload', 'EffectiveId') }} as survivor_id,
        _load_id
    from {{ source('raw_rt', 'tickets') }}

),

stated as (

    select * from told
    union all
    select * from led

)

-- the survivor says of itself that it was merged into itself
select
    'rt' as source,
    stated.*
from stated
where stated.loser_id <> stated.survivor_id
