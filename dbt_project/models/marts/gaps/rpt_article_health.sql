{{ config(unique_key='article_key', is_whole=true, indexes=[{'columns': ['topic']}, {'columns': ['_ledger_id']}]) }}
-- one row per article that customers can read: how old it is, how often answers that cite it fail, and what contradicts it. Counts are
-- of the weeks before the ledger day
with

articles as (

    select * from {{ ref('article_versions') }}
    where is_current and not is_draft and not is_archived

),

days as (

    select * from {{ ref('article_question_days') }}
    where interaction_date > {{ utc_date(as_of() ~ " - interval '1 microsecond'") }} - {{ var('gap_window_days') | max }}

),

asked as (

    select
        article_key,
        sum(question_count)::int as question_count,
        sum(failed_count)::int as failed_count,
        sum(unhelpful_count)::int as unhelpful_count
    from days
    group by article_key

),

-- all articles together, without this one, are what one is held against
everything as (

    select
        coalesce(sum(question_count), 0) as question_count,
        coalesce(sum(unhelpful_count), 0) as unhelpful_count
    from asked

),

-- a label that is a topic says where an article belongs, else what it is cited for does
topics as (

    select distinct topic from {{ ref('ai_question_days') }}

),

labelled as (

    select
        articles.article_key,
        min(topics.topic) as topic
    from articles
    cross join lateral {{ json_elements('articles.labels') }} as labels (label)
    inner join topics on lower(labels.label #>> '{}') = topics.topic
    group by articles.article_key

),

cited as (

    select
        article_key,
        topic,
        sum(question_count) as question_count,
        sum(sum(question_count)) over (partition by article_key) as all_count
    from {{ ref('article_question_days') }}
    group by article_key, topic

),

placed as (

    select
        articles.article_key,
        coalesce(labelled.topic, cited.topic) as topic
    from articles
    left join labelled on articles.article_key = labelled.article_key
    left join cited
        on
            articles.article_key = cited.article_key
            and 2 * cited.question_count > cited.all_count

),

conflicts as (

    select
        sides.article_key,
        count(distinct sides.other_article_key)::int as conflict_count,
        string_agg(distinct sides.other_article_key, ' ' order by sides.other_article_key) as conflicting_article_keys
    from {{ ref('stg_derived__article_conflicts') }} as pairs
    cross join
        lateral (
            values (pairs.article_key, pairs.other_article_key), (pairs.other_article_key, pairs.article_key)
        ) as sides (article_key, other_article_key)
    group by sides.article_key

),

joined as (

    select
        articles.*,
        placed.topic,
        coalesce(asked.question_count, 0) as question_count,
        coalesce(asked.failed_count, 0) as failed_count,
        coalesce(asked.unhelpful_count, 0) as unhelpful_count,
        coalesce(conflicts.conflict_count, 0) as conflict_count,
        coalesce(conflicts.conflicting_article_keys, '') as conflicting_article_keys,
        everything.unhelpful_count - coalesce(asked.unhelpful_count, 0) as other_unhelpful_count,
        everything.question_count - coalesce(asked.question_count, 0) as other_question_count
    from articles
    cross join everything
    inner join placed on articles.article_key = placed.article_key
    left join asked on articles.article_key = asked.article_key
    left join conflicts on articles.article_key = conflicts.article_key

),

judged as (

    select
        *,
        unhelpful_count::double precision / nullif(question_count, 0) as unhelpful_rate,
        {{ wilson_bound('unhelpful_count', 'question_count', '-') }} as ci_low,
        {{ wilson_bound('unhelpful_count', 'question_count', '+') }} as ci_high,
        other_unhelpful_count::double precision / nullif(other_question_count, 0) as other_unhelpful_rate,
        extract(day from {{ as_of() }} - edited_at)::int as days_since_edit
    from joined

),

flagged as (

    select
        *,
        (is_outdated or (question_count > 0 and days_since_edit > {{ var('article_stale_days') }})) as is_stale,
        coalesce(ci_low > other_unhelpful_rate, false) as is_unhelpful,
        (conflict_count > 0) as has_conflict
    from judged

),

final as (

    select
        flagged.article_key,
        flagged.article_id,
        flagged.title,
        flagged.section_id,
        flagged.locale,
        flagged.topic,
        coalesce(routing.owner_team, 'content') as owner_team,
        case
            when flagged.has_conflict then 'Decide which article is right and correct the others.'
            when flagged.is_unhelpful then 'Read questions that it failed, and rewrite it.'
            when flagged.is_stale then 'Check it against the product.'
            else 'Leave it as it is.'
        end as recommended_action,
        flagged.conflicting_article_keys,
        flagged.version_number,
        flagged.question_count,
        flagged.failed_count,
        flagged.unhelpful_count,
        flagged.conflict_count,
        flagged.days_since_edit,
        flagged.unhelpful_rate,
        flagged.ci_low,
        flagged.ci_high,
        flagged.other_unhelpful_rate,
        flagged.is_stale,
        flagged.is_unhelpful,
        flagged.has_conflict,
        (flagged.question_count < {{ var('min_cell_n') }}) as is_below_min_n,
        flagged.edited_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from flagged
    left join {{ ref('gap_routing') }} as routing
        on
            flagged.topic = routing.topic
            and routing.gap_type = '*'

)

select * from final
