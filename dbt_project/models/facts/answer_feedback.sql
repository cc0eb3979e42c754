{{
    config(
        unique_key='message_key',
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key']}]
    )
}}
-- one row per AI answer: what the customer said of it, what followed it, and whether it was useful; what was said wins
with

episodes as (

    select episodes.*
    from {{ ref('episodes') }} as episodes
    inner join {{ ref('affected_interactions') }} as affected on episodes.interaction_key = affected.interaction_key
    where episodes.ai_message_count > 0

),

answers as (

    select
        answers.*,
        messages.episode_number,
        messages.customer_number,
        messages.next_human_ordinal,
        episodes.human_message_count,
        row_number() over episode_order as answer_number,
        count(*) over (partition by messages.interaction_key, messages.episode_number) as answer_count,
        lead(messages.ordinal) over episode_order as next_answer_ordinal,
        lead(answers.sent_at) over episode_order as next_answer_at
    from {{ ref('answers') }} as answers
    inner join {{ ref('affected_messages') }} as messages on answers.message_key = messages.message_key
    inner join episodes
        on
            messages.interaction_key = episodes.interaction_key
            and messages.episode_number = episodes.episode_number
    window episode_order as (
        partition by messages.interaction_key, messages.episode_number order by messages.ordinal
    )

),

-- what the customer wrote before the next answer of the AI agent
reactions as (

    select
        answers.message_key,
        count(turns.ordinal)::int as reaction_count,
        coalesce(bool_or(turns.is_rephrase), false) as is_followed_by_rephrase,
        coalesce(bool_or(turns.says_did_not_help), false) as is_stated_unhelpful,
        coalesce(bool_or(turns.asks_for_human or turns.asks_for_superior), false) as is_followed_by_human_request,
        coalesce(bool_or(turns.confirms_solved), false) as is_confirmed
    from answers
    left join {{ ref('clarification_turns') }} as turns
        on
            answers.interaction_key = turns.interaction_key
            and answers.message_key = turns.reply_before_key
    group by answers.message_key

),

-- the person who takes over after at most one more message of the customer
takeovers as (

    select
        answers.message_key,
        coalesce(
            answers.next_human_ordinal < coalesce(answers.next_answer_ordinal, answers.next_human_ordinal + 1)
            and replies.customer_number - answers.customer_number <= 1,
            false
        ) as is_escalated_at_once
    from answers
    left join {{ ref('affected_messages') }} as replies
        on
            answers.interaction_key = replies.interaction_key
            and answers.episode_number = replies.episode_number
            and answers.next_human_ordinal = replies.ordinal

),

thumbs as (

    select
        answers.message_key,
        bool_or({{ json_text('given.entry', 'value') }} in ('up', 'positive', 'good', 'helpful', 'true', '1')) as is_up,
        bool_or({{ json_text('given.entry', 'value') }} in ('down', 'negative', 'bad', 'not_helpful', 'false', '0', '-1')) as is_down
    from answers
    cross join lateral {{ json_elements('answers.feedback') }} as given (entry)
    where jsonb_typeof(given.entry) = 'object'
    group by answers.message_key

),

actions as (

    select
        answers.message_key,
        count(*) as action_count
    from answers
    inner join {{ ref('target_actions_done') }} as done
        on
            answers.interaction_key = done.interaction_key
            and answers.episode_number = done.episode_number
            and answers.sent_at < done.occurred_at
            and (answers.next_answer_at is null or answers.next_answer_at >= done.occurred_at)
    group by answers.message_key

),

-- a survey rates the whole: it speaks of the last answer where no person took part
ratings as (

    select * from {{ ref('episode_ratings') }}

),

judged as (

    select
        answers.message_key,
        answers.interaction_key,
        answers.episode_number,
        answers.answer_number::int as answer_number,
        answers.agent_key,
        answers.agent_version,
        answers.stated_intent,
        answers.stated_confidence::double precision as stated_confidence,
        case
            when thumbs.is_up and not thumbs.is_down then true
            when thumbs.is_down then false
        end as is_thumbed_up,
        case
            when answers.human_message_count = 0 and answers.answer_number = answers.answer_count then ratings.is_positive
        end as is_rated_positive,
        reactions.reaction_count,
        reactions.is_followed_by_rephrase,
        reactions.is_stated_unhelpful,
        reactions.is_followed_by_human_request,
        reactions.is_confirmed,
        takeovers.is_escalated_at_once,
        coalesce(actions.action_count > 0, false) as is_target_action_done,
        answers.sent_at
    from answers
    inner join reactions on answers.message_key = reactions.message_key
    inner join takeovers on answers.message_key = takeovers.message_key
    left join thumbs on answers.message_key = thumbs.message_key
    left join actions on answers.message_key = actions.message_key
    left join ratings
        on
            answers.interaction_key = ratings.interaction_key
            and answers.episode_number = ratings.episode_number

),

final as (

    select
        *,
        coalesce(is_thumbed_up, is_rated_positive) as is_explicitly_useful,
        case
            when is_followed_by_rephrase or is_stated_unhelpful or is_followed_by_human_request or is_escalated_at_once then false
            when is_confirmed or is_target_action_done then true
        end as is_implicitly_useful
    from judged

)

select
    *,
    coalesce(is_explicitly_useful, is_implicitly_useful) as is_useful,
    case
        when is_thumbed_up is not null then 'thumbs'
        when is_rated_positive is not null then 'survey'
        when is_followed_by_rephrase then 'rephrase'
        when is_stated_unhelpful then 'did_not_help'
        when is_followed_by_human_request or is_escalated_at_once then 'escalation'
        when is_confirmed then 'confirmation'
        when is_target_action_done then 'target_action'
    end as useful_source
from final
