-- Seconds or milliseconds since 1970. A project in a zone other than UTC states its wall clock as if that were UTC.
create or replace function ops.try_cast_local_epoch(value text, zone text) returns timestamptz
language plpgsql stable as $$
declare
    seconds double precision := value::double precision;
begin
    if seconds >= 1e11 then
        seconds := seconds / 1000;
    end if;
    return (to_timestamp(seconds) at time zone 'UTC') at time zone zone;
exception when others then
    return null;
end $$;
