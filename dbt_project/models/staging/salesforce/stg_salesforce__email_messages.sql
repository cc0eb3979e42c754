-- one row per e-mail of a case: renamed and cast, nothing else
{% set casts = {'MessageDate': 'moment', 'CreatedDate': 'moment', 'Incoming': 'boolean', 'IsDeleted': 'boolean'} %}

select
    'salesforce' as source,
    instance,
    interaction_id as case_id,
    id as email_id,
    {{ json_text('payload', 'CreatedById') }} as author_id,
    {{ json_text('payload', 'FromName') }} as from_name,
    {{ json_text('payload', 'Status') }} as status,
    coalesce({{ json_text('payload', 'TextBody') }}, ops.salesforce_html_text({{ json_text('payload', 'HtmlBody') }})) as text,
    {{ try_cast('payload', 'Incoming', 'boolean') }} as is_incoming,
    coalesce({{ try_cast('payload', 'IsDeleted', 'boolean') }}, false) as is_deleted,
    coalesce({{ try_cast('payload', 'MessageDate', 'moment') }}, {{ try_cast('payload', 'CreatedDate', 'moment') }}) as sent_at,
    {{ cast_errors('payload', casts) }} as _cast_errors,
    _load_id,
    _loaded_at
from {{ source('raw_salesforce', 'email_messages') }}
