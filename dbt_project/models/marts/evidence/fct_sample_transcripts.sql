{{
    config(
        unique_key=['message_key', 'episode_number'],
        is_whole=true,
        indexes=[{'columns': ['interaction_key', 'episode_number']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per public message of an episode that was drawn for people to read in the last weeks, with the redacted words; for
-- reviewers, never for BI
with

drawn as (

    select distinct
        interaction_key,
        episode_number
    from {{ ref('fct_evaluation_samples') }}
    where period_start >= {{ utc_date(as_of()) }} - {{ var('sample_text_days') }}

),

episodes as materialized (

    select
        drawn.interaction_key,
        drawn.episode_number,
        episodes.first_ordinal,
        episodes.last_ordinal,
        interactions.started_at,
        interactions.interaction_date
    from drawn
    inner join {{ ref('episodes') }} as episodes
        on drawn.interaction_key = episodes.interaction_key and drawn.episode_number = episodes.episode_number
    inner join {{ ref('interactions') }} as interactions on drawn.interaction_key = interactions.interaction_key

),

final as (

    select
        messages.message_key,
        episodes.interaction_key,
        messages.actor,
        messages.text as message_text,
        episodes.episode_number,
        messages.ordinal,
        episodes.interaction_date,
        messages.sent_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from episodes
    inner join {{ ref('messages') }} as messages
        on
            episodes.interaction_key = messages.interaction_key
            and episodes.started_at = messages.interaction_started_at
            and messages.ordinal between episodes.first_ordinal and episodes.last_ordinal
    where not messages.is_internal and not messages.is_automation

)

select * from final
