{{
    config(
        unique_key=['interaction_key', 'subject', 'indicator_id', 'evidence_ordinal'],
        scope='changed_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per quoted span behind an indicator: where it stands, without the words
with

interactions as (

    select interactions.*
    from {{ ref('interactions') }} as interactions
    inner join {{ ref('changed_interactions') }} as changed on interactions.interaction_key = changed.interaction_key

),

evidence as (

    select * from {{ ref('stg_scores__evidence') }}

),

final as (

    select
        interactions.interaction_key,
        evidence.subject,
        evidence.indicator_id,
        evidence.evidence_ordinal,
        evidence.message_key,
        evidence.indicator_version,
        evidence.dimension_id,
        evidence.start_offset,
        evidence.end_offset,
        interactions.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from interactions
    inner join evidence
        on
            interactions.started_at = evidence.interaction_started_at
            and interactions.interaction_key = evidence.interaction_key
            and interactions.input_hash = evidence.input_hash
    where interactions.is_eligible

)

select * from final
