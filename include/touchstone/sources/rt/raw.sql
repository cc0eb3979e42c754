-- The words of a message in HTML: blocks become lines, what is no text leaves, and entities become what they stand for.
create or replace function ops.rt_text_of_html(value text) returns text
language sql immutable parallel safe
return replace(replace(replace(replace(replace(replace(replace(
    regexp_replace(
        regexp_replace(
            regexp_replace(value, '<(script|style|head)\M.*?</\1\s*>|<!--.*?-->', ' ', 'gis'),
            '<(br|/p|/div|/li|/tr|/h[1-6]|/?blockquote)\M[^>]*>', E'\n', 'gi'
        ),
        '<[^>]*>', '', 'g'
    ),
    '&nbsp;', ' '), '&#160;', ' '), '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#39;', ''''), '&amp;', '&');
