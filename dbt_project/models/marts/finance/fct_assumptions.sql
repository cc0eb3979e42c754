{{
    config(
        unique_key=['assumption', 'applies_to', 'valid_from'],
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per assumption, what it applies to and version: a month is worked out with the version that held on its first day
with

assumptions as (

    select * from {{ ref('assumptions') }}

),

final as (

    select
        name as assumption,
        applies_to,
        case when applies_to = 'all' then name else name || ' (' || applies_to || ')' end as label,
        unit,
        source,
        owner,
        value::numeric(20, 6) as value,
        stated_on,
        valid_from,
        lead(valid_from) over (partition by name, applies_to order by valid_from) as valid_until,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from assumptions

)

select * from final
