-- one row per company: renamed and cast, nothing else
select
    {{ sql_account_columns() }}
from {{ source('raw_sql', 'accounts') }}
