{{ config(unique_key='gap_id', is_whole=true, indexes=[{'columns': ['status']}, {'columns': ['_ledger_id']}]) }}
-- one row per knowledge gap: what is asked in vain, how often and by whom, why, what it costs, who closes it and how far they are.
-- Counts are of the window that ends with the ledger day, or with the day on which the gap was closed
with

statuses as (

    select * from {{ ref('fct_knowledge_gap_statuses') }}

),

present as (

    select
        gap_id,
        status,
        status_reason,
        (status in ('open', 'drafting', 'published')) as is_open,
        since
    from statuses
    where until is null

),

-- a gap that was closed and opened again is as old as its present opening
ordered as (

    select
        *,
        lag(status) over (partition by gap_id order by status_number) as previous_status
    from statuses

),

opened as (

    select
        gap_id,
        max(since) as opened_at
    from ordered
    where status = 'open' and (previous_status is null or previous_status in ('verified', 'dismissed'))
    group by gap_id

),

gaps as (

    select
        candidates.*,
        present.status,
        present.status_reason,
        present.is_open,
        present.since as status_since,
        opened.opened_at,
        measures.opened_by,
        measures.window_end,
        greatest(measures.asked_count, measures.failed_count) as asked_count,
        measures.failed_count,
        measures.lacking_count,
        measures.reference_asked_count,
        measures.reference_count,
        measures.window_days
    from {{ ref('stg_derived__gap_candidates') }} as candidates
    inner join present on candidates.gap_id = present.gap_id
    inner join opened on candidates.gap_id = opened.gap_id
    inner join {{ ref('stg_derived__gap_measures') }} as measures on candidates.gap_id = measures.gap_id
    where candidates.merged_into_gap_id is null

),

signals as (

    select
        gaps.gap_id,
        signals.message_key,
        signals.interaction_key,
        signals.episode_number,
        signals.signal_type,
        signals.customer_key,
        signals.account_key,
        signals.interaction_date,
        signals.asked_at
    from gaps
    inner join {{ ref('fct_knowledge_gap_signals') }} as signals
        on
            gaps.gap_id = signals.gap_id
            and gaps.window_end - gaps.window_days < signals.interaction_date
            and gaps.window_end >= signals.interaction_date

),

questions as (

    select
        signals.gap_id,
        signals.message_key,
        signals.interaction_key,
        signals.episode_number,
        signals.customer_key,
        signals.account_key,
        signals.interaction_date,
        signals.asked_at,
        count(*)::int as signal_count,
        bool_or(signals.signal_type in ('no_article_found', 'rejected_source')) as is_without_article
    from signals
    group by
        signals.gap_id, signals.message_key, signals.interaction_key, signals.episode_number, signals.customer_key,
        signals.account_key, signals.interaction_date, signals.asked_at

),

asked as (

    select
        questions.*,
        coalesce(details.stale_retrieval_count > 0, false) as is_from_stale,
        coalesce(details.is_retrieval_stated, false) as is_retrieval_stated,
        coalesce(details.outcome in ('escalated', 'returned'), false) as is_escalated_or_returned,
        row_number() over (
            partition by questions.gap_id
            order by questions.signal_count desc, questions.asked_at desc, questions.message_key asc
        ) as example_number
    from questions
    left join {{ ref('ai_questions') }} as details
        on
            questions.interaction_key = details.interaction_key
            and questions.message_key = details.message_key

),

volume as (

    select
        gap_id,
        count(*)::int as window_question_count,
        count(distinct customer_key)::int as customer_count,
        count(distinct account_key)::int as account_count,
        (count(distinct interaction_key || ':' || episode_number) filter (where is_escalated_or_returned))::int
            as escalated_or_returned_count,
        (count(*) filter (where is_retrieval_stated))::int as retrieval_stated_count,
        (count(*) filter (where is_retrieval_stated and is_without_article))::int as without_article_count,
        (count(*) filter (where is_from_stale))::int as from_stale_count,
        string_agg(message_key, ' ' order by example_number) filter (where example_number <= 5) as example_message_keys
    from asked
    group by gap_id

),

-- the revenue of accounts whose people asked in vain, as of the last day that counts
touched as (

    select distinct
        asked.gap_id,
        asked.account_key
    from asked
    where asked.account_key is not null

),

