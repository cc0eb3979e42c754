{{ config(materialized='steady_view') }}
-- one row per instance: which of its ticket fields holds which attribute, by what is configured, else by the fields' titles
with

fields as (

    select * from {{ ref('stg_zendesk__ticket_fields') }}

),

configured as (

    select * from {{ ref('stg_ops__source_options') }}
    where source = 'zendesk'

),

instances as (

    select instance from fields
    union
    select instance from configured

),

final as (

    -- of two fields of one title the one with the smallest id
    select
        'zendesk' as source,
        instances.instance,
        jsonb_strip_nulls(jsonb_build_object(
            {%- for attribute, titles in var('ticket_field_titles').items() %}
                '{{ attribute }}', coalesce(
                    max({{ json_text('configured.options', attribute ~ '_field') }}),
                    min(fields.field_id) filter (where fields.field_name = any('{{ "{" ~ titles | join(",") ~ "}" }}'))
                ){{ "," if not loop.last }}
            {%- endfor %}
        )) as facts
    from instances
    left join configured on instances.instance = configured.instance
    left join fields on instances.instance = fields.instance
    group by instances.instance

)

select * from final
