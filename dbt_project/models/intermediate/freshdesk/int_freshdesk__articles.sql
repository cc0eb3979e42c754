-- one row per statement of an article of the solutions, of those that this run works out again
with

affected as (

    select article_key
    from {{ ref('int_entities__affected') }}
    where article_key is not null

),

statements as (
    {%- for relation in ['stg_freshdesk__articles', 'stg_freshdesk__articles_history'] %}

        select
            {{ entity_key('articles.article_id', 'articles.source', 'articles.instance') }} as article_key,
            articles.*,
            {{ 'true' if relation == 'stg_freshdesk__articles' else 'false' }} as is_latest
        from {{ ref(relation) }} as articles
        where articles.edited_at is not null
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

)

select statements.*
from affected
inner join statements on affected.article_key = statements.article_key
