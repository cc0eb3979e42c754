-- one row per comment on a case: renamed and cast, nothing else
{% set casts = {'CreatedDate': 'moment', 'IsPublished': 'boolean', 'IsDeleted': 'boolean'} %}

select
    'salesforce' as source,
    instance,
    interaction_id as case_id,
    id as comment_id,
    {{ json_text('payload', 'CreatedById') }} as author_id,
    {{ json_text('payload', 'CommentBody') }} as text,
    {{ try_cast('payload', 'IsPublished', 'boolean') }} as is_published,
    coalesce({{ try_cast('payload', 'IsDeleted', 'boolean') }}, false) as is_deleted,
    {{ try_cast('payload', 'CreatedDate', 'moment') }} as sent_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_salesforce', 'case_comments') }}
