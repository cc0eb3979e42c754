{# The distinct words of a text in lower case, of three letters and more: what two texts are compared by. #}
{% macro word_set(text) -%}
    array(
        select distinct found.word
        from regexp_split_to_table(lower({{ text }}), '[^[:alnum:]]+') as found (word)
        where length(found.word) > 2
    )
{%- endmacro %}

{# How many words two sets share. #}
{% macro shared_words(first, second) -%}
    (select count(*) from unnest({{ first }}) as shared (word) where shared.word = any({{ second }}))
{%- endmacro %}

{# Jaccard similarity of two sets of words, 0 to 1; null where both are empty. #}
{% macro word_similarity(first, second) -%}
    (
        {{ shared_words(first, second) }}::double precision
        / nullif(cardinality({{ first }}) + cardinality({{ second }}) - {{ shared_words(first, second) }}, 0)
    )
{%- endmacro %}

{# Share of the first set's words that the second one holds, 0 to 1; null where the first is empty. #}
{% macro word_containment(first, second) -%}
    ({{ shared_words(first, second) }}::double precision / nullif(cardinality({{ first }}), 0))
{%- endmacro %}
