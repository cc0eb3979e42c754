{{
    config(
        unique_key=['interaction_key', 'subject', 'indicator_id', 'evidence_ordinal'],
        scope='changed_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_date']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per quoted span behind an indicator, with the redacted words; for reviewers and reports, never for BI
with

evidence as (

    select evidence.*
    from {{ ref('fct_evidence') }} as evidence
    inner join {{ ref('changed_interactions') }} as changed on evidence.interaction_key = changed.interaction_key

),

messages as (

    select * from {{ ref('messages') }}

),

results as (

    select * from {{ ref('fct_indicator_results') }}

),

interactions as (

    select * from {{ ref('fct_interactions') }}

),

indicators as (

    select * from {{ ref('stg_scores__rubric_indicators') }}

),

final as (

    select
        evidence.interaction_key,
        evidence.subject,
        evidence.indicator_id,
        evidence.evidence_ordinal,
        evidence.message_key,
        results.agent_key,
        evidence.dimension_id,
        indicators.title as indicator_title,
        results.outcome,
        messages.actor,
        substr(messages.text, evidence.start_offset + 1, evidence.end_offset - evidence.start_offset) as quote,
        interactions.topic,
        interactions.channel,
        case evidence.subject
            when 'human_agent' then interactions.human_total_score
            else interactions.ai_total_score
        end as total_score,
        evidence.start_offset,
        evidence.end_offset,
        results.is_critical,
        evidence.interaction_date,
        messages.sent_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from evidence
    inner join interactions on evidence.interaction_key = interactions.interaction_key
    inner join messages
        on
            evidence.message_key = messages.message_key
            and interactions.started_at = messages.interaction_started_at
    inner join results
        on
            evidence.interaction_key = results.interaction_key
            and evidence.subject = results.subject
            and evidence.indicator_id = results.indicator_id
    inner join indicators on evidence.indicator_id = indicators.indicator_id

)

select * from final
