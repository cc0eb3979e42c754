-- one row per statement of a teammate that a later one replaced: renamed and cast, nothing else
select
    {{ intercom_admin_columns() }}
from {{ source('raw_intercom', 'admins_history') }}
