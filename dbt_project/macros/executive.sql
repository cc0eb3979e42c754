{#
    The measures of the executive page, for rpt_executive_monthly: names in the language of the business. What they count is defined in the
    registry of metrics and in the marts that they come from.
#}

{# Measures of the registry: key, area, label, unit. Their direction is the registry's, unless a fifth entry says that neither is good. #}
{% macro executive_registered() -%}
    {{ return([
        ['customer_satisfaction', 'customers', 'Satisfied customers, of those who answered a survey', 'share'],
        ['repeat_contact_rate', 'customers', 'Customers who had to come back with the same matter', 'share'],
        ['dissatisfied_share', 'customers', 'Conversations with a clearly unhappy customer', 'share'],
        ['first_contact_resolution', 'service', 'Issues solved at first contact', 'share'],
        ['time_to_resolution', 'service', 'Time to a solution, on average', 'hours'],
        ['first_response_time', 'service', 'Time to the first reply, on average', 'hours'],
        ['resolution_in_sla', 'service', 'Issues solved within the time we promise', 'share'],
        ['handled_interactions', 'service', 'Conversations that we handled', 'count', 'neutral'],
        ['compliance', 'quality', 'Conversations in which every rule was kept', 'share'],
        ['human_quality', 'quality', 'Support quality of our people', 'points'],
        ['ai_quality', 'quality', 'Support quality of the AI agent', 'points'],
        ['gaps_closed', 'quality', 'Gaps in our help pages that were closed', 'count'],
        ['automated_satisfaction', 'ai', 'Satisfied customers among those whom the AI agent served alone', 'share'],
        ['containment_quality', 'ai', 'Customers who left the AI agent with their issue solved', 'share'],
        ['self_service_success', 'ai', 'Issues that the AI agent solved alone, as customers confirmed', 'share'],
        ['escalation_rate', 'ai', 'Conversations of the AI agent that a person had to take over', 'share'],
    ]) }}
{%- endmacro %}

{# The others: key, area, label, unit, direction. #}
{% macro executive_others() -%}
    {{ return([
        ['first_response_median', 'service', 'Time to the first reply, typical case', 'hours', 'down_is_good'],
        ['resolution_median', 'service', 'Time to a solution, typical case', 'hours', 'down_is_good'],
        ['open_conversations', 'service', "Open conversations at the month's end", 'count', 'down_is_good'],
        ['gaps_open', 'quality', "Gaps in our help pages that are open at the month's end", 'count', 'down_is_good'],
        ['customers_who_stay', 'customers', 'Customers who stay', 'share', 'up_is_good'],
        ['accounts_lost', 'customers', 'Customers who left', 'count', 'down_is_good'],
        ['net_revenue_retention', 'money', 'Revenue kept, with what customers added', 'share', 'up_is_good'],
        ['gross_revenue_retention', 'money', 'Revenue kept, without what customers added', 'share', 'up_is_good'],
        ['lifetime_value', 'money', 'What a customer is worth over the years', 'money', 'up_is_good'],
        ['cost_per_issue', 'money', 'Cost of a solved issue', 'money', 'down_is_good'],
        ['net_savings', 'money', 'What the AI agent saves, less what it causes', 'money', 'up_is_good'],
        ['return_on_ai_cost', 'money', 'Money back for each unit of money spent on the AI agent', 'ratio', 'up_is_good'],
        ['revenue_at_risk', 'risk', 'Yearly revenue at risk', 'money', 'down_is_good'],
        ['accounts_at_risk', 'risk', 'Customers at risk close to their renewal', 'count', 'down_is_good'],
    ]) }}
{%- endmacro %}

{# All of them as rows: key, area, label, unit, direction, place. #}
{% macro executive_measures() -%}
    {%- set measures = executive_registered() + executive_others() -%}
    values
    {%- for measure in measures %}
        ({% for entry in measure[:4] %}{{ text_literal(entry) }}, {% endfor %}{{ text_literal(measure[4] if measure | length > 4 else none) }}, {{ loop.index }})
        {{- "," if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# metric_ids of those of the registry, for an in-list. #}
{% macro executive_metric_ids() -%}
    {%- for measure in executive_registered() -%}'{{ measure[0] }}'{{ ", " if not loop.last }}{%- endfor -%}
{%- endmacro %}

{# The CTEs of the sources as one relation; what a source has no column for is null, or `all`. #}
{% macro executive_rows() -%}
    {%- set columns = [
        'measure', 'month_start', 'slice_type', 'slice_value', 'source_mart', 'direction', 'note', 'n', 'numerator', 'denominator', 'value',
        'ci_low', 'ci_high', 'target_value', 'is_attained', 'is_below_min_n', 'is_settled',
    ] -%}
    {%- set missing = {
        'slice_type': "'all'", 'slice_value': "'all'", 'direction': 'null::text', 'note': 'null::text', 'n': 'null::bigint',
        'numerator': 'null::numeric', 'denominator': 'null::numeric', 'ci_low': 'null::numeric', 'ci_high': 'null::numeric',
        'target_value': 'null::numeric', 'is_attained': 'null::boolean', 'is_below_min_n': 'false', 'is_settled': 'null::boolean',
    } -%}
    {%- set lacking = {
        'of_registry': ['note'],
        'of_times': ['slice_type', 'slice_value', 'direction', 'note', 'numerator', 'denominator', 'target_value', 'is_attained',
            'is_below_min_n', 'is_settled'],
        'of_backlog': ['slice_type', 'slice_value', 'direction', 'note', 'n', 'numerator', 'denominator', 'ci_low', 'ci_high',
            'target_value', 'is_attained', 'is_below_min_n', 'is_settled'],
        'of_gaps': ['slice_type', 'slice_value', 'direction', 'note', 'n', 'numerator', 'denominator', 'ci_low', 'ci_high', 'target_value',
            'is_attained', 'is_below_min_n', 'is_settled'],
        'of_revenue': ['direction', 'note', 'ci_low', 'ci_high', 'target_value', 'is_attained', 'is_settled'],
        'of_accounts': ['direction', 'target_value', 'is_attained', 'is_settled'],
        'of_money': ['direction', 'ci_low', 'ci_high', 'target_value', 'is_attained'],
    } -%}
    {%- for relation, absent in lacking.items() %}
        select
            {%- for column in columns %}
                {{ missing[column] ~ ' as ' if column in absent }}{{ column }}{{ "," if not loop.last }}
            {%- endfor %}
        from {{ relation }}
        {{ "union all" if not loop.last }}
    {%- endfor %}
{%- endmacro %}
