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

handed_over as (

    select
        ai_episodes.*,
        takeovers.from_agent_key,
        takeovers.to_agent_key,
        takeovers.to_team,
        takeovers.stated_reason,
        takeovers.handoff_ordinal,
        takeovers.taken_over_at,
        takeovers.handed_off_at,
        takeovers.is_recorded,
        interactions.source,
        interactions.instance,
        interactions.interaction_id
    from {{ ref('ai_takeovers') }} as takeovers
    inner join affected on takeovers.interaction_key = affected.interaction_key
    inner join {{ ref('ai_episodes') }} as ai_episodes
        on takeovers.interaction_key = ai_episodes.interaction_key and takeovers.episode_number = ai_episodes.episode_number
    inner join {{ ref('interactions') }} as interactions on takeovers.interaction_key = interactions.interaction_key

),

ai_answers as (

    select
        replies.interaction_key,
        replies.episode_number,
        replies.message_key,
        replies.ordinal,
        feedback.stated_confidence
    from {{ ref('affected_messages') }} as replies
    inner join handed_over
        on
            replies.interaction_key = handed_over.interaction_key
            and replies.episode_number = handed_over.episode_number
            and replies.ordinal < handed_over.handoff_ordinal
    left join {{ ref('answer_feedback') }} as feedback on replies.message_key = feedback.message_key
    where replies.actor = 'ai_agent'

),

-- answers that say nearly what an earlier one said
repeated as (

    select distinct later.message_key
    from {{ ref('affected_messages') }} as later
    inner join {{ ref('affected_messages') }} as earlier
        on
            later.interaction_key = earlier.interaction_key
            and later.episode_number = earlier.episode_number
            and later.ordinal > earlier.ordinal
    where
        later.actor = 'ai_agent'
        and earlier.actor = 'ai_agent'
        and least(cardinality(earlier.words), cardinality(later.words)) >= {{ var('least_words') }}
        and greatest(
            {{ word_containment('earlier.words', 'later.words') }},
            {{ word_containment('later.words', 'earlier.words') }}
        ) >= {{ var('loop_similarity') }}

),

