-- one row per conversation that landed and names its customer's address
with

stated as (

    {{ sql_statements('landed_interactions') }}

)

select
    source,
    instance,
    interaction_id,
    {{ json_text('fields', 'customer_id') }} as customer_id,
    {{ json_text('fields', 'customer_email') }} as customer_email
from stated
where {{ json_text('fields', 'customer_email') }} is not null
