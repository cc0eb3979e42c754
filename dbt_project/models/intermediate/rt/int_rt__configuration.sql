{{ config(materialized='steady_view') }}
-- one row per instance: what its options say of tickets
select
    source,
    instance,
    jsonb_strip_nulls(jsonb_build_object(
        'topic', {{ json_value('options', 'topic_field') }},
        'product_area', {{ json_value('options', 'product_area_field') }},
        'language', {{ json_value('options', 'language_field') }},
        'channel', {{ json_value('options', 'channel_field') }},
        'csat', {{ json_value('options', 'csat_field') }},
        'csat_min', {{ json_value('options', 'csat_min') }},
        'csat_max', {{ json_value('options', 'csat_max') }},
        'statuses', {{ json_value('options', 'statuses') }}
    )) as facts
from {{ ref('stg_ops__source_options') }}
where source = 'rt'
