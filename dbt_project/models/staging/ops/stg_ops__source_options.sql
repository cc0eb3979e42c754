-- one row per source instance with what is configured of it
select
    source,
    instance,
    options
from {{ source('ops', 'source_options') }}
