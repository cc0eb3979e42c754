-- one row per statement of a company that a later one replaced: renamed and cast, nothing else
select
    {{ intercom_company_columns() }}
from {{ source('raw_intercom', 'companies_history') }}
