{{
    config(
        unique_key=['article_key', 'edited_at'],
        scope='int_entities__affected',
        scope_columns=['article_key'],
        indexes=[{'columns': ['article_id']}]
    )
}}
-- depends_on: {{ ref('int_entities__affected') }}
-- one row per article, language and edit that has landed: what the article said from then on
with

-- of several statements of one edit the last says what is known of it
edits as (

    select distinct on (article_key, edited_at) *
    from {{ ref('int_sources__articles') }}
    order by article_key asc, edited_at asc, is_latest desc, _load_id desc

),

final as (

    select
        article_key,
        source,
        instance,
        article_id,
        section_id,
        author_id,
        locale,
        title,
        body,
        md5(concat_ws(e'\n', title, body)) as content_hash,
        url,
        labels,
        -- of the versions that have landed; two edits between two loads are one version here
        row_number() over (partition by article_key order by edited_at)::int as version_number,
        lead(edited_at) over (partition by article_key order by edited_at) is null as is_current,
        is_draft,
        is_outdated,
        is_archived,
        edited_at,
        edited_at as valid_from,
        lead(edited_at) over (partition by article_key order by edited_at) as valid_to,
        created_at,
        updated_at
    from edits

)

select * from final
