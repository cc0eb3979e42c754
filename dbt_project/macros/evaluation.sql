{# Sums of rpt_ai_daily that the metrics of AI agents are made of. #}
{% macro ai_sums() -%}
    {{ return([
        'episode_count', 'n', 'resolved_count', 'contained_count', 'escalated_count', 'confidently_wrong_count', 'violating_count',
        'clarification_count', 'after_answer_count', 'resolved_turn_count', 'resolved_turn_square_sum', 'tool_call_count',
        'failed_tool_call_count', 'explicitly_judged_n', 'negative_feedback_count', 'rated_n', 'rated_positive_count', 'effort_n',
        'effort_sum', 'effort_square_sum',
    ]) }}
{%- endmacro %}

{# The metrics of AI agents over sums of rpt_ai_daily, as rows of values: metric, direction (1: more is better), total, n, and for a
   mean the sum of squares. #}
{% macro ai_metric_values(sums) -%}
    values
    ('containment_quality', 1, {{ sums }}.resolved_count, {{ sums }}.contained_count, null::double precision),
    ('resolution', 1, {{ sums }}.resolved_count, {{ sums }}.n, null),
    ('escalation', -1, {{ sums }}.escalated_count, {{ sums }}.n, null),
    ('confidently_wrong', -1, {{ sums }}.confidently_wrong_count, {{ sums }}.n, null),
    ('policy_violation', -1, {{ sums }}.violating_count, {{ sums }}.episode_count, null),
    ('csat', 1, {{ sums }}.rated_positive_count, {{ sums }}.rated_n, null),
    ('clarification', -1, {{ sums }}.clarification_count, {{ sums }}.after_answer_count, null),
    ('tool_failure', -1, {{ sums }}.failed_tool_call_count, {{ sums }}.tool_call_count, null),
    ('negative_feedback', -1, {{ sums }}.negative_feedback_count, {{ sums }}.explicitly_judged_n, null),
    ('effort', -1, {{ sums }}.effort_sum, {{ sums }}.effort_n, {{ sums }}.effort_square_sum),
    (
        'turns_per_resolution', -1, {{ sums }}.resolved_turn_count, {{ sums }}.resolved_count,
        {{ sums }}.resolved_turn_square_sum
    )
{%- endmacro %}

{# Standard error of the difference of two means, from total, n and square_sum and the same with previous_; null below two items. #}
{% macro standard_error_of_difference() -%}
    (case
        when n > 1 and previous_n > 1 then
            sqrt(
                greatest(0, square_sum - total * total::double precision / n) / (n - 1) / n
                + greatest(0, previous_square_sum - previous_total * previous_total::double precision / previous_n)
                / (previous_n - 1) / previous_n
            )
    end)
{%- endmacro %}

{# Bound of value - previous_value for the quantile z: of shares by their Wilson bounds (Newcombe 1998, method 10), of means by their
   standard errors. Columns: total, n, square_sum (null for a share), value, and the same with previous_. #}
{% macro difference_bound(sign, z) -%}
    {%- set other = '+' if sign == '-' else '-' -%}
    (case
        when square_sum is not null then value - previous_value {{ sign }} {{ z }} * {{ standard_error_of_difference() }}
        else
            value - previous_value {{ sign }} sqrt(
                power({{ wilson_bound_at('total', 'n', sign, z) }} - value, 2)
                + power({{ wilson_bound_at('previous_total', 'previous_n', other, z) }} - previous_value, 2)
            )
    end)
{%- endmacro %}

{# The team that seed insight_routes names for a kind of insight and a topic, where `special` and `general` are its joined rows. #}
{% macro routed_team() -%}
    coalesce(special.owner_team, general.owner_team, '{{ var("default_owner_team") }}')
{%- endmacro %}

{# Joins of that seed. #}
{% macro route_joins(insight_type, topic) -%}
    left join {{ ref('insight_routes') }} as special
        on
            {{ insight_type }} = special.insight_type
            and {{ topic }} = special.topic
    left join {{ ref('insight_routes') }} as general
        on
            {{ insight_type }} = general.insight_type
            and general.topic is null
{%- endmacro %}

{# CTEs of rpt_drift_signals_daily that end in distribution_signals: the population stability index of the scores, in moving sums. #}
{% macro score_distribution_drift() -%}
{%- set kept = 1 - var('drift_lambda') -%}
scores as (

    select * from {{ ref('rpt_score_distributions_daily') }}

),

score_days as (

    select
        scores.subject,
        scores.interaction_date,
        stretches.begins_on,
        (scores.interaction_date - stretches.begins_on)::double precision as age,
        sum(scores.n)::double precision as n
        {%- for bin in range(10) %},
            coalesce(sum(scores.n) filter (where scores.bin_number = {{ bin }}), 0)::double precision as bin_{{ bin }}
        {%- endfor %}
    from scores
    inner join stretches
        on
            stretches.slice_type = 'all'
            and scores.interaction_date >= stretches.begins_on
            and (stretches.ends_before is null or scores.interaction_date < stretches.ends_before)
    group by scores.subject, scores.interaction_date, stretches.begins_on

),

score_baselines as (

    select
        scores.subject,
        stretches.begins_on,
        sum(scores.n)::double precision as n
        {%- for bin in range(10) %},
            coalesce(sum(scores.n) filter (where scores.bin_number = {{ bin }}), 0)::double precision as bin_{{ bin }}
        {%- endfor %}
    from stretches
    inner join scores
        on scores.interaction_date between stretches.begins_on - {{ var('baseline_days') }} and stretches.begins_on - 1
    where stretches.slice_type = 'all'
    group by scores.subject, stretches.begins_on

),

moving_scores as (

    select
        subject,
        interaction_date,
        begins_on,
        n as day_n,
        sum(n * power({{ kept }}, -age)) over stretch * power({{ kept }}, age) as moving_n,
        sum(n * power({{ kept }}, -2 * age)) over stretch * power({{ kept }}, 2 * age) as moving_square_n
        {%- for bin in range(10) %},
            sum(bin_{{ bin }} * power({{ kept }}, -age)) over stretch * power({{ kept }}, age) as bin_{{ bin }}
        {%- endfor %}
    from score_days
    window stretch as (
        partition by subject, begins_on
        order by interaction_date
    )

),

-- half an item is added to every tenth: an empty one has no logarithm
indexed as (

    select
        moving_scores.subject,
        moving_scores.interaction_date,
        moving_scores.begins_on,
        moving_scores.day_n,
        score_baselines.n as baseline_n,
        moving_scores.moving_n,
        -- items of equal weight that would tell as much
        moving_scores.moving_n * moving_scores.moving_n / moving_scores.moving_square_n as effective_n,
        {%- for bin in range(10) %}
            (
                (moving_scores.bin_{{ bin }} + 0.5) / (moving_scores.moving_n + 5)
                - (score_baselines.bin_{{ bin }} + 0.5) / (score_baselines.n + 5)
            ) * ln(
                (moving_scores.bin_{{ bin }} + 0.5) / (moving_scores.moving_n + 5)
                * (score_baselines.n + 5) / (score_baselines.bin_{{ bin }} + 0.5)
            ){{ " +" if not loop.last }}
        {%- endfor %} as stability_index
    from moving_scores
    left join score_baselines
        on
            moving_scores.subject = score_baselines.subject
            and moving_scores.begins_on = score_baselines.begins_on

),

-- without drift the index is a chi-square with 9 degrees over the two sizes; its cube root is close to normal (Wilson and Hilferty
-- 1931). A shift below drift_index_min is none, however sure it is
index_limits as (

    select
        *,
        greatest(
            {{ var('drift_index_min') }},
            9 * power(1 - 2.0 / 81 + {{ var('drift_sigmas') }} * sqrt(2.0 / 81), 3) * (1 / effective_n + 1 / baseline_n)
        ) as index_limit,
        (baseline_n >= {{ var('min_cell_n') }} and moving_n >= {{ var('min_cell_n') }}) as is_judged
    from indexed

),

distribution_signals as (

    select
        'score_distribution' as signal,
        'subject' as slice_type,
        subject as slice_value,
        day_n::int as n,
        null::double precision as value,
        baseline_n::int as baseline_n,
        0::double precision as baseline_value,
        stability_index as moving_value,
        case when is_judged then 0 end::double precision as limit_low,
        case when is_judged then index_limit end as limit_high,
        coalesce(is_judged and stability_index > index_limit, false) as is_above,
        false as is_below,
        begins_on,
        interaction_date
    from index_limits

)
{%- endmacro %}

{# Stratum from which an episode of an AI agent is sampled for reading and checking; null while it is pending. #}
{% macro episode_stratum(episodes) -%}
    (case
        when {{ episodes }}.outcome in ('escalated', 'returned', 'abandoned') then 'failure'
        when {{ episodes }}.is_near_failure then 'near_failure'
        when {{ episodes }}.outcome <> 'pending' then 'random'
    end)
{%- endmacro %}
