{{
    config(
        unique_key=['message_key', 'other_message_key'],
        is_whole=true,
        indexes=[{'columns': ['interaction_key']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per pair of similar questions to which the same version of an AI agent gave answers that contradict each other, from the
-- same versions of articles; no text
with

final as (

    select
        pairs.message_key,
        pairs.other_message_key,
        pairs.interaction_key,
        pairs.other_interaction_key,
        coalesce(pairs.agent_version, 'unknown') as agent_version,
        pairs.topic,
        pairs.language,
        verdicts.claim_kinds,
        pairs.article_versions,
        pairs.similarity,
        pairs.interaction_date,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from {{ ref('answer_pairs') }} as pairs
    inner join {{ ref('stg_derived__answer_verdicts') }} as verdicts
        on
            pairs.message_key = verdicts.message_key
            and pairs.other_message_key = verdicts.other_message_key
    where cardinality(verdicts.claim_kinds) > 0

)

select * from final
