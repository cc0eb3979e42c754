-- one row per statement of a company that a later one replaced: renamed and cast, nothing else
select
    {{ sql_account_columns() }},
    replaced_by_load_id as _replaced_by_load_id
from {{ source('raw_sql', 'accounts_history') }}
