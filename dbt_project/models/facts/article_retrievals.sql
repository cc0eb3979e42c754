{{
    config(
        unique_key=['message_key', 'retrieval_ordinal'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[{'columns': ['interaction_key']}, {'columns': ['article_key']}]
    )
}}
-- one row per article that an AI answer cites: which, in what version, and whether it was stale when it was read
with

answers as (

    select
        answers.*,
        interactions.source,
        interactions.instance,
        interactions.language
    from {{ ref('answers') }} as answers
    inner join {{ ref('interactions') }} as interactions on answers.interaction_key = interactions.interaction_key
    inner join {{ ref('affected_interactions') }} as affected on answers.interaction_key = affected.interaction_key

),

cited as (

    select
        answers.interaction_key,
        answers.message_key,
        answers.source,
        answers.instance,
        answers.language,
        found.ordinal::int as retrieval_ordinal,
        {{ json_text('found.entry', 'article_id') }} as article_id,
        {{ json_text('found.entry', 'version') }} as stated_version,
        {{ try_cast('found.entry', 'relevance', 'numeric') }}::double precision as relevance,
        answers.sent_at as retrieved_at
    from answers
    cross join
        lateral jsonb_array_elements(
            case when jsonb_typeof(answers.sources) = 'array' then answers.sources else '[]' end
        ) with ordinality as found (entry, ordinal)
    where jsonb_typeof(found.entry) = 'object'

),

final as (

    select
        cited.interaction_key,
        cited.message_key,
        cited.retrieval_ordinal,
        coalesce(versions.article_key, {{ entity_key('cited.article_id', 'cited.source', 'cited.instance') }}) as article_key,
        cited.article_id,
        cited.stated_version,
        case when versions.is_of_its_day then versions.version_number end as version_number,
        cited.relevance,
        -- of a knowledge base that the warehouse does not hold nothing is known
        case when versions.is_of_its_day then versions.is_outdated or versions.is_archived or versions.is_draft end as is_stale,
        cited.retrieved_at
    from cited
    -- logs name an article without its language: what held on that day, in the customer's language where it exists
    left join
        lateral (
            select
                known.*,
                known.valid_from <= cited.retrieved_at
                and (known.valid_to is null or cited.retrieved_at < known.valid_to) as is_of_its_day
            from {{ ref('article_versions') }} as known
            where
                known.article_id = cited.article_id
                and known.source = cited.source
                and known.instance = cited.instance
            order by
                is_of_its_day desc,
                coalesce(left(known.locale, 2) = left(cited.language, 2), false) desc,
                known.locale asc,
                known.valid_from asc
            limit 1
        ) as versions
        on true

)

select * from final
