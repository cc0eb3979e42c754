-- What AI frameworks write into their traces: messages in one of a few shapes, texts within texts, lists of what was found.
-- Whatever is in none of them is kept as the text that it is.

create or replace function ops.try_json(value text) returns jsonb
language plpgsql immutable as $$
begin
    return value::jsonb;
exception when others then
    return null;
end $$;

-- The words of one piece of content: a text, a list of parts, or an object that holds one; null where it holds no words.
create or replace function ops.words_of(content jsonb) returns text
language plpgsql immutable as $$
declare
    found text;
begin
    case jsonb_typeof(content)
        when 'string' then
            return content #>> '{}';
        when 'array' then
            select string_agg(words, e'\n' order by ordinal) into found
            from (
                select ops.words_of(part) as words, ordinal
                from jsonb_array_elements(content) with ordinality as parts (part, ordinal)
                where coalesce(part ->> 'type', 'text') in ('text', 'input_text', 'output_text', 'message')
            ) as spoken;
            return found;
        when 'object' then
            return ops.words_of(coalesce(content -> 'content', content -> 'text', content -> 'parts'));
        else
            return null;
    end case;
end $$;

-- What a side said in a turn, as an array of texts in their order.
-- document: a text, or JSON as a text; speaker: user or assistant; path: keys with dots that lead to what was said, or null.
-- A list of messages may hold the whole conversation: of the user it is what follows the last answer, of the assistant what
-- follows the last words of the user.
create or replace function ops.said(document text, speaker text, path text) returns jsonb
language plpgsql immutable as $$
declare
    own constant text[] := case speaker when 'user'
        then array['user', 'human', 'customer']
        else array['assistant', 'ai', 'model', 'bot'] end;
    other constant text[] := case speaker when 'user'
        then array['assistant', 'ai', 'model', 'bot'] else array['user', 'human', 'customer'] end;
    keys constant text[] := case speaker
        when 'user' then array['input', 'question', 'query', 'prompt', 'user_message', 'message', 'text', 'content']
        else array['output', 'answer', 'response', 'completion', 'reply', 'message', 'text', 'content']
    end;
    held jsonb := ops.try_json(document);
    key text;
    result jsonb;
begin
    if document is null or btrim(document) = '' then
        return '[]';
    end if;
    if path is not null and jsonb_typeof(held) in ('object', 'array') then
        held := held #> string_to_array(path, '.');
    end if;
    if jsonb_typeof(held) = 'object' and jsonb_typeof(held -> 'messages') = 'array' then
        held := held -> 'messages';
    end if;
    if jsonb_typeof(held) = 'array' then
        if exists (
            select 1 from jsonb_array_elements(held) as element
            where jsonb_typeof(element) = 'object' and (element ? 'role' or element ?& array['type', 'content'])
        ) then
            with messages as (
                select
                    element,
                    lower(coalesce(element ->> 'role', element ->> 'type')) as role,
                    ordinal
                from jsonb_array_elements(held) with ordinality as elements (element, ordinal)
            ),
            spoken as (
                select
                    ops.words_of(element) as words,
                    ordinal
                from messages
                where
                    role = any(own)
                    and ordinal > coalesce((select max(ordinal) from messages where role = any(other)), 0)
            )
            select coalesce(jsonb_agg(words order by ordinal) filter (where btrim(words) <> ''), '[]') into result from spoken;
            return result;
        end if;
        held := to_jsonb(ops.words_of(held));
    elsif jsonb_typeof(held) = 'object' then
        foreach key in array keys loop
            if jsonb_typeof(held -> key) = 'string' then
                held := held -> key;
                exit;
            elsif jsonb_typeof(held -> key) in ('object', 'array') then
                return ops.said((held -> key)::text, speaker, null);
            end if;
        end loop;
    end if;
    document := case when jsonb_typeof(held) = 'string' then held #>> '{}' else document end;
    return case when btrim(document) = '' then '[]' else jsonb_build_array(document) end;
exception when others then  -- such as a nesting beyond every stack
    return jsonb_build_array(document);
end $$;

-- What a retrieval found, in the one shape of sources: [{article_id, version, relevance}]; null where it is no list.
create or replace function ops.retrieved(document text) returns jsonb
language plpgsql immutable as $$
declare
    held jsonb := ops.try_json(document);
    key text;
    result jsonb;
begin
    if jsonb_typeof(held) = 'object' then
        foreach key in array array['documents', 'results', 'sources', 'matches', 'articles', 'chunks', 'data'] loop
            if jsonb_typeof(held -> key) = 'array' then
                held := held -> key;
                exit;
            end if;
        end loop;
    end if;
    if jsonb_typeof(held) is distinct from 'array' then
        return null;
    end if;
    select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'article_id', coalesce(
            case when jsonb_typeof(element) = 'string' then element #>> '{}' end,
            element ->> 'article_id', element ->> 'document_id', element ->> 'id',
            element #>> '{metadata,article_id}', element #>> '{metadata,document_id}', element #>> '{metadata,id}',
            element #>> '{metadata,source}'
        ),
        'version', coalesce(element -> 'version', element #> '{metadata,version}'),
        'relevance', coalesce(element -> 'relevance', element -> 'score', element #> '{metadata,relevance}', element #> '{metadata,score}')
    )) order by ordinal), '[]') into result
    from jsonb_array_elements(held) with ordinality as elements (element, ordinal);
    return result;
end $$;
