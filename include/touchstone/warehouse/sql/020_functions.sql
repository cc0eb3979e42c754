-- Casts that turn a value which does not fit into null; staging lists the field in _cast_errors (PostgreSQL 15 has no
-- pg_input_is_valid). Immutable is right for the forms that staging passes: ISO 8601 with a zone. They stay parallel unsafe:
-- an exception block is a subtransaction, which a parallel worker may not start.
create or replace function ops.try_cast_timestamptz(value text) returns timestamptz
language plpgsql immutable as $$
begin
    if value !~ '(Z|z|[+-]\d{2}(:?\d{2})?)$' then
        return null;
    end if;
    return value::timestamptz;
exception when others then
    return null;
end $$;

create or replace function ops.try_cast_numeric(value text) returns numeric
language plpgsql immutable as $$
begin
    return value::numeric;
exception when others then
    return null;
end $$;

create or replace function ops.try_cast_boolean(value text) returns boolean
language plpgsql immutable as $$
begin
    return value::boolean;
exception when others then
    return null;
end $$;

create or replace function ops.try_cast_bigint(value text) returns bigint
language plpgsql immutable as $$
begin
    return value::bigint;
exception when others then
    return null;
end $$;

create or replace function ops.try_cast_date(value text) returns date
language plpgsql immutable as $$
begin
    if value !~ '^\d{4}-\d{2}-\d{2}' then
        return null;
    end if;
    return left(value, 10)::date;
exception when others then
    return null;
end $$;

-- Seconds since 1970, as helpdesks and analytics write them.
create or replace function ops.try_cast_epoch(value text) returns timestamptz
language plpgsql immutable as $$
begin
    return to_timestamp(value::double precision);
exception when others then
    return null;
end $$;

-- The forms that one CRM mixes for one field: milliseconds since 1970, ISO 8601 with or without fractions, and a date, which
-- like a time without a zone is UTC.
create or replace function ops.try_cast_moment(value text) returns timestamptz
language plpgsql immutable as $$
begin
    if value ~ '^-?\d{1,16}$' then
        return timestamptz '1970-01-01 00:00:00+00' + value::bigint * interval '1 millisecond';
    elsif value ~ '(Z|z|[+-]\d{2}(:?\d{2})?)$' and value ~ '^\d{4}-\d{2}-\d{2}[Tt ]' then
        return value::timestamptz;
    elsif value ~ '^\d{4}-\d{2}-\d{2}' then
        return value::timestamp at time zone 'UTC';
    end if;
    return null;
exception when others then
    return null;
end $$;

-- One raw stream: what the source said, as it said it. version orders two statements about one id (null: the later load
-- wins); replaced payloads move to <stream>_history. interaction_id is the native id of the conversation the row belongs to.
create or replace procedure ops.create_raw_stream(schema_name text, stream text)
language plpgsql as $$
begin
    execute format('create schema if not exists %I', schema_name);
    execute format($ddl$
        create table if not exists %1$I.%2$I (
            instance text not null,
            id text not null,
            interaction_id text,
            payload jsonb not null,
            payload_hash uuid not null,
            version bigint,
            _load_id bigint not null,
            _loaded_at timestamptz not null,
            primary key (instance, id)
        )$ddl$, schema_name, stream);
    -- Index upkeep is most of what a load costs beyond COPY: one narrow tree, and block ranges for the ever growing load id.
    execute format('create index if not exists %I on %I.%I (interaction_id)', stream || '_interaction', schema_name, stream);
    execute format('create index if not exists %I on %I.%I using brin (_load_id) with (pages_per_range = 16, autosummarize = on)',
        stream || '_load', schema_name, stream);
    execute format($ddl$
        create table if not exists %1$I.%2$I (
            instance text not null,
            id text not null,
            interaction_id text,
            payload jsonb not null,
            payload_hash uuid not null,
            version bigint,
            _load_id bigint not null,
            _loaded_at timestamptz not null,
            replaced_by_load_id bigint not null,
            primary key (instance, id, _load_id)
        )$ddl$, schema_name, stream || '_history');
    execute format('create index if not exists %I on %I.%I using brin (replaced_by_load_id) with (autosummarize = on)',
        stream || '_history_load', schema_name, stream || '_history');
end $$;

-- The monthly partition of a table that is partitioned by range of interaction_started_at. A name over 63 bytes would be cut
-- by PostgreSQL, so parents keep theirs short.
create or replace function ops.ensure_month_partition(parent regclass, month_of timestamptz) returns void
language plpgsql as $$
declare
    first_day timestamptz := date_trunc('month', month_of, 'UTC');
    next_month timestamptz := first_day + interval '1 month';
    namespace text := (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = parent);
    partition text := (select relname from pg_class where oid = parent) || to_char(first_day at time zone 'UTC', '"_"YYYYMM');
begin
    next_month := (first_day at time zone 'UTC' + interval '1 month') at time zone 'UTC';
    if to_regclass(format('%I.%I', namespace, partition)) is null then
        execute format('create table if not exists %I.%I partition of %s for values from (%L) to (%L)',
            namespace, partition, parent, first_day, next_month);
    end if;
end $$;
