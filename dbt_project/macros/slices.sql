{# The ways in which every trend is cut: slice type and the column of fct_interactions that holds its value. #}
{% macro slices() -%}
    {{ return({
        'all': "'all'",
        'agent': 'agent_key',
        'team': 'team',
        'channel': 'channel',
        'topic': 'topic',
        'tier': 'tier',
        'language': 'language',
        'agent_version': 'agent_version',
    }) }}
{%- endmacro %}

{# A lateral table of (slice_type, slice_value) for each row; a slice whose value is unknown is left out, never named. #}
{% macro slice_values(types=none) -%}
    (values
        {%- for slice_type, column in slices().items() if types is none or slice_type in types %}
        ('{{ slice_type }}', {{ column }}::text){{ "," if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