revenue as (

    select
        touched.gap_id,
        sum(history.arr)::double precision as arr_touched
    from touched
    inner join gaps on touched.gap_id = gaps.gap_id
    inner join {{ ref('account_history') }} as history
        on
            touched.account_key = history.account_key
            and {{ utc_date('history.valid_from') }} <= gaps.window_end
            and (history.valid_to is null or {{ utc_date('history.valid_to') }} > gaps.window_end)
    group by touched.gap_id

),

-- episodes of the gap's whole topic where it is one, of all topics without an open gap beside it
episode_days as (

    select
        days.*,
        open_topics.topic is not null as has_open_gap
    from {{ ref('ai_question_days') }} as days
    left join (
        select distinct topic from gaps
        where is_open and gap_kind = 'topic'
    ) as open_topics on days.topic = open_topics.topic

),

answered as (

    select
        gaps.gap_id,
        sum(days.ended_count) filter (where not days.has_open_gap and days.topic is distinct from gaps.topic) as answered_ended_count,
        sum(days.escalated_or_returned_count) filter (where not days.has_open_gap and days.topic is distinct from gaps.topic)
            as answered_escalated_or_returned_count,
        sum(days.ended_count) filter (where gaps.gap_kind = 'topic' and days.topic = gaps.topic) as own_ended_count,
        sum(days.escalated_or_returned_count) filter (where gaps.gap_kind = 'topic' and days.topic = gaps.topic)
            as own_escalated_or_returned_count
    from gaps
    inner join episode_days as days
        on
            gaps.window_end - gaps.window_days < days.interaction_date
            and gaps.window_end >= days.interaction_date
    group by gaps.gap_id

),

articles as (

    select
        topic,
        count(*)::int as article_count,
        sum(conflict_count)::int as conflict_count
    from {{ ref('rpt_article_health') }}
    where topic is not null
    group by topic

),

fixes as (

    select
        gap_id,
        count(*)::int as fix_count,
        (array_agg(verdict order by fix_number desc))[1] as last_fix_verdict,
        bool_or(verdict = 'worked' and source = 'article' and not is_new_article) as is_mended_by_edit,
        bool_or(verdict = 'worked' and source = 'article' and is_new_article) as is_closed_by_new_article
    from {{ ref('stg_derived__gap_fixes') }}
    group by gap_id

),

-- a decision about a gap that was merged is one about the gap that took it over
assigned as (

    select distinct on (coalesce(candidates.merged_into_gap_id, decisions.gap_id))
        coalesce(candidates.merged_into_gap_id, decisions.gap_id) as gap_id,
        decisions.owner_team,
        decisions.owner
    from {{ ref('stg_feedback__gap_decisions') }} as decisions
    left join {{ ref('stg_derived__gap_candidates') }} as candidates on decisions.gap_id = candidates.gap_id
    where decisions.decision = 'assign' and decisions.decided_at < {{ as_of() }}
    order by
        coalesce(candidates.merged_into_gap_id, decisions.gap_id) asc, decisions.decided_at desc, decisions.decision_id desc

),

measured as (

    select
        gaps.*,
        coalesce(volume.window_question_count, 0) as window_question_count,
        coalesce(volume.customer_count, 0) as customer_count,
        coalesce(volume.account_count, 0) as account_count,
        volume.example_message_keys,
        coalesce(revenue.arr_touched, 0) as arr_touched,
        volume.without_article_count::double precision / nullif(volume.retrieval_stated_count, 0) as no_article_share,
        volume.from_stale_count::double precision / nullif(volume.retrieval_stated_count, 0) as stale_share,
        coalesce(articles.article_count, 0) as article_count,
        coalesce(articles.conflict_count, 0) as conflict_count,
        coalesce(fixes.fix_count, 0) as fix_count,
        fixes.last_fix_verdict,
        coalesce(fixes.is_mended_by_edit, false) as is_mended_by_edit,
        coalesce(fixes.is_closed_by_new_article, false) as is_closed_by_new_article,
        (gaps.opened_by in ('sure_but_unhelpful', 'worse_than_before')) as is_worse_than_before,
        7 * gaps.asked_count / gaps.window_days as weekly_volume,
        case
            when gaps.gap_kind = 'topic'
                then answered.own_escalated_or_returned_count::double precision / nullif(answered.own_ended_count, 0)
            else least(1, volume.escalated_or_returned_count / nullif(gaps.asked_count, 0))
        end as escalated_or_returned_rate,
        answered.answered_escalated_or_returned_count::double precision / nullif(answered.answered_ended_count, 0)
            as answered_escalated_or_returned_rate,
        assigned.owner_team as assigned_team,
        assigned.owner as assigned_owner
    from gaps
    left join volume on gaps.gap_id = volume.gap_id
    left join revenue on gaps.gap_id = revenue.gap_id
    left join answered on gaps.gap_id = answered.gap_id
    left join articles on gaps.topic = articles.topic
    left join fixes on gaps.gap_id = fixes.gap_id
    left join assigned on gaps.gap_id = assigned.gap_id

),

