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
        interactions.instance
    from {{ ref('answers') }} as answers
    inner join {{ ref('interactions') }} as interactions on answers.interaction_key = interactions.interaction_key
    inner join {{ ref('affected_interactions') }} as affected on answers.interaction_key = affected.interaction_key

),

cited as (

    select
        answers.interaction_key,
        answers.message_key,
        found.ordinal::int as retrieval_ordinal,
        {{ json_text('found.entry', 'article_id') }} as article_id,
        {{ entity_key(json_text('found.entry', 'article_id'), 'answers.source', 'answers.instance') }} as article_key,
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
        cited.article_key,
        cited.article_id,
        cited.stated_version,
        versions.version_number,
        cited.relevance,
        -- of a knowledge base that the warehouse does not hold nothing is known
        case when versions.article_key is not null then versions.is_outdated or versions.is_archived or versions.is_draft end as is_stale,
        cited.retrieved_at
    from cited
    left join {{ ref('article_versions') }} as versions
        on
            cited.article_key = versions.article_key
            and cited.retrieved_at >= versions.valid_from
            and (versions.valid_to is null or cited.retrieved_at < versions.valid_to)

)

select * from final
