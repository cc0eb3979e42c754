-- one row per statement of an article in a language: the present one and those that it replaced
with

stated as (

    select
        instance,
        id,
        payload,
        true as is_current,
        _load_id
    from {{ source('raw_zendesk', 'articles') }}

    union all

    select
        instance,
        id,
        payload,
        false as is_current,
        _load_id
    from {{ source('raw_zendesk', 'articles_history') }}

)

select
    'zendesk' as source,
    instance,
    id as record_id,
    {{ json_text('payload', 'id') }} as article_id,
    {{ json_text('payload', 'section_id') }} as section_id,
    {{ json_text('payload', 'author_id') }} as author_id,
    {{ json_text('payload', 'locale') }} as locale,
    {{ json_text('payload', 'title') }} as title,
    {{ json_text('payload', 'body') }} as body,
    {{ json_text('payload', 'html_url') }} as url,
    {{ json_value('payload', 'label_names') }} as labels,
    coalesce({{ try_cast('payload', 'draft', 'boolean') }}, false) as is_draft,
    coalesce({{ try_cast('payload', 'outdated', 'boolean') }}, false) as is_outdated,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    is_current,
    {{ try_cast('payload', 'created_at', 'timestamptz') }} as created_at,
    coalesce({{ try_cast('payload', 'edited_at', 'timestamptz') }}, {{ try_cast('payload', 'created_at', 'timestamptz') }})
        as edited_at,
    {{ try_cast('payload', 'updated_at', 'timestamptz') }} as updated_at,
    _load_id
from stated