-- the first that matches
typed as (

    select
        *,
        case
            when is_closed_by_new_article then 'missing'
            when is_mended_by_edit then 'outdated'
            when opened_by = 'lacking_knowledge' or no_article_share >= {{ var('gap_missing_share') }} then 'missing'
            when conflict_count > 0 then 'conflicting'
            when stale_share >= {{ var('gap_stale_share') }} or is_worse_than_before then 'outdated'
            else 'ambiguous'
        end as gap_type,
        greatest(0, weekly_volume * (escalated_or_returned_rate - answered_escalated_or_returned_rate)) as impact
    from measured

),

routed as (

    select distinct on (typed.gap_id)
        typed.*,
        coalesce(typed.assigned_team, routing.owner_team) as owner_team,
        coalesce(
            typed.assigned_owner, case when typed.assigned_team is null then routing.owner end, typed.assigned_team, routing.owner_team
        ) as owner
    from typed
    inner join {{ ref('gap_routing') }} as routing
        on
            routing.topic in ('*', typed.topic)
            and routing.gap_type in ('*', typed.gap_type)
    order by typed.gap_id asc, (routing.topic = '*') asc, (routing.gap_type = '*') asc

),

final as (

    select
        gap_id,
        gap_kind,
        title,
        topic,
        gap_type,
        status,
        status_reason,
        opened_by,
        owner_team,
        owner,
        case
            when status = 'dismissed' then 'Nothing: it was dismissed, and opens again after new signals.'
            when status = 'verified' then 'Nothing: fewer questions fail since the fix.'
            when status = 'published' then 'Wait for enough questions after the fix, then look at its verdict.'
            when last_fix_verdict in ('no_effect', 'worse') then 'Read the example questions again: the last fix did not help.'
            when gap_type = 'missing' then 'Write an article that answers the example questions.'
            when gap_type = 'conflicting' then 'Decide which article is right and correct the others.'
            when gap_type = 'outdated' then 'Check what the articles say against the product, and correct them.'
            else 'Rewrite the article in the words of the example questions.'
        end as recommended_action,
        last_fix_verdict,
        coalesce(example_message_keys, '') as example_message_keys,
        row_number() over (
            order by is_open desc, coalesce(impact, 0) desc, window_question_count desc, arr_touched desc, gap_id asc
        )::int as priority_rank,
        signal_count,
        question_count,
        window_question_count,
        customer_count,
        account_count,
        article_count,
        conflict_count,
        fix_count,
        extract(day from coalesce(case when not is_open then status_since end, {{ as_of() }}) - opened_at)::int as age_days,
        asked_count,
        failed_count,
        failed_count / nullif(asked_count, 0) as failure_rate,
        {{ wilson_bound('failed_count', 'asked_count', '-') }} as failure_ci_low,
        {{ wilson_bound('failed_count', 'asked_count', '+') }} as failure_ci_high,
        lacking_count,
        reference_count::int as reference_count,
        reference_asked_count as reference_n,
        reference_count / nullif(reference_asked_count, 0) as reference_rate,
        weekly_volume,
        escalated_or_returned_rate,
        answered_escalated_or_returned_rate,
        coalesce(impact, 0) as impact,
        arr_touched,
        no_article_share,
        stale_share,
        is_worse_than_before,
        is_open,
        (asked_count < {{ var('min_cell_n') }}) as is_below_min_n,
        window_end,
        opened_at,
        status_since,
        case when not is_open then status_since end as closed_at,
        first_seen_at,
        last_seen_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from routed

)

select * from final
