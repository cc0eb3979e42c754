{{
    config(
        materialized='keyed',
        unique_key=['source', 'instance', 'interaction_id', 'loser_id', 'survivor_id'],
        scope='landed_interactions',
        scope_columns=['source', 'instance', 'interaction_id'],
        indexes=[{'columns': ['source', 'instance', 'loser_id']}, {'columns': ['source', 'instance', 'survivor_id']}]
    )
}}
-- depends_on: {{ ref('landed_interactions') }}
-- one row per interaction and merge that it states: which interaction went into which
select distinct
    source,
    instance,
    interaction_id,
    loser_id,
    survivor_id
from {{ ref('int_sources__merges') }}
