-- What version 0.1.0 made.
create schema if not exists ops;
create schema if not exists raw_files;
create schema if not exists clean;
create schema if not exists staging;
create schema if not exists core;
create schema if not exists scores;
create schema if not exists facts;
create schema if not exists derived;
create schema if not exists marts_build;
create schema if not exists marts;
create schema if not exists marts_evidence;
create schema if not exists feedback;
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
end $$;
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
    check (rows_in = rows_inserted + rows_updated + rows_unchanged + rows_quarantined)
);
create index if not exists loads_unregistered on ops.loads (load_id) where registered_at is null;

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
    recorded_at timestamptz not null default clock_timestamp()
);

create table if not exists ops.watermarks (
    step text primary key,
    change_id bigint not null,
    run_id bigint,
    as_of timestamptz,
    updated_at timestamptz not null default clock_timestamp()
);

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
call ops.create_raw_stream('raw_files', 'conversations');
call ops.create_raw_stream('raw_files', 'messages');
create table if not exists clean.messages (
    message_key text primary key,
    interaction_key text not null,
    body_hash uuid not null,
    redactor_version text not null,
    text text not null,
    pii jsonb not null default '[]'
);
create index if not exists clean_messages_interaction on clean.messages (interaction_key);
create table if not exists scores.scorer_registry (
    scorer_version text primary key,
    rubric_id text not null,
    rubric_version text not null,
    sentiment_version text not null,
    calibrator_version text not null,
    is_active boolean not null,
    registered_at timestamptz not null default clock_timestamp()
);
create unique index if not exists one_active_scorer on scores.scorer_registry (is_active) where is_active;

create table if not exists scores.rubric_dimensions (
    rubric_version text not null,
    dimension_id text not null,
    ordinal int not null,
    title text not null,
    weight numeric not null,
    definition jsonb not null,
    primary key (rubric_version, dimension_id)
);
create table if not exists scores.rubric_indicators (
    rubric_version text not null,
    indicator_id text not null,
    indicator_version text not null,
    dimension_id text not null,
    title text not null,
    weight numeric not null,
    is_critical boolean not null,
    subjects text[] not null,
    evaluator_type text not null,
    definition jsonb not null,
    primary key (rubric_version, indicator_id)
);

create table if not exists scores.message_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    scorer_version text not null,
    message_key text not null,
    polarity double precision not null,
    subjectivity double precision not null,
    markers jsonb not null default '[]',
    primary key (interaction_started_at, interaction_key, input_hash, scorer_version, message_key)
) partition by range (interaction_started_at);

create table if not exists scores.trajectories (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    scorer_version text not null,
    customer_message_count int not null,
    start_polarity double precision,
    end_polarity double precision,
    mean_polarity double precision,
    slope double precision,
    minimum_polarity double precision,
    largest_drop double precision,
    trajectory_class text not null,
    sentiment_level text not null,
    level_rule text not null,
    primary key (interaction_started_at, interaction_key, input_hash, scorer_version)
) partition by range (interaction_started_at);

create table if not exists scores.indicator_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    indicator_id text not null,
    indicator_version text not null,
    outcome text not null check (outcome in ('holds', 'fails', 'not_applicable')),
    confidence double precision not null,
    evaluator_type text not null,
    evaluator_version text not null,
    primary key (interaction_started_at, interaction_key, input_hash, subject, indicator_id, indicator_version)
) partition by range (interaction_started_at);

create table if not exists scores.evidence (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    indicator_id text not null,
    indicator_version text not null,
    evidence_ordinal int not null,
    message_key text not null,
    start_offset int not null,
    end_offset int not null,
    primary key (interaction_started_at, interaction_key, input_hash, subject, indicator_id, indicator_version, evidence_ordinal)
) partition by range (interaction_started_at);

create table if not exists scores.dimension_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    rubric_version text not null,
    calibrator_version text not null,
    dimension_id text not null,
    raw_score double precision,
    calibrated_score double precision,
    tier text,
    confidence double precision,
    applicable_indicator_count int not null,
    primary key (interaction_started_at, interaction_key, input_hash, subject, rubric_version, calibrator_version, dimension_id)
) partition by range (interaction_started_at);

create table if not exists scores.interaction_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    scorer_version text not null,
    rubric_version text not null,
    calibrator_version text not null,
    total_score double precision,
    tier text,
    confidence double precision,
    is_critical_failure boolean not null,
    rated_dimension_count int not null,
    scored_as_of timestamptz not null,
    scored_at timestamptz not null,
    primary key (interaction_started_at, interaction_key, input_hash, subject, scorer_version)
) partition by range (interaction_started_at);
