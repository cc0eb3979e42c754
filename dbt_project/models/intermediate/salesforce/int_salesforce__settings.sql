-- one row per instance: what its entry says of cases and of who answers them
select
    'salesforce' as source,
    instance,
    jsonb_build_object(
        'ai_agents', {{ json_value('options', 'ai_agents') }},
        'automations', {{ json_value('options', 'automations') }},
        'statuses', {{ json_value('options', 'statuses') }},
        'rating_scale', {{ json_value('options', 'rating_scale') }},
        'fields', options #> '{fields,case}',
        'start', {{ json_text('options', 'start') }}
    ) as facts
from {{ ref('stg_ops__source_options') }}
where source = 'salesforce'
