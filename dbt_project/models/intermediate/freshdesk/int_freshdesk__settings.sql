{{ config(materialized='steady_view') }}
-- one row per instance: which of its ticket fields holds which attribute, by what is configured, else by the fields' labels;
-- and how the notices of merges read
with

fields as (

    select * from {{ ref('stg_freshdesk__ticket_fields') }}

),

configured as (

    select * from {{ ref('stg_ops__source_options') }}
    where source = 'freshdesk'

),

instances as (

    select instance from fields
    union
    select instance from configured

),

final as (

    -- of two fields of one label the one that comes first by its name
    select
        'freshdesk' as source,
        instances.instance,
        jsonb_strip_nulls(jsonb_build_object(
            {%- for attribute in ['topic', 'product_area', 'language'] %}
                '{{ attribute }}', coalesce(
                    max({{ json_text('configured.options', attribute ~ '_field') }}),
                    min(fields.field_key) filter (
                        where fields.field_name = any('{{ "{" ~ var("ticket_field_titles")[attribute] | join(",") ~ "}" }}')
                    )
                ),
            {%- endfor %}
            'merged_into_note', max({{ json_text('configured.options', 'merged_into_note') }}),
            'merged_from_note', max({{ json_text('configured.options', 'merged_from_note') }})
        )) as facts
    from instances
    left join configured on instances.instance = configured.instance
    left join fields on instances.instance = fields.instance
    group by instances.instance

)

select * from final
