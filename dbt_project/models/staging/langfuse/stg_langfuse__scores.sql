-- one row per score: renamed and cast, nothing else. owner is the trace that it is of, or session:<id>.
select
    'langfuse' as source,
    instance,
    interaction_id as owner,
    id as score_id,
    {{ json_text('payload', 'name') }} as score_name,
    {{ json_text('payload', 'dataType') }} as data_type,
    {{ json_text('payload', 'comment') }} as comment,
    case {{ json_text('payload', 'dataType') }}
        when 'NUMERIC' then {{ try_cast('payload', 'value', 'numeric') }}
        -- one version of the API says true, the other one 1
        when 'BOOLEAN' then case when {{ json_text('payload', 'value') }} in ('true', '1', '1.0') then 1 else 0 end
    end as number_value,
    case
        when {{ json_text('payload', 'dataType') }} in ('CATEGORICAL', 'TEXT', 'CORRECTION')
            then coalesce({{ json_text('payload', 'stringValue') }}, {{ json_text('payload', 'value') }})
    end as text_value,
    {{ try_cast('payload', 'timestamp', 'moment') }} as given_at,
    _load_id
from {{ source('raw_langfuse', 'scores') }}
