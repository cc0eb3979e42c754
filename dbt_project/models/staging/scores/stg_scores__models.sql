-- one row per model that has learned from reviewers, without the model itself
select
    model_id,
    kind,
    state,
    targets,
    shown_targets,
    last_review_id,
    data_hash,
    feature_version,
    seed,
    review_count,
    interaction_count,
    reviewer_count,
    metrics,
    artifact_hash,
    trained_as_of,
    observed_since,
    activated_as_of,
    retired_as_of
from {{ source('scores', 'model_registry') }}
