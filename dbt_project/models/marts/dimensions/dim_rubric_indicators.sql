{{ config(unique_key=['rubric_version', 'indicator_id'], indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per indicator of the active rubric
select
    rubric_version,
    indicator_id,
    indicator_version,
    dimension_id,
    title,
    evaluator_type,
    {{ json_text('definition', 'description') }} as description,
    weight::double precision as weight,
    is_critical,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_scores__rubric_indicators') }}
