-- Nanoseconds since 1970, as OpenTelemetry writes moments; null for what is none, and for 0, which means unset.
create or replace function ops.try_cast_unix_nano(value text) returns timestamptz
language plpgsql immutable as $$
begin
    return timestamptz '1970-01-01 00:00:00+00' + (nullif(value::numeric, 0) / 1000)::bigint * interval '1 microsecond';
exception when others then
    return null;
end $$;

-- What an event of the older conventions says of the message that it is: {role, content}; null for another event.
create or replace function ops.otel_message(name text, attributes jsonb, body jsonb) returns jsonb
language plpgsql immutable as $$
declare
    stated jsonb := coalesce(
        case when jsonb_typeof(body) in ('object', 'array') then body end,
        ops.try_json(body #>> '{}'),
        ops.try_json(attributes ->> 'gen_ai.event.content'),
        attributes
    );
    role text := case name
        when 'gen_ai.user.message' then 'user'
        when 'gen_ai.system.message' then 'system'
        when 'gen_ai.assistant.message' then 'assistant'
        when 'gen_ai.tool.message' then 'tool'
        when 'gen_ai.choice' then 'assistant'
    end;
    said jsonb;
begin
    if role is null then
        return null;
    end if;
    said := case when name = 'gen_ai.choice' then coalesce(stated -> 'message', stated) else stated end;
    if jsonb_typeof(said) = 'string' then
        said := coalesce(ops.try_json(said #>> '{}'), said);
    end if;
    return jsonb_build_object(
        'role', role,
        'content', case when jsonb_typeof(said) = 'object' then coalesce(said -> 'content', said -> 'parts') else said end
    );
end $$;
