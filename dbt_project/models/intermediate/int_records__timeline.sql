{{
    config(
        materialized='keyed',
        unique_key=['source', 'instance', 'record_type', 'record_id', 'valid_from'],
        scope='int_records__changed',
        scope_columns=['source', 'instance', 'record_type', 'record_id'],
        indexes=[{'columns': ['record_key', 'record_type']}]
    )
}}
-- depends_on: {{ ref('int_records__changed') }}
-- one row per record and period: what interactions read of records that are no part of them. An interaction keeps what it has
-- read in core.interaction_references; where that differs from this, it is worked on again.
with

stated as (

    select * from {{ ref('int_sources__record_facts') }}

),

placed as (

    -- what is known first stands for the time before it, too
    select
        *,
        case
            when
                observed_at is null
                or row_number() over (
                    partition by source, instance, record_type, record_id order by observed_at nulls first, _load_id
                ) = 1 then '-infinity'
            else observed_at
        end as valid_from
    from stated

),

latest_of_moment as (

    select distinct on (source, instance, record_type, record_id, valid_from) *
    from placed
    order by source asc, instance asc, record_type asc, record_id asc, valid_from asc, _load_id desc

),

compared as (

    select
        *,
        lag(facts) over (partition by source, instance, record_type, record_id order by valid_from) as previous_facts
    from latest_of_moment

),

final as (

    select
        source,
        instance,
        record_type,
        record_id,
        {{ entity_key('record_id') }} as record_key,
        facts,
        valid_from,
        coalesce(
            lead(valid_from) over (partition by source, instance, record_type, record_id order by valid_from), 'infinity'
        ) as valid_to,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from compared
    where previous_facts is distinct from facts

)

select * from final
