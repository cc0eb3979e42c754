{# Which field holds what is a setting of the instance. `raw` is the row, `settings` the row of its instance in ops.source_options. #}
{% macro salesforce_field(object, name) -%}
    (raw.payload ->> (settings.options #>> '{fields,{{ object }},{{ name }}}'))
{%- endmacro %}

{# The rows of a raw stream beside the settings of their instance. #}
{% macro salesforce_rows(stream) -%}
    from {{ source('raw_salesforce', stream) }} as raw
    left join {{ source('ops', 'source_options') }} as settings
        on settings.source = 'salesforce' and raw.instance = settings.instance
{%- endmacro %}

{# Columns of records whose present statement and those that it replaced lie in two tables: two views, since a union of both
   cannot be looked up by key. #}
{% macro salesforce_account_columns() -%}
    'salesforce' as source,
    raw.instance,
    raw.id as account_id,
    {{ json_text('raw.payload', 'MasterRecordId') }} as master_id,
    {{ json_text('raw.payload', 'OwnerId') }} as owner_id,
    {{ json_text('raw.payload', 'Name') }} as account_name,
    {{ salesforce_field('account', 'domain') }} as domain,
    {{ salesforce_field('account', 'tier') }} as tier,
    {{ salesforce_field('account', 'segment') }} as segment,
    {{ salesforce_field('account', 'plan') }} as plan,
    {{ salesforce_field('account', 'health_score') }} as stated_health,
    {{ json_text('raw.payload', 'Industry') }} as industry,
    {{ json_text('raw.payload', 'BillingCountry') }} as country,
    {{ json_text('raw.payload', 'Type') }} as account_type,
    {{ own_currency(
        'ops.try_cast_numeric(' ~ salesforce_field('account', 'arr') ~ ')', json_text('raw.payload', 'CurrencyIsoCode')
    ) }} as arr,
    ops.try_cast_numeric({{ salesforce_field('account', 'renewal_month') }}) as renewal_month,
    coalesce({{ try_cast('raw.payload', 'IsDeleted', 'boolean') }}, false) as is_archived,
    ops.try_cast_date({{ salesforce_field('account', 'churned_on') }}) as churned_on,
    {{ try_cast('raw.payload', 'CreatedDate', 'moment') }} as created_at,
    {{ salesforce_stamp() }} as updated_at,
    raw._load_id
{%- endmacro %}

{% macro salesforce_user_columns() -%}
    'salesforce' as source,
    raw.instance,
    raw.id as user_id,
    {{ json_text('raw.payload', 'Name') }} as user_name,
    {{ json_text('raw.payload', 'UserType') }} as user_type,
    {{ json_text('raw.payload', 'ContactId') }} as contact_id,
    {{ salesforce_field('user', 'team') }} as team,
    {{ salesforce_field('user', 'role') }} as role,
    coalesce({{ try_cast('raw.payload', 'IsActive', 'boolean') }}, true) as is_active,
    {{ try_cast('raw.payload', 'CreatedDate', 'moment') }} as created_at,
    {{ salesforce_stamp() }} as updated_at,
    raw._load_id
{%- endmacro %}

{# When a record last changed, by the best field that it has. #}
{% macro salesforce_stamp() -%}
    coalesce(
        {{ try_cast('raw.payload', 'SystemModstamp', 'moment') }},
        {{ try_cast('raw.payload', 'LastModifiedDate', 'moment') }},
        {{ try_cast('raw.payload', 'CreatedDate', 'moment') }}
    )
{%- endmacro %}

{# What a value of a case's status means: as configured, else by its usual names. #}
{% macro salesforce_status(value, statuses) -%}
    coalesce(
        {{ statuses }} ->> {{ value }},
        case
            when lower({{ value }}) = 'new' then 'new'
            when lower({{ value }}) in ('working', 'in progress', 'open', 'escalated', 'reopened') then 'open'
            when lower({{ value }}) in ('waiting on customer', 'pending', 'response required', 'awaiting customer') then 'pending'
            when lower({{ value }}) in ('on hold', 'waiting', 'waiting on third party') then 'on_hold'
            when lower({{ value }}) in ('solved', 'resolved') then 'solved'
            when lower({{ value }}) in ('closed', 'merged', 'closed as duplicate') then 'closed'
        end
    )
{%- endmacro %}
