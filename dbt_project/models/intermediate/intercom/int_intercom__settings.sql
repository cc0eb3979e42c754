{{ config(materialized='steady_view') }}
-- one row per instance: which attribute of its conversations holds what, by its configuration
select
    'intercom' as source,
    instance,
    jsonb_strip_nulls(jsonb_build_object(
        'topic', {{ json_text('options', 'topic_attribute') }},
        'product_area', {{ json_text('options', 'product_area_attribute') }},
        'language', {{ json_text('options', 'language_attribute') }},
        'handoff', {{ json_text('options', 'handoff_attribute') }}
    )) as facts
from {{ ref('stg_ops__source_options') }}
where source = 'intercom'
