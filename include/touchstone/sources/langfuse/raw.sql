-- What a trace says in a place of the instance's configuration: `metadata.<key>`, where dots go deeper, or `tag.<name>` for a
-- tag `<name>:<value>`.
create or replace function ops.langfuse_field(metadata jsonb, tags jsonb, place text) returns text
language sql immutable as $$
    select nullif(btrim(case
        when place like 'metadata.%'
            then coalesce(metadata ->> substr(place, 10), metadata #>> string_to_array(substr(place, 10), '.'))
        when place like 'tag.%' then (
            select substr(tag, length(place) - 2)
            from jsonb_array_elements_text(case when jsonb_typeof(tags) = 'array' then tags else '[]' end) as held (tag)
            where starts_with(tag, substr(place, 5) || ':')
            order by tag
            limit 1
        )
    end), '')
$$;

-- Everything that a trace says in the places of the instance's configuration, by name.
create or replace function ops.langfuse_fields(metadata jsonb, tags jsonb, places jsonb) returns jsonb
language sql immutable as $$
    select coalesce(jsonb_strip_nulls(jsonb_object_agg(name, ops.langfuse_field(metadata, tags, place))), '{}')
    from jsonb_each_text(case when jsonb_typeof(places) = 'object' then places else '{}' end) as named (name, place)
    where place is not null
$$;
