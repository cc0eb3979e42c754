-- one row per statement of a conversation that a later one replaced, with what Fin had made of it by then: renamed and cast, nothing else
select
    {{ intercom_fin_columns() }}
from {{ source('raw_intercom', 'conversations_history') }}
