{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per episode that an AI agent handed to a person: why, when, what was kept, and whether it had to be
with

affected as (

    select * from {{ ref('affected_interactions') }}

),

episodes as (

    select
        ai_episodes.*,
        spans.first_ordinal,
        spans.last_ordinal,
        interactions.source,
        interactions.instance,
        interactions.interaction_id,
        interactions.started_at as interaction_started_at,
        interactions.input_hash
    from {{ ref('ai_episodes') }} as ai_episodes
    inner join affected on ai_episodes.interaction_key = affected.interaction_key
    inner join {{ ref('episodes') }} as spans
        on ai_episodes.interaction_key = spans.interaction_key and ai_episodes.episode_number = spans.episode_number
    inner join {{ ref('interactions') }} as interactions on ai_episodes.interaction_key = interactions.interaction_key
    where ai_episodes.is_escalated

),

replies as (

    select
        messages.interaction_key,
        episodes.episode_number,
        messages.message_key,
        messages.ordinal,
        messages.actor,
        messages.agent_key,
        messages.team,
        messages.sent_at,
        {{ word_set('messages.text') }} as words,
        (row_number() over (
            partition by messages.interaction_key, episodes.episode_number, messages.agent_key order by messages.ordinal
        ) = 1) as is_first_of_person
    from episodes
    inner join {{ ref('messages') }} as messages
        on
            episodes.interaction_key = messages.interaction_key
            and episodes.interaction_started_at = messages.interaction_started_at
            and messages.ordinal between episodes.first_ordinal and episodes.last_ordinal
    where
        messages.actor in ('human_agent', 'ai_agent')
        and not messages.is_internal
        and not messages.is_automation

),

takeovers as (

    select distinct on (human_replies.interaction_key, human_replies.episode_number) human_replies.*
    from replies as human_replies
    where
        human_replies.actor = 'human_agent'
        and exists (
            select 1 from replies as ai_replies
            where
                ai_replies.interaction_key = human_replies.interaction_key
                and ai_replies.episode_number = human_replies.episode_number
                and ai_replies.actor = 'ai_agent'
                and ai_replies.ordinal < human_replies.ordinal
        )
    order by human_replies.interaction_key asc, human_replies.episode_number asc, human_replies.ordinal asc

),

ai_agents as (

    select agent_key from {{ ref('agents') }}
    where kind = 'ai_agent'

),

stated as (

    select
        source_handoffs.*,
        (source_agents.agent_key is not null) as is_from_ai,
        (target_agents.agent_key is not null) as is_to_ai
    from {{ ref('source_handoffs') }} as source_handoffs
    inner join affected on source_handoffs.interaction_key = affected.interaction_key
    left join ai_agents as source_agents on source_handoffs.from_agent_key = source_agents.agent_key
    left join ai_agents as target_agents on source_handoffs.to_agent_key = target_agents.agent_key

),

recorded as (

    select distinct on (episodes.interaction_key, episodes.episode_number)
        episodes.episode_number,
        stated.*
    from episodes
    inner join stated
        on
            episodes.interaction_key = stated.interaction_key
            and stated.is_from_ai
            and not stated.is_to_ai
            and (episodes.episode_number = 1 or episodes.started_at <= stated.handed_off_at)
            and (episodes.reopened_at is null or episodes.reopened_at > stated.handed_off_at)
    order by
        episodes.interaction_key asc, episodes.episode_number asc, (stated.reason is null) asc, stated.handed_off_at asc

),

handed_over as (

    select
        episodes.*,
        coalesce(recorded.from_agent_key, episodes.agent_key) as from_agent_key,
        coalesce(takeovers.agent_key, recorded.to_agent_key) as to_agent_key,
        coalesce(recorded.to_team, takeovers.team) as to_team,
        lower(regexp_replace(recorded.reason, '[^[:alnum:]]+', '_', 'g')) as stated_reason,
        coalesce(takeovers.ordinal, episodes.last_ordinal + 1) as handoff_ordinal,
        takeovers.sent_at as taken_over_at,
        least(recorded.handed_off_at, takeovers.sent_at) as handed_off_at,
        (recorded.interaction_key is not null) as is_recorded
    from episodes
    left join takeovers
        on episodes.interaction_key = takeovers.interaction_key and episodes.episode_number = takeovers.episode_number
    left join recorded
        on episodes.interaction_key = recorded.interaction_key and episodes.episode_number = recorded.episode_number
    where takeovers.interaction_key is not null or recorded.interaction_key is not null

),

ai_answers as (

    select
        replies.*,
        feedback.stated_confidence
    from replies
    inner join handed_over
        on
            replies.interaction_key = handed_over.interaction_key
            and replies.episode_number = handed_over.episode_number
            and replies.ordinal < handed_over.handoff_ordinal
    left join {{ ref('answer_feedback') }} as feedback on replies.message_key = feedback.message_key
    where replies.actor = 'ai_agent'

),

answered as (

    select
        ai_answers.interaction_key,
        ai_answers.episode_number,
        count(*)::int as ai_turns_before,
        count(*) filter (where exists (
            select 1 from ai_answers as earlier
            where
                earlier.interaction_key = ai_answers.interaction_key
                and earlier.episode_number = ai_answers.episode_number
                and earlier.ordinal < ai_answers.ordinal
                and least(cardinality(earlier.words), cardinality(ai_answers.words)) >= {{ var('least_words') }}
                and greatest(
                    {{ word_containment('earlier.words', 'ai_answers.words') }},
                    {{ word_containment('ai_answers.words', 'earlier.words') }}
                ) >= {{ var('loop_similarity') }}
        ))::int as repeated_answer_count,
        min(ai_answers.ordinal) filter (where ai_answers.stated_confidence < {{ var('escalation_confidence') }})
            as unsure_ordinal,
        min(ai_answers.ordinal) as first_answer_ordinal
    from ai_answers
    group by ai_answers.interaction_key, ai_answers.episode_number

),

turns as (

    select
        turns.*,
        handed_over.handoff_ordinal,
        row_number() over (
            partition by turns.interaction_key, turns.episode_number, turns.is_clarification order by turns.ordinal
        ) as clarification_number
    from {{ ref('clarification_turns') }} as turns
    inner join handed_over
        on turns.interaction_key = handed_over.interaction_key and turns.episode_number = handed_over.episode_number

),

asked as (

    select
        interaction_key,
        episode_number,
        min(ordinal) filter (where (asks_for_human or asks_for_superior) and ordinal < handoff_ordinal) as demand_ordinal,
        min(ordinal) filter (
            where is_clarification and clarification_number >= {{ var('due_failed_answers') }} and ordinal < handoff_ordinal
        ) as failed_ordinal,
        (array_agg(polarity order by ordinal desc) filter (where ordinal < handoff_ordinal and polarity is not null))[1]
            as last_polarity
    from turns
    group by interaction_key, episode_number

),

-- what the customer had stated before: types of what the redactor found, never the values
given as (

    select
        handed_over.interaction_key,
        handed_over.episode_number,
        count(distinct items.item)::int as given_count
    from handed_over
    inner join {{ ref('messages') }} as messages
        on
            handed_over.interaction_key = messages.interaction_key
            and handed_over.interaction_started_at = messages.interaction_started_at
            and handed_over.first_ordinal <= messages.ordinal
            and handed_over.handoff_ordinal > messages.ordinal
            and messages.actor = 'customer'
    cross join lateral {{ json_elements('messages.pii') }} as found (entry)
    cross join lateral (select {{ json_text('found.entry', 'type') }} as item) as items
    where items.item = any('{{ "{" ~ var("stated_items") | join(",") ~ "}" }}')
    group by handed_over.interaction_key, handed_over.episode_number

),

-- questions of people after what had been given: by the scorer's evidence, or as the customer protests
questions as (

    select
        handed_over.interaction_key,
        handed_over.episode_number,
        greatest(count(evidence.message_key), 1)::int as asked_count,
        replies.is_first_of_person
    from handed_over
    inner join replies
        on
            handed_over.interaction_key = replies.interaction_key
            and handed_over.episode_number = replies.episode_number
            and replies.actor = 'human_agent'
            and handed_over.handoff_ordinal <= replies.ordinal
    left join {{ ref('stg_scores__evidence') }} as evidence
        on
            handed_over.interaction_started_at = evidence.interaction_started_at
            and handed_over.interaction_key = evidence.interaction_key
            and handed_over.input_hash = evidence.input_hash
            and replies.message_key = evidence.message_key
            and evidence.subject = 'human_agent'
            and evidence.indicator_id = '{{ var("asks_again_indicator") }}'
    where
        evidence.message_key is not null
        or replies.message_key in (
            select turns.reply_before_key from turns
            where turns.says_already_said
        )
    group by handed_over.interaction_key, handed_over.episode_number, replies.message_key, replies.is_first_of_person

),

asked_again as (

    select
        interaction_key,
        episode_number,
        sum(asked_count)::int as asked_again_count,
        bool_or(is_first_of_person) as is_restarted
    from questions
    group by interaction_key, episode_number

),

-- afterwards it went from person to person: as the source states it, else as the answers show
passed_on as (

    select
        handed_over.interaction_key,
        handed_over.episode_number,
        greatest(
            count(*) filter (where later.is_stated), count(*) filter (where not later.is_stated)
        )::int as reassignment_count,
        coalesce(bool_or(later.to_team <> handed_over.to_team), false) as is_misrouted
    from handed_over
    left join
        lateral (
            select
                true as is_stated,
                stated.to_team
            from stated
            where
                stated.interaction_key = handed_over.interaction_key
                and not stated.is_from_ai
                and stated.from_agent_key is not null
                and stated.handed_off_at > handed_over.handed_off_at
                and (handed_over.reopened_at is null or stated.handed_off_at < handed_over.reopened_at)

            union all

            select
                false as is_stated,
                handoffs.to_team
            from {{ ref('handoffs') }} as handoffs
            where
                handoffs.interaction_key = handed_over.interaction_key
                and handoffs.episode_number = handed_over.episode_number
                and handoffs.handoff_type = 'human_agent_to_human_agent'
        ) as later
        on true
    group by handed_over.interaction_key, handed_over.episode_number

),

human_replies as (

    select
        replies.interaction_key,
        replies.episode_number,
        count(*)::int as reply_count,
        (array_agg(replies.message_key order by cardinality(replies.words) desc, replies.ordinal))[1] as message_key
    from replies
    inner join handed_over
        on
            replies.interaction_key = handed_over.interaction_key
            and replies.episode_number = handed_over.episode_number
            and replies.ordinal >= handed_over.handoff_ordinal
    where replies.actor = 'human_agent'
    group by replies.interaction_key, replies.episode_number

),

-- a person's longest reply, held against what the AI agent said and what everybody can read
repeats as (

    select
        handed_over.interaction_key,
        handed_over.episode_number,
        human_replies.reply_count,
        coalesce((
            select max({{ word_containment('replies.words', 'ai_answers.words') }})
            from ai_answers
            where
                ai_answers.interaction_key = handed_over.interaction_key
                and ai_answers.episode_number = handed_over.episode_number
        ), 0) >= {{ var('repeat_containment') }}
        or (
            human_replies.reply_count = 1
            and coalesce((
                select max({{ word_containment('replies.words', 'articles.words') }})
                from {{ ref('article_words') }} as articles
                where
                    articles.source = handed_over.source
                    and articles.instance = handed_over.instance
                    and articles.valid_from <= replies.sent_at
                    and (articles.valid_to is null or replies.sent_at < articles.valid_to)
            ), 0) >= {{ var('repeat_containment') }}
        ) as is_repeating
    from handed_over
    inner join human_replies
        on handed_over.interaction_key = human_replies.interaction_key and handed_over.episode_number = human_replies.episode_number
    inner join replies on human_replies.message_key = replies.message_key

),

joined as (

    select
        handed_over.*,
        reasons.reason as mapped_reason,
        reasons.trigger_type as mapped_trigger,
        answered.ai_turns_before,
        coalesce(answered.repeated_answer_count, 0) as repeated_answer_count,
        answered.unsure_ordinal,
        asked.demand_ordinal,
        asked.failed_ordinal,
        asked.last_polarity,
        least(
            answered.unsure_ordinal,
            asked.demand_ordinal,
            asked.failed_ordinal,
            case when reasons.trigger_type = 'policy' then answered.first_answer_ordinal end
        ) as due_ordinal,
        coalesce(asked_again.asked_again_count, 0) as asked_again_count,
        greatest(coalesce(given.given_count, 0), coalesce(asked_again.asked_again_count, 0)) as given_count,
        case when repeats.interaction_key is not null then coalesce(asked_again.is_restarted, false) end as is_restarted,
        passed_on.reassignment_count,
        passed_on.is_misrouted,
        coalesce(repeats.reply_count, 0) as human_reply_count,
        coalesce(repeats.is_repeating, false) as is_repeating,
        labels.necessity as labelled_necessity
    from handed_over
    left join {{ ref('handoff_reasons') }} as reasons on handed_over.stated_reason = reasons.stated_reason
    left join answered
        on handed_over.interaction_key = answered.interaction_key and handed_over.episode_number = answered.episode_number
    left join asked
        on handed_over.interaction_key = asked.interaction_key and handed_over.episode_number = asked.episode_number
    left join given
        on handed_over.interaction_key = given.interaction_key and handed_over.episode_number = given.episode_number
    left join asked_again
        on handed_over.interaction_key = asked_again.interaction_key and handed_over.episode_number = asked_again.episode_number
    inner join passed_on
        on handed_over.interaction_key = passed_on.interaction_key and handed_over.episode_number = passed_on.episode_number
    left join repeats
        on handed_over.interaction_key = repeats.interaction_key and handed_over.episode_number = repeats.episode_number
    left join {{ ref('escalation_labels') }} as labels
        on
            handed_over.source = labels.source
            and handed_over.instance = labels.instance
            and handed_over.interaction_id = labels.interaction_id
            and handed_over.episode_number = labels.episode_number

),

judged as (

    select
        *,
        case
            when mapped_reason <> 'unknown' then mapped_reason
            when demand_ordinal is not null then 'customer_request'
            when failed_tool_call_count > 0 then 'tool_failure'
            when ai_turns_before > 0 and retrieval_count = 0 then 'missing_knowledge'
            when failed_ordinal is not null then 'pending_clarification'
            else 'unknown'
        end as reason,
        case
            when mapped_trigger is not null then mapped_trigger
            when demand_ordinal is not null then 'customer_demand'
            when failed_tool_call_count > 0 then 'tool_failure'
            when last_polarity < {{ var('negative_polarity') }} then 'sentiment'
            when unsure_ordinal is not null then 'confidence'
        end as trigger_type,
        case
            when labelled_necessity in ('needed', 'avoidable') then labelled_necessity
            when human_reply_count = 1 and is_solved and is_repeating then 'avoidable'
            when
                mapped_reason in ('policy_restriction', 'tool_failure', 'usage_limit', 'unsupported_request')
                or failed_tool_call_count > 0 then 'needed'
            when human_reply_count > 0 and not is_repeating then 'needed'
            else 'unknown'
        end as necessity,
        case when labelled_necessity in ('needed', 'avoidable') then 'human' else 'derived' end as necessity_source,
        case when due_ordinal is not null then (
            select count(*)::int from ai_answers
            where
                ai_answers.interaction_key = joined.interaction_key
                and ai_answers.episode_number = joined.episode_number
                and ai_answers.ordinal <= joined.due_ordinal
        ) end as due_turn
    from joined

),

final as (

    select
        interaction_key,
        episode_number,
        from_agent_key,
        to_agent_key,
        agent_version,
        to_team,
        stated_reason,
        reason,
        case when mapped_reason <> 'unknown' then 'source' else 'derived' end as reason_source,
        trigger_type,
        necessity,
        necessity_source,
        case
            when necessity = 'avoidable' then 'early'
            when due_turn is null then null
            when coalesce(ai_turns_before, 0) < due_turn then 'early'
            when ai_turns_before <= due_turn + 1 then 'on_time'
            else 'late'
        end as timing,
        due_turn,
        coalesce(ai_turns_before, 0) as ai_turns_before,
        {{ minutes_between('started_at', 'handed_off_at') }} as minutes_before,
        repeated_answer_count,
        (repeated_answer_count >= {{ var('loop_answers') }} - 1) as is_loop,
        given_count as items_given_count,
        least(asked_again_count, given_count) as items_asked_again_count,
        is_restarted,
        case
            when human_reply_count > 0 and given_count > 0
                then 1 - least(asked_again_count, given_count)::double precision / given_count
        end as items_kept_share,
        -- no source states which fields it passed on
        null::double precision as context_fields_share,
        (1 - is_restarted::int)::double precision as continued_share,
        reassignment_count,
        is_misrouted,
        human_reply_count,
        is_recorded,
        {{ minutes_between('taken_over_at', 'solved_at') }} as minutes_to_solve,
        handed_off_at,
        taken_over_at
    from judged

)

select
    *,
    (coalesce(items_kept_share, 0) + coalesce(context_fields_share, 0) + coalesce(continued_share, 0))
    / nullif(num_nonnulls(items_kept_share, context_fields_share, continued_share), 0) as context_preservation
from final
