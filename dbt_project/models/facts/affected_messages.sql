{{
    config(
        materialized='table',
        indexes=[
            {'columns': ['interaction_key', 'episode_number', 'ordinal'], 'unique': true},
            {'columns': ['message_key'], 'unique': true}
        ],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per public message that this run reads of the episodes in which an AI agent had a part: its words, what it says and
-- asks, and the replies around it. Facts about AI agents read it in place of core and scores: joins by start, key and content
-- are taken for one row by the planner, and here they are made once.
with

affected as (

    select * from {{ ref('affected_interactions') }}

),

ai_agents as (

    select agent_key
    from {{ ref('agents') }}
    where kind = 'ai_agent'

),

-- an AI agent that was given the case and wrote nothing was tried
tried as (

    select source_handoffs.interaction_key
    from {{ ref('source_handoffs') }} as source_handoffs
    inner join affected on source_handoffs.interaction_key = affected.interaction_key
    inner join ai_agents on source_handoffs.from_agent_key = ai_agents.agent_key

    union

    select assignments.interaction_key
    from {{ ref('assignments') }} as assignments
    inner join affected on assignments.interaction_key = affected.interaction_key
    inner join ai_agents on assignments.to_agent_key = ai_agents.agent_key

),

-- worked out before messages are looked up: joined at once, all messages would be read
episodes as materialized (

    select
        episodes.*,
        interactions.started_at as interaction_started_at,
        interactions.input_hash
    from {{ ref('episodes') }} as episodes
    inner join affected on episodes.interaction_key = affected.interaction_key
    inner join {{ ref('interactions') }} as interactions on episodes.interaction_key = interactions.interaction_key
    left join tried on episodes.interaction_key = tried.interaction_key
    where episodes.ai_message_count > 0 or tried.interaction_key is not null

),

said as (

    select
        messages.interaction_key,
        episodes.episode_number,
        messages.ordinal,
        messages.message_key,
        messages.actor,
        messages.agent_key,
        messages.team,
        messages.pii,
        -- mail quotes what it answers
        regexp_replace(messages.text, '(^|\n)>[^\n]*', '', 'g') as text,
        episodes.interaction_started_at,
        episodes.input_hash,
        (episodes.ai_message_count > 0) as has_ai_reply,
        messages.sent_at
    from episodes
    inner join {{ ref('messages') }} as messages
        on
            episodes.interaction_key = messages.interaction_key
            and episodes.interaction_started_at = messages.interaction_started_at
            and messages.ordinal between episodes.first_ordinal and episodes.last_ordinal
    where not messages.is_internal and not messages.is_automation

),

scored as (

    select
        said.*,
        message_scores.polarity,
        coalesce(message_scores.has_repeat_question, false) as has_repeat_question,
        coalesce(message_scores.has_escalation_request, false) as has_escalation_request,
        array(select found.mark ->> 'marker' from {{ json_elements('message_scores.markers') }} as found (mark)) as markers
    from said
    left join {{ ref('stg_scores__message_scores') }} as message_scores
        on
            said.interaction_started_at = message_scores.interaction_started_at
            and said.interaction_key = message_scores.interaction_key
            and said.input_hash = message_scores.input_hash
            and said.message_key = message_scores.message_key
            and said.actor = 'customer'

),

final as (

    select
        scored.interaction_key,
        scored.episode_number,
        scored.ordinal,
        scored.message_key,
        scored.actor,
        scored.agent_key,
        scored.team,
        scored.polarity,
        scored.markers,
        {{ word_set('scored.text') }} as words,
        -- types of what the redactor found of the things that one can be asked for again, never the values
        array(
            select distinct items.item
            from {{ json_elements('scored.pii') }} as found (entry)
            cross join lateral (select {{ json_text('found.entry', 'type') }} as item) as items
            where items.item = any('{{ "{" ~ var("stated_items") | join(",") ~ "}" }}')
        ) as stated_items,
        asked.asked_again_count,
        count(*) filter (where scored.actor = 'customer') over up_to_it as customer_number,
        max(scored.ordinal) filter (where scored.actor <> 'customer') over before_it as reply_before_ordinal,
        min(scored.ordinal) filter (where scored.actor = 'human_agent') over after_it as next_human_ordinal,
        scored.has_ai_reply,
        scored.has_repeat_question,
        scored.has_escalation_request,
        (scored.text like '%?%') as has_question,
        scored.sent_at
    from scored
    cross join
        lateral (
            select count(*)::int as asked_again_count
            from {{ ref('stg_scores__evidence') }} as evidence
            where
                scored.actor = 'human_agent'
                and evidence.interaction_started_at = scored.interaction_started_at
                and evidence.interaction_key = scored.interaction_key
                and evidence.input_hash = scored.input_hash
                and evidence.message_key = scored.message_key
                and evidence.subject = 'human_agent'
                and evidence.indicator_id = '{{ var("asks_again_indicator") }}'
        ) as asked
    window
        up_to_it as (
            partition by scored.interaction_key, scored.episode_number order by scored.ordinal
        ),
        before_it as (
            partition by scored.interaction_key, scored.episode_number
            order by scored.ordinal rows between unbounded preceding and 1 preceding
        ),
        after_it as (
            partition by scored.interaction_key, scored.episode_number
            order by scored.ordinal rows between 1 following and unbounded following
        )

)

select * from final
