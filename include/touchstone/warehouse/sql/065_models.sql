-- Models that learn from reviewers. The row says how a model came about and holds the model itself; only the active one of a kind
-- reaches the marts, those in observation score beside it and are compared.
create table if not exists scores.model_registry (
    model_id text primary key,
    kind text not null,
    state text not null check (state in ('observe', 'active', 'retired')),
    targets text[] not null,
    -- of an active model: what it shows to readers
    shown_targets text[] not null default '{}',
    -- the reviews that it has learned from: those with numbers up to this one that were not superseded then
    last_review_id bigint not null,
    data_hash text not null,
    feature_version text not null,
    seed bigint not null,
    parameters jsonb not null,
    review_count int not null,
    interaction_count int not null,
    reviewer_count int not null,
    metrics jsonb not null,
    artifact bytea not null,
    artifact_hash text not null,
    trained_as_of timestamptz not null,
    observed_since timestamptz,
    activated_as_of timestamptz,
    retired_as_of timestamptz,
    -- whether every eligible interaction has been scored once; later runs look at what changed
    is_complete boolean not null default false,
    run_id bigint not null,
    registered_at timestamptz not null default clock_timestamp()
);
create unique index if not exists one_active_model on scores.model_registry (kind) where state = 'active';

-- What moved a model from state to state, with the figures of the gate at that moment.
create table if not exists scores.model_events (
    event_id bigint generated always as identity primary key,
    model_id text not null references scores.model_registry,
    state text not null,
    as_of timestamptz not null,
    gate jsonb not null default '{}',
    reason text,
    decided_by text not null default session_user,
    recorded_at timestamptz not null default clock_timestamp()
);

-- Interactions that a model has learned from: comparisons with people leave them out.
create table if not exists scores.model_training (
    model_id text not null references scores.model_registry,
    interaction_key text not null,
    subject text not null,
    primary key (model_id, interaction_key, subject)
);

-- Append-only. state is that of the model when it scored: what was scored in observation says so for ever. message_key is empty
-- where the whole conversation is judged.
create table if not exists scores.model_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    message_key text not null default '',
    model_id text not null,
    dimension_id text not null,
    score double precision,
    -- the value that people would most alike have given, on 0 to 100, spread as theirs
    level double precision,
    label text,
    tier text,
    -- of a customer message judged for sentiment: how probably it is a dissatisfied one
    probability_low double precision,
    confidence double precision,
    state text not null check (state in ('observe', 'active')),
    evaluator_type text not null default 'model' check (evaluator_type = 'model'),
    evaluator_version text not null generated always as (model_id) stored,
    scored_as_of timestamptz not null,
    scored_at timestamptz not null,
    primary key (interaction_started_at, interaction_key, input_hash, subject, message_key, model_id, dimension_id)
) partition by range (interaction_started_at);

-- Statistics that SQL does not compute. inputs holds a digest of what each month was computed from: a month is computed again
-- when it differs, and run_id tells the marts which months that were.
create table if not exists derived.agreement_inputs (
    period_start date primary key,
    digest text not null,
    run_id bigint not null
);
create table if not exists derived.agreement (
    period_start date not null,
    comparison text not null check (comparison in ('human_human', 'human_machine')),
    evaluator_version text not null,
    subject text not null,
    segment_type text not null,
    segment_value text not null,
    dimension_id text not null,
    figure_id text not null,
    evaluator_type text not null,
    evaluator_state text,
    n int not null,
    value double precision,
    ci_low double precision,
    ci_high double precision,
    primary key (period_start, comparison, evaluator_version, subject, segment_type, segment_value, dimension_id, figure_id)
);
create table if not exists derived.evaluator_bias (
    reviewer text not null,
    dimension_id text not null,
    n int not null,
    shared_n int not null,
    repeated_n int not null,
    agreement double precision,
    leniency double precision,
    leniency_ci_low double precision,
    leniency_ci_high double precision,
    self_consistency double precision,
    drift double precision,
    drift_ci_low double precision,
    drift_ci_high double precision,
    weight double precision not null,
    primary key (reviewer, dimension_id)
);
create table if not exists derived.dimension_ambiguity (
    session_id text not null,
    dimension_id text not null,
    rater_count int not null,
    n int not null,
    exact_rate double precision,
    spread double precision,
    kappa double precision,
    kappa_ci_low double precision,
    kappa_ci_high double precision,
    alpha double precision,
    alpha_ci_low double precision,
    alpha_ci_high double precision,
    is_ambiguous boolean,
    primary key (session_id, dimension_id)
);
