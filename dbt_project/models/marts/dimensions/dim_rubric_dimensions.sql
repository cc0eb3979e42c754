{{ config(unique_key=['rubric_version', 'dimension_id'], indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per dimension of the active rubric
select
    rubric_version,
    dimension_id,
    title,
    ordinal,
    weight::double precision as weight,
    {{ json_text('definition', 'owner') }} as owner,
    {{ json_text('definition', 'purpose') }} as purpose,
    {{ json_text('definition', 'target_kpi') }} as target_kpi,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_scores__rubric_dimensions') }}
