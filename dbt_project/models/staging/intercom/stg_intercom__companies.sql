-- one row per company: renamed and cast, nothing else
select
    {{ intercom_company_columns() }}
from {{ source('raw_intercom', 'companies') }}
