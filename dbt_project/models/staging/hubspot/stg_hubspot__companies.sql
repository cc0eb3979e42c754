-- one row per statement of a company: the present one and those that it replaced
{% set properties = "payload -> 'properties'" %}
with

stated as (

    select
        instance,
        id,
        payload,
        true as is_current,
        _load_id
    from {{ source('raw_hubspot', 'companies') }}

    union all

    select
        instance,
        id,
        payload,
        false as is_current,
        _load_id
    from {{ source('raw_hubspot', 'companies_history') }}

)

select
    'hubspot' as source,
    instance,
    id as company_id,
    {{ json_text(properties, 'hubspot_owner_id') }} as owner_id,
    {{ json_text(properties, 'name') }} as company_name,
    {{ json_text(properties, 'domain') }} as domain,
    {{ json_text(properties, 'hs_additional_domains') }} as additional_domains,
    {{ json_text(properties, 'tier') }} as tier,
    {{ json_text(properties, 'segment') }} as segment,
    {{ json_text(properties, 'industry') }} as industry,
    {{ json_text(properties, 'country') }} as country,
    {{ json_text(properties, 'lifecyclestage') }} as lifecycle_stage,
    {{ try_cast(properties, 'arr', 'numeric') }} as arr,
    {{ try_cast(properties, 'renewal_month', 'numeric') }} as renewal_month,
    coalesce({{ try_cast('payload', 'archived', 'boolean') }}, false) as is_archived,
    is_current,
    {{ try_cast(properties, 'churned_on', 'date') }} as churned_on,
    coalesce({{ try_cast(properties, 'createdate', 'moment') }}, {{ try_cast('payload', 'createdAt', 'moment') }}) as created_at,
    coalesce({{ try_cast('payload', 'updatedAt', 'moment') }}, {{ try_cast(properties, 'hs_lastmodifieddate', 'moment') }})
        as updated_at,
    {{ try_cast('payload', 'archivedAt', 'moment') }} as archived_at,
    _load_id
from stated
