-- The text of a piece of HTML: without its tags, with what it had to write as entities.
create or replace function ops.salesforce_html_text(markup text) returns text
language sql immutable as $$
    select replace(replace(replace(replace(replace(replace(replace(
        regexp_replace(markup, '<[^>]*>', ' ', 'g'),
        '&nbsp;', ' '), '&quot;', '"'), '&#39;', ''''), '&#x27;', ''''), '&lt;', '<'), '&gt;', '>'), '&amp;', '&')
$$;

-- The lines of a chat's transcript: whole seconds since its start, number among those of the same second, who speaks by name,
-- whether a heading above the line names the speaker as one who answers (null where there are no such headings), and what is said. A
-- customer may have the name of an agent who joins later. What begins no line goes on with the one before.
create or replace function ops.salesforce_transcript(body text)
returns table (seconds int, ordinal int, speaker text, is_agent boolean, said text)
language plpgsql immutable as $$
declare
    heading constant text := '<p[^>]*>\s*(?:Agent|Chatbot) ([^<]+)</p>';
    -- nobody answered yet, or the headings are in another language: the first heading of the English ones tells
    has_headings constant boolean := body ~ heading or body ~ '<p[^>]*>\s*Chat Started:';
    answering text[] := '{}';
    piece text;
    line text[];
    at_seconds int;
    last_seconds int := -1;
begin
    ordinal := 0;
    for piece in
        select pieces.piece
        from regexp_split_to_table(
            regexp_replace(regexp_replace(body, heading, '<br><joined>\1<br>', 'g'), '<p[^>]*>[^<]*</p>', '<br>', 'g'), '<br ?/?>'
        ) as pieces (piece)
    loop
        -- what people write holds no tag
        if piece like '<joined>%' then
            answering := answering || ops.salesforce_html_text(trim(substr(piece, 9)));
            continue;
        end if;
        line := regexp_match(piece, '^\s*\(\s*(?:(\d{1,4})h\s+)?(?:(\d{1,4})m\s+)?(\d{1,6})s\s*\)\s*([^:]{1,200}?):\s?(.*)$');
        at_seconds := coalesce(line[1]::int, 0) * 3600 + coalesce(line[2]::int, 0) * 60 + line[3]::int;
        -- time goes on: a line of before the last one is a quotation of what a line looks like
        if at_seconds >= last_seconds then
            if speaker is not null then
                said := btrim(ops.salesforce_html_text(said), E' \n');
                return next;
            end if;
            seconds := at_seconds;
            ordinal := case when seconds = last_seconds then ordinal + 1 else 1 end;
            last_seconds := seconds;
            speaker := ops.salesforce_html_text(trim(line[4]));
            is_agent := case when has_headings then speaker = any(answering) end;
            said := line[5];
        elsif speaker is not null then
            said := said || E'\n' || piece;
        end if;
    end loop;
    if speaker is not null then
        said := btrim(ops.salesforce_html_text(said), E' \n');
        return next;
    end if;
end $$;
