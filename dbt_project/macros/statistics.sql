{# Half the width of the 95 % interval of a mean: z * s / sqrt(n); null below two observations. #}
{% macro mean_half_width(stddev, n) -%}
    (case when {{ n }} > 1 then {{ var('z_95') }} * {{ stddev }} / sqrt({{ n }}) end)
{%- endmacro %}

{# Standard deviation of a sample from its exact sums: sqrt((n * sum of squares - sum^2) / (n * (n - 1))); null below two. #}
{% macro stddev_of_sums(n, total, square_total) -%}
    (case when {{ n }} > 1 then sqrt(
        greatest(0, {{ n }} * {{ square_total }} - {{ total }} * {{ total }}) / ({{ n }}::numeric * ({{ n }} - 1))
    )::double precision end)
{%- endmacro %}

{# Bounds of the Wilson score interval of a proportion (Wilson 1927), 95 %. #}
{% macro wilson_bound(successes, n, sign) -%}
    {%- set z = var('z_95') -%}
    (case when {{ n }} > 0 then
        (
            {{ successes }}::double precision / {{ n }} + {{ z * z }} / (2.0 * {{ n }})
            {{ sign }} {{ z }} * sqrt(
                greatest(0, {{ successes }}::double precision / {{ n }} * (1 - {{ successes }}::double precision / {{ n }})) / {{ n }}
                + {{ z * z }} / (4.0 * {{ n }} * {{ n }}::double precision)
            )
        ) / (1 + {{ z * z }} / {{ n }})
    end)
{%- endmacro %}

{# A number between 0 and 1 that a text always gives, without bounds: the random numbers of resampling. #}
{% macro uniform_of(text) -%}
    ((('x' || left(md5({{ text }}), 8))::bit(32)::bigint + 0.5) / 4294967296.0)
{%- endmacro %}

{# A standard normal number that a text always gives (Box and Muller 1958). #}
{% macro normal_of(text) -%}
    (sqrt(-2 * ln({{ uniform_of(text ~ " || ':length'") }})) * cos(2 * pi() * {{ uniform_of(text ~ " || ':angle'") }}))
{%- endmacro %}

{# The tier of a score of 0 to 100. #}
{% macro tier_of(score) -%}
    (case
        when {{ score }} is null then null
        when {{ score }} >= {{ var('tier_excellent') }} then 'excellent'
        when {{ score }} >= {{ var('tier_acceptable') }} then 'acceptable'
        else 'needs_improvement'
    end)
{%- endmacro %}

{# Bounds of the Wilson score interval of a proportion for a quantile that is a column. #}
{% macro wilson_bound_at(successes, n, sign, z) -%}
    (case when {{ n }} > 0 then
        (
            {{ successes }} + {{ z }} * {{ z }} / 2.0
            {{ sign }} {{ z }} * sqrt(
                greatest(0, {{ successes }}::double precision * ({{ n }} - {{ successes }}) / {{ n }}) + {{ z }} * {{ z }} / 4.0
            )
        ) / ({{ n }} + {{ z }} * {{ z }})
    end)
{%- endmacro %}

{# The z that a standard normal exceeds with probability p, 0 < p <= .5 (Abramowitz and Stegun 26.2.23, error below 4.5e-4). #}
{% macro normal_upper_quantile(p) -%}
    {%- set t = 'sqrt(-2 * ln(' ~ p ~ '))' -%}
    (
        {{ t }}
        - (
            2.515517
            + 0.802853 * {{ t }}
            + 0.010328 * power({{ t }}, 2)
        ) / (
            1
            + 1.432788 * {{ t }}
            + 0.189269 * power({{ t }}, 2)
            + 0.001308 * power({{ t }}, 3)
        )
    )
{%- endmacro %}
