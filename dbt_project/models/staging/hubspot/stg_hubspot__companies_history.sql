-- one row per statement of a company that a later one replaced: renamed and cast, nothing else
select
    {{ hubspot_company_columns() }}
from {{ source('raw_hubspot', 'companies_history') }}
