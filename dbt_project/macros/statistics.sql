{# Half the width of the 95 % interval of a mean: z * s / sqrt(n); null below two observations. #}
{% macro mean_half_width(stddev, n) -%}
    (case when {{ n }} > 1 then {{ var('z_95') }} * {{ stddev }} / sqrt({{ n }}) end)
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
