-- one row per teammate: renamed and cast, nothing else
select
    {{ intercom_admin_columns() }}
from {{ source('raw_intercom', 'admins') }}
