-- The ledger. A row of runs is one attempt of one step; rows in = rows out + quarantined on every success.
create table if not exists ops.runs (
    run_id bigint generated always as identity primary key,
    step text not null,
    source text,
    instance text,
    as_of timestamptz not null,
    status text not null default 'running' check (status in ('running', 'succeeded', 'failed', 'interrupted')),
    rows_in bigint not null default 0,
    rows_out bigint not null default 0,
    rows_quarantined bigint not null default 0,
    versions jsonb not null default '{}',
    detail jsonb not null default '{}',
    error text,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    check (status <> 'succeeded' or rows_in = rows_out + rows_quarantined)
);
create index if not exists runs_step on ops.runs (step, as_of);

-- One landed batch. Its rows and the cursor of its stream were committed in the same transaction as this row.
create table if not exists ops.loads (
    load_id bigint generated always as identity primary key,
    run_id bigint not null references ops.runs,
    source text not null,
    instance text not null,
    batch text not null,
    as_of timestamptz not null,
    rows_in bigint not null,
    rows_inserted bigint not null,
    rows_updated bigint not null,
    rows_unchanged bigint not null,
    rows_quarantined bigint not null,
    newest_message_at timestamptz,
    landed_at timestamptz not null default clock_timestamp(),
    registered_at timestamptz,
    -- which run of the stage step took the load up: a later core works on the loads of every stage since the last core
    registered_run_id bigint,
    check (rows_in = rows_inserted + rows_updated + rows_unchanged + rows_quarantined)
);
create index if not exists loads_unregistered on ops.loads (load_id) where registered_at is null;
create index if not exists loads_registered on ops.loads (registered_run_id);

-- Where each stream of a source instance stands; for files one row per file.
create table if not exists ops.cursors (
    source text not null,
    instance text not null,
    stream text not null,
    state jsonb not null,
    load_id bigint,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (source, instance, stream)
);

create table if not exists ops.quarantine (
    quarantine_id uuid primary key,
    source text not null,
    instance text not null,
    stream text not null,
    file text,
    line bigint,
    interaction_id text,
    record_id text,
    reason_code text not null,
    reason text not null,
    remedy text not null,
    payload text,
    run_id bigint not null,
    load_id bigint,
    as_of timestamptz not null,
    quarantined_at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz
);
create index if not exists quarantine_interaction on ops.quarantine (source, instance, interaction_id);

create table if not exists ops.gates (
    gate_result_id bigint generated always as identity primary key,
    run_id bigint not null references ops.runs,
    gate text not null,
    as_of timestamptz not null,
    checked_object text not null,
    expectation text not null,
    claim text not null,
    severity text not null check (severity in ('blocking', 'warning')),
    is_success boolean not null,
    observed text,
    failed_row_count bigint,
    row_count bigint,
    failed_keys jsonb not null default '[]',
    checked_at timestamptz not null default clock_timestamp()
);
create index if not exists gates_run on ops.gates (run_id);

-- The queue that every later step reads: which interactions changed, in order. A step works through the changes after its
-- own watermark and moves the watermark when it has succeeded, so a killed step finds its work again. The previous_
-- columns hold where the interaction counted before the change, so that sums over its old day and issue are corrected too.
create table if not exists ops.interaction_changes (
    change_id bigint generated always as identity primary key,
    interaction_key text not null,
    reason text not null,
    source text,
    instance text,
    interaction_id text,
    previous_interaction_date date,
    previous_customer_key text,
    previous_topic text,
    run_id bigint not null,
    recorded_at timestamptz not null default clock_timestamp(),
    -- the person whom the customer was known to be: issues are stitched by person
    previous_person_key text
);

create table if not exists ops.watermarks (
    step text primary key,
    change_id bigint not null,
    run_id bigint,
    as_of timestamptz,
    updated_at timestamptz not null default clock_timestamp()
);

-- Keys that a build took out of a table of marts_build or marts_evidence; publication deletes them from what readers see.
create table if not exists ops.mart_deletions (
    relation text not null,
    row_key jsonb not null,
    ledger_id bigint not null,
    primary key (relation, row_key, ledger_id)
);

create table if not exists ops.publications (
    publication_id bigint generated always as identity primary key,
    run_id bigint not null references ops.runs,
    as_of timestamptz not null,
    ledger_id bigint not null,
    rows_upserted bigint not null,
    rows_deleted bigint not null,
    tables jsonb not null,
    published_at timestamptz not null default clock_timestamp()
);

-- Which definition made each relation that dbt keeps from run to run, and in which run: one that this version defines otherwise is
-- built anew. documentation is a digest of the descriptions that the relation carries.
create table if not exists ops.built_relations (
    relation text primary key,
    definition text not null,
    run_id bigint not null,
    built_at timestamptz not null default clock_timestamp(),
    documentation text
);
