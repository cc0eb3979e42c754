{{ config(unique_key='model_id', is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per model that has learned from reviewers, whatever its state
select
    model_id,
    kind,
    state,
    array_to_string(targets, ' ') as targets,
    array_to_string(shown_targets, ' ') as shown_targets,
    data_hash,
    feature_version,
    review_count,
    interaction_count,
    reviewer_count,
    metrics,
    trained_as_of,
    observed_since,
    activated_as_of,
    retired_as_of,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_scores__models') }}
