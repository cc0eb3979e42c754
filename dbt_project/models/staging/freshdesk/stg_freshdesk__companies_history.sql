-- one row per statement of a company that a later one replaced: renamed and cast, nothing else
select
    {{ freshdesk_company_columns() }}
from {{ source('raw_freshdesk', 'companies_history') }}
