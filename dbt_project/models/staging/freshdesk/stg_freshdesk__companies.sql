-- one row per company: renamed and cast, nothing else
select
    {{ freshdesk_company_columns() }}
from {{ source('raw_freshdesk', 'companies') }}