answered as (

    select
        ai_answers.interaction_key,
        ai_answers.episode_number,
        count(*)::int as ai_turns_before,
        count(repeated.message_key)::int as repeated_answer_count,
        min(ai_answers.ordinal) filter (where ai_answers.stated_confidence < {{ var('escalation_confidence') }})
            as unsure_ordinal,
        min(ai_answers.ordinal) as first_answer_ordinal,
        array_agg(ai_answers.ordinal) as answer_ordinals
    from ai_answers
    left join repeated on ai_answers.message_key = repeated.message_key
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

-- what the customer had stated before
given as (

    select
        handed_over.interaction_key,
        handed_over.episode_number,
        count(distinct items.item)::int as given_count
    from handed_over
    inner join {{ ref('affected_messages') }} as messages
        on
            handed_over.interaction_key = messages.interaction_key
            and handed_over.episode_number = messages.episode_number
            and handed_over.handoff_ordinal > messages.ordinal
    cross join lateral unnest(messages.stated_items) as items (item)
    where messages.actor = 'customer'
    group by handed_over.interaction_key, handed_over.episode_number

),

-- questions of people after what had been given: by the scorer's evidence, or as the customer protests
questions as (

    select
        replies.interaction_key,
        replies.episode_number,
        greatest(replies.asked_again_count, 1) as asked_count,
        (row_number() over (
            partition by replies.interaction_key, replies.episode_number, replies.agent_key order by replies.ordinal
        ) = 1) as is_first_of_person,
        (
            replies.ordinal >= handed_over.handoff_ordinal
            and (
                replies.asked_again_count > 0
                or replies.message_key in (
                    select turns.reply_before_key from turns
                    where turns.says_already_said
                )
            )
        ) as is_asked_again
    from handed_over
    inner join {{ ref('affected_messages') }} as replies
        on
            handed_over.interaction_key = replies.interaction_key
            and handed_over.episode_number = replies.episode_number
    where replies.actor = 'human_agent'

),

asked_again as (

    select
        interaction_key,
        episode_number,
        sum(asked_count)::int as asked_again_count,
        bool_or(is_first_of_person) as is_restarted
    from questions
    where is_asked_again
    group by interaction_key, episode_number

),

-- afterwards it went from person to person: as the source states it, else as the answers show
passed_on as (

    select
        stated.interaction_key,
        handed_over.episode_number,
        stated.to_team,
        true as is_stated
    from {{ ref('source_handoffs') }} as stated
    inner join handed_over
        on
            stated.interaction_key = handed_over.interaction_key
            and stated.handed_off_at > handed_over.handed_off_at
            and (handed_over.reopened_at is null or stated.handed_off_at < handed_over.reopened_at)
    left join {{ ref('agents') }} as givers on stated.from_agent_key = givers.agent_key
    where stated.from_agent_key is not null and givers.kind is distinct from 'ai_agent'

    union all

    select
        handoffs.interaction_key,
        handoffs.episode_number,
        handoffs.to_team,
        false as is_stated
    from {{ ref('handoffs') }} as handoffs
    inner join affected on handoffs.interaction_key = affected.interaction_key
    where handoffs.handoff_type = 'human_agent_to_human_agent'

),

reassigned as (

    select
        handed_over.interaction_key,
        handed_over.episode_number,
        greatest(
            count(*) filter (where passed_on.is_stated), count(*) filter (where not passed_on.is_stated)
        )::int as reassignment_count,
        coalesce(bool_or(passed_on.to_team <> handed_over.to_team), false) as is_misrouted
    from handed_over
    left join passed_on
        on
            handed_over.interaction_key = passed_on.interaction_key
            and handed_over.episode_number = passed_on.episode_number
    group by handed_over.interaction_key, handed_over.episode_number

),

human_replies as (

    select
        replies.interaction_key,
        replies.episode_number,
        count(*)::int as reply_count,
        (array_agg(replies.message_key order by cardinality(replies.words) desc, replies.ordinal))[1] as message_key
    from {{ ref('affected_messages') }} as replies
    inner join handed_over
        on
            replies.interaction_key = handed_over.interaction_key
            and replies.episode_number = handed_over.episode_number
            and replies.ordinal >= handed_over.handoff_ordinal
    where replies.actor = 'human_agent'
    group by replies.interaction_key, replies.episode_number

),

-- a person's longest reply, held against what the AI agent said and what everybody can read
answer_repeats as (

    select
        human_replies.message_key,
        max({{ word_containment('replies.words', 'ai_replies.words') }}) as containment
    from human_replies
    inner join {{ ref('affected_messages') }} as replies on human_replies.message_key = replies.message_key
    inner join {{ ref('affected_messages') }} as ai_replies
        on
            human_replies.interaction_key = ai_replies.interaction_key
            and human_replies.episode_number = ai_replies.episode_number
            and replies.ordinal > ai_replies.ordinal
    inner join handed_over
        on
            human_replies.interaction_key = handed_over.interaction_key
            and human_replies.episode_number = handed_over.episode_number
            and ai_replies.ordinal < handed_over.handoff_ordinal
    where ai_replies.actor = 'ai_agent'
    group by human_replies.message_key

),

article_repeats as (

    select
        human_replies.message_key,
        max({{ word_containment('replies.words', 'articles.words') }}) as containment
    from human_replies
    inner join {{ ref('affected_messages') }} as replies on human_replies.message_key = replies.message_key
    inner join handed_over
        on
            human_replies.interaction_key = handed_over.interaction_key
            and human_replies.episode_number = handed_over.episode_number
    inner join {{ ref('article_words') }} as articles
        on
            handed_over.source = articles.source
            and handed_over.instance = articles.instance
            and replies.sent_at >= articles.valid_from
            and (articles.valid_to is null or replies.sent_at < articles.valid_to)
    where human_replies.reply_count = 1
    group by human_replies.message_key

),

repeats as (

    select
        human_replies.interaction_key,
        human_replies.episode_number,
        human_replies.reply_count,
        coalesce(
            greatest(answer_repeats.containment, article_repeats.containment) >= {{ var('repeat_containment') }}, false
        ) as is_repeating
    from human_replies
    left join answer_repeats on human_replies.message_key = answer_repeats.message_key
    left join article_repeats on human_replies.message_key = article_repeats.message_key

),

joined as (

    select
        handed_over.*,
        reasons.reason as mapped_reason,
        reasons.trigger_type as mapped_trigger,
        answered.ai_turns_before,
        coalesce(answered.repeated_answer_count, 0) as repeated_answer_count,
        answered.unsure_ordinal,
        answered.answer_ordinals,
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
        reassigned.reassignment_count,
        reassigned.is_misrouted,
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
    inner join reassigned
        on handed_over.interaction_key = reassigned.interaction_key and handed_over.episode_number = reassigned.episode_number
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
            select count(*)::int
            from unnest(answer_ordinals) as turns (ordinal)
            where turns.ordinal <= due_ordinal
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
