-- one row per company: renamed and cast, nothing else
select
    {{ hubspot_company_columns() }}
from {{ source('raw_hubspot', 'companies') }}
