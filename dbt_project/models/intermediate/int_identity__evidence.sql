{{
    config(
        materialized='keyed',
        unique_key=['entity_type', 'record_key', 'rule', 'value_hash'],
        scope='int_identity__affected',
        scope_columns=['entity_type', 'entity_key'],
        indexes=[
            {'columns': ['entity_key']},
            {'columns': ['canonical_key']},
            {'columns': ['cluster_key']},
            {'columns': ['account_key']},
            {'columns': ['rule', 'value_hash']},
            {'columns': ['_ledger_id']}
        ]
    )
}}
-- depends_on: {{ ref('int_identity__affected') }}
-- one row per record, rule and value by which it could be known as somebody, with who it is taken to be: canonical_key is the
-- smallest key of those who are the same
select
    *,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('int_identity__resolved') }}
