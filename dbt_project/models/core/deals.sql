{{
    config(
        unique_key='deal_key',
        scope='int_entities__affected',
        scope_columns=['deal_key'],
        indexes=[{'columns': ['account_key']}]
    )
}}
-- depends_on: {{ ref('int_entities__affected') }}
-- one row per deal of the CRM: a new sale, a renewal, an expansion or a contraction
select
    deal_key,
    account_key,
    source,
    instance,
    deal_id,
    owner_id,
    deal_name,
    deal_kind,
    pipeline_id,
    stage_id,
    stage_label,
    outcome,
    amount,
    arr_before,
    arr_after,
    is_archived,
    close_date,
    created_at,
    updated_at
from {{ ref('int_sources__deals') }}
