{{
    config(
        unique_key=['article_key', 'edited_at'],
        scope='int_entities__affected',
        scope_columns=['article_key'],
        indexes=[{'columns': ['article_id']}]
    )
}}
-- one row per article, language and edit that has landed: what the article said from then on
with

affected as (

    select article_key
    from {{ ref('int_entities__affected') }}
    where article_key is not null

),

statements as (
    {%- for relation in ['stg_zendesk__articles', 'stg_zendesk__articles_history'] %}

        select
            {{ entity_key('articles.record_id', 'articles.source', 'articles.instance') }} as article_key,
            articles.*,
            {{ 'true' if relation == 'stg_zendesk__articles' else 'false' }} as is_latest
        from {{ ref(relation) }} as articles
        where articles.edited_at is not null
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

-- of several statements of one edit the last says what is known of it
edits as (

    select distinct on (statements.article_key, statements.edited_at) statements.*
    from affected
    inner join statements on affected.article_key = statements.article_key
    order by statements.article_key asc, statements.edited_at asc, statements.is_latest desc, statements._load_id desc

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
