-- one row per statement of a trace that was replaced, with what it said of its user: renamed and cast, nothing else
select
    {{ langfuse_user_columns() }},
    replaced_by_load_id as _replaced_by_load_id
from {{ source('raw_langfuse', 'traces_history') }}
