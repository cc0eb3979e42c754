-- one row per conversation, with what Fin has made of it: renamed and cast, nothing else
select
    {{ intercom_fin_columns() }}
from {{ source('raw_intercom', 'conversations') }}
