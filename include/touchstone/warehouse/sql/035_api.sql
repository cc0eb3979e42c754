-- What sources that are read over HTTP keep beside their rows.

-- When each slot of a group of endpoints is free for its next request; parallel tasks of one instance share them.
create table if not exists ops.api_slots (
    source text not null,
    instance text not null,
    budget text not null,
    slot int not null,
    free_at timestamptz not null,
    primary key (source, instance, budget, slot)
);

-- The shape of what each stream has stated so far: one row per field and JSON type, or field and value of a closed list.
-- A row after the first load of its stream is a change of the source's schema, which lands without loss and is reported.
create table if not exists ops.source_fields (
    source text not null,
    instance text not null,
    stream text not null,
    field text not null,
    kind text not null check (kind in ('type', 'value')),
    content text not null,
    is_change boolean not null,
    first_load_id bigint not null,
    first_seen_at timestamptz not null default clock_timestamp(),
    primary key (source, instance, stream, field, kind, content)
);

-- What config/sources.yml says of an instance, as of its last run: models read from it which custom field means what.
create table if not exists ops.source_options (
    source text not null,
    instance text not null,
    options jsonb not null,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (source, instance)
);
