-- one row per score of a trace, or of the session, of a conversation that this run works on
with

turns as (

    select * from {{ ref('int_langfuse__turns') }}

),

owners as (

    select
        instance,
        interaction_id,
        trace_id as owner,
        trace_id
    from turns

    union

    select
        instance,
        interaction_id,
        'session:' || interaction_id as owner,
        null as trace_id
    from turns

)

select
    owners.interaction_id,
    owners.trace_id,
    scores.*
from owners
inner join {{ ref('stg_langfuse__scores') }} as scores
    on
        owners.instance = scores.instance
        and owners.owner = scores.owner
