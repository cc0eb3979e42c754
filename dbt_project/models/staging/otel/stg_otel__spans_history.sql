-- one row per statement of a span that was replaced, with what it said of its user: renamed and cast, nothing else
select
    {{ otel_user_columns() }},
    replaced_by_load_id as _replaced_by_load_id
from {{ source('raw_otel', 'spans_history') }}
